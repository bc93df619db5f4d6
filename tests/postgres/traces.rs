//! What jobs leave behind when they are stopped or taken back: nothing that was not there, and all that was.

use std::time::Duration;

use crate::scene::{Scene, job};
use crate::support::finish;

/// A statement that goes on for as long as a role of that name exists.
const SLOW: &str = "CREATE FUNCTION slow(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'slowly') THEN PERFORM pg_catalog.pg_sleep(600); END IF;
      RETURN true; END $$;
    CREATE TABLE t (a int CHECK (slow(a))); INSERT INTO t VALUES (1), (2)";

#[test]
fn what_runs_on_the_server_stops_with_the_job() {
    let scene = Scene::new();
    let archive = scene.dump("slow.dump", SLOW, &[]);
    for stage in ["beside", "database"] {
        let database = scene.server.database();
        scene.server.sql(&database, "CREATE ROLE slowly");
        let target = scene.server.target(&database);
        let arguments = ["restore", archive.to_str().expect("UTF-8"), "--into", &target, "--stage", stage, "--json"];
        let child = scene.sandbox.command(&arguments).spawn().expect("the binary starts");
        let sleeping =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'reinstate%' AND wait_event = 'PgSleep'";
        while scene.server.value("postgres", sleeping) == "0" {
            std::thread::sleep(Duration::from_millis(20));
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it runs");
        let stopped = finish(child);
        assert_eq!(stopped.code(), "restore.cancelled", "{stopped:#?}");
        assert_eq!(scene.server.value("postgres", sleeping), "0");
        scene.server.sql(&database, "DROP ROLE slowly");
        let job = scene.interrupted_job(&database).expect("a job that waits");
        scene.command("resume", &job, &database).expect(0);
        assert_eq!(scene.server.value(&database, "SELECT sum(a) FROM t"), "3");
    }
}

#[test]
fn an_extension_that_was_there_stays() {
    let scene = Scene::new();
    let archive = scene.dump("extension.dump", "CREATE EXTENSION hstore; CREATE TABLE t (a hstore)", &[]);
    let installed = "SELECT count(*) FROM pg_extension WHERE extname = 'hstore'";
    for (then, whose) in [("abort", "0"), ("abort", "1")] {
        let database = scene.server.database();
        let options = ["--stage", "beside"];
        // Planned while it was not there, and made by somebody else before the job comes to it, or by the job.
        let point = if whose == "1" { "postgres.begin.done=return" } else { "postgres.rehearse=return" };
        scene.restore_failing(point, &database, &archive, &options);
        let job = scene.interrupted_job(&database).expect("a job that waits");
        if whose == "1" {
            scene.server.sql(&database, "CREATE EXTENSION hstore");
            scene.sandbox.run_with_failpoints(
                "postgres.rehearse=return",
                &["resume", &job, "--into", &scene.server.target(&database)],
            );
        }
        assert_eq!(scene.server.value(&database, installed), "1");
        scene.command(then, &job, &database).expect(0);
        assert_eq!(scene.server.value(&database, installed), whose);
    }
}

/// A script of roles with these names.
fn globals(scene: &Scene, roles: &[&str]) -> String {
    let path = scene.sandbox.path("globals.sql");
    let made: String = roles
        .iter()
        .map(|role| format!("CREATE ROLE {role};\nALTER ROLE {role} WITH NOSUPERUSER INHERIT NOLOGIN;\n"))
        .collect();
    let head = "--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n\n";
    std::fs::write(&path, format!("{head}{made}")).expect("a script");
    path.to_str().expect("UTF-8").to_owned()
}

/// An archive whose roles are gone from the server.
fn orphaned(scene: &Scene, statements: &str, roles: &[&str]) -> std::path::PathBuf {
    let archive = scene.dump("owned.dump", statements, &[]);
    for database in scene.server.query("postgres", "SELECT datname FROM pg_database WHERE datname ~ '^db'") {
        scene.server.sql("postgres", &format!("DROP DATABASE {}", database[0].as_deref().expect("a name")));
    }
    roles.iter().for_each(|role| scene.server.sql("postgres", &format!("DROP ROLE {role}")));
    archive
}

const ROLES: &str = "SELECT count(*) FROM pg_roles WHERE rolname IN ('keeper', 'idle')";

#[test]
fn roles_of_a_job_go_with_it() {
    let scene = Scene::new();
    let source = "CREATE ROLE keeper; CREATE ROLE idle; CREATE TABLE t (a int); ALTER TABLE t OWNER TO keeper";
    let archive = orphaned(&scene, source, &["keeper", "idle"]);
    let script = globals(&scene, &["keeper", "idle"]);
    let database = scene.server.database();
    let options = ["--stage", "database", "--globals", &script, "--allow", "all"];
    let report = scene.restore(&database, &archive, &options).expect(0).json();
    assert_eq!(report["stage"], "database", "{report:#}");
    let job = job(&report);
    assert_eq!(scene.server.value(&database, ROLES), "2");
    // What nothing is left of goes at once, the owner of what is kept for the undoing's undo with that.
    scene.command("undo", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, ROLES), "1");
    scene.command("undo", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, ROLES), "2");
    let owner = "SELECT relowner::regrole FROM pg_class WHERE oid = 't'::regclass";
    assert_eq!(scene.server.value(&database, owner), "keeper");
    scene.command("undo", &job, &database).expect(0);
    scene.command("discard", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, ROLES), "0");
}

#[test]
fn large_objects_come_with_owners_that_the_job_makes() {
    let scene = Scene::new();
    let source = "CREATE ROLE keeper; SELECT lo_from_bytea(4711, '\\x00ff'); ALTER LARGE OBJECT 4711 OWNER TO keeper";
    let archive = orphaned(&scene, source, &["keeper"]);
    let script = globals(&scene, &["keeper"]);
    for stage in ["beside", "database"] {
        let database = scene.server.database();
        let options = ["--stage", stage, "--globals", &script, "--allow", "all"];
        let report = scene.restore(&database, &archive, &options).expect(0).json();
        let owner =
            "SELECT lomowner::regrole || ' ' || lo_get(oid)::text FROM pg_largeobject_metadata WHERE oid = 4711";
        assert_eq!(scene.server.value(&database, owner), "keeper \\x00ff");
        let job = job(&report);
        scene.command("undo", &job, &database).expect(0);
        scene.command("discard", &job, &database).expect(0);
        assert_eq!(scene.server.value(&database, ROLES), "0", "{stage}");
    }
}
