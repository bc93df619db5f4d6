//! What others notice of a job: nothing until the switch, then all of it at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Two tables whose rows say which job brought them.
fn pair() -> (Vec<Step>, impl Fn(u32) -> [String; 2]) {
    let steps = ["public.a", "public.b"].into_iter().zip(1..);
    let steps = steps.map(|(table, id)| step(id, Action::Replace, name("table", table), &[])).collect();
    let script = |value: u32| {
        ["a", "b"].map(|table| {
            format!("CREATE TABLE public.{table} (v integer); INSERT INTO public.{table} VALUES ({value})")
        })
    };
    (steps, script)
}

const PAIR: &str =
    "CREATE TABLE a(v integer); CREATE TABLE b(v integer); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)";

#[test]
fn readers_see_all_of_a_switch_or_nothing() {
    let place = Place::with(PAIR);
    let (steps, script) = pair();
    let plan = plan(StageKind::Beside, &steps, &[]);
    let (over, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reader = place.connect();
                    while !over.load(Ordering::Relaxed) {
                        let query = "SELECT DISTINCT v FROM (SELECT v FROM a UNION ALL SELECT v FROM b) s";
                        match reader.texts(query) {
                            Ok(seen) => assert_eq!(seen.len(), 1, "{seen:?}"),
                            // Its snapshot was taken before the switch, the name looked up after: it is tried again.
                            Err(fault) => assert_eq!(fault.code().map(|code| code.code()), Some("42P01"), "{fault:?}"),
                        }
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for value in 1..6 {
            let scripts = script(value);
            let named = format!("r-{value}");
            let scripts: [Script<'_>; 2] =
                [(1, &scripts[0], Scope::Itself, None), (2, &scripts[1], Scope::Itself, None)];
            restore(&place, &plan, &named, &scripts).unwrap();
            place.target().undo(&named).unwrap();
            place.target().undo(&named).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert!(reads.into_inner() > 10);
    assert_eq!(place.rows("SELECT v FROM a"), ["5"]);
}

#[test]
fn a_switch_waits_for_a_lock_and_gives_way_meanwhile() {
    let place = Place::with(PAIR);
    let (steps, script) = pair();
    let plan = plan(StageKind::Beside, &steps, &[]);
    let scripts = script(1);
    let scripts: [Script<'_>; 2] = [(1, &scripts[0], Scope::Itself, None), (2, &scripts[1], Scope::Itself, None)];
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &steps, &scripts).unwrap();
    let mut other = place.connect();
    other.batch("BEGIN; SELECT v FROM b").unwrap();
    assert_eq!(stage.rehearse(&steps).unwrap(), [], "What is in use is not rehearsed");
    let attempts = std::thread::scope(|scope| {
        let switched = scope.spawn(|| stage.switch(&steps, &|_| String::new()).unwrap().attempts);
        // The switch has given way at least once when someone else can lock both tables again.
        let mut third = place.connect();
        third.batch("SET lock_timeout = '100ms'").unwrap();
        while third.batch("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE; COMMIT").is_ok() {}
        third.batch("ROLLBACK; SET lock_timeout = 0; SELECT v FROM a").unwrap();
        other.batch("COMMIT").unwrap();
        switched.join().unwrap()
    });
    assert!(attempts > 1, "{attempts}");
    drop(stage);
    assert_eq!(place.rows("SELECT a.v, b.v FROM a, b"), ["1|1"]);
}

#[test]
fn units_wait_for_connections_that_are_used_up() {
    let server = Arc::new(LocalServer::start("max_connections = 8\nsuperuser_reserved_connections = 0"));
    let mut place = Place::missing();
    place.server = server;
    place.server.sql("postgres", &format!("CREATE DATABASE {}", place.database));
    let steps: Vec<Step> =
        (0..12).map(|id| step(id, Action::Create, name("table", &format!("public.t{id}")), &[])).collect();
    let plan = plan(StageKind::Beside, &steps, &[]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    std::thread::scope(|scope| {
        for step in &steps {
            scope.spawn(|| {
                let mut unit = stage.open(step, Unit::Whole).unwrap();
                unit.execute(
                    &format!("CREATE TABLE public.{} (); SELECT pg_sleep(0.05)", step.into.name),
                    &Scope::Itself,
                    None,
                )
                .unwrap();
                unit.commit(Counts::default()).unwrap();
            });
        }
    });
    assert_eq!(stage.journal().unwrap().len(), 12);
}

#[test]
fn rows_are_loaded_frozen() {
    let place = Place::with("CREATE EXTENSION pg_visibility");
    let steps = [
        step(1, Action::Create, name("table", "public.a"), &[]),
        step(2, Action::Create, name("table", "public.b"), &[]),
    ];
    let plan = plan(StageKind::Beside, &steps, &[]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    let rows = || bytes::Bytes::from_static(b"1\n2\n");
    let mut whole = stage.open(&steps[0], Unit::Whole).unwrap();
    whole.execute("CREATE TABLE public.a (x integer)", &Scope::Itself, None).unwrap();
    whole.append("", &[], "postgres-copy-text", rows()).unwrap();
    assert_eq!(whole.end_rows().unwrap(), 2);
    whole.commit(Counts { rows: 2, bytes: 4 }).unwrap();
    let mut begin = stage.open(&steps[1], Unit::Begin).unwrap();
    begin.execute("CREATE TABLE public.b (x integer)", &Scope::Itself, None).unwrap();
    begin.commit(Counts::default()).unwrap();
    // A part that was dropped leaves nothing.
    let mut dropped = stage.open(&steps[1], Unit::Part(0)).unwrap();
    dropped.append("", &[], "postgres-copy-text", rows()).unwrap();
    drop(dropped);
    let mut part = stage.open(&steps[1], Unit::Part(0)).unwrap();
    part.append("", &[], "postgres-copy-text", rows()).unwrap();
    part.end_rows().unwrap();
    part.commit(Counts { rows: 2, bytes: 4 }).unwrap();
    finish(&*stage, &steps).unwrap();
    drop(stage);
    for table in ["a", "b"] {
        let query = format!(
            "SELECT count(*), bool_and(all_frozen) FROM {table}, (SELECT all_frozen FROM pg_visibility_map('{table}')) v"
        );
        assert_eq!(place.rows(&query), ["2|t"], "{table}");
    }
}

#[test]
fn an_error_in_a_unit_takes_nothing_else_along() {
    let place = Place::with("");
    let steps = [
        step(1, Action::Create, name("table", "public.a"), &[]),
        step(2, Action::Create, name("table", "public.b"), &[]),
    ];
    let stage = place.target().begin(&job("r-1", &plan(StageKind::Beside, &steps, &[]))).unwrap();
    let mut unit = stage.open(&steps[0], Unit::Whole).unwrap();
    assert_eq!(code(unit.execute("CREATE TABLE public.a (x nonsense)", &Scope::Itself, None)), "target.bad_definition");
    drop(unit);
    let scripts: [Script<'_>; 2] = [
        (1, "CREATE TABLE public.a (x text)", Scope::Itself, None),
        (2, "SET client_encoding = 'LATIN1'", Scope::Itself, None),
    ];
    work(&*stage, &steps[..1], &scripts).unwrap();
    // What a guest sets ends with its unit.
    let mut unit = stage.open(&steps[1], Unit::Whole).unwrap();
    unit.execute("SET search_path = public; SET DateStyle = German", &Scope::Itself, None).unwrap();
    unit.execute("SET client_encoding = 'LATIN1'", &Scope::Itself, None).unwrap();
    unit.execute("CREATE TABLE public.b (x text)", &Scope::Itself, None).unwrap();
    unit.append("", &[], "postgres-copy-text", bytes::Bytes::from_static(b"\xe9\n")).unwrap();
    unit.commit(Counts::default()).unwrap();
    let mut unit = stage.open(&steps[1], Unit::End).unwrap();
    unit.execute(
        "INSERT INTO public.b VALUES (split_part(current_setting('DateStyle'), ',', 1) || current_setting('search_path'))",
        &Scope::Itself,
        None,
    )
    .unwrap();
    unit.commit(Counts::default()).unwrap();
    stage.switch(&steps, &|_| String::new()).unwrap();
    assert_eq!(place.rows("SELECT x FROM b ORDER BY 1"), ["ISO\"\"", "é"]);
}
