//! Our bookkeeping: tables in the same file, so that rows and the record of having written them commit together.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::target::{Counts, Job, JobStatus, Unit};

use super::failure::failed;
use super::lease::internal;

/// Tables and views, by name, in the order in which they are created.
const SCHEMA: &[(&str, &str)] = &[
    (
        "reinstate_jobs",
        "CREATE TABLE reinstate_jobs(
  seq INTEGER PRIMARY KEY,
  job TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL, -- working, succeeded, failed, undone, discarded
  started TEXT NOT NULL,
  ended TEXT,
  backup_name TEXT NOT NULL,
  backup_id TEXT NOT NULL,
  archive TEXT NOT NULL,
  plan TEXT NOT NULL,
  settings TEXT NOT NULL,
  report TEXT,
  new_file INTEGER NOT NULL, -- the job created this file
  new_sequences INTEGER NOT NULL -- there was no sqlite_sequence before it
)",
    ),
    (
        "reinstate_journal",
        "CREATE TABLE reinstate_journal(
  job INTEGER NOT NULL,
  step INTEGER NOT NULL,
  unit TEXT NOT NULL, -- begin, end, whole, or a part's number
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(job, step, unit)
) WITHOUT ROWID",
    ),
    (
        "reinstate_objects",
        "CREATE TABLE reinstate_objects(
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  schema TEXT, -- that of its tables is main
  name TEXT NOT NULL,
  state TEXT NOT NULL, -- staged, live, kept (hidden for undo), dropping
  job INTEGER NOT NULL, -- the job that staged it, made it live or put it aside
  tables TEXT NOT NULL, -- suffixes of its tables and views, a JSON list
  definition TEXT -- JSON; absent for what reinstate did not restore
)",
    ),
    (
        "reinstate_blobs",
        "CREATE TABLE reinstate_blobs(
  object INTEGER NOT NULL,
  name TEXT NOT NULL,
  seq INTEGER NOT NULL, -- pieces, in order
  bytes BLOB NOT NULL,
  PRIMARY KEY(object, name, seq)
)",
    ),
    (
        "reinstate_exchanges",
        "CREATE TABLE reinstate_exchanges(
  job INTEGER NOT NULL,
  step INTEGER NOT NULL,
  role TEXT NOT NULL, -- in: the restored object, out: the one it replaced
  object INTEGER NOT NULL,
  aside_schema TEXT, -- where it stays visible when it gives way
  aside_name TEXT,
  parts TEXT NOT NULL, -- its rows of sqlite_schema, live and off, JSON
  fingerprint TEXT NOT NULL, -- of what is visible of it
  PRIMARY KEY(job, step, role)
)",
    ),
    (
        "reinstate_schemas",
        "CREATE TABLE reinstate_schemas(
  name TEXT PRIMARY KEY,
  job INTEGER NOT NULL
)",
    ),
    (
        "reinstate_users",
        "CREATE VIEW reinstate_users AS
SELECT kind, name, json_extract(definition, '$.principal.login') AS login,
  json_extract(definition, '$.principal.password_hash') AS password_hash,
  json_extract(definition, '$.principal.valid_until') AS valid_until,
  json_extract(definition, '$.principal.attributes') AS attributes
FROM reinstate_objects WHERE state = 'live' AND json_type(definition, '$.principal') = 'object'",
    ),
    (
        "reinstate_members",
        "CREATE VIEW reinstate_members AS
SELECT json_extract(m.value, '$.role') AS role, o.name AS member, json_extract(m.value, '$.admin') AS admin
FROM reinstate_objects AS o, json_each(o.definition, '$.principal.memberships') AS m WHERE o.state = 'live'",
    ),
    (
        "reinstate_permissions",
        "CREATE VIEW reinstate_permissions AS
SELECT o.kind AS grantee_kind, o.name AS grantee, json_extract(p.value, '$.privilege') AS privilege,
  json_extract(p.value, '$.on.kind') AS kind, json_extract(p.value, '$.on.schema') AS schema,
  json_extract(p.value, '$.on.name') AS name, json_extract(p.value, '$.grantable') AS grantable
FROM reinstate_objects AS o, json_each(o.definition, '$.principal.permissions') AS p WHERE o.state = 'live'",
    ),
    (
        "reinstate_tokens",
        "CREATE VIEW reinstate_tokens AS
SELECT o.name AS user, json_extract(t.value, '$.id') AS id, json_extract(t.value, '$.hash') AS hash,
  json_extract(t.value, '$.description') AS description, json_extract(t.value, '$.expires') AS expires
FROM reinstate_objects AS o, json_each(o.definition, '$.principal.tokens') AS t WHERE o.state = 'live'",
    ),
    (
        "reinstate_routines",
        "CREATE VIEW reinstate_routines AS
SELECT kind, schema, name, json_extract(definition, '$.routine.language') AS language,
  json_extract(definition, '$.routine.definition') AS definition,
  json_extract(definition, '$.routine.environment') AS environment,
  json_extract(definition, '$.routine.attributes') AS attributes
FROM reinstate_objects WHERE state = 'live' AND json_type(definition, '$.routine') = 'object'",
    ),
];

