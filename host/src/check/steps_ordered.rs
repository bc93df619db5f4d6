//! Every step comes after those it needs: planning and [`crate::plan::adopt`] see to it, and this holds for plans that an
//! embedding program makes by other means.

use std::collections::HashMap;

use super::Situation;
use crate::plan::{Finding, Step};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let steps = &situation.plan.steps;
    let mut places = HashMap::with_capacity(steps.len());
    let mut findings = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        if places.insert(step.id, place).is_some() {
            let message = format!("The number {} of {} is another step's too", step.id, step.object);
            findings.push(finding(step, message));
        }
    }
    for (place, step) in steps.iter().enumerate() {
        let late = step.needs.iter().find(|id| places.get(id).is_none_or(|other| *other >= place));
        let missing = || step.needs_loaded.iter().find(|id| !places.contains_key(id));
        if let Some(id) = late.or_else(missing) {
            findings.push(finding(
                step,
                format!("Step {}, {}, does not come after step {id}, which it needs", step.id, step.object),
            ));
        }
    }
    findings
}

fn finding(step: &Step, message: String) -> Finding {
    Finding::refusal("plan.order", message, "reinstate plan").about(&step.object)
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;
    use crate::plan::fixture::{Edit, Sample, assert_findings, findings};

    #[test]
    fn broken_orders_are_refused() {
        let sample = Sample::of(&[
            "table main.a",
            "table main.b > table main.a",
            "table main.c > table main.d",
            "table main.d > table main.c",
        ]);
        let edits: [(Edit<Plan>, &str); 4] = [
            (|plan| plan.steps.swap(0, 1), "plan.order table main.b: Step 2, table main.b, does not come after step 1"),
            (|plan| drop(plan.steps.remove(0)), "plan.order table main.b"),
            (|plan| drop(plan.steps.remove(3)), "plan.order table main.c … after step 4"),
            (
                |plan| plan.steps[3].id = 3,
                "plan.order table main.d … The number 3 of table main.d is another step's too",
            ),
        ];
        for (edit, expected) in edits {
            let mut plan = sample.plan();
            edit(&mut plan);
            let found = findings(&sample.check_plan(plan));
            assert_findings(&found[found.len() - 1..], &[expected]);
        }
    }
}
