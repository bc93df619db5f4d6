//! Who runs the restore, and what of it a restore never changes.

use std::collections::BTreeSet;

use crate::catalog::ObjectName;
use crate::facts::Facts;

use super::Options;

/// How `allow` names a user or role that may be changed although it runs the restore.
const ALLOWED: &str = "identity:";

/// Whoever runs the restore: the role that is connected, and the user that was named. Neither is locked out by what it restores.
#[derive(Debug, Default)]
pub(crate) struct Identity<'a> {
    names: BTreeSet<&'a str>,
    /// Roles that they are members of, also through others.
    roles: BTreeSet<&'a str>,
}

impl<'a> Identity<'a> {
    pub(crate) fn of(facts: &'a Facts, options: &'a Options) -> Self {
        let known = [facts.identity.as_deref(), options.identity.as_deref()];
        let names: BTreeSet<&str> = known.into_iter().flatten().filter(|name| !may_change(options, name)).collect();
        let mut roles = BTreeSet::new();
        let mut open: Vec<&str> = names.iter().copied().collect();
        while let Some(member) = open.pop() {
            for role in facts.memberships.get(member).into_iter().flatten() {
                if roles.insert(role.as_str()) {
                    open.push(role);
                }
            }
        }
        roles.retain(|role| !may_change(options, role));
        Self { names, roles }
    }

    /// Why the user or role stays as it is; `None` where the restore may change it.
    pub(crate) fn keeps(&self, name: &ObjectName) -> Option<&'static str> {
        let is_principal = matches!(name.kind.as_str(), "user" | "role");
        match name.name.as_str() {
            name if is_principal && self.names.contains(name) => Some("It runs this restore and stays as it is"),
            role if name.kind == "role" && self.roles.contains(role) => {
                Some("Who runs this restore has rights through it, and it stays as it is")
            }
            _ => None,
        }
    }
}

fn may_change(options: &Options, name: &str) -> bool {
    options.allow.iter().any(|allowed| allowed.strip_prefix(ALLOWED) == Some(name))
}

/// Whether a word of `allow` names a user or role.
pub(crate) fn is_allowance(word: &str) -> bool {
    word.strip_prefix(ALLOWED).is_some_and(|name| !name.is_empty())
}

/// The word of `allow` for a user or role.
pub(crate) fn allowance(name: &str) -> String {
    format!("{ALLOWED}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{Sample, name};

    #[test]
    fn who_restores_keeps_what_its_rights_come_from() {
        let mut sample = Sample::of(&[]);
        sample.facts.identity = Some("ana".to_owned());
        for (member, roles) in [("ana", &["admins"][..]), ("admins", &["staff", "admins"]), ("bob", &["guests"])] {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            sample.facts.memberships.insert(member.to_owned(), roles);
        }
        let kept = |identity: Option<&str>, allow: &[&str]| {
            let options = Options {
                identity: identity.map(str::to_owned),
                allow: allow.iter().map(|word| (*word).to_owned()).collect(),
                ..Options::default()
            };
            let identity = Identity::of(&sample.facts, &options);
            let all = ["user ana", "role ana", "user bob", "role admins", "user admins", "role staff", "role guests"];
            all.into_iter().filter(|text| identity.keeps(&name(text)).is_some()).collect::<Vec<_>>().join(", ")
        };
        for (identity, allow, expected) in [
            (None, &[][..], "user ana, role ana, role admins, role staff"),
            (Some("bob"), &[], "user ana, role ana, user bob, role admins, role staff, role guests"),
            (None, &["identity:ana"], ""),
            (None, &["identity:staff"], "user ana, role ana, role admins"),
            (None, &["identity:an", "all", "ana"], "user ana, role ana, role admins, role staff"),
            (Some("bob"), &["identity:ana"], "user bob, role guests"),
        ] {
            assert_eq!(kept(identity, allow), expected, "{identity:?} {allow:?}");
        }
        let table = Identity::of(&sample.facts, &Options::default()).keeps(&name("table main.ana")).is_none();
        assert!(table && is_allowance("identity:a") && !is_allowance("identity:") && allowance("a") == "identity:a");
    }
}