/// Whether bookkeeping is there, and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bookkeeping {
    /// No job has been here.
    Absent,
    /// As this version makes it.
    Present,
    /// Something else has these names.
    Foreign,
}

/// An object's state, as text in `reinstate_objects`.
pub(crate) mod state {
    pub(crate) const STAGED: &str = "staged";
    pub(crate) const LIVE: &str = "live";
    pub(crate) const KEPT: &str = "kept";
    pub(crate) const DROPPING: &str = "dropping";
}

fn store<T>(result: rusqlite::Result<T>) -> Result<T> {
    result.map_err(|error| failed(error, "Could not read or write the bookkeeping"))
}

/// Looks for the bookkeeping tables.
pub(crate) fn bookkeeping(connection: &Connection) -> Result<Bookkeeping> {
    let mut found = 0;
    let mut statement = store(connection.prepare("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'reinstate%'"))?;
    let mut rows = store(statement.query([]))?;
    while let Some(row) = store(rows.next())? {
        let (name, sql): (String, Option<String>) = store(row.get(0).and_then(|name| Ok((name, row.get(1)?))))?;
        if let Some((_, own)) = SCHEMA.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name)) {
            if sql.as_deref() != Some(own) {
                return Ok(Bookkeeping::Foreign);
            }
            found += 1;
        }
    }
    Ok(match found {
        0 => Bookkeeping::Absent,
        found if found == SCHEMA.len() => Bookkeeping::Present,
        _ => Bookkeeping::Foreign,
    })
}

/// Fails unless the bookkeeping is there, naming the job that was asked for.
pub(crate) fn require(connection: &Connection, job: &str) -> Result<()> {
    match bookkeeping(connection)? {
        Bookkeeping::Present => Ok(()),
        Bookkeeping::Absent => Err(no_job(job)),
        Bookkeeping::Foreign => Err(foreign()),
    }
}

/// The error for tables that have our names and are not ours.
pub(crate) fn foreign() -> Error {
    Error::new(
        "target.unsupported",
        "The file's `reinstate_` tables were made by another version or another program; use that version",
    )
}

/// Creates the bookkeeping tables where they are missing.
pub(crate) fn create(connection: &Connection) -> Result<()> {
    match bookkeeping(connection)? {
        Bookkeeping::Present => Ok(()),
        Bookkeeping::Foreign => Err(foreign()),
        Bookkeeping::Absent => SCHEMA.iter().try_for_each(|(_, sql)| store(connection.execute_batch(sql))),
    }
}

/// Drops the bookkeeping tables when no job is left.
pub(crate) fn drop_if_empty(connection: &Connection) -> Result<bool> {
    let jobs: i64 = store(connection.query_row("SELECT count(*) FROM reinstate_jobs", [], |row| row.get(0)))?;
    if jobs > 0 {
        return Ok(false);
    }
    for (name, sql) in SCHEMA.iter().rev() {
        let what = if sql.starts_with("CREATE VIEW") { "VIEW" } else { "TABLE" };
        store(connection.execute_batch(&format!("DROP {what} {name}")))?;
    }
    Ok(true)
}

