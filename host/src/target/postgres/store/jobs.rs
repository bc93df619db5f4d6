//! Jobs.

use crate::error::{Error, Result};
use crate::target::{Job, JobStatus};

use super::super::connection::Connection;
use super::super::placement::literal;
use super::{Bookkeeping, Columns, ask, bookkeeping, maybe, run};

/// A job's row.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its number in this database.
    pub(crate) seq: i64,
    /// What everybody may see; `Interrupted` stands for a job that is not over, whether its process lives or not.
    pub(crate) job: Job,
    /// The live database's name, of a job that works in a database of its own.
    pub(crate) live: Option<String>,
    /// There was a live database before that job.
    pub(crate) replaced: bool,
    /// The database that has what the job did: another job put it aside.
    pub(crate) elsewhere: Option<String>,
}

/// A status as the table has it; everything that is not over is `running`.
fn text(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Running | JobStatus::Interrupted => "running",
        JobStatus::Succeeded => "succeeded",
        JobStatus::Failed => "failed",
        JobStatus::Undone => "undone",
        JobStatus::Discarded => "discarded",
    }
}

fn status(text: &str) -> JobStatus {
    match text {
        "succeeded" => JobStatus::Succeeded,
        "failed" => JobStatus::Failed,
        "undone" => JobStatus::Undone,
        "discarded" => JobStatus::Discarded,
        _ => JobStatus::Interrupted,
    }
}

const COLUMNS: &str = "seq, job, status, started, ended, backup_name, backup_id, archive, plan, settings, report, live, replaced, \
                       elsewhere";

fn record(row: Vec<Option<String>>) -> Result<Record> {
    let mut row = Columns::of(row);
    let seq = row.number()?;
    let job = Job {
        job: row.text(),
        status: status(&row.text()),
        started: row.text(),
        ended: row.maybe(),
        backup_name: row.text(),
        backup_id: row.text(),
        archive: row.text(),
        plan: row.text(),
        settings: row.text(),
        report: row.maybe(),
    };
    Ok(Record { seq, job, live: row.maybe(), replaced: row.truth(), elsewhere: row.maybe() })
}

/// Records a new job; returns its row.
pub(crate) fn insert_job(connection: &mut Connection, job: &Job, live: Option<&str>, replaced: bool) -> Result<Record> {
    let values = [&job.job, &job.started, &job.backup_name, &job.backup_id, &job.archive, &job.plan, &job.settings];
    let values: Vec<String> = values.into_iter().map(|value| literal(value)).collect();
    let statement = format!(
        "INSERT INTO reinstate.job(status, job, started, backup_name, backup_id, archive, plan, settings, live, replaced) \
         VALUES ('running', {}, {}, {replaced}) RETURNING {COLUMNS}",
        values.join(", "),
        maybe(live)
    );
    let row = ask(connection, &statement)?.into_iter().next();
    row.map_or_else(|| Err(no_job(&job.job)), record)
}

/// Every job, oldest first.
pub(crate) fn jobs(connection: &mut Connection) -> Result<Vec<Record>> {
    ask(connection, &format!("SELECT {COLUMNS} FROM reinstate.job ORDER BY seq"))?.into_iter().map(record).collect()
}

/// Every job of a database that may have no bookkeeping of ours.
pub(crate) fn recorded(connection: &mut Connection) -> Result<Vec<Record>> {
    match bookkeeping(connection)? {
        Bookkeeping::Present => jobs(connection),
        Bookkeeping::Absent | Bookkeeping::Foreign => Ok(Vec::new()),
    }
}

/// The job of that name, or `job.not_found`.
pub(crate) fn find_job(connection: &mut Connection, job: &str) -> Result<Record> {
    let statement = format!("SELECT {COLUMNS} FROM reinstate.job WHERE job = {}", literal(job));
    ask(connection, &statement)?.into_iter().next().map_or_else(|| Err(no_job(job)), record)
}

/// The error for a job that is not known here.
pub(crate) fn no_job(job: &str) -> Error {
    Error::new(
        "job.not_found",
        format!("This target knows no job `{}`; `jobs` lists those it knows", job.escape_debug()),
    )
}

/// Moves the job to another status.
pub(crate) fn set_status(connection: &mut Connection, seq: i64, status: JobStatus) -> Result<()> {
    run(connection, &format!("UPDATE reinstate.job SET status = '{}' WHERE seq = {seq}", text(status)))
}

/// Writes the job's report anew.
pub(crate) fn set_report(connection: &mut Connection, job: &str, report: &str) -> Result<()> {
    run(connection, &format!("UPDATE reinstate.job SET report = {} WHERE job = {}", literal(report), literal(job)))
}

/// Ends the job with a report.
pub(crate) fn end_job(connection: &mut Connection, seq: i64, status: JobStatus, report: &str) -> Result<()> {
    let now = jiff::Timestamp::now().to_string();
    let (status, report, now) = (text(status), literal(report), literal(&now));
    run(
        connection,
        &format!("UPDATE reinstate.job SET status = '{status}', ended = {now}, report = {report} WHERE seq = {seq}"),
    )
}

/// Removes the job's row.
pub(crate) fn delete_job(connection: &mut Connection, seq: i64) -> Result<()> {
    run(connection, &format!("DELETE FROM reinstate.job WHERE seq = {seq}"))
}

/// Takes over the records of jobs whose work is in another database, which will be called `elsewhere`: they come before our own.
pub(crate) fn copy_jobs(connection: &mut Connection, records: &[Record], elsewhere: &str) -> Result<()> {
    for (record, seq) in records.iter().zip(-i64::try_from(records.len()).unwrap_or(i64::MAX)..) {
        let job = &record.job;
        let values = [
            &job.job,
            text(job.status),
            &job.started,
            &job.backup_name,
            &job.backup_id,
            &job.archive,
            &job.plan,
            &job.settings,
        ];
        let values: Vec<String> = values.into_iter().map(literal).collect();
        let statement = format!(
            "INSERT INTO reinstate.job(job, status, started, backup_name, backup_id, archive, plan, settings, seq, ended, report, \
             live, replaced, elsewhere) VALUES ({}, {seq}, {}, {}, {}, {}, {}) ON CONFLICT DO NOTHING",
            values.join(", "),
            maybe(job.ended.as_deref()),
            maybe(job.report.as_deref()),
            maybe(record.live.as_deref()),
            record.replaced,
            literal(record.elsewhere.as_deref().unwrap_or(elsewhere)),
        );
        run(connection, &statement)?;
    }
    Ok(())
}
