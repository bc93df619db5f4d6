//! Secrets in definitions: they come sealed, or not at all. Nothing here ever gives a value away.

use serde_json::{Map, Value};

/// Members that hold a sealed secret.
const SEALED: [&str; 2] = ["secret", "password"];

/// Ends of names of options that hold secrets, in lower case and with `_` for `.` and `-`.
const NAMES: [&str; 16] = [
    "access_key",
    "account_key",
    "account_keys",
    "api_key",
    "customer_key",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "sasl_jaas_config",
    "secret",
    "secret_key",
    "secrets",
    "ssl_key_pem",
    "token",
];

/// What a location that carries a secret has in it, in lower case.
const IN_LOCATIONS: [&str; 7] = ["password=", "passwd=", "pwd=", "secret=", "sig=", "token=", "key="];

/// Where a definition holds a secret that is not sealed, as a JSON pointer.
pub(crate) fn plain(definition: &Map<String, Value>) -> Option<String> {
    let member = SEALED.into_iter().find(|member| definition.get(*member).is_some_and(|value| !is_sealed(value)));
    let options = || definition.get("options").and_then(Value::as_object).into_iter().flatten();
    let option = || options().find(|(name, value)| is_secret(name) && !is_path(value)).map(|(name, _)| name);
    let location =
        || ["location", "destination"].into_iter().find(|member| definition.get(*member).is_some_and(carries_secret));
    member
        .map(|member| format!("/{member}"))
        .or_else(|| option().map(|name| format!("/options/{}", escaped(name))))
        .or_else(|| location().map(|member| format!("/{member}")))
}

/// A name as one step of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// `{"sealed": "…", "key": "…"}` and nothing else; what these hold is for the schema to judge.
fn is_sealed(value: &Value) -> bool {
    let Some(sealed) = value.as_object() else { return false };
    sealed.len() == 2 && ["sealed", "key"].into_iter().all(|member| sealed.get(member).is_some_and(Value::is_string))
}

fn is_secret(option: &str) -> bool {
    let name = option.to_ascii_lowercase().replace(['.', '-'], "_");
    let ends = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    NAMES.iter().any(ends)
}

/// A file of the database's file system, which holds the secret in the secret's place; or nothing.
fn is_path(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.is_empty() || text.starts_with("kifs://"))
}

fn carries_secret(location: &Value) -> bool {
    let Some(text) = location.as_str() else { return false };
    let lower = text.to_ascii_lowercase();
    let (_, rest) = lower.split_once("://").unwrap_or(("", &lower));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || IN_LOCATIONS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<String> {
        plain(serde_json::from_str::<Value>(json).unwrap().as_object().unwrap())
    }

    #[test]
    fn a_secret_is_sealed_or_refused_wherever_it_is() {
        for (json, pointer) in [
            (r#"{"secret": "hunter2"}"#, "/secret"),
            (r#"{"secret": ["hunter2"]}"#, "/secret"),
            (r#"{"secret": null}"#, "/secret"),
            (r#"{"secret": {"sealed": "x"}}"#, "/secret"),
            (r#"{"secret": {"sealed": "x", "key": "k", "plain": "hunter2"}}"#, "/secret"),
            (r#"{"password": "hunter2"}"#, "/password"),
            (r#"{"options": {"s3_aws_secret_access_key": "hunter2"}}"#, "/options/s3_aws_secret_access_key"),
            (r#"{"options": {"ssl.key.password": "hunter2"}}"#, "/options/ssl.key.password"),
            (r#"{"options": {"Azure-SAS-Token": "hunter2"}}"#, "/options/Azure-SAS-Token"),
            (r#"{"options": {"a/b.password": "hunter2"}}"#, "/options/a~1b.password"),
            (r#"{"location": "kafka://ann:hunter2@broker:9092"}"#, "/location"),
            (r#"{"location": "jdbc:postgresql://host/db?user=ann&password=hunter2"}"#, "/location"),
            (r#"{"destination": "https://ann:hunter2@host/"}"#, "/destination"),
        ] {
            assert_eq!(found(json).as_deref(), Some(pointer), "{json}");
        }
    }

    #[test]
    fn what_is_no_secret_passes() {
        for json in [
            r#"{"secret": {"sealed": "AAAA", "key": "k"}, "password": {"sealed": "AAAA", "key": "k"}}"#,
            r#"{"options": {"s3_aws_access_key_id": "AKIA", "ssl.key.location": "kifs://a", "ssl.key.password": ""}}"#,
            r#"{"options": {"gcs_service_account_keys": "kifs://keys/gcs.json", "tokenizer": "x", "monkey": "y"}}"#,
            r#"{"location": "s3", "destination": "https://host:443/a@b"}"#,
            r#"{"location": "kafka://a:9092,b:9092"}"#,
            r#"{"tables": [{"table": "users", "columns": {"password": "A hash"}}]}"#,
        ] {
            assert_eq!(found(json), None, "{json}");
        }
    }
}
