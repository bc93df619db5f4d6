//! Plans, restores and verifies a definition.

use reinstate_plugin::{
    Counts, Description, Failure, Finding, Handler, Kind, Object, Outlook, Target, blobs, definitions, description,
};
use serde_json::Value;

use crate::kinds::KINDS;
use crate::schema::Schema;
use crate::{document, files, references};

/// The handler of everything that is a document with references.
#[derive(Debug)]
pub struct Definitions;

impl Handler for Definitions {
    fn describe() -> Description {
        let mut description = description!(Kind::global("schema"));
        let kinds = KINDS.iter().map(|known| Kind { name: known.kind.to_owned(), in_schema: known.in_schema });
        description.kinds = kinds.collect();
        description
    }

    fn plan(object: &Object, _: &Target) -> Result<Outlook, Failure> {
        let attributes = document::attributes(object)?;
        let schema = Schema::of(&object.source.kind)?;
        let data = if object.definitions_only { 0 } else { object.entry_bytes() };
        let bytes = data.saturating_add(object.attributes.len() as u64);
        let mut outlook = Outlook { bytes, ..Outlook::new() };
        outlook.findings = findings(object, &attributes, &schema);
        for reference in references::of(&schema.places, &attributes, object) {
            match reference.name {
                Some(name) if name != object.source => outlook.depend_on(name),
                Some(_) => {}
                None => outlook.findings.push(Finding::refusal(
                    "definition.reference_without_schema",
                    format!(
                        "`{}` of {} names no schema, and a {} lives in none that could be meant",
                        reference.pointer, object.source, object.source.kind
                    ),
                    "Exclude the object, or take the backup again",
                )),
            }
        }
        Ok(outlook)
    }

    fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
        definitions::put(&document::staged(object, target)?.to_string())
    }

    fn restore(object: &Object, _: &Target, part: u32) -> Result<Counts, Failure> {
        files::restore(object, &document::attributes(object)?, part)
    }

    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
        let mut findings = files::differences(object, &document::attributes(object)?, blobs::size)?;
        findings.extend(difference(&document::staged(object, target)?, definitions::get()?.as_deref()));
        Ok(findings)
    }
}

/// A secret that is not sealed is all there is to say: what else is wrong may be about it.
fn findings(object: &Object, attributes: &Value, schema: &Schema) -> Vec<Finding> {
    if let Some(pointer) = document::plain_secret(attributes) {
        return vec![Finding::refusal(
            "definition.plain_secret",
            format!("`{pointer}` of {} is a secret that is not sealed", object.source),
            "Exclude the object, or take a backup that keeps secrets sealed",
        )];
    }
    let mut findings = schema.findings(attributes, &object.source);
    findings.extend(files::findings(object, attributes));
    findings
}

/// Compares without showing either side.
fn difference(expected: &Value, staged: Option<&str>) -> Option<Finding> {
    let fix = "Restore it again; if it stays, report it";
    let Some(staged) = staged else {
        return Some(Finding::refusal("definition.missing", "It was not staged", fix));
    };
    let same = serde_json::from_str::<Value>(staged).is_ok_and(|staged| staged == *expected);
    (!same).then(|| Finding::refusal("definition.differs", "The target keeps something else than the archive has", fix))
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::{Entry, ObjectName};

    use super::*;

    fn object(kind: &str, attributes: &str) -> Object {
        let in_schema = KINDS.iter().find(|known| known.kind == kind).unwrap().in_schema;
        let schema = in_schema.then(|| "main".to_owned());
        Object::new(ObjectName { kind: kind.into(), schema, name: "x".into() }, attributes)
    }

    fn plan(kind: &str, attributes: &str) -> Outlook {
        Definitions::plan(&object(kind, attributes), &Target::named("sqlite", "sqlite")).unwrap()
    }

    #[test]
    fn references_become_dependencies() {
        for (kind, attributes, expected) in [
            ("datasource", r#"{"location": "s3", "credential": "k"}"#, &["credential main.k"][..]),
            ("datasink", r#"{"location": "s3", "credential": {"schema": "far", "name": "k"}}"#, &["credential far.k"]),
            ("monitor", r#"{"table": "t", "datasink": "s"}"#, &["datasink main.s", "table main.t"]),
            ("monitor", r#"{"table": {"kind": "view", "name": "v"}}"#, &["view main.v"]),
            (
                "context",
                r#"{"tables": [{"table": "t"}, {"table": "t"}, {"table": "u"}]}"#,
                &["table main.t", "table main.u"],
            ),
            ("resource_group", r#"{"ranking": "after", "adjoining_resource_group": "g"}"#, &["resource_group g"]),
            ("resource_group", r#"{"adjoining_resource_group": "x"}"#, &[]),
            (
                "catalog",
                r#"{"location": "http://h", "credential": {"schema": "main", "name": "k"}, "datasource": {"schema": "main", "name": "d"}}"#,
                &["credential main.k", "datasource main.d"],
            ),
            ("directory", r#"{"owner": "ann"}"#, &["user ann"]),
        ] {
            let outlook = plan(kind, attributes);
            let mut names: Vec<String> = outlook.dependencies.iter().map(ToString::to_string).collect();
            names.sort();
            assert_eq!(
                (names, outlook.findings.len()),
                (expected.iter().map(|name| (*name).to_owned()).collect(), 0),
                "{attributes}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_known_before_anything_is_written() {
        for (kind, attributes, expected) in [
            ("credential", r#"{"type": "jdbc", "secret": "hunter2"}"#, "definition.plain_secret"),
            ("credential", r#"{"typ": "hunter2", "options": {"password": "hunter2"}}"#, "definition.plain_secret"),
            ("credential", r#"{"type": "hunter2"}"#, "definition.invalid"),
            ("catalog", r#"{"location": "http://h", "credential": "hunter2"}"#, "definition.reference_without_schema"),
        ] {
            let findings = plan(kind, attributes).findings;
            assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), [expected]);
            assert!(findings[0].message.contains(&object(kind, "{}").source.to_string()), "{findings:?}");
            assert!(!format!("{findings:?}").contains("hunter2"), "{findings:?}");
        }
        let entry = Entry { path: "p".into(), form: "json".into(), bytes: 1, exact: true, rows: None };
        let with_entry = Object { entries: vec![entry], ..object("schema", "{}") };
        let findings = Definitions::plan(&with_entry, &Target::named("sqlite", "sqlite")).unwrap().findings;
        assert_eq!(findings[0].code, "definition.unexpected_entry");
    }

    #[test]
    fn what_is_staged_is_compared_in_silence() {
        let expected = serde_json::json!({"secret": {"sealed": "hunter2", "key": "k"}});
        assert!(difference(&expected, Some(&expected.to_string())).is_none());
        for staged in [None, Some("{}"), Some("hunter2")] {
            let finding = difference(&expected, staged).unwrap();
            assert!(!format!("{finding:?}").contains("hunter2"));
        }
    }
}