/// A job's row.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its number in this file.
    pub(crate) seq: i64,
    /// What everybody may see; `Interrupted` stands for a job that is not over, whether its process lives or not.
    pub(crate) job: Job,
    /// It created the file.
    pub(crate) new_file: bool,
    /// The file had no `sqlite_sequence` before it.
    pub(crate) new_sequences: bool,
}

fn status_text(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Running | JobStatus::Interrupted => "working",
        JobStatus::Succeeded => "succeeded",
        JobStatus::Failed => "failed",
        JobStatus::Undone => "undone",
        JobStatus::Discarded => "discarded",
    }
}

fn status_of(text: &str) -> JobStatus {
    match text {
        "succeeded" => JobStatus::Succeeded,
        "failed" => JobStatus::Failed,
        "undone" => JobStatus::Undone,
        "discarded" => JobStatus::Discarded,
        _ => JobStatus::Interrupted,
    }
}

const JOB_COLUMNS: &str = "seq, job, status, started, ended, backup_name, backup_id, archive, plan, settings, report, new_file, new_sequences";

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let job = Job {
        job: row.get(1)?,
        status: status_of(&row.get::<_, String>(2)?),
        started: row.get(3)?,
        ended: row.get(4)?,
        backup_name: row.get(5)?,
        backup_id: row.get(6)?,
        archive: row.get(7)?,
        plan: row.get(8)?,
        settings: row.get(9)?,
        report: row.get(10)?,
    };
    Ok(Record { seq: row.get(0)?, job, new_file: row.get(11)?, new_sequences: row.get(12)? })
}

/// Records a new job; returns its number.
pub(crate) fn insert_job(connection: &Connection, job: &Job, new_file: bool, new_sequences: bool) -> Result<i64> {
    let sql = "INSERT INTO reinstate_jobs(job, status, started, backup_name, backup_id, archive, plan, settings, new_file, new_sequences) \
               VALUES(?1, 'working', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        job.job,
        job.started,
        job.backup_name,
        job.backup_id,
        job.archive,
        job.plan,
        job.settings,
        new_file,
        new_sequences
    ];
    store(connection.execute(sql, values))?;
    Ok(connection.last_insert_rowid())
}

/// Every job, oldest first.
pub(crate) fn jobs(connection: &Connection) -> Result<Vec<Record>> {
    let list = || {
        connection
            .prepare(&format!("SELECT {JOB_COLUMNS} FROM reinstate_jobs ORDER BY seq"))?
            .query_map([], record)?
            .collect()
    };
    store(list())
}

/// The job of that name, or `job.not_found`.
pub(crate) fn job(connection: &Connection, job: &str) -> Result<Record> {
    let sql = format!("SELECT {JOB_COLUMNS} FROM reinstate_jobs WHERE job = ?1");
    store(connection.query_row(&sql, [job], record).optional())?.ok_or_else(|| no_job(job))
}

/// The error for a job that is not known here.
pub(crate) fn no_job(job: &str) -> Error {
    Error::new(
        "job.not_found",
        format!("This target knows no job `{}`; `jobs` lists those it knows", job.escape_debug()),
    )
}

/// Moves the job to another status.
pub(crate) fn set_status(connection: &Connection, seq: i64, status: JobStatus) -> Result<()> {
    store(
        connection.execute("UPDATE reinstate_jobs SET status = ?2 WHERE seq = ?1", params![seq, status_text(status)]),
    )?;
    Ok(())
}

/// Ends the job with a report.
pub(crate) fn end_job(connection: &Connection, seq: i64, status: JobStatus, report: &str) -> Result<()> {
    let sql = "UPDATE reinstate_jobs SET status = ?2, ended = ?3, report = ?4 WHERE seq = ?1";
    let now = jiff::Timestamp::now().to_string();
    store(connection.execute(sql, params![seq, status_text(status), now, report]))?;
    Ok(())
}

