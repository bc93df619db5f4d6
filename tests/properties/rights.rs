//! Who runs a restore and what it may do, as the model sees it: a part of the model of its own.

use std::collections::BTreeSet;

use reinstate::catalog::ObjectName;
use reinstate::plan::Options;
use serde_json::{Value, json};

use super::database::Body;
use super::kinds::document::Document;
use super::model::State;

/// Names of the roles that a user or role is a member of.
pub fn memberships(body: &Body) -> Vec<String> {
    let Body::Document(document) = body else { return Vec::new() };
    let memberships = document.attributes["memberships"].as_array().into_iter().flatten();
    memberships.filter_map(|membership| Some(membership["role"].as_str()?.to_owned())).collect()
}

pub fn is_principal(kind: &str) -> bool {
    matches!(kind, "user" | "role")
}

/// Users and roles that no restore changes.
pub struct Kept<'a> {
    options: &'a Options,
    /// Roles through which who restores has rights.
    through: BTreeSet<String>,
}

impl<'a> Kept<'a> {
    pub fn of(before: &State, options: &'a Options) -> Self {
        let mut through = BTreeSet::new();
        let mut open: Vec<String> = options.identity.iter().filter(|name| !allowed(options, name)).cloned().collect();
        while let Some(member) = open.pop() {
            let own = before.objects.iter().filter(|(name, _)| is_principal(&name.kind) && name.name == member);
            for role in own.flat_map(|(_, body)| memberships(body)) {
                if through.insert(role.clone()) {
                    open.push(role);
                }
            }
        }
        Self { options, through }
    }

    pub fn has(&self, name: &ObjectName) -> bool {
        let itself = self.options.identity.as_ref() == Some(&name.name) && is_principal(&name.kind);
        let gives = name.kind == "role" && self.through.contains(&name.name);
        (itself || gives) && !allowed(self.options, &name.name)
    }
}

fn allowed(options: &Options, name: &str) -> bool {
    options.allow.contains(&format!("identity:{name}"))
}

/// A user or role without what the options do not ask for; `selected` is what is restored with it.
pub fn limited(document: &Document, selected: &BTreeSet<ObjectName>, options: &Options) -> Document {
    let mut limited = document.clone();
    let Some(members) = limited.attributes.as_object_mut() else { return limited };
    if options.take_access {
        members.remove("memberships");
        members.remove("tokens");
    }
    let foreign = |permission: &Value| {
        let on = &permission["on"];
        let text = |member: &str| on[member].as_str().unwrap_or_default();
        !on.is_null() && !selected.contains(&ObjectName::new(text("kind"), on["schema"].as_str(), text("name")))
    };
    if let Some(permissions) = members.get_mut("permissions").and_then(Value::as_array_mut)
        && !options.restore_all_permissions
    {
        permissions.retain(|permission| !foreign(permission));
    }
    limited
}

/// Who is given access to what is restored, and what it is then.
pub fn granted(before: &State, restored: &[ObjectName], options: &Options) -> Option<(ObjectName, Body)> {
    let name = options.identity.as_deref().filter(|_| options.take_access && !restored.is_empty())?;
    let kinds = ["user", "role"].map(|kind| ObjectName::new(kind, None, name));
    let known = kinds.iter().find_map(|kind| before.objects.get_key_value(kind));
    let (name, mut document) = match known {
        Some((name, Body::Document(document))) => (name.clone(), document.clone()),
        _ => (kinds[0].clone(), Document::of(json!({"login": true}))),
    };
    let mut permissions = document.attributes["permissions"].as_array().cloned().unwrap_or_default();
    let is_there = |permissions: &[Value], on: &Value| {
        let same = |permission: &Value| {
            let members = ["kind", "schema", "name"];
            permission["privilege"] == "ALL"
                && permission["grantable"] == true
                && members.iter().all(|member| permission["on"][member] == on[member])
        };
        permissions.iter().any(same)
    };
    for object in restored {
        let on = json!({"kind": object.kind, "schema": object.schema, "name": object.name});
        if !is_there(&permissions, &on) {
            permissions.push(json!({"privilege": "ALL", "on": on, "grantable": true}));
        }
    }
    document.attributes["permissions"] = permissions.into();
    Some((name, Body::Document(document)))
}
