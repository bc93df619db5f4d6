//! The role that restores is never changed by what it restores: a password, a right or a membership less would stop it half-way.

use super::Situation;
use crate::plan::decide::is_identity;
use crate::plan::{Action, Finding};
use crate::text::{capital, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let identity = situation.facts.identity.as_deref();
    let acting = situation.plan.steps.iter().filter(|step| step.action != Action::Skip);
    acting
        .filter(|step| is_identity(&step.into, identity))
        .map(|step| {
            let message = format!("{} runs this restore and must stay as it is", capital(&step.into.to_string()));
            let fix = format!("--exclude {}, or restore as another role", selector(&step.object));
            Finding::refusal("plan.own_role", message, fix).about(&step.object)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::{Sample, assert_findings, findings};
    use crate::plan::{Action, Policy};

    #[test]
    fn a_plan_made_by_other_means_is_held_to_it_too() {
        let mut sample = Sample::of(&["user ana", "user bob"]);
        sample.options.restore_policy = Policy::Replace;
        sample.facts.identity = Some("ana".to_owned());
        sample.exists(&["user ana", "user bob"]);
        sample.finds(&[]);
        let mut plan = sample.plan();
        plan.steps[0].action = Action::Replace;
        let found = findings(&sample.check_plan(plan));
        assert_findings(
            &found,
            &["Refusal plan.own_role user ana: User ana runs this restore … [--exclude user:ana, or"],
        );
    }
}
