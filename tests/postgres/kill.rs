//! The host and the server are killed at every fail point: `resume` ends as an undisturbed restore does, `abort` leaves nothing.
#![cfg(feature = "failpoints")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scene::{Scene, job, northwind};
use crate::support::finish;
use crate::support::postgres::golden::{Content, differences};

/// What is there before: a table that is replaced, one that looks at it, and one that is left alone.
const EXISTING: &str = "CREATE TABLE categories (old text); INSERT INTO categories VALUES ('kept until discard');
    CREATE INDEX by_old ON categories (old); CREATE TABLE bystander (x int); INSERT INTO bystander VALUES (1), (2);";

/// Points that a restore passes, whatever it restores into.
fn points(restores: bool) -> Vec<&'static str> {
    let later = |point: &str| ["undo.", "discard.", "abort."].iter().any(|part| point.contains(part));
    let ours = |point: &&str| !point.starts_with("sqlite.") && !point.starts_with("plugin.describe");
    reinstate::failpoint::POINTS.iter().copied().filter(ours).filter(|point| later(point) != restores).collect()
}

/// One way of restoring: what exists, and the options.
struct Case {
    existing: &'static str,
    options: &'static [&'static str],
}

const CASES: [Case; 2] = [
    Case {
        existing: EXISTING,
        options: &["--restore-policy", "replace", "--stage", "beside", "--no-owner", "--allow", "all"],
    },
    Case { existing: "", options: &["--stage", "database", "--no-owner", "--allow", "all"] },
];

impl Case {
    fn database(&self, scene: &Scene) -> String {
        let database = scene.server.database();
        scene.server.sql(&database, self.existing);
        database
    }

    /// What an undisturbed restore gives.
    fn expected(&self, scene: &Scene, archive: &Path) -> Content {
        let database = self.database(scene);
        scene.restore(&database, archive, self.options).expect(0);
        let expected = scene.content(&database);
        drop_database(scene, &database);
        expected
    }
}

