//! Planning: asks for the outlook of many objects at a time, in instances that can write nothing.

use std::ops::Range;
use std::sync::Arc;

use super::bindings::exports::reinstate::plugin::handler as guest;
use super::bindings::reinstate::plugin::types::{self, Target};
use super::guest::{Guest, Rest, own_code};
use super::state::{Phase, State};
use super::text::{harmless, is_word};
use super::{ObjectView, Surroundings, convert};
use crate::cancel::Cancel;
use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::{Finding, Outlook};

/// Objects in one call, and bytes of what is said of them: what crosses is held three times.
const BATCH_OBJECTS: usize = 1000;
const BATCH_BYTES: usize = 4 << 20;
/// Further tables of an object.
const TABLES: usize = 64;
/// Dependencies and findings of an object that are kept.
const LIST: usize = 100_000;

/// One outlook for each object, in order.
pub(super) fn plan(
    guest: &Guest,
    views: &[ObjectView],
    surroundings: &Surroundings,
    cancel: &Cancel,
) -> Result<Vec<Outlook>> {
    let target = convert::target(surroundings);
    let mut outlooks = Vec::with_capacity(views.len());
    for range in batches(views) {
        let batch = &views[range];
        let ask = |views: &[ObjectView]| ask(guest, views, surroundings, &target, cancel);
        outlooks.extend(ask(batch).or_else(|error| blame(batch, error, ask))?);
    }
    Ok(outlooks)
}

/// Finds the object behind a failure by asking for each alone.
fn blame(
    views: &[ObjectView],
    error: Error,
    ask: impl Fn(&[ObjectView]) -> Result<Vec<Outlook>>,
) -> Result<Vec<Outlook>> {
    match views {
        _ if error.is_resumable() => return Err(error),
        [view] => return Err(error.object(&view.object.name)),
        _ => {}
    }
    let one = |view: &ObjectView| ask(std::slice::from_ref(view)).map_err(|error| error.object(&view.object.name));
    let outlooks: Vec<Vec<Outlook>> = views.iter().map(one).collect::<Result<_>>()?;
    Ok(outlooks.into_iter().flatten().collect())
}

fn batches(views: &[ObjectView]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, view) in views.iter().enumerate() {
        if at > start && (at - start == BATCH_OBJECTS || bytes + weight(view) > BATCH_BYTES) {
            batches.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += weight(view);
    }
    if start < views.len() {
        batches.push(start..views.len());
    }
    batches
}

fn weight(view: &ObjectView) -> usize {
    let entries: usize = view.object.entries.iter().map(|entry| 64 + entry.path.len()).sum();
    view.object.attributes.get().len() + entries
}

fn ask(
    guest: &Guest,
    views: &[ObjectView],
    surroundings: &Surroundings,
    target: &Target,
    cancel: &Cancel,
) -> Result<Vec<Outlook>> {
    cancel.check()?;
    let objects: Vec<_> = views.iter().map(|view| convert::object(view, surroundings)).collect();
    let mut state = State::new(Arc::clone(&guest.who), Arc::clone(&guest.limits), cancel.clone(), None);
    state.allow = Arc::new(surroundings.allow.clone());
    state.owners = Arc::new(surroundings.owners());
    let instance = guest.start(state)?;
    let (_, answer) = instance.call(Phase::Plan, &mut Rest::default(), |exports, store| {
        exports.handler()?.call_plan(store, &objects, target)
    });
    let answers = answer?;
    if answers.len() != views.len() {
        let message = format!("{} gave {} outlooks for {} objects", guest.who, answers.len(), views.len());
        return Err(Error::new("plugin.bad_answer", message));
    }
    views.iter().zip(answers).map(|(view, answer)| outlook(guest, &view.object.name, answer)).collect()
}

fn outlook(guest: &Guest, object: &ObjectName, answer: guest::Outlook) -> Result<Outlook> {
    let bad = |what: &str| Error::new("plugin.bad_answer", format!("{} {what}", guest.who)).object(object);
    if answer.tables.len() > TABLES || !answer.tables.iter().all(|table| is_word(table)) {
        return Err(bad("named further tables that cannot be"));
    }
    if answer.dependencies.len().max(answer.locks.len()).max(answer.principals.len()) > LIST
        || answer.findings.len() > LIST
    {
        return Err(bad("gave more dependencies or findings than an object can have"));
    }
    Ok(Outlook {
        dependencies: answer.dependencies.into_iter().map(convert::host_name).collect(),
        findings: answer.findings.into_iter().map(|one| finding(one, object, guest.limits.text_bytes)).collect(),
        rows: answer.rows,
        bytes: answer.bytes,
        tables: answer.tables,
        locks: answer.locks.into_iter().map(convert::host_name).collect(),
        principals: answer.principals,
    })
}

/// A plugin's finding, made harmless.
pub(super) fn finding(finding: types::Finding, object: &ObjectName, text_bytes: usize) -> Finding {
    Finding {
        severity: convert::severity(finding.severity),
        code: own_code(finding.code),
        object: Some(object.clone()),
        message: harmless(&finding.message, text_bytes),
        fix: harmless(&finding.fix, text_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Object;

    #[test]
    fn batches_are_bounded_in_objects_and_bytes_and_lose_none() {
        let view = |bytes: usize| {
            let attributes = serde_json::value::RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
            let name = ObjectName::new("table", Some("main"), "t");
            let object = Object {
                name: name.clone(),
                attributes,
                depends: Vec::new(),
                entries: Vec::new(),
                section: crate::catalog::Section::PreData,
            };
            ObjectView {
                object: Arc::new(object),
                into: name,
                definitions_only: false,
                rows_only: false,
                leave_out: Default::default(),
            }
        };
        let small: Vec<_> = (0..2500).map(|_| view(1)).collect();
        assert_eq!(batches(&small), [0..1000, 1000..2000, 2000..2500]);
        let large = [view(3 << 20), view(3 << 20), view(9 << 20), view(1), view(1)];
        assert_eq!(batches(&large), [0..1, 1..2, 2..3, 3..5]);
        assert!(batches(&[]).is_empty());
    }
}