/// Removes the job's row and its journal.
pub(crate) fn delete_job(connection: &Connection, seq: i64) -> Result<()> {
    clear_journal(connection, seq)?;
    store(connection.execute("DELETE FROM reinstate_jobs WHERE seq = ?1", [seq]))?;
    Ok(())
}

struct UnitText(Unit);

impl fmt::Display for UnitText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unit::Begin => f.write_str("begin"),
            Unit::Part(part) => part.fmt(f),
            Unit::End => f.write_str("end"),
            Unit::Whole => f.write_str("whole"),
            Unit::Verify => f.write_str("verify"),
        }
    }
}

impl FromStr for UnitText {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(match text {
            "begin" => Unit::Begin,
            "end" => Unit::End,
            "whole" => Unit::Whole,
            part => Unit::Part(
                part.parse().map_err(|_| Error::new("target.damaged", format!("The journal holds a unit `{part}`")))?,
            ),
        }))
    }
}

/// Records a unit.
pub(crate) fn write_journal(connection: &Connection, job: i64, step: u32, unit: Unit, counts: Counts) -> Result<()> {
    failpoint::hit("sqlite.journal.before");
    let sql = "INSERT INTO reinstate_journal(job, step, unit, rows, bytes) VALUES(?1, ?2, ?3, ?4, ?5)";
    let values = params![job, step, UnitText(unit).to_string(), number(counts.rows)?, number(counts.bytes)?];
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    failpoint::hit("sqlite.journal.after");
    Ok(())
}

fn number(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(|_| internal("A count is larger than SQLite's integers"))
}

