//! What is skipped is not missed: the target has it, or nothing that is restored needs it.

use std::collections::BTreeMap;

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::{Action, Finding, Severity, Step};
use crate::text::{capital, list};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Situation { plan, facts, .. } = situation;
    let gone = |step: &&Step| step.action == Action::Skip && !facts.objects.contains_key(&step.into);
    let skipped: BTreeMap<u32, &Step> = plan.steps.iter().filter(gone).map(|step| (step.id, step)).collect();
    let mut needed: BTreeMap<u32, Vec<&ObjectName>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.action.restores()) {
        for id in step.needs.iter().filter(|id| skipped.contains_key(id)) {
            needed.entry(*id).or_default().push(&step.object);
        }
    }
    needed.into_iter().filter_map(|(id, objects)| Some(finding(skipped.get(&id)?, &objects))).collect()
}

fn finding(step: &Step, objects: &[&ObjectName]) -> Finding {
    let message = format!(
        "{} is skipped ({}), is not in the target, and is needed by {}",
        capital(&step.object.to_string()),
        step.reason,
        list(objects)
    );
    let fix = "Create it after the restore, or let it be restored";
    Finding::new(Severity::Warning, "plan.dependency_missing", message, fix).about(&step.object)
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn what_is_skipped_is_there_or_is_not_needed() {
        let missing = "Warning plan.dependency_missing user bob: User bob is skipped (--take-access restores no users), is not in the target, \
                       and is needed by view main.v";
        for (take, exists, expected) in
            [(true, None, &[missing][..]), (true, Some("user bob"), &[]), (false, None, &[])]
        {
            let mut sample = Sample::of(&["table main.a", "user bob", "view main.v > user bob"]);
            (sample.options.identity, sample.options.take_access) = (Some("ana".to_owned()), take);
            sample.facts.grants_access = true;
            sample.exists(exists.as_slice());
            let found: Vec<String> =
                sample.findings().into_iter().filter(|finding| finding.contains("dependency_missing")).collect();
            crate::plan::fixture::assert_findings(&found, expected);
        }
    }
}
