//! The one error value: what the command line prints, the report keeps and a server would return.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::name::ObjectName;

pub mod codes;

pub use codes::Kind;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure with a stable code, the object and place it happened in, what the target holds now, and one
/// next command that is safe.
#[derive(Debug, Clone)]
pub struct Error(Box<Details>);

/// What an [`Error`] says; serialised as it is into reports.
#[derive(Debug, Clone, Serialize)]
pub struct Details {
    /// Stable and dotted: `archive.checksum_mismatch`. [`codes::ALL`] lists those of the host; plugins have their own.
    pub code: Cow<'static, str>,
    /// The object that could not be restored.
    #[serde(serialize_with = "as_text")]
    pub object: Option<ObjectName>,
    /// The archive's entry.
    pub entry: Option<String>,
    /// The row in that entry, counted from 1.
    pub row: Option<u64>,
    /// The column of that row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Starts with a capital and has no final full stop.
    pub message: String,
    /// What the target holds now: `The target is unchanged`.
    pub state: String,
    /// One command that is safe to run next; empty when there is none.
    pub next: String,
}

fn as_text<S: serde::Serializer>(name: &Option<ObjectName>, out: S) -> Result<S::Ok, S::Error> {
    match name {
        Some(name) => out.collect_str(name),
        None => out.serialize_none(),
    }
}

impl Error {
    /// An error with a code of [`codes::ALL`] or of a plugin.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code: code.into(),
            object: None,
            entry: None,
            row: None,
            column: None,
            message: message.into(),
            state: String::new(),
            next: String::new(),
        }))
    }

    /// Names the object, unless a deeper place already did.
    #[must_use]
    pub fn object(mut self, object: &ObjectName) -> Self {
        self.0.object.get_or_insert_with(|| object.clone());
        self
    }

    /// Names the entry, unless a deeper place already did.
    #[must_use]
    pub fn entry(mut self, entry: impl Into<String>) -> Self {
        self.0.entry.get_or_insert_with(|| entry.into());
        self
    }

    /// Names the row, counted from 1 in its entry.
    #[must_use]
    pub fn row(mut self, row: u64) -> Self {
        self.0.row.get_or_insert(row);
        self
    }

    /// Names the column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.0.column.get_or_insert_with(|| column.into());
        self
    }

    /// Says what the target holds now, unless a deeper place already did.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        if self.0.state.is_empty() {
            self.0.state = state.into();
        }
        self
    }

    /// Gives the safe next command, unless a deeper place already did.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        if self.0.next.is_empty() {
            self.0.next = next.into();
        }
        self
    }

    /// What the error says.
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// How bad it is: decides exit status and whether the job can be resumed.
    pub fn kind(&self) -> Kind {
        codes::kind(&self.0.code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(out)
    }
}
