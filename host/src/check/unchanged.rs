//! Archive, plugins and target are those that were planned with.

use super::Situation;
use crate::plan::{Action, Finding, Step};
use crate::text::{capital, quote};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Situation { plan, catalog, facts, plugins } = situation;
    let (archive, target) = (quote(&plan.archive.location), quote(&plan.target.location));
    let fix = format!("reinstate plan {archive} --into {target} -o PLAN");
    let mut findings = Vec::new();
    let mut changed = |code, message: String| findings.push(Finding::refusal(code, message, &fix));
    if plan.archive.digest != catalog.digest {
        let message =
            format!("The plan is for an archive with digest {}, this one's is {}", plan.archive.digest, catalog.digest);
        changed("plan.archive_changed", message);
    }
    for identity in &plan.plugins {
        if !plugins.iter().any(|plugin| plugin.identity == *identity) {
            let message = format!("Plugin {} {} planned, but is not here now", identity.name, identity.version);
            changed("plan.plugins_changed", message);
        }
    }
    for (planned, found) in [
        (&plan.target.location, &facts.location),
        (&plan.target.kind, &facts.info.kind),
        (&plan.target.version, &facts.info.version),
    ] {
        if planned != found {
            changed("plan.target_changed", format!("The plan is for target {planned}, this one is {found}"));
        }
    }
    findings.extend(plan.steps.iter().filter_map(|step| existing(situation, step, &fix)));
    findings
}

fn existing(situation: &Situation<'_>, step: &Step, fix: &str) -> Option<Finding> {
    let now = situation.facts.objects.get(&step.into).map(|existing| existing.fingerprint.as_str());
    if step.action == Action::Skip || now == step.existing.as_deref() {
        return None;
    }
    let message = format!("{} has changed in the target since it was planned", capital(&step.into.to_string()));
    Some(Finding::refusal("plan.target_changed", message, fix).about(&step.object))
}

#[cfg(test)]
mod tests {
    use crate::catalog::Digest;
    use crate::plan::fixture::{Edit, Sample, assert_findings, existing, findings, name};
    use crate::plan::{Plan, Policy};

    #[test]
    fn nothing_passes_that_was_planned_for_something_else() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options.restore_policy = Policy::Replace;
        sample.exists(&["table main.a"]);
        let edits: [(Edit<Plan>, &str); 5] = [
            (|plan| plan.archive.digest = Digest([0; 32]), "Refusal plan.archive_changed"),
            (|plan| plan.plugins[0].version.push('1'), "Refusal plan.plugins_changed … Plugin tables 0.1.01 planned"),
            (|plan| plan.target.location.push('x'), "Refusal plan.target_changed -: … sqlite:/db/live.dbx, this"),
            (|plan| plan.target.version.push('1'), "Refusal plan.target_changed -: … 3.51.01, this one is 3.51.0 ["),
            (
                |plan| plan.steps[0].existing = Some("f0".to_owned()),
                "Refusal plan.target_changed table main.a: Table main.a has changed",
            ),
        ];
        for (edit, expected) in edits {
            let mut plan = sample.plan();
            edit(&mut plan);
            assert_findings(&findings(&sample.check_plan(plan)), &[expected]);
        }
        sample.facts.objects.insert(name("table main.other"), existing("new"));
        sample.finds(&[]);
    }
}
