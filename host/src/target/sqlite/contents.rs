//! What an object consists of, as `reinstate_objects.definition` keeps it: one JSON object.
//!
//! A live table may have been altered since; the definition here is the one it was restored with. Foreign keys name their
//! schema in the target, fragments are as they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::target::definition::{Index, Membership, Permission, Principal, Routine, TableDefinition, Token};

/// Everything that was staged for one object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// Tables by suffix; the empty one is the table called like the object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tables: BTreeMap<String, TableContents>,
    /// The view called like the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) view: Option<ViewContents>,
    /// The object's document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<Box<RawValue>>,
    /// The user or role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<PrincipalContents>,
    /// The function, procedure or environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) routine: Option<RoutineContents>,
}

/// A table of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TableContents {
    /// As the plugin gave it, with the types as the source declared them.
    pub(crate) definition: TableDefinition,
    /// The statement it has when it is live.
    pub(crate) sql: String,
    /// Its indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes: Vec<Statement<Index>>,
    /// Its triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) triggers: Vec<Statement<String>>,
}

/// Something with a statement of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Statement<T> {
    /// As the plugin gave it; a trigger's name.
    pub(crate) given: T,
    /// Its name in the file when it is live.
    pub(crate) name: String,
    /// The statement it has when it is live.
    pub(crate) sql: String,
}

/// A view.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ViewContents {
    /// Names of its columns; empty when the query gives them.
    pub(crate) columns: Vec<String>,
    /// As the plugin gave it.
    pub(crate) query: String,
    /// The statement it has when it is live.
    pub(crate) sql: String,
    /// Its triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) triggers: Vec<Statement<String>>,
}

/// A user or role; the members are those of the archive's attributes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PrincipalContents {
    /// May sign in.
    pub(crate) login: bool,
    /// The secret's hash.
    pub(crate) password_hash: Option<String>,
    /// RFC 3339.
    pub(crate) valid_until: Option<String>,
    /// Further attributes.
    pub(crate) attributes: Box<RawValue>,
    /// Roles it is a member of.
    #[serde(default)]
    pub(crate) memberships: Vec<Membership>,
    /// What it may do.
    #[serde(default)]
    pub(crate) permissions: Vec<Permission>,
    /// Its tokens.
    #[serde(default)]
    pub(crate) tokens: Vec<Token>,
}

/// A routine; the members are those of the archive's attributes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoutineContents {
    /// Its language.
    pub(crate) language: String,
    /// The whole definition.
    pub(crate) definition: String,
    /// The environment it runs in.
    pub(crate) environment: Option<String>,
    /// Further attributes.
    pub(crate) attributes: Box<RawValue>,
}

impl Contents {
    /// Reads what [`Contents::write`] wrote.
    pub(crate) fn read(json: &str) -> Result<Self> {
        let wrong = |error| {
            Error::new("target.damaged", format!("A definition in `reinstate_objects` cannot be read: {error}"))
        };
        serde_json::from_str(json).map_err(wrong)
    }

    /// One JSON object.
    pub(crate) fn write(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::new("host.internal", format!("A definition cannot be written: {error}")))
    }
}

impl PrincipalContents {
    /// A principal that has nothing yet.
    pub(crate) fn new(principal: Principal) -> Result<Self> {
        let Principal { login, password_hash, valid_until, attributes } = principal;
        let attributes = json(attributes, "The principal's attributes")?;
        Ok(Self {
            login,
            password_hash,
            valid_until,
            attributes,
            memberships: Vec::new(),
            permissions: Vec::new(),
            tokens: Vec::new(),
        })
    }
}

impl RoutineContents {
    /// From what a plugin gave.
    pub(crate) fn new(routine: Routine) -> Result<Self> {
        let Routine { language, definition, environment, attributes } = routine;
        Ok(Self { language, definition, environment, attributes: json(attributes, "The routine's attributes")? })
    }

    /// To what a plugin gets.
    pub(crate) fn to_routine(&self) -> Routine {
        Routine {
            language: self.language.clone(),
            definition: self.definition.clone(),
            environment: self.environment.clone(),
            attributes: self.attributes.get().to_owned(),
        }
    }
}

/// The text as the one JSON value it must be; `what` names it.
pub(crate) fn json(text: String, what: &str) -> Result<Box<RawValue>> {
    let text = if text.is_empty() { "{}".to_owned() } else { text };
    RawValue::from_string(text)
        .map_err(|error| Error::new("target.bad_definition", format!("{what} are not JSON: {error}")))
}
