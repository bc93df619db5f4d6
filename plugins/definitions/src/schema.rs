//! The published schemas, ready to hold documents against.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use reinstate_plugin::{Failure, Finding};
use serde_json::Value;

use crate::kinds::KINDS;
use crate::references::{Place, places};
use crate::validate::mistakes;

/// Findings of one document; more of them tell nothing new.
const MOST: usize = 8;

/// The schema of a kind.
pub(crate) struct Schema {
    schema: Value,
    /// Where its documents refer to others.
    pub(crate) places: Vec<Place>,
}

thread_local! {
    static MADE: RefCell<BTreeMap<&'static str, Rc<Schema>>> = const { RefCell::new(BTreeMap::new()) };
}

impl Schema {
    /// The schema of that kind, made once for an instance: it is a constant of the plugin and nothing of an object. Fails for a kind that is
    /// none of ours.
    pub(crate) fn of(kind: &str) -> Result<Rc<Self>, Failure> {
        let known = KINDS.iter().find(|definition| definition.kind == kind);
        let known = known.ok_or_else(|| unusable(kind, "there is none"))?;
        if let Some(made) = MADE.with_borrow(|made| made.get(known.kind).cloned()) {
            return Ok(made);
        }
        let schema: Value = serde_json::from_str(known.schema).map_err(|error| unusable(kind, &error.to_string()))?;
        let made = Rc::new(Self { places: places(&schema), schema });
        MADE.with_borrow_mut(|all| all.insert(known.kind, Rc::clone(&made)));
        Ok(made)
    }

    /// What is wrong with a document. Names places, never values.
    pub(crate) fn findings(&self, document: &Value, name: &impl std::fmt::Display) -> Vec<Finding> {
        let errors = mistakes(&self.schema, document).into_iter();
        let finding = |(pointer, what): (String, String)| {
            Finding::refusal(
                "definition.invalid",
                format!("The definition of {name} is not as its schema wants it: `{pointer}` {what}"),
                "Exclude the object, or take the backup again",
            )
        };
        errors.take(MOST).map(finding).collect()
    }
}

fn unusable(kind: &str, why: &str) -> Failure {
    Failure::new("definition.schema", format!("The schema of {kind} cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(kind: &str, document: &Value) -> Vec<String> {
        let schema = Schema::of(kind).unwrap();
        let findings = schema.findings(document, &"it");
        assert_eq!(findings.is_empty(), jsonschema::is_valid(&schema.schema, document), "{kind} {document}");
        assert!(findings.iter().all(|finding| finding.code == "definition.invalid"));
        let of = |finding: Finding| finding.message.rsplit_once("wants it: ").map(|(_, what)| what.to_owned()).unwrap();
        findings.into_iter().map(of).collect()
    }

    #[test]
    fn every_schema_is_one_by_its_draft() {
        for definition in KINDS {
            crate::validate::tests::knows(definition.schema);
            let schema: Value = serde_json::from_str(definition.schema).unwrap();
            assert!(jsonschema::meta::is_valid(&schema), "{}", definition.kind);
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            assert_eq!(schema["additionalProperties"], false, "{}", definition.kind);
            assert_eq!(schema["properties"]["options"]["additionalProperties"], json!({"type": "string"}));
            Schema::of(definition.kind).unwrap();
        }
        assert!(Schema::of("table").is_err());
    }

    #[test]
    fn documents_that_are_right_pass() {
        let sealed = json!({"sealed": "c2VhbGVkIHdpdGggYSBrZXkgb2YgdGhlIHNvdXJjZQ==", "key": "k1"});
        for (kind, document) in [
            (
                "credential",
                json!({"type": "aws_access_key", "identity": "AKIA", "secret": sealed, "options": {"a": "b"}}),
            ),
            ("credential", json!({"type": "kafka"})),
            (
                "datasource",
                json!({"location": "s3", "credential": {"schema": "main", "name": "key"}, "password": sealed}),
            ),
            ("datasink", json!({"location": "kafka://broker:9092", "credential": "key"})),
            ("monitor", json!({"type": "stream", "table": "orders", "datasink": "sink", "refresh_period": 1.5})),
            ("context", json!({"tables": [{"table": {"kind": "view", "name": "v"}, "columns": {"a": "b"}}]})),
            ("resource_group", json!({"tier_attributes": {"RAM": {"max_memory": -1}}, "ranking": "first"})),
            ("catalog", json!({"location": "https://host", "table_format": "iceberg", "type": "nessie"})),
            ("directory", json!({"owner": "ann", "data_limit": 1000})),
            ("schema", json!({})),
        ] {
            assert_eq!(found(kind, &document), [] as [&str; 0], "{kind}");
        }
    }

    #[test]
    fn mistakes_are_named_by_their_place_and_never_show_values() {
        const VALUE: &str = "hunter2-hunter2-hunter2!";
        for (kind, document, expected) in [
            ("credential", json!({"type": VALUE}), "`/type` is none of the values there are"),
            ("credential", json!({"identity": "a"}), "`/type` is missing"),
            (
                "credential",
                json!({"type": "jdbc", "secret": {"sealed": VALUE, "key": "k"}}),
                "`/secret/sealed` is not written as it must be",
            ),
            (
                "credential",
                json!({"type": "jdbc", "secret": {"sealed": "c2Vj", "key": "k"}}),
                "`/secret/sealed` is too short",
            ),
            ("datasource", json!({"location": 7}), "`/location` has another type"),
            ("datasource", json!({"location": "s3", "bucket/name": VALUE}), "`/bucket~1name` is not known"),
            ("datasource", json!({"location": "s3", "options": {"a": [VALUE]}}), "`/options/a` has another type"),
            (
                "datasource",
                json!({"location": "s3", "options": {"credential": VALUE}}),
                "`/options/credential` belongs into a member of its own",
            ),
            (
                "datasink",
                json!({"location": "s3", "credential": {"nam": VALUE}}),
                "`/credential` has none of the forms there are",
            ),
            ("monitor", json!({"table": "a", "refresh_period": 0}), "`/refresh_period` is too small"),
            ("context", json!({"comment": VALUE}), "`` has none of the forms there are"),
            ("resource_group", json!({"max_tier_priority": 11}), "`/max_tier_priority` is too large"),
            ("schema", json!({"name": VALUE}), "`/name` is not known"),
        ] {
            let found = found(kind, &document);
            assert_eq!(found, [expected], "{kind} {document}");
            assert!(!format!("{found:?}").contains(VALUE));
        }
        let many: serde_json::Map<String, Value> = (0..100).map(|at| (format!("m{at}"), json!(1))).collect();
        assert_eq!(found("schema", &Value::Object(many)).len(), MOST);
    }
}
