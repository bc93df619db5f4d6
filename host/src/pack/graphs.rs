//! Graphs: folders that hold nodes and edges, with options from `graphs.json`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::backup::Writer;
use crate::backup::attributes::{Column, Edges, Nodes, raw};
use crate::catalog::ObjectName;
use crate::error::Result;

use super::documents::{self, TableName};
use super::input::bad;
use super::rows::{self, as_text};
use super::survey::GraphFiles;
use super::{Source, types};

const GRAPHS: &str = "graphs.json";

/// A graph's attributes.
#[derive(Serialize)]
struct Graph<'a> {
    directed: bool,
    options: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[TableName]>::is_empty")]
    source_tables: &'a [TableName],
    nodes: Nodes,
    edges: Edges,
}

/// Writes every graph.
pub(crate) fn pack(writer: &mut Writer, source: &Source<'_>) -> Result<()> {
    let mut documents: BTreeMap<&str, &documents::Graph> = BTreeMap::new();
    for document in &source.contents.documents.graphs {
        if documents.insert(&document.name, document).is_some() {
            return Err(bad(GRAPHS, format!("There are two of graph {}", document.name)));
        }
        if !source.contents.graphs.contains_key(&document.name) {
            return Err(bad(GRAPHS, format!("The graph {} has no folder with nodes and edges", document.name)));
        }
    }
    let plain = documents::Graph::default();
    for (name, files) in &source.contents.graphs {
        graph(writer, source, name, files, documents.get(name.as_str()).copied().unwrap_or(&plain))?;
    }
    Ok(())
}

fn graph(
    writer: &mut Writer,
    source: &Source<'_>,
    name: &str,
    files: &GraphFiles,
    document: &documents::Graph,
) -> Result<()> {
    writer.object(source.object("graph", name), depends(source, document))?;
    let known = |columns: &Option<Vec<documents::Column>>| {
        columns.as_ref().map(|columns| columns.iter().map(types::column).collect::<Vec<_>>())
    };
    let nodes = rows::pack(writer, source.input, &files.nodes, known(&document.nodes.columns))?;
    let edges = rows::pack(writer, source.input, &files.edges, known(&document.edges.columns))?;
    let key = chosen(&files.nodes.path, &nodes.columns, document.nodes.key.as_deref(), "id", 0)?;
    let start = chosen(&files.edges.path, &edges.columns, document.edges.source.as_deref(), "source", 0)?;
    let end = chosen(&files.edges.path, &edges.columns, document.edges.target.as_deref(), "target", 1)?;
    let mut nodes = Nodes { columns: nodes.columns, key, entries: nodes.entries };
    let mut edges = Edges { columns: edges.columns, source: start, target: end, entries: edges.entries };
    agree(&mut nodes, &mut edges);
    let graph = Graph {
        directed: document.directed,
        options: &document.options,
        source_tables: &document.source_tables,
        nodes,
        edges,
    };
    writer.attributes(raw(&graph)?)
}

/// The column that is asked for; else the one with the usual name; else the one in that place.
fn chosen(path: &str, columns: &[Column], asked: Option<&str>, usual: &str, place: usize) -> Result<String> {
    let named = |name: &str| columns.iter().find(|column| column.name == name);
    let found = match asked {
        Some(asked) => named(asked),
        None => named(usual).or_else(|| columns.get(place)),
    };
    let found = found.ok_or_else(|| bad(path, format!("It has no column {}", asked.unwrap_or(usual))))?;
    Ok(found.name.clone())
}

/// Edges find their nodes by equal values, so the three columns need one type. Where inference saw different ones, text holds them all.
fn agree(nodes: &mut Nodes, edges: &mut Edges) {
    let (key, source, target) = (&nodes.key, &edges.source, &edges.target);
    let is_end = |column: &&mut Column| column.name == *source || column.name == *target;
    let ends = edges.columns.iter_mut().filter(is_end);
    let mut columns: Vec<&mut Column> =
        nodes.columns.iter_mut().filter(|column| column.name == *key).chain(ends).collect();
    let mixed = columns.windows(2).any(|pair| pair[0].values != pair[1].values);
    if mixed {
        columns.iter_mut().for_each(|column| as_text(column));
    }
}

/// Tables that the graph was made from, where they are in this folder.
fn depends(source: &Source<'_>, document: &documents::Graph) -> Vec<ObjectName> {
    let own = |table: &&TableName| table.schema.as_ref().is_none_or(|schema| source.is_own_schema(schema, &table.name));
    let packed = |table: &&TableName| source.contents.tables.contains_key(&table.name);
    let mut found: Vec<ObjectName> = document
        .source_tables
        .iter()
        .filter(own)
        .filter(packed)
        .map(|table| source.object("table", &table.name))
        .collect();
    found.sort();
    found.dedup();
    found
}
