//! What has changed in the live database while a job worked: a plan that was right then may not be right now.

use std::collections::HashSet;

use crate::catalog::ObjectName;
use crate::plan::{Action, Finding, Step};
use crate::target::Facts;

use super::placement::hangs;

/// Objects that give way, or get rows, and are not as they were planned; and, where the whole database gives way, objects that would go
/// with it and that the job does not bring.
pub(crate) fn findings(facts: &Facts, steps: &[Step], whole: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = steps.iter().filter_map(|step| changed(facts, step)).collect();
    if whole {
        findings.extend(created(facts, steps));
    }
    findings
}

fn changed(facts: &Facts, step: &Step) -> Option<Finding> {
    let planned = step.existing.as_ref().filter(|_| !matches!(step.action, Action::Skip | Action::Create))?;
    let what = crate::text::capital(&step.into.to_string());
    let message = match facts.objects.get(&step.into) {
        None => format!("{what} has been dropped since the restore was planned"),
        Some(now) if now.fingerprint != *planned => format!("{what} has been changed since the restore was planned"),
        Some(_) => return None,
    };
    Some(refusal(message, &step.into))
}

fn created(facts: &Facts, steps: &[Step]) -> Option<Finding> {
    let brought: HashSet<&ObjectName> = steps.iter().map(|step| &step.into).collect();
    // Roles are the server's, and these are in every new database.
    let stays = |name: &ObjectName| {
        matches!((&*name.kind, &*name.name), ("user" | "role", _) | ("schema", "public") | ("extension", "plpgsql"))
    };
    let goes = |name: &&ObjectName| !stays(name) && !hangs(name) && !brought.contains(name);
    let new = facts.objects.keys().find(goes)?;
    let what = crate::text::capital(&new.to_string());
    let message =
        format!("{what} has been created since the restore was planned, and would go with the database that gives way");
    Some(refusal(message, new))
}

fn refusal(message: String, object: &ObjectName) -> Finding {
    Finding::refusal("plan.target_changed", message, "Plan again").about(object)
}
