//! Plans, restores and verifies a routine.

use std::collections::BTreeSet;

use reinstate_plugin::routines::{self, Routine};
use reinstate_plugin::{
    Counts, Description, EntryReader, Failure, Finding, Handler, Kind, Object, ObjectName, Outlook, Target, blobs,
    description,
};
use serde_json::Value;

use crate::attributes::{Attributes, ENVIRONMENT};

/// The kinds that a definition makes, and that live in a schema.
const IN_SCHEMA: [&str; 7] =
    ["user_defined_function", "stored_procedure", "aggregate", "type", "domain", "sequence", "materialized_view"];

/// The kind of what others are built on.
const EXTENSION: &str = "extension";

/// The handler of functions, procedures and their environments, and of everything else that a definition of its own makes.
#[derive(Debug)]
pub struct Functions;

impl Handler for Functions {
    fn describe() -> Description {
        let mut description = description!(Kind::global(ENVIRONMENT), Kind::global(EXTENSION));
        description.kinds.extend(IN_SCHEMA.map(Kind::in_schema));
        description
    }

    fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
        Ok(outlook(object, target, &Attributes::of(object)?))
    }

    fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
        routines::create(&routine(object, target, Attributes::of(object)?))
    }

    fn restore(object: &Object, _: &Target, part: u32) -> Result<Counts, Failure> {
        let attributes = Attributes::of(object)?;
        let name = attributes.package(object, part)?;
        let mut entry = EntryReader::open(part);
        // An empty package is there, too: append at least once.
        loop {
            let chunk = entry.next_chunk()?;
            if chunk.is_empty() && entry.bytes_read() > 0 {
                return Ok(Counts { rows: 0, bytes: entry.bytes_read() });
            }
            blobs::append(name, &chunk)?;
            if chunk.is_empty() {
                return Ok(Counts { rows: 0, bytes: 0 });
            }
        }
    }

    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
        let attributes = Attributes::of(object)?;
        let mut findings = packages(object, &attributes, blobs::size)?;
        findings.extend(difference(&routine(object, target, attributes), routines::get()?.as_ref()));
        Ok(findings)
    }
}

fn outlook(object: &Object, target: &Target, attributes: &Attributes) -> Outlook {
    let data = if object.definitions_only { 0 } else { object.entry_bytes() };
    let bytes = data.saturating_add(object.attributes.len() as u64);
    let mut outlook = Outlook { bytes, ..Outlook::new() };
    if let Some(environment) = &attributes.environment {
        outlook.depend_on(ObjectName { kind: ENVIRONMENT.to_owned(), schema: None, name: environment.clone() });
    }
    attributes.needs().into_iter().for_each(|name| outlook.depend_on(name));
    outlook.dependencies.retain(|name| *name != object.source);
    outlook.findings.extend(mismatch(object, attributes));
    let dialect = attributes.dialect(object);
    if object.source.kind != ENVIRONMENT && !runs(dialect, target) {
        outlook.findings.push(Finding::note(
            "function.kept_as_document",
            format!(
                "{} is kept with its definition, but the target runs nothing in {} of {}",
                object.source,
                attributes.language,
                if dialect.is_empty() { "another system" } else { dialect }
            ),
            "Nothing to do, unless something in the target is to use it",
        ));
    }
    outlook
}

/// The routine as the target gets it: with its dialect where that is not everybody's, so that the target knows what it can run, and a backup
/// of it still says what it was written for.
fn routine(object: &Object, target: &Target, attributes: Attributes) -> Routine {
    let dialect = attributes.dialect(object).to_owned();
    let common = dialect == target.dialect && dialect == object.dialect;
    let named = object.source.kind != ENVIRONMENT && !dialect.is_empty() && !common;
    attributes.in_target(target).routine(named.then_some(dialect))
}

/// Whether the target can run what the source wrote: the same system, and one that runs functions at all.
fn runs(dialect: &str, target: &Target) -> bool {
    target.dialect != "sqlite" && !target.dialect.is_empty() && dialect == target.dialect
}

