//! Units: parts in and out of order, streaming, resuming, and what rows may hold.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_array::builder::{Float64Builder, Int64Builder};
use arrow_array::{Array, BinaryArray, BooleanArray, Float64Array, NullArray, UnionArray};
use arrow_schema::{DataType, Field, UnionFields};

use super::*;

fn begun(place: &Place, step: &Step) -> Box<dyn Stage> {
    let stage = place.begin("r-1");
    let mut work = stage.open(step, Unit::Begin).unwrap();
    work.create_table("", a_table()).unwrap();
    work.commit(Counts::default()).unwrap();
    stage
}

fn part(stage: &dyn Stage, step: &Step, part: u32, ids: std::ops::Range<i64>) -> Result<()> {
    let mut work = stage.open(step, Unit::Part(part))?;
    let rows = work.append("", &[], "arrow", some_rows(ids))?;
    work.commit(counts(rows))
}

fn end(stage: &dyn Stage, step: &Step) {
    let mut work = stage.open(step, Unit::End).unwrap();
    work.create_indexes("", vec![an_index("by_name", "name")]).unwrap();
    work.commit(Counts::default()).unwrap();
}

#[test]
fn parts_keep_their_order_whoever_is_first() {
    let place = Place::new();
    let step = a_step(1, "table", "t");
    let stage = begun(&place, &step);
    let first = stage.open(&step, Unit::Part(0)).unwrap();
    std::thread::scope(|scope| {
        for number in [2, 1] {
            let (stage, step) = (&*stage, &step);
            scope.spawn(move || {
                part(stage, step, number, i64::from(number) * 100..i64::from(number) * 100 + 100).unwrap()
            });
        }
        let mut first = first;
        first.append("", &[], "arrow", some_rows(0..100)).unwrap();
        first.commit(counts(100)).unwrap();
    });
    end(&*stage, &step);
    let mut verify = stage.open(&step, Unit::Verify).unwrap();
    assert_eq!(verify.summarize("").unwrap().rows, 300);
    assert_eq!(verify.create_table("", a_table()).unwrap_err().code(), "target.bad_definition");
    assert_eq!(verify.append("", &[], "arrow", some_rows(0..1)).unwrap_err().code(), "plugin.write_refused");
    drop(verify);
    switch(&*stage, &[step]).unwrap();
    assert_eq!(place.text("SELECT count(*), min(id), max(id), max(rowid - id) FROM t"), "300|0|299|0");
    assert_eq!(
        place.text("SELECT name FROM sqlite_schema WHERE tbl_name = 't' ORDER BY 1"),
        "by_name\nsqlite_autoindex_t_1\nt"
    );
    place.visible();
}

#[test]
fn a_part_whose_predecessor_is_dropped_fails_and_can_be_done_again() {
    let place = Place::new();
    let step = a_step(1, "table", "t");
    let stage = begun(&place, &step);
    let first = stage.open(&step, Unit::Part(0)).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| part(&*stage, &step, 1, 10..20).unwrap_err());
        drop(first);
        let error = waiting.join().unwrap();
        assert_eq!(error.code(), "restore.part_failed");
        assert!(error.is_resumable());
    });
    part(&*stage, &step, 0, 0..10).unwrap();
    part(&*stage, &step, 1, 10..20).unwrap();
    assert!(part(&*stage, &step, 1, 10..20).is_err());
}

#[test]
fn an_interrupted_job_goes_on_where_its_journal_ends() {
    let place = Place::new();
    let step = a_step(1, "table", "t");
    let stage = begun(&place, &step);
    part(&*stage, &step, 0, 0..10).unwrap();
    let mut lost = stage.open(&step, Unit::Part(1)).unwrap();
    lost.append("", &[], "arrow", some_rows(10..20)).unwrap();
    drop(lost);
    stage.interrupt().unwrap();
    assert_eq!(place.status("r-1"), JobStatus::Interrupted);
    assert_eq!(place.facts().health.interrupted, ["r-1"]);

    let stage = place.target.resume("r-1").unwrap();
    assert_eq!(place.status("r-1"), JobStatus::Running);
    assert_eq!(place.facts().health.busy.as_deref(), Some("r-1"));
    let journal = stage.journal().unwrap();
    assert_eq!(journal, BTreeMap::from([((1, Unit::Begin), Counts::default()), ((1, Unit::Part(0)), counts(10))]));
    part(&*stage, &step, 1, 10..20).unwrap();
    end(&*stage, &step);
    switch(&*stage, &[step]).unwrap();
    assert_eq!(place.text("SELECT count(*), sum(id) FROM t"), "20|190");
    drop(stage);
    assert_eq!(place.status("r-1"), JobStatus::Succeeded);
    assert!(place.target.resume("r-1").is_err_and(|error| error.code() == "job.not_possible"));
}

