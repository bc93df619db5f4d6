//! Which objects there are, and what depends on what, as the server keeps it in `pg_depend`.

use std::collections::{BTreeSet, HashMap};

use crate::catalog::ObjectName;
use crate::error::Result;

use super::{OWN, Source};

/// The catalog that an object is in, and its number there.
pub(super) type Key = (u32, u32);

/// An object that is written.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) key: Key,
    pub(super) name: ObjectName,
    /// As SQL writes it: `"schema"."name"`, without a routine's arguments.
    pub(super) sql: String,
    /// `pg_class.relkind`, `pg_type.typtype`, `pg_proc.prokind`; `x` for extensions.
    pub(super) sort: String,
}

/// Everything of the database's own, extensions' objects left out.
pub(super) struct Catalog {
    pub(super) items: Vec<Item>,
    /// What stands for what: a row type for its table, a rule for its view, a default for its table.
    owners: HashMap<Key, usize>,
    depends: HashMap<usize, BTreeSet<usize>>,
    /// Sequences that are the numbering of a table.
    pub(super) absorbed: BTreeSet<Key>,
    /// The number of `pg_class` among the catalogs.
    pub(super) relations: u32,
}

/// Objects whose numbers are in a catalog, with the names that an archive gives them.
const ITEMS: &str = "
    WITH mine AS (
        SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
    )
    SELECT 'pg_class'::regclass::oid AS class, c.oid,
        CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
        n.nspname::text AS schema, c.relname::text AS name, format('%I.%I', n.nspname, c.relname) AS sql, c.relkind::text AS sort
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relpersistence <> 't' AND {OWN}
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
        n.nspname, t.typname, format('%I.%I', n.nspname, t.typname), t.typtype::text
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {OWN}
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid,
        CASE p.prokind WHEN 'p' THEN 'stored_procedure' WHEN 'a' THEN 'aggregate' ELSE 'user_defined_function' END,
        n.nspname, p.proname || '(' || array_to_string(ARRAY(
            SELECT format_type(a.oid, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a(oid, at) ORDER BY a.at), ', ') || ')',
        format('%I.%I', n.nspname, p.proname), p.prokind::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p', 'a', 'w') AND {OWN}
        -- Constructors of a range come with its type.
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
    UNION ALL
    SELECT 'pg_extension'::regclass, e.oid, 'extension', NULL, e.extname, quote_ident(e.extname), 'x'
    FROM pg_extension e WHERE e.extname <> 'plpgsql'
    ORDER BY class, oid";

/// What belongs to another object: rules to views, constraints and triggers and defaults to tables, row and array types, indexes, multiranges,
/// what extensions hold. Triggers of the server's own are left out: those of a foreign key are on the table that is referred to, too, which does not
/// need the one that refers to it.
const OWNERS: &str = "
    SELECT 'pg_rewrite'::regclass::oid, r.oid, 'pg_class'::regclass::oid, r.ev_class FROM pg_rewrite r
    UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, 'pg_class'::regclass, a.adrelid FROM pg_attrdef a
    UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 'pg_class'::regclass, c.conrelid FROM pg_constraint c WHERE c.conrelid <> 0
    UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 'pg_type'::regclass, c.contypid FROM pg_constraint c WHERE c.contypid <> 0
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 'pg_class'::regclass, t.tgrelid FROM pg_trigger t
        WHERE NOT t.tgisinternal
    UNION ALL SELECT 'pg_policy'::regclass, p.oid, 'pg_class'::regclass, p.polrelid FROM pg_policy p
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, 'pg_class'::regclass, i.indrelid FROM pg_index i
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 'pg_class'::regclass, t.typrelid FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
        WHERE c.relkind <> 'c'
    UNION ALL SELECT 'pg_class'::regclass, t.typrelid, 'pg_type'::regclass, t.oid FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
        WHERE c.relkind = 'c'
    UNION ALL SELECT 'pg_type'::regclass, t.typarray, 'pg_type'::regclass, t.oid FROM pg_type t WHERE t.typarray <> 0
    UNION ALL SELECT 'pg_type'::regclass, t.typarray, 'pg_class'::regclass, t.typrelid FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typarray <> 0 AND c.relkind <> 'c'
    UNION ALL SELECT d.classid, d.objid, d.refclassid, d.refobjid FROM pg_depend d WHERE d.deptype = 'e'";

impl Catalog {
    /// Reads the objects, and locks the tables: nobody changes their columns from here on.
    pub(super) fn read(source: &mut Source) -> Result<Self> {
        let query = format!(
            "SELECT i.class, i.oid, i.kind, i.schema, i.name, i.sql, i.sort FROM ({}) i
             WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.classid = i.class AND d.objid = i.oid)
             ORDER BY i.class, i.oid",
            ITEMS.replace("{OWN}", OWN).replace("ORDER BY class, oid", "")
        );
        let item = |row: &tokio_postgres::Row| {
            let schema: Option<String> = row.get(3);
            let (kind, name): (String, String) = (row.get(2), row.get(4));
            Item {
                key: (row.get(0), row.get(1)),
                name: ObjectName::new(kind, schema.as_deref(), name),
                sql: row.get(5),
                sort: row.get(6),
            }
        };
        let items: Vec<Item> = source.ask(&query, &[])?.iter().map(item).collect();
        let tables: Vec<&str> = items
            .iter()
            .filter(|item| matches!(item.sort.as_str(), "r" | "p") && item.name.kind == "table")
            .map(|item| item.sql.as_str())
            .collect();
        for some in tables.chunks(500) {
            source.batch(&format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", some.join(", ONLY ")))?;
        }
        let owners = items.iter().enumerate().map(|(at, item)| (item.key, at)).collect();
        let rows = source.ask("SELECT 'pg_class'::regclass::oid", &[])?;
        let relations = rows.first().map_or(0, |row| row.get(0));
        let absorbed = BTreeSet::new();
        Ok(Self { items, owners, depends: HashMap::new(), absorbed, relations })
    }

    /// Reads what depends on what.
    pub(super) fn depend(&mut self, source: &mut Source) -> Result<()> {
        let mut further: Vec<(Key, Key)> = Vec::new();
        for row in source.ask(OWNERS, &[])? {
            further.push(((row.get(0), row.get(1)), (row.get(2), row.get(3))));
        }
        // An array's type stands for its element's, which stands for its table: two rounds reach everything.
        for _ in 0..3 {
            for (part, whole) in &further {
                if let (None, Some(owner)) = (self.owners.get(part), self.owners.get(whole).copied()) {
                    self.owners.insert(*part, owner);
                }
            }
        }
        for row in
            source.ask("SELECT classid, objid, refclassid, refobjid FROM pg_depend WHERE refobjid >= 16384", &[])?
        {
            self.link((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        }
        let parents = "SELECT 'pg_class'::regclass::oid, inhrelid, inhparent FROM pg_inherits";
        for row in source.ask(parents, &[])? {
            let class: u32 = row.get(0);
            self.link((class, row.get(1)), (class, row.get(2)));
        }
        Ok(())
    }

    fn link(&mut self, from: Key, to: Key) {
        if let (Some(from), Some(to)) = (self.owners.get(&from), self.owners.get(&to))
            && from != to
        {
            // A sequence that a column owns is made before the column asks it for numbers.
            let backwards = self.items[*from].name.kind == "sequence" && self.items[*to].name.kind == "table";
            if !backwards {
                self.depends.entry(*from).or_default().insert(*to);
            }
        }
    }

    /// The objects of one kind.
    pub(super) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Item> {
        self.items.iter().filter(move |item| item.name.kind == kind)
    }

    /// What an object needs.
    pub(super) fn depends(&self, key: Key) -> Vec<ObjectName> {
        let Some(own) = self.owners.get(&key) else { return Vec::new() };
        let needed = self.depends.get(own).into_iter().flatten().map(|at| &self.items[*at]);
        let needed = needed.filter(|item| item.key != key && !self.absorbed.contains(&item.key));
        needed.map(|item| item.name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The object of that number.
    pub(super) fn get(&self, key: Key) -> Option<&Item> {
        self.owners.get(&key).map(|at| &self.items[*at])
    }
}
