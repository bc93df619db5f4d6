//! The document that the target keeps of an object: its attributes, with other objects called as the target calls them.

use reinstate_plugin::{Failure, LeaveOut, Object, Target};
use serde_json::Value;

use crate::schema::Schema;
use crate::{files, secrets};

/// The attributes. Fails with `definition.bad_attributes`; the message names a place and no value.
pub(crate) fn attributes(object: &Object) -> Result<Value, Failure> {
    serde_json::from_str(&object.attributes).ok().filter(Value::is_object).ok_or_else(|| {
        Failure::new("definition.bad_attributes", format!("The attributes of {} are no JSON object", object.source))
    })
}

/// Where a secret is that is not sealed.
pub(crate) fn plain_secret(attributes: &Value) -> Option<String> {
    attributes.as_object().and_then(secrets::plain)
}

/// What is staged. Fails with `definition.plain_secret` rather than hand on a secret that is not sealed.
pub(crate) fn staged(object: &Object, target: &Target) -> Result<Value, Failure> {
    let mut document = attributes(object)?;
    if let Some(pointer) = plain_secret(&document) {
        let message = format!("`{pointer}` of {} is a secret that is not sealed", object.source);
        return Err(Failure::new("definition.plain_secret", message));
    }
    if !target.schema_map.is_empty() {
        let schema = Schema::of(&object.source.kind)?;
        crate::references::into_target(&schema.places, &mut document, target);
    }
    // Without its files, a directory has none.
    if let Some(members) = document.as_object_mut().filter(|_| object.definitions_only) {
        members.remove(files::FILES);
    }
    if object.leave_out & LeaveOut::COMMENTS == LeaveOut::COMMENTS
        && let Some(members) = document.as_object_mut()
    {
        members.remove("comment");
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinstate_plugin::ObjectName;

    fn object(attributes: &str) -> Object {
        let name = ObjectName { kind: "datasource".into(), schema: Some("old".into()), name: "s".into() };
        Object::new(name, attributes)
    }

    #[test]
    fn the_document_is_the_attributes_in_the_targets_words() {
        let attributes = r#"{"location": "s3", "comment": "c", "credential": {"schema": "old", "name": "k"}}"#;
        let plain = Target::named("sqlite", "sqlite");
        let staged = |object: &Object, target: &Target| super::staged(object, target).unwrap().to_string();
        let as_it_is: Value = serde_json::from_str(attributes).unwrap();
        assert_eq!(staged(&object(attributes), &plain), as_it_is.to_string());
        let mapped = Target { schema_map: vec![("old".into(), "new".into())], ..plain.clone() };
        assert!(staged(&object(attributes), &mapped).contains(r#""schema":"new""#));
        let quiet = Object { leave_out: LeaveOut::COMMENTS, ..object(attributes) };
        assert!(!staged(&quiet, &plain).contains("comment"));
    }

    #[test]
    fn what_cannot_be_staged_never_shows() {
        let target = Target::named("sqlite", "sqlite");
        for (attributes, code) in [
            (r#"{"location": "s3", "password": "hunter2"}"#, "definition.plain_secret"),
            (r#"["hunter2"]"#, "definition.bad_attributes"),
            (r#"{"hunter2"#, "definition.bad_attributes"),
        ] {
            let failure = staged(&object(attributes), &target).unwrap_err();
            assert_eq!(failure.code, code);
            assert!(!failure.message.contains("hunter2"), "{failure:?}");
        }
    }
}
