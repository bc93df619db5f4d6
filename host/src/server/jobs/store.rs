//! What is kept of jobs: one SQLite file, which survives that the process is killed.
//!
//! Whatever changes of a job gets the next number of the job's own count, `seq`: a reader who has seen all up to a number asks for what came after.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

use super::job::{Job, JobObject, LogEntry, State, Task};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    operator TEXT NOT NULL,
    job TEXT NOT NULL,
    plan TEXT,
    report TEXT,
    seq INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
CREATE TABLE IF NOT EXISTS keys (
    operator TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    job TEXT NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (operator, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    job INTEGER NOT NULL,
    step INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (job, step)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_by_seq ON objects (job, seq);
CREATE TABLE IF NOT EXISTS log (
    job INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
";

/// The file. Calls block for some milliseconds.
pub(crate) struct Store {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

/// What a start is to be remembered by, so that the same request does not start a second job.
#[derive(Debug, Clone)]
pub(crate) struct StartKey {
    /// The client's word for it.
    pub(crate) key: String,
    /// The digest of what was asked.
    pub(crate) request: String,
}

/// What a key stands for already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) request: String,
    pub(crate) job: String,
    /// Whether the job's end was told to who had started it.
    pub(crate) answered: bool,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The plan was made anew: earlier objects are none any more.
    pub(crate) anew: bool,
    pub(crate) objects: Vec<JobObject>,
    pub(crate) log: Vec<LogEntry>,
}

/// Something that changed, with its number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Changed {
    Object(u64, Box<JobObject>),
    Log(u64, LogEntry),
}

impl Changed {
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Object(seq, _) | Self::Log(seq, _) => *seq,
        }
    }
}

/// Which jobs are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    /// In this state.
    pub(crate) state: Option<State>,
    /// Of this operator.
    pub(crate) operator: Option<String>,
    /// Older than this job.
    pub(crate) before: Option<String>,
    /// How many.
    pub(crate) limit: u32,
}

