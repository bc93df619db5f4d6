//! Every user and role that objects belong to, or that is given privileges, exists by the time of the switch.

use std::collections::{BTreeMap, BTreeSet};

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::{Action, Finding};
use crate::text::list;

const FIX: &str = "--globals FILE with the roles of the source, or --no-owner and --no-privileges";

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let known = known(situation);
    let mut missing: BTreeMap<&str, Vec<&ObjectName>> = BTreeMap::new();
    for step in situation.plan.steps.iter().filter(|step| step.action != Action::Skip) {
        for principal in step.principals.iter().filter(|name| !known.contains(name.as_str())) {
            missing.entry(principal).or_default().push(&step.object);
        }
    }
    missing.into_iter().map(|(role, objects)| finding(role, &objects)).collect()
}

/// Those that are there, and those that the plan brings.
fn known<'a>(situation: &Situation<'a>) -> BTreeSet<&'a str> {
    let is_principal = |name: &&ObjectName| matches!(name.kind.as_str(), "user" | "role");
    let there = situation.facts.principals.iter().map(String::as_str);
    let objects = situation.facts.objects.keys().filter(is_principal).map(|name| name.name.as_str());
    let acting = situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    let brought = acting.map(|step| &step.into).filter(is_principal).map(|name| name.name.as_str());
    there.chain(objects).chain(brought).collect()
}

fn finding(role: &str, objects: &[&ObjectName]) -> Finding {
    let message =
        format!("The role {role} is neither in the target nor restored, and it is needed by {}", list(objects));
    Finding::refusal("plan.role_missing", message, FIX)
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::{Sample, name};

    #[test]
    fn a_role_is_there_or_is_brought() {
        let missing = "Refusal plan.role_missing -: The role app is neither in the target nor restored, and it is needed by \
                       table main.a, table main.b [--globals FILE";
        for (objects, principals, exists, expected) in [
            (&["table main.a", "table main.b"][..], &[][..], None, &[missing][..]),
            (&["table main.a", "table main.b", "role app"], &[], None, &[]),
            (&["table main.a", "table main.b", "user app"], &[], None, &[]),
            (&["table main.a", "table main.b"], &["app"], None, &[]),
            (&["table main.a", "table main.b"], &["APP"], None, &[missing]),
            (&["table main.a", "table main.b"], &[], Some("user app"), &[]),
        ] {
            let mut sample = Sample::of(objects);
            sample.facts.principals = principals.iter().map(|role| (*role).to_owned()).collect();
            for table in ["table main.a", "table main.b"] {
                sample.outlook(table).principals = vec!["app".to_owned()];
            }
            if let Some(user) = exists {
                sample.facts.objects.insert(name(user), crate::plan::fixture::existing("f"));
            }
            sample.finds(expected);
        }
    }
}
