//! Preconditions: one rule a file, all of them always run, every finding in one answer.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::plan::{Finding, Plan, PluginDescription, Severity};
use crate::target::Facts;

mod access_taken;
mod archive_complete;
mod changes_stored;
pub(crate) mod connections_enough;
mod definitions_stay;
mod dependents_stay;
mod extensions_available;
mod made_in_switch;
mod names_free;
mod names_valid;
mod no_other_restore;
mod nodes_ready;
mod options_used;
mod plugins_available;
mod plugins_granted;
mod principals_exist;
mod referrers_stay;
mod right_to_restore;
mod rows_into_existing;
mod runs_as_itself;
mod schemas_exist;
mod schemas_open;
mod skipped_not_needed;
mod snapshot_right;
mod space_enough;
mod steps_ordered;
mod target_found;
mod target_version;
mod unchanged;

/// Everything a precondition may look at.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// What will be done.
    pub plan: &'a Plan,
    /// What the archive holds.
    pub catalog: &'a Catalog,
    /// What the target holds.
    pub facts: &'a Facts,
    /// What can restore it.
    pub plugins: &'a [PluginDescription],
}

/// A rule. An embedding program adds its own to [`crate::restore::Host`].
pub trait Precondition: Send + Sync {
    /// Looks at the situation; no findings when all is well.
    fn check(&self, situation: &Situation<'_>) -> Vec<Finding>;
}

type Rule = fn(&Situation<'_>) -> Vec<Finding>;

/// Every rule of our own. The first one lets a plan that was made earlier meet what is there now.
const RULES: &[Rule] = &[
    unchanged::check,
    right_to_restore::check,
    target_version::check,
    no_other_restore::check,
    nodes_ready::check,
    changes_stored::check,
    connections_enough::check,
    target_found::check,
    archive_complete::check,
    |situation| snapshot_right::check(situation).into_iter().collect(),
    plugins_available::check,
    plugins_granted::check,
    options_used::check,
    names_valid::check,
    names_free::check,
    dependents_stay::check,
    referrers_stay::check,
    rows_into_existing::check,
    schemas_exist::check,
    schemas_open::check,
    principals_exist::check,
    runs_as_itself::check,
    |situation| access_taken::check(situation).into_iter().collect(),
    skipped_not_needed::check,
    extensions_available::check,
    definitions_stay::check,
    made_in_switch::check,
    steps_ordered::check,
    space_enough::check,
];

/// A plan whose preconditions held. Cannot be deserialised: a saved plan is always checked again.
#[derive(Debug)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

/// Runs every rule, our own and `extra`, always all of them. The findings are in the plan either way, the gravest first;
/// without a refusal it becomes a [`CheckedPlan`]. Checking twice finds nothing twice.
pub fn run(
    mut plan: Plan,
    catalog: &Catalog,
    facts: &Facts,
    plugins: &[PluginDescription],
    extra: &[Arc<dyn Precondition>],
) -> Result<CheckedPlan, Box<Plan>> {
    let situation = Situation { plan: &plan, catalog, facts, plugins };
    let mut found: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&situation)).collect();
    found.extend(extra.iter().flat_map(|rule| rule.check(&situation)));
    plan.findings.extend(found);
    plan.findings.sort_by(|one, other| rank(one).cmp(&rank(other)));
    plan.findings.dedup();
    if plan.findings.iter().any(|finding| finding.severity == Severity::Refusal) {
        return Err(Box::new(plan));
    }
    Ok(CheckedPlan(plan))
}

