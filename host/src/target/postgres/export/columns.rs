//! The columns of all tables.

use std::collections::HashMap;

use crate::backup::attributes::{Column, Generated, Values};
use crate::error::Result;

use super::{OWN, Source};

/// A column, and what decides how its rows are written.
pub(super) struct Found {
    pub(super) number: i16,
    pub(super) column: Column,
    /// Its values have a binary form that the archive's readers know.
    pub(super) binary: bool,
}

/// Types of the server's own whose binary form is known.
const BINARY: [&str; 20] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "text",
    "varchar",
    "bpchar",
    "name",
    "char",
    "bytea",
    "numeric",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "json",
    "jsonb",
];

/// By the number of the table.
pub(super) fn read(source: &mut Source) -> Result<HashMap<u32, Vec<Found>>> {
    let query = format!(
        "SELECT a.attrelid, a.attnum, a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
            pg_get_expr(f.adbin, f.adrelid), a.attgenerated::text,
            CASE WHEN a.attcollation <> t.typcollation THEN
                CASE WHEN m.nspname = 'pg_catalog' THEN l.collname::text ELSE format('%I.%I', m.nspname, l.collname) END END,
            coalesce(b.typname, t.typname)::text, t.typtype::text, t.typnamespace = 'pg_catalog'::regnamespace
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
        LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace m ON m.oid = l.collnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND {OWN}
        ORDER BY a.attrelid, a.attnum"
    );
    let mut tables: HashMap<u32, Vec<Found>> = HashMap::new();
    for row in source.ask(&query, &[])? {
        tables.entry(row.get(0)).or_default().push(found(&row));
    }
    Ok(tables)
}

fn found(row: &tokio_postgres::Row) -> Found {
    let (base, sort, own): (String, String, bool) = (row.get(8), row.get(9), row.get(10));
    let expression: Option<String> = row.get(5);
    let generated: String = row.get(6);
    let (default, generated) = match generated.as_str() {
        "" => (expression, None),
        kind => (None, expression.map(|expression| Generated { expression, stored: kind == "s" })),
    };
    // A domain's values are its base type's, but nothing in the archive says which that is.
    let binary = (own && BINARY.contains(&base.as_str()) && sort == "b") || sort == "e";
    Found {
        number: row.get(1),
        column: Column {
            name: row.get(2),
            values: values(&base),
            declared: row.get(3),
            nullable: row.get(4),
            default,
            generated,
            collation: row.get(7),
        },
        binary,
    }
}

/// How values travel: what is no number, truth or bytes is the text that the server writes.
fn values(base: &str) -> Values {
    match base {
        "bool" => Values::Boolean,
        "int2" | "int4" | "int8" | "oid" => Values::Integer,
        "float4" | "float8" => Values::Real,
        "bytea" => Values::Bytes,
        _ => Values::Text,
    }
}
