//! The definition document: what the archive says of an object, kept where the target cannot live it.

use reinstate_plugin::portable::Subscription;
use reinstate_plugin::{Failure, Object, definitions};
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Document<'a> {
    kind: &'a str,
    dialect: &'a str,
    attributes: &'a RawValue,
}

/// What is kept of a table beside the table itself.
#[derive(Serialize)]
struct TableDocument<'a> {
    /// The whole definition, where the target's table lacks a part of it.
    #[serde(flatten)]
    definition: Option<Document<'a>>,
    #[serde(skip_serializing_if = "<[Subscription]>::is_empty")]
    subscriptions: &'a [Subscription],
}

/// The object's definition as one JSON value, its attributes as they came.
pub(crate) fn of(object: &Object) -> Result<String, Failure> {
    let bad = |error| Failure::new(format!("{}.bad_attributes", object.source.kind), format!("Bad JSON: {error}"));
    let attributes = serde_json::from_str(&object.attributes).map_err(bad)?;
    let document = Document { kind: &object.source.kind, dialect: &object.dialect, attributes };
    serde_json::to_string(&document).map_err(bad)
}

/// A table's document: its subscriptions, and with `whole` its definition.
pub(crate) fn of_table(object: &Object, whole: bool, subscriptions: &[Subscription]) -> Result<String, Failure> {
    let bad = |error| Failure::new("table.bad_attributes", format!("Bad JSON: {error}"));
    let (kind, dialect) = (object.source.kind.as_str(), object.dialect.as_str());
    let attributes: Option<&RawValue> =
        whole.then(|| serde_json::from_str(&object.attributes)).transpose().map_err(bad)?;
    let definition = attributes.map(|attributes| Document { kind, dialect, attributes });
    serde_json::to_string(&TableDocument { definition, subscriptions }).map_err(bad)
}

/// Stages the object's document; `false` where the target keeps none.
pub(crate) fn keep(object: &Object) -> Result<bool, Failure> {
    keep_text(&of(object)?)
}

/// Stages a document; `false` where the target keeps none.
pub(crate) fn keep_text(document: &str) -> Result<bool, Failure> {
    match definitions::put(document) {
        Ok(()) => Ok(true),
        Err(failure) if failure.code == "target.unsupported" => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::ObjectName;

    use super::*;

    #[test]
    fn attributes_are_kept_as_they_came() {
        let name = ObjectName { kind: "view".into(), schema: None, name: "v".into() };
        let mut object = Object::new(name, r#"{"query": "SELECT 1", "columns": ["a"]}"#);
        object.dialect = "postgresql".into();
        assert_eq!(
            of(&object).unwrap(),
            r#"{"kind":"view","dialect":"postgresql","attributes":{"query": "SELECT 1", "columns": ["a"]}}"#
        );
        object.attributes = "{".into();
        assert_eq!(of(&object).unwrap_err().code, "view.bad_attributes");
    }
}
