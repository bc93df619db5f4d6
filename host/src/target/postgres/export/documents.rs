//! What restores have kept in `reinstate.document`: objects that are nothing but documents, graphs, and what PostgreSQL has no word for of others.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use serde_json::{Map, Value, json};

use crate::backup::Writer;
use crate::backup::attributes::{Column, Edges, Nodes, raw, with_files};
use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::names::further_table;

use super::super::contents::Contents;
use super::tables::Table;
use super::{Source, rows, unsupported, unwritable};

/// A live object of the bookkeeping.
pub(super) struct Restored {
    job: i64,
    step: i64,
    name: ObjectName,
    contents: Contents,
}

/// A routine as it was restored.
pub(super) struct Routine {
    pub(super) environment: Option<String>,
    pub(super) attributes: Map<String, Value>,
}

impl Restored {
    /// Tables that belong to it and are no objects of their own.
    pub(super) fn tables(&self) -> impl Iterator<Item = (String, String)> {
        let schema = self.name.schema.clone().unwrap_or_default();
        let suffixes = self.contents.tables.keys().filter(|suffix| !suffix.is_empty());
        suffixes.map(move |suffix| (schema.clone(), further_table(&self.name, suffix)))
    }

    /// The schema that it lives in.
    pub(super) fn schema(&self) -> Option<&str> {
        self.name.schema.as_deref()
    }

    /// Its document, where that is a JSON object.
    pub(super) fn document(&self) -> Option<Map<String, Value>> {
        self.contents.document.as_ref().map(|json| object(json.get()))
    }

    /// What is known of it as a routine.
    pub(super) fn routine(&self) -> Option<Routine> {
        let routine = self.contents.routine.as_ref()?;
        Some(Routine { environment: routine.environment.clone(), attributes: object(routine.attributes.get()) })
    }
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Reads the live objects; none where nothing was ever restored.
pub(super) fn read(source: &mut Source) -> Result<Vec<Restored>> {
    let there = source.ask("SELECT to_regclass('reinstate.document') IS NOT NULL", &[])?;
    if !there.first().is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let query = "SELECT job, step, kind, schema, name, contents::text FROM reinstate.document
        WHERE state = 'live' ORDER BY job, step";
    let mut found = Vec::new();
    for row in source.ask(query, &[])? {
        let (kind, schema, name): (String, Option<String>, String) = (row.get(2), row.get(3), row.get(4));
        found.push(Restored {
            job: row.get(0),
            step: row.get(1),
            name: ObjectName::new(kind, schema.as_deref(), name),
            contents: Contents::read(row.get(5))?,
        });
    }
    Ok(found)
}

/// What is kept of the object of that name.
pub(super) fn of<'a>(restored: &'a [Restored], name: &ObjectName) -> Option<&'a Restored> {
    restored.iter().find(|restored| restored.name == *name)
}

/// What is kept of a user or role, in the words of the archive's attributes.
pub(super) fn principal(restored: &[Restored], name: &str) -> Option<Map<String, Value>> {
    let known = restored.iter().find(|restored| restored.contents.principal.is_some() && restored.name.name == name)?;
    serde_json::to_value(&known.contents.principal).ok()?.as_object().cloned()
}

/// Subscriptions to data sources that tables were restored with.
pub(super) fn subscriptions(restored: &[Restored]) -> BTreeMap<&ObjectName, Vec<Value>> {
    let of = |restored: &Restored| match object(restored.contents.document.as_ref()?.get()).remove("subscriptions") {
        Some(Value::Array(subscriptions)) => Some(subscriptions),
        _ => None,
    };
    let tables = restored.iter().filter(|restored| restored.name.kind == "table");
    tables.filter_map(|restored| Some((&restored.name, of(restored)?))).collect()
}

/// The object that a table belongs to.
pub(super) fn whose<'a>(restored: &'a [Restored], table: &ObjectName) -> Option<&'a ObjectName> {
    let key = (table.schema.clone().unwrap_or_default(), table.name.clone());
    let owner = restored.iter().find(|restored| table.kind == "table" && restored.tables().any(|owned| owned == key));
    owner.map(|owner| &owner.name)
}

