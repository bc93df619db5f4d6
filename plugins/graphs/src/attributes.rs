//! What the archive says of a graph: the format's attributes of this kind.

use reinstate_plugin::tables::Column;
use reinstate_plugin::{Entry, Failure, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attributes {
    #[serde(default)]
    pub(crate) directed: bool,
    #[serde(default)]
    pub(crate) options: Map<String, Value>,
    #[serde(default)]
    pub(crate) source_tables: Vec<SourceTable>,
    pub(crate) nodes: Nodes,
    pub(crate) edges: Edges,
}

/// A table that the graph was made of.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceTable {
    /// Absent: the graph's own schema.
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nodes {
    pub(crate) columns: Vec<Column>,
    /// The column that edges refer to.
    pub(crate) key: String,
    /// Number of entries; they come first.
    #[serde(default)]
    entries: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edges {
    pub(crate) columns: Vec<Column>,
    pub(crate) source: String,
    pub(crate) target: String,
    #[serde(default)]
    entries: usize,
}

impl Attributes {
    /// The object's attributes. Fails with `graph.bad_attributes` when they are not understood or contradict each other.
    pub(crate) fn of(object: &Object) -> Result<Self, Failure> {
        let graph: Self = object.parse_attributes()?;
        graph.contradiction(object).map_or(Ok(graph), |what| {
            Err(Failure::new("graph.bad_attributes", format!("The attributes of {} are wrong: {what}", object.source)))
        })
    }

    fn contradiction(&self, object: &Object) -> Option<String> {
        let has = |columns: &[Column], name: &str| columns.iter().any(|column| column.name == name);
        let (nodes, edges) = (&self.nodes, &self.edges);
        if !has(&nodes.columns, &nodes.key) {
            return Some(format!("nodes have no column `{}`", nodes.key));
        }
        if let Some(end) = [&edges.source, &edges.target].into_iter().find(|end| !has(&edges.columns, end)) {
            return Some(format!("edges have no column `{end}`"));
        }
        let named = nodes.entries.saturating_add(edges.entries);
        (named != object.entries.len())
            .then(|| format!("they name {named} entries, the graph has {}", object.entries.len()))
    }

    /// Leaves out what only the source's dialect can say of columns: defaults, computations, collations; computed columns
    /// then take the entries' values. Gives the names of the columns that had such.
    pub(crate) fn drop_foreign_words(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for column in self.nodes.columns.iter_mut().chain(&mut self.edges.columns) {
            let words = (column.default.take(), column.generated.take(), column.collation.take());
            if words != (None, None, None) {
                names.push(column.name.clone());
            }
        }
        names
    }

    /// The entries of nodes, and those of edges.
    pub(crate) fn entries<'a>(&self, object: &'a Object) -> (&'a [Entry], &'a [Entry]) {
        object.entries.split_at(self.nodes.entries.min(object.entries.len()))
    }

    /// Whether a part holds nodes.
    pub(crate) fn is_nodes(&self, part: u32) -> bool {
        (part as usize) < self.nodes.entries
    }
}
