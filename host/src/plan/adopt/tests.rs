//! Edits of saved plans: which are taken and which are refused.

use super::*;
use crate::catalog::Digest;
use crate::plan::fixture::{Edit, Sample, existing, name};
use crate::plan::{Action, Finding, Policy};

/// 1 table a, 2 table b (needs a), 3 table c, 4 and 5 a cycle, 6 user ana.
fn sample() -> Sample {
    Sample::of(&[
        "table main.a",
        "table main.b > table main.a",
        "table main.c",
        "table main.x > table main.y",
        "table main.y > table main.x",
        "user ana",
    ])
}

fn ids(plan: &Plan) -> Vec<u32> {
    plan.steps.iter().map(|step| step.id).collect()
}

/// The saved plan with these steps in this order.
fn arranged(plan: &Plan, ids: &[u32]) -> Plan {
    let step = |id: &u32| plan.steps.iter().find(|step| step.id == *id).unwrap().clone();
    Plan { steps: ids.iter().map(step).collect(), ..plan.clone() }
}

#[test]
fn steps_are_dropped_and_moved_within_their_dependencies() {
    let fresh = sample().plan();
    for (kept, refused) in [
        (&[1, 2, 3, 4, 5, 6][..], None),
        (&[6, 5, 4, 3, 1, 2], None),
        (&[1], None),
        (&[], None),
        (&[3, 6], None),
        (&[2], Some("Step 2, table main.b, is kept without step 1, table main.a, which it needs")),
        (&[2, 1], Some("Step 2, table main.b, comes before step 1, table main.a, which it needs")),
        (&[4], Some("Step 4, table main.x, is kept without step 5, table main.y, which it needs")),
    ] {
        match (adopt(arranged(&fresh, kept), &fresh), refused) {
            (Ok(adopted), None) => {
                assert_eq!(ids(&adopted), kept);
                assert_eq!(adopted.totals, Totals::of(&adopted.steps));
                assert_eq!(adopted.totals.objects, kept.len() as u64);
            }
            (Err(error), Some(said)) => assert_eq!((error.code(), error.to_string().as_str()), ("plan.order", said)),
            (other, _) => panic!("{kept:?}: {other:?}"),
        }
    }
}

#[test]
fn what_the_target_has_may_be_dropped() {
    let mut sample = sample();
    sample.options.restore_policy = Policy::Replace;
    sample.exists(&["table main.a", "table main.y"]);
    let fresh = sample.plan();
    let adopted = adopt(arranged(&fresh, &[2, 4]), &fresh).unwrap();
    assert!(adopted.steps.iter().all(|step| step.needs.is_empty() && step.needs_loaded.is_empty()));
    let mut saved = arranged(&fresh, &[2]);
    saved.steps[0].needs.clear();
    assert_eq!(ids(&adopt(saved, &fresh).unwrap()), [2]);
    assert!(sample.check_plan(adopted).is_ok());
}

#[test]
fn findings_and_schemas_follow_the_steps() {
    let mut sample = Sample::of(&["table main.a", "table new.b"]);
    sample.options.create_schema_if_not_exist = true;
    sample.outlook("table main.a").findings = vec![Finding::refusal("table.odd", "Odd", "none")];
    let fresh = sample.plan();
    let adopted = adopt(arranged(&fresh, &[2]), &fresh).unwrap();
    assert!(adopted.findings.is_empty() && adopted.schemas == ["new"]);
    let adopted = adopt(arranged(&fresh, &[1]), &fresh).unwrap();
    assert!(adopted.findings.len() == 1 && adopted.schemas.is_empty());
    let saved = Plan { schemas: vec!["evil".to_owned()], ..fresh.clone() };
    assert_eq!(adopt(saved, &fresh).unwrap_err().code(), "plan.bad_step");
}

#[test]
fn findings_of_a_saved_plan_count_for_nothing() {
    let fresh = sample().plan();
    let mut saved = fresh.clone();
    saved.findings.push(Finding::refusal("old.news", "Old", "none"));
    assert_eq!(adopt(saved, &fresh).unwrap(), fresh);
}

