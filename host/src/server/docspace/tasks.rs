//! The portal's tasks: one restore and one backup at a time, each a job. The newest of each sort is remembered under an id of its own, before
//! its job is asked for, so that a server that is killed in between neither loses it nor starts it twice.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::server::jobs::{self, ArchiveAt, Asked, BackupTask, Job, RestoreTask, StartKey, State, Store};

use super::Portal;
use super::history::{Record, Wanted};
use super::progress;
use super::times;

/// What a task does; the numbers are the vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    Backup = 0,
    Restore = 1,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }
}

/// A task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PortalTask {
    /// A GUID; a backup's record has it, too.
    pub(super) id: String,
    pub(super) sort: Sort,
    pub(super) dump: bool,
    pub(super) operator: String,
    /// The portal's number when it began.
    pub(super) tenant: i32,
    pub(super) begun: String,
    /// The backup that is restored, where it is one of the history.
    pub(super) record: Option<String>,
    /// The one whose place it takes, once its job is there.
    pub(super) before: Option<Box<PortalTask>>,
}

/// A task that was started, or the one that runs already.
pub(super) struct Started {
    /// As clients read it.
    pub(super) told: Value,
    /// The job.
    pub(super) job: String,
}

/// A new id.
pub(super) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn kept_as(sort: Sort, dump: bool) -> String {
    format!("docspace task {}{}", sort.word(), if dump { " dump" } else { "" })
}

/// What the portal's number is kept under.
const TENANT: &str = "docspace tenant";

/// What a job of a task is recognised by.
fn key(id: &str) -> String {
    format!("docspace {id}")
}

impl Portal {
    pub(super) fn store(&self) -> &Store {
        self.server.jobs.store()
    }

    /// The job of a task; none where the server was killed before it was asked for. Blocks.
    pub(super) fn job(&self, operator: &str, id: &str) -> Result<Option<Job>> {
        match self.store().known(operator, &key(id))? {
            Some(known) => self.store().job(&known.job),
            None => Ok(None),
        }
    }

    /// The newest task of the sort, of whole servers or not. Blocks.
    pub(super) fn newest(&self, sort: Sort, dump: Option<bool>) -> Result<Option<(PortalTask, Job)>> {
        let mut found: Vec<(PortalTask, Job)> = Vec::new();
        for dump in [false, true].into_iter().filter(|known| dump.is_none_or(|dump| dump == *known)) {
            found.extend(self.last(sort, dump)?);
        }
        Ok(found.into_iter().max_by_key(|(task, _)| times::kept(&task.begun)))
    }

    fn last(&self, sort: Sort, dump: bool) -> Result<Option<(PortalTask, Job)>> {
        let mut next = self.store().kept::<PortalTask>(&kept_as(sort, dump))?;
        while let Some(task) = next {
            if let Some(job) = self.job(&task.operator, &task.id)? {
                return Ok(Some((task, job)));
            }
            next = task.before.map(|before| *before);
        }
        Ok(None)
    }

    /// How far the newest task is, as clients read it; null where there is none. Blocks.
    pub(super) fn progress(&self, sort: Sort, dump: Option<bool>) -> Result<Value> {
        let newest = self.newest(sort, dump)?;
        Ok(newest.map_or(Value::Null, |(task, job)| progress::told(&task, &job)))
    }

    /// The portal's number, which is remembered when the job that moved it is not any more. Blocks.
    pub(super) fn tenant(&self) -> Result<i32> {
        let Some(task) = self.store().kept::<PortalTask>(&kept_as(Sort::Restore, false))? else {
            return Ok(self.settings.tenant);
        };
        let known = self.store().kept::<i32>(TENANT)?;
        let Some(job) = self.job(&task.operator, &task.id)? else {
            return Ok(known.unwrap_or(task.tenant));
        };
        let tenant = progress::tenant(&task, &job);
        if known != Some(tenant) {
            self.store().keep(TENANT, &tenant)?;
        }
        Ok(tenant)
    }

    /// The backup of the history that is being restored. Blocks.
    pub(super) fn restored_record(&self) -> Result<Option<String>> {
        let newest = self.newest(Sort::Restore, None)?;
        Ok(newest.filter(|(_, job)| !job.state.is_ended()).and_then(|(task, _)| task.record))
    }

