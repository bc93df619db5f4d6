//! Promises 2 and 3 where the target gives no way: it is full, read-only, locked, busy, or the operator stops. The target is as
//! it was, and what the error says to run next works.

mod support;

#[path = "limits/held.rs"]
mod held;
#[path = "limits/mounts.rs"]
mod mounts;

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use support::{Outcome, Sandbox, logical_content, small_folder};

use held::Held;
use mounts::Mount;

const EXISTING: &str = "CREATE TABLE people(old TEXT); INSERT INTO people VALUES ('kept');
    CREATE TABLE bystander(x); INSERT INTO bystander VALUES (1), (2);";

/// A target in WAL mode, an archive with this many rows in one of its tables, and what the target holds before.
fn prepared(rows: u32) -> (Sandbox, String, String) {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), rows);
    let archive = sandbox.pack(&sandbox.path("folder"), "archive.tar");
    sandbox.sql("target.sqlite", &format!("PRAGMA journal_mode = WAL; {EXISTING}"));
    let before = logical_content(&sandbox.path("target.sqlite"));
    (sandbox, archive, before)
}

/// What an undisturbed restore into the same target gives.
fn undisturbed(sandbox: &Sandbox, archive: &str) -> String {
    sandbox.sql("undisturbed.sqlite", EXISTING);
    let into = sandbox.target("undisturbed.sqlite");
    sandbox.json(&["restore", archive, "--into", &into, "--restore-policy", "replace"]).expect(0);
    logical_content(&sandbox.path("undisturbed.sqlite"))
}

fn restore<'a>(archive: &'a str, into: &'a str) -> Vec<&'a str> {
    vec!["restore", archive, "--into", into, "--restore-policy", "replace", "--json"]
}

/// The error, which must have this code, say that nothing has changed and name a command.
#[track_caller]
fn error(outcome: &Outcome, status: i32, code: &str) -> Value {
    assert_eq!(outcome.status, Some(status), "{outcome:#?}");
    let report = outcome.json();
    let error = report["error"].clone();
    assert_eq!(error["code"], code, "{report:#}");
    assert!(error["state"].as_str().is_some_and(|state| state.starts_with("The target is unchanged")), "{error:#}");
    assert!(error["next"].as_str().is_some_and(|next| next.starts_with("reinstate ")), "{error:#}");
    assert!(report["restored_objects"].as_object().expect("objects").is_empty(), "{report:#}");
    error
}

/// Runs what the error says to run, which must bring the job to its end.
#[track_caller]
fn resumed(sandbox: &Sandbox, error: &Value, path: &Path, expected: &str) {
    let next = error["next"].as_str().expect("a command");
    assert!(next.starts_with("reinstate resume r-"), "{next}");
    let report = sandbox.shell(&format!("{next} --json")).expect(0).json();
    assert_eq!(report["status"], "succeeded", "{report:#}");
    assert_eq!(logical_content(path), expected);
}

/// Why a test is left out.
#[expect(clippy::print_stderr, reason = "A test that is left out must say so")]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

#[test]
fn a_full_disk_keeps_the_job_for_resume() {
    let (sandbox, archive, _) = prepared(400_000);
    let expected = undisturbed(&sandbox, &archive);
    let disk = match Mount::tmpfs(&sandbox.path("disk"), "96m") {
        Ok(disk) => disk,
        Err(reason) => return skip(&reason),
    };
    sandbox.sql("disk/target.sqlite", &format!("PRAGMA journal_mode = WAL; {EXISTING}"));
    let path = sandbox.path("disk/target.sqlite");
    let before = logical_content(&path);
    let into = sandbox.target("disk/target.sqlite");

    let held = Held::start(&sandbox, &restore(&archive, &into), &path);
    disk.fill();
    let stopped = held.release();
    let told = error(&stopped, 1, "target.full");
    assert_eq!(logical_content(&path), before);
    assert!(sandbox.interrupted_job("disk/target.sqlite").is_some());

    disk.make_room();
    resumed(&sandbox, &told, &path, &expected);
}

#[test]
fn a_disk_that_is_too_small_is_found_before_anything_starts() {
    let (sandbox, archive, _) = prepared(400_000);
    let _disk = match Mount::tmpfs(&sandbox.path("disk"), "2m") {
        Ok(disk) => disk,
        Err(reason) => return skip(&reason),
    };
    let outcome = sandbox.run(&restore(&archive, &sandbox.target("disk/new.sqlite")));
    error(&outcome, 3, "target.space_short");
    let left = std::fs::read_dir(sandbox.path("disk")).expect("the folder").count();
    assert_eq!(left, 0, "something was written");
}

#[test]
fn a_read_only_file_is_found_before_anything_starts() {
    let (sandbox, archive, before) = prepared(100);
    // Leaves WAL mode, in which reading needs files beside the database.
    sandbox.sql("target.sqlite", "PRAGMA journal_mode = DELETE");
    let path = sandbox.path("target.sqlite");
    let bytes = std::fs::read(&path).expect("the target");
    let _mount = match Mount::read_only(&path) {
        Ok(mount) => mount,
        Err(reason) => return skip(&reason),
    };
    let outcome = sandbox.run(&restore(&archive, &sandbox.target("target.sqlite")));
    let told = error(&outcome, 3, "target.read_only");
    next_works(&sandbox, &told);
    assert_eq!(logical_content(&path), before);
    assert!(std::fs::read(&path).expect("the target") == bytes);
}

