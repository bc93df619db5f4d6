//! What a manifest says of objects, as `archive/FORMAT.md` lays it down: the side that writes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// How a column's values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Values {
    /// True or false.
    Boolean,
    /// Signed, 64 bits.
    Integer,
    /// IEEE 754, 64 bits.
    Real,
    /// UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// Each value has a type of its own.
    Any,
}

/// A computed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generated {
    pub(crate) expression: String,
    #[serde(default)]
    pub(crate) stored: bool,
}

/// A column of a table, or of a graph's nodes or edges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) values: Values,
    pub(crate) declared: String,
    pub(crate) nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generated: Option<Generated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collation: Option<String>,
}

/// A primary key or a unique constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Key {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) automatic: bool,
}

/// A condition every row fulfils.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) expression: String,
}

/// A reference to another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ForeignKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<String>,
    pub(crate) on_update: String,
    pub(crate) on_delete: String,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) deferred: bool,
}

/// A column or expression of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexColumn {
    pub(crate) term: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) expression: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) descending: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collation: Option<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) columns: Vec<IndexColumn>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) unique: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
}

/// A trigger of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) statement: String,
}

/// A table without its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) primary_key: Option<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) uniques: Vec<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<Check>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) foreign_keys: Vec<ForeignKey>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes: Vec<Index>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) triggers: Vec<Trigger>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_number: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) options: Vec<String>,
    /// Data sources that it gets rows from, as they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) subscriptions: Vec<serde_json::Value>,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct View {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) columns: Vec<String>,
    pub(crate) query: String,
}

/// A graph's nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Nodes {
    pub(crate) columns: Vec<Column>,
    pub(crate) key: String,
    pub(crate) entries: u64,
}

/// A graph's edges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Edges {
    pub(crate) columns: Vec<Column>,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) entries: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A document whose object keeps bytes, with their names in the order in which they follow; nothing unless the document lists them as its `files`.
pub(crate) fn with_files(document: &Map<String, Value>, files: Vec<String>) -> Option<Map<String, Value>> {
    let mut document = document.clone();
    if !files.is_empty() {
        let listed: BTreeSet<&str> = document.get("files")?.as_array()?.iter().filter_map(Value::as_str).collect();
        if listed.len() != files.len() || !files.iter().all(|name| listed.contains(name.as_str())) {
            return None;
        }
        document.insert("files".to_owned(), Value::from(files));
    }
    Some(document)
}

/// Attributes as the manifest holds them.
pub(crate) fn raw(attributes: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(attributes)
        .map_err(|error| Error::new("host.internal", format!("Attributes could not be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_in_the_order_in_which_they_follow() {
        let document = |json: Value| json.as_object().cloned().unwrap();
        let listed = document(serde_json::json!({"files": ["a", "b"], "owner": "ann"}));
        let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(with_files(&listed, files(&["b", "a"])).unwrap()["files"], serde_json::json!(["b", "a"]));
        assert_eq!(with_files(&listed, files(&[])), Some(listed.clone()));
        for other in [&["a"][..], &["a", "c"], &["a", "b", "c"]] {
            assert_eq!(with_files(&listed, files(other)), None, "{other:?}");
        }
        assert_eq!(with_files(&document(serde_json::json!({"w": 1})), files(&["a"])), None);
    }

    #[test]
    fn absent_members_are_not_written() {
        let table = Table {
            columns: vec![Column {
                name: "id".into(),
                values: Values::Integer,
                declared: "INTEGER".into(),
                nullable: false,
                default: None,
                generated: None,
                collation: None,
            }],
            primary_key: Some(Key { name: None, columns: vec!["id".into()], automatic: true }),
            ..Table::default()
        };
        assert_eq!(
            raw(&table).unwrap().get(),
            r#"{"columns":[{"name":"id","values":"integer","declared":"INTEGER","nullable":false}],"primary_key":{"columns":["id"],"automatic":true}}"#
        );
    }
}
