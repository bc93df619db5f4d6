//! Promise 3: kill it anywhere. The real process is killed with SIGKILL at every fail point and at random times;
//! `resume` ends as an undisturbed run does, and `abort` leaves no trace.
#![cfg(feature = "failpoints")]

mod support;

use std::path::Path;
use std::time::Duration;

use support::{Sandbox, finish, logical_content, small_folder};

/// Every place at which a restore can be killed.
fn points() -> Vec<&'static str> {
    // What a plugin restores is remembered with its compiled code, so it is not asked again.
    let elsewhere =
        |point: &str| ["plugin.describe", "postgres.", "repository."].iter().any(|start| point.starts_with(start));
    let passed = |point: &&str| !after_the_job(point) && !elsewhere(point);
    reinstate::failpoint::POINTS.iter().copied().filter(passed).collect()
}

/// Points of commands that come after a restore.
fn after_the_job(point: &str) -> bool {
    ["sqlite.undo.", "sqlite.discard.", "sqlite.abort."].iter().any(|prefix| point.starts_with(prefix))
}

/// An archive with several chunks, and what an undisturbed restore of it gives.
fn prepared(rows: u32) -> (Sandbox, String, String) {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("folder");
    small_folder(&folder, rows);
    let archive = sandbox.pack(&folder, "archive.tar");
    sandbox.sql("expected.sqlite", EXISTING);
    sandbox
        .run(&["restore", &archive, "--into", &sandbox.target("expected.sqlite"), "--restore-policy", "replace"])
        .expect(0);
    let expected = logical_content(&sandbox.path("expected.sqlite"));
    (sandbox, archive, expected)
}

/// The target before the restore: one table that is replaced and one that is left alone.
const EXISTING: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE people(old TEXT); INSERT INTO people VALUES ('kept until discard');
    CREATE INDEX by_old ON people(old);
    CREATE TABLE bystander(x); INSERT INTO bystander VALUES (1), (2);";

fn fresh(sandbox: &Sandbox, name: &str) -> String {
    for suffix in ["", "-wal", "-shm"] {
        let path = sandbox.path(&format!("{name}{suffix}"));
        if path.exists() {
            std::fs::remove_file(path).expect("removed");
        }
    }
    sandbox.sql(name, EXISTING);
    logical_content(&sandbox.path(name))
}

/// Resumes until the job is done, and compares.
fn resumed(sandbox: &Sandbox, name: &str, expected: &str, context: &str) {
    if let Some(job) = sandbox.interrupted_job(name) {
        let outcome = sandbox.json(&["resume", &job, "--into", &sandbox.target(name)]);
        assert_eq!(outcome.status, Some(0), "{context}: {outcome:#?}");
    }
    assert_eq!(logical_content(&sandbox.path(name)), expected, "{context}");
    integrity(&sandbox.path(name));
}

fn integrity(path: &Path) {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let answer: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer");
    assert_eq!(answer, "ok");
}

#[test]
fn killed_at_every_fail_point_and_resumed() {
    let (sandbox, archive, expected) = prepared(200_000);
    let into = sandbox.target("target.sqlite");
    for point in points() {
        for times in ["return", "1*off->return", "4*off->return"] {
            let before = fresh(&sandbox, "target.sqlite");
            let restore = ["restore", &archive, "--into", &into, "--restore-policy", "replace"];
            let killed = sandbox.run_with_failpoints(&format!("{point}={times}"), &restore);
            let context = format!("{point}={times}");
            if killed.status.is_some() {
                // The point is passed less often than that: the run was undisturbed.
                assert_ne!(times, "return", "{context} never killed anything: {killed:#?}");
                killed.expect(0);
                assert_eq!(logical_content(&sandbox.path("target.sqlite")), expected, "{context}");
                continue;
            }
            let now = logical_content(&sandbox.path("target.sqlite"));
            assert!(now == before || now == expected, "{context}: a mixture is visible:\n{now}");
            if now == before && sandbox.interrupted_job("target.sqlite").is_none() {
                // It was killed before there was a job: the same command starts one.
                sandbox.run(&restore).expect(0);
            }
            resumed(&sandbox, "target.sqlite", &expected, &context);
        }
    }
}

