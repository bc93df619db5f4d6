//! Runs one job: the library call that each task is, and how its end is understood.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::archive::Archive;
use crate::backup::{Watch as BackupWatch, Written};
use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::error::{Error, Kind, Result};
use crate::plan::Plan;
use crate::repository::{BackupDocument, BackupType, NewSnapshot, Repository, Stored, Summary};
use crate::restore::{self, Report, Restore, Status, Watch};
use crate::selector::Selector;
use crate::server::blocking;
use crate::snapshot::{self, FileOptions};
use crate::source::{Location, Place, SnapshotAt};
use crate::target::{Job as Record, JobStatus};

use super::job::{BackupAt, BackupTask, Job, RestoreTask, State, Task};
use super::places::Places;
use super::recorder::Recorder;

/// How often the figures of work are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How a run ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) state: State,
    /// As JSON.
    pub(super) report: Option<String>,
    pub(super) error: Option<Error>,
}

impl End {
    pub(super) fn failed(error: Error) -> Self {
        let state = match error.kind() {
            Kind::Usage | Kind::Refused => State::Refused,
            Kind::Failed => State::Failed,
            Kind::Stopped | Kind::Interrupted => State::Interrupted,
        };
        Self { state, report: None, error: Some(error) }
    }

    fn succeeded(report: &impl Serialize) -> Self {
        Self { state: State::Succeeded, report: serde_json::to_string(report).ok(), error: None }
    }

    /// Somebody who is no job of ours works at the same place.
    pub(super) fn busy(&self) -> Option<&Error> {
        self.error.as_ref().filter(|error| matches!(error.code(), "target.busy" | "repository.busy"))
    }

    /// Changes a job to one that stands so since then.
    pub(super) fn apply(&self, job: &mut Job, now: &str) {
        job.state = self.state;
        job.error = self.error.as_ref().and_then(told);
        (job.progress.rate, job.progress.seconds_left) = (None, None);
        if self.state == State::Succeeded {
            job.progress.fraction = 1.0;
        }
        job.ended = self.state.is_ended().then(|| now.to_owned());
        if let Some(last) = job.stages.last_mut().filter(|last| last.state == "running") {
            let state = match self.state {
                State::Succeeded => "succeeded",
                State::Queued | State::Paused => "waiting",
                _ => "failed",
            };
            (last.state, last.ended) = (state.to_owned(), Some(now.to_owned()));
        }
    }
}

/// An error as it is told everywhere.
pub(super) fn told(error: &Error) -> Option<Value> {
    serde_json::to_value(error).ok()
}

/// Runs the job, or goes on with it.
pub(super) async fn run(places: &Arc<Places>, job: &Job, recorder: &Arc<Recorder>, cancel: &Cancel) -> End {
    match &job.task {
        Task::Restore(task) => restore(places, job, task, recorder, cancel).await,
        other => work(places, job, other, recorder, cancel).await,
    }
}

async fn restore(
    places: &Arc<Places>,
    job: &Job,
    task: &RestoreTask,
    recorder: &Arc<Recorder>,
    cancel: &Cancel,
) -> End {
    recorder.stage("plan");
    let prepared = {
        let (places, mut task, id) = (Arc::clone(places), task.clone(), job.id.clone());
        let recorder = Arc::clone(recorder);
        blocking(move || {
            if let Some(newest) = places.newest(&task.archive) {
                // Whoever goes on with it reads the same one, whatever is newest then.
                recorder.pin(&newest)?;
                task.archive = newest;
            }
            let known = places.target(&task.target)?.jobs()?.into_iter().find(|record| record.job == id);
            Ok((known, places.restore(&task)))
        })
        .await
    };
    let staged = |record: &Record| matches!(record.status, JobStatus::Running | JobStatus::Interrupted);
    let report = match prepared {
        Err(error) | Ok((None, Err(error))) => Report::not_started(error),
        Ok((None, Ok(restore))) => match first_run(places, job, task, &restore, recorder, cancel).await {
            Ok(report) => report,
            Err(error) => Report::not_started(error),
        },
        // The target still takes it for alive: another process, or what is left of the one that was killed, holds it for a moment yet.
        Ok((Some(record), Ok(_))) if record.status == JobStatus::Running => {
            let error = Error::new("target.busy", format!("Something in the target still holds job {}", job.id));
            return End { state: State::Interrupted, report: None, error: Some(error) };
        }
        Ok((Some(record), Ok(restore))) if staged(&record) => {
            if let Ok(plan) = Plan::from_json(&record.plan) {
                recorder.plan_again(&plan);
            }
            let end = end_of(&restore::resume(&restore, &job.id, &watch(job, recorder, cancel)).await);
            // Refused or not, what it has staged is there still: it must not end before somebody has cancelled it.
            return match end.state {
                State::Refused => End { state: State::Interrupted, report: None, ..end },
                _ => end,
            };
        }
        // What an earlier run has staged is there still: it waits until the archive is back, or until somebody cancels it.
        Ok((Some(record), Err(error))) if staged(&record) => {
            return End { state: State::Interrupted, report: None, error: Some(error) };
        }
        // It ended before the process that ran it could say so.
        Ok((Some(record), _)) => return ended(&record),
    };
    end_of(&report)
}

