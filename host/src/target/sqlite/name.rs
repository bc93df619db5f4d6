//! How objects are called in a SQLite file, and which names are ours.
//!
//! SQLite has no schemas inside a file. An object of schema `main` (or of none) has its plain name; one of another schema
//! `s` is called `s.name`, one quoted identifier with the dot in it. Indexes and triggers follow their table: index `i` of
//! a table in schema `s` is called `s.i`. Reading back, the first dot ends the schema, unless we know better: what was restored into `main` under a name with a
//! dot stays in `main`.

use std::collections::HashSet;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};

/// The schema whose objects have plain names.
pub(crate) const MAIN: &str = "main";

/// Tables and views of our own; everything else that is ours begins with one of [`HIDDEN`].
pub(crate) const BOOKKEEPING: &[&str] = &[
    "reinstate_blobs",
    "reinstate_exchanges",
    "reinstate_jobs",
    "reinstate_journal",
    "reinstate_members",
    "reinstate_objects",
    "reinstate_permissions",
    "reinstate_routines",
    "reinstate_schemas",
    "reinstate_tokens",
    "reinstate_users",
];

const STAGE: &str = "reinstate_stage_";
const KEPT: &str = "reinstate_kept_";
const UNDONE: &str = "reinstate_undone_";
const HIDDEN: &[&str] = &[STAGE, KEPT, UNDONE];

/// The identifier in double quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What SQLite compares names by.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The name in the file of something called `name` in that schema.
pub(crate) fn qualify(schema: Option<&str>, name: &str) -> String {
    match schema {
        None | Some(MAIN) => name.to_owned(),
        Some(schema) => format!("{schema}.{name}"),
    }
}

/// The other way: what [`qualify`] was given, where the schema is known. A name that does not have it is left as it is.
pub(crate) fn unqualify<'a>(schema: Option<&str>, name: &'a str) -> &'a str {
    match schema {
        None | Some(MAIN) => name,
        Some(schema) => name.strip_prefix(schema).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name),
    }
}

/// The other way, where the schema is not known: schema and name.
pub(crate) fn split(name: &str) -> (&str, &str) {
    match name.split_once('.') {
        Some((schema, rest)) if !schema.is_empty() && !rest.is_empty() => (schema, rest),
        _ => (MAIN, name),
    }
}

/// Names with a dot that are known to be of the schema `main`.
#[derive(Debug, Default)]
pub(crate) struct Dotted(HashSet<String>);

impl Dotted {
    /// Of live objects, each with the suffixes of its tables and views.
    pub(crate) fn of<'a>(live: impl Iterator<Item = (&'a ObjectName, &'a [String])>) -> Self {
        let in_main = live.filter(|(name, _)| matches!(name.schema.as_deref(), None | Some(MAIN)));
        let called = in_main.flat_map(|(name, tables)| tables.iter().map(|suffix| fold(&physical(name, suffix))));
        Self(called.filter(|called| called.contains('.')).collect())
    }

    /// Schema and name of the table or view of that name in the file.
    pub(crate) fn split<'n>(&self, name: &'n str) -> (&'n str, &'n str) {
        if !self.0.is_empty() && self.0.contains(&fold(name)) { (MAIN, name) } else { split(name) }
    }
}

/// The name in the file of an object's table: the object's own for the empty suffix, else `name_suffix`.
pub(crate) fn physical(object: &ObjectName, suffix: &str) -> String {
    let schema = object.schema.as_deref();
    if suffix.is_empty() {
        qualify(schema, &object.name)
    } else {
        qualify(schema, &format!("{}_{suffix}", object.name))
    }
}

/// The name of a step's `table`th table while it is staged.
pub(crate) fn staged(job: i64, step: u32, table: usize) -> String {
    format!("{STAGE}{job}_{step}_{table}")
}

/// The step that staged the table of that name for the job.
pub(crate) fn staged_by(name: &str, job: i64) -> Option<u32> {
    let numbers = name.strip_prefix(STAGE)?.strip_prefix(&job.to_string())?.strip_prefix('_')?;
    numbers.split('_').next()?.parse().ok()
}

