//! Builders and questions for the values of `wit/types.wit`.

use std::fmt;

use crate::{
    Description, Entry, Failure, Finding, Kind, LeaveOut, Object, ObjectName, Outlook, Severity, Subscriptions, Target,
    log,
};

impl Failure {
    /// A failure with a stable, dotted, lower-case code; the message starts with a capital and has no final full stop.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), entry: None, row: None, column: None }
    }

    /// Names the entry's path, unless a deeper place already did.
    #[must_use]
    pub fn entry(mut self, path: impl Into<String>) -> Self {
        self.entry.get_or_insert_with(|| path.into());
        self
    }

    /// Names the entry behind a part, unless a deeper place already did.
    #[must_use]
    pub fn in_part(self, object: &Object, part: u32) -> Self {
        match object.entries.get(part as usize) {
            Some(entry) => self.entry(&entry.path),
            None => self,
        }
    }

    /// Names the row, counted from 1 in its entry.
    #[must_use]
    pub fn row(mut self, row: u64) -> Self {
        self.row.get_or_insert(row);
        self
    }

    /// Names the column.
    #[must_use]
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column.get_or_insert_with(|| column.into());
        self
    }
}

impl Finding {
    /// Something worth knowing.
    pub fn note(code: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message, fix)
    }

    /// Something that will not be as it was at the source.
    pub fn warning(code: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message, fix)
    }

    /// A reason not to start the restore, or not to make visible what was staged.
    pub fn refusal(code: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Severity::Refusal, code, message, fix)
    }

    fn new(severity: Severity, code: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity, code: code.into(), message: message.into(), fix: fix.into() }
    }
}

impl Kind {
    /// A kind whose objects live in a schema.
    pub fn in_schema(name: &str) -> Self {
        Self { name: name.to_owned(), in_schema: true }
    }

    /// A kind whose objects live outside schemas.
    pub fn global(name: &str) -> Self {
        Self { name: name.to_owned(), in_schema: false }
    }
}

impl Description {
    /// Whether the plugin restores that kind.
    pub fn handles(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| known.name == kind)
    }
}

impl Outlook {
    /// Nothing to expect; fill in what there is.
    pub fn new() -> Self {
        Self {
            dependencies: Vec::new(),
            findings: Vec::new(),
            rows: 0,
            bytes: 0,
            tables: Vec::new(),
            locks: Vec::new(),
            principals: Vec::new(),
        }
    }

    /// Adds a dependency, once.
    pub fn depend_on(&mut self, name: ObjectName) {
        if !self.dependencies.contains(&name) {
            self.dependencies.push(name);
        }
    }
}

impl Default for Outlook {
    fn default() -> Self {
        Self::new()
    }
}

impl Object {
    /// An object that is restored under its own name, with these attributes and no entries: for tests.
    pub fn new(name: ObjectName, attributes: &str) -> Self {
        Self {
            into: name.clone(),
            source: name,
            attributes: attributes.to_owned(),
            dialect: String::new(),
            entries: Vec::new(),
            definitions_only: false,
            rows_only: false,
            leave_out: LeaveOut::empty(),
            subscriptions: Subscriptions::Resume,
        }
    }

    /// The name of another object beside this one: in the same schema of the archive.
    pub fn sibling(&self, kind: &str, name: &str) -> ObjectName {
        ObjectName { kind: kind.to_owned(), schema: self.source.schema.clone(), name: name.to_owned() }
    }

    /// The entry behind a part. Fails with `KIND.no_such_part`.
    pub fn part(&self, part: u32) -> Result<&Entry, Failure> {
        self.entries.get(part as usize).ok_or_else(|| {
            let message = format!("{} has {} parts, not {}", self.source, self.entries.len(), u64::from(part) + 1);
            Failure::new(format!("{}.no_such_part", self.source.kind), message)
        })
    }

    /// Length of all entries in bytes.
    pub fn entry_bytes(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }
}

/// Rows that the archive says these entries hold; `None` when it does not say so of each.
pub fn declared_rows(entries: &[Entry]) -> Option<u64> {
    entries.iter().try_fold(0u64, |sum, entry| sum.checked_add(entry.rows?))
}

impl Target {
    /// A target of that kind and dialect, which maps no schemas: for tests.
    pub fn named(kind: &str, dialect: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            version: String::new(),
            dialect: dialect.to_owned(),
            forms: vec!["arrow".to_owned()],
            schema_map: Vec::new(),
        }
    }

    /// What a schema of the archive is called in the target.
    pub fn schema<'a>(&'a self, archive: &'a str) -> &'a str {
        self.schema_map.iter().find(|(from, _)| from == archive).map_or(archive, |(_, into)| into)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{} {schema}.{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Writes a line for the operator.
pub fn info(message: &str) {
    log::write(log::Level::Info, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Object {
        let name = ObjectName { kind: "thing".into(), schema: Some("main".into()), name: "a".into() };
        let entry = |rows| Entry { path: "objects/a.csv".into(), form: "csv".into(), bytes: 5, exact: true, rows };
        Object { entries: vec![entry(Some(2)), entry(Some(3))], ..Object::new(name, "{}") }
    }

    #[test]
    fn the_deepest_place_names_a_failure() {
        let failure =
            Failure::new("a.b", "No").row(3).row(4).in_part(&object(), 1).entry("other").in_part(&object(), 9);
        assert_eq!((failure.row, failure.entry.as_deref()), (Some(3), Some("objects/a.csv")));
    }

    #[test]
    fn an_object_answers_for_its_parts() {
        let mut object = object();
        assert_eq!(object.entry_bytes(), 10);
        assert_eq!(object.part(1).unwrap().rows, Some(3));
        assert_eq!(object.part(2).unwrap_err().code, "thing.no_such_part");
        assert_eq!(declared_rows(&object.entries), Some(5));
        object.entries[0].rows = None;
        assert_eq!(declared_rows(&object.entries), None);
        assert_eq!(object.sibling("table", "b").to_string(), "table main.b");
    }

    #[test]
    fn a_schema_is_mapped_where_the_operator_said_so() {
        let target = Target { schema_map: vec![("a".into(), "b".into())], ..Target::named("sqlite", "sqlite") };
        assert_eq!((target.schema("a"), target.schema("c")), ("b", "c"));
    }
}
