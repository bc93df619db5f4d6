//! Promise 2: all or nothing, and undo.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Sandbox, logical_content, small_folder};

fn prepared(existing: &str) -> (Sandbox, String, String) {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 50);
    let archive = sandbox.pack(&sandbox.path("folder"), "archive.tar");
    if !existing.is_empty() {
        sandbox.sql("target.sqlite", existing);
    }
    let into = sandbox.target("target.sqlite");
    (sandbox, archive, into)
}

const EXISTING: &str = "
    CREATE TABLE people(id INTEGER PRIMARY KEY, old TEXT UNIQUE, CHECK (old <> ''));
    INSERT INTO people VALUES (1, 'before');
    CREATE INDEX by_old ON people(old DESC);
    CREATE TABLE log(what);
    CREATE TRIGGER remember AFTER INSERT ON people BEGIN INSERT INTO log VALUES (new.old); END;
    CREATE VIEW names AS SELECT old FROM people;
    CREATE TABLE follower(person REFERENCES people(id));";

fn content(sandbox: &Sandbox) -> String {
    logical_content(&sandbox.path("target.sqlite"))
}

fn job(sandbox: &Sandbox, archive: &str, into: &str, options: &[&str]) -> String {
    let report = sandbox.json(&[&["restore", archive, "--into", into], options].concat()).expect(0).json();
    report["job"].as_str().expect("a job").to_owned()
}

#[test]
fn undo_brings_back_what_was_replaced_and_undo_again_restores() {
    let (sandbox, archive, into) = prepared(EXISTING);
    let before = content(&sandbox);
    // The view `names` reads a column that the restored table does not have; it is not ours to judge, so it goes first.
    sandbox.sql("target.sqlite", "DROP VIEW names");
    let before_switch = content(&sandbox);
    assert_ne!(before, before_switch);
    let job = job(&sandbox, &archive, &into, &["--restore-policy", "replace"]);
    let after = content(&sandbox);
    assert_eq!(sandbox.query("target.sqlite", "SELECT count(*) FROM people"), "Integer(50)");

    let undone = sandbox.json(&["undo", &job, "--into", &into]).expect(0).json();
    assert_eq!(undone["status"], "undone");
    assert_eq!(content(&sandbox), before_switch);
    sandbox.sql("target.sqlite", "INSERT INTO people VALUES (2, 'the trigger works')");
    assert_eq!(
        sandbox.query("target.sqlite", "SELECT what FROM log WHERE what LIKE 'the%'"),
        "Text(\"the trigger works\")"
    );
    sandbox.sql("target.sqlite", "DELETE FROM people WHERE id = 2; DELETE FROM log WHERE what LIKE 'the%'");

    let again = sandbox.json(&["undo", &job, "--into", &into]).expect(0).json();
    assert_eq!(again["status"], "succeeded");
    assert_eq!(content(&sandbox), after);

    sandbox.run(&["discard", &job, "--into", &into]).expect(0);
    assert_eq!(content(&sandbox), after);
    assert_eq!(sandbox.json(&["undo", &job, "--into", &into]).expect(3).code(), "job.not_possible");
}

#[test]
fn undo_of_a_restore_into_nothing_leaves_nothing() {
    let (sandbox, archive, into) = prepared("CREATE TABLE bystander(x); INSERT INTO bystander VALUES (1)");
    let before = content(&sandbox);
    let job = job(&sandbox, &archive, &into, &[]);
    sandbox.run(&["undo", &job, "--into", &into]).expect(0);
    assert_eq!(content(&sandbox), before);
    sandbox.run(&["discard", &job, "--into", &into]).expect(0);
    assert_eq!(content(&sandbox), before);
}

