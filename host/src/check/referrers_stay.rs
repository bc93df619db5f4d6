//! Tables that are not in the backup and refer to one that gives way are tied to the restored one; the switch fails where their rows do not
//! find theirs.

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
        "{} gives way, and {}, which {are} not in the backup, {refer} to it and will refer to the restored one; nothing is switched if \
         their rows do not find theirs there",
        capital(&to.to_string()),
        list(tables)
    );
    let fix = "--cascade-foreign-keys puts these out of sight with it, to be brought back by undo";
    Finding::warning("plan.referrers", message, fix).about(to)
}
