//! The JSON documents of a packed folder, as `CONVENTIONS.md` lays them down. Members that are not there are refused, so that
//! nothing is lost without a word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::backup::attributes::{Generated, IndexColumn};

/// `pack.json`: what the folder says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pack {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) dialect: Option<String>,
    pub(crate) schema: Option<String>,
}

/// A column in `columns.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) declared: String,
    #[serde(default)]
    pub(crate) udt: Option<String>,
    #[serde(default = "yes")]
    pub(crate) nullable: bool,
    #[serde(default)]
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) generated: Option<Generated>,
    #[serde(default)]
    pub(crate) collation: Option<String>,
}

/// An element of `constraints.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Constraint {
    pub(crate) table: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) kind: String,
    pub(crate) definition: String,
}

/// An element of `indexes.json`: a statement, or its parts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    pub(crate) table: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) definition: Option<String>,
    #[serde(default)]
    pub(crate) columns: Vec<IndexColumn>,
    #[serde(default)]
    pub(crate) unique: bool,
    #[serde(default)]
    pub(crate) condition: Option<String>,
}

/// An element of `views.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) definition: String,
    #[serde(default)]
    pub(crate) columns: Vec<String>,
}

/// An element of `functions.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) language: String,
    #[serde(default)]
    pub(crate) definition: String,
    #[serde(default)]
    pub(crate) environment: Option<String>,
    #[serde(default)]
    pub(crate) attributes: Map<String, Value>,
    #[serde(default)]
    pub(crate) packages: Vec<String>,
}

/// An element of `users.json` or `roles.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Principal {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) login: Option<bool>,
    /// Known only to be refused with words of its own.
    #[serde(default)]
    pub(crate) password: Option<Value>,
    #[serde(default)]
    pub(crate) password_hash: Option<String>,
    #[serde(default)]
    pub(crate) valid_until: Option<String>,
    #[serde(default)]
    pub(crate) attributes: Map<String, Value>,
    #[serde(default)]
    pub(crate) memberships: Vec<Membership>,
    #[serde(default)]
    pub(crate) permissions: Vec<Permission>,
    #[serde(default)]
    pub(crate) tokens: Vec<Token>,
}

/// Membership in a role.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Membership {
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) admin: bool,
}

/// A permission.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Permission {
    pub(crate) privilege: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<On>,
    #[serde(default)]
    pub(crate) grantable: bool,
}

/// What a permission is for.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct On {
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// A token, by its hash.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) hash: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) expires: Option<String>,
}

/// An element of `graphs.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Graph {
    pub(crate) name: String,
    pub(crate) directed: bool,
    pub(crate) options: Map<String, Value>,
    pub(crate) source_tables: Vec<TableName>,
    pub(crate) nodes: Nodes,
    pub(crate) edges: Edges,
}

/// A table by name.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableName {
    #[serde(default)]
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// What `graphs.json` says of nodes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Nodes {
    pub(crate) key: Option<String>,
    pub(crate) columns: Option<Vec<Column>>,
}

/// What `graphs.json` says of edges.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Edges {
    pub(crate) source: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) columns: Option<Vec<Column>>,
}

/// An element of `subscriptions.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscription {
    pub(crate) table: String,
    pub(crate) datasource: Value,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) options: BTreeMap<String, String>,
}

/// Every document of a folder; what is absent is empty.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) pack: Pack,
    pub(crate) columns: BTreeMap<String, Vec<Column>>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) views: Vec<View>,
    pub(crate) functions: Vec<Function>,
    pub(crate) users: Vec<Principal>,
    pub(crate) roles: Vec<Principal>,
    pub(crate) graphs: Vec<Graph>,
    pub(crate) subscriptions: Vec<Subscription>,
    /// Elements of the files of definitions, by kind; their plugin knows their members.
    pub(crate) definitions: BTreeMap<&'static str, Vec<Map<String, Value>>>,
}

fn yes() -> bool {
    true
}
