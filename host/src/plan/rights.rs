//! What of users and roles is restored: permissions on what is restored with them, and members and tokens unless access is taken.
//!
//! This is the one place where the host looks into attributes: those of users and roles have the same members whoever restores them.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::catalog::{Catalog, Object, ObjectName};
use crate::facts::Facts;
use crate::text::{capital, counted, list};

use super::names::{Key, Naming, Present, mapped};
use super::{Finding, Options, Severity};

/// Members that hold what a principal is a member of: our own archives', and those of a script of roles.
const MEMBERSHIPS: [&str; 2] = ["memberships", "member_of"];

/// Takes out of the selected users and roles what the options do not ask for; says what that was.
///
/// Permissions of the whole system belong to the principal and stay. One on a schema stays where something is restored into the schema.
/// Whatever is asked for, a target that gives permissions itself gets none on what will not be there.
pub fn limit_rights(catalog: &mut Catalog, selected: &[usize], facts: &Facts, options: &Options) -> Vec<Finding> {
    // Such a target looks for the very name.
    let naming = Naming::of(if facts.real_permissions { &facts.info.dialect } else { &catalog.backup.dialect });
    let names: Vec<ObjectName> = selected.iter().map(|at| catalog.objects[*at].name.clone()).collect();
    let limits = Limits {
        restored: Restored::of(&names, naming),
        there: facts.real_permissions.then(|| Present::new(facts)),
        options,
    };
    let mut findings = Vec::new();
    for at in selected {
        let object = &mut catalog.objects[*at];
        if matches!(object.name.kind.as_str(), "user" | "role") {
            findings.extend(limit(object, &limits));
        }
    }
    findings
}

/// What permissions may be about.
struct Restored<'a> {
    naming: Naming,
    objects: HashSet<Key<'a>>,
    schemas: BTreeSet<&'a str>,
}

impl<'a> Restored<'a> {
    fn of(names: &'a [ObjectName], naming: Naming) -> Self {
        let schema = |name: &'a ObjectName| match &name.schema {
            None if name.kind == "schema" => Some(name.name.as_str()),
            schema => schema.as_deref(),
        };
        Self {
            naming,
            objects: names.iter().map(|name| naming.key(name)).collect(),
            schemas: names.iter().filter_map(schema).collect(),
        }
    }

    fn has(&self, name: &ObjectName) -> bool {
        let is_schema = name.kind == "schema" && self.schemas.contains(name.name.as_str());
        is_schema || self.objects.contains(&self.naming.key(name))
    }
}

/// What decides which permissions come along.
struct Limits<'a> {
    restored: Restored<'a>,
    /// What the target has, where a permission can only be on what is there.
    there: Option<Present<'a>>,
    options: &'a Options,
}

impl Limits<'_> {
    fn objects_to(&self, on: &ObjectName) -> bool {
        if self.restored.has(on) {
            return false;
        }
        let nowhere = |there| !is_there(&mapped(on, &self.options.target_schema_map), there);
        !self.options.restore_all_permissions || self.there.as_ref().is_some_and(nowhere)
    }
}

/// Routines are also named without their arguments.
fn is_there(name: &ObjectName, present: &Present<'_>) -> bool {
    let is_schema = name.kind == "schema" && name.schema.is_none();
    present.holder(name).is_some() || present.overloads(name) || is_schema && present.has_schema(&name.name)
}

/// What is read of a permission; the rest of it is kept as it is.
#[derive(Deserialize)]
struct Permission {
    privilege: String,
    on: Option<ObjectName>,
}

fn limit(object: &mut Object, limits: &Limits<'_>) -> Option<Finding> {
    // What is no such object is for the plugin to refuse.
    let mut attributes: Map<String, Value> = serde_json::from_str(object.attributes.get()).ok()?;
    let mut changed = false;
    if limits.options.take_access {
        for member in MEMBERSHIPS.into_iter().chain(["tokens"]) {
            changed |= attributes.remove(member).is_some();
        }
    }
    let left = take_foreign(&mut attributes, limits);
    if changed || !left.is_empty() {
        object.attributes = raw(&attributes)?;
        let gone: Vec<&ObjectName> = left.iter().filter_map(|permission| permission.on.as_ref()).collect();
        object.depends.retain(|needed| !gone.contains(&needed));
    }
    (!left.is_empty()).then(|| finding(&object.name, &left, limits.options.restore_all_permissions))
}

