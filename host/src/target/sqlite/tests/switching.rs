//! The switch, its undoing, and what others see meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const LIVE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE CHECK(t.name <> ''), mother REFERENCES t(id) ON DELETE CASCADE);
    CREATE INDEX [by name] ON t(name) WHERE t.id > 0;
    CREATE TABLE log(a);
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.id); END;
    CREATE VIEW v AS SELECT name FROM t;
    CREATE TABLE child(a REFERENCES t(id) ON DELETE CASCADE);
    INSERT INTO t(name) VALUES('old1'), ('old2'); INSERT INTO child VALUES(1); ANALYZE;";

fn replacing(place: &Place, step: Step) -> Step {
    let existing = place.facts().objects[&step.into].fingerprint.clone();
    Step { existing: Some(existing), ..step }
}

#[test]
fn replace_undo_redo_and_discard() {
    for mode in ["wal", "delete"] {
        let place = Place::with(&format!("PRAGMA journal_mode = {mode}; {LIVE}"));
        let before = place.visible();
        let step = replacing(&place, with(Action::Replace, a_step(1, "table", "t")));
        let stage = place.begin("r-1");
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        work.create_table("", a_table()).unwrap();
        work.append("", &[], "arrow", some_rows(1..6)).unwrap();
        work.create_indexes("", vec![an_index("by name", "name")]).unwrap();
        work.commit(counts(5)).unwrap();
        assert_eq!(place.visible(), before, "nothing is seen before the switch");
        switch(&*stage, &[step]).unwrap();
        drop(stage);
        let after = place.visible();
        assert_eq!(place.text("SELECT * FROM v"), "n1\nn2\nn3\nn4\nn5");
        assert_eq!(place.text("SELECT count(*) FROM sqlite_schema WHERE name = 'tr'"), "0");
        assert_eq!(place.text("PRAGMA foreign_key_check"), "", "hidden tables take no part");
        assert_eq!(place.hidden(), "reinstate_kept_1_1_0\nreinstate_kept_1_1_0_2");
        place
            .db()
            .execute_batch("PRAGMA foreign_keys = ON; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES(2, 'n2');")
            .unwrap();
        assert_eq!(place.text("SELECT count(*) FROM reinstate_kept_1_1_0"), "2");

        place.target.undo("r-1").unwrap();
        assert_eq!(place.visible(), before);
        assert_eq!(place.status("r-1"), JobStatus::Undone);
        place.db().execute_batch("INSERT INTO t(name) VALUES('old3')").unwrap();
        assert_eq!(place.text("SELECT a FROM log ORDER BY a"), "1\n2\n3", "the trigger is back and the numbers go on");
        place.target.undo("r-1").unwrap();
        assert_eq!(place.visible().replace("log: 1\n2\n3", "log: 1\n2"), after);
        assert_eq!(place.status("r-1"), JobStatus::Succeeded);
        place.target.discard("r-1").unwrap();
        assert_eq!(place.hidden(), "");
        assert_eq!(place.status("r-1"), JobStatus::Discarded);
        assert_eq!(place.target.undo("r-1").unwrap_err().code(), "job.not_possible");
        place.target.discard("r-1").unwrap();
        place.visible();
        assert_eq!(place.text("PRAGMA journal_mode"), mode);
    }
}

#[test]
fn discarding_an_undone_job_drops_what_it_brought() {
    let place = Place::with(LIVE);
    let before = place.visible();
    restore(&place, "r-1", &replacing(&place, with(Action::Replace, a_step(1, "table", "t"))), 1..6);
    place.target.undo("r-1").unwrap();
    place.target.discard("r-1").unwrap();
    assert_eq!(place.visible(), before);
    assert_eq!((place.hidden(), place.text("SELECT count(*) FROM reinstate_objects")), (String::new(), "0".into()));
}

#[test]
fn what_moves_aside_stays_visible_and_comes_back() {
    let place = Place::with(LIVE);
    let before = place.visible();
    restore(&place, "r-1", &aside("old", replacing(&place, a_step(1, "table", "t"))), 1..6);
    assert_eq!(place.text("SELECT name FROM \"old.t\""), "old1\nold2");
    assert_eq!(
        place.text("SELECT name FROM sqlite_schema WHERE tbl_name = 'old.t' ORDER BY 1"),
        "old.by name\nold.t\nsqlite_autoindex_old.t_1"
    );
    assert_eq!(place.text("SELECT \"table\" FROM pragma_foreign_key_list('old.t')"), "old.t");
    assert_eq!(place.text("SELECT DISTINCT tbl FROM sqlite_stat1 ORDER BY 1"), "child\nlog\nold.t");
    place.visible();
    assert!(place.facts().objects.contains_key(&ObjectName::new("table", Some("old"), "t")));
    place.target.undo("r-1").unwrap();
    assert_eq!(place.visible(), before);
    place.target.undo("r-1").unwrap();
    place.target.discard("r-1").unwrap();
    assert_eq!(place.text("SELECT name FROM \"old.t\""), "old1\nold2");
}

