//! Writes a SQLite file into an archive: tables, views, and objects of other kinds that were restored into it.
//!
//! Every value, its storage class, and the order of rows is kept. Not kept are numbers of rows that are no column's
//! value, and what SQLite makes again by itself (statistics, contents of indexes).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, ErrorCode};

use crate::backup::Writer;
use crate::backup::attributes::{ForeignKey, Table, raw};
use crate::catalog::ObjectName;
use crate::error::{Error, Result};

mod builder;
mod create_table;
mod definition;
mod objects;
mod rows;
mod views;

use super::name::{Dotted, fold, is_own, is_reserved, qualify, quote};
use super::{failure, store};
use views::object;

/// A row of `sqlite_schema`.
pub(crate) struct Item {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The table of an index or trigger.
    pub(crate) table: String,
    pub(crate) sql: String,
}

/// Writes everything the file holds, as it is in one moment. Returns its position: what SQLite counts of schema, program and pages.
pub(crate) fn export(connection: &Connection, writer: &mut Writer) -> Result<Option<String>> {
    // One transaction that only reads: SQLite shows it one state of the file.
    let snapshot = connection.unchecked_transaction().map_err(failed)?;
    let items = items(&snapshot)?;
    refuse_unsupported(&snapshot, &items)?;
    let restored = objects::read(&snapshot)?;
    let dotted = dotted(&snapshot)?;
    let owned: BTreeSet<String> = restored.iter().flat_map(objects::Restored::tables).collect();
    let mine = |item: &&Item| !owned.contains(&fold(&item.name));
    let tables: Vec<&Item> = items.iter().filter(|item| item.kind == "table").filter(mine).collect();
    let found_views: Vec<&Item> = items.iter().filter(|item| item.kind == "view").filter(mine).collect();
    let known = known(&tables, &found_views, &dotted);
    let names = Names { items: &items, known: &known, dotted: &dotted };
    let subscriptions = objects::subscriptions(&restored);
    for item in tables {
        let subscriptions = subscriptions.get(&fold(&item.name)).copied().unwrap_or_default();
        table(&snapshot, writer, item, &names, subscriptions)?;
    }
    for item in found_views {
        view(writer, item, &names)?;
    }
    objects::write(&snapshot, writer, &restored, &names)?;
    position(&snapshot).map(Some)
}

/// What is in the file, and how it is called.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) items: &'a [Item],
    /// Tables and views by their names in the file, in lower case.
    pub(crate) known: &'a BTreeMap<String, ObjectName>,
    pub(crate) dotted: &'a Dotted,
}

fn dotted(connection: &Connection) -> Result<Dotted> {
    if !connection.table_exists(None, "reinstate_objects").map_err(failed)? {
        return Ok(Dotted::default());
    }
    Ok(store::dotted(&store::objects(connection, "state = 'live'", [])?))
}

fn items(connection: &Connection) -> Result<Vec<Item>> {
    let select = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
    let mut statement = connection.prepare(select).map_err(failed)?;
    let item = |row: &rusqlite::Row<'_>| {
        Ok(Item { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    };
    let items = statement.query_map([], item).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    Ok(items.into_iter().filter(|item| !is_internal(&item.name) && !is_internal(&item.table)).collect())
}

/// Refuses what an archive has no words for before anything is written.
fn refuse_unsupported(connection: &Connection, items: &[Item]) -> Result<()> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'")
        .map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    if let Some(row) = rows.next().map_err(failed)? {
        let name: String = row.get(0).map_err(failed)?;
        return Err(unsupported(&format!("{name} is a virtual table")));
    }
    let is_view = |name: &str| items.iter().any(|item| item.kind == "view" && item.name.eq_ignore_ascii_case(name));
    match items.iter().find(|item| item.kind == "trigger" && is_view(&item.table)) {
        Some(trigger) => Err(unsupported(&format!("{} is a trigger of the view {}", trigger.name, trigger.table))),
        None => Ok(()),
    }
}

/// What tables and views are called, by their names in the file, in lower case.
fn known(tables: &[&Item], views: &[&Item], dotted: &Dotted) -> BTreeMap<String, ObjectName> {
    let named = |kind: &'static str| move |item: &&Item| (fold(&item.name), object(kind, item, dotted));
    tables.iter().map(named("table")).chain(views.iter().map(named("view"))).collect()
}

fn table(
    connection: &Connection,
    writer: &mut Writer,
    item: &Item,
    names: &Names<'_>,
    subscriptions: &[serde_json::Value],
) -> Result<()> {
    let name = object("table", item, names.dotted);
    let named = |error: Error| error.object(&name);
    let reason = |reason: String| unsupported(&format!("table {} has {reason}", item.name));
    let mut table = definition::table(connection, item, names).map_err(reason).map_err(named)?;
    table.subscriptions = subscriptions.to_vec();
    writer.object(name.clone(), parents(&table, &name, names.known))?;
    // Types come from values: they are read for definitions alone, too.
    if !writer.wants(&name) {
        return Ok(());
    }
    rows::export(connection, writer, &item.name, &mut table.columns).map_err(named)?;
    writer.attributes(raw(&table)?)
}

/// The tables that the foreign keys refer to, as far as they are in the file.
fn parents(table: &Table, own: &ObjectName, known: &BTreeMap<String, ObjectName>) -> Vec<ObjectName> {
    let own_schema = own.schema.as_deref().unwrap_or("main");
    let parent = |key: &ForeignKey| {
        let schema = key.schema.as_deref().unwrap_or(own_schema);
        known.get(&fold(&qualify(Some(schema), &key.table)))
    };
    let parents: BTreeSet<&ObjectName> =
        table.foreign_keys.iter().filter_map(parent).filter(|name| *name != own).collect();
    parents.into_iter().cloned().collect()
}

fn view(writer: &mut Writer, item: &Item, names: &Names<'_>) -> Result<()> {
    let name = object("view", item, names.dotted);
    let view = views::view(item);
    let view = view.map_err(|reason| unsupported(&format!("view {}: {reason}", item.name)).object(&name))?;
    writer.object(name.clone(), views::depends(&view.query, &name, names.known))?;
    writer.attributes(raw(&view)?)
}

/// What SQLite itself counts of the file. Its change counter is left alone: opening the file to read it, and closing it, would take the
/// process's locks away.
fn position(connection: &Connection) -> Result<String> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let (schema, user, pages) = (pragma("schema_version")?, pragma("user_version")?, pragma("page_count")?);
    Ok(format!("schema_version {schema}, user_version {user}, page_count {pages}"))
}

/// Whether it is a table or view of SQLite's or of our bookkeeping.
fn is_internal(name: &str) -> bool {
    is_reserved(name) || is_own(name)
}

fn unsupported(what: &str) -> Error {
    let mut message = what.to_owned();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Error::new("backup.unsupported", format!("{message}; an archive cannot carry that")).state("No archive was written")
}

fn failed(error: rusqlite::Error) -> Error {
    let code = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "target.locked",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "target.damaged",
        _ => "target.io",
    };
    Error::new(code, format!("The database could not be read: {}", failure::text(&error)))
        .state("No archive was written")
}

#[cfg(test)]
mod tests;
