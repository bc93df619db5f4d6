//! Definitions that cross from plugins to targets: the Rust side of the records in `wit/capabilities.wit`.

use serde::{Deserialize, Serialize};

use crate::catalog::ObjectName;

/// How a column's values travel in Arrow batches and are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// In the target's dialect.
    pub expression: String,
    /// Stored, or computed when read.
    pub stored: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The values' type.
    pub values: ValueType,
    /// The type as the source wrote it.
    pub declared: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// An expression in the target's dialect.
    pub default: Option<String>,
    /// For computed columns, which take no values.
    pub generated: Option<Generated>,
    /// A collation of the target's.
    pub collation: Option<String>,
}

/// A primary key or a unique constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The constraint's name.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<String>,
    /// The target numbers rows that come without a key.
    pub automatic: bool,
}

/// A reference to another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: Option<String>,
    /// The referring columns.
    pub columns: Vec<String>,
    /// Schema of the referenced table, in the target.
    pub schema: Option<String>,
    /// The referenced table.
    pub table: String,
    /// Its columns; empty means its primary key.
    pub references: Vec<String>,
    /// `NO ACTION`, `RESTRICT`, `CASCADE`, `SET NULL`, `SET DEFAULT`.
    pub on_update: String,
    /// As `on_update`.
    pub on_delete: String,
    /// Checked at the end of the transaction.
    pub deferred: bool,
}

/// A condition every row fulfils.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The constraint's name.
    pub name: Option<String>,
    /// In the target's dialect.
    pub expression: String,
}

/// A table without its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// In order.
    pub columns: Vec<Column>,
    /// The primary key.
    pub primary_key: Option<Key>,
    /// Unique constraints.
    pub uniques: Vec<Key>,
    /// Check constraints.
    pub checks: Vec<Check>,
    /// References.
    pub foreign_keys: Vec<ForeignKey>,
    /// The largest number given so far where the primary key is automatic; numbering goes on behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_number: Option<i64>,
    /// Words of the target's dialect: `strict`, `without-rowid`.
    pub options: Vec<String>,
}

/// A column or expression of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexColumn {
    /// A column's name, or an expression.
    pub term: String,
    /// Whether `term` is an expression.
    pub expression: bool,
    /// Largest first.
    pub descending: bool,
    /// A collation of the target's.
    pub collation: Option<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// What it orders by.
    pub columns: Vec<IndexColumn>,
    /// No two rows alike.
    pub unique: bool,
    /// Only rows that fulfil this.
    pub condition: Option<String>,
}

/// What is staged of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its columns, in order, computed ones included.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: u64,
}

/// Rows that refer to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// How many.
    pub rows: u64,
    /// One of them, as text.
    pub example: String,
}

/// A user or a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// May sign in.
    pub login: bool,
    /// The secret's hash, as it came.
    pub password_hash: Option<String>,
    /// RFC 3339.
    pub valid_until: Option<String>,
    /// One JSON object.
    pub attributes: String,
}

/// Membership in a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The role.
    pub role: String,
    /// May grant it on.
    pub admin: bool,
}

/// A permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The source's word.
    pub privilege: String,
    /// What it is for; absent for the whole system.
    pub on: Option<ObjectName>,
    /// May grant it on.
    pub grantable: bool,
}

/// A token, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Hash of the secret.
    pub hash: String,
    /// For people.
    pub description: String,
    /// RFC 3339; absent: never ends.
    pub expires: Option<String>,
}

/// Counts of what is staged for a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrincipalSummary {
    /// Roles it is a member of.
    pub memberships: u32,
    /// Permissions.
    pub permissions: u32,
    /// Tokens.
    pub tokens: u32,
}

/// A function, procedure or environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routine {
    /// Its language.
    pub language: String,
    /// The whole definition.
    pub definition: String,
    /// The environment it runs in, by name.
    pub environment: Option<String>,
    /// One JSON object.
    pub attributes: String,
}