#[test]
fn rename_moves_the_existing_object_and_keeps_it_for_good() {
    let (sandbox, archive, into) = prepared("CREATE TABLE people(old); INSERT INTO people VALUES ('before')");
    let options = ["--restore-policy", "rename", "--renamed-objects-schema", "attic"];
    let report = sandbox.json(&[&["restore", &archive, "--into", &into][..], &options].concat()).expect(0).json();
    assert_eq!(report["renamed_objects"]["main.people"], "attic.people");
    assert_eq!(sandbox.query("target.sqlite", "SELECT old FROM \"attic.people\""), "Text(\"before\")");
    let job = report["job"].as_str().expect("a job");
    sandbox.run(&["undo", job, "--into", &into]).expect(0);
    assert_eq!(sandbox.query("target.sqlite", "SELECT old FROM people"), "Text(\"before\")");
    sandbox.run(&["undo", job, "--into", &into]).expect(0);
    sandbox.run(&["discard", job, "--into", &into]).expect(0);
    assert_eq!(sandbox.query("target.sqlite", "SELECT old FROM \"attic.people\""), "Text(\"before\")");
}

#[test]
fn rename_finds_a_schema_name_of_its_own() {
    let (sandbox, archive, into) = prepared("CREATE TABLE people(old); INSERT INTO people VALUES ('before')");
    let report = sandbox.json(&["restore", &archive, "--into", &into, "--restore-policy", "rename"]).expect(0).json();
    let aside = report["renamed_objects"]["main.people"].as_str().expect("a name").to_owned();
    assert_eq!(sandbox.query("target.sqlite", &format!("SELECT old FROM \"{aside}\"")), "Text(\"before\")");
}

#[test]
fn objects_outside_schemas_cannot_be_renamed() {
    let (sandbox, archive, into) = prepared("");
    job(&sandbox, &archive, &into, &["--select", "user", "--select", "role", "--select", "table"]);
    let refused = sandbox
        .json(&["restore", &archive, "--into", &into, "--select", "role", "--restore-policy", "rename"])
        .expect(3);
    assert_eq!(refused.json()["findings"][0]["code"], "plan.cannot_rename", "{refused:#?}");
}

#[test]
fn a_later_job_stands_in_the_way_of_undoing_an_earlier_one() {
    let (sandbox, archive, into) = prepared("");
    let first = job(&sandbox, &archive, &into, &[]);
    let second = job(&sandbox, &archive, &into, &["--restore-policy", "replace"]);
    let after = content(&sandbox);
    assert_eq!(sandbox.json(&["undo", &first, "--into", &into]).expect(3).code(), "job.superseded");
    assert_eq!(content(&sandbox), after);
    sandbox.run(&["undo", &second, "--into", &into]).expect(0);
    sandbox.run(&["discard", &second, "--into", &into]).expect(0);
    sandbox.run(&["undo", &first, "--into", &into]).expect(0);
}

#[test]
fn a_row_that_breaks_a_reference_fails_the_whole_restore() {
    let (sandbox, _, into) = prepared(EXISTING);
    sandbox.sql("target.sqlite", "DROP VIEW names");
    let before = content(&sandbox);
    std::fs::write(sandbox.path("folder/tables/teams.csv"), "id,name\n1,red\n").expect("written");
    std::fs::remove_file(sandbox.path("archive.tar")).expect("removed");
    let archive = sandbox.pack(&sandbox.path("folder"), "archive.tar");
    let report = sandbox.json(&["restore", &archive, "--into", &into, "--restore-policy", "replace"]).expect(1).json();
    assert_eq!(report["status"], "failed");
    assert_eq!(report["error"]["code"], "target.foreign_key", "{report:#}");
    assert_eq!(report["error"]["object"], "table main.people");
    assert_eq!(report["restored_objects"].as_object().expect("objects").len(), 0);
    assert_eq!(content(&sandbox), before);
    let jobs = sandbox.json(&["jobs", "--into", &into]).expect(0).json();
    assert_eq!(jobs[0]["status"], "failed");
}

#[test]
fn keep_going_switches_the_others_and_names_those_that_failed() {
    let (sandbox, _, into) = prepared("");
    std::fs::write(sandbox.path("folder/tables/teams.csv"), "id,name\n1,red\n1,again\n").expect("written");
    std::fs::remove_file(sandbox.path("archive.tar")).expect("removed");
    let archive = sandbox.pack(&sandbox.path("folder"), "archive.tar");
    let failed = sandbox.json(&["restore", &archive, "--into", &into]).expect(1).json();
    assert_eq!(failed["error"]["code"], "target.constraint", "{failed:#}");
    assert_eq!(failed["error"]["row"], 2, "{failed:#}");
    let report = sandbox.json(&["restore", &archive, "--into", &into, "--keep-going"]).expect(4).json();
    assert_eq!(report["status"], "succeeded");
    let failed = report["failed_objects"].as_object().expect("objects");
    assert!(failed.contains_key("main.teams") && failed.contains_key("main.people"), "{report:#}");
    assert!(report["restored_objects"].as_object().expect("objects").contains_key("main.friends"));
    assert_eq!(sandbox.query("target.sqlite", "SELECT count(*) FROM friends_nodes"), "Integer(3)");
}

