//! What a job's plan says that its stage must know. Embedding programs may keep plans of their own kind: all of it is optional.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Action, Plan, StageKind, Step};

/// What we need of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) steps: Vec<Step>,
    pub(crate) map: BTreeMap<String, String>,
    pub(crate) stage: StageKind,
    pub(crate) skip_analyze: bool,
    /// The SQL dialect of the archive.
    pub(crate) dialect: String,
    /// Codes of statements that may reach outside the stage.
    pub(crate) allow: BTreeSet<String>,
}

impl Head {
    pub(crate) fn of(plan: &str) -> Self {
        let Ok(plan) = Plan::from_json(plan) else { return Self::default() };
        Self {
            map: plan.options.target_schema_map,
            allow: plan.options.allow,
            stage: plan.stage,
            skip_analyze: plan.options.skip_analyze,
            steps: plan.steps,
            dialect: plan.archive.backup.dialect,
        }
    }

    /// Schemas of the target that the steps' objects live in.
    pub(crate) fn target_schemas(&self) -> BTreeSet<&str> {
        self.steps.iter().filter_map(|step| step.into.schema.as_deref()).collect()
    }

    /// Schemas that the job makes, by the archive's names and the target's.
    pub(crate) fn made_schemas(&self) -> Vec<(String, String)> {
        let made = self.steps.iter().filter(|step| step.into.kind == "schema" && step.action != Action::Skip);
        made.map(|step| (step.object.name.clone(), step.into.name.clone())).collect()
    }
}
