//! Objects that SQLite has no tables or views for, as restores keep them in `reinstate_objects`: users, functions, graphs, documents.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::backup::Writer;
use crate::backup::attributes::{Edges, Nodes, Table, raw, with_files};
use crate::catalog::ObjectName;
use crate::error::{Error, Result};

use super::definition;
use super::{Names, failed, rows, unsupported};
use crate::target::sqlite::name::{fold, physical};

/// A live object of the bookkeeping.
pub(crate) struct Restored {
    id: i64,
    name: ObjectName,
    /// Suffixes of its tables and views.
    tables: Vec<String>,
    definition: Map<String, Value>,
}

impl Restored {
    /// Names in the file, in lower case, of tables that belong to it and are not tables of their own.
    pub(crate) fn tables(&self) -> impl Iterator<Item = String> {
        let own = self.tables.iter().filter(|suffix| !suffix.is_empty());
        own.map(|suffix| fold(&physical(&self.name, suffix)))
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.definition.get(name).filter(|value| !value.is_null())
    }
}

/// Everything a file's objects are written from.
struct Context<'a> {
    connection: &'a Connection,
    names: &'a Names<'a>,
    restored: &'a [Restored],
}

/// Reads the live objects; none where nothing was ever restored.
pub(crate) fn read(connection: &Connection) -> Result<Vec<Restored>> {
    if !connection.table_exists(None, "reinstate_objects").map_err(failed)? {
        return Ok(Vec::new());
    }
    let select = "SELECT id, kind, schema, name, tables, definition FROM reinstate_objects
                  WHERE state = 'live' AND definition IS NOT NULL ORDER BY id";
    let mut statement = connection.prepare(select).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        found.push(restored(row)?);
    }
    Ok(found)
}

fn restored(row: &rusqlite::Row<'_>) -> Result<Restored> {
    let text = |at| row.get::<_, String>(at).map_err(failed);
    let schema: Option<String> = row.get(2).map_err(failed)?;
    let name = ObjectName { kind: text(1)?, schema, name: text(3)? };
    let damaged = |error| {
        Error::new("target.io", format!("What reinstate_objects says of {name} cannot be understood: {error}"))
            .object(&name)
    };
    let tables = serde_json::from_str(&text(4)?).map_err(damaged)?;
    let definition = serde_json::from_str(&text(5)?).map_err(damaged)?;
    Ok(Restored { id: row.get(0).map_err(failed)?, name, tables, definition })
}

/// Subscriptions to data sources that tables were restored with, by the tables' names in the file, in lower case.
pub(crate) fn subscriptions(restored: &[Restored]) -> BTreeMap<String, &[Value]> {
    fn of(object: &Restored) -> Option<&[Value]> {
        object.member("document")?.get("subscriptions")?.as_array().map(Vec::as_slice)
    }
    let tables = restored.iter().filter(|object| object.name.kind == "table");
    tables.filter_map(|object| Some((fold(&physical(&object.name, "")), of(object)?))).collect()
}

/// Writes the objects that the file itself does not have. Tables and views are written as it has them, which may have changed since.
pub(crate) fn write(
    connection: &Connection,
    writer: &mut Writer,
    restored: &[Restored],
    names: &Names<'_>,
) -> Result<()> {
    let context = Context { connection, names, restored };
    let in_file = |object: &&Restored| names.known.contains_key(&fold(&physical(&object.name, "")));
    let relation = |object: &&Restored| matches!(object.name.kind.as_str(), "table" | "view");
    // A view whose dialect is not ours is a document, until somebody makes the view.
    let document = |object: &&Restored| object.tables.is_empty() && !in_file(object);
    for object in restored.iter().filter(|object| !relation(object) || document(object)) {
        context.object(writer, object).map_err(|error| error.object(&object.name))?;
    }
    Ok(())
}

/// A view as the `tables` plugin keeps it where its dialect is not understood.
fn foreign_view(writer: &mut Writer, object: &Restored) -> Result<()> {
    let document = object.member("document").and_then(Value::as_object);
    let Some(Value::Object(attributes)) = document.and_then(|document| document.get("attributes")) else {
        return Err(unsupported(&format!("{} is kept in a way of its own", object.name)));
    };
    let mut attributes = attributes.clone();
    if let Some(dialect) = document.and_then(|document| document.get("dialect")) {
        attributes.insert("dialect".to_owned(), dialect.clone());
    }
    writer.object(object.name.clone(), Vec::new())?;
    writer.attributes(raw(&attributes)?)
}