#[test]
fn a_unit_that_is_too_large_to_keep_streams_and_still_commits_at_once() {
    let place = Place::new();
    let step = a_step(1, "table", "t");
    let mut stage = super::super::stage::SqliteStage::begin(&place.path(), &a_job("r-1", "")).unwrap();
    stage.set_spill(1000);
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    work.create_table("", a_table()).unwrap();
    for start in 0..20 {
        work.append("", &[], "arrow", some_rows(start * 100..start * 100 + 100)).unwrap();
    }
    assert_eq!(place.hidden(), "");
    assert_eq!(work.summarize("").unwrap().rows, 2000);
    drop(work);
    assert!(stage.journal().unwrap().is_empty());
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    work.create_table("", a_table()).unwrap();
    work.append("", &[], "arrow", some_rows(0..100)).unwrap();
    work.commit(counts(100)).unwrap();
    switch(&stage, &[step]).unwrap();
    assert_eq!(place.text("SELECT count(*) FROM t"), "100");
}

#[test]
fn a_row_that_breaks_a_constraint_is_named() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let mut definition = a_table();
    definition.columns[1].nullable = false;
    definition
        .checks
        .push(crate::target::definition::Check { name: Some("small".into()), expression: "t.id < 1000".into() });
    let names = |names: Vec<Option<&str>>| Arc::new(StringArray::from(names)) as ArrayRef;
    let ids = |ids: Vec<i64>| Arc::new(Int64Array::from(ids)) as ArrayRef;
    let cases: Vec<(Vec<i64>, Vec<Option<&str>>, u64, &str)> = vec![
        (vec![7, 200, 3], vec![Some("a"), Some("b"), Some("n3")], 201, "UNIQUE constraint failed: t.id"),
        (vec![500, 501], vec![Some("a"), None], 202, "NOT NULL constraint failed: t.name"),
        (vec![500, 501, 502], vec![Some("a"), Some("b"), Some("n5")], 203, "UNIQUE constraint failed: t.name"),
        (vec![1000], vec![Some("a")], 201, "CHECK constraint failed: small"),
    ];
    for (at, (id, name, row, why)) in cases.into_iter().enumerate() {
        let step = a_step(at as u32, "table", "t");
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        work.create_table("", definition.clone()).unwrap();
        work.append("", &[], "arrow", some_rows(0..200)).unwrap();
        work.append("", &[], "arrow", stream(vec![("id", ids(id)), ("name", names(name))])).unwrap();
        let error = work.commit(counts(0)).unwrap_err();
        assert_eq!((error.code(), error.details().row), ("target.constraint", Some(row)), "{error}");
        assert!(error.to_string().ends_with(why), "{error}");
        assert_eq!(error.details().column.as_deref(), why.contains("NOT NULL").then_some("name"));
    }
    assert!(stage.journal().unwrap().is_empty());
    assert_eq!(place.hidden(), "");
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let step = a_step(1, "table", "t");
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    assert_eq!(work.append("", &[], "arrow", some_rows(0..1)).unwrap_err().code(), "target.bad_definition");
    work.create_table("", a_table()).unwrap();
    let other = stream(vec![("other", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    for (table, form, batch, code) in [
        ("", "arrow", other, "plugin.bad_batch"),
        ("", "arrow", bytes::Bytes::from_static(b"no rows"), "plugin.bad_batch"),
        ("", "csv", some_rows(0..1), "target.unsupported"),
        ("nodes", "arrow", some_rows(0..1), "target.bad_definition"),
    ] {
        assert_eq!(work.append(table, &[], form, batch).unwrap_err().code(), code);
    }
}

#[test]
fn values_of_every_class_come_back_as_they_were() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let step = a_step(1, "table", "t");
    let fields = [
        ("null", DataType::Null),
        ("integer", DataType::Int64),
        ("real", DataType::Float64),
        ("text", DataType::Utf8),
        ("bytes", DataType::Binary),
    ];
    let fields = UnionFields::try_new(0..5, fields.map(|(name, kind)| Field::new(name, kind, true))).unwrap();
    let mut integers = Int64Builder::new();
    integers.append_value(i64::MIN);
    let mut reals = Float64Builder::new();
    reals.append_value(5.0);
    let children: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(1)),
        Arc::new(integers.finish()),
        Arc::new(reals.finish()),
        Arc::new(StringArray::from(vec!["1.990", ""])),
        Arc::new(BinaryArray::from(vec![&b"\0\xff"[..]])),
    ];
    let union =
        UnionArray::try_new(fields, vec![0, 1, 2, 3, 4, 3].into(), Some(vec![0, 0, 0, 0, 0, 1].into()), children)
            .unwrap();
    let names = ["a", "exact", "flag", "num"];
    let mut definition = a_table();
    definition.columns = vec![
        a_column("a", "", ValueType::Any),
        a_column("exact", "numeric(5,2)", ValueType::Text),
        a_column("flag", "boolean", ValueType::Boolean),
        a_column("num", "double precision", ValueType::Real),
    ];
    (definition.primary_key, definition.uniques) = (None, Vec::new());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(union),
        Arc::new(StringArray::from(vec!["1.990"; 6])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None, None, None])),
        Arc::new(Float64Array::from(vec![1.0, f64::INFINITY, -0.0, 1e300, 0.1, 2.5])),
    ];
    assert_eq!(columns[0].len(), 6);
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    work.create_table("", definition).unwrap();
    work.append("", &[], "arrow", stream(names.into_iter().zip(columns).collect())).unwrap();
    work.commit(counts(6)).unwrap();
    switch(&*stage, &[step]).unwrap();
    assert_eq!(
        place.text("SELECT typeof(a), a, typeof(exact), exact, flag, typeof(num), num FROM t"),
        "null|NULL|text|1.990|1|real|1.0\ninteger|-9223372036854775808|text|1.990|0|real|inf\nreal|5.0|text|1.990|NULL|real|0.0\n\
         text|1.990|text|1.990|NULL|real|1e300\nblob|x[00, ff]|text|1.990|NULL|real|0.1\ntext||text|1.990|NULL|real|2.5"
    );
}

