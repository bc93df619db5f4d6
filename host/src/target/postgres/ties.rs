//! What ties objects that leave to objects that stay: it is cut, or tied to what comes in their place.

use crate::error::{Error, Result};

use super::catalog::{Item, pairs};
use super::connection::Connection;
use super::failure::failed;
use super::store::{Columns, Severed};

/// Something that stays and is built on what leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependent {
    /// In the server's words: `view public.v`.
    pub(crate) what: String,
    /// Statements that cut the tie.
    pub(crate) cut: String,
    /// Statements that tie it to what comes; `None` when it cannot be done.
    pub(crate) tie: Option<String>,
}

/// Objects with everything that is a part of them and can be depended on: row types, types of arrays, indexes, constraints.
const PARTS: &str = "m(class, oid) AS (VALUES {}),
r(oid) AS (SELECT oid FROM m WHERE class = 'pg_class'::regclass),
k(class, oid) AS (SELECT class, oid FROM m
 UNION SELECT 'pg_type'::regclass, t.oid FROM pg_catalog.pg_type t JOIN r ON t.typrelid = r.oid
 UNION SELECT 'pg_type'::regclass, t.typarray FROM pg_catalog.pg_type t JOIN r ON t.typrelid = r.oid WHERE t.typarray <> 0
 UNION SELECT 'pg_type'::regclass, t.typarray FROM pg_catalog.pg_type t JOIN m ON m.class = 'pg_type'::regclass AND m.oid = t.oid
  WHERE t.typarray <> 0
 UNION SELECT 'pg_class'::regclass, t.typrelid FROM pg_catalog.pg_type t JOIN m ON m.class = 'pg_type'::regclass AND m.oid = t.oid
  WHERE t.typrelid <> 0
 UNION SELECT 'pg_class'::regclass, i.indexrelid FROM pg_catalog.pg_index i JOIN r ON i.indrelid = r.oid
 UNION SELECT 'pg_constraint'::regclass, c.oid FROM pg_catalog.pg_constraint c JOIN r ON c.conrelid = r.oid
 UNION SELECT 'pg_class'::regclass, d.objid FROM pg_catalog.pg_depend d JOIN r ON d.refclassid = 'pg_class'::regclass
  AND d.refobjid = r.oid AND d.classid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
 UNION SELECT 'pg_rewrite'::regclass, w.oid FROM pg_catalog.pg_rewrite w JOIN r ON w.ev_class = r.oid
 UNION SELECT 'pg_attrdef'::regclass, a.oid FROM pg_catalog.pg_attrdef a JOIN r ON a.adrelid = r.oid
 UNION SELECT 'pg_trigger'::regclass, t.oid FROM pg_catalog.pg_trigger t JOIN r ON t.tgrelid = r.oid
 UNION SELECT 'pg_policy'::regclass, p.oid FROM pg_catalog.pg_policy p JOIN r ON p.polrelid = r.oid
 UNION SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_catalog.pg_statistic_ext s JOIN r ON s.stxrelid = r.oid)";

/// What stays and is built on these objects.
pub(crate) fn dependents(connection: &mut Connection, leaving: &[Item]) -> Result<Vec<Dependent>> {
    if leaving.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH {}, d(class, oid) AS (SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_depend d \
         JOIN k ON d.refclassid = k.class AND d.refobjid = k.oid WHERE d.deptype IN ('n', 'a') \
         AND NOT EXISTS (SELECT FROM k o WHERE o.class = d.classid AND o.oid = d.objid)) \
         SELECT pg_catalog.pg_describe_object(d.class, d.oid, 0), \
         CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) \
          WHEN t.oid IS NOT NULL THEN pg_catalog.format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) \
          WHEN p.oid IS NOT NULL THEN pg_catalog.format('ALTER PUBLICATION %I DROP TABLE ONLY %s', b.pubname, p.prrelid::regclass) \
          ELSE '' END, \
         CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, \
           pg_catalog.pg_get_constraintdef(c.oid)) \
          WHEN t.oid IS NOT NULL THEN pg_catalog.pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' \
           ELSE pg_catalog.format('; ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass, CASE t.tgenabled WHEN 'D' THEN 'DISABLE' \
            WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, t.tgname) END \
          WHEN a.oid IS NOT NULL AND l.attgenerated = '' THEN pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', \
           a.adrelid::regclass, l.attname, pg_catalog.pg_get_expr(a.adbin, a.adrelid)) \
          WHEN v.oid IS NOT NULL THEN pg_catalog.format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass, \
           ' WITH (' || pg_catalog.array_to_string(v.reloptions, ', ') || ')', pg_catalog.pg_get_viewdef(v.oid)) \
          WHEN p.oid IS NOT NULL AND pg_catalog.to_jsonb(p)->>'prqual' IS NULL AND pg_catalog.to_jsonb(p)->>'prattrs' IS NULL \
           THEN pg_catalog.format('ALTER PUBLICATION %I ADD TABLE ONLY %s', b.pubname, p.prrelid::regclass) END \
         FROM d \
         LEFT JOIN pg_catalog.pg_constraint c ON d.class = 'pg_constraint'::regclass AND c.oid = d.oid AND c.contype IN ('f', 'c') \
          AND c.conrelid <> 0 \
         LEFT JOIN pg_catalog.pg_trigger t ON d.class = 'pg_trigger'::regclass AND t.oid = d.oid AND NOT t.tgisinternal \
         LEFT JOIN pg_catalog.pg_attrdef a ON d.class = 'pg_attrdef'::regclass AND a.oid = d.oid \
         LEFT JOIN pg_catalog.pg_attribute l ON l.attrelid = a.adrelid AND l.attnum = a.adnum \
         LEFT JOIN pg_catalog.pg_rewrite w ON d.class = 'pg_rewrite'::regclass AND w.oid = d.oid AND w.rulename = '_RETURN' \
         LEFT JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind = 'v' \
         LEFT JOIN pg_catalog.pg_publication_rel p ON d.class = 'pg_publication_rel'::regclass AND p.oid = d.oid \
         LEFT JOIN pg_catalog.pg_publication b ON b.oid = p.prpubid \
         WHERE c.conparentid IS NULL OR c.conparentid = 0 ORDER BY d.class, d.oid",
        PARTS.replace("{}", &pairs(&keys(leaving)))
    );
    let rows =
        connection.texts(&statement).map_err(|fault| failed(&fault, "Could not read what depends on objects"))?;
    let dependent = |row| {
        let mut row = Columns::of(row);
        Dependent { what: row.text(), cut: row.text(), tie: row.maybe() }
    };
    Ok(rows.into_iter().map(dependent).collect())
}