fn mismatch(object: &Object, attributes: &Attributes) -> Option<Finding> {
    let names: BTreeSet<_> = attributes.packages.iter().collect();
    let (named, entries) = (attributes.packages.len(), object.entries.len());
    let message = if named != entries {
        format!("{} names {named} packages and comes with {entries} entries", object.source)
    } else if names.len() != named {
        format!("{} names a package twice", object.source)
    } else {
        return None;
    };
    Some(Finding::refusal("function.packages", message, "Take the backup again, or exclude the object"))
}

/// Packages that are not as long as their entries; `size` tells what is staged.
fn packages(
    object: &Object,
    attributes: &Attributes,
    size: impl Fn(&str) -> Result<Option<u64>, Failure>,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    if object.definitions_only {
        return Ok(findings);
    }
    for (name, entry) in attributes.packages.iter().zip(&object.entries) {
        let message = match size(name)? {
            Some(staged) if staged == entry.bytes => continue,
            Some(staged) => format!("The package {name} has {staged} bytes, the archive says {}", entry.bytes),
            None => format!("The package {name} was not staged"),
        };
        findings.push(Finding::refusal("function.package_size", message, "Restore the environment again"));
    }
    Ok(findings)
}

fn difference(expected: &Routine, staged: Option<&Routine>) -> Option<Finding> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let what = match staged {
        None => "It was not staged".to_owned(),
        Some(staged) => {
            let parts = [
                ("language", expected.language == staged.language),
                ("definition", expected.definition == staged.definition),
                ("environment", expected.environment == staged.environment),
                ("attributes", parsed(&expected.attributes) == parsed(&staged.attributes)),
            ];
            let different = parts.iter().find(|(_, same)| !same)?.0;
            format!("The staged {different} is not the archive's")
        }
    };
    Some(Finding::refusal("function.definition", what, "Restore it again; if it stays, report it"))
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::{Entry, Severity};

    use super::*;

    fn routine(kind: &str, attributes: &str) -> Object {
        let schema = (kind != ENVIRONMENT).then(|| "public".to_owned());
        let name = ObjectName { kind: kind.into(), schema, name: "f".into() };
        Object { dialect: "postgresql".into(), ..Object::new(name, attributes) }
    }

    fn environment(packages: &str, sizes: &[u64]) -> Object {
        let attributes = format!(r#"{{"language": "python", "packages": {packages}}}"#);
        let entry =
            |bytes: &u64| Entry { path: "p".into(), form: "bytes".into(), bytes: *bytes, exact: true, rows: None };
        Object { entries: sizes.iter().map(entry).collect(), ..routine(ENVIRONMENT, &attributes) }
    }

    fn codes(object: &Object, dialect: &str) -> Vec<(String, Severity)> {
        let attributes = Attributes::of(object).unwrap();
        let findings = outlook(object, &Target::named("x", dialect), &attributes).findings;
        findings.into_iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_function_needs_its_environment() {
        let object =
            routine("user_defined_function", r#"{"language": "python", "definition": "x", "environment": "e"}"#);
        let outlook = outlook(&object, &Target::named("sqlite", "sqlite"), &Attributes::of(&object).unwrap());
        assert_eq!(outlook.dependencies.len(), 1);
        assert_eq!(outlook.dependencies[0].to_string(), "function_environment e");
    }

    #[test]
    fn what_a_definition_needs_comes_first_and_follows_a_mapped_schema() {
        let attributes = r#"{"language": "sql", "definition": "x",
            "attributes": {"needs": [{"kind": "table", "schema": "old", "name": "t"}, {"kind": "extension", "name": "e"}]}}"#;
        let object = routine("type", attributes);
        let target = Target { schema_map: vec![("old".into(), "new".into())], ..Target::named("x", "postgresql") };
        let outlook = outlook(&object, &target, &Attributes::of(&object).unwrap());
        let names: Vec<_> = outlook.dependencies.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["table old.t", "extension e"]);
        let given = super::routine(&object, &target, Attributes::of(&object).unwrap()).attributes;
        let given: Value = serde_json::from_str(&given).unwrap();
        assert_eq!(given["needs"][0]["schema"], "new");
    }

    #[test]
    fn what_the_target_cannot_run_is_noted() {
        let object = routine("stored_procedure", r#"{"language": "sql", "definition": "x"}"#);
        let noted = [("function.kept_as_document".to_owned(), Severity::Note)];
        assert_eq!(codes(&object, "sqlite"), noted);
        assert_eq!(codes(&object, ""), noted);
        assert!(codes(&object, "postgresql").is_empty());
        assert!(codes(&environment("[]", &[]), "sqlite").is_empty());
    }

    #[test]
    fn a_definition_keeps_its_dialect_where_others_have_another() {
        let dialect = |object: &Object, target: &str| {
            let routine = super::routine(object, &Target::named("x", target), Attributes::of(object).unwrap());
            serde_json::from_str::<Value>(&routine.attributes).unwrap()["dialect"].as_str().map(str::to_owned)
        };
        let first = routine("type", r#"{"language": "sql", "definition": "x"}"#);
        assert_eq!(dialect(&first, "postgresql"), None);
        assert_eq!(dialect(&first, "sqlite").as_deref(), Some("postgresql"));
        let attributes = r#"{"language": "sql", "definition": "x", "attributes": {"dialect": "postgresql"}}"#;
        let second = Object { dialect: "sqlite".into(), ..routine("type", attributes) };
        assert_eq!(dialect(&second, "postgresql").as_deref(), Some("postgresql"));
        assert!(codes(&second, "postgresql").is_empty() && !codes(&second, "sqlite").is_empty());
        assert_eq!(dialect(&environment("[]", &[]), "sqlite"), None);
    }

    #[test]
    fn packages_and_entries_must_agree() {
        let refused = [("function.packages".to_owned(), Severity::Refusal)];
        assert!(codes(&environment(r#"["a", "b"]"#, &[1, 0]), "sqlite").is_empty());
        assert_eq!(codes(&environment(r#"["a"]"#, &[]), "sqlite"), refused);
        assert_eq!(codes(&environment("[]", &[1]), "sqlite"), refused);
        assert_eq!(codes(&environment(r#"["a", "a"]"#, &[1, 1]), "sqlite"), refused);
        let object = environment("[]", &[1]);
        assert_eq!(Attributes::of(&object).unwrap().package(&object, 0).unwrap_err().code, "function.no_such_package");
    }

    #[test]
    fn the_size_of_every_package_is_compared() {
        let mut object = environment(r#"["a", "b", "c"]"#, &[1, 0, 5]);
        let size = |name: &str| {
            Ok(match name {
                "a" => Some(1),
                "b" => None,
                _ => Some(4),
            })
        };
        let attributes = Attributes::of(&object).unwrap();
        let messages: Vec<_> =
            packages(&object, &attributes, size).unwrap().into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["The package b was not staged", "The package c has 4 bytes, the archive says 5"]);
        object.definitions_only = true;
        assert!(packages(&object, &attributes, size).unwrap().is_empty());
    }

    #[test]
    fn the_staged_definition_is_compared() {
        let object = routine(
            "user_defined_function",
            r#"{"language": "sql", "definition": "CREATE FUNCTION …", "attributes": {"a": 1, "b": 2}}"#,
        );
        let expected = Attributes::of(&object).unwrap().routine(None);
        let mut staged = expected.clone();
        staged.attributes = r#"{ "b": 2, "a": 1 }"#.into();
        assert!(difference(&expected, Some(&staged)).is_none());
        staged.definition.push('x');
        assert!(difference(&expected, Some(&staged)).unwrap().message.contains("definition"));
        assert!(difference(&expected, None).unwrap().message.contains("not staged"));
    }

    #[test]
    fn attributes_that_are_not_understood_are_refused() {
        for attributes in ["{}", r#"{"language": 1}"#, r#"{"language": "sql", "body": ""}"#] {
            let failure = Attributes::of(&routine("stored_procedure", attributes)).unwrap_err();
            assert_eq!(failure.code, "stored_procedure.bad_attributes");
        }
    }
}
