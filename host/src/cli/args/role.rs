//! `--role` as a part of the target's location, so that a saved plan and every later command find it there.

use crate::error::{Error, Result};

/// The location with `role=NAME` among its query's parameters. Fails with `usage` for a target that knows no roles, and where the
/// location names another one.
pub(super) fn with_role(location: &str, role: &str) -> Result<String> {
    let misuse = |message: String| Err(Error::new("usage", message).next("reinstate help restore"));
    let rest = location.strip_prefix("postgres:").or_else(|| location.strip_prefix("postgresql:"));
    // The location is not repeated: there may be a password in it.
    let Some(rest) = rest else {
        return misuse("--role is for targets written postgres://…, and this is another one".to_owned());
    };
    if role.is_empty() || role.contains('\0') {
        return misuse("--role wants the name of a role".to_owned());
    }
    if !rest.starts_with("//") {
        // Words of KEY=VALUE, of which the last of a name counts.
        return Ok(format!("{location} role='{}'", role.replace('\\', "\\\\").replace('\'', "\\'")));
    }
    let query = location.split_once('?').map(|(_, query)| query);
    if query.is_some_and(|query| query.split('&').any(|parameter| parameter.starts_with("role="))) {
        return misuse("The target's location names a role already: leave out --role".to_owned());
    }
    let joint = match query {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    Ok(format!("{location}{joint}role={}", encoded(role)))
}

/// Percent-encoding of everything that has a meaning in an URL, or might.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_parameter_more() {
        for (location, role, expected) in [
            ("postgres://h/db", "app", "postgres://h/db?role=app"),
            ("postgresql://h/db?sslmode=require", "app", "postgresql://h/db?sslmode=require&role=app"),
            ("postgres://h/db?", "a b&c=d", "postgres://h/db?role=a%20b%26c%3Dd"),
            ("postgres:///db", "größe", "postgres:///db?role=gr%C3%B6%C3%9Fe"),
            ("postgres:service=shop", "it's", "postgres:service=shop role='it\\'s'"),
            ("postgres:", "app", "postgres: role='app'"),
        ] {
            assert_eq!(with_role(location, role).unwrap(), expected);
        }
    }

    #[test]
    fn other_targets_have_no_roles() {
        for (location, role, said) in [
            ("sqlite:x.sqlite", "app", "--role is for targets written postgres://…"),
            ("postgres://h/db?role=a", "b", "names a role already"),
            ("postgres://h/db?x=1&role=a", "b", "names a role already"),
            ("postgres://h/db", "", "wants the name"),
        ] {
            let error = with_role(location, role).unwrap_err();
            assert!(error.code() == "usage" && error.to_string().contains(said), "{error}");
        }
    }
}
