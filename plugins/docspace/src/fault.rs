//! What can be wrong with a backup, as failures.

use std::io;

use reinstate_plugin::Failure;

/// Characters of the backup's own words in a message.
const SHOWN: usize = 60;

/// The backup contradicts its own format.
pub(crate) fn damaged(message: impl Into<String>) -> Failure {
    Failure::new("docspace.damaged", message)
}

/// XML that is none.
pub(crate) fn bad_xml(message: impl Into<String>) -> Failure {
    Failure::new("docspace.bad_xml", message)
}

/// Text that is not what the server writes as MySQL's.
pub(crate) fn bad_statement(message: impl Into<String>) -> Failure {
    Failure::new("docspace.bad_statement", message)
}

/// Something is larger than what is read of its sort.
pub(crate) fn too_large(message: impl Into<String>) -> Failure {
    Failure::new("docspace.too_large", message)
}

/// A value that is none of its column's type.
pub(crate) fn bad_value(value: &[u8], expected: &str) -> Failure {
    Failure::new("docspace.bad_value", format!("`{}` is not {expected}", shown(value)))
}

/// The table ends in the middle.
pub(crate) fn cut(what: &str) -> Failure {
    Failure::new("docspace.cut", format!("The table ends in the middle of {what}: the backup is cut"))
}

/// Bytes that should be text.
pub(crate) fn not_utf8(what: &str) -> Failure {
    Failure::new("docspace.not_utf8", format!("{what} is not UTF-8"))
}

/// Reading failed: the host's own failure where there is one.
pub(crate) fn reading(error: io::Error) -> Failure {
    Failure::from_io(error, "docspace.unreadable")
}

/// Words of the backup as they may be shown in a message: short, and escaped where they are not text.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]).chars().take(SHOWN).collect();
    let dots = if text.len() < bytes.len() { "…" } else { "" };
    format!("{}{dots}", text.escape_debug())
}
