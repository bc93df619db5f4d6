//! The definition document: what the archive says of an object, kept where the target cannot live it.

use reinstate_plugin::{Failure, Object, definitions};
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Document<'a> {
    kind: &'a str,
    dialect: &'a str,
    attributes: &'a RawValue,
}

/// The object's definition as one JSON value, its attributes as they came.
pub(crate) fn of(object: &Object) -> Result<String, Failure> {
    let bad = |error| Failure::new(format!("{}.bad_attributes", object.source.kind), format!("Bad JSON: {error}"));
    let attributes = serde_json::from_str(&object.attributes).map_err(bad)?;
    let document = Document { kind: &object.source.kind, dialect: &object.dialect, attributes };
    serde_json::to_string(&document).map_err(bad)
}

/// Stages the document; `false` where the target keeps none.
pub(crate) fn keep(object: &Object) -> Result<bool, Failure> {
    match definitions::put(&of(object)?) {
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