/// The name of the `table`th table of what a step replaced.
pub(crate) fn kept(job: i64, step: u32, table: usize) -> String {
    format!("{KEPT}{job}_{step}_{table}")
}

/// The name of a step's `table`th table while its switch is undone.
pub(crate) fn undone(job: i64, step: u32, table: usize) -> String {
    format!("{UNDONE}{job}_{step}_{table}")
}

/// Whether a table, index or view of that name is ours and hidden from facts and backups.
pub(crate) fn is_own(name: &str) -> bool {
    let name = fold(name);
    let hidden =
        |prefix: &&str| name.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    BOOKKEEPING.contains(&name.as_str()) || HIDDEN.iter().any(hidden)
}

/// Whether SQLite keeps the name for itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    fold(name).starts_with("sqlite_")
}

/// Refuses object names that cannot be told apart in the file, are reserved, or are ours.
pub(crate) fn check(object: &ObjectName) -> Result<()> {
    let schema = object.schema.as_deref().unwrap_or(MAIN);
    if schema.is_empty() || schema.contains(['.', '\0']) {
        return Err(bad(format!(
            "Schema `{schema}` cannot be kept: in a SQLite file a schema's name is neither empty nor has dots in it"
        )));
    }
    check_plain(&physical(object, ""))
}

/// Refuses names of tables, indexes and triggers that SQLite or we keep for ourselves.
pub(crate) fn check_plain(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('\0') || is_reserved(name) || is_own(name) {
        return Err(bad(format!(
            "`{}` cannot be the name of anything in a SQLite file; give it another name",
            name.escape_debug()
        )));
    }
    Ok(())
}

fn bad(message: String) -> Error {
    Error::new("target.bad_definition", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_the_file_and_back() {
        for (schema, name, file) in
            [(None, "a", "a"), (Some("main"), "a", "a"), (Some("s"), "a", "s.a"), (Some("s"), "a.b", "s.a.b")]
        {
            assert_eq!(qualify(schema, name), file);
            assert_eq!(split(file), (schema.unwrap_or(MAIN), name));
            assert_eq!(unqualify(schema, file), name);
        }
        assert_eq!(split(".a"), (MAIN, ".a"));
        assert_eq!(physical(&ObjectName::new("graph", Some("s"), "g"), "nodes"), "s.g_nodes");
    }

    #[test]
    fn what_is_kept_as_mains_is_not_split() {
        let none = [String::new()];
        let both = ["nodes".to_owned(), "edges".to_owned()];
        let names = [
            (ObjectName::new("table", Some("main"), "a.b"), &none[..]),
            (ObjectName::new("table", Some("s"), "c"), &none),
            (ObjectName::new("graph", None, "g.h"), &both),
            (ObjectName::new("view", Some("main"), "as.document"), &[]),
        ];
        let dotted = Dotted::of(names.iter().map(|(name, tables)| (name, *tables)));
        for (called, expected) in [
            ("a.b", ("main", "a.b")),
            ("A.b", ("main", "A.b")),
            ("g.h_nodes", ("main", "g.h_nodes")),
            ("s.c", ("s", "c")),
            ("as.document", ("as", "document")),
            ("plain", ("main", "plain")),
        ] {
            assert_eq!(dotted.split(called), expected);
        }
    }

    #[test]
    fn own_names_are_known_and_refused() {
        for name in ["reinstate_jobs", "Reinstate_Jobs", "reinstate_stage_1_2_0", "reinstate_kept_1_2_0_i3"] {
            assert!(is_own(name), "{name}");
            assert!(check(&ObjectName::new("table", Some("main"), name)).is_err());
        }
        for name in ["reinstate", "reinstate_stage_", "reinstate_stage_x", "reinstate_mine"] {
            assert!(!is_own(name), "{name}");
        }
    }

    #[test]
    fn impossible_names_are_refused() {
        for (schema, name) in
            [(None, ""), (None, "sqlite_x"), (None, "SQLITE_x"), (None, "a\0b"), (Some("a.b"), "c"), (Some(""), "c")]
        {
            assert!(check(&ObjectName::new("table", schema, name)).is_err(), "{schema:?} {name:?}");
        }
    }
}
