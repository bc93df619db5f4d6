//! Stages in databases of their own.

use super::*;

fn steps() -> Vec<Step> {
    vec![
        step(1, Action::Create, name("schema", "app"), &[]),
        step(2, Action::Create, name("table", "app.t"), &[1]),
        step(3, Action::Create, name("privileges", "app.SCHEMA app"), &[1]),
    ]
}

fn scripts() -> Vec<Script<'static>> {
    vec![
        (1, "CREATE SCHEMA app", Scope::Database, Some("DROP SCHEMA app")),
        (2, "CREATE TABLE app.t (x integer); INSERT INTO app.t VALUES (2)", Scope::Itself, None),
        (3, "GRANT USAGE ON SCHEMA app TO PUBLIC", Scope::Database, None),
    ]
}

/// Databases beside the live one, without its name.
fn databases(place: &Place) -> Vec<String> {
    let query = format!("SELECT datname FROM pg_database WHERE datname LIKE '{}%' ORDER BY 1", place.database);
    let found = rows(&mut place.server.connect("postgres"), &query);
    found.iter().map(|name| name[place.database.len()..].to_owned()).collect()
}

fn seen(place: &Place) -> Vec<String> {
    place.rows("SELECT x FROM app.t")
}

const LIVE: &str = "CREATE SCHEMA app; CREATE TABLE app.t AS SELECT 1 AS x;";

fn live() -> Place {
    let place = Place::with(LIVE);
    let database = &place.database;
    place.sql(&format!(
        "ALTER DATABASE {database} SET search_path = app, \"$user\"; ALTER DATABASE {database} CONNECTION LIMIT 77;
         COMMENT ON DATABASE {database} IS 'the shop''s'; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"
    ));
    place
}

/// What belongs to the live database as a whole.
fn properties(place: &Place) -> Vec<String> {
    place.rows(
        "SELECT datconnlimit, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), shobj_description(d.oid, 'pg_database'), setconfig, pg_encoding_to_char(encoding), datcollate
         FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = current_database()",
    )
}

#[test]
fn databases_are_exchanged_and_exchanged_again() {
    let place = live();
    let before = properties(&place);
    let plan = plan(StageKind::Database, &steps(), &[]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &plan.steps, &scripts()).unwrap();
    assert_eq!((seen(&place), place.status("r-1")), (vec!["1".into()], Some(JobStatus::Running)));
    assert_eq!(code(place.target().begin(&job("r-2", &plan)).map(drop)), "target.busy");
    let mut reader = place.connect();
    finish(&*stage, &plan.steps).unwrap();
    drop(stage);
    assert!(reader.batch("SELECT 1").is_err(), "Sessions in the former database are over");
    assert_eq!(seen(&place), ["2"]);
    assert_eq!(properties(&place), before);
    assert_eq!(databases(&place), ["", "_reinstate_kept_r-1"]);
    let target = place.target();
    assert_eq!(target.jobs().unwrap()[0].report.as_deref(), Some("attempts 1"));
    for (expected, status) in [("1", JobStatus::Undone), ("2", JobStatus::Succeeded), ("1", JobStatus::Undone)] {
        target.undo("r-1").unwrap();
        assert_eq!((seen(&place), place.status("r-1")), (vec![expected.into()], Some(status)));
    }
    target.undo("r-1").unwrap();
    target.discard("r-1").unwrap();
    assert_eq!((seen(&place), databases(&place)), (vec!["2".into()], vec![String::new()]));
    assert_eq!(place.status("r-1"), Some(JobStatus::Discarded));
    assert_eq!(code(target.undo("r-1")), "job.not_possible");
}

#[test]
fn what_is_undone_can_be_discarded() {
    let place = live();
    restore(&place, &plan(StageKind::Database, &steps(), &[]), "r-1", &scripts()).unwrap();
    place.target().undo("r-1").unwrap();
    place.target().discard("r-1").unwrap();
    assert_eq!((seen(&place), databases(&place)), (vec!["1".into()], vec![String::new()]));
    assert_eq!(place.status("r-1"), Some(JobStatus::Discarded));
}

