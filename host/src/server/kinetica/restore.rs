//! `/restore/backup`: a restore is a job, and the reply is its finished report; with `dry_run` it is what the plan foresees.

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::plan::request::{self, Request};
use crate::restore::{self, Response};
use crate::server::blocking;
use crate::server::config::Role;
use crate::server::jobs::{ArchiveAt, Job, RestoreTask, State, Task};

use super::call::Call;
use super::message;
use super::options::{backup_name, snapshot_id};
use super::record::{Map, Record, Value};

/// Restores, or says what would be restored.
pub(super) async fn restore(call: &mut Call) -> Result<Record> {
    let Request { mut options, dry_run } = request::request(call.fields.map("restore_objects_map"), call.options())?;
    let backup = backup_name(call.fields.text("backup_name"))?.to_owned();
    let snapshot = options.backup_id.take().map(|id| snapshot_id(&id)).transpose()?;
    let (repository, target) = (call.repository("datasource_name")?, call.target()?);
    // Whatever fails is named in the reply, and the rest is restored: this is how it is there.
    options.keep_going = true;
    let archive = ArchiveAt::Snapshot { repository, backup: backup.clone(), snapshot };
    let mut task = RestoreTask { archive, target, options: Box::new(options), plan: None };
    if dry_run {
        return foresee(call, task).await;
    }
    call.identity.needs(Role::Operator, "restore")?;
    let job = call
        .start("", move |server| {
            task.archive = pinned(server, &task.archive)?;
            Ok(Task::Restore(task))
        })
        .await?;
    let (job, report) = call.end(&job).await?;
    outcome(&backup, &job, &report)
}

/// The snapshot that the newest one is now: it is not another one when the job's turn comes.
fn pinned(server: &crate::server::Server, archive: &ArchiveAt) -> Result<ArchiveAt> {
    let ArchiveAt::Snapshot { repository, backup, snapshot } = archive else { return Ok(archive.clone()) };
    let id = super::show::snapshot_of(&server.places.repository(repository)?, backup, *snapshot)?;
    Ok(ArchiveAt::Snapshot { repository: repository.clone(), backup: backup.clone(), snapshot: Some(id) })
}

async fn foresee(call: &Call, task: RestoreTask) -> Result<Record> {
    let (server, options) = (std::sync::Arc::clone(&call.server), task.options.clone());
    let restore = blocking(move || {
        let archive = pinned(&server, &task.archive)?;
        server.places.restore(&RestoreTask { archive, ..task })
    })
    .await?;
    let plan = restore::plan(&restore, &options).await?;
    (call.server.places.may_restore)(&call.identity.user, &plan)?;
    match message::refused(&plan) {
        Some(error) => Err(error),
        None => Ok(reply(Response::foreseen(&plan))),
    }
}

fn reply(response: Response) -> Record {
    Record::of([
        ("backup_name", Value::Text(response.backup_name)),
        ("backup_id", Value::Number(response.backup_id)),
        ("restored_bytes", Value::Number(response.restored_bytes)),
        ("restored_files", Value::Number(response.restored_files)),
        ("restored_records", Value::Number(response.restored_records)),
        ("restored_objects", Value::Map(response.restored_objects)),
        ("renamed_objects", Value::Map(response.renamed_objects)),
        ("failed_objects", Value::Map(response.failed_objects)),
        ("info", Value::Map(response.info)),
    ])
}

/// What the end of the job means to a client.
fn outcome(backup: &str, job: &Job, report: &Json) -> Result<Record> {
    match job.state {
        State::Succeeded | State::Discarded => Ok(reply(finished(backup, report))),
        State::Undone => Err(Error::new("job.not_possible", format!("Job {} was undone after it had ended", job.id))),
        State::Cancelled => {
            let message = format!("Job {} was cancelled", job.id);
            Err(Error::new("restore.cancelled", message).state("The target is unchanged"))
        }
        state => {
            let otherwise = || Error::new("restore.object_failed", format!("Job {} {state}", job.id));
            let error = message::kept(job.error.as_ref(), otherwise);
            let findings = report.get("findings").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
            let error = message::with_findings(error, findings);
            if !state.is_ended() {
                return Err(error);
            }
            // The first object's error, where none could be restored, speaks of others.
            let message = error.details().message.clone();
            Err(Error::new(error.code().to_owned(), message).state("The target is unchanged"))
        }
    }
}

/// The report of a job, as it is kept.
fn finished(backup: &str, report: &Json) -> Response {
    let number = |name: &str| report[name].as_i64().unwrap_or(if report[name].is_u64() { i64::MAX } else { 0 });
    let map = |name: &str| -> Map {
        let members = report[name].as_object().into_iter().flatten();
        members.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
    };
    Response {
        backup_name: backup.to_owned(),
        backup_id: report["backup_id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default(),
        restored_bytes: number("restored_bytes"),
        restored_files: number("restored_files"),
        restored_records: number("restored_records"),
        restored_objects: map("restored_objects"),
        renamed_objects: map("renamed_objects"),
        failed_objects: map("failed_objects"),
        info: map("info"),
    }
}
