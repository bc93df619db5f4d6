//! What can be wrong with a dump, as failures.

use std::io;

use reinstate_plugin::Failure;

/// The archive contradicts its own format.
pub(super) fn damaged(message: impl Into<String>) -> Failure {
    Failure::new("pgdump.damaged", message)
}

/// The archive is larger than what can be read of its sort.
pub(super) fn too_large(message: impl Into<String>) -> Failure {
    Failure::new("pgdump.too_large", message)
}

/// The archive is of a sort that this version does not read.
pub(super) fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new("pgdump.unsupported", message)
}

/// Rows or large objects that the table of contents names are not there.
pub(super) fn data_missing(message: impl Into<String>) -> Failure {
    Failure::new("pgdump.data_missing", message)
}

/// Reading a member failed at `position`.
pub(super) fn reading(member: &str, position: u64, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return damaged(format!("{member} ends at byte {position}, in the middle of a value; it was cut off"));
    }
    Failure::from_io(error, "pgdump.unreadable").entry(member)
}
