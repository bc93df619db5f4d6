//! What exists is exchanged at once: readers see all of the old or all of the new, undo brings the old back, and discard drops it.

use crate::scene::{Scene, job};
use crate::support::postgres::golden;
use crate::support::postgres::readers::Readers;

/// Two tables whose rows always tell the same generation, and what hangs on them.
fn generation(number: u32) -> String {
    format!(
        "CREATE TABLE a (id int PRIMARY KEY, generation int CHECK (generation = {number}));
         CREATE TABLE b (id int REFERENCES a (id), generation int DEFAULT {number});
         CREATE INDEX b_generation ON b (generation);
         CREATE VIEW both_of_them AS SELECT a.id, a.generation AS one, b.generation AS other FROM a JOIN b USING (id);
         CREATE FUNCTION which() RETURNS int LANGUAGE sql AS 'SELECT {number}';
         CREATE TYPE mood AS ENUM ('generation {number}');
         INSERT INTO a SELECT g, {number} FROM generate_series(1, 200) g; INSERT INTO b SELECT g, {number} FROM generate_series(1, 200) g;"
    )
}

/// Generations that are seen together: one row where all agree.
const SEEN: &str =
    "SELECT (SELECT array_agg(DISTINCT generation) FROM a), (SELECT array_agg(DISTINCT generation) FROM b),
    (SELECT array_agg(DISTINCT other) FROM both_of_them), which()";

fn seen(number: u32) -> String {
    let list = Some(format!("{{{number}}}"));
    format!("{:?}", [[list.clone(), list.clone(), list, Some(number.to_string())]])
}

/// Readers see one generation or another, never a mixture; a name that is gone for a moment may be missed only where sessions end.
fn no_mixture(answers: &[String]) {
    let allowed = [seen(1), seen(2)];
    for answer in answers {
        assert!(allowed.contains(answer), "a mixture: {answer}");
    }
}

fn switched(stage: &str) {
    let scene = Scene::new();
    let archive = scene.dump("two.dump", &generation(2), &[]);
    let database = scene.server.database();
    scene.server.sql(&database, &generation(1));
    let before = scene.content(&database);
    let readers = Readers::start(&scene.server, &database, 3, SEEN);
    let options = ["--restore-policy", "replace", "--allow", "all", "--stage", stage];
    let report = scene.restore(&database, &archive, &options).expect(0).json();
    assert!(report["switch_microseconds"].as_u64().is_some_and(|pause| pause > 0), "{report:#}");
    let after = scene.content(&database);
    let job = job(&report);
    for round in 0..3 {
        scene.command("undo", &job, &database).expect(0);
        assert_eq!(golden::differences(&before, &scene.content(&database), &[]), Vec::<String>::new(), "round {round}");
        scene.command("undo", &job, &database).expect(0);
        assert_eq!(golden::differences(&after, &scene.content(&database), &[]), Vec::<String>::new(), "round {round}");
    }
    for seen in readers.stop() {
        assert!(seen.asked > 0);
        assert!(seen.answers.len() > 1, "a reader saw no switch: {seen:?}");
        no_mixture(&seen.answers);
    }
    scene.command("discard", &job, &database).expect(0);
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^reinstate_'";
    assert_eq!(scene.server.value(&database, left), "0");
    assert_eq!(golden::differences(&after, &scene.content(&database), &[]), Vec::<String>::new());
    scene.command("undo", &job, &database).expect(3);
    scene.server.integrity(&database);
}

#[test]
fn objects_are_exchanged_at_once_and_back() {
    switched("beside");
}

#[test]
fn databases_are_exchanged_at_once_and_back() {
    switched("database");
}

