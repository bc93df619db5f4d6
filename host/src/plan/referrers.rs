//! Tables that are not in the backup and refer to tables that give way: they stay, or are put out of sight with these.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::catalog::{Catalog, ObjectName};
use crate::facts::{Existing, Facts};

use super::names::{Key, Naming, mapped};
use super::{Action, Options, Step};

/// A table of the target, and the one that gives way to which its foreign keys refer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Referrer<'a> {
    pub(crate) table: &'a ObjectName,
    pub(crate) to: &'a ObjectName,
}

/// Those of tables that are replaced or dropped by these steps. What the backup holds is none, also where it is not selected: it was left
/// out on purpose.
pub(crate) fn referrers<'a>(
    steps: &[Step],
    catalog: &Catalog,
    facts: &'a Facts,
    options: &Options,
    through: bool,
) -> Vec<Referrer<'a>> {
    // As the target takes names for the same: a file calls `a.b` of the schema main `b` of the schema `a`.
    let naming = Naming::of(&facts.info.dialect);
    let names: Vec<ObjectName> =
        catalog.objects.iter().map(|object| mapped(&object.name, &options.target_schema_map)).collect();
    let held: HashSet<Key<'_>> = names.iter().map(|name| naming.key(name)).collect();
    let mut known: HashSet<&ObjectName> =
        steps.iter().filter(|step| step.action != Action::Skip).map(|step| &step.into).collect();
    let gives_way = |step: &&Step| matches!(step.action, Action::Replace | Action::Drop);
    let mut open: VecDeque<(&'a ObjectName, &'a Existing)> =
        steps.iter().filter(gives_way).filter_map(|step| facts.objects.get_key_value(&step.into)).collect();
    let mut found = BTreeMap::new();
    while let Some((to, existing)) = open.pop_front() {
        for table in existing.referrers.iter().filter(|table| !held.contains(&naming.key(table))) {
            if let Some(entry) = facts.objects.get_key_value(table).filter(|_| known.insert(table)) {
                found.insert(entry.0, to);
                // What refers to a table that goes, goes too.
                if through {
                    open.push_back(entry);
                }
            }
        }
    }
    found.into_iter().map(|(table, to)| Referrer { table, to }).collect()
}

/// Steps that put these tables out of sight, numbered behind the others.
pub(super) fn dropped(steps: &[Step], found: &[Referrer<'_>], facts: &Facts) -> Vec<Step> {
    let first = steps.iter().map(|step| step.id).max().unwrap_or(0);
    let ids = (1..).map(|number| first.saturating_add(number));
    let step = |(referrer, id): (&Referrer<'_>, u32)| Step {
        id,
        action: Action::Drop,
        existing: facts.objects.get(referrer.table).map(|existing| existing.fingerprint.clone()),
        reason: format!("It refers to {}, which gives way, and is not in the backup; kept until discard", referrer.to),
        ..Step::idle(referrer.table.clone(), referrer.table.clone())
    };
    found.iter().zip(ids).map(step).collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::{Sample, name};
    use crate::plan::{Action, Policy};

    /// `child` and `other` refer to `parent`, `grandchild` to `child`, `child` to itself.
    fn sample(archive: &[&str], policy: Policy, cascade: bool) -> Sample {
        let mut sample = Sample::of(archive);
        sample.options.restore_policy = policy;
        sample.options.cascade_foreign_keys = cascade;
        sample.exists(&["table main.parent", "table main.child", "table main.other", "table main.grandchild"]);
        for (table, referrers) in [
            ("table main.parent", &["table main.child", "table main.other"][..]),
            ("table main.child", &["table main.child", "table main.grandchild"]),
        ] {
            let table = sample.facts.objects.get_mut(&name(table)).unwrap();
            table.referrers = referrers.iter().map(|text| name(text)).collect();
        }
        sample
    }

    #[test]
    fn tables_that_refer_to_what_gives_way_go_with_it_when_asked_for() {
        let parent = &["table main.parent"][..];
        for (archive, select, policy, cascade, expected) in [
            (parent, "*", Policy::Replace, true, "1 replace parent, 2 drop child, 3 drop grandchild, 4 drop other"),
            (parent, "*", Policy::Replace, false, "1 replace parent"),
            (parent, "*", Policy::Rename, true, "1 rename parent"),
            (parent, "*", Policy::None, true, "1 create parent"),
            (
                &["table main.parent", "table main.child"],
                "*",
                Policy::Replace,
                true,
                "1 replace parent, 2 replace child, 3 drop grandchild, 4 drop other",
            ),
            // It is in the backup, and was not asked for.
            (
                &["table main.parent", "table main.child"],
                "table:parent",
                Policy::Replace,
                true,
                "1 replace parent, 2 drop other",
            ),
        ] {
            let mut sample = sample(archive, policy, cascade);
            sample.options.select = crate::plan::fixture::selectors(&[select]);
            let plan = sample.plan();
            let told = |step: &crate::plan::Step| {
                format!("{} {} {}", step.id, format!("{:?}", step.action).to_lowercase(), step.into.name)
            };
            assert_eq!(plan.steps.iter().map(told).collect::<Vec<_>>().join(", "), expected, "{archive:?} {select}");
            let restoring = plan.steps.iter().filter(|step| step.action != Action::Drop).count();
            assert_eq!(plan.totals.objects, restoring as u64);
        }
    }

    #[test]
    fn tables_that_stay_are_named() {
        let sample = sample(&["table main.parent"], Policy::Replace, false);
        sample.finds(&[
            "Warning plan.referrers table main.parent: Table main.parent gives way, and table main.child, table \
                        main.other, which are not in the backup, refer to it … [--cascade-foreign-keys",
        ]);
        let cascading = self::sample(&["table main.parent"], Policy::Replace, true);
        cascading.finds(&[]);
    }
}