/// What the job has committed.
pub(crate) fn journal(connection: &Connection, job: i64) -> Result<BTreeMap<(u32, Unit), Counts>> {
    type Line = (u32, String, i64, i64);
    let list = || {
        let mut statement =
            connection.prepare("SELECT step, unit, rows, bytes FROM reinstate_journal WHERE job = ?1")?;
        statement
            .query_map([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<rusqlite::Result<Vec<Line>>>()
    };
    let line = |(step, unit, rows, bytes): Line| {
        let UnitText(unit) = unit.parse()?;
        Ok(((step, unit), Counts { rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs() }))
    };
    store(list())?.into_iter().map(line).collect()
}

/// Removes the job's journal.
pub(crate) fn clear_journal(connection: &Connection, job: i64) -> Result<()> {
    store(connection.execute("DELETE FROM reinstate_journal WHERE job = ?1", [job]))?;
    Ok(())
}

/// Removes the journal of one step.
pub(crate) fn clear_step(connection: &Connection, job: i64, step: u32) -> Result<()> {
    store(connection.execute("DELETE FROM reinstate_journal WHERE job = ?1 AND step = ?2", params![job, step]))?;
    Ok(())
}

/// The id of what a step stages: job and step in one number, so that nobody has to look it up.
pub(crate) fn staged_id(job: i64, step: u32) -> i64 {
    (job << 32) | i64::from(step)
}

/// The step that staged the object of that id.
pub(crate) fn staged_step(id: i64) -> u32 {
    (id & 0xffff_ffff) as u32
}

/// The id of what a step replaces, when reinstate did not know it before.
pub(crate) fn replaced_id(job: i64, step: u32) -> i64 {
    -staged_id(job, step) - 1
}

/// An object's row.
#[derive(Debug, Clone)]
pub(crate) struct ObjectRow {
    /// Its id.
    pub(crate) id: i64,
    /// Its name in the target.
    pub(crate) name: ObjectName,
    /// One of [`state`].
    pub(crate) state: String,
    /// The job that brought it into this state.
    pub(crate) job: i64,
    /// Suffixes of its tables and views.
    pub(crate) tables: Vec<String>,
}

fn object_row(row: &Row<'_>) -> rusqlite::Result<ObjectRow> {
    let name = ObjectName { kind: row.get(1)?, schema: row.get(2)?, name: row.get(3)? };
    let tables = serde_json::from_str(&row.get::<_, String>(6)?);
    let tables = tables
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(ObjectRow { id: row.get(0)?, name, state: row.get(4)?, job: row.get(5)?, tables })
}

/// Objects that fulfil the condition (`state = 'live'`), by id.
pub(crate) fn objects(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ObjectRow>> {
    some_objects(connection, condition, values, i64::MAX)
}

/// As [`objects`], not more than `most`.
pub(crate) fn some_objects(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
    most: i64,
) -> Result<Vec<ObjectRow>> {
    let list = || {
        let sql = format!(
            "SELECT id, kind, schema, name, state, job, tables FROM reinstate_objects WHERE {condition} ORDER BY id LIMIT {most}"
        );
        connection.prepare(&sql)?.query_map(values, object_row)?.collect()
    };
    store(list())
}

/// Writes an object's row, whether it is there or not. The definition is left as it is when none is given.
pub(crate) fn put_object(connection: &Connection, object: &ObjectRow, definition: Option<&str>) -> Result<()> {
    let sql = "INSERT INTO reinstate_objects(id, kind, schema, name, state, job, tables, definition) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
               ON CONFLICT(id) DO UPDATE SET kind = ?2, schema = ?3, name = ?4, state = ?5, job = ?6, tables = ?7, definition = coalesce(?8, definition)";
    let ObjectRow { id, name, state, job, tables } = object;
    let tables = serde_json::Value::from(tables.clone()).to_string();
    let values = params![id, name.kind, name.schema, name.name, state, job, tables, definition];
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    Ok(())
}

/// An object's definition.
pub(crate) fn definition(connection: &Connection, id: i64) -> Result<Option<String>> {
    let read = || {
        connection
            .prepare_cached("SELECT definition FROM reinstate_objects WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()
    };
    Ok(store(read())?.flatten())
}

/// Removes an object's row and its blobs; its tables are the caller's to drop.
pub(crate) fn delete_object(connection: &Connection, id: i64) -> Result<()> {
    store(
        connection
            .prepare_cached("DELETE FROM reinstate_blobs WHERE object = ?1")
            .and_then(|mut statement| statement.execute([id])),
    )?;
    store(
        connection
            .prepare_cached("DELETE FROM reinstate_objects WHERE id = ?1")
            .and_then(|mut statement| statement.execute([id])),
    )?;
    Ok(())
}

/// Appends a piece to a blob.
pub(crate) fn append_blob(connection: &Connection, object: i64, name: &str, bytes: &[u8]) -> Result<()> {
    let sql = "INSERT INTO reinstate_blobs(object, name, seq, bytes) \
               SELECT ?1, ?2, coalesce(max(seq), 0) + 1, ?3 FROM reinstate_blobs WHERE object = ?1 AND name = ?2";
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params![object, name, bytes])))?;
    Ok(())
}

/// A blob's length; `None` when there is none.
pub(crate) fn blob_size(connection: &Connection, object: i64, name: &str) -> Result<Option<u64>> {
    let sql = "SELECT sum(length(bytes)) FROM reinstate_blobs WHERE object = ?1 AND name = ?2";
    let size = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params![object, name], |row| row.get::<_, Option<i64>>(0)));
    Ok(store(size)?.map(i64::unsigned_abs))
}

/// Records schemas that the job brought; those that are known stay with the job that brought them.
pub(crate) fn add_schema(connection: &Connection, job: i64, name: &str) -> Result<()> {
    store(connection.execute("INSERT OR IGNORE INTO reinstate_schemas(name, job) VALUES(?1, ?2)", params![name, job]))?;
    Ok(())
}

/// Forgets the schemas that the job brought, but for those where something lives.
pub(crate) fn remove_schemas(connection: &Connection, job: i64) -> Result<()> {
    let sql = "DELETE FROM reinstate_schemas WHERE job = ?1 AND name NOT IN (SELECT schema FROM reinstate_objects WHERE state = 'live' AND schema IS NOT NULL)";
    store(connection.execute(sql, [job]))?;
    Ok(())
}

