//! What goes wrong at the server is told with the object, the row and the server's own words, and leaves the target as it was.

use std::path::Path;

use serde_json::Value;

use crate::mounts::Mount;
use crate::scene::{Scene, northwind};
use crate::support::postgres::golden::differences;
use crate::support::postgres::{Client, give};
use crate::support::{Outcome, finish};

/// Restores, which must fail, and nothing may be left of it. The error.
#[track_caller]
fn failing(scene: &Scene, database: &str, archive: &Path, options: &[&str]) -> Value {
    let (before, databases) = (scene.content(database), scene.databases());
    let outcome = scene.restore(database, archive, options);
    assert!(matches!(outcome.status, Some(1 | 3)), "{outcome:#?}");
    assert_eq!(differences(&before, &scene.content(database), &[]), Vec::<String>::new());
    scene.nothing_is_left(database, &databases);
    let error = outcome.json()["error"].clone();
    assert!(error["next"].as_str().is_some_and(|next| next.starts_with("reinstate ")), "{error:#}");
    error
}

#[track_caller]
fn says(error: &Value, words: &[&str]) {
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {error:#}");
}

/// A row that its own constraint does not take: dumps of such tables exist where a function in the constraint has changed.
const BROKEN: &str = "CREATE TABLE sound (id int); INSERT INTO sound SELECT generate_series(1, 10);
    CREATE TABLE t (id int, n int, v text); INSERT INTO t SELECT g, CASE g WHEN 700 THEN -1 ELSE g END, 'v' FROM generate_series(1, 1000) g;
    ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
    UPDATE pg_constraint SET convalidated = true WHERE conname = 'positive';";

#[test]
fn a_row_that_breaks_a_check_is_named() {
    let scene = Scene::new();
    let archive = scene.dump("broken.dump", BROKEN, &[]);
    for stage in ["beside", "database"] {
        let database = scene.server.database();
        let error = failing(&scene, &database, &archive, &["--stage", stage, "--allow", "all"]);
        says(&error, &["23514", "positive", "public.t"]);
        assert_eq!(error["row"], 700, "{error:#}");
    }
    let database = scene.server.database();
    // The others come where that was asked for.
    let outcome =
        scene.restore(&database, &archive, &["--keep-going", "--stage", "beside", "--allow", "all"]).expect(4).json();
    assert!(outcome["failed_objects"].as_object().is_some_and(|failed| failed.contains_key("public.t")), "{outcome:#}");
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM sound"), "10");
    assert_eq!(scene.server.value(&database, "SELECT to_regclass('public.t') IS NULL"), "t");
}

#[test]
fn a_value_that_is_none_is_named_with_its_column() {
    let scene = Scene::new();
    // The rows are of another type than the table that takes them.
    let archive =
        scene.dump("texts.dump", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, '1'), (2, 'two')", &[]);
    let database = scene.server.database();
    scene.server.sql(&database, "CREATE TABLE t (a int, b int)");
    let error = failing(&scene, &database, &archive, &["--data-only", "--allow", "all"]);
    says(&error, &["22P02", "two", "public.t"]);
    assert_eq!((&error["row"], &error["column"]), (&Value::from(2), &Value::from("b")), "{error:#}");
}

#[test]
fn rows_that_refer_to_nothing_are_found_before_the_switch() {
    let scene = Scene::new();
    let orphan = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p (id)); INSERT INTO p VALUES (1);
        INSERT INTO c VALUES (1); ALTER TABLE c DISABLE TRIGGER ALL; INSERT INTO c VALUES (2); ALTER TABLE c ENABLE TRIGGER ALL";
    let archive = scene.dump("orphan.dump", orphan, &[]);
    let database = scene.server.database();
    let error = failing(&scene, &database, &archive, &["--allow", "all"]);
    says(&error, &["c_id_fkey"]);
}

