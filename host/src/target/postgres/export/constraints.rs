//! Keys, checks and references of all tables; what the archive's words do not say whole is a statement.

use std::collections::HashMap;

use crate::backup::attributes::{Check, ForeignKey, Key, Trigger};
use crate::error::Result;

use super::{OWN, Source};

/// The constraints of one table.
#[derive(Default)]
pub(super) struct Constraints {
    pub(super) primary_key: Option<Key>,
    pub(super) uniques: Vec<Key>,
    pub(super) checks: Vec<Check>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// `ALTER TABLE … ADD CONSTRAINT …`.
    pub(super) pieces: Vec<Trigger>,
}

/// By the number of the table.
pub(super) fn read(source: &mut Source) -> Result<HashMap<u32, Constraints>> {
    let columns = |numbers: &str, table: &str| {
        format!(
            "ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY AS x(number, at)
                JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = x.number ORDER BY x.at)"
        )
    };
    // Words of later versions are looked for in what the server itself writes.
    let query = format!(
        "SELECT k.conrelid, k.contype::text, k.conname::text, {}, pg_get_constraintdef(k.oid),
            pg_get_expr(k.conbin, k.conrelid), {},
            CASE WHEN f.relnamespace <> c.relnamespace THEN fn.nspname::text END, f.relname::text,
            k.confupdtype::text, k.confdeltype::text, k.condeferrable, k.condeferred, k.convalidated,
            format('%I.%I', n.nspname, c.relname)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
        WHERE k.contype IN ('p', 'u', 'c', 'f', 'x') AND k.conparentid = 0 AND c.relkind IN ('r', 'p') AND {OWN}
        ORDER BY k.conrelid, k.contype, k.conname",
        columns("k.conkey", "k.conrelid"),
        columns("k.confkey", "k.confrelid"),
    );
    let mut tables: HashMap<u32, Constraints> = HashMap::new();
    for row in source.ask(&query, &[])? {
        add(tables.entry(row.get(0)).or_default(), &row);
    }
    Ok(tables)
}

fn add(table: &mut Constraints, row: &tokio_postgres::Row) {
    let (kind, name, columns): (&str, String, Vec<String>) = (row.get(1), row.get(2), row.get(3));
    let definition: String = row.get(4);
    let (deferrable, deferred, valid): (bool, bool, bool) = (row.get(11), row.get(12), row.get(13));
    let beyond = [
        " INCLUDE (",
        "NULLS NOT DISTINCT",
        "WITHOUT OVERLAPS",
        " NO INHERIT",
        "MATCH FULL",
        "PERIOD ",
        "NOT ENFORCED",
    ];
    // A check is an expression, which may have any of these words in it.
    let has_more = match kind {
        "c" => definition.ends_with(" NO INHERIT") || definition.ends_with(" NOT ENFORCED"),
        "f" => {
            beyond.iter().any(|word| definition.contains(word))
                || definition.contains("SET NULL (")
                || definition.contains("SET DEFAULT (")
        }
        _ => beyond.iter().any(|word| definition.contains(word)),
    };
    let plain = valid && !has_more && (!deferrable || (kind == "f" && deferred));
    let key = |columns| Key { name: Some(name.clone()), columns, automatic: false };
    match kind {
        "p" if plain => table.primary_key = Some(key(columns)),
        "u" if plain => table.uniques.push(key(columns)),
        "c" if plain => {
            let expression: Option<String> = row.get(5);
            table.checks.push(Check { name: Some(name), expression: expression.unwrap_or_default() });
        }
        "f" if plain => table.foreign_keys.push(ForeignKey {
            name: Some(name),
            columns,
            schema: row.get(7),
            table: row.get(8),
            references: row.get(6),
            on_update: action(row.get(9)),
            on_delete: action(row.get(10)),
            deferred,
        }),
        _ => {
            let (table_sql, quoted): (&str, String) = (row.get(14), super::super::placement::quoted(&name));
            let statement = format!("ALTER TABLE ONLY {table_sql} ADD CONSTRAINT {quoted} {definition}");
            table.pieces.push(Trigger { name, statement });
        }
    }
}

fn action(word: &str) -> String {
    match word {
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        _ => "NO ACTION",
    }
    .to_owned()
}
