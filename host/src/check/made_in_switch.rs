//! What belongs to the whole database cannot be staged beside it: it is made in the switch, and that is said.

use super::Situation;
use crate::catalog::ObjectName;
use crate::plan::decide::is_shared;
use crate::plan::kinds::Kinds;
use crate::plan::{Action, Finding, Severity, StageKind};
use crate::text::list;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Situation { plan, catalog, .. } = situation;
    // The kinds of our own archives are all staged, and a target of another dialect has no words for the others.
    let speaks = situation.facts.info.dialect == catalog.backup.dialect;
    if plan.stage == StageKind::Database || catalog.layout.is_none() || !speaks {
        return Vec::new();
    }
    let kinds = Kinds::new(situation.plugins, catalog.layout.as_deref());
    let is_made_then = |name: &&ObjectName| {
        kinds.in_schema(&name.kind) == Some(false)
            && !is_shared(&name.kind)
            // What a dump says of the database itself is left as it is.
            && !matches!(name.kind.as_str(), "user" | "role" | "database" | "database_properties")
    };
    let acting = plan.steps.iter().filter(|step| step.action != Action::Skip);
    let made: Vec<&ObjectName> = acting.map(|step| &step.into).filter(is_made_then).collect();
    if made.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "Objects of the whole database are made in the switch; undo drops those that the backup says how to drop: {}",
        list(&made)
    );
    vec![Finding::new(Severity::Note, "plan.made_in_switch", message, "")]
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn only_what_is_outside_schemas_waits_for_the_switch() {
        let mut sample = Sample::of(&["schema app", "extension hstore", "table app.a", "publication p", "user ana"]);
        sample.knows_dumps();
        sample.finds(&[]);
        sample.catalog.layout = Some("pgdump".to_owned());
        sample.finds(&["Note plan.made_in_switch … how to drop: publication p"]);
        sample.catalog.backup.dialect = "postgresql".to_owned();
        sample.finds(&[]);
        sample.facts.info.dialect = "postgresql".to_owned();
        sample.facts.no_stage_database = None;
        sample.finds(&["Note plan.not_undone", "Note plan.stage"]);
    }
}
