//! Jobs.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Error, Result};
use crate::target::{Job, JobStatus};

use super::journal::clear_journal;
use super::store;

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
