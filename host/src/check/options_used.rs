//! Every option has something to act on; one that has not is most likely a slip.

use std::collections::BTreeSet;

use super::Situation;
use crate::plan::{Finding, Policy, Severity};
use crate::text::{list, quote};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let options = &situation.plan.options;
    let schemas: BTreeSet<&str> =
        situation.catalog.objects.iter().filter_map(|object| object.name.schema.as_deref()).collect();
    let kinds: BTreeSet<&str> = situation.catalog.objects.iter().map(|object| object.name.kind.as_str()).collect();
    let restorable: BTreeSet<&str> =
        situation.plugins.iter().flat_map(|plugin| plugin.kinds.iter().map(|kind| kind.name.as_str())).collect();
    let held: Vec<&str> = schemas.iter().copied().collect();
    let unknown = options.target_schema_map.keys().filter(|schema| !schemas.contains(schema.as_str())).map(|schema| {
        let message =
            format!("--target-schema-map names the schema {schema}, but the archive's schemas are: {}", list(&held));
        Finding::refusal("plan.map_unmatched", message, format!("Leave out --target-schema-map {}=…", quote(schema)))
    });
    let aimless = (options.renamed_objects_schema.is_some() && !options.uses(Policy::Rename)).then(|| {
        let message = "--renamed-objects-schema does nothing without the policy rename";
        Finding::warning(
            "plan.option_unused",
            message,
            "--restore-policy rename, or leave out --renamed-objects-schema",
        )
    });
    let ignored = (options.rows_only && (options.uses(Policy::Replace) || options.uses(Policy::Rename))).then(|| {
        let message = "--restore-policy does nothing with --data-only: rows are added to what is there";
        Finding::warning("plan.option_unused", message, "Leave out one of them")
    });
    let kindless = options.restore_policy_by_kind.keys().filter(|kind| !kinds.contains(kind.as_str())).map(|kind| {
        let message = format!("--restore-policy names the kind {kind}, of which the archive holds nothing");
        let fix = format!("Leave out {}=…", quote(kind));
        // A slip in the name of a kind leaves that kind to the general policy, which may replace what was to be spared.
        let severity = if restorable.contains(kind.as_str()) { Severity::Warning } else { Severity::Refusal };
        Finding::new(severity, "plan.option_unused", message, fix)
    });
    let uncascaded = (options.cascade_foreign_keys && !options.uses(Policy::Replace)).then(|| {
        let message = "--cascade-foreign-keys does nothing without the policy replace";
        Finding::warning("plan.option_unused", message, "--restore-policy replace, or leave out --cascade-foreign-keys")
    });
    unknown.chain(aimless).chain(ignored).chain(kindless).chain(uncascaded).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::plan::Policy;
    use crate::plan::fixture::Sample;

    #[test]
    fn a_mapping_of_nothing_would_restore_over_what_was_to_be_spared() {
        let mut sample = Sample::of(&["table main.a", "user ana"]);
        sample.options.target_schema_map = BTreeMap::from([("mian".to_owned(), "copy".to_owned())]);
        sample.options.renamed_objects_schema = Some("old".to_owned());
        sample.finds(&[
            "Refusal plan.map_unmatched … the schema mian, but the archive's schemas are: main",
            "Warning plan.option_unused … [--restore-policy rename",
        ]);
    }

    #[test]
    fn a_policy_for_a_kind_that_there_is_not_may_spare_nothing() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.options.restore_policy_by_kind =
            BTreeMap::from([("tabel".to_owned(), Policy::None), ("user".to_owned(), Policy::None)]);
        sample.finds(&[
            "Refusal plan.option_unused … names the kind tabel, of which the archive holds nothing [Leave out tabel=…]",
            "Warning plan.option_unused … names the kind user",
        ]);
    }
}
