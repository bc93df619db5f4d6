//! A real process is killed at every fail point, or the server under it; another one resumes, undoes or aborts, and nothing is lost or
//! doubled.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::*;
use crate::failpoint::POINTS;

const PLACE: &str = "REINSTATE_TEST_PLACE";
const POINT: &str = "REINSTATE_TEST_POINT";
const KIND: &str = "REINSTATE_TEST_KIND";
const JOB: &str = "r-1";

const LIVE: &str = "CREATE TABLE t(x integer PRIMARY KEY); INSERT INTO t VALUES (0);";

fn steps(kind: StageKind) -> Vec<Step> {
    let replace = if kind == StageKind::Beside { Action::Replace } else { Action::Create };
    vec![
        step(1, replace, name("table", "public.t"), &[]),
        step(2, Action::Create, name("table", "public.n"), &[1]),
        step(3, Action::Create, name("extension", "hstore"), &[]),
        step(4, Action::Create, name("comment", "public.SCHEMA public"), &[]),
    ]
}

fn scripts() -> Vec<Script<'static>> {
    vec![
        (
            1,
            "CREATE TABLE public.t (x integer PRIMARY KEY); INSERT INTO public.t SELECT generate_series(1, 100)",
            Scope::Itself,
            None,
        ),
        (
            2,
            "CREATE TABLE public.n (x integer); INSERT INTO public.n SELECT generate_series(1, 100)",
            Scope::Itself,
            None,
        ),
        (3, "CREATE EXTENSION hstore WITH SCHEMA public", Scope::Foundation, Some("DROP EXTENSION hstore")),
        (
            4,
            "COMMENT ON SCHEMA public IS 'restored'",
            Scope::Database,
            Some("COMMENT ON SCHEMA public IS 'standard public schema'"),
        ),
    ]
}

/// What anybody sees.
fn visible(place: &Place) -> Vec<String> {
    let mut seen = place.rows("SELECT count(*), sum(x) FROM t");
    seen.extend(place.rows("SELECT to_regclass('n'), obj_description('public'::regnamespace, 'pg_namespace')"));
    seen.extend(place.rows("SELECT count(*) FROM pg_extension WHERE extname = 'hstore'"));
    if place.rows("SELECT to_regclass('n')") == ["n"] {
        seen.extend(place.rows("SELECT count(*) FROM n"));
    }
    seen
}

fn target() -> (PostgresTarget, StageKind) {
    let kind = if std::env::var(KIND).unwrap() == "beside" { StageKind::Beside } else { StageKind::Database };
    let settings = super::super::Settings::resolve(&std::env::var(PLACE).unwrap(), &Default::default()).unwrap();
    (PostgresTarget::new(settings), kind)
}

/// The life of jobs, in a process that dies somewhere in it.
#[test]
#[ignore = "Run by the tests below, in a process of its own"]
fn victim() {
    let point = std::env::var(POINT).unwrap();
    let (point, action) = point.split_once('=').unwrap();
    fail::cfg(point, action).unwrap();
    let (target, kind) = target();
    let plan = plan(kind, &steps(kind), &[]);
    let stage = target.begin(&job(JOB, &plan)).unwrap();
    work(&*stage, &plan.steps, &scripts()).unwrap();
    finish(&*stage, &plan.steps).unwrap();
    drop(stage);
    target.undo(JOB).unwrap();
    target.undo(JOB).unwrap();
    target.discard(JOB).unwrap();
    let left = super::plan(kind, &[step(1, Action::Create, name("table", "public.left"), &[])], &[]);
    let stage = target.begin(&job("r-2", &left)).unwrap();
    work(&*stage, &left.steps, &[(1, "CREATE TABLE public.left ()", Scope::Itself, None)]).unwrap();
    drop(stage);
    target.abort("r-2").unwrap();
}

fn killed(place: &Place, kind: StageKind, point: &str) -> bool {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    let url =
        format!("postgres://postgres@/{}?host={}&port={}", place.database, place.server.socket(), place.server.port);
    victim
        .args(["--exact", "target::postgres::tests::kill::victim", "--ignored"])
        .env(PLACE, url)
        .env(KIND, if kind == StageKind::Beside { "beside" } else { "database" })
        .env(POINT, point);
    let output = victim.output().unwrap();
    let status = output.status;
    assert!(
        status.success() || status.signal() == Some(9),
        "{point}: {status} {}",
        String::from_utf8_lossy(&output.stdout)
    );
    !status.success()
}

