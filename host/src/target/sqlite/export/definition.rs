//! A table's definition: its own statement, held against what SQLite's pragmas say, with its indexes and triggers.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use crate::backup::attributes::{Column, Index, Table, Trigger, Values};
use crate::sql::Dialect;
use crate::sql::index::create_index;

use super::create_table::{CreatedTable, create_table};
use super::{Item, Names};
use crate::target::sqlite::name::unqualify;

/// A column as `PRAGMA table_xinfo` gives it.
struct Known {
    name: String,
    declared: String,
    primary: bool,
}

/// Reads a table's definition; its columns' `values` are not known yet.
pub(crate) fn table(connection: &Connection, table: &Item, names: &Names<'_>) -> Result<Table, String> {
    let created = create_table(&table.sql)?;
    let known = known(connection, &table.name).map_err(|error| error.to_string())?;
    compare(connection, &table.name, &created, &known)?;
    let last_number = last_number(connection, table, &created).map_err(|error| error.to_string())?;
    let (schema, _) = names.dotted.split(&table.name);
    let columns = columns(&created, known);
    let mut foreign_keys = created.foreign_keys;
    for key in &mut foreign_keys {
        let (other, name) = names.dotted.split(&key.table);
        key.schema = (other != schema).then(|| other.to_owned());
        key.table = name.to_owned();
    }
    let belongs = |kind| move |item: &&Item| item.kind == kind && item.table.eq_ignore_ascii_case(&table.name);
    let indexes = names.items.iter().filter(belongs("index")).map(|item| index(item, schema, &columns));
    let indexes = indexes.collect::<Result<_, _>>()?;
    let triggers = names.items.iter().filter(belongs("trigger")).map(|item| trigger(item, schema)).collect();
    let options = [(created.strict, "strict"), (created.without_rowid, "without-rowid")];
    let options = options.into_iter().filter(|(set, _)| *set).map(|(_, word)| word.to_owned()).collect();
    let (primary_key, uniques, checks) = (created.primary_key, created.uniques, created.checks);
    Ok(Table {
        columns,
        primary_key,
        uniques,
        checks,
        foreign_keys,
        indexes,
        triggers,
        last_number,
        options,
        subscriptions: Vec::new(),
    })
}

/// Where SQLite's numbering stands; past the largest row when that one was deleted.
fn last_number(connection: &Connection, table: &Item, created: &CreatedTable) -> rusqlite::Result<Option<i64>> {
    if !created.primary_key.as_ref().is_some_and(|key| key.automatic) {
        return Ok(None);
    }
    let number = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    connection.query_row(number, [&table.name], |row| row.get(0)).optional()
}

fn known(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Known>> {
    let mut statement = connection.prepare("SELECT name, type, pk FROM pragma_table_xinfo(?1) ORDER BY cid")?;
    let rows = statement.query_map([table], |row| {
        Ok(Known { name: row.get(0)?, declared: row.get(1)?, primary: row.get::<_, i64>(2)? > 0 })
    })?;
    rows.collect()
}

/// What was read must be what SQLite reads in the same statement; anything else is a fault of ours that must not pass.
fn compare(connection: &Connection, table: &str, created: &CreatedTable, known: &[Known]) -> Result<(), String> {
    let names = |names: Vec<&str>| names.join(", ");
    let found = names(created.columns.iter().map(|column| column.name.as_str()).collect());
    let expected = names(known.iter().map(|column| column.name.as_str()).collect());
    if found != expected {
        return Err(format!("a statement that reads as columns {found} where SQLite has {expected}"));
    }
    let key: BTreeSet<&str> = created.primary_key.iter().flat_map(|key| &key.columns).map(String::as_str).collect();
    let expected: BTreeSet<&str> =
        known.iter().filter(|column| column.primary).map(|column| column.name.as_str()).collect();
    if key != expected {
        return Err("a primary key that reads otherwise than SQLite has it".to_owned());
    }
    let count = "SELECT count(DISTINCT id) FROM pragma_foreign_key_list(?1)";
    let foreign: i64 = connection.query_row(count, [table], |row| row.get(0)).map_err(|error| error.to_string())?;
    if usize::try_from(foreign) != Ok(created.foreign_keys.len()) {
        return Err("foreign keys that read otherwise than SQLite has them".to_owned());
    }
    Ok(())
}

fn columns(created: &CreatedTable, known: Vec<Known>) -> Vec<Column> {
    let column = |(created, known): (&super::create_table::CreatedColumn, Known)| Column {
        name: known.name,
        values: Values::Any,
        declared: known.declared,
        nullable: !created.not_null,
        default: created.default.clone(),
        generated: created.generated.clone(),
        collation: created.collation.clone(),
    };
    created.columns.iter().zip(known).map(column).collect()
}

fn index(item: &Item, schema: &str, columns: &[Column]) -> Result<Index, String> {
    let reason = |reason| format!("the index {}: {reason}", item.name);
    let mut index = create_index(&item.sql, Dialect::Sqlite).map_err(reason)?.index;
    for term in index.columns.iter_mut().filter(|term| !term.expression) {
        let column = columns.iter().find(|column| column.name.eq_ignore_ascii_case(&term.term));
        match column {
            Some(column) => term.term.clone_from(&column.name),
            // Names that mean the row's number, and texts in double quotes.
            None => return Err(format!("the index {} on {}, which is no column", item.name, term.term)),
        }
    }
    index.name = unqualify(Some(schema), &item.name).to_owned();
    Ok(index)
}

fn trigger(item: &Item, schema: &str) -> Trigger {
    Trigger { name: unqualify(Some(schema), &item.name).to_owned(), statement: item.sql.clone() }
}
