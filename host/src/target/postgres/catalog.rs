//! What is in schemas, as the server's catalogs list it: every object that can be moved to another schema by itself.

use crate::error::Result;

use super::connection::Connection;
use super::failure::failed;
use super::placement::quoted;
use super::store::{Columns, array};

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The catalog that lists it: `pg_class`.
    pub(crate) class: String,
    /// Its number there.
    pub(crate) oid: i64,
    /// What PostgreSQL calls its kind: `materialized view`.
    pub(crate) word: String,
    pub(crate) schema: String,
    /// Its name; of several routines or operators the same.
    pub(crate) name: String,
    /// How statements name it, with its arguments where it has some.
    pub(crate) identity: String,
    /// Of a relation its kind, `r` for a table.
    pub(crate) relation: Option<char>,
    /// Pages, where it has some.
    pub(crate) pages: i64,
}

impl Item {
    /// Whether LOCK TABLE takes it and its rows can be changed.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.relation, Some('r' | 'p'))
    }

    /// The kind as ALTER and DROP name it.
    pub(crate) fn alter(&self) -> String {
        match self.word.as_str() {
            "function" | "procedure" | "aggregate" => "ROUTINE".to_owned(),
            "statistics object" => "STATISTICS".to_owned(),
            "composite type" => "TYPE".to_owned(),
            word => word.to_uppercase(),
        }
    }

    /// The statement that moves it. Statements name arguments by their types: routines and operators are moved before types, and these
    /// before tables, which are types, too.
    pub(crate) fn set_schema(&self, schema: &str) -> String {
        format!("ALTER {} {} SET SCHEMA {};\n", self.alter(), self.identity, quoted(schema))
    }

    /// How statements name it, its schema left out.
    pub(crate) fn identity_in_schema(&self) -> &str {
        let schema = format!("{}.", quoted_if_needed(&self.schema));
        self.identity.strip_prefix(&schema).unwrap_or(&self.identity)
    }

    /// Its place among what is moved together.
    pub(crate) fn rank(&self) -> (u8, i64) {
        let class = match self.class.as_str() {
            "pg_proc" => 0,
            "pg_operator" => 1,
            "pg_opclass" => 2,
            "pg_opfamily" => 3,
            "pg_type" => 5,
            "pg_class" => 6,
            _ => 4,
        };
        (class, self.oid)
    }

    /// What it would be called in another schema: equal for objects that cannot be there at the same time. `schemas` says which schema
    /// stands for which, in arguments, too.
    pub(crate) fn key(&self, schemas: &[(String, String)]) -> (String, String) {
        if matches!(self.class.as_str(), "pg_class" | "pg_type") {
            let to = schemas.iter().find(|(from, _)| *from == self.schema).map_or(&self.schema, |(_, to)| to);
            return (self.class.clone(), quoted_name(to, &self.name));
        }
        let replace = |identity: String, (from, to): &(String, String)| {
            identity.replace(&quoted_name(from, ""), &quoted_name(to, ""))
        };
        (self.class.clone(), schemas.iter().fold(self.identity.clone(), replace))
    }
}

/// A name as the server writes it in identities.
fn quoted_if_needed(name: &str) -> String {
    let plain = |(at, c): (usize, char)| c.is_ascii_lowercase() || c == '_' || at > 0 && c.is_ascii_digit();
    if !name.is_empty() && name.char_indices().all(plain) { name.to_owned() } else { quoted(name) }
}

/// A qualified name as the server writes it in the identities of relations.
pub(crate) fn quoted_name(schema: &str, name: &str) -> String {
    format!("{}.{name}", quoted_if_needed(schema))
}

/// Every class of objects, with the columns of their schema and name. Not: sequences that a column owns, and types of tables, of
/// arrays, which go where those go; what an extension brought.
const OBJECTS: &str = "SELECT 'pg_class'::regclass, c.oid, c.relnamespace, c.relname, c.relkind::text, c.relpages FROM pg_catalog.pg_class c
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
 AND d.deptype IN ('a', 'i'))
UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace, t.typname, NULL, 0 FROM pg_catalog.pg_type t
 WHERE (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, proname, NULL, 0 FROM pg_catalog.pg_proc
UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace, oprname, NULL, 0 FROM pg_catalog.pg_operator
UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace, opcname, NULL, 0 FROM pg_catalog.pg_opclass
UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace, opfname, NULL, 0 FROM pg_catalog.pg_opfamily
UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace, collname, NULL, 0 FROM pg_catalog.pg_collation
UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace, conname, NULL, 0 FROM pg_catalog.pg_conversion
UNION ALL SELECT 'pg_ts_parser'::regclass, oid, prsnamespace, prsname, NULL, 0 FROM pg_catalog.pg_ts_parser
UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace, dictname, NULL, 0 FROM pg_catalog.pg_ts_dict
UNION ALL SELECT 'pg_ts_template'::regclass, oid, tmplnamespace, tmplname, NULL, 0 FROM pg_catalog.pg_ts_template
UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace, cfgname, NULL, 0 FROM pg_catalog.pg_ts_config
UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace, stxname, NULL, 0 FROM pg_catalog.pg_statistic_ext";

/// What is in these schemas, in the order in which it can be moved.
pub(crate) fn in_schemas<'a>(
    connection: &mut Connection,
    schemas: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Item>> {
    read(connection, &format!("n.nspname = ANY({})", array(schemas)))
}

/// These objects, as they are called now; those that are gone are missing.
pub(crate) fn these(connection: &mut Connection, objects: &[(String, i64)]) -> Result<Vec<Item>> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    read(connection, &format!("(o.class, o.oid) IN ({})", pairs(objects)))
}

/// Objects as rows of two columns.
pub(crate) fn pairs(objects: &[(String, i64)]) -> String {
    let pair = |(class, oid): &(String, i64)| format!("('pg_catalog.{class}'::regclass, {oid}::oid)");
    objects.iter().map(pair).collect::<Vec<_>>().join(", ")
}

fn read(connection: &mut Connection, which: &str) -> Result<Vec<Item>> {
    let statement = format!(
        "SELECT o.class::text, o.oid, i.type, n.nspname, o.name, i.identity, o.relation, o.pages \
         FROM ({OBJECTS}) o(class, oid, namespace, name, relation, pages) \
         JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace, LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i \
         WHERE {which} AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')"
    );
    let rows = connection.texts(&statement).map_err(|fault| failed(&fault, "Could not read the server's catalogs"))?;
    let item = |row| {
        let mut row = Columns::of(row);
        Ok(Item {
            class: row.text(),
            oid: row.number()?,
            word: row.text(),
            schema: row.text(),
            name: row.text(),
            identity: row.text(),
            relation: row.maybe().and_then(|kind| kind.chars().next()),
            pages: row.number()?,
        })
    };
    let mut items = rows.into_iter().map(item).collect::<Result<Vec<Item>>>()?;
    items.sort_by_key(Item::rank);
    Ok(items)
}

/// Whether there is such a schema.
pub(crate) fn schemas(connection: &mut Connection) -> Result<std::collections::BTreeSet<String>> {
    let rows = connection.texts("SELECT nspname FROM pg_catalog.pg_namespace");
    let rows = rows.map_err(|fault| failed(&fault, "Could not read the server's catalogs"))?;
    Ok(rows.into_iter().flatten().flatten().collect())
}
