//! What a precondition, a plugin or a target found: how bad it is, what it is about, and what can be done.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::ObjectName;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Something will not be as it was at the source.
    Warning,
    /// The restore must not start.
    Refusal,
}

/// Something a precondition or a plugin found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable and dotted: `target.object_exists`.
    pub code: String,
    /// The object it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectName>,
    /// Starts with a capital, no final full stop.
    pub message: String,
    /// What the operator can do about it.
    pub fix: String,
}

impl Finding {
    /// A finding that is about no one object.
    pub fn new(severity: Severity, code: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity, code: code.to_owned(), object: None, message: message.into(), fix: fix.into() }
    }

    /// One that keeps the restore from starting.
    pub fn refusal(code: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Severity::Refusal, code, message, fix)
    }

    /// One that the operator should weigh.
    pub fn warning(code: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message, fix)
    }

    /// Names the object, as the archive calls it.
    #[must_use]
    pub fn about(mut self, object: &ObjectName) -> Self {
        self.object = Some(object.clone());
        self
    }
}
