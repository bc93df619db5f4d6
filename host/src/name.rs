//! What objects are called.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an object is called. Kinds outside schemas (users, say) have none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ObjectName {
    /// `table`, `view`, `user`, … or a plugin's own word.
    pub kind: String,
    /// The schema, for kinds that live in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The name in its schema.
    pub name: String,
}

impl ObjectName {
    /// A name from its three parts.
    pub fn new(kind: impl Into<String>, schema: Option<&str>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), schema: schema.map(str::to_owned), name: name.into() }
    }

    /// `schema.name`, or the name alone where there is no schema.
    pub fn qualified(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.qualified())
    }
}