impl Context<'_> {
    fn object(&self, writer: &mut Writer, object: &Restored) -> Result<()> {
        if object.name.kind == "graph" {
            return self.graph(writer, object);
        }
        if object.name.kind == "view" {
            return foreign_view(writer, object);
        }
        if !object.tables.is_empty() {
            return Err(unsupported(&format!("{} keeps rows in tables in a way of its own", object.name)));
        }
        if let Some(Value::Object(principal)) = object.member("principal") {
            writer.object(object.name.clone(), self.principal_depends(object, principal))?;
            return writer.attributes(raw(principal)?);
        }
        if let Some(Value::Object(routine)) = object.member("routine") {
            return self.routine(writer, object, routine);
        }
        self.document(writer, object)
    }

    /// A function, a procedure, or an environment with its packages.
    fn routine(&self, writer: &mut Writer, object: &Restored, routine: &Map<String, Value>) -> Result<()> {
        let environment = routine.get("environment").and_then(Value::as_str);
        let environment = environment.map(|name| ObjectName::new("function_environment", None, name));
        writer.object(object.name.clone(), environment.into_iter().filter(|name| self.is_restored(name)).collect())?;
        let packages = self.blobs(writer, object)?;
        let mut attributes = routine.clone();
        if !packages.is_empty() {
            attributes.insert("packages".to_owned(), json!(packages));
        }
        writer.attributes(raw(&attributes)?)
    }

    /// A document of a kind that only its plugin knows. One that is a JSON object becomes the attributes, so that the plugin can
    /// say while planning what it depends on; anything else is an entry. Bytes that the document calls its files are entries in their order.
    fn document(&self, writer: &mut Writer, object: &Restored) -> Result<()> {
        let Some(document) = object.member("document") else {
            // Nothing is kept of it: it is part of another object here (a key of a pg_dump archive, say), or the plan said that it is not kept.
            return Ok(());
        };
        writer.object(object.name.clone(), Vec::new())?;
        let files = self.blobs(writer, object)?;
        if let Value::Object(document) = document {
            let own = || unsupported(&format!("{} keeps bytes in a way of its own", object.name));
            return writer.attributes(raw(&with_files(document, files).ok_or_else(own)?)?);
        }
        let mut entry = writer.entry("json")?;
        entry.write_all(document.to_string().as_bytes()).map_err(unwritable)?;
        entry.finish(None)?;
        match files.is_empty() {
            true => Ok(()),
            false => Err(unsupported(&format!("{} keeps bytes in a way of its own", object.name))),
        }
    }

    /// Writes an object's blobs as entries, in the order in which they were made; returns their names.
    fn blobs(&self, writer: &mut Writer, object: &Restored) -> Result<Vec<String>> {
        let names = "SELECT name FROM reinstate_blobs WHERE object = ?1 GROUP BY name ORDER BY min(rowid)";
        let mut statement = self.connection.prepare(names).map_err(failed)?;
        let names = statement.query_map([object.id], |row| row.get(0)).map_err(failed)?;
        let names: Vec<String> = names.collect::<Result<_, _>>().map_err(failed)?;
        let pieces = "SELECT bytes FROM reinstate_blobs WHERE object = ?1 AND name = ?2 ORDER BY seq";
        let mut statement = self.connection.prepare(pieces).map_err(failed)?;
        for name in &names {
            let mut entry = writer.entry("bytes")?;
            let mut pieces = statement.query((object.id, name)).map_err(failed)?;
            while let Some(piece) = pieces.next().map_err(failed)? {
                let bytes = piece.get_ref(0).map_err(failed)?.as_blob().map_err(|error| failed(error.into()))?;
                entry.write_all(bytes).map_err(unwritable)?;
            }
            entry.finish(None)?;
        }
        Ok(names)
    }

    /// A graph: its document, and the rows of its two tables.
    fn graph(&self, writer: &mut Writer, object: &Restored) -> Result<()> {
        let mut attributes = match object.member("document") {
            Some(Value::Object(document)) => document.clone(),
            _ => Map::new(),
        };
        writer.object(object.name.clone(), self.graph_depends(&attributes))?;
        let written = |side: &str, member: &str| attributes.get(side)?.get(member)?.as_str().map(str::to_owned);
        let (key, source, target) = (written("nodes", "key"), written("edges", "source"), written("edges", "target"));
        let (nodes, node_entries) = self.side(writer, object, "nodes")?;
        let (edges, edge_entries) = self.side(writer, object, "edges")?;
        let nodes = Nodes { key: column(&nodes, key, "id", 0)?, columns: nodes.columns, entries: node_entries };
        let edges = Edges {
            source: column(&edges, source, "source", 0)?,
            target: column(&edges, target, "target", 1)?,
            columns: edges.columns,
            entries: edge_entries,
        };
        attributes.insert("nodes".to_owned(), json!(nodes));
        attributes.insert("edges".to_owned(), json!(edges));
        writer.attributes(raw(&attributes)?)
    }

    fn side(&self, writer: &mut Writer, object: &Restored, suffix: &str) -> Result<(Table, u64)> {
        let name = physical(&object.name, suffix);
        let item = self.names.items.iter().find(|item| item.kind == "table" && item.name.eq_ignore_ascii_case(&name));
        let item = item.ok_or_else(|| unsupported(&format!("{} has lost its table {name}", object.name)))?;
        let reason = |reason| unsupported(&format!("table {name} has {reason}"));
        let mut table = definition::table(self.connection, item, self.names).map_err(reason)?;
        let entries = rows::export(self.connection, writer, &item.name, &mut table.columns)?;
        Ok((table, entries))
    }

    fn graph_depends(&self, attributes: &Map<String, Value>) -> Vec<ObjectName> {
        let tables = attributes.get("source_tables").and_then(Value::as_array).into_iter().flatten();
        let named = |table: &Value| {
            let name = table.get("name")?.as_str()?;
            self.existing("table", table.get("schema").and_then(Value::as_str), name)
        };
        tables.filter_map(named).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Roles and objects that a principal's memberships and permissions name.
    fn principal_depends(&self, object: &Restored, principal: &Map<String, Value>) -> Vec<ObjectName> {
        let list = |member: &str| principal.get(member).and_then(Value::as_array).into_iter().flatten();
        let roles = list("memberships").filter_map(|membership| {
            let role = ObjectName::new("role", None, membership.get("role")?.as_str()?);
            self.is_restored(&role).then_some(role)
        });
        let objects = list("permissions").filter_map(|permission| {
            let on = permission.get("on")?;
            let schema = on.get("schema").and_then(Value::as_str);
            self.existing(on.get("kind")?.as_str()?, schema, on.get("name")?.as_str()?)
        });
        let found: BTreeSet<ObjectName> = roles.chain(objects).filter(|name| *name != object.name).collect();
        found.into_iter().collect()
    }

    fn existing(&self, kind: &str, schema: Option<&str>, name: &str) -> Option<ObjectName> {
        let wanted = ObjectName::new(kind, Some(schema.unwrap_or("main")), name);
        let found = self.names.known.values().any(|known| *known == wanted) || self.is_restored(&wanted);
        found.then_some(wanted)
    }

    fn is_restored(&self, name: &ObjectName) -> bool {
        self.restored.iter().any(|object| object.name == *name)
    }
}

/// The column that the document names; else the usual one; else the one in that place.
fn column(table: &Table, written: Option<String>, usual: &str, place: usize) -> Result<String> {
    let has = |name: &String| table.columns.iter().any(|column| column.name == *name);
    let usual = Some(usual.to_owned()).filter(has);
    let found = written.filter(has).or(usual).or_else(|| table.columns.get(place).map(|column| column.name.clone()));
    found.ok_or_else(|| unsupported("a graph's table has too few columns"))
}

fn unwritable(error: std::io::Error) -> Error {
    Error::new("host.io", format!("The archive could not be written: {error}"))
}
