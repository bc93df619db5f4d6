//! Users and roles, from `users.json` and `roles.json`. Secrets travel as hashes only.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::backup::Writer;
use crate::backup::attributes::raw;
use crate::catalog::ObjectName;
use crate::error::Result;

use super::Source;
use super::documents::{Membership, Permission, Principal, Token};
use super::input::bad;

/// Members of `attributes` that would carry a clear secret.
const SECRETS: [&str; 5] = ["password", "passwd", "secret", "token", "api_key"];
/// Kinds that live in no schema.
const WITHOUT_SCHEMA: [&str; 8] =
    ["user", "role", "schema", "database", "function_environment", "resource_group", "catalog", "directory"];

/// A principal's attributes.
#[derive(Serialize)]
struct Attributes<'a> {
    login: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<&'a str>,
    attributes: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[Membership]>::is_empty")]
    memberships: &'a [Membership],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "<[Token]>::is_empty")]
    tokens: &'a [Token],
}

/// Writes every role, then every user.
pub(crate) fn pack(writer: &mut Writer, source: &Source<'_>) -> Result<()> {
    let documents = &source.contents.documents;
    for (kind, file, principals) in [("role", "roles.json", &documents.roles), ("user", "users.json", &documents.users)]
    {
        let mut seen = BTreeSet::new();
        for principal in principals {
            if !seen.insert(&principal.name) {
                return Err(bad(file, format!("There are two of {kind} {}", principal.name)));
            }
            check_secrets(file, principal)?;
            let login = login(kind, file, principal)?;
            let permissions: Vec<Permission> =
                principal.permissions.iter().map(|one| permission(source, one)).collect();
            writer
                .object(ObjectName::new(kind, None, &principal.name), depends(source, kind, principal, &permissions))?;
            writer.attributes(raw(&attributes(principal, login, permissions))?)?;
        }
    }
    Ok(())
}

fn check_secrets(file: &str, principal: &Principal) -> Result<()> {
    let clear = principal.attributes.keys().find(|key| SECRETS.contains(&key.to_ascii_lowercase().as_str()));
    let clear = clear.map(String::as_str).or(principal.password.as_ref().map(|_| "password"));
    match clear {
        Some(member) => {
            let fix = "give the hash that the source keeps as `password_hash`";
            Err(bad(file, format!("{} has a clear `{member}`, and archives hold no secrets; {fix}", principal.name)))
        }
        None => Ok(()),
    }
}

fn login(kind: &str, file: &str, principal: &Principal) -> Result<bool> {
    match (kind, principal.login) {
        ("role", Some(true)) => {
            Err(bad(file, format!("{} may sign in; make it an element of users.json", principal.name)))
        }
        ("role", _) => Ok(false),
        (_, login) => Ok(login.unwrap_or(true)),
    }
}

/// With the schema that is meant where none is written.
fn permission(source: &Source<'_>, permission: &Permission) -> Permission {
    let mut permission = permission.clone();
    if let Some(on) = &mut permission.on
        && on.schema.is_none()
        && !WITHOUT_SCHEMA.contains(&on.kind.as_str())
    {
        on.schema = Some(source.settings.schema.clone());
    }
    permission
}

/// Roles it is a member of and objects it may use, where they are in this folder.
fn depends(source: &Source<'_>, kind: &str, principal: &Principal, permissions: &[Permission]) -> Vec<ObjectName> {
    let documents = &source.contents.documents;
    let mut found = BTreeSet::new();
    for membership in &principal.memberships {
        let own = kind == "role" && membership.role == principal.name;
        if !own && documents.roles.iter().any(|role| role.name == membership.role) {
            found.insert(ObjectName::new("role", None, &membership.role));
        }
    }
    for on in permissions.iter().filter_map(|permission| permission.on.as_ref()) {
        let object = ObjectName { kind: on.kind.clone(), schema: on.schema.clone(), name: on.name.clone() };
        let packed = match on.kind.as_str() {
            "table" => source.contents.tables.contains_key(&on.name),
            "view" => documents.views.iter().any(|view| view.name == on.name),
            "graph" => source.contents.graphs.contains_key(&on.name),
            _ => false,
        };
        if packed && object.schema.as_deref() == Some(source.settings.schema.as_str()) {
            found.insert(object);
        }
    }
    found.into_iter().collect()
}

fn attributes<'a>(principal: &'a Principal, login: bool, permissions: Vec<Permission>) -> Attributes<'a> {
    Attributes {
        login,
        password_hash: principal.password_hash.as_deref(),
        valid_until: principal.valid_until.as_deref(),
        attributes: &principal.attributes,
        memberships: &principal.memberships,
        permissions,
        tokens: &principal.tokens,
    }
}