/// Writes the objects that are nothing but documents.
pub(super) fn write(source: &mut Source, writer: &mut Writer, restored: &[Restored], tables: &[Table]) -> Result<()> {
    for object in restored.iter().filter(|object| !object.contents.embodied) {
        let context = Context { restored, tables };
        context.object(source, writer, object).map_err(|error| error.object(&object.name))?;
    }
    Ok(())
}

struct Context<'a> {
    restored: &'a [Restored],
    tables: &'a [Table],
}

impl Context<'_> {
    fn object(&self, source: &mut Source, writer: &mut Writer, object: &Restored) -> Result<()> {
        match (object.name.kind.as_str(), &object.contents.routine) {
            ("graph", _) => self.graph(source, writer, object),
            ("view", _) => foreign_view(writer, object),
            // The document of a table that somebody has dropped since.
            ("table", _) => Ok(()),
            (_, Some(_)) => self.routine(source, writer, object),
            _ => self.document(source, writer, object),
        }
    }

    /// A function, a procedure, or an environment with its packages.
    fn routine(&self, source: &mut Source, writer: &mut Writer, object: &Restored) -> Result<()> {
        let Some(routine) = &object.contents.routine else { return Ok(()) };
        let mut attributes =
            serde_json::to_value(routine).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
        if let Some(dialect) = attributes.remove("dialect")
            && let Some(Value::Object(further)) = attributes.get_mut("attributes")
        {
            further.insert("dialect".to_owned(), dialect);
        }
        let environment = routine.environment.as_ref().map(|name| ObjectName::new("function_environment", None, name));
        let there = environment.into_iter().filter(|name| of(self.restored, name).is_some());
        writer.object(object.name.clone(), there.collect())?;
        let packages = blobs(source, writer, object)?;
        if !packages.is_empty() {
            attributes.insert("packages".to_owned(), json!(packages));
        }
        writer.attributes(raw(&attributes)?)
    }

    /// A document of a kind that only its plugin knows. One that is a JSON object becomes the attributes, so that the plugin can say while
    /// planning what it depends on; anything else is an entry.
    fn document(&self, source: &mut Source, writer: &mut Writer, object: &Restored) -> Result<()> {
        if !object.contents.tables.is_empty() {
            return Err(unsupported(&format!("The {} keeps rows in tables in a way of its own", object.name)));
        }
        let Some(document) = &object.contents.document else {
            // Nothing is kept of it: it is part of another object here, or the plan said that it is not kept.
            return Ok(());
        };
        writer.object(object.name.clone(), Vec::new())?;
        let files = blobs(source, writer, object)?;
        let own = || unsupported(&format!("The {} keeps bytes in a way of its own", object.name));
        if document.get().trim_start().starts_with('{') {
            if files.is_empty() {
                return writer.attributes(document.clone());
            }
            return writer.attributes(raw(&with_files(&self::object(document.get()), files).ok_or_else(own)?)?);
        }
        let mut entry = writer.entry("json")?;
        entry.write_all(document.get().as_bytes()).map_err(unwritable)?;
        entry.finish(None)?;
        if files.is_empty() { Ok(()) } else { Err(own()) }
    }

    /// A graph: its document, and the rows of its two tables.
    fn graph(&self, source: &mut Source, writer: &mut Writer, graph: &Restored) -> Result<()> {
        let mut attributes = graph.contents.document.as_ref().map(|json| object(json.get())).unwrap_or_default();
        writer.object(graph.name.clone(), self.sources(graph, &attributes))?;
        let written = |side: &str, member: &str| attributes.get(side)?.get(member)?.as_str().map(str::to_owned);
        let (key, from, to) = (written("nodes", "key"), written("edges", "source"), written("edges", "target"));
        let (nodes, node_entries) = self.side(source, writer, graph, "nodes")?;
        let (edges, edge_entries) = self.side(source, writer, graph, "edges")?;
        let nodes = Nodes { key: column(&nodes, key, "id", 0)?, columns: nodes, entries: node_entries };
        let edges = Edges {
            source: column(&edges, from, "source", 0)?,
            target: column(&edges, to, "target", 1)?,
            columns: edges,
            entries: edge_entries,
        };
        attributes.insert("nodes".to_owned(), json!(nodes));
        attributes.insert("edges".to_owned(), json!(edges));
        writer.attributes(raw(&attributes)?)
    }

    fn side(&self, source: &Source, writer: &mut Writer, graph: &Restored, suffix: &str) -> Result<(Vec<Column>, u64)> {
        let key = (graph.name.schema.clone().unwrap_or_default(), further_table(&graph.name, suffix));
        let table = self.tables.iter().find(|table| table.key() == key);
        let table = table.ok_or_else(|| unsupported(&format!("The {} has lost its table {}", graph.name, key.1)))?;
        let mut entries = 0;
        rows::write(
            &source.snapshot,
            writer,
            &[table],
            |_, _| Ok(()),
            |_, _, written| {
                entries = written;
                Ok(())
            },
        )?;
        Ok((table.attributes.columns.clone(), entries))
    }

    /// The tables that a graph was made of, as far as they are there.
    fn sources(&self, graph: &Restored, attributes: &Map<String, Value>) -> Vec<ObjectName> {
        let listed = attributes.get("source_tables").and_then(Value::as_array).into_iter().flatten();
        let named = |table: &Value| {
            let schema = table.get("schema").and_then(Value::as_str).or(graph.name.schema.as_deref());
            Some(ObjectName::new("table", schema, table.get("name")?.as_str()?))
        };
        let there = |name: &ObjectName| self.tables.iter().any(|table| table.name == *name);
        listed.filter_map(named).filter(there).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// A view as the `tables` plugin keeps it where its dialect is not understood.
fn foreign_view(writer: &mut Writer, view: &Restored) -> Result<()> {
    let document = view.contents.document.as_ref().map(|json| object(json.get())).unwrap_or_default();
    let Some(Value::Object(attributes)) = document.get("attributes") else {
        return Err(unsupported(&format!("The {} is kept in a way of its own", view.name)));
    };
    let mut attributes = attributes.clone();
    if let Some(dialect) = document.get("dialect") {
        attributes.insert("dialect".to_owned(), dialect.clone());
    }
    writer.object(view.name.clone(), Vec::new())?;
    writer.attributes(raw(&attributes)?)
}

/// Writes an object's blobs as entries, in the order in which they were made; returns their names.
fn blobs(source: &mut Source, writer: &mut Writer, object: &Restored) -> Result<Vec<String>> {
    let names = "SELECT name FROM reinstate.blob WHERE job = $1 AND step = $2 GROUP BY name ORDER BY min(seq)";
    let names: Vec<String> = source.ask(names, &[&object.job, &object.step])?.iter().map(|row| row.get(0)).collect();
    for name in &names {
        let mut entry = writer.entry("bytes")?;
        let mut last = i64::MIN;
        loop {
            let piece = "SELECT seq, bytes FROM reinstate.blob
                WHERE job = $1 AND step = $2 AND name = $3 AND seq > $4 ORDER BY seq LIMIT 4";
            let pieces = source.ask(piece, &[&object.job, &object.step, name, &last])?;
            for piece in &pieces {
                last = piece.get(0);
                entry.write_all(piece.get::<_, &[u8]>(1)).map_err(unwritable)?;
            }
            if pieces.is_empty() {
                break;
            }
        }
        entry.finish(None)?;
    }
    Ok(names)
}

/// The column that the document names; else the usual one; else the one in that place.
fn column(columns: &[Column], written: Option<String>, usual: &str, place: usize) -> Result<String> {
    let has = |name: &String| columns.iter().any(|column| column.name == *name);
    let usual = Some(usual.to_owned()).filter(has);
    let found = written.filter(has).or(usual).or_else(|| columns.get(place).map(|column| column.name.clone()));
    found.ok_or_else(|| -> Error { unsupported("A graph's table has too few columns") })
}
