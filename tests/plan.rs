//! Promise 1: the plan is the run. Planning changes nothing, finds everything at once, is saved, read, edited and
//! applied; applying refuses when anything has changed since.

mod support;

use serde_json::Value;
use support::{Sandbox, logical_content, small_folder};

fn prepared() -> (Sandbox, String, String) {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 20);
    let archive = sandbox.pack(&sandbox.path("folder"), "archive.tar");
    let into = sandbox.target("target.sqlite");
    (sandbox, archive, into)
}

fn saved(sandbox: &Sandbox, archive: &str, into: &str, more: &[&str]) -> String {
    let plan = sandbox.text("plan.json");
    sandbox.run(&[&["plan", archive, "--into", into, "-o", &plan], more].concat()).expect(0);
    plan
}

fn edit(plan: &str, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(&std::fs::read_to_string(plan).expect("a plan")).expect("JSON");
    change(&mut value);
    std::fs::write(plan, value.to_string()).expect("written");
}

#[test]
fn planning_creates_nothing() {
    let (sandbox, archive, into) = prepared();
    let plan = sandbox.json(&["plan", &archive, "--into", &into]).expect(0).json();
    assert_eq!(plan["totals"]["objects"], 6, "{plan:#}");
    assert!(!sandbox.path("target.sqlite").exists());
}

#[test]
fn planning_leaves_every_byte_of_a_target_alone() {
    let (sandbox, archive, into) = prepared();
    sandbox.sql("target.sqlite", "CREATE TABLE people(x); INSERT INTO people VALUES (1)");
    let before = std::fs::read(sandbox.path("target.sqlite")).expect("bytes");
    sandbox.run(&["plan", &archive, "--into", &into, "--restore-policy", "replace"]).expect(0);
    assert_eq!(std::fs::read(sandbox.path("target.sqlite")).expect("bytes"), before);
}