#[test]
fn a_missing_right_is_found_before_anything_starts() {
    let scene = Scene::new();
    let archive = scene.dump("two.dump", "CREATE TABLE mine (a int); CREATE TABLE theirs (a int)", &[]);
    let database = scene.server.database();
    scene.server.sql(
        &database,
        "CREATE ROLE limited LOGIN; CREATE TABLE theirs (old int);
        CREATE TABLE mine (old int); ALTER TABLE mine OWNER TO limited; GRANT ALL ON SCHEMA public TO limited",
    );
    scene.server.sql(&database, &format!("GRANT CREATE ON DATABASE {database} TO limited"));
    let before = scene.content(&database);
    let target = scene.server.target_as("limited", &database);
    let options = ["--restore-policy", "replace", "--stage", "beside", "--no-owner", "--allow", "all"];
    let refused = scene.restore_to(&target, &archive, &options).expect(3).json();
    let findings = refused["findings"].as_array().expect("findings");
    let about = |name: &str| {
        findings.iter().any(|finding| {
            finding["severity"] == "refusal" && finding["object"].as_str().is_some_and(|object| object.contains(name))
        })
    };
    assert!(about("theirs") && !about("mine"), "{refused:#}");
    assert_eq!(differences(&before, &scene.content(&database), &[]), Vec::<String>::new());
    scene.restore_to(&target, &archive, &[&options[..], &["-t", "mine"]].concat()).expect(0);
    assert_eq!(
        scene.server.value(&database, "SELECT relowner::regrole FROM pg_class WHERE oid = 'mine'::regclass"),
        "limited"
    );
}

#[test]
fn a_database_whose_encoding_lacks_a_character_takes_nothing() {
    let scene = Scene::new();
    let snow = "CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'naïve'), (2, 'snow 雪')";
    let (snowy, plain) = (scene.dump("snow.dump", snow, &[]), scene.dump("plain.dump", &snow.replace("雪", ""), &[]));
    let latin = || scene.server.database_with("TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    for stage in ["beside", "database"] {
        let error = failing(&scene, &latin(), &snowy, &["--stage", stage, "--allow", "all"]);
        says(&error, &["22P05", "public.t"]);
        // What it has is converted.
        let database = latin();
        scene.restore(&database, &plain, &["--stage", stage, "--allow", "all"]).expect(0);
        assert_eq!(
            scene.server.value(&database, "SELECT encode(convert_to(v, 'LATIN1'), 'hex') FROM t WHERE id = 1"),
            "6e61ef7665"
        );
    }
}

#[test]
fn rows_of_another_encoding_are_refused_before_anything_starts() {
    let scene = Scene::new();
    let source = scene.server.database_with("TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    scene.server.sql(&source, "CREATE TABLE \"é\" (\"naïve\" text); INSERT INTO \"é\" VALUES ('déjà')");
    let archive = scene.server.own_folder("dumps").join("latin.dump");
    let mut dump = scene.server.tool("pg_dump");
    assert!(dump.args(["-Fc", "-d", &source, "-f"]).arg(&archive).status().expect("pg_dump starts").success());
    let error = failing(&scene, &scene.server.database(), &archive, &["--allow", "all"]);
    says(&error, &["LATIN1", "public.é"]);
}

/// Rows that take a while: each waits.
const SLOW: &str = "CREATE FUNCTION slow(x int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN true; END $$;
    CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 500);
    ALTER TABLE t ADD CONSTRAINT takes_time CHECK (slow(id)) NOT VALID; UPDATE pg_constraint SET convalidated = true WHERE conname = 'takes_time';";

#[test]
fn the_servers_time_limits_are_no_limits_of_a_restore() {
    let scene = Scene::new();
    let archive = scene.dump("slow.dump", SLOW, &[]);
    let database = scene.server.database();
    scene.server.sql("postgres", &format!("ALTER DATABASE {database} SET statement_timeout = '200ms'"));
    scene.server.sql("postgres", "ALTER ROLE postgres SET idle_in_transaction_session_timeout = '200ms'");
    let outcome = scene.restore(&database, &archive, &["--stage", "beside", "--allow", "all"]);
    outcome.expect(0);
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM t"), "500");
}

/// Ends the sessions of a restore that is in the midst of its rows, and gives how it ended.
fn disturbed(scene: &Scene, database: &str, archive: &Path, options: &[&str], disturb: &dyn Fn(&Client)) -> Outcome {
    let target = scene.server.target(database);
    let words = [&["restore", archive.to_str().expect("UTF-8"), "--into", &target, "--json"], options].concat();
    let child = scene.sandbox.command(&words).spawn().expect("the binary starts");
    let client = scene.server.connect("postgres");
    let copies = "SELECT count(*) FROM pg_stat_activity WHERE query ~* '^copy.*\"t\"' AND state = 'active'";
    while client.query(copies)[0][0].as_deref() == Some("0") {
        std::thread::yield_now();
    }
    disturb(&client);
    finish(child)
}