#[test]
fn undo_is_refused_once_something_else_has_changed() {
    let changes = [
        "ALTER TABLE t ADD COLUMN more",
        "DROP TABLE t",
        "CREATE INDEX more ON t(name)",
        "ALTER TABLE t RENAME TO other",
        "CREATE TABLE tr(a); DROP TABLE tr; CREATE TABLE [by name](a)",
    ];
    for change in changes {
        let place = Place::with(LIVE);
        restore(&place, "r-1", &replacing(&place, with(Action::Replace, a_step(1, "table", "t"))), 1..6);
        place.db().execute_batch(change).unwrap();
        let before = place.visible();
        assert_eq!(place.target.undo("r-1").unwrap_err().code(), "job.superseded", "{change}");
        assert_eq!(place.visible(), before, "{change}");
    }
}

#[test]
fn later_jobs_are_undone_first() {
    let place = Place::new();
    restore(&place, "r-1", &a_step(1, "table", "t"), 0..1);
    let one = place.visible();
    restore(&place, "r-2", &replacing(&place, with(Action::Replace, a_step(1, "table", "t"))), 0..2);
    restore(&place, "r-3", &replacing(&place, with(Action::Replace, a_step(4, "table", "t"))), 0..3);
    assert_eq!(place.target.undo("r-1").unwrap_err().code(), "job.superseded");
    assert_eq!(place.target.undo("r-2").unwrap_err().code(), "job.superseded");
    place.target.undo("r-3").unwrap();
    place.target.undo("r-2").unwrap();
    assert_eq!(place.visible(), one);
    assert_eq!(place.target.undo("r-3").unwrap_err().code(), "job.superseded");
    place.target.undo("r-1").unwrap();
    assert_eq!(place.visible(), "");
    place.target.undo("r-1").unwrap();
    place.target.undo("r-2").unwrap();
    place.target.undo("r-3").unwrap();
    assert_eq!(place.text("SELECT count(*) FROM t"), "3");
    for job in ["r-1", "r-3", "r-2"] {
        place.target.discard(job).unwrap();
    }
    assert_eq!(place.hidden(), "");
    assert_eq!(place.text("SELECT count(*) FROM reinstate_objects"), "1");
    place.visible();
}

#[test]
fn a_target_that_changed_meanwhile_is_not_switched() {
    let create = a_step(1, "table", "new");
    let cases: [(&str, Step); 4] = [
        ("CREATE TABLE new(a)", create.clone()),
        ("CREATE VIEW new AS SELECT 1", create),
        ("ALTER TABLE t ADD COLUMN more", with(Action::Replace, a_step(1, "table", "t"))),
        ("DROP TABLE t", with(Action::Replace, a_step(1, "table", "t"))),
    ];
    for (change, step) in cases {
        let place = Place::with("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
        let step = if step.action == Action::Replace { replacing(&place, step) } else { step };
        let stage = place.begin("r-1");
        stage_table(&*stage, &step, 0..3);
        place.db().execute_batch(change).unwrap();
        let before = place.visible();
        assert_eq!(stage.rehearse(std::slice::from_ref(&step)).unwrap()[0].code, "plan.target_changed", "{change}");
        let error = stage.switch(&[step], &|_| String::new()).unwrap_err();
        assert_eq!(error.code(), "plan.target_changed", "{change}");
        assert_eq!(place.visible(), before, "{change}");
        stage.fail("{\"why\": 1}").unwrap();
        assert_eq!(place.visible(), before, "{change}");
        assert_eq!(place.target.jobs().unwrap()[0].report.as_deref(), Some("{\"why\": 1}"));
    }
}

#[test]
fn references_are_checked_before_anything_is_live() {
    let place = Place::with(
        "CREATE TABLE p(id INTEGER PRIMARY KEY); INSERT INTO p VALUES(1), (2), (9); CREATE TABLE user_child(p REFERENCES p); INSERT INTO user_child VALUES(9);",
    );
    let stage = place.begin("r-1");
    let steps = [
        replacing(&place, with(Action::Replace, a_step(1, "table", "p"))),
        a_step(2, "table", "c"),
        a_step(3, "table", "self"),
        a_step(4, "table", "d"),
    ];
    stage_table(&*stage, &steps[0], 0..5);
    stage_as(&*stage, &steps[1], TableDefinition { foreign_keys: vec![a_reference("id", "p")], ..a_table() }, 3..7);
    stage_as(&*stage, &steps[2], TableDefinition { foreign_keys: vec![a_reference("id", "self")], ..a_table() }, 3..7);
    // A cycle, and a table that is nowhere.
    stage_as(
        &*stage,
        &steps[3],
        TableDefinition { foreign_keys: vec![a_reference("id", "c"), a_reference("id", "nowhere")], ..a_table() },
        0..0,
    );
    let before = place.visible();
    let findings = stage.rehearse(&steps).unwrap();
    let mut found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.code.as_str(), finding.object.clone().unwrap().name, finding.message.clone()))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            (
                "target.foreign_key",
                "c".to_owned(),
                "2 rows of table `c` would refer to rows that `p` does not have, for example id = 5".to_owned()
            ),
            (
                "target.foreign_key",
                "p".to_owned(),
                "1 row of table `user_child` would refer to rows that `p` does not have, for example p = 9".to_owned()
            ),
        ]
    );
    assert_eq!(place.visible(), before);
    stage.switch(&steps, &|_| String::new()).unwrap();
    place.visible();
}