/// Every recorded schema.
pub(crate) fn schemas(connection: &Connection) -> Result<Vec<String>> {
    let list = || connection.prepare("SELECT name FROM reinstate_schemas")?.query_map([], |row| row.get(0))?.collect();
    store(list())
}

/// One side of an exchange of objects.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// The step.
    pub(crate) step: u32,
    /// Whether it is the restored object, not the one it replaced.
    pub(crate) incoming: bool,
    /// The object.
    pub(crate) object: i64,
    /// Where it stays visible when it gives way.
    pub(crate) aside: Option<ObjectName>,
    /// Its parts, as JSON.
    pub(crate) parts: String,
    /// Of what is visible of it.
    pub(crate) fingerprint: String,
}

/// Writes one side of an exchange, whether it is there or not.
pub(crate) fn put_exchange(connection: &Connection, job: i64, exchange: &Exchange) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO reinstate_exchanges(job, step, role, object, aside_schema, aside_name, parts, fingerprint) \
               VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Exchange { step, incoming, object, aside, parts, fingerprint } = exchange;
    let role = if *incoming { "in" } else { "out" };
    let schema = aside.as_ref().and_then(|aside| aside.schema.as_deref());
    let values = params![job, step, role, object, schema, aside.as_ref().map(|aside| &aside.name), parts, fingerprint];
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    Ok(())
}

/// What the job exchanged, by step.
pub(crate) fn exchanges(connection: &Connection, job: i64) -> Result<Vec<Exchange>> {
    let exchange = |row: &Row<'_>| {
        let aside = row.get::<_, Option<String>>(4)?;
        let schema = row.get(3)?;
        Ok(Exchange {
            step: row.get(0)?,
            incoming: row.get::<_, String>(1)? == "in",
            object: row.get(2)?,
            aside: aside.map(|name| ObjectName { kind: String::new(), schema, name }),
            parts: row.get(5)?,
            fingerprint: row.get(6)?,
        })
    };
    let list = || {
        let sql = "SELECT step, role, object, aside_schema, aside_name, parts, fingerprint FROM reinstate_exchanges WHERE job = ?1 ORDER BY step, role";
        connection.prepare(sql)?.query_map([job], exchange)?.collect()
    };
    store(list())
}

/// Forgets the job's side of an exchange. What reinstate did not restore and nobody exchanges any more is no object of ours.
pub(crate) fn forget_exchange(connection: &Connection, job: i64, object: i64) -> Result<()> {
    store(connection.execute("DELETE FROM reinstate_exchanges WHERE job = ?1 AND object = ?2", params![job, object]))?;
    let sql = "DELETE FROM reinstate_objects WHERE id = ?1 AND state = 'live' AND definition IS NULL \
               AND NOT EXISTS (SELECT 1 FROM reinstate_exchanges WHERE object = ?1)";
    store(connection.execute(sql, [object]))?;
    Ok(())
}

/// Forgets sides of the job whose object has been dropped.
pub(crate) fn forget_lost_exchanges(connection: &Connection, job: i64) -> Result<()> {
    let sql = "DELETE FROM reinstate_exchanges WHERE job = ?1 AND object NOT IN (SELECT id FROM reinstate_objects)";
    store(connection.execute(sql, [job]))?;
    Ok(())
}

/// Some objects that are marked to be dropped, with the job that kept them and their parts as JSON.
pub(crate) fn dropping(connection: &Connection, most: i64) -> Result<Vec<(i64, i64, String)>> {
    let list = || {
        let sql = "SELECT o.id, o.job, coalesce(e.parts, '[]') FROM reinstate_objects AS o LEFT JOIN reinstate_exchanges AS e ON e.object = o.id AND e.job = o.job \
                   WHERE o.state = 'dropping' ORDER BY o.id LIMIT ?1";
        connection.prepare(sql)?.query_map([most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    };
    store(list())
}