#[test]
fn killed_at_every_fail_point_and_aborted() {
    let (sandbox, archive, expected) = prepared(1000);
    let into = sandbox.target("target.sqlite");
    for point in points() {
        let before = fresh(&sandbox, "target.sqlite");
        let schema = schema(&sandbox.path("target.sqlite"));
        let restore = ["restore", &archive, "--into", &into, "--restore-policy", "replace"];
        sandbox.run_with_failpoints(&format!("{point}=return"), &restore);
        let Some(job) = sandbox.interrupted_job("target.sqlite") else {
            let now = logical_content(&sandbox.path("target.sqlite"));
            assert!(now == before || now == expected, "{point}");
            continue;
        };
        sandbox.run(&["abort", &job, "--into", &into]).expect(0);
        assert_eq!(logical_content(&sandbox.path("target.sqlite")), before, "{point}");
        assert_eq!(self::schema(&sandbox.path("target.sqlite")), schema, "{point}: something is left");
        integrity(&sandbox.path("target.sqlite"));
    }
}

fn schema(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let mut statement =
        connection.prepare("SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1").expect("a query");
    statement.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn a_file_that_the_job_created_is_gone_after_abort() {
    let (sandbox, archive, _) = prepared(1000);
    let into = sandbox.target("new.sqlite");
    sandbox.run_with_failpoints("sqlite.commit.after=2*off->return", &["restore", &archive, "--into", &into]);
    let job = sandbox.interrupted_job("new.sqlite").expect("an interrupted job");
    sandbox.run(&["abort", &job, "--into", &into]).expect(0);
    let left: Vec<_> = std::fs::read_dir(sandbox.path("."))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.starts_with("new.sqlite"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn killed_again_and_again_at_random_times() {
    let (sandbox, archive, expected) = prepared(300_000);
    let into = sandbox.target("target.sqlite");
    // The seed is fixed, the machine's speed is not: each run kills elsewhere.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..6 {
        let before = fresh(&sandbox, "target.sqlite");
        let mut arguments: Vec<String> =
            ["restore", &archive, "--into", &into, "--restore-policy", "replace"].map(str::to_owned).to_vec();
        for kill in 0..40 {
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut child = sandbox.command(&words).spawn().expect("the binary starts");
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let patience = Duration::from_millis(10 + random % (40 + 40 * kill));
            std::thread::sleep(patience);
            let running = child.try_wait().expect("a status").is_none();
            child.kill().expect("killed or gone");
            finish(child);
            let now = logical_content(&sandbox.path("target.sqlite"));
            assert!(now == before || now == expected, "round {round}: a mixture is visible");
            match sandbox.interrupted_job("target.sqlite") {
                Some(job) => arguments = ["resume", &job, "--into", &into].map(str::to_owned).to_vec(),
                None if now == expected => break,
                None => assert!(running, "round {round}: it ended without a result"),
            }
        }
        if logical_content(&sandbox.path("target.sqlite")) != expected {
            resumed(&sandbox, "target.sqlite", &expected, &format!("round {round}"));
        }
    }
}

#[test]
fn undo_and_discard_are_killed_and_done_again() {
    let (sandbox, archive, expected) = prepared(1000);
    let into = sandbox.target("target.sqlite");
    let points: Vec<_> = reinstate::failpoint::POINTS.iter().filter(|point| after_the_job(point)).collect();
    assert!(!points.is_empty());
    for point in points {
        let before = fresh(&sandbox, "target.sqlite");
        let report =
            sandbox.json(&["restore", &archive, "--into", &into, "--restore-policy", "replace"]).expect(0).json();
        let job = report["job"].as_str().expect("a job").to_owned();
        let fail = format!("{point}=return");
        for (command, after) in [("undo", &before), ("discard", &before)] {
            sandbox.run_with_failpoints(&fail, &[command, &job, "--into", &into]);
            let now = logical_content(&sandbox.path("target.sqlite"));
            assert!(now == before || now == expected, "{point} in {command}: a mixture is visible");
            let again = sandbox.run(&[command, &job, "--into", &into]);
            if command == "undo" && logical_content(&sandbox.path("target.sqlite")) == expected {
                // It was killed after it had switched back; the second undo switched again.
                sandbox.run(&["undo", &job, "--into", &into]).expect(0);
            }
            assert!(again.status == Some(0) || command == "discard", "{point} in {command}: {again:#?}");
            assert_eq!(&logical_content(&sandbox.path("target.sqlite")), after, "{point} in {command}");
        }
        integrity(&sandbox.path("target.sqlite"));
    }
}