/// Under `--keep-going`, what is left of a failed object goes with the switch.
#[test]
fn what_is_not_switched_is_not_left_behind() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let steps = [a_step(1, "table", "t"), with(Action::Skip, a_step(2, "table", "u"))];
    steps.iter().for_each(|step| stage_table(&*stage, step, 0..3));
    switch(&*stage, &steps).unwrap();
    assert_eq!(place.hidden(), "");
    assert_eq!(place.text("SELECT name, state FROM reinstate_objects"), "t|live");
}

#[test]
fn readers_never_see_a_mixture() {
    let place = Place::with(
        "PRAGMA journal_mode = wal; CREATE TABLE a(id, name); CREATE TABLE b(id, name); INSERT INTO a VALUES(1, 'x'); INSERT INTO b VALUES(1, 'x');",
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            let db = place.db();
            let mut seen = std::collections::BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let count = "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)";
                seen.insert(db.query_row(count, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap());
            }
            seen
        });
        for round in 0..10 {
            let job = format!("r-{round}");
            let stage = place.begin(&job);
            let steps = ["a", "b"]
                .map(|name| replacing(&place, with(Action::Replace, a_step(u32::from(name == "b"), "table", name))));
            steps.iter().for_each(|step| stage_table(&*stage, step, 0..10 + round));
            switch(&*stage, &steps).unwrap();
            drop(stage);
            place.target.undo(&job).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        let seen = look.join().unwrap();
        assert!(seen.iter().all(|(a, b)| a == b), "{seen:?}");
    });
}

#[test]
fn views_are_replaced_and_brought_back_with_their_triggers() {
    let place = Place::with(
        "CREATE TABLE t(a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER vt INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES(new.a); END;",
    );
    let before = place.visible();
    for step in [with(Action::Replace, a_step(1, "view", "v")), aside("old", a_step(1, "view", "v"))] {
        let job = format!("r-{}", place.target.jobs().unwrap().len());
        let step = replacing(&place, step);
        let stage = place.begin(&job);
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        work.create_view(&["b".into()], "WITH x AS (SELECT a FROM t) SELECT a + 1 FROM x -- last").unwrap();
        work.create_trigger("", "vt", "CREATE TRIGGER vt INSTEAD OF DELETE ON v BEGIN DELETE FROM t; END").unwrap();
        assert_eq!(work.summarize("").unwrap().columns, ["b"]);
        work.commit(Counts::default()).unwrap();
        switch(&*stage, std::slice::from_ref(&step)).unwrap();
        drop(stage);
        place.db().execute_batch("SELECT b FROM v; DELETE FROM v").unwrap();
        if step.action == Action::Rename {
            assert_eq!(place.text("SELECT count(a) FROM \"old.v\""), "0");
        }
        place.target.undo(&job).unwrap();
        assert_eq!(place.visible(), before);
    }
}

#[test]
fn ten_thousand_tables_switch_in_one_pass() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let steps: Vec<Step> = (0..10_000).map(|id| a_step(id, "table", &format!("t{id}"))).collect();
    for step in &steps {
        stage_as(&*stage, step, TableDefinition { uniques: Vec::new(), ..a_table() }, 0..1);
    }
    stage.switch(&steps, &|_| String::new()).unwrap();
    drop(stage);
    assert_eq!(place.text("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]*'"), "10000");
    assert_eq!(place.text("SELECT name FROM t9999"), "n0");
    assert_eq!(place.text("PRAGMA integrity_check"), "ok");
    place.target.undo("r-1").unwrap();
    assert_eq!(place.facts().objects.len(), 0);
}

#[test]
fn a_table_of_main_with_a_dot_in_its_name_stays_one() {
    let place = Place::with("CREATE TABLE \"c.d\"(x)");
    let name = |schema: &str, name: &str| ObjectName::new("table", Some(schema), name);
    restore(&place, "r-1", &a_step(1, "table", "a.b"), 0..3);
    let tables = || place.facts().objects.into_keys().collect::<Vec<_>>();
    // What nobody restored is what its name says.
    assert_eq!(tables(), [name("c", "d"), name("main", "a.b")]);
    assert!(!place.facts().schemas.contains("a") && place.facts().schemas.contains("c"));
    restore(&place, "r-2", &with(Action::Replace, replacing(&place, a_step(1, "table", "a.b"))), 0..5);
    assert_eq!(place.text("SELECT count(*) FROM \"a.b\""), "5");
    place.target.undo("r-2").unwrap();
    assert_eq!(
        (tables(), place.text("SELECT count(*) FROM \"a.b\"")),
        (vec![name("c", "d"), name("main", "a.b")], "3".to_owned())
    );
    restore(&place, "r-3", &aside("old", replacing(&place, a_step(1, "table", "a.b"))), 0..1);
    assert_eq!(tables(), [name("c", "d"), name("main", "a.b"), name("old", "a.b")]);
}
