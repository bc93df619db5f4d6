//! No table that is not in the backup refers to one that gives way, unless it gives way with it: its rows would refer to others than they did.

use std::collections::BTreeMap;

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::referrers::referrers;
use crate::plan::{Finding, StageKind};
use crate::text::{capital, list};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Situation { plan, catalog, facts, .. } = situation;
    // A database of its own is taken only where nothing stays.
    if plan.stage == StageKind::Database {
        return Vec::new();
    }
    let mut staying: BTreeMap<&ObjectName, Vec<&ObjectName>> = BTreeMap::new();
    for referrer in referrers(&plan.steps, catalog, facts, &plan.options, false) {
        staying.entry(referrer.to).or_default().push(referrer.table);
    }
    staying.into_iter().map(|(to, tables)| finding(to, &tables)).collect()
}

fn finding(to: &ObjectName, tables: &[&ObjectName]) -> Finding {
    let (are, refer) = if tables.len() == 1 { ("is", "refers") } else { ("are", "refer") };
    let message = format!(
        "{} would give way, and {}, which {are} not in the backup, {refer} to it",
        capital(&to.to_string()),
        list(tables)
    );
    let fix = "--cascade-foreign-keys to put these out of sight with it, --restore-policy rename, or drop their foreign keys before";
    Finding::refusal("plan.referrers", message, fix).about(to)
}
