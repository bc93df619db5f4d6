//! The command line as people use it: answers, mistakes, exit statuses.

mod support;

use support::{Sandbox, small_folder};

#[test]
fn every_command_answers_with_one_json_value() {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 10);
    let into = sandbox.target("t.sqlite");
    let pack = sandbox.json(&["pack", "folder", "-o", "a.tar"]).expect(0).json();
    assert_eq!(pack["objects"], 6);
    let inspected = sandbox.json(&["inspect", "a.tar"]).expect(0).json();
    assert_eq!(inspected["objects"].as_array().expect("objects").len(), 6);
    assert_eq!(sandbox.json(&["verify", "a.tar"]).expect(0).json()["status"], "verified");
    assert_eq!(sandbox.json(&["plan", "a.tar", "--into", &into]).expect(0).json()["version"], 1);
    assert!(sandbox.json(&["jobs", "--into", &into]).expect(0).json().as_array().expect("a list").is_empty());
    let report = sandbox.json(&["restore", "a.tar", "--into", &into]).expect(0).json();
    for member in [
        "job",
        "status",
        "backup_name",
        "backup_id",
        "restored_bytes",
        "restored_files",
        "restored_records",
        "restored_objects",
        "renamed_objects",
        "failed_objects",
        "findings",
        "error",
    ] {
        assert!(report.get(member).is_some(), "{member}");
    }
    assert_eq!(report["status"], "succeeded");
    assert_eq!(report["restored_objects"]["main.people"], "table");
    let jobs = sandbox.json(&["jobs", "--into", &into]).expect(0).json();
    assert_eq!(jobs[0]["job"], report["job"]);
    assert_eq!(jobs[0]["status"], "succeeded");
    let job = report["job"].as_str().expect("a job");
    sandbox.json(&["undo", job, "--into", &into]).expect(0).json();
    sandbox.json(&["discard", job, "--into", &into]).expect(0).json();
    sandbox.json(&["backup", "create", "--from", &into, "-o", "b.tar"]).expect(0).json();
    let plugins = sandbox.json(&["plugin", "list"]).expect(0).json();
    assert_eq!(plugins.as_array().expect("a list").len(), 7);
    sandbox.json(&["completions", "bash"]).expect(0).json();
}

#[test]
fn mistakes_are_named_with_a_way_out() {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 10);
    sandbox.run(&["pack", "folder", "-o", "a.tar"]).expect(0);
    std::fs::write(sandbox.path("text.txt"), "not an archive").expect("written");
    std::fs::write(sandbox.path("text.sqlite"), "not a database, but long enough to look at; ".repeat(40))
        .expect("written");
    let cases: [(&[&str], i32, &str); 17] = [
        (&["restore", "missing.tar"], 3, "archive.not_found"),
        (&["restore", "text.txt"], 3, "archive."),
        (&["restore", "folder"], 3, "catalog.unrecognised"),
        (&["restore", "a.tar", "--into", "mysql:x"], 2, "usage"),
        (&["restore", "a.tar", "--into", "postgrse://ana:secret@db/shop"], 2, "usage"),
        (&["restore", "a.tar", "--into", "postgres://ana:secret@db/shop?hots=db"], 2, "usage"),
        (&["restore", "a.tar", "--into", "postgres://ana:secret@127.0.0.1:1/shop"], 3, "target.not_reached"),
        (&["restore", "a.tar", "--into", "sqlite:text.sqlite"], 3, "target."),
        (&["restore", "a.tar", "--into", "sqlite:no/such/folder/x.sqlite"], 3, "target."),
        (&["restore", "a.tar", "--select", "tabel"], 2, "plan.no_match"),
        (&["restore", "a.tar", "--restore-policy", "maybe"], 2, "usage"),
        (&["apply", "missing.json"], 3, "plan.invalid"),
        (&["undo", "r-nothing"], 3, "job.not_found"),
        (&["resume", "r-nothing"], 3, "job.not_found"),
        (&["pack", "missing", "-o", "x.tar"], 3, "pack.bad_input"),
        (&["pack", "folder", "-o", "a.tar"], 3, "backup.exists"),
        (&["backup", "create", "--from", "sqlite:missing.sqlite", "-o", "x.tar"], 3, "target.not_found"),
    ];
    for (arguments, status, code) in cases {
        let outcome = sandbox.json(arguments);
        assert_eq!(outcome.status, Some(status), "{arguments:?}: {outcome:#?}");
        assert!(outcome.code().starts_with(code), "{arguments:?}: {outcome:#?}");
        let spoken = sandbox.run(arguments);
        assert!(spoken.stdout.is_empty(), "{arguments:?}: {spoken:#?}");
        assert!(!spoken.stderr.is_empty() && !spoken.stderr.contains("panicked"), "{arguments:?}: {spoken:#?}");
        assert!(!spoken.stderr.contains("secret"), "{arguments:?}: {spoken:#?}");
        assert!(
            outcome.json()["error"]["message"].as_str().is_some_and(|text| !text.is_empty() && !text.ends_with('.')),
            "{outcome:#?}"
        );
    }
}

#[test]
fn an_interrupted_restore_is_resumed() {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 600_000);
    sandbox.run(&["pack", "folder", "-o", "a.tar"]).expect(0);
    let into = sandbox.target("t.sqlite");
    let line = format!("timeout -s INT 0.4 reinstate --json restore a.tar --into {into}; echo $? >&2");
    let stopped = sandbox.shell(&line);
    if !stopped.stderr.trim().ends_with("124") && !stopped.stderr.trim().ends_with("130") {
        return; // This machine was done before the signal came.
    }
    let Some(job) = sandbox.interrupted_job("t.sqlite") else { return };
    assert_eq!(stopped.code(), "restore.cancelled", "{stopped:#?}");
    let next = stopped.json()["error"]["next"].as_str().expect("a command").to_owned();
    assert!(next.contains(&job), "{next}");
    sandbox.shell(&next).expect(0);
    assert_eq!(sandbox.query("t.sqlite", "SELECT count(*) FROM people"), "Integer(600000)");
}

#[test]
fn the_default_target_is_a_file_here() {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 10);
    sandbox.run(&["pack", "folder", "-o", "a.tar"]).expect(0);
    let restored = sandbox.run(&["restore", "a.tar"]).expect(0);
    assert!(restored.stdout.contains("reinstate undo r-"), "{restored:#?}");
    assert!(sandbox.path("restored.sqlite").exists());
}