#[test]
fn every_conflict_is_found_in_one_answer() {
    let (sandbox, archive, into) = prepared();
    sandbox.sql("target.sqlite", "CREATE TABLE people(x); CREATE TABLE teams(x); CREATE TABLE friends_nodes(x)");
    let plan = sandbox.json(&["plan", &archive, "--into", &into]).expect(3).json();
    let taken: Vec<&str> = plan["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["code"] == "target.object_exists")
        .map(|finding| finding["object"]["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(taken.len(), 3, "{plan:#}");
    for finding in plan["findings"].as_array().expect("findings") {
        assert!(!finding["fix"].as_str().expect("a fix").is_empty(), "{finding:#}");
    }
}

#[test]
fn a_refused_restore_says_so_and_writes_nothing() {
    let (sandbox, archive, into) = prepared();
    sandbox.sql("target.sqlite", "CREATE TABLE people(x)");
    let before = std::fs::read(sandbox.path("target.sqlite")).expect("bytes");
    let report = sandbox.json(&["restore", &archive, "--into", &into]).expect(3).json();
    assert_eq!(report["status"], "refused");
    assert_eq!(report["error"]["code"], "target.object_exists");
    assert_eq!(report["error"]["object"], "table main.people");
    assert_eq!(std::fs::read(sandbox.path("target.sqlite")).expect("bytes"), before);
    let next = report["error"]["next"].as_str().expect("a command");
    let planned = sandbox.shell(next);
    assert_eq!(planned.status, Some(3), "the next command shows the plan: {planned:#?}");
}

#[test]
fn a_saved_plan_is_applied() {
    let (sandbox, archive, into) = prepared();
    let plan = saved(&sandbox, &archive, &into, &[]);
    let report = sandbox.json(&["apply", &plan]).expect(0).json();
    assert_eq!(report["status"], "succeeded");
    assert_eq!(report["restored_records"], 20 + 5 + 3 + 2);
    sandbox.run(&["restore", &archive, "--into", &sandbox.target("other.sqlite")]).expect(0);
    assert_eq!(logical_content(&sandbox.path("target.sqlite")), logical_content(&sandbox.path("other.sqlite")));
}

#[test]
fn steps_may_be_dropped_and_reordered_within_their_dependencies() {
    let (sandbox, archive, into) = prepared();
    let plan = saved(&sandbox, &archive, &into, &[]);
    edit(&plan, |plan| {
        let steps = plan["steps"].as_array_mut().expect("steps");
        steps.retain(|step| step["object"]["kind"] == "table");
        assert_eq!(steps.len(), 2);
    });
    let report = sandbox.json(&["apply", &plan]).expect(0).json();
    assert_eq!(report["restored_objects"].as_object().expect("objects").len(), 2, "{report:#}");
}

#[test]
fn a_step_that_another_one_needs_cannot_be_dropped() {
    let (sandbox, archive, into) = prepared();
    let plan = saved(&sandbox, &archive, &into, &[]);
    edit(&plan, |plan| {
        plan["steps"].as_array_mut().expect("steps").retain(|step| step["object"]["name"] != "teams");
    });
    assert_eq!(sandbox.json(&["apply", &plan]).expect(3).code(), "plan.order");
    assert!(!sandbox.path("target.sqlite").exists());
}

#[test]
fn a_step_that_planning_does_not_give_is_refused() {
    let (sandbox, archive, into) = prepared();
    let plan = saved(&sandbox, &archive, &into, &[]);
    edit(&plan, |plan| plan["steps"][0]["into"]["name"] = "elsewhere".into());
    assert_eq!(sandbox.json(&["apply", &plan]).expect(3).code(), "plan.bad_step");
    std::fs::write(&plan, "{ not a plan").expect("written");
    assert_eq!(sandbox.json(&["apply", &plan]).expect(3).code(), "plan.invalid");
}

#[test]
fn another_archive_is_refused() {
    let (sandbox, archive, into) = prepared();
    let plan = saved(&sandbox, &archive, &into, &[]);
    small_folder(&sandbox.path("folder"), 21);
    std::fs::remove_file(&archive).expect("removed");
    sandbox.pack(&sandbox.path("folder"), "archive.tar");
    let refused = sandbox.json(&["apply", &plan]).expect(3);
    assert_eq!(refused.code(), "plan.archive_changed");
}

#[test]
fn a_changed_target_is_refused() {
    let (sandbox, archive, into) = prepared();
    let plan = saved(&sandbox, &archive, &into, &[]);
    sandbox.sql("target.sqlite", "CREATE TABLE people(x)");
    assert_eq!(sandbox.json(&["apply", &plan]).expect(3).code(), "plan.target_changed");

    let plan = saved(&sandbox, &archive, &into, &["--restore-policy", "replace"]);
    sandbox.sql("target.sqlite", "ALTER TABLE people ADD COLUMN y");
    assert_eq!(sandbox.json(&["apply", &plan]).expect(3).code(), "plan.target_changed");
}

#[test]
fn what_is_selected_is_planned() {
    let (sandbox, archive, into) = prepared();
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--select", "table:teams"], &["teams"]),
        (&["--select", "table"], &["people", "teams"]),
        (&["--select", "user", "--select", "role"], &["ann", "readers"]),
        (&["--exclude", "table", "--exclude", "user", "--exclude", "role", "--exclude", "graph"], &["one"]),
        (&["--select", "*:t*"], &["teams"]),
    ];
    for (options, expected) in cases {
        let plan = sandbox.json(&[&["plan", &archive, "--into", &into], options].concat()).json();
        let mut names: Vec<&str> = plan["steps"]
            .as_array()
            .unwrap_or_else(|| panic!("{options:?}: {plan:#}"))
            .iter()
            .map(|step| step["into"]["name"].as_str().expect("a name"))
            .collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{options:?}");
    }
}

#[test]
fn a_dependency_that_is_nowhere_is_found() {
    let (sandbox, archive, into) = prepared();
    let plan = sandbox.json(&["plan", &archive, "--into", &into, "--select", "table:people"]).expect(3).json();
    assert!(
        plan["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .any(|finding| finding["fix"].as_str().is_some_and(|fix| fix.contains("table:") && fix.contains("teams"))),
        "{plan:#}"
    );
}