async fn first_run(
    places: &Arc<Places>,
    job: &Job,
    task: &RestoreTask,
    restore: &Restore,
    recorder: &Arc<Recorder>,
    cancel: &Cancel,
) -> Result<Report> {
    let plan = match &task.plan {
        Some(plan) => Plan::from_json(&plan.to_string())?,
        None => restore::plan(restore, &task.options).await?,
    };
    (places.may_restore)(&job.operator, &plan)?;
    cancel.check()?;
    recorder.plan(&plan);
    Ok(restore::apply(restore, &plan, &watch(job, recorder, cancel)).await)
}

fn watch(job: &Job, recorder: &Arc<Recorder>, cancel: &Cancel) -> Watch {
    let recorder = Arc::clone(recorder);
    Watch { observer: Arc::new(move |event| recorder.event(event)), cancel: cancel.clone(), job: Some(job.id.clone()) }
}

fn end_of(report: &Report) -> End {
    let state = match (report.status, &report.error) {
        (Status::Succeeded, _) => State::Succeeded,
        (Status::Interrupted, _) => State::Interrupted,
        (Status::Failed, Some(error)) if error.is_resumable() => State::Interrupted,
        (Status::Failed, _) => State::Failed,
        // Stopped before it began: nothing is anywhere, and it can begin yet.
        (Status::Refused, Some(error)) if error.kind() == Kind::Interrupted => State::Interrupted,
        (Status::Refused, _) => State::Refused,
    };
    End { state, report: serde_json::to_string(report).ok(), error: report.error.clone() }
}

/// The end that the target remembers.
pub(super) fn ended(record: &Record) -> End {
    let report: Option<Value> = record.report.as_deref().and_then(|report| serde_json::from_str(report).ok());
    let state = match record.status {
        JobStatus::Succeeded => State::Succeeded,
        JobStatus::Undone => State::Undone,
        JobStatus::Discarded => State::Discarded,
        JobStatus::Failed | JobStatus::Running | JobStatus::Interrupted => State::Failed,
    };
    let said = || report.as_ref()?.pointer("/error/message")?.as_str().map(str::to_owned);
    let code = || report.as_ref()?.pointer("/error/code")?.as_str().map(str::to_owned);
    let error = code().map(|code| Error::new(code, said().unwrap_or_default()));
    End { state, report: record.report.clone(), error }
}

/// Removes what an interrupted restore has staged. Where it had switched and its process could not say so, that is its end, and the answer.
pub(super) async fn abort(places: &Arc<Places>, job: &Job) -> Result<Option<End>> {
    let Task::Restore(task) = &job.task else { return Ok(None) };
    let (target, id) = (places.target(&task.target)?, job.id.clone());
    blocking(move || {
        let Some(record) = target.jobs()?.into_iter().find(|record| record.job == id) else { return Ok(None) };
        match record.status {
            // One that still seems to run is busy, and the target says so.
            JobStatus::Interrupted | JobStatus::Running => target.abort(&id).map(|()| None),
            JobStatus::Failed => Ok(None),
            JobStatus::Succeeded | JobStatus::Undone | JobStatus::Discarded => Ok(Some(ended(&record))),
        }
    })
    .await
}

/// What is not a restore: one blocking call.
async fn work(places: &Arc<Places>, job: &Job, task: &Task, recorder: &Arc<Recorder>, cancel: &Cancel) -> End {
    // A run that was ended by force may have made the snapshot before it could say so; one that ended by itself has said what it made.
    let again = job.stages.iter().any(|stage| stage.name == "work" && stage.ended.is_none());
    recorder.stage("work");
    // Kept before anything is done, or the next process would not know that something may have been done.
    if let Err(error) = recorder.save().await {
        return End::failed(error);
    }
    let counting = BackupWatch { cancel: cancel.clone(), ..BackupWatch::default() };
    let counted = {
        let (recorder, rows, bytes) = (Arc::clone(recorder), Arc::clone(&counting.rows), Arc::clone(&counting.bytes));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                show(&recorder, &rows, &bytes);
            }
        })
    };
    let (rows, bytes) = (Arc::clone(&counting.rows), Arc::clone(&counting.bytes));
    let end = {
        let (places, task, since) = (Arc::clone(places), task.clone(), job.started.clone().filter(|_| again));
        blocking(move || Ok(done(&places, &task, &counting, since.as_deref()).unwrap_or_else(End::failed))).await
    };
    counted.abort();
    show(recorder, &rows, &bytes);
    end.unwrap_or_else(End::failed)
}

