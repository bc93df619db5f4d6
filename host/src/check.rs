//! Preconditions: one rule a file, all of them always run, every finding in one answer.

use crate::catalog::Catalog;
use crate::plan::{Finding, Plan, PluginDescription, Severity};
use crate::target::Facts;

/// Everything a precondition may look at.
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

/// A plan whose preconditions held. Cannot be deserialised: a saved plan is always checked again.
#[derive(Debug)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

/// Runs every rule. The findings are in the plan either way; without a refusal it becomes a [`CheckedPlan`].
pub fn check(mut plan: Plan, findings: Vec<Finding>) -> Result<CheckedPlan, Plan> {
    plan.findings.extend(findings);
    if plan.findings.iter().any(|finding| finding.severity == Severity::Refusal) {
        return Err(plan);
    }
    Ok(CheckedPlan(plan))
}
