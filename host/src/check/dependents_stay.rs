//! What is built on an object that gives way is restored with it: a view would go on showing the rows of the table that was replaced.

use std::collections::HashSet;

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::{Action, Finding, StageKind, Step};
use crate::text::{capital, list};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    // A database of its own brings everything.
    if situation.plan.stage == StageKind::Database {
        return Vec::new();
    }
    let acting = || situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    let restored: HashSet<&ObjectName> = acting().map(|step| &step.into).collect();
    let replaced = acting().filter(|step| matches!(step.action, Action::Replace | Action::Drop));
    replaced.filter_map(|step| finding(situation, step, &restored)).collect()
}

fn finding(situation: &Situation<'_>, step: &Step, restored: &HashSet<&ObjectName>) -> Option<Finding> {
    let existing = situation.facts.objects.get(&step.into)?;
    let staying: Vec<&ObjectName> = existing.dependents.iter().filter(|name| !restored.contains(name)).collect();
    if staying.is_empty() {
        return None;
    }
    let message = format!(
        "{} would give way, and what is built on it would stay on what it was: {}",
        capital(&step.into.to_string()),
        list(&staying)
    );
    let fix = "Restore these, too, drop them before, or --restore-policy rename";
    Some(Finding::refusal("plan.dependents", message, fix).about(&step.object))
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::{Sample, name};
    use crate::plan::{Policy, StageKind};

    #[test]
    fn what_stays_behind_is_named() {
        let refusal =
            "Refusal plan.dependents table main.a: Table main.a would give way … what it was: view main.w [Restore";
        for (policy, archive, expected) in [
            (Policy::Replace, &["table main.a", "view main.v"][..], &[refusal][..]),
            (Policy::Replace, &["table main.a", "view main.v", "view main.w"], &[]),
            (Policy::Rename, &["table main.a"], &[]),
            (Policy::Replace, &["view main.v"], &[]),
        ] {
            let mut sample = Sample::of(archive);
            sample.options.restore_policy = policy;
            sample.exists(&["table main.a", "view main.v", "view main.w"]);
            let table = sample.facts.objects.get_mut(&name("table main.a")).unwrap();
            table.dependents = vec![name("view main.v"), name("view main.w")];
            sample.finds(expected);
        }
    }

    #[test]
    fn a_whole_database_leaves_nothing_behind() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options.restore_policy = Policy::Replace;
        sample.facts.no_stage_database = None;
        sample.exists(&["table main.a"]);
        sample.facts.objects.get_mut(&name("table main.a")).unwrap().dependents = vec![name("view main.gone")];
        assert_eq!(sample.plan().stage, StageKind::Database);
        assert!(sample.check().is_ok());
    }
}