/// Databases that an archive was restored into leave their former ones behind.
fn drop_database(scene: &Scene, database: &str) {
    let all = format!("SELECT datname FROM pg_database WHERE datname = '{database}' OR datname ~ '^{database}_'");
    for name in scene.server.query("postgres", &all) {
        let name = name[0].clone().expect("a name");
        scene.server.sql("postgres", &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    }
}

#[track_caller]
fn same(one: &Content, other: &Content, context: &str) {
    assert_eq!(differences(one, other, &[]), Vec::<String>::new(), "{context}");
}

/// Kills a restore, looks at what is visible, and gives the interrupted job; `None` where nothing was killed.
fn kill(
    scene: &Scene,
    case: &Case,
    archive: &Path,
    fail: &str,
    database: &str,
    seen: [&Content; 2],
) -> Option<Option<String>> {
    let killed = scene.restore_failing(fail, database, archive, case.options);
    if killed.status.is_some() {
        // The point is passed less often than that, or not in this way of staging: the run was undisturbed.
        killed.expect(0);
        same(seen[1], &scene.content(database), fail);
        return None;
    }
    let now = scene.content(database);
    let [before, expected] = seen;
    let differs = |other: &Content| differences(other, &now, &[]);
    assert!(differs(before).is_empty() || differs(expected).is_empty(), "{fail}: a mixture: {:#?}", differs(before));
    Some(scene.interrupted_job(database))
}

/// Ends the restore after a kill, and compares.
fn resume(
    scene: &Scene,
    case: &Case,
    archive: &Path,
    database: &str,
    job: Option<String>,
    expected: &Content,
    context: &str,
) {
    match job {
        Some(job) => drop(scene.command("resume", &job, database).expect(0)),
        // It was killed before there was a job, or after its last word.
        None if !differences(expected, &scene.content(database), &[]).is_empty() => {
            scene.restore(database, archive, case.options).expect(0);
        }
        None => {}
    }
    same(expected, &scene.content(database), context);
    let stages = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^reinstate_stage'";
    assert_eq!(scene.server.value(database, stages), "0", "{context}");
}

#[test]
fn killed_at_every_fail_point_and_resumed() {
    let scene = Scene::new();
    let archive = northwind();
    for case in &CASES {
        let expected = case.expected(&scene, &archive);
        let mut passed = 0;
        for point in points(true) {
            for times in ["return", "1*off->return", "7*off->return"] {
                let fail = format!("{point}={times}");
                let database = case.database(&scene);
                let before = scene.content(&database);
                if let Some(job) = kill(&scene, case, &archive, &fail, &database, [&before, &expected]) {
                    passed += 1;
                    resume(&scene, case, &archive, &database, job, &expected, &fail);
                }
                drop_database(&scene, &database);
            }
        }
        assert!(passed > 20, "only {passed} restores were killed");
    }
}

#[test]
fn the_server_crashes_too() {
    let scene = Scene::durable();
    let archive = northwind();
    for case in &CASES {
        let expected = case.expected(&scene, &archive);
        for point in points(true).into_iter().filter(|point| point.starts_with("postgres.")) {
            for times in ["return", "5*off->return"] {
                let fail = format!("{point}={times}");
                let database = case.database(&scene);
                let before = scene.content(&database);
                let killed = scene.restore_failing(&fail, &database, &archive, case.options);
                scene.server.crash();
                let now = scene.content(&database);
                let differs = |other: &Content| differences(other, &now, &[]);
                assert!(
                    differs(&before).is_empty() || differs(&expected).is_empty(),
                    "{fail}: {:#?}",
                    differs(&before)
                );
                if killed.status.is_none() {
                    let job = scene.interrupted_job(&database);
                    resume(&scene, case, &archive, &database, job, &expected, &fail);
                }
                drop_database(&scene, &database);
            }
        }
    }
}

#[test]
fn killed_at_every_fail_point_and_aborted() {
    let scene = Scene::new();
    let archive = northwind();
    for case in &CASES {
        let expected = case.expected(&scene, &archive);
        for point in points(true) {
            let fail = format!("{point}=2*off->return");
            let database = case.database(&scene);
            let (before, databases) = (scene.content(&database), scene.databases());
            if let Some(Some(job)) = kill(&scene, case, &archive, &fail, &database, [&before, &expected]) {
                scene.command("abort", &job, &database).expect(0);
                same(&before, &scene.content(&database), &fail);
                scene.nothing_is_left(&database, &databases);
                let own = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^reinstate'";
                assert_eq!(scene.server.value(&database, own), "0", "{fail}");
            }
            drop_database(&scene, &database);
        }
    }
}

#[test]
fn undo_discard_and_abort_are_killed_and_done_again() {
    let scene = Scene::new();
    let archive = northwind();
    for case in &CASES {
        let expected = case.expected(&scene, &archive);
        for point in points(false) {
            let database = case.database(&scene);
            let before = scene.content(&database);
            let fail = format!("{point}=return");
            let aborted = point.contains("abort.");
            let job = match aborted {
                true => {
                    kill(&scene, case, &archive, "postgres.unit.after=4*off->return", &database, [&before, &expected])
                        .flatten()
                }
                false => Some(job(&scene.restore(&database, &archive, case.options).expect(0).json())),
            };
            let job = job.expect("a job");
            let commands: &[&str] = if aborted { &["abort"] } else { &["undo", "discard"] };
            for command in commands {
                let target = scene.server.target(&database);
                scene.sandbox.run_with_failpoints(&fail, &[command, &job, "--into", &target]);
                let now = scene.content(&database);
                let known = [&before, &expected].iter().any(|content| differences(content, &now, &[]).is_empty());
                assert!(known, "{fail} in {command}: a mixture is visible");
                // Done again it is done, or it was done already.
                let again = scene.command(command, &job, &database);
                assert!(matches!(again.status, Some(0 | 3)), "{fail} in {command}: {again:#?}");
            }
            drop_database(&scene, &database);
        }
    }
}

#[test]
fn killed_again_and_again_at_random_times() {
    let scene = Scene::new();
    let many = "CREATE TABLE big AS SELECT g AS id, md5(g::text) AS v FROM generate_series(1, 200000) g; ALTER TABLE big ADD PRIMARY KEY (id);
        CREATE TABLE small AS SELECT g AS id FROM generate_series(1, 100) g; ALTER TABLE small ADD FOREIGN KEY (id) REFERENCES big (id)";
    let archive: PathBuf = scene.dump("many.dump", many, &[]);
    let case = Case {
        existing: "CREATE TABLE big (old int)",
        options: &["--restore-policy", "replace", "--stage", "beside", "--allow", "all"],
    };
    let expected = case.expected(&scene, &archive);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..3_u64 {
        let database = case.database(&scene);
        let (before, target) = (scene.content(&database), scene.server.target(&database));
        let first = ["restore", archive.to_str().expect("UTF-8"), "--into", &target];
        let mut words: Vec<String> = [&first[..], case.options].concat().into_iter().map(str::to_owned).collect();
        for attempt in 0..30_u64 {
            let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut child = scene.sandbox.command(&arguments).spawn().expect("the binary starts");
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(Duration::from_millis(20 + random % (60 + 60 * attempt)));
            child.kill().expect("killed or gone");
            finish(child);
            let now = scene.content(&database);
            let done = differences(&expected, &now, &[]).is_empty();
            assert!(done || differences(&before, &now, &[]).is_empty(), "round {round}: a mixture is visible");
            match scene.interrupted_job(&database) {
                Some(job) => words = ["resume", &job, "--into", &target].map(str::to_owned).to_vec(),
                None if done => break,
                None => {}
            }
        }
        let job = scene.interrupted_job(&database);
        resume(&scene, &case, &archive, &database, job, &expected, &format!("round {round}"));
    }
}

#[test]
fn a_job_that_waits_is_told_and_does_not_come_in_the_way() {
    let scene = Scene::new();
    let database = scene.server.database();
    let options = ["--allow", "all", "--no-owner", "--stage", "beside"];
    scene.restore_failing("postgres.unit.after=return", &database, &northwind(), &options);
    let waiting = scene.interrupted_job(&database).expect("an interrupted job");
    let report = scene.restore(&database, &northwind(), &options).expect(0).json();
    let findings = report["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["code"] == "target.job_waits"), "{report:#}");
    let after = scene.content(&database);
    // What it would make is there by now.
    scene.command("resume", &waiting, &database).expect(3);
    scene.command("abort", &waiting, &database).expect(0);
    same(&after, &scene.content(&database), "abort");
}
