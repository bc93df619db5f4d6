//! What reinstate keeps of an object beside what PostgreSQL has of it: one JSON value in `reinstate.document`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::target::definition::{ForeignKey, Key, Membership, Permission, Principal, Routine, Token};

/// Everything that is kept of one object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    /// PostgreSQL has the object itself: it is a table, a view, a role or a routine of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) embodied: bool,
    /// Tables by suffix; the empty one is the table called like the object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tables: BTreeMap<String, TableContents>,
    /// The object's document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<Box<RawValue>>,
    /// The user or role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<PrincipalContents>,
    /// The function, procedure or environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) routine: Option<RoutineContents>,
}

/// A table of an object: what waits for its rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TableContents {
    /// Its primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) primary_key: Option<Key>,
    /// Its unique constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) uniques: Vec<Key>,
    /// Its references, which wait for the keys of the tables they refer to, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// The column that the server numbers, and the last number that was given, where the archive says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) numbered: Option<(String, Option<i64>)>,
    /// The table that it is a partition of, as `ALTER TABLE` writes it, and its bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<(String, String)>,
}

impl TableContents {
    /// Whether nothing waits any longer.
    pub(super) fn is_settled(&self) -> bool {
        self.has_keys() && self.foreign_keys.is_empty()
    }

    /// Whether its keys are made: others can refer to it.
    pub(super) fn has_keys(&self) -> bool {
        self.primary_key.is_none() && self.uniques.is_empty() && self.numbered.is_none() && self.partition.is_none()
    }
}

/// A user or role; the members are those of the archive's attributes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PrincipalContents {
    pub(super) login: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_until: Option<String>,
    pub(super) attributes: Box<RawValue>,
    #[serde(default)]
    pub(super) memberships: Vec<Membership>,
    #[serde(default)]
    pub(super) permissions: Vec<Permission>,
    #[serde(default)]
    pub(super) tokens: Vec<Token>,
}

/// A routine; the members are those of the archive's attributes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RoutineContents {
    pub(super) language: String,
    pub(super) definition: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<String>,
    pub(super) attributes: Box<RawValue>,
    /// The dialect that the definition is written in, where PostgreSQL does not run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dialect: Option<String>,
}

impl Contents {
    pub(super) fn read(json: &str) -> Result<Self> {
        let wrong = |error| {
            Error::new("target.damaged", format!("A value in `reinstate.document` cannot be understood: {error}"))
        };
        serde_json::from_str(json).map_err(wrong)
    }

    pub(super) fn write(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::new("host.internal", format!("A document cannot be written: {error}")))
    }
}

impl PrincipalContents {
    pub(super) fn new(principal: Principal) -> Result<Self> {
        Ok(Self {
            login: principal.login,
            password_hash: principal.password_hash,
            valid_until: principal.valid_until,
            attributes: attributes(principal.attributes)?,
            memberships: Vec::new(),
            permissions: Vec::new(),
            tokens: Vec::new(),
        })
    }
}

impl RoutineContents {
    pub(super) fn new(routine: Routine, dialect: Option<String>) -> Result<Self> {
        Ok(Self {
            language: routine.language,
            definition: routine.definition,
            environment: routine.environment,
            attributes: attributes(routine.attributes)?,
            dialect,
        })
    }

    pub(super) fn into_routine(self) -> Routine {
        Routine {
            language: self.language,
            definition: self.definition,
            environment: self.environment,
            attributes: self.attributes.get().to_owned(),
        }
    }
}

fn attributes(text: String) -> Result<Box<RawValue>> {
    let text = if text.trim().is_empty() { "{}".to_owned() } else { text };
    RawValue::from_string(text)
        .map_err(|error| Error::new("target.bad_definition", format!("The attributes are not JSON: {error}")))
}
