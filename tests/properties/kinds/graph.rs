//! Graphs with their source tables.

use std::io::Write as _;

use reinstate::backup::Writer;
use reinstate::catalog::ObjectName;
use serde_json::{Value as Json, json};

use super::table::{Column, ForeignKey, Table, Value, Values, csv};
use super::{Kind, finished};
use crate::properties::database::{Body, Database};
use crate::properties::random::Random;

pub const KIND: Kind = Kind { name: "graph", in_schema: true, weight: 2, make, finish: finished };

#[derive(Debug, Clone)]
pub struct Graph {
    pub directed: bool,
    pub sources: Vec<ObjectName>,
    pub nodes: Vec<Vec<Value>>,
    pub edges: Vec<Vec<Value>>,
}

fn make(random: &mut Random, database: &Database, _: &ObjectName) -> Option<(Vec<ObjectName>, Body)> {
    let tables = database.of_kind("table");
    let sources: Vec<ObjectName> = random.some(tables.len(), 30).into_iter().map(|at| tables[at].clone()).collect();
    let number = random.below(8);
    let nodes: Vec<Vec<Value>> =
        (0..number).map(|at| vec![Value::Integer(at as i64), Value::Text(format!("node {at}"))]).collect();
    let edges = if number == 0 { 0 } else { random.below(12) };
    let mut end = || Value::Integer(random.below(number.max(1)) as i64);
    let edges = (0..edges).map(|_| vec![end(), end()]).collect();
    let directed = nodes.len().is_multiple_of(2);
    Some((sources.clone(), Body::Graph(Graph { directed, sources, nodes, edges })))
}

fn column(name: &str, values: Values, nullable: bool) -> Column {
    let declared = if values == Values::Text { "TEXT" } else { "INTEGER" };
    Column { name: name.to_owned(), values, declared: declared.to_owned(), nullable, default: None, computed: None }
}

fn node_columns() -> Vec<Column> {
    vec![column("id", Values::Integer, false), column("label", Values::Text, true)]
}

fn edge_columns() -> Vec<Column> {
    vec![column("from", Values::Integer, true), column("to", Values::Integer, true)]
}

impl Graph {
    pub fn write(&self, writer: &mut Writer) -> Json {
        for (columns, rows) in [(node_columns(), &self.nodes), (edge_columns(), &self.edges)] {
            let mut entry = writer.entry("csv").expect("an entry");
            entry.write_all(csv(&columns, rows).as_bytes()).expect("written");
            entry.finish(Some(rows.len() as u64)).expect("an entry");
        }
        let shown = |columns: Vec<Column>| -> Vec<Json> {
            let column = |column: &Column| {
                let values = if column.values == Values::Text { "text" } else { "integer" };
                json!({"name": column.name, "values": values, "declared": column.declared, "nullable": column.nullable, "default": null})
            };
            columns.iter().map(column).collect()
        };
        let sources: Vec<Json> =
            self.sources.iter().map(|name| json!({"schema": name.schema, "name": name.name})).collect();
        json!({
            "directed": self.directed,
            "options": {"weight": "1"},
            "source_tables": sources,
            "nodes": {"columns": shown(node_columns()), "key": "id", "entries": 1},
            "edges": {"columns": shown(edge_columns()), "source": "from", "target": "to", "entries": 1},
        })
    }

    /// The tables it brings, by suffix.
    pub fn tables(&self, name: &ObjectName) -> [(&'static str, Table); 2] {
        let nodes = ObjectName::new("table", name.schema.as_deref(), format!("{}_nodes", name.name));
        let end = |at: usize| ForeignKey {
            columns: vec![at],
            parent: nodes.clone(),
            references: vec!["id".to_owned()],
            on_update: "NO ACTION",
            on_delete: "NO ACTION",
            deferred: false,
        };
        [
            ("_nodes", Table { columns: node_columns(), key: vec![0], rows: self.nodes.clone(), ..Table::default() }),
            (
                "_edges",
                Table {
                    columns: edge_columns(),
                    foreign_keys: vec![end(0), end(1)],
                    rows: self.edges.clone(),
                    ..Table::default()
                },
            ),
        ]
    }

    /// What a reader of its document sees.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("directed {}", self.directed)];
        lines.extend(self.sources.iter().map(|name| format!("source {}", name.qualified())));
        lines.sort();
        lines
    }

    pub fn emptied(&self) -> Self {
        Self { nodes: Vec::new(), edges: Vec::new(), ..self.clone() }
    }
}
