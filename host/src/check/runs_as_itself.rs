//! The role that restores is never changed by what it restores: a password, a right or a membership less would stop it half-way.

use super::Situation;
use crate::plan::Finding;
use crate::plan::identity::{Identity, allowance};
use crate::text::{capital, quote, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let identity = Identity::of(situation.facts, &situation.plan.options);
    let acting = situation.plan.steps.iter().filter(|step| step.action.restores());
    acting
        .filter(|step| identity.keeps(&step.into).is_some())
        .map(|step| {
            let message = format!(
                "{} is who runs this restore, or gives it rights, and must stay as it is",
                capital(&step.into.to_string())
            );
            let fix =
                format!("--exclude {}, or --allow {}", selector(&step.object), quote(&allowance(&step.into.name)));
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
            &[
                "Refusal plan.own_role user ana: User ana is who runs this restore … [--exclude user:ana, or --allow identity:ana]",
            ],
        );
    }
}