#[test]
fn schemas_are_mapped_and_created_unless_refused() {
    let (sandbox, archive, into) = prepared("");
    let map = ["restore", &archive, "--into", &into, "--target-schema-map", "main=copy", "--select", "table"];
    let refused = sandbox.json(&[&map[..], &["--create-schema-if-not-exist=false"]].concat()).expect(3);
    assert_eq!(refused.json()["findings"][0]["code"], "plan.schema_missing");
    let report = sandbox.json(&map).expect(0).json();
    assert!(report["restored_objects"].as_object().expect("objects").contains_key("copy.people"));
    assert_eq!(sandbox.query("target.sqlite", "SELECT count(*) FROM \"copy.people\""), "Integer(50)");
    assert_eq!(
        sandbox.query("target.sqlite", "SELECT \"table\" FROM pragma_foreign_key_list('copy.people')"),
        "Text(\"copy.teams\")"
    );
}

#[test]
fn definitions_only_leaves_rows_out() {
    let (sandbox, archive, into) = prepared("");
    let report = sandbox.json(&["restore", &archive, "--into", &into, "--ddl-only"]).expect(0).json();
    assert_eq!(report["restored_records"], 0);
    assert_eq!(sandbox.query("target.sqlite", "SELECT count(*) FROM people"), "Integer(0)");
}

#[test]
fn readers_never_see_a_mixture() {
    let (sandbox, archive, into) =
        prepared("PRAGMA journal_mode = WAL; CREATE TABLE people(id, name, team_id); CREATE TABLE teams(id, name);");
    let stop = Arc::new(AtomicBool::new(false));
    let path = sandbox.path("target.sqlite");
    let flag = Arc::clone(&stop);
    let reader = std::thread::spawn(move || {
        let connection = rusqlite::Connection::open(path).expect("a database");
        connection.busy_timeout(Duration::from_secs(10)).expect("a timeout");
        let (mut polls, mut seen) = (0_u64, std::collections::BTreeSet::new());
        while !flag.load(Ordering::Relaxed) {
            // One statement, one snapshot: both tables are the old ones or both are the new ones.
            let both: (i64, i64) = connection
                .query_row("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM teams)", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .expect("readers are never turned away");
            seen.insert(both);
            polls += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        (polls, seen)
    });
    let job = job(&sandbox, &archive, &into, &["--restore-policy", "replace"]);
    for _ in 0..20 {
        sandbox.run(&["undo", &job, "--into", &into]).expect(0);
    }
    stop.store(true, Ordering::Relaxed);
    let (polls, seen) = reader.join().expect("no panic");
    assert!(polls > 20, "{polls} polls");
    let allowed = [(0, 0), (50, 5)];
    assert!(seen.iter().all(|both| allowed.contains(both)), "a mixture was seen: {seen:?}");
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[test]
fn what_is_kept_as_a_document_is_replaced_and_undone_like_the_rest() {
    let sandbox = Sandbox::new();
    let archive = sandbox.pack(&support::data("pagila"), "archive.tar");
    let into = sandbox.target("target.sqlite");
    job(&sandbox, &archive, &into, &[]);
    let first = content(&sandbox);
    assert_eq!(
        sandbox.json(&["restore", &archive, "--into", &into, "--select", "view"]).expect(3).code(),
        "target.object_exists"
    );
    let again = job(&sandbox, &archive, &into, &["--restore-policy", "replace"]);
    assert_eq!(content(&sandbox), first);
    sandbox.run(&["undo", &again, "--into", &into]).expect(0);
    assert_eq!(content(&sandbox), first);
    sandbox.run(&["discard", &again, "--into", &into]).expect(0);
    assert_eq!(content(&sandbox), first);
}