#[test]
fn orphans_are_found_before_anything_is_live() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let step = Step { tables: vec!["nodes".into(), "edges".into()], ..a_step(1, "graph", "g") };
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    work.create_table("nodes", a_table()).unwrap();
    work.create_table("edges", a_table()).unwrap();
    assert_eq!(work.create_table("others", a_table()).unwrap_err().code(), "target.bad_definition");
    work.append("nodes", &[], "arrow", some_rows(0..5)).unwrap();
    work.append("edges", &[], "arrow", some_rows(3..8)).unwrap();
    let columns = ["id".to_owned()];
    let orphans = work.find_orphans("edges", &columns, "nodes", &[]).unwrap().unwrap();
    assert_eq!(orphans.rows, 3);
    assert!(orphans.example.starts_with("id = "), "{}", orphans.example);
    assert_eq!(work.find_orphans("nodes", &columns, "nodes", &columns).unwrap(), None);
    assert!(work.find_orphans("nodes", &["x".to_owned()], "nodes", &columns).is_err());
    assert!(work.find_orphans("nodes", &[], "nodes", &[]).is_err());
    work.put_document("{\"directed\": true}").unwrap();
    work.commit(counts(10)).unwrap();
    let mut verify = stage.open(&step, Unit::Verify).unwrap();
    assert_eq!(verify.find_orphans("edges", &columns, "nodes", &columns).unwrap().unwrap().rows, 3);
    assert_eq!(verify.document().unwrap().as_deref(), Some("{\"directed\": true}"));
}

/// A unit that has begun to write is waited for; one that only reads or keeps its rows in memory is not.
#[test]
fn another_writer_waits_its_time_and_says_who_is_in_the_way() {
    let place = Place::with("PRAGMA journal_mode = wal; CREATE TABLE live(a);");
    let stage = place.begin("r-1");
    let step = a_step(1, "table", "t");
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    work.create_table("", a_table()).unwrap();
    work.append("", &[], "arrow", some_rows(0..10)).unwrap();
    let db = place.db();
    db.busy_timeout(Duration::ZERO).unwrap();
    db.execute_batch("BEGIN IMMEDIATE; INSERT INTO live VALUES(1);").unwrap();
    let error = std::thread::scope(|scope| scope.spawn(|| work.commit(counts(10)).unwrap_err()).join().unwrap());
    assert_eq!(error.code(), "target.locked");
    assert!(error.is_resumable());
    db.execute_batch("COMMIT").unwrap();
    stage_table(&*stage, &step, 0..10);
}