    /// Starts a restore, or answers with the one that runs.
    pub(super) async fn restore(
        self: &Arc<Self>,
        operator: &str,
        archive: ArchiveAt,
        record: Option<String>,
        (dump, notify): (bool, bool),
    ) -> Result<Started> {
        let _held = self.starting.lock().await;
        if let Some(running) = self.make_way(Sort::Restore, operator).await? {
            return Ok(running);
        }
        let options = self.settings.options.clone();
        let work =
            RestoreTask { archive, target: self.settings.target.clone(), options: Box::new(options), plan: None };
        let task = self.new_task(new_id(), Sort::Restore, dump, operator).await?;
        self.start(PortalTask { record, ..task }, jobs::Task::Restore(work), notify).await
    }

    /// Starts a backup, or answers with the one that runs.
    pub(super) async fn backup(self: &Arc<Self>, wanted: Wanted) -> Result<Started> {
        let _held = self.starting.lock().await;
        match self.make_way(Sort::Backup, &wanted.operator).await? {
            Some(running) => Ok(running),
            None => self.back_up(wanted).await,
        }
    }

    /// Starts a backup. The caller holds `starting`, and none runs.
    pub(super) async fn back_up(self: &Arc<Self>, wanted: Wanted) -> Result<Started> {
        let task = self.new_task(wanted.id.clone(), Sort::Backup, wanted.dump, &wanted.operator).await?;
        let work = move |portal: &Self| {
            let record: Record = portal.record_for(&wanted, Timestamp::now())?;
            Ok(BackupTask {
                target: portal.settings.target.clone(),
                to: portal.writes_to(&record)?,
                objects: Vec::new(),
                ddl_only: false,
                comment: format!("Backup {} of the portal", record.id),
            })
        };
        let work = self.work(work).await?;
        self.start(task, jobs::Task::Backup(work), false).await
    }

    /// The task of the sort that runs. One that stopped, and that clients were told has failed, is taken away.
    pub(super) async fn make_way(self: &Arc<Self>, sort: Sort, by: &str) -> Result<Option<Started>> {
        let newest = self.work(move |portal| portal.newest(sort, None)).await?;
        let Some((task, job)) = newest.filter(|(_, job)| !job.state.is_ended()) else { return Ok(None) };
        if progress::is_over(&job) {
            self.server.jobs.cancel(&job.id, by).await?;
            return Ok(None);
        }
        Ok(Some(Started { told: progress::told(&task, &job), job: job.id }))
    }

    async fn new_task(self: &Arc<Self>, id: String, sort: Sort, dump: bool, operator: &str) -> Result<PortalTask> {
        let work = move |portal: &Self| Ok((portal.tenant()?, portal.last(sort, dump)?));
        let (tenant, last) = self.work(work).await?;
        // Not the whole line of them.
        let before = last.map(|(task, _)| Box::new(PortalTask { before: None, ..task }));
        let (operator, begun) = (operator.to_owned(), Timestamp::now().to_string());
        Ok(PortalTask { id, sort, dump, operator, tenant, begun, record: None, before })
    }

    async fn start(self: &Arc<Self>, task: PortalTask, work: jobs::Task, notify: bool) -> Result<Started> {
        let kept = task.clone();
        self.work(move |portal| portal.store().keep(&kept_as(kept.sort, kept.dump), &kept)).await?;
        let asked = Asked {
            operator: task.operator.clone(),
            priority: 0,
            notify,
            key: Some(StartKey { key: key(&task.id), request: String::new() }),
        };
        let job = self.server.jobs.submit(work, asked).await?.job;
        Ok(Started { told: progress::told(&task, &job), job: job.id.clone() })
    }

    /// Ends the backup that runs; answers whether one did.
    pub(super) async fn cancel_backup(self: &Arc<Self>, by: &str) -> Result<bool> {
        let newest = self.work(|portal| portal.newest(Sort::Backup, None)).await?;
        let Some((_, job)) = newest.filter(|(_, job)| !job.state.is_ended()) else { return Ok(false) };
        match self.server.jobs.cancel(&job.id, by).await {
            Ok(job) => Ok(matches!(job.state, State::Cancelled | State::Running)),
            // It ended just now.
            Err(error) if error.code() == "job.not_possible" => Ok(false),
            Err(error) => Err(error),
        }
    }
}