impl Store {
    /// Opens the file, and makes it where it is missing. Fails with `server.store`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection
                .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;")?;
            Ok(connection)
        };
        let (writer, reader) = connect().and_then(|writer| Ok((writer, connect()?))).map_err(failed)?;
        writer.execute_batch(SCHEMA).map_err(failed)?;
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, unless its key stands for one already, which is the answer then.
    pub(crate) fn add(&self, job: &Job, key: Option<&StartKey>) -> Result<Option<Known>> {
        let mut writer = self.writer();
        let work = writer.transaction().map_err(failed)?;
        if let Some(key) = key {
            if let Some(known) = known(&work, &job.operator, &key.key).map_err(failed)? {
                return Ok(Some(known));
            }
            let values = params![job.operator, key.key, key.request, job.id];
            work.execute("INSERT INTO keys (operator, key, request, job) VALUES (?1, ?2, ?3, ?4)", values)
                .map_err(failed)?;
        }
        let plan = match &job.task {
            Task::Restore(task) => task.plan.as_ref().map(ToString::to_string),
            _ => None,
        };
        let values = params![job.id, job.state.word(), job.operator, text(job)?, plan];
        work.execute("INSERT INTO jobs (id, state, operator, job, plan) VALUES (?1, ?2, ?3, ?4, ?5)", values)
            .map_err(failed)?;
        work.commit().map_err(failed)?;
        Ok(None)
    }

    /// What the key stands for.
    pub(crate) fn known(&self, operator: &str, key: &str) -> Result<Option<Known>> {
        known(&self.reader(), operator, key).map_err(failed)
    }

    /// The end of the key's job was told.
    pub(crate) fn answered(&self, operator: &str, key: &str) -> Result<()> {
        let statement = "UPDATE keys SET answered = 1 WHERE operator = ?1 AND key = ?2";
        self.writer().execute(statement, [operator, key]).map(drop).map_err(failed)
    }

    /// The key may stand for another job than that one; if it does already, nothing changes.
    pub(crate) fn forget_key(&self, operator: &str, key: &str, job: &str) -> Result<()> {
        let statement = "DELETE FROM keys WHERE operator = ?1 AND key = ?2 AND job = ?3";
        self.writer().execute(statement, [operator, key, job]).map(drop).map_err(failed)
    }

    /// Writes the job as it is now, what changed in it, and its report where it has one; answers the job's last number.
    pub(crate) fn write(&self, job: &Job, changes: &Changes, report: Option<&str>) -> Result<u64> {
        let mut writer = self.writer();
        let work = writer.transaction().map_err(failed)?;
        let (number, mut seq): (i64, i64) = work
            .query_row("SELECT number, seq FROM jobs WHERE id = ?1", [&job.id], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        if changes.anew {
            work.execute("DELETE FROM objects WHERE job = ?1", [number]).map_err(failed)?;
        }
        {
            let sql = "INSERT OR REPLACE INTO objects (job, step, seq, object) VALUES (?1, ?2, ?3, ?4)";
            let mut objects = work.prepare_cached(sql).map_err(failed)?;
            for object in &changes.objects {
                seq += 1;
                objects.execute(params![number, object.step, seq, text(object)?]).map_err(failed)?;
            }
        }
        seq = add_log(&work, number, seq, &changes.log)?;
        seq += 1;
        let sql = "UPDATE jobs SET state = ?2, job = ?3, seq = ?4, report = coalesce(?5, report) WHERE number = ?1";
        work.execute(sql, params![number, job.state.word(), text(job)?, seq, report]).map_err(failed)?;
        work.commit().map_err(failed)?;
        Ok(u64::try_from(seq).unwrap_or_default())
    }

    /// Forgets jobs that had ended by then, RFC 3339, with everything that was kept of them; answers how many.
    pub(crate) fn forget_jobs(&self, ended: &str) -> Result<usize> {
        let old = "state NOT IN ('queued', 'running', 'paused', 'interrupted') AND json_extract(job, '$.ended') < ?1";
        let mut writer = self.writer();
        let work = writer.transaction().map_err(failed)?;
        for (table, column) in [("objects", "number"), ("log", "number"), ("keys", "id")] {
            let sql = format!("DELETE FROM {table} WHERE job IN (SELECT {column} FROM jobs WHERE {old})");
            work.execute(&sql, [ended]).map_err(failed)?;
        }
        let forgotten = work.execute(&format!("DELETE FROM jobs WHERE {old}"), [ended]).map_err(failed)?;
        work.commit().map_err(failed)?;
        Ok(forgotten)
    }

    /// Adds lines to the log of a job, whatever becomes of the job meanwhile; answers the job's last number.
    pub(crate) fn log(&self, id: &str, lines: &[LogEntry]) -> Result<u64> {
        let mut writer = self.writer();
        let work = writer.transaction().map_err(failed)?;
        let (number, seq): (i64, i64) = work
            .query_row("SELECT number, seq FROM jobs WHERE id = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        let seq = add_log(&work, number, seq, lines)?;
        work.execute("UPDATE jobs SET seq = ?2 WHERE number = ?1", [number, seq]).map_err(failed)?;
        work.commit().map_err(failed)?;
        Ok(seq.unsigned_abs())
    }

    /// The job of that name.
    pub(crate) fn job(&self, id: &str) -> Result<Option<Job>> {
        let found: Option<String> = self
            .reader()
            .query_row("SELECT job FROM jobs WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        found.map(|job| parse(&job)).transpose()
    }

    /// Jobs, newest first.
    pub(crate) fn jobs(&self, listing: &Listing) -> Result<Vec<Job>> {
        let sql = "SELECT job FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR operator = ?2)
            AND (?3 IS NULL OR number < (SELECT number FROM jobs WHERE id = ?3)) ORDER BY number DESC LIMIT ?4";
        let values = params![listing.state.map(State::word), listing.operator, listing.before, listing.limit];
        self.texts(sql, values)?.iter().map(|job| parse(job)).collect()
    }

    /// Jobs that have not ended, oldest first, with their plans.
    pub(crate) fn open_jobs(&self) -> Result<Vec<Job>> {
        let sql = "SELECT job FROM jobs WHERE state IN ('queued', 'running', 'paused', 'interrupted') ORDER BY number";
        let mut jobs: Vec<Job> = self.texts(sql, [])?.iter().map(|job| parse(job)).collect::<Result<_>>()?;
        for job in &mut jobs {
            self.attach_plan(job)?;
        }
        Ok(jobs)
    }

    /// Gives a job that was read the plan that is kept beside it.
    pub(crate) fn attach_plan(&self, job: &mut Job) -> Result<()> {
        let Task::Restore(task) = &mut job.task else { return Ok(()) };
        let sql = "SELECT plan FROM jobs WHERE id = ?1 AND plan IS NOT NULL";
        let found = self.texts(sql, [&job.id])?;
        task.plan = found.first().map(|plan| parse(plan).map(Arc::new)).transpose()?;
        Ok(())
    }

    /// The report, once the job has ended.
    pub(crate) fn report(&self, id: &str) -> Result<Option<String>> {
        let found: Option<Option<String>> = self
            .reader()
            .query_row("SELECT report FROM jobs WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        Ok(found.flatten())
    }

    /// The objects of a job by their steps, from a step on.
    pub(crate) fn objects(&self, id: &str, from: u32, limit: u32) -> Result<Vec<JobObject>> {
        let sql = "SELECT object FROM objects WHERE job = (SELECT number FROM jobs WHERE id = ?1) AND step >= ?2 ORDER BY step LIMIT ?3";
        self.texts(sql, params![id, from, limit])?.iter().map(|object| parse(object)).collect()
    }

    /// Lines of a job's log after a number, in order.
    pub(crate) fn lines(&self, id: &str, after: u64, limit: u32) -> Result<Vec<(u64, LogEntry)>> {
        lines_of(&self.reader(), id, after, limit)
    }

    /// What changed after a number, in order, at most `limit` of each sort.
    pub(crate) fn changed(&self, id: &str, after: u64, limit: u32) -> Result<Vec<Changed>> {
        let mut reader = self.reader();
        // Both from one moment: a number that is seen has all lower ones beside it.
        let moment = reader.transaction().map_err(failed)?;
        let sql = "SELECT seq, object FROM objects WHERE job = (SELECT number FROM jobs WHERE id = ?1) AND seq > ?2 ORDER BY seq LIMIT ?3";
        let objects = numbered(&moment, sql, id, after, limit)?;
        let log = lines_of(&moment, id, after, limit)?;
        // Where one sort was cut short, what follows its last number comes another time: nothing may be overtaken.
        let end = cut(&objects, limit).into_iter().chain(cut(&log, limit)).min().unwrap_or(u64::MAX);
        let mut found = Vec::new();
        for (seq, object) in objects.iter().filter(|row| row.0 <= end) {
            found.push(Changed::Object(*seq, Box::new(parse(object)?)));
        }
        found.extend(log.into_iter().filter(|row| row.0 <= end).map(|(seq, entry)| Changed::Log(seq, entry)));
        found.sort_by_key(Changed::seq);
        Ok(found)
    }

    /// The job's last number.
    pub(crate) fn seq(&self, id: &str) -> Result<u64> {
        let found = self.reader().query_row("SELECT seq FROM jobs WHERE id = ?1", [id], |row| row.get::<_, i64>(0));
        Ok(found.optional().map_err(failed)?.unwrap_or_default().unsigned_abs())
    }

    /// A value that is kept under a name: schedules, histories, tokens.
    pub(crate) fn kept<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let found: Option<String> = self
            .reader()
            .query_row("SELECT value FROM kept WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        found.map(|value| parse(&value)).transpose()
    }

    /// Values that are kept under names that begin so, by name.
    pub(crate) fn all_kept<T: DeserializeOwned>(&self, beginning: &str) -> Result<Vec<(String, T)>> {
        let reader = self.reader();
        let sql = "SELECT name, value FROM kept WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
        let mut statement = reader.prepare_cached(sql).map_err(failed)?;
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let rows = statement.query_map([beginning], read).map_err(failed)?;
        let rows: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>().map_err(failed)?;
        rows.into_iter().map(|(name, value)| Ok((name, parse(&value)?))).collect()
    }

    /// Keeps a value under a name.
    pub(crate) fn keep<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO kept (name, value) VALUES (?1, ?2)";
        self.writer().execute(sql, params![name, text(value)?]).map(drop).map_err(failed)
    }

    /// Forgets a value; answers whether there was one.
    pub(crate) fn forget(&self, name: &str) -> Result<bool> {
        let gone = self.writer().execute("DELETE FROM kept WHERE name = ?1", [name]).map_err(failed)?;
        Ok(gone > 0)
    }

    fn texts(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<String>> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(sql).map_err(failed)?;
        let rows = statement.query_map(values, |row| row.get(0)).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}

fn lines_of(connection: &Connection, id: &str, after: u64, limit: u32) -> Result<Vec<(u64, LogEntry)>> {
    let sql = "SELECT seq, entry FROM log WHERE job = (SELECT number FROM jobs WHERE id = ?1) AND seq > ?2 ORDER BY seq LIMIT ?3";
    let found = numbered(connection, sql, id, after, limit)?;
    found.into_iter().map(|(seq, entry)| Ok((seq, parse(&entry)?))).collect()
}

fn numbered(connection: &Connection, sql: &str, id: &str, after: u64, limit: u32) -> Result<Vec<(u64, String)>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
    let rows = statement.query_map(params![id, after, limit], read).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

/// The last number of rows that are as many as were asked for.
fn cut<T>(rows: &[(u64, T)], limit: u32) -> Option<u64> {
    rows.last().filter(|_| rows.len() >= limit as usize).map(|row| row.0)
}

/// Gives lines of a log the next numbers; answers the last one.
fn add_log(work: &Connection, number: i64, mut seq: i64, lines: &[LogEntry]) -> Result<i64> {
    let mut log = work.prepare_cached("INSERT INTO log (job, seq, entry) VALUES (?1, ?2, ?3)").map_err(failed)?;
    for line in lines {
        seq += 1;
        log.execute(params![number, seq, text(line)?]).map_err(failed)?;
    }
    Ok(seq)
}

fn known(connection: &Connection, operator: &str, key: &str) -> rusqlite::Result<Option<Known>> {
    let sql = "SELECT request, job, answered FROM keys WHERE operator = ?1 AND key = ?2";
    let read = |row: &Row<'_>| Ok(Known { request: row.get(0)?, job: row.get(1)?, answered: row.get(2)? });
    connection.query_row(sql, [operator, key], read).optional()
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::new("host.internal", format!("A value cannot be written: {error}")))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::new("server.store", format!("What the store of jobs holds cannot be understood: {error}"))
    })
}

fn failed(error: rusqlite::Error) -> Error {
    Error::new("server.store", format!("The store of jobs fails: {error}"))
}
