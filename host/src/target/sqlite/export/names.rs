//! Names in the file and what they are called outside.

/// Schema and name: `s.name` is the name `name` in schema `s`.
pub(crate) fn split(name: &str) -> (&str, &str) {
    match name.split_once('.') {
        Some((schema, rest)) if !schema.is_empty() && !rest.is_empty() => (schema, rest),
        _ => ("main", name),
    }
}

/// The name of an index or trigger without its table's schema.
pub(crate) fn unqualified<'a>(schema: &str, name: &'a str) -> &'a str {
    if schema == "main" {
        name
    } else {
        name.strip_prefix(schema).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
    }
}

/// Whether it is a table or view of our own bookkeeping, or of SQLite's.
pub(crate) fn is_internal(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("sqlite_") || name.starts_with("reinstate_")
}