/// Objects as the catalogs number them.
pub(crate) fn keys(items: &[Item]) -> Vec<(String, i64)> {
    items.iter().map(|item| (item.class.clone(), item.oid)).collect()
}

/// A tie of a table that leaves to one that stays: the statement that cuts it, and what ties it again.
pub(crate) struct Tie {
    pub(crate) cut: String,
    pub(crate) severed: Severed,
}

/// Foreign keys of tables that leave to tables that stay, which would go on to be checked, and places in partitioned tables and among
/// heirs of tables that stay, which would still give their rows.
pub(crate) fn ties(connection: &mut Connection, leaving: &[Item]) -> Result<Vec<Tie>> {
    if leaving.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH m(class, oid) AS (VALUES {}), r(oid) AS (SELECT oid FROM m WHERE class = 'pg_class'::regclass) \
         SELECT c.conrelid, pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname), 'ALTER TABLE ', \
         pg_catalog.format(' ADD CONSTRAINT %I %s', c.conname, pg_catalog.pg_get_constraintdef(c.oid)) \
         FROM pg_catalog.pg_constraint c JOIN r ON r.oid = c.conrelid \
         WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid NOT IN (SELECT oid FROM r) \
         UNION ALL SELECT i.inhrelid, CASE WHEN c.relispartition \
          THEN pg_catalog.format('ALTER TABLE %s DETACH PARTITION %s', i.inhparent::regclass, i.inhrelid::regclass) \
          ELSE pg_catalog.format('ALTER TABLE %s NO INHERIT %s', i.inhrelid::regclass, i.inhparent::regclass) END, \
         CASE WHEN c.relispartition THEN pg_catalog.format('ALTER TABLE %s ATTACH PARTITION ', i.inhparent::regclass) \
          ELSE 'ALTER TABLE ' END, \
         CASE WHEN c.relispartition THEN ' ' || pg_catalog.pg_get_expr(c.relpartbound, c.oid) \
          ELSE ' INHERIT ' || i.inhparent::regclass END \
         FROM pg_catalog.pg_inherits i JOIN r ON r.oid = i.inhrelid JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
         WHERE c.relkind IN ('r', 'p', 'f') AND i.inhparent NOT IN (SELECT oid FROM r)",
        pairs(&keys(leaving))
    );
    let rows = connection.texts(&statement).map_err(|fault| failed(&fault, "Could not read what objects depend on"))?;
    let tie = |row| {
        let mut row = Columns::of(row);
        let (relation, cut) = (row.number()?, row.text());
        Ok(Tie { cut, severed: Severed { relation, before: row.text(), after: row.text() } })
    };
    rows.into_iter().map(tie).collect()
}

/// Partitions of tables that leave, which leave with them, and statistics over these tables.
pub(crate) fn following(connection: &mut Connection, leaving: &[Item]) -> Result<Vec<Item>> {
    if leaving.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "WITH RECURSIVE m(class, oid) AS (VALUES {}), r(oid) AS (SELECT oid FROM m WHERE class = 'pg_class'::regclass \
         UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN r ON i.inhparent = r.oid \
          JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition AND c.relkind <> 'i' AND c.relkind <> 'I') \
         SELECT 'pg_class', oid FROM r UNION ALL SELECT 'pg_statistic_ext', s.oid FROM pg_catalog.pg_statistic_ext s \
         JOIN r ON r.oid = s.stxrelid",
        pairs(&keys(leaving))
    );
    let rows =
        connection.texts(&statement).map_err(|fault| failed(&fault, "Could not read what belongs to objects"))?;
    let mut found = Vec::new();
    for row in rows {
        let mut row = Columns::of(row);
        found.push((row.text(), row.number()?));
    }
    let known = keys(leaving);
    found.retain(|key| !known.contains(key));
    super::catalog::these(connection, &found)
}

/// The error for something that stays and cannot be tied to what comes.
pub(crate) fn stands_in_the_way(dependent: &Dependent, code: &'static str) -> Error {
    let message = format!(
        "{} is built on an object that would give way and cannot be built on what comes in its place; restore it too, or drop it first",
        crate::text::capital(&dependent.what)
    );
    Error::new(code, message)
}