#[test]
fn existing_objects_are_refused_without_a_policy() {
    let scene = Scene::new();
    let archive = scene.dump("two.dump", &generation(2), &[]);
    let database = scene.server.database();
    scene.server.sql(&database, &generation(1));
    let before = scene.content(&database);
    let refused = scene.restore(&database, &archive, &["--allow", "all"]).expect(3).json();
    let named: Vec<_> = refused["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["code"] == "target.object_exists")
        .collect();
    assert!(named.len() >= 5, "all conflicts at once: {refused:#}");
    assert_eq!(golden::differences(&before, &scene.content(&database), &[]), Vec::<String>::new());
    assert_eq!(
        scene.server.value(&database, "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^reinstate'"),
        "0",
        "a refusal wrote something"
    );
}

#[test]
fn existing_objects_move_aside() {
    let scene = Scene::new();
    let archive = scene.dump("two.dump", &generation(2), &[]);
    let database = scene.server.database();
    scene.server.sql(&database, &generation(1));
    let before = scene.content(&database);
    let options = [
        "--restore-policy",
        "rename",
        "--renamed-objects-schema",
        "former",
        "--create-schema-if-not-exist",
        "--allow",
        "all",
    ];
    let report = scene.restore(&database, &archive, &options).expect(0).json();
    assert_eq!(scene.server.value(&database, "SELECT min(generation) FROM a"), "2");
    assert_eq!(scene.server.value(&database, "SELECT min(generation) FROM former.a"), "1");
    assert_eq!(scene.server.value(&database, "SELECT former.which()"), "1");
    scene.command("undo", &job(&report), &database).expect(0);
    let differ = golden::differences(
        &before,
        &scene.content(&database),
        &["tables", "views", "functions", "indexes", "constraints"],
    );
    assert_eq!(differ, Vec::<String>::new());
}

#[test]
fn others_that_hold_locks_are_waited_for() {
    let scene = Scene::new();
    let archive = scene.dump("two.dump", &generation(2), &[]);
    let database = scene.server.database();
    scene.server.sql(&database, &generation(1));
    let holder = scene.server.connect(&database);
    holder.query("BEGIN; SELECT count(*) FROM a");
    let options = [
        "restore",
        archive.to_str().expect("UTF-8"),
        "--into",
        &scene.server.target(&database),
        "--restore-policy",
        "replace",
        "--stage",
        "beside",
        "--allow",
        "all",
        "--json",
    ];
    let child = scene.sandbox.command(&options).spawn().expect("the binary starts");
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'";
    for _ in 0..60_000 {
        if scene.server.value(&database, waits) != "0" {
            break;
        }
    }
    // Others go on reading meanwhile, once the waiting one has given up its turn.
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM a"), "200");
    holder.query("COMMIT");
    let report = crate::support::finish(child).expect(0).json();
    assert!(report["switch_attempts"].as_u64().is_some_and(|attempts| attempts > 0), "{report:#}");
    assert_eq!(scene.server.value(&database, "SELECT min(generation) FROM a"), "2");
}

#[test]
fn what_stays_is_tied_to_what_comes() {
    let scene = Scene::new();
    let made = "CREATE TABLE a (id int PRIMARY KEY, generation int); INSERT INTO a VALUES (1, 2)";
    let archive = scene.dump("a.dump", made, &[]);
    let database = scene.server.database();
    scene.server.sql(
        &database,
        "CREATE TABLE a (id int PRIMARY KEY, generation int); INSERT INTO a VALUES (1, 1);
         CREATE TABLE b (id int REFERENCES a (id)); INSERT INTO b VALUES (1);
         CREATE VIEW seen WITH (security_barrier) AS SELECT generation FROM a;
         CREATE VIEW again AS SELECT generation FROM seen",
    );
    let before = scene.content(&database);
    let options = ["--restore-policy", "replace", "--stage", "beside"];
    let report = scene.restore(&database, &archive, &options).expect(0).json();
    let seen = "SELECT generation FROM again";
    assert_eq!(scene.server.value(&database, seen), "2");
    let foreign =
        "SELECT confrelid = 'a'::regclass FROM pg_constraint WHERE conrelid = 'b'::regclass AND contype = 'f'";
    assert_eq!(scene.server.value(&database, foreign), "t");
    let job = job(&report);
    scene.command("undo", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, seen), "1");
    assert_eq!(golden::differences(&before, &scene.content(&database), &[]), Vec::<String>::new());
    scene.command("undo", &job, &database).expect(0);
    scene.command("discard", &job, &database).expect(0);
    assert_eq!(scene.server.value(&database, seen), "2");
}