#[test]
fn a_database_that_is_missing_is_made() {
    // Nothing can be staged beside what is not there.
    for kind in [StageKind::Database, StageKind::Beside] {
        let place = Place::missing();
        let plan = plan(kind, &steps(), &[]);
        assert!(place.target().jobs().unwrap().is_empty());
        let stage = place.target().begin(&job("r-0", &plan)).unwrap();
        work(&*stage, &plan.steps, &scripts()).unwrap();
        stage.fail("why").unwrap();
        assert_eq!(databases(&place), [""; 0]);
        restore(&place, &plan, "r-1", &scripts()).unwrap();
        assert_eq!((seen(&place), databases(&place)), (vec!["2".into()], vec![String::new()]));
        place.target().undo("r-1").unwrap();
        assert_eq!(databases(&place), ["_reinstate_kept_r-1"]);
        assert_eq!(place.status("r-1"), Some(JobStatus::Undone));
        place.target().undo("r-1").unwrap();
        place.target().undo("r-1").unwrap();
        place.target().discard("r-1").unwrap();
        assert_eq!(databases(&place), [""; 0]);
    }
}

#[test]
fn an_aborted_job_leaves_no_trace_and_a_failed_one_its_record() {
    let place = live();
    let plan = plan(StageKind::Database, &steps(), &[]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    assert_eq!(code(place.target().abort("r-1")), "target.busy");
    drop(stage);
    assert_eq!(place.status("r-1"), Some(JobStatus::Interrupted));
    place.target().abort("r-1").unwrap();
    assert_eq!((databases(&place), place.schemas()), (vec![String::new()], vec!["app".into(), "public".into()]));
    place.target().begin(&job("r-2", &plan)).unwrap().fail("why").unwrap();
    assert_eq!((databases(&place), place.status("r-2")), (vec![String::new()], Some(JobStatus::Failed)));
}

#[test]
fn later_jobs_are_undone_first() {
    let place = live();
    let apart = plan(StageKind::Database, &steps(), &[]);
    let beside = plan(StageKind::Beside, &[step(1, Action::Replace, name("table", "app.t"), &[])], &[]);
    let table = |value: u32| format!("CREATE TABLE app.t (x integer); INSERT INTO app.t VALUES ({value})");
    let target = place.target();
    restore(&place, &beside, "r-1", &[(1, &table(11), Scope::Itself, None)]).unwrap();
    restore(&place, &apart, "r-2", &scripts()).unwrap();
    assert_eq!(code(target.undo("r-1")), "job.superseded", "It is in the database that was put away");
    restore(&place, &apart, "r-3", &scripts()).unwrap();
    assert_eq!(code(target.undo("r-2")), "job.superseded");
    restore(&place, &beside, "r-4", &[(1, &table(14), Scope::Itself, None)]).unwrap();
    assert_eq!(code(target.undo("r-3")), "job.superseded", "A later job changed the database");
    let jobs = || target.jobs().unwrap().into_iter().map(|job| job.job).collect::<Vec<_>>();
    assert_eq!(jobs(), ["r-1", "r-2", "r-3", "r-4"]);
    for undone in ["r-4", "r-3", "r-2", "r-1"] {
        target.undo(undone).unwrap();
    }
    assert_eq!(seen(&place), ["1"]);
    assert_eq!(jobs(), ["r-1", "r-2", "r-3"], "The last one went away with its database");
    for undone in ["r-1", "r-2", "r-3", "r-4"] {
        target.undo(undone).unwrap();
    }
    assert_eq!(seen(&place), ["14"]);
    target.discard("r-2").unwrap();
    assert_eq!(databases(&place), ["", "_reinstate_kept_r-3"]);
}

#[test]
fn a_stage_that_was_never_recorded_is_dropped() {
    let place = live();
    let left = format!("{}_reinstate_r-9", place.database);
    place.server.sql("postgres", &format!("CREATE DATABASE \"{left}\""));
    assert!(place.target().jobs().unwrap().is_empty());
    let plan = plan(StageKind::Database, &[], &[]);
    drop(place.target().begin(&job("r-1", &plan)).unwrap());
    assert_eq!(databases(&place), ["", "_reinstate_r-1"]);
    place.target().abort("r-1").unwrap();
}

#[test]
fn what_is_created_meanwhile_is_not_lost() {
    let place = live();
    let plan = plan(StageKind::Database, &steps(), &[]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &plan.steps, &scripts()).unwrap();
    place.sql("CREATE TABLE app.new(x integer)");
    let found = stage.rehearse(&plan.steps).unwrap();
    assert_eq!(found.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["plan.target_changed"]);
    place.sql("DROP TABLE app.new");
    finish(&*stage, &plan.steps).unwrap();
}
