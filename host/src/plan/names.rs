//! Which names a target takes for the same: tables and views share a namespace, and SQLite folds the case of both.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::catalog::ObjectName;
use crate::facts::{Existing, Facts};

/// How names are compared in a SQL dialect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naming {
    folds: bool,
}

/// A name's place in its namespace; equal for names that cannot stand side by side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key<'a> {
    space: &'a str,
    schema: Option<Cow<'a, str>>,
    name: Cow<'a, str>,
}

/// Users and roles.
const PRINCIPALS: &str = "principal";

/// Tables and views.
const RELATIONS: &str = "relation";

impl Naming {
    pub(crate) fn of(dialect: &str) -> Self {
        Self { folds: dialect == "sqlite" }
    }

    /// The place of an object's name.
    pub(crate) fn key(self, name: &ObjectName) -> Key<'_> {
        match name.kind.as_str() {
            "table" | "view" => self.relation(name.schema.as_deref(), Cow::Borrowed(&name.name)),
            // Elsewhere these are documents, or belong to tables.
            "materialized_view" | "foreign_table" | "sequence" | "index" if !self.folds => {
                self.relation(name.schema.as_deref(), Cow::Borrowed(&name.name))
            }
            // Elsewhere both may have one name.
            "user" | "role" if !self.folds => Key { space: PRINCIPALS, schema: None, name: Cow::Borrowed(&name.name) },
            kind => {
                Key { space: kind, schema: name.schema.as_deref().map(Cow::Borrowed), name: Cow::Borrowed(&name.name) }
            }
        }
    }

    /// The place of an object's further table: `nodes` of graph `g` is the table `g_nodes`.
    pub(crate) fn table<'a>(self, object: &'a ObjectName, suffix: &str) -> Key<'a> {
        self.relation(object.schema.as_deref(), Cow::Owned(further_table(object, suffix)))
    }

    /// A schema's name as it is compared.
    pub(crate) fn fold<'a>(self, name: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let name = name.into();
        if self.folds && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            name
        }
    }

    /// In a SQLite file the table `name` of the schema `s` is called `s.name`, whatever dots the schema `main` has in its own names.
    fn relation<'a>(self, schema: Option<&'a str>, name: Cow<'a, str>) -> Key<'a> {
        if self.folds {
            let name = match schema {
                Some(schema) if !schema.eq_ignore_ascii_case("main") => Cow::Owned(format!("{schema}.{name}")),
                _ => name,
            };
            return Key { space: RELATIONS, schema: None, name: self.fold(name) };
        }
        Key { space: RELATIONS, schema: schema.map(Cow::Borrowed), name }
    }
}

/// The name of an object's further table, in the object's schema.
pub(crate) fn further_table(object: &ObjectName, suffix: &str) -> String {
    format!("{}_{suffix}", object.name)
}

/// The object's name in the target. A schema that is an object itself is mapped by its own name.
pub fn mapped(name: &ObjectName, map: &BTreeMap<String, String>) -> ObjectName {
    if name.kind == "schema" && name.schema.is_none() {
        return ObjectName { name: map.get(&name.name).unwrap_or(&name.name).clone(), ..name.clone() };
    }
    let schema = name.schema.as_ref().map(|schema| map.get(schema).unwrap_or(schema).clone());
    ObjectName { kind: name.kind.clone(), schema, name: name.name.clone() }
}

/// What is in the target, by the names it takes for the same.
pub(crate) struct Present<'a> {
    naming: Naming,
    objects: &'a BTreeMap<ObjectName, Existing>,
    holders: HashMap<Key<'a>, (&'a ObjectName, &'a Existing)>,
    schemas: HashMap<Cow<'a, str>, &'a str>,
}

impl<'a> Present<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let naming = Naming::of(&facts.info.dialect);
        Self {
            naming,
            objects: &facts.objects,
            holders: facts.objects.iter().map(|(name, existing)| (naming.key(name), (name, existing))).collect(),
            schemas: facts.schemas.iter().map(|schema| (naming.fold(schema), schema.as_str())).collect(),
        }
    }

    pub(crate) fn naming(&self) -> Naming {
        self.naming
    }

    /// What stands where `name` would: that object itself, or another kind or spelling of the name.
    pub(crate) fn holder(&self, name: &ObjectName) -> Option<(&'a ObjectName, &'a Existing)> {
        let (holder, existing) = *self.holders.get(&self.naming.key(name))?;
        if holder == name {
            return Some((holder, existing));
        }
        Some(self.objects.get_key_value(name).unwrap_or((holder, existing)))
    }

    /// What stands where an object's further table would.
    pub(crate) fn table(&self, object: &ObjectName, suffix: &str) -> Option<&'a ObjectName> {
        self.holders.get(&self.naming.table(object, suffix)).map(|(holder, _)| *holder)
    }

    /// Whether there is a routine that the name, which has no arguments, may mean.
    pub(crate) fn overloads(&self, name: &ObjectName) -> bool {
        let is_routine = matches!(name.kind.as_str(), "user_defined_function" | "stored_procedure" | "aggregate");
        let means = |other: &ObjectName| {
            let bare = other.name.split_once('(').map(|(bare, _)| bare);
            (&other.kind, &other.schema, bare) == (&name.kind, &name.schema, Some(name.name.as_str()))
        };
        is_routine
            && self
                .objects
                .range(name..)
                .take_while(|(other, _)| other.name.starts_with(&name.name))
                .any(|(other, _)| means(other))
    }

    /// Whether there is such a schema.
    pub(crate) fn has_schema(&self, schema: &str) -> bool {
        self.schemas.contains_key(&self.naming.fold(schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{Sample, name};

    #[test]
    fn sqlite_folds_tables_and_views_into_one_name() {
        for (dialect, one, other, same) in [
            ("sqlite", "table main.Foo", "table main.foo", true),
            ("sqlite", "table main.foo", "view MAIN.foo", true),
            ("sqlite", "table main.foo", "user foo", false),
            ("sqlite", "user Foo", "user foo", false),
            ("sqlite", "table main.s.foo", "table s.foo", true),
            ("sqlite", "table main.s.foo", "table main.foo", false),
            ("postgresql", "table main.s.foo", "table s.foo", false),
            ("sqlite", "table main.É", "table main.é", false),
            ("postgresql", "table main.Foo", "table main.foo", false),
            ("postgresql", "table main.foo", "view main.foo", true),
            ("postgresql", "index main.foo", "sequence main.foo", true),
            ("sqlite", "index main.foo", "table main.foo", false),
            ("", "table a.foo", "table b.foo", false),
        ] {
            let naming = Naming::of(dialect);
            assert_eq!(naming.key(&name(one)) == naming.key(&name(other)), same, "{dialect} {one} {other}");
        }
    }

    #[test]
    fn the_object_itself_is_found_before_its_likes() {
        let mut sample = Sample::of(&[]);
        sample.facts.info.dialect = String::new();
        sample.exists(&["table main.x", "view main.x", "table main.g_nodes"]);
        let present = Present::new(&sample.facts);
        for wanted in ["table main.x", "view main.x"] {
            assert_eq!(present.holder(&name(wanted)).unwrap().0, &name(wanted));
        }
        assert!(present.holder(&name("table main.y")).is_none());
        assert_eq!(present.table(&name("graph main.g"), "nodes"), Some(&name("table main.g_nodes")));
    }
}
