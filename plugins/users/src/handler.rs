//! Plans, restores and verifies a principal.

use reinstate_plugin::principals::{self, Permission, Summary};
use reinstate_plugin::{
    Counts, Description, Failure, Finding, Handler, Kind, Object, ObjectName, Outlook, Target, description,
};

use crate::attributes::Attributes;

/// The handler of the kinds `user` and `role`.
#[derive(Debug)]
pub struct Users;

impl Handler for Users {
    fn describe() -> Description {
        description!(Kind::global("user"), Kind::global("role"))
    }

    fn plan(object: &Object, _: &Target) -> Result<Outlook, Failure> {
        Ok(outlook(object, &Attributes::of(object)?))
    }

    fn begin(object: &Object, _: &Target) -> Result<(), Failure> {
        principals::create(&Attributes::of(object)?.principal())
    }

    fn restore(object: &Object, _: &Target, part: u32) -> Result<Counts, Failure> {
        let message = format!("{} has an entry, part {part}; users and roles have none", object.source);
        Err(Failure::new("user.no_such_part", message).in_part(object, part))
    }

    fn end(object: &Object, target: &Target) -> Result<(), Failure> {
        let attributes = Attributes::of(object)?;
        if !attributes.memberships.is_empty() {
            principals::add_memberships(&attributes.memberships)?;
        }
        let permissions = permissions(attributes.permissions, target);
        if !permissions.is_empty() {
            principals::add_permissions(&permissions)?;
        }
        if !attributes.tokens.is_empty() {
            principals::add_tokens(&attributes.tokens)?;
        }
        Ok(())
    }

    fn verify(object: &Object, _: &Target) -> Result<Vec<Finding>, Failure> {
        Ok(differences(&Attributes::of(object)?, principals::summarize()?))
    }
}

fn outlook(object: &Object, attributes: &Attributes) -> Outlook {
    let mut outlook = Outlook { bytes: object.attributes.len() as u64, ..Outlook::new() };
    for membership in &attributes.memberships {
        outlook.depend_on(ObjectName { kind: "role".to_owned(), schema: None, name: membership.role.clone() });
    }
    if let Some(group) = attributes.resource_group() {
        outlook.depend_on(ObjectName { kind: "resource_group".to_owned(), schema: None, name: group.to_owned() });
    }
    for on in attributes.permissions.iter().filter_map(|permission| permission.on.as_ref()) {
        outlook.depend_on(on.clone());
    }
    outlook.dependencies.retain(|name| *name != object.source);
    if !object.entries.is_empty() {
        outlook.findings.push(Finding::refusal(
            "user.unexpected_entry",
            format!("{} comes with {} entries; users and roles have none", object.source, object.entries.len()),
            "Take the backup again, or exclude the object",
        ));
    }
    outlook
}

/// The permissions, on the objects as they are called in the target.
fn permissions(mut permissions: Vec<Permission>, target: &Target) -> Vec<Permission> {
    for on in permissions.iter_mut().filter_map(|permission| permission.on.as_mut()) {
        on.schema = on.schema.take().map(|schema| target.schema(&schema).to_owned());
    }
    permissions
}

fn differences(attributes: &Attributes, staged: Option<Summary>) -> Vec<Finding> {
    let Some(staged) = staged else {
        return vec![Finding::refusal("user.missing", "It was not staged", "Restore it again")];
    };
    [
        ("memberships", attributes.memberships.len(), staged.memberships),
        ("permissions", attributes.permissions.len(), staged.permissions),
        ("tokens", attributes.tokens.len(), staged.tokens),
    ]
    .into_iter()
    .filter(|(_, expected, found)| *expected as u64 != u64::from(*found))
    .map(|(what, expected, found)| {
        let message = format!("The archive has {expected} {what}, {found} are staged");
        Finding::refusal(format!("user.{what}_count"), message, "Restore it again; if it stays, report it")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, attributes: &str) -> Object {
        Object::new(ObjectName { kind: kind.into(), schema: None, name: "ada".into() }, attributes)
    }

    const FULL: &str = r#"{
        "memberships": [{"role": "readers"}, {"role": "ada"}, {"role": "readers", "admin": true}],
        "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "old", "name": "a"}},
                        {"privilege": "INSERT", "on": {"kind": "table", "schema": "old", "name": "a"}},
                        {"privilege": "admin"}],
        "tokens": [{"id": "t", "hash": "h"}]}"#;

    #[test]
    fn a_principal_needs_its_roles_and_the_objects_it_may_touch_once_and_never_itself() {
        let names = |kind: &str| -> Vec<String> {
            let object = object(kind, FULL);
            let outlook = outlook(&object, &Attributes::of(&object).unwrap());
            outlook.dependencies.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names("user"), ["role readers", "role ada", "table old.a"]);
        assert_eq!(names("role"), ["role readers", "table old.a"]);
        let limited = object("user", r#"{"attributes": {"resource_group": "small"}}"#);
        let outlook = outlook(&limited, &Attributes::of(&limited).unwrap());
        assert_eq!(outlook.dependencies[0].to_string(), "resource_group small");
    }

    #[test]
    fn permissions_follow_a_mapped_schema() {
        let target = Target { schema_map: vec![("old".into(), "new".into())], ..Target::named("sqlite", "sqlite") };
        let on = |schema: Option<&str>| {
            let name = ObjectName { kind: "table".into(), schema: schema.map(str::to_owned), name: "a".into() };
            let permission = Permission { privilege: "SELECT".into(), on: Some(name), grantable: false };
            permissions(vec![permission], &target).remove(0).on.unwrap().schema
        };
        assert_eq!(on(Some("old")).as_deref(), Some("new"));
        assert_eq!(on(Some("other")).as_deref(), Some("other"));
        assert_eq!(on(None), None);
    }

    #[test]
    fn every_count_is_compared() {
        let attributes = Attributes::of(&object("user", FULL)).unwrap();
        let codes = |staged| -> Vec<String> {
            differences(&attributes, staged).into_iter().map(|finding| finding.code).collect()
        };
        assert!(codes(Some(Summary { memberships: 3, permissions: 3, tokens: 1 })).is_empty());
        assert_eq!(
            codes(Some(Summary { memberships: 2, permissions: 4, tokens: 0 })),
            ["user.memberships_count", "user.permissions_count", "user.tokens_count"]
        );
        assert_eq!(codes(None), ["user.missing"]);
    }

    #[test]
    fn an_entry_is_refused_while_planning() {
        let mut object = object("user", "{}");
        object.entries.push(reinstate_plugin::Entry {
            path: "x".into(),
            form: "json".into(),
            bytes: 1,
            exact: true,
            rows: None,
        });
        let found = outlook(&object, &Attributes::of(&object).unwrap()).findings;
        assert_eq!(found[0].code, "user.unexpected_entry");
    }
}
