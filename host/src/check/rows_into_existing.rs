//! What rows are added to is there, and takes them; that it cannot be undone is said.

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::{Action, Finding, Step};
use crate::text::{capital, list, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let filled: Vec<&Step> = situation.plan.steps.iter().filter(|step| step.action == Action::Fill).collect();
    if filled.is_empty() {
        return Vec::new();
    }
    if let Some(why) = &situation.facts.no_fill {
        let message = format!("Rows cannot be added to objects that the target has: {why}");
        return vec![Finding::refusal(
            "target.no_fill",
            message,
            "Leave out --data-only, or --section pre-data beside it",
        )];
    }
    let missing = filled.iter().filter(|step| step.existing.is_none()).map(|step| missing(step));
    missing.chain(std::iter::once(undone(&filled))).collect()
}

fn missing(step: &Step) -> Finding {
    let message = format!("{} is not in the target, so that its rows have no place", capital(&step.into.to_string()));
    let fix = format!("Restore its definition first, or --exclude {}", selector(&step.object));
    Finding::refusal("plan.nothing_to_fill", message, fix).about(&step.object)
}

fn undone(filled: &[&Step]) -> Finding {
    let names: Vec<&ObjectName> = filled.iter().map(|step| &step.into).collect();
    let message = format!("Rows are added to what is there, and undo does not take them out again: {}", list(&names));
    Finding::warning(
        "plan.not_undone",
        message,
        "Restore whole objects with --restore-policy replace where that matters",
    )
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;
    use crate::plan::{Options, Policy};

    #[test]
    fn rows_need_a_place() {
        let warning = "Warning plan.not_undone -: … does not take them out again: table main.a, table main.b";
        let missing =
            "Refusal plan.nothing_to_fill table main.b: Table main.b is not in the target … --exclude table:main.b]";
        for (exists, no_fill, expected) in [
            (&["table main.a", "table main.b"][..], None, &[warning][..]),
            (&["table main.a"], None, &[missing, warning]),
            (
                &["table main.a", "table main.b"],
                Some("it replaces"),
                &["Refusal target.no_fill … the target has: it replaces"],
            ),
            (&["table main.a", "view main.b"], None, &["target.object_exists", missing, warning]),
        ] {
            let mut sample = Sample::of(&["table main.a", "table main.b", "view main.v"]);
            sample.options = Options { rows_only: true, ..Options::default() };
            sample.facts.no_fill = no_fill.map(str::to_owned);
            sample.exists(exists);
            let mut found = sample.findings();
            found.sort_by_key(|finding| (!finding.starts_with("Refusal"), finding.contains("nothing_to_fill")));
            crate::plan::fixture::assert_findings(&found, expected);
        }
    }

    #[test]
    fn policies_have_no_say() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options = Options { rows_only: true, restore_policy: Policy::Replace, ..Options::default() };
        sample.exists(&["table main.a"]);
        sample.finds(&[
            "Warning plan.not_undone",
            "Warning plan.option_unused … --restore-policy does nothing with --data-only",
        ]);
    }
}
