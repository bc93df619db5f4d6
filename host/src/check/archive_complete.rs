//! The archive holds something, and what it says of its entries can be true. That every entry is there and has its size
//! was verified when the archive was opened; digests are compared while entries are read.

use std::collections::HashMap;

use super::Situation;
use crate::catalog::{Entry, Object, ObjectName};
use crate::plan::Finding;
use crate::text::{capital, quote, selector};

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let location = &situation.plan.archive.location;
    if situation.catalog.objects.is_empty() {
        let message = format!("The archive {location} holds no objects");
        return vec![Finding::refusal("archive.empty", message, format!("reinstate inspect {}", quote(location)))];
    }
    if situation.plan.steps.is_empty() {
        let message = "The plan has no steps: nothing would be restored";
        return vec![Finding::refusal(
            "plan.empty",
            message,
            "Select objects with --select, or put steps back into the plan",
        )];
    }
    let mut owners = HashMap::with_capacity(situation.catalog.objects.len());
    situation
        .catalog
        .objects
        .iter()
        .flat_map(|object| [counts(object), shared(object, &mut owners)])
        .flatten()
        .collect()
}

/// A row takes at least its line's end, and sums fit their type; lies beyond that are found while reading.
fn counts(object: &Object) -> Option<Finding> {
    let sum =
        |figure: fn(&Entry) -> u64| object.entries.iter().try_fold(0_u64, |sum, entry| sum.checked_add(figure(entry)));
    let possible = |entry: &Entry| entry.form != "csv" || entry.rows.unwrap_or(0) <= entry.bytes;
    let problem = match object.entries.iter().find(|entry| !possible(entry)) {
        Some(entry) => {
            format!("{} is said to hold {} rows in {} bytes", entry.path, entry.rows.unwrap_or(0), entry.bytes)
        }
        None if sum(|entry| entry.bytes).is_none() => "its entries' bytes add up to more than there can be".to_owned(),
        None if sum(|entry| entry.rows.unwrap_or(0)).is_none() => {
            "its entries' rows add up to more than there can be".to_owned()
        }
        None => return None,
    };
    let message = format!("The archive's figures of {} cannot be true: {problem}", object.name);
    Some(Finding::refusal("archive.bad_counts", message, leave_out(object)).about(&object.name))
}

/// An entry belongs to one object, or what is read twice would be counted twice.
fn shared<'a>(object: &'a Object, owners: &mut HashMap<&'a str, &'a ObjectName>) -> Option<Finding> {
    let mut other = None;
    for entry in &object.entries {
        other = owners.insert(&entry.path, &object.name).map(|owner| (entry, owner)).or(other);
    }
    let (entry, owner) = other?;
    let message = format!("{} shares the entry {} with {owner}", capital(&object.name.to_string()), entry.path);
    Some(Finding::refusal("archive.entry_shared", message, leave_out(object)).about(&object.name))
}

fn leave_out(object: &Object) -> String {
    format!("Take another backup, or --exclude {}", selector(&object.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{Edit, Sample, assert_findings, findings};

    #[test]
    fn figures_that_cannot_be_true_are_refused() {
        let edits: [(Edit<[Object]>, &[&str]); 5] = [
            (|_| {}, &[]),
            (
                |objects| objects[0].entries[0].rows = Some(51),
                &["Refusal archive.bad_counts table main.a … 0/0.csv.zst is said to hold 51 rows in 50 bytes"],
            ),
            (|objects| objects[0].entries[0].bytes = u64::MAX, &["archive.bad_counts … bytes add up"]),
            (
                |objects| {
                    objects[0]
                        .entries
                        .iter_mut()
                        .for_each(|entry| (entry.form, entry.rows) = ("arrow".to_owned(), Some(u64::MAX)))
                },
                &["archive.bad_counts … rows add up"],
            ),
            (
                |objects| objects[1].entries[1].path = objects[0].entries[0].path.clone(),
                &[
                    "Refusal archive.entry_shared table main.b: Table main.b shares the entry 0/0.csv.zst with table main.a … --exclude table:main.b",
                ],
            ),
        ];
        for (edit, expected) in edits {
            let mut sample = Sample::of(&["table main.a", "table main.b"]);
            edit(&mut sample.catalog.objects);
            sample.finds(expected);
        }
    }

    #[test]
    fn there_is_something_to_restore() {
        Sample::of(&[]).finds(&["Refusal archive.empty … [reinstate inspect /backups/shop.tar]"]);
        let sample = Sample::of(&["table main.a"]);
        let mut plan = sample.plan();
        plan.steps.clear();
        assert_findings(&findings(&sample.check_plan(plan)), &["Refusal plan.empty"]);
    }
}
