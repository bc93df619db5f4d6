//! What the archive says of a user or role: the format's `user, role` attributes.

use reinstate_plugin::principals::{Membership, Permission, Principal, Token};
use reinstate_plugin::{Failure, Object};
use serde::Deserialize;

/// A user or role with everything that belongs to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attributes {
    #[serde(default)]
    login: bool,
    password_hash: Option<String>,
    valid_until: Option<String>,
    #[serde(default)]
    attributes: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(crate) memberships: Vec<Membership>,
    #[serde(default)]
    pub(crate) permissions: Vec<Permission>,
    #[serde(default)]
    pub(crate) tokens: Vec<Token>,
    /// Never accepted: here only so that the failure can say why.
    #[serde(default, deserialize_with = "present")]
    password: bool,
}

/// Reads over a value without keeping it; a secret must not get into a message.
fn present<'de, D: serde::Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(input).map(|_| true)
}

impl Attributes {
    /// The object's attributes. Fails with `user.bad_attributes`, or `user.clear_secret` when they hold a secret as it is.
    pub(crate) fn of(object: &Object) -> Result<Self, Failure> {
        let attributes: Self = object.parse_attributes()?;
        let clear = |what: &str| {
            let message = format!("{} comes with {what}; only its hash can be restored", object.source);
            Err(Failure::new("user.clear_secret", message))
        };
        if attributes.password || attributes.attributes.contains_key("password") {
            return clear("a password in clear");
        }
        if attributes.password_hash.as_deref() == Some("") {
            return clear("an empty password hash");
        }
        if attributes.tokens.iter().any(|token| token.hash.is_empty()) {
            return clear("a token without a hash");
        }
        Ok(attributes)
    }

    /// The resource group whose limits it shares.
    pub(crate) fn resource_group(&self) -> Option<&str> {
        self.attributes.get("resource_group").and_then(serde_json::Value::as_str).filter(|group| !group.is_empty())
    }

    /// The principal itself.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            login: self.login,
            password_hash: self.password_hash.clone(),
            valid_until: self.valid_until.clone(),
            attributes: serde_json::Value::Object(self.attributes.clone()).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinstate_plugin::ObjectName;

    fn user(attributes: &str) -> Object {
        let name = ObjectName { kind: "user".into(), schema: None, name: "ada".into() };
        Object::new(name, attributes)
    }

    #[test]
    fn secrets_come_only_as_hashes_and_never_show() {
        for attributes in [
            r#"{"password": "s3cret"}"#,
            r#"{"password": {"deep": ["s3cret"]}}"#,
            r#"{"password": null}"#,
            r#"{"attributes": {"password": "s3cret"}}"#,
            r#"{"password_hash": ""}"#,
            r#"{"tokens": [{"id": "s3cret", "hash": ""}]}"#,
        ] {
            let failure = Attributes::of(&user(attributes)).unwrap_err();
            assert_eq!(failure.code, "user.clear_secret", "{attributes}");
            assert!(!failure.message.contains("s3cret"), "{failure:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for attributes in [r#"{"logn": true}"#, r#"{"memberships": [{}]}"#, r#"{"tokens": [{"id": "a"}]}"#, "[]", "nul"]
        {
            assert_eq!(Attributes::of(&user(attributes)).unwrap_err().code, "user.bad_attributes", "{attributes}");
        }
    }

    #[test]
    fn everything_that_is_said_is_kept() {
        let attributes = Attributes::of(&user(
            r#"{"login": true, "password_hash": "SCRAM-SHA-256$x", "valid_until": "2030-01-01T00:00:00Z",
                "attributes": {"quota": 5}, "memberships": [{"role": "readers", "admin": true}],
                "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "a"}}],
                "tokens": [{"id": "t1", "hash": "h", "expires": null}]}"#,
        ))
        .unwrap();
        let principal = attributes.principal();
        assert!(principal.login);
        assert_eq!(principal.password_hash.as_deref(), Some("SCRAM-SHA-256$x"));
        assert_eq!(principal.attributes, r#"{"quota":5}"#);
        assert!(attributes.memberships[0].admin);
        assert_eq!(attributes.tokens[0].hash, "h");
        assert_eq!(attributes.permissions[0].on.as_ref().unwrap().name, "a");
        assert!(!Attributes::of(&user("{}")).unwrap().principal().login);
    }
}
