//! References between definitions: found where the schema has `x-references`, which names the kind that is referred to.

use reinstate_plugin::{Object, ObjectName, Target};
use serde_json::Value;

use crate::kinds::lives_in_schema;

/// The annotation.
const REFERENCES: &str = "x-references";

/// A step from a document's root.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Member(String),
    EachItem,
}

/// Where documents of a kind refer to others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    steps: Vec<Step>,
    /// The kind that is referred to.
    kind: String,
}

/// A reference in a document.
#[derive(Debug, PartialEq)]
pub(crate) struct Reference {
    /// Where it is, as a JSON pointer.
    pub(crate) pointer: String,
    /// What it names, as the archive does; nothing when it needs a schema and says none.
    pub(crate) name: Option<ObjectName>,
}

/// Every place of a schema that is annotated.
pub(crate) fn places(schema: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut found);
    found
}

fn walk(schema: &Value, steps: &mut Vec<Step>, found: &mut Vec<Place>) {
    if let Some(kind) = schema.get(REFERENCES).and_then(Value::as_str) {
        found.push(Place { steps: steps.clone(), kind: kind.to_owned() });
    }
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, member) in members {
        steps.push(Step::Member(name.clone()));
        walk(member, steps, found);
        steps.pop();
    }
    if let Some(items) = schema.get("items") {
        steps.push(Step::EachItem);
        walk(items, steps, found);
        steps.pop();
    }
}

/// What a document refers to.
pub(crate) fn of(places: &[Place], document: &Value, object: &Object) -> Vec<Reference> {
    let mut document = document.clone();
    let mut found = Vec::new();
    for place in places {
        visit(&mut document, &place.steps, String::new(), &mut |value, pointer| {
            if let Some(name) = named(value, place, object) {
                found.push(Reference { pointer, name });
            }
        });
    }
    found
}

/// Calls what a document refers to as the target does. Names without a schema go along with the object's own.
pub(crate) fn into_target(places: &[Place], document: &mut Value, target: &Target) {
    for place in places {
        visit(document, &place.steps, String::new(), &mut |value, _| {
            if let Some(Value::String(schema)) = value.get_mut("schema") {
                *schema = target.schema(schema).to_owned();
            }
        });
    }
}

fn visit(value: &mut Value, steps: &[Step], pointer: String, act: &mut dyn FnMut(&mut Value, String)) {
    match (steps.split_first(), value) {
        (None, value) => act(value, pointer),
        (Some((Step::Member(name), rest)), Value::Object(members)) => {
            if let Some(member) = members.get_mut(name) {
                visit(member, rest, format!("{pointer}/{name}"), act);
            }
        }
        (Some((Step::EachItem, rest)), Value::Array(items)) => {
            for (at, item) in items.iter_mut().enumerate() {
                visit(item, rest, format!("{pointer}/{at}"), act);
            }
        }
        _ => {}
    }
}

/// The object that is named; `Some(None)` when its schema is missing, nothing when this is no reference at all.
#[allow(clippy::option_option, reason = "No reference and a reference without a schema are different findings")]
fn named(value: &Value, place: &Place, object: &Object) -> Option<Option<ObjectName>> {
    let member = |name: &str| value.get(name).and_then(Value::as_str);
    let name = value.as_str().or_else(|| member("name"))?.to_owned();
    let kind = member("kind").unwrap_or(&place.kind).to_owned();
    if !lives_in_schema(&kind) {
        return Some(Some(ObjectName { kind, schema: None, name }));
    }
    let schema = member("schema").or(object.source.schema.as_deref());
    Some(schema.map(|schema| ObjectName { kind, schema: Some(schema.to_owned()), name }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, schema: Option<&str>) -> Object {
        let name = ObjectName { kind: kind.into(), schema: schema.map(str::to_owned), name: "x".into() };
        Object::new(name, "{}")
    }

    fn schema() -> Value {
        json!({"properties": {
            "credential": {"x-references": "credential"},
            "tables": {"items": {"properties": {"table": {"x-references": "table"}}}},
            "owner": {"x-references": "user"}}})
    }

    #[test]
    fn references_are_found_at_any_depth_and_in_their_schemas() {
        let places = places(&schema());
        let document = json!({
            "credential": {"schema": "other", "name": "key"}, "owner": "ann",
            "tables": [{"table": "a"}, {"table": {"kind": "view", "schema": "far", "name": "b"}}, {"comment": "none"}]});
        let named = |object: &Object| -> Vec<(String, String)> {
            let found = of(&places, &document, object);
            found
                .into_iter()
                .map(|found| (found.pointer, found.name.map_or("?".to_owned(), |name| name.to_string())))
                .collect()
        };
        let mut expected = [
            ("/credential", "credential other.key"),
            ("/owner", "user ann"),
            ("/tables/0/table", "table main.a"),
            ("/tables/1/table", "view far.b"),
        ]
        .map(|(pointer, name)| (pointer.to_owned(), name.to_owned()));
        let sorted = |mut found: Vec<(String, String)>| {
            found.sort();
            found
        };
        assert_eq!(sorted(named(&object("context", Some("main")))), expected);
        expected[2].1 = "?".to_owned();
        assert_eq!(sorted(named(&object("catalog", None))), expected);
    }

    #[test]
    fn a_mapped_schema_is_followed() {
        let target = Target { schema_map: vec![("old".into(), "new".into())], ..Target::named("sqlite", "sqlite") };
        let mut document = json!({"credential": {"schema": "old", "name": "old"}, "tables": [{"table": "old"}]});
        into_target(&places(&schema()), &mut document, &target);
        assert_eq!(document, json!({"credential": {"schema": "new", "name": "old"}, "tables": [{"table": "old"}]}));
    }

    #[test]
    fn what_is_no_reference_is_none() {
        let document = json!({"credential": 7, "tables": {"table": "a"}, "owner": {"nam": "ann"}});
        assert_eq!(of(&places(&schema()), &document, &object("context", Some("main"))), []);
    }
}
