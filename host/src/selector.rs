//! Which objects somebody means: kinds and patterns of names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::ObjectName;

mod glob;

pub(crate) use glob::fits;

/// `KIND[,KIND…][:PATTERN]`: objects of these kinds (`*` for all) whose name, or `schema.name`, fits the pattern (`*` and `?`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    /// The kinds, parted by commas, or `*`.
    pub kind: String,
    /// The pattern; `*` when none was given.
    pub pattern: String,
}

impl TryFrom<String> for Selector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, pattern) = text.split_once(':').unwrap_or((&text, "*"));
        if kind.is_empty() || pattern.is_empty() {
            return Err(format!("`{text}` is not KIND or KIND:PATTERN"));
        }
        Ok(Self { kind: kind.to_owned(), pattern: pattern.to_owned() })
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.pattern)
    }
}

impl Selector {
    /// Whether it selects the object. A pattern with a dot is held against `schema.name`, else against the name. Routines fit with and
    /// without their arguments, and what belongs to a table with and without the table's name before its own. Everything in a schema, `s.*`, is
    /// also the schema `s` itself, where it is an object.
    pub fn selects(&self, name: &ObjectName) -> bool {
        let fits_name = || short_names(name).any(|short| self.fits_name(name.schema.as_deref(), short));
        self.takes(&name.kind) && (fits_name() || self.fits_schema(name))
    }

    fn fits_schema(&self, name: &ObjectName) -> bool {
        let is_schema = name.kind == "schema" && name.schema.is_none();
        is_schema && self.pattern.strip_suffix(".*").is_some_and(|schema| fits(schema, &name.name))
    }

    /// Whether it is about objects of the kind.
    pub(crate) fn takes(&self, kind: &str) -> bool {
        self.kind.split(',').any(|pattern| fits(pattern, kind))
    }

    /// Dots behind the first parenthesis are in a routine's argument types.
    fn fits_name(&self, schema: Option<&str>, name: &str) -> bool {
        let own = self.pattern.split('(').next().unwrap_or_default();
        match schema {
            Some(schema) if own.contains('.') => fits(&self.pattern, &format!("{schema}.{name}")),
            _ => fits(&self.pattern, name),
        }
    }
}

/// The object's name, and what it is also called.
fn short_names(name: &ObjectName) -> impl Iterator<Item = &str> {
    let full = name.name.as_str();
    let is_routine = matches!(name.kind.as_str(), "user_defined_function" | "stored_procedure" | "aggregate");
    let is_part = matches!(
        name.kind.as_str(),
        "trigger" | "constraint" | "foreign_key" | "check_constraint" | "default" | "policy" | "rule"
    );
    let bare = full.split_once('(').map(|(bare, _)| bare).filter(|_| is_routine);
    let spaces = full.match_indices(' ').filter(move |_| is_part);
    std::iter::once(full).chain(bare).chain(spaces.map(move |(at, _)| &full[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_schema_is_the_schema_too() {
        for (selector, schema, expected) in [
            ("*:sales.*", "sales", true),
            ("schema:sales", "sales", true),
            ("schema,table:sales.*", "sales", true),
            ("*:s*.*", "sales", true),
            ("table:sales.*", "sales", false),
            ("*:sales.a*", "sales", false),
            ("*:sales.*", "sales2", false),
            ("*:a.b.*", "a.b", true),
        ] {
            let selector = Selector::try_from(selector.to_owned()).unwrap();
            assert_eq!(selector.selects(&ObjectName::new("schema", None, schema)), expected, "{selector} {schema}");
        }
        let all = Selector::try_from("*:sales.*".to_owned()).unwrap();
        assert!(all.selects(&ObjectName::new("table", Some("sales"), "a")));
        assert!(!all.selects(&ObjectName::new("user", None, "sales")));
    }
}