#[test]
fn a_read_only_folder_is_found_before_anything_starts() {
    let (sandbox, archive, _) = prepared(100);
    std::fs::create_dir(sandbox.path("disk")).expect("a folder");
    sandbox.sql("disk/target.sqlite", EXISTING);
    let before = logical_content(&sandbox.path("disk/target.sqlite"));
    let _mount = match Mount::read_only(&sandbox.path("disk")) {
        Ok(mount) => mount,
        Err(reason) => return skip(&reason),
    };
    for name in ["disk/target.sqlite", "disk/new.sqlite"] {
        let outcome = sandbox.run(&restore(&archive, &sandbox.target(name)));
        let told = error(&outcome, 3, "target.read_only");
        next_works(&sandbox, &told);
    }
    assert_eq!(logical_content(&sandbox.path("disk/target.sqlite")), before);
    assert!(!sandbox.path("disk/new.sqlite").exists());
}

/// What is not `resume` shows what is wrong, and changes nothing.
#[track_caller]
fn next_works(sandbox: &Sandbox, error: &Value) {
    let answer = sandbox.shell(error["next"].as_str().expect("a command"));
    assert!(matches!(answer.status, Some(0 | 1 | 3)), "{error:#}: {answer:#?}");
}

#[test]
fn a_target_that_someone_locks_for_long_keeps_the_job_for_resume() {
    let (sandbox, archive, before) = prepared(400_000);
    let expected = undisturbed(&sandbox, &archive);
    let path = sandbox.path("target.sqlite");
    let held = Held::start(&sandbox, &restore(&archive, &sandbox.target("target.sqlite")), &path);
    let (stopped, lock) = held.keep();
    let told = error(&stopped, 1, "target.locked");
    drop(lock);
    assert_eq!(logical_content(&path), before);
    resumed(&sandbox, &told, &path, &expected);
}

#[test]
fn a_target_that_is_locked_from_the_start_is_left_alone() {
    for (mode, lock) in [("WAL", "BEGIN IMMEDIATE"), ("DELETE", "BEGIN EXCLUSIVE")] {
        let (sandbox, archive, before) = prepared(100);
        sandbox.sql("target.sqlite", &format!("PRAGMA journal_mode = {mode}"));
        let path = sandbox.path("target.sqlite");
        let holder = Connection::open(&path).expect("a database");
        holder.execute_batch(lock).expect("locked");
        let outcome = sandbox.run(&restore(&archive, &sandbox.target("target.sqlite")));
        let told = error(&outcome, 1, "target.locked");
        drop(holder);
        assert_eq!(logical_content(&path), before, "{mode}");
        next_works(&sandbox, &told);
        assert_eq!(sandbox.interrupted_job("target.sqlite"), None, "{mode}: nothing was started");
        sandbox.run(&restore(&archive, &sandbox.target("target.sqlite"))).expect(0);
    }
}

#[test]
fn a_second_restore_at_the_same_time_is_refused() {
    let (sandbox, archive, _) = prepared(400_000);
    let expected = undisturbed(&sandbox, &archive);
    let path = sandbox.path("target.sqlite");
    let into = sandbox.target("target.sqlite");
    let held = Held::start(&sandbox, &restore(&archive, &into), &path);
    let job = held.job.clone();
    let second = sandbox.run(&restore(&archive, &into));
    for command in ["resume", "abort", "undo", "discard"] {
        let refused = sandbox.json(&[command, &job, "--into", &into]);
        assert!(matches!(refused.status, Some(1 | 3)), "{command}: {refused:#?}");
    }
    held.release().expect(0);
    let told = error(&second, 3, "target.busy");
    assert!(second.json()["findings"].to_string().contains(&job), "the running job is named: {second:#?}");
    next_works(&sandbox, &told);
    assert_eq!(logical_content(&path), expected, "the first restore was not disturbed");
}

#[test]
fn the_operator_may_stop_and_go_on() {
    for signal in ["INT", "TERM"] {
        let (sandbox, archive, before) = prepared(400_000);
        let expected = undisturbed(&sandbox, &archive);
        let path = sandbox.path("target.sqlite");
        let held = Held::start(&sandbox, &restore(&archive, &sandbox.target("target.sqlite")), &path);
        held.signal(signal);
        let told = error(&held.release(), 130, "restore.cancelled");
        assert_eq!(logical_content(&path), before, "{signal}");
        resumed(&sandbox, &told, &path, &expected);
    }
}

#[test]
fn an_interrupted_job_may_be_given_up() {
    let (sandbox, archive, before) = prepared(400_000);
    let path = sandbox.path("target.sqlite");
    let into = sandbox.target("target.sqlite");
    let held = Held::start(&sandbox, &restore(&archive, &into), &path);
    let job = held.job.clone();
    held.signal("INT");
    held.release().expect(130);
    sandbox.json(&["abort", &job, "--into", &into]).expect(0);
    assert_eq!(logical_content(&path), before);
    let size = |name: &str| std::fs::metadata(sandbox.path(name)).map_or(0, |metadata| metadata.len());
    assert_eq!(sandbox.query("target.sqlite", "PRAGMA integrity_check"), "Text(\"ok\")");
    assert_eq!(sandbox.interrupted_job("target.sqlite"), None);
    assert!(size("target.sqlite") > 0);
}