fn rank(finding: &Finding) -> impl Ord {
    (Reverse(finding.severity), &finding.object, &finding.code, &finding.message, &finding.fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{Sample, assert_findings, findings, name};

    struct Always(Severity);

    impl Precondition for Always {
        fn check(&self, situation: &Situation<'_>) -> Vec<Finding> {
            let finding = Finding::new(self.0, "my.rule", format!("Of {}", situation.plan.steps.len()), "none");
            situation.plan.steps.iter().map(|step| finding.clone().about(&step.object)).collect()
        }
    }

    #[test]
    fn rules_of_an_embedding_program_count_like_our_own() {
        let sample = Sample::of(&["table main.a"]);
        for (severity, refused) in [(Severity::Note, false), (Severity::Warning, false), (Severity::Refusal, true)] {
            let extra: [Arc<dyn Precondition>; 1] = [Arc::new(Always(severity))];
            let checked = run(sample.plan(), &sample.catalog, &sample.facts, &sample.plugins, &extra);
            assert_eq!(checked.is_err(), refused);
            assert_findings(&findings(&checked), &["my.rule table main.a: Of 1 [none]"]);
        }
    }

    #[test]
    fn every_rule_speaks_and_the_gravest_come_first() {
        let mut sample =
            Sample::of(&["table main.b", "table main.a", "user ana > role r", "table main.a > table zz.z"]);
        sample.exists(&["table main.b"]);
        sample.facts.health.busy = Some("r-1".to_owned());
        sample.facts.health.interrupted = vec!["r-2".to_owned()];
        sample.outlook("table main.b").findings = vec![Finding::new(Severity::Note, "table.note", "Noted", "")];
        let once = sample.check().unwrap_err();
        let found: Vec<(Severity, &str, Option<&crate::catalog::ObjectName>)> = once
            .findings
            .iter()
            .map(|finding| (finding.severity, finding.code.as_str(), finding.object.as_ref()))
            .collect();
        use Severity::{Note, Refusal, Warning};
        let expected = [
            (Refusal, "target.busy", None),
            (Refusal, "plan.dependency_missing", Some(name("table main.a"))),
            (Refusal, "plan.name_clash", Some(name("table main.a"))),
            (Refusal, "target.object_exists", Some(name("table main.b"))),
            (Warning, "target.job_waits", None),
            (Warning, "plan.dependency_missing", Some(name("user ana"))),
            (Note, "table.note", Some(name("table main.b"))),
        ];
        assert!(
            found.iter().copied().eq(expected.iter().map(|(severity, code, object)| (
                *severity,
                *code,
                object.as_ref()
            ))),
            "{found:#?}"
        );
        let twice = sample.check_plan((*once).clone()).unwrap_err();
        assert_eq!(twice, once);
    }

    #[test]
    fn every_code_of_a_rule_is_in_the_table() {
        let sources = [
            include_str!("check/access_taken.rs"),
            include_str!("check/archive_complete.rs"),
            include_str!("check/changes_stored.rs"),
            include_str!("check/connections_enough.rs"),
            include_str!("check/definitions_stay.rs"),
            include_str!("check/dependents_stay.rs"),
            include_str!("check/extensions_available.rs"),
            include_str!("check/made_in_switch.rs"),
            include_str!("check/names_free.rs"),
            include_str!("check/names_valid.rs"),
            include_str!("check/no_other_restore.rs"),
            include_str!("check/nodes_ready.rs"),
            include_str!("check/options_used.rs"),
            include_str!("check/plugins_available.rs"),
            include_str!("check/plugins_granted.rs"),
            include_str!("check/principals_exist.rs"),
            include_str!("check/referrers_stay.rs"),
            include_str!("check/right_to_restore.rs"),
            include_str!("check/rows_into_existing.rs"),
            include_str!("check/runs_as_itself.rs"),
            include_str!("check/schemas_exist.rs"),
            include_str!("check/skipped_not_needed.rs"),
            include_str!("check/snapshot_right.rs"),
            include_str!("check/space_enough.rs"),
            include_str!("check/steps_ordered.rs"),
            include_str!("check/target_version.rs"),
            include_str!("check/unchanged.rs"),
            include_str!("plan/adopt.rs"),
            include_str!("plan/json.rs"),
            include_str!("plan/left.rs"),
            include_str!("plan/links.rs"),
            include_str!("plan/rights.rs"),
            include_str!("plan/select.rs"),
            include_str!("plan/stage.rs"),
        ];
        let words = sources.iter().flat_map(|source| source.split('"').skip(1).step_by(2));
        let is_code = |word: &&str| {
            ["plan.", "target.", "archive.", "plugin.", "catalog."].iter().any(|start| word.starts_with(start))
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte == b'_')
        };
        let codes: std::collections::BTreeSet<&str> = words.filter(is_code).collect();
        assert!(codes.len() > 20);
        let known = |code: &str| crate::error::codes::ALL.iter().any(|(known, ..)| *known == code);
        assert_eq!(codes.into_iter().filter(|code| !known(code)).collect::<Vec<_>>(), [""; 0]);
    }
}