/// Ends whatever the victim left; returns whether the job was aborted.
fn mend(place: &Place, kind: StageKind, abort: bool) -> bool {
    let plan = plan(kind, &steps(kind), &[]);
    let target = place.target();
    let go_on = |stage: Box<dyn Stage>| {
        work(&*stage, &plan.steps, &scripts()).unwrap();
        finish(&*stage, &plan.steps).unwrap();
    };
    let aborted = match place.status(JOB) {
        None => {
            go_on(target.begin(&job(JOB, &plan)).unwrap());
            false
        }
        Some(JobStatus::Interrupted) if abort => {
            target.abort(JOB).unwrap();
            true
        }
        Some(JobStatus::Interrupted) => {
            go_on(target.resume(JOB).unwrap());
            false
        }
        Some(JobStatus::Undone) => {
            target.undo(JOB).unwrap();
            false
        }
        Some(JobStatus::Succeeded) => false,
        Some(JobStatus::Discarded) => {
            target.discard(JOB).unwrap();
            false
        }
        Some(status) => panic!("{status:?}"),
    };
    if place.status("r-2").is_some() {
        target.abort("r-2").unwrap();
    }
    aborted
}

fn nothing_is_left(place: &Place, point: &str) {
    let schemas = place.schemas();
    assert!(schemas.iter().all(|schema| !schema.starts_with("reinstate_stage")), "{point}: {schemas:?}");
    let query = format!("SELECT datname FROM pg_database WHERE datname LIKE '{}\\_reinstate\\_r-%'", place.database);
    assert_eq!(rows(&mut place.server.connect("postgres"), &query), [""; 0], "{point}");
}

fn every_point(kind: StageKind) {
    let undisturbed = Place::with(LIVE);
    assert!(!killed(&undisturbed, kind, "none=off"));
    let (before, after) = (visible(&Place::with(LIVE)), visible(&undisturbed));
    assert_ne!(before, after);
    let mut kills = 0;
    for point in POINTS.iter().filter(|point| point.starts_with("postgres.")) {
        for (later, abort) in [(0, false), (0, true), (2, false)] {
            let place = Place::with(LIVE);
            if !killed(&place, kind, &format!("{point}={later}*off->return")) {
                continue;
            }
            kills += 1;
            let seen = visible(&place);
            // What runs at once is seen at once.
            let data = |seen: &[String]| [&seen[..2], &seen[3..]].concat();
            assert!(data(&seen) == data(&before) || data(&seen) == data(&after), "{point} {later}: {seen:?}");
            let aborted = mend(&place, kind, abort);
            // What was killed before it was recorded goes with the next job.
            drop(place.target().begin(&job("r-3", &super::plan(kind, &[], &[]))).unwrap());
            place.target().abort("r-3").unwrap();
            let expected = if aborted { &before } else { &after };
            assert_eq!(&visible(&place), expected, "{point} {later}");
            nothing_is_left(&place, point);
            if aborted {
                assert_eq!(place.schemas(), ["public"], "{point} {later}");
            }
        }
    }
    assert!(kills > 25, "{kills} kills");
}

#[test]
fn nothing_is_lost_or_doubled_wherever_a_process_beside_dies() {
    every_point(StageKind::Beside);
}

#[test]
fn nothing_is_lost_or_doubled_wherever_a_process_apart_dies() {
    every_point(StageKind::Database);
}

/// The server is killed at some places of a job; the job stops, and goes on when the server is back.
#[test]
fn a_server_that_dies_loses_rows_and_journal_alike() {
    for kind in [StageKind::Beside, StageKind::Database] {
        let server = Arc::new(LocalServer::start("wal_writer_delay = 10s"));
        let mut place = Place::missing();
        place.server = server;
        place.server.sql("postgres", &format!("CREATE DATABASE {}", place.database));
        place.sql(LIVE);
        let plan = plan(kind, &steps(kind), &[]);
        let target = place.target();
        let stage = target.begin(&job(JOB, &plan)).unwrap();
        work(&*stage, &plan.steps[..2], &scripts()).unwrap();
        let mut open = stage.open(&plan.steps[2], Unit::Whole).unwrap();
        place.server.control_now("restart");
        assert_eq!(
            code(open.execute("CREATE EXTENSION hstore WITH SCHEMA public", &Scope::Foundation, None)),
            "target.connection_lost"
        );
        drop(open);
        drop(stage.interrupt());
        let stage = target.resume(JOB).unwrap();
        work(&*stage, &plan.steps, &scripts()).unwrap();
        assert_eq!(stage.rehearse(&plan.steps).unwrap(), []);
        place.server.control_now("restart");
        assert_eq!(code(stage.switch(&plan.steps, &|_| String::new())), "target.connection_lost");
        drop(stage);
        let stage = target.resume(JOB).unwrap();
        work(&*stage, &plan.steps, &scripts()).unwrap();
        finish(&*stage, &plan.steps).unwrap();
        drop(stage);
        assert_eq!(visible(&place), ["100|5050", "n|restored", "1", "100"]);
        place.server.control_now("restart");
        assert_eq!(visible(&place), ["100|5050", "n|restored", "1", "100"]);
        assert_eq!(place.status(JOB), Some(JobStatus::Succeeded));
    }
}