/// Permissions that there is an objection to.
fn take_foreign(attributes: &mut Map<String, Value>, limits: &Limits<'_>) -> Vec<Permission> {
    let Some(Value::Array(permissions)) = attributes.get_mut("permissions") else { return Vec::new() };
    let mut left = Vec::new();
    permissions.retain(|value| match Permission::deserialize(value) {
        Ok(permission) if permission.on.as_ref().is_some_and(|on| limits.objects_to(on)) => {
            left.push(permission);
            false
        }
        _ => true,
    });
    left
}

fn raw(attributes: &Map<String, Value>) -> Option<Box<RawValue>> {
    to_raw_value(attributes).ok()
}

fn finding(name: &ObjectName, left: &[Permission], all: bool) -> Finding {
    let told = |permission: &Permission| match &permission.on {
        Some(on) => format!("{} on {on}", permission.privilege),
        None => permission.privilege.clone(),
    };
    let told: Vec<String> = left.iter().map(told).collect();
    let (what, fix) = if all {
        ("is neither restored nor in the target", "Restore what they are about, too, or give them once it is there")
    } else {
        ("this job does not restore", "--restore-all-permissions")
    };
    let message = format!(
        "{} is restored without {} on what {what}: {}",
        capital(&name.to_string()),
        counted(left.len() as u64, "permission"),
        list(&told)
    );
    Finding::new(Severity::Note, "plan.permissions_left_out", message, fix).about(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{Sample, name};

    const ATTRIBUTES: &str = r#"{"login": true,
        "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "a"}, "grantable": true},
                        {"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "b"}},
                        {"privilege": "USAGE", "on": {"kind": "schema", "name": "main"}},
                        {"privilege": "USAGE", "on": {"kind": "schema", "name": "other"}},
                        {"privilege": "admin"}],
        "memberships": [{"role": "r"}], "tokens": [{"id": "t", "hash": "h"}]}"#;

    fn sample(kind: &str) -> Sample {
        let mut sample =
            Sample::of(&["table main.A", "table main.b", &format!("{kind} ana > table main.b, role r"), "role r"]);
        sample.catalog.objects[2].attributes = RawValue::from_string(ATTRIBUTES.to_owned()).unwrap();
        sample
    }

    fn kept(sample: &Sample) -> String {
        let attributes: Value = serde_json::from_str(sample.catalog.objects[2].attributes.get()).unwrap();
        let told =
            |permission: &Value| format!("{} {}", permission["privilege"], permission["on"]["name"]).replace('"', "");
        let permissions = attributes["permissions"].as_array().unwrap().iter().map(told).collect::<Vec<_>>();
        let has = |member: &'static str| if attributes.get(member).is_some() { member } else { "" };
        format!("{} {}{}", permissions.join(","), has("memberships"), has("tokens"))
    }

    #[test]
    fn permissions_come_with_what_they_are_about() {
        const ALL: &str = "SELECT a,SELECT b,USAGE main,USAGE other,admin null membershipstokens";
        for (selected, all, take, expected, found) in [
            (
                &[0, 1, 2, 3][..],
                false,
                false,
                "SELECT a,SELECT b,USAGE main,admin null membershipstokens",
                "1 permission",
            ),
            (&[0, 2], false, false, "SELECT a,USAGE main,admin null membershipstokens", "2 permissions"),
            (&[2], false, false, "admin null membershipstokens", "4 permissions"),
            (&[2], true, false, ALL, ""),
            (&[0, 2], true, true, "SELECT a,SELECT b,USAGE main,USAGE other,admin null ", ""),
            (&[0, 2], false, true, "SELECT a,USAGE main,admin null ", "2 permissions"),
            (&[0, 1], false, true, ALL, ""),
        ] {
            let mut sample = sample("user");
            let options = Options { restore_all_permissions: all, take_access: take, ..Options::default() };
            let findings = limit_rights(&mut sample.catalog, selected, &sample.facts, &options);
            assert_eq!(kept(&sample), expected, "{selected:?} {all} {take}");
            let said = findings.iter().map(|finding| finding.message.as_str()).collect::<String>();
            assert_eq!(said.is_empty(), found.is_empty(), "{said}");
            assert!(said.contains(found), "{said}");
        }
    }

    #[test]
    fn a_target_that_gives_permissions_gets_none_on_what_is_nowhere() {
        for (there, map, expected, found) in [
            (
                &[][..],
                None,
                "SELECT b,USAGE main,admin null",
                "2 permissions on what is neither restored nor in the target",
            ),
            (&["table main.a"], None, "SELECT a,SELECT b,USAGE main,admin null", "USAGE on schema other"),
            (&["view main.a"], None, "SELECT a,SELECT b,USAGE main,admin null", "USAGE on schema other"),
            (&["table main.a"], Some("live"), "SELECT b,USAGE main,admin null", "2 permissions"),
            (&["table live.a"], Some("live"), "SELECT a,SELECT b,USAGE main,admin null", "1 permission"),
        ] {
            let mut sample = sample("role");
            (sample.facts.real_permissions, sample.facts.info.dialect) = (true, "postgresql".to_owned());
            sample.exists(there);
            let mut options = Options { restore_all_permissions: true, ..Options::default() };
            options.target_schema_map.extend(map.map(|map| ("main".to_owned(), map.to_owned())));
            let findings = limit_rights(&mut sample.catalog, &[1, 2], &sample.facts, &options);
            assert_eq!(kept(&sample), format!("{expected} membershipstokens"), "{there:?}");
            let [finding] = &findings[..] else { panic!("{findings:?}") };
            assert!(finding.message.contains(found) && finding.severity == Severity::Note, "{finding:?}");
        }
    }

    #[test]
    fn a_routine_is_there_whatever_its_arguments() {
        let mut sample = Sample::of(&[]);
        sample.facts.info.dialect = "postgresql".to_owned();
        sample.exists(&["user_defined_function app.f(integer)", "table app.g(x"]);
        let present = Present::new(&sample.facts);
        for (wanted, expected) in [
            ("user_defined_function app.f", true),
            ("user_defined_function app.f(integer)", true),
            ("user_defined_function app.f(text)", false),
            ("stored_procedure app.f", false),
            ("user_defined_function app.fun", false),
            ("table app.g", false),
        ] {
            assert_eq!(is_there(&name(wanted), &present), expected, "{wanted}");
        }
    }

    #[test]
    fn what_is_left_out_is_named_and_needed_no_longer() {
        let mut sample = sample("role");
        let findings = limit_rights(&mut sample.catalog, &[0, 2], &sample.facts, &Options::default());
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(
            finding.message,
            "Role ana is restored without 2 permissions on what this job does not restore: SELECT on table main.b, USAGE on schema other"
        );
        assert_eq!((finding.severity, finding.object.as_ref()), (Severity::Note, Some(&name("role ana"))));
        assert_eq!(sample.catalog.objects[2].depends, [name("role r")]);
        let attributes = sample.catalog.objects[2].attributes.get();
        assert!(attributes.contains(r#""grantable":true"#), "{attributes}");
    }

    #[test]
    fn what_is_not_understood_is_left_to_the_plugin() {
        for text in ["[]", "7", r#"{"permissions": 7}"#, r#"{"permissions": [7, {"on": 3}]}"#] {
            let mut sample = sample("user");
            sample.catalog.objects[2].attributes = RawValue::from_string(text.to_owned()).unwrap();
            assert!(limit_rights(&mut sample.catalog, &[2], &sample.facts, &Options::default()).is_empty());
            assert_eq!(sample.catalog.objects[2].attributes.get(), text);
        }
    }
}