fn show(recorder: &Recorder, rows: &AtomicU64, bytes: &AtomicU64) {
    recorder.progress(|progress| {
        progress.rows_done = rows.load(Ordering::Relaxed);
        progress.bytes_done = bytes.load(Ordering::Relaxed);
    });
}

fn done(places: &Places, task: &Task, watch: &BackupWatch, since: Option<&str>) -> Result<End> {
    watch.cancel.check()?;
    match task {
        Task::Restore(_) => Err(Error::new("host.internal", "A restore is no work of this sort")),
        Task::Backup(task) => backup(places, task, watch, since),
        Task::Verify { repository, backup, snapshot } => {
            let found = places.repository(repository)?.verify(backup, snapshot.map(Some), &watch.cancel)?;
            Ok(End::succeeded(&found))
        }
        Task::Merge { repository, backup, comment } => {
            let into = places.repository(repository)?;
            if let Some(made) = since.and_then(|_| merged(&into, backup)) {
                return Ok(End::succeeded(&made));
            }
            Ok(End::succeeded(&into.merge(backup, comment, false, &watch.cancel)?))
        }
    }
}

fn backup(places: &Places, task: &BackupTask, watch: &BackupWatch, since: Option<&str>) -> Result<End> {
    let target = places.target(&task.target)?;
    let select = || task.objects.iter().cloned().map(Selector::try_from).collect::<Result<Vec<_>, String>>();
    let select = select().map_err(|why| Error::new("usage", why))?;
    match &task.to {
        BackupAt::File { file } => {
            let name = std::path::Path::new(file)
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            let options =
                FileOptions { name, select, ddl_only: task.ddl_only, overwrite: true, ..FileOptions::default() };
            Ok(End::succeeded(&snapshot::create_file(target.as_ref(), std::path::Path::new(file), &options, watch)?))
        }
        BackupAt::Snapshot {
            repository,
            backup,
            backup_type,
            recreate,
            checksum,
            max_incremental_backups_to_keep,
            delete_intermediate_backups,
        } => {
            let place = places.place(repository)?;
            let into = Repository::create(&place)?;
            if let Some(made) = since.and_then(|since| made_since(places, &place, backup, since)) {
                return Ok(End::succeeded(&made));
            }
            let wanted = NewSnapshot {
                backup_type: *backup_type,
                recreate: *recreate,
                objects: task.objects.clone(),
                ddl_only: task.ddl_only,
                checksum: *checksum,
                max_incremental_backups_to_keep: *max_incremental_backups_to_keep,
                delete_intermediate_backups: *delete_intermediate_backups,
                comment: task.comment.clone(),
                dry_run: false,
            };
            Ok(End::succeeded(&snapshot::create(target.as_ref(), &into, backup, &wanted, watch)?))
        }
    }
}

/// The newest snapshot, if it was made since then: nobody else makes one while the job has its claim.
fn made_since(places: &Places, place: &Place, backup: &str, since: &str) -> Option<Written> {
    let document = Repository::open(place).ok()?.backup(backup).ok()?;
    let snapshot = document.find(None)?;
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    if time(&snapshot.created)? < time(since)? {
        return None;
    }
    let at = SnapshotAt { repository: place.clone(), backup: backup.to_owned(), id: Some(snapshot.id) };
    let archive = Archive::open(&Location::Snapshot(Box::new(at)), &places.open).ok()?;
    let catalog = Catalog::read(&archive).ok()?;
    Some(Written {
        backup: catalog.backup,
        digest: catalog.digest,
        objects: snapshot.objects,
        rows: snapshot.records,
        bytes: snapshot.bytes,
        archive_bytes: snapshot.stored_bytes,
        stored: Some(stored(&document, snapshot)),
    })
}

/// What a merge leaves, if it is there already.
fn merged(repository: &Repository, backup: &str) -> Option<Stored> {
    let document = repository.backup(backup).ok()?;
    let snapshot = document.find(None)?;
    let one = document.snapshots.len() == 1 && snapshot.backup_type == BackupType::Full;
    one.then(|| stored(&document, snapshot))
}

fn stored(document: &BackupDocument, snapshot: &Summary) -> Stored {
    let total_records = document.snapshots.iter().map(|known| known.records).sum();
    Stored { snapshot: snapshot.clone(), removed: Vec::new(), total_records }
}