#[test]
fn one_restore_at_a_time() {
    let scene = Scene::new();
    let archive = scene.dump("slow.dump", SLOW, &[]);
    let database = scene.server.database();
    let meanwhile = |_: &Client| {
        let refused = scene.restore(&database, &northwind(), &["--no-owner", "--stage", "beside"]).expect(3).json();
        assert!(refused.to_string().contains("target.busy"), "{refused:#}");
    };
    disturbed(&scene, &database, &archive, &["--stage", "beside", "--allow", "all"], &meanwhile).expect(0);
}

#[test]
fn a_lost_connection_stops_the_job_and_resume_goes_on() {
    let scene = Scene::new();
    let archive = scene.dump("slow.dump", SLOW, &[]);
    for stage in ["beside", "database"] {
        let database = scene.server.database();
        let before = scene.content(&database);
        let end_all = |client: &Client| {
            client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
        };
        let outcome = disturbed(&scene, &database, &archive, &["--stage", stage, "--allow", "all"], &end_all).expect(1);
        says(&outcome.json()["error"], &["target.connection_lost", "reinstate resume"]);
        assert_eq!(differences(&before, &scene.content(&database), &[]), Vec::<String>::new());
        let job = scene.interrupted_job(&database).expect("an interrupted job");
        scene.command("resume", &job, &database).expect(0);
        assert_eq!(scene.server.value(&database, "SELECT count(*) FROM t"), "500");
    }
}

#[test]
fn a_server_that_crashes_under_a_restore_is_come_back_to() {
    let scene = Scene::durable();
    let archive = scene.dump("slow.dump", SLOW, &[]);
    let database = scene.server.database();
    let crash = |_: &Client| scene.server.crash();
    disturbed(&scene, &database, &archive, &["--stage", "beside", "--allow", "all"], &crash).expect(1);
    let job = scene.interrupted_job(&database).expect("an interrupted job");
    scene.command("resume", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM t"), "500");
}

#[test]
fn a_cancelled_statement_fails_its_object() {
    let scene = Scene::new();
    let archive = scene.dump("slow.dump", SLOW, &[]);
    let database = scene.server.database();
    let cancel = |client: &Client| {
        client.query(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~* '^copy' AND pid <> pg_backend_pid()",
        );
    };
    let outcome = disturbed(&scene, &database, &archive, &["--stage", "beside", "--allow", "all"], &cancel).expect(1);
    says(&outcome.json()["error"], &["57014", "public.t"]);
}

#[test]
fn a_full_disk_is_told_and_resumed_from() {
    let scene = Scene::new();
    let rows = "CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 20) AS v FROM generate_series(1, 40000) g";
    let archive = scene.dump("big.dump", rows, &[]);
    let disk = scene.server.own_folder("disks").join("disk");
    let mount = match Mount::tmpfs(&disk, "120m") {
        Ok(mount) => mount,
        Err(reason) => return crate::skipped(&reason),
    };
    let place = disk.join("place");
    std::fs::create_dir(&place).expect("a folder");
    give(&place);
    // The server's log is on another disk, or the server itself would stop.
    scene.server.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
    let database = scene.server.database_with("TABLESPACE small");
    let before = scene.content(&database);
    mount.fill();
    let filler = std::fs::File::options().write(true).open(disk.join("filler")).expect("what fills the disk");
    filler.set_len(filler.metadata().expect("a file").len() - (8 << 20)).expect("some room");
    // A file that is open keeps its room when it is removed.
    drop(filler);
    let outcome = scene.restore(&database, &archive, &["--stage", "beside", "--allow", "all"]);
    mount.make_room();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    let error = outcome.json()["error"].clone();
    assert_eq!(error["code"], "target.full", "{error:#}");
    says(&error, &["53100", "public.big", "reinstate resume"]);
    assert_eq!(differences(&before, &scene.content(&database), &[]), Vec::<String>::new());
    let job = scene.interrupted_job(&database).expect("an interrupted job");
    scene.command("resume", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM big"), "40000");
    scene.server.sql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"));
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let scene = Scene::new();
    let database = scene.server.database();
    let nobody = scene.restore_to(&scene.server.target_as("nobody", &database), &northwind(), &["--no-owner"]);
    assert!(matches!(nobody.status, Some(1 | 3)), "{nobody:#?}");
    says(&nobody.json()["error"], &["nobody", "28000"]);
    scene.server.stop("fast");
    let outcome = scene.restore(&database, &northwind(), &["--no-owner"]);
    assert!(matches!(outcome.status, Some(1 | 3)), "{outcome:#?}");
    assert!(outcome.code().starts_with("target."), "{outcome:#?}");
}
