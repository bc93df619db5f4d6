//! The target as a job uses it: real files, other connections looking on, batches built by hand.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::plan::{Action, Finding, Step};
use crate::target::definition::{Column, ForeignKey, Index, IndexColumn, Key, TableDefinition, ValueType};
use crate::target::{Counts, Facts, Job, JobStatus, Stage, Target, Unit};

use super::SqliteTarget;

mod definitions;
mod jobs;
#[cfg(feature = "failpoints")]
mod kill;
mod objects;
mod switching;
mod units;

/// A target in a folder of its own.
struct Place {
    folder: TempDir,
    target: SqliteTarget,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = SqliteTarget::new(&folder.path().join("db.sqlite")).unwrap();
        Self { folder, target }
    }

    fn with(sql: &str) -> Self {
        let place = Self::new();
        place.db().execute_batch(sql).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("db.sqlite")
    }

    /// Another program's connection.
    fn db(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn begin(&self, job: &str) -> Box<dyn Stage> {
        self.target.begin(&a_job(job, "")).unwrap()
    }

    fn facts(&self) -> Facts {
        self.target.inspect().unwrap()
    }

    fn text(&self, sql: &str) -> String {
        let db = self.db();
        let mut statement = db.prepare(sql).unwrap();
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cell = |at| match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                rusqlite::types::ValueRef::Integer(value) => value.to_string(),
                rusqlite::types::ValueRef::Real(value) => format!("{value:?}"),
                rusqlite::types::ValueRef::Text(value) => String::from_utf8_lossy(value).into_owned(),
                rusqlite::types::ValueRef::Blob(value) => format!("x{value:02x?}"),
            };
            Ok((0..width).map(cell).collect::<Vec<_>>().join("|"))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    /// Everything that is visible, hidden and bookkeeping tables left out, and whether the file is sound.
    fn visible(&self) -> String {
        let mut all = self.text(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name NOT GLOB 'reinstate_*' AND name <> 'sqlite_sequence' ORDER BY 1, 2",
        );
        for table in self.text("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'reinstate_*' AND name <> 'sqlite_sequence' AND rootpage > 0 ORDER BY 1").lines() {
            all += &format!("\n{table}: {}", self.text(&format!("SELECT * FROM {} ORDER BY 1", super::name::quote(table))));
        }
        assert_eq!(self.text("PRAGMA integrity_check"), "ok");
        all
    }

    fn hidden(&self) -> String {
        self.text("SELECT name FROM sqlite_schema WHERE name GLOB 'reinstate_[sku]*_[0-9]*' ORDER BY 1")
    }

    fn files(&self) -> Vec<String> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    fn status(&self, job: &str) -> JobStatus {
        self.target.jobs().unwrap().into_iter().find(|known| known.job == job).unwrap().status
    }
}

fn a_job(job: &str, dialect: &str) -> Job {
    Job {
        job: job.into(),
        status: JobStatus::Running,
        started: "2025-01-01T00:00:00Z".into(),
        ended: None,
        backup_name: "b".into(),
        backup_id: "s".into(),
        archive: "a.tar".into(),
        plan: format!("{{\"archive\": {{\"backup\": {{\"dialect\": \"{dialect}\"}}}}, \"steps\": []}}"),
        settings: "{}".into(),
        report: None,
    }
}

fn a_step(id: u32, kind: &str, name: &str) -> Step {
    let schema = if matches!(kind, "user" | "role") { None } else { Some("main") };
    let object = ObjectName::new(kind, schema, name);
    Step { id, action: Action::Create, plugin: "tables".into(), parts: 1, ..Step::idle(object.clone(), object) }
}

fn with(action: Action, step: Step) -> Step {
    Step { action, ..step }
}

fn aside(schema: &str, step: Step) -> Step {
    let aside = ObjectName { schema: Some(schema.into()), ..step.into.clone() };
    Step { action: Action::Rename, aside: Some(aside), ..step }
}

fn a_column(name: &str, declared: &str, values: ValueType) -> Column {
    Column {
        name: name.into(),
        values,
        declared: declared.into(),
        nullable: true,
        default: None,
        generated: None,
        collation: None,
    }
}

fn a_key(columns: &[&str]) -> Key {
    Key { name: None, columns: columns.iter().map(|column| (*column).to_owned()).collect(), automatic: false }
}

/// `id INTEGER PRIMARY KEY, name TEXT UNIQUE`.
fn a_table() -> TableDefinition {
    TableDefinition {
        columns: vec![a_column("id", "INTEGER", ValueType::Integer), a_column("name", "TEXT", ValueType::Text)],
        primary_key: Some(a_key(&["id"])),
        uniques: vec![a_key(&["name"])],
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        last_number: None,
        options: Vec::new(),
    }
}

fn an_index(name: &str, column: &str) -> Index {
    let column = IndexColumn { term: column.into(), expression: false, descending: false, collation: None };
    Index { name: name.into(), columns: vec![column], unique: false, condition: None }
}

fn a_reference(column: &str, table: &str) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: vec![column.into()],
        schema: None,
        table: table.into(),
        references: Vec::new(),
        on_update: "NO ACTION".into(),
        on_delete: "CASCADE".into(),
        deferred: false,
    }
}

fn stream(columns: Vec<(&str, ArrayRef)>) -> bytes::Bytes {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

/// Rows `id` and `name` (`n` and the number).
fn some_rows(ids: std::ops::Range<i64>) -> bytes::Bytes {
    let names: Vec<String> = ids.clone().map(|id| format!("n{id}")).collect();
    stream(vec![
        ("id", Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef),
        ("name", Arc::new(StringArray::from_iter_values(names)) as ArrayRef),
    ])
}

fn counts(rows: u64) -> Counts {
    Counts { rows, bytes: rows * 10 }
}

/// Stages the usual table with some rows.
fn stage_table(stage: &dyn Stage, step: &Step, ids: std::ops::Range<i64>) {
    stage_as(stage, step, a_table(), ids);
}

fn stage_as(stage: &dyn Stage, step: &Step, definition: TableDefinition, ids: std::ops::Range<i64>) {
    let mut work = stage.open(step, Unit::Whole).unwrap();
    work.create_table("", definition).unwrap();
    let rows = work.append("", &[], "arrow", some_rows(ids)).unwrap();
    work.commit(counts(rows)).unwrap();
}

fn switch(stage: &dyn Stage, steps: &[Step]) -> Result<()> {
    assert_eq!(stage.rehearse(steps).unwrap(), Vec::<Finding>::new());
    stage.switch(steps, &|_| "{}".to_owned()).map(|_| ())
}

/// A whole job of the usual table.
fn restore(place: &Place, job: &str, step: &Step, ids: std::ops::Range<i64>) {
    let stage = place.begin(job);
    stage_table(&*stage, step, ids);
    switch(&*stage, std::slice::from_ref(step)).unwrap();
}