#[test]
fn every_edit_of_a_step_is_refused_by_name() {
    let edits: [(Edit<Step>, &str); 13] = [
        (|step| step.action = Action::Skip, "`action` is \"skip\", but planning gives \"create\""),
        (|step| step.object.name.push('x'), "`object`"),
        (|step| step.into.name.push('x'), "`into`"),
        (|step| step.aside = Some(name("table main.z")), "`aside` is {"),
        (|step| step.reason.push('\u{1b}'), r"`reason`"),
        (|step| step.plugin = "other".to_owned(), "`plugin`"),
        (|step| step.parts += 1, "`parts` is 3, but planning gives 2"),
        (|step| step.rows += 1, "`rows`"),
        (|step| step.bytes += 1, "`bytes`"),
        (|step| step.tables.push("x".to_owned()), "`tables` is [\"x\"], but planning gives absent"),
        (|step| step.needs.push(3), "`needs`"),
        (|step| step.needs.push(99), "`needs`"),
        (|step| step.needs.clear(), "`needs` is absent, but planning gives [1]"),
    ];
    let fresh = sample().plan();
    for (edit, said) in edits {
        let mut saved = fresh.clone();
        edit(&mut saved.steps[1]);
        let error = adopt(saved, &fresh).unwrap_err();
        assert_eq!(error.code(), "plan.bad_step");
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.details().object, Some(name("table main.b")));
        assert_eq!(error.details().next, "reinstate plan /backups/shop.tar --into sqlite:/db/live.db -o PLAN");
    }
}

#[test]
fn steps_that_planning_does_not_give() {
    let fresh = sample().plan();
    let mut twice = fresh.clone();
    twice.steps.push(fresh.steps[0].clone());
    let mut invented = fresh.clone();
    invented.steps[0].id = 77;
    for (saved, said) in [(twice, "Step 1 is there twice"), (invented, "Planning gives no step 77, table main.a")] {
        let error = adopt(saved, &fresh).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("plan.bad_step", said));
    }
}

#[test]
fn whatever_else_has_changed_is_refused() {
    let edits: [(Edit<Plan>, &str, &str); 8] = [
        (|plan| plan.version = 2, "plan.invalid", "version 2"),
        (|plan| plan.archive.digest = Digest([0; 32]), "plan.archive_changed", "0000"),
        (|plan| plan.plugins[0].digest = Digest([0; 32]), "plan.plugins_changed", "plugin tables 0.1.0"),
        (|plan| plan.plugins.clear(), "plan.plugins_changed", "did not make the plan"),
        (|plan| plan.target.location.push('x'), "plan.target_changed", "sqlite:/db/live.dbx"),
        (|plan| plan.target.kind = "postgres".to_owned(), "plan.target_changed", "kind of target is postgres"),
        (|plan| plan.target.version.push('1'), "plan.target_changed", "3.51.01"),
        (|plan| plan.options.keep_going = true, "plan.invalid", "options"),
    ];
    let fresh = sample().plan();
    for (edit, code, said) in edits {
        let mut saved = fresh.clone();
        edit(&mut saved);
        let error = adopt(saved, &fresh).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn existing_objects_are_told_apart_by_their_fingerprints() {
    for (before, now, said) in [
        (None, Some("f1"), "Table main.a is in the target now, since the plan was made"),
        (Some("f1"), None, "Table main.a is no longer in the target, since the plan was made"),
        (Some("f1"), Some("f2"), "Table main.a has changed in the target, since the plan was made"),
    ] {
        let mut sample = sample();
        sample.options.restore_policy = Policy::Replace;
        let mut plan_with = |fingerprint: Option<&str>| {
            sample.facts.objects = fingerprint.map(|text| (name("table main.a"), existing(text))).into_iter().collect();
            sample.plan()
        };
        let (saved, fresh) = (plan_with(before), plan_with(now));
        let error = adopt(saved, &fresh).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("plan.target_changed", said));
    }
}

#[test]
fn a_database_that_is_exchanged_keeps_what_it_holds() {
    let mut sample = sample();
    sample.options.restore_policy = Policy::Replace;
    sample.facts.no_stage_database = None;
    sample.exists(&["table main.c"]);
    let fresh = sample.plan();
    assert_eq!(fresh.stage, StageKind::Database);
    assert_eq!(ids(&adopt(arranged(&fresh, &[1, 3]), &fresh).unwrap()), [1, 3]);
    let error = adopt(arranged(&fresh, &[1, 2, 4, 5, 6]), &fresh).unwrap_err();
    assert_eq!(error.code(), "plan.bad_step");
    assert!(error.to_string().contains("Step 3 is dropped") && error.to_string().contains("table main.c"), "{error}");
    let saved = Plan { stage: StageKind::Beside, ..fresh.clone() };
    let error = adopt(saved, &fresh).unwrap_err();
    assert_eq!(error.code(), "plan.target_changed");
    assert!(error.to_string().contains("now stages in a database of its own"), "{error}");
}

#[test]
fn an_archive_that_moved_is_the_same_archive() {
    let fresh = sample().plan();
    let mut saved = fresh.clone();
    saved.archive.location = "/elsewhere.tar".to_owned();
    assert_eq!(adopt(saved, &fresh).unwrap(), fresh);
}
