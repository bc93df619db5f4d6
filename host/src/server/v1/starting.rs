//! How a request becomes a job: checked, taken in once, told where it can be watched.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::repository::BackupDocument;
use crate::server::audit::About;
use crate::server::identity::Identity;
use crate::server::jobs::{ArchiveAt, Asked, BackupAt, Job, RestoreTask, StartKey, Submitted, Task};
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::uploads;

/// Somebody's request to start something.
pub(super) struct Start {
    pub(super) identity: Identity,
    pub(super) key: Option<String>,
    /// Of the whole request.
    pub(super) digest: String,
    pub(super) notify: bool,
    pub(super) priority: i32,
}

impl Start {
    pub(super) fn asked(&self) -> Asked {
        Asked {
            operator: self.identity.user.clone(),
            priority: self.priority,
            notify: self.notify,
            // A word of its own before it, for other front doors make keys of theirs.
            key: self.key.as_ref().map(|key| StartKey { key: format!("v1 {key}"), request: self.digest.clone() }),
        }
    }

    /// Checks that what the task names is there, and that this somebody may use it, unless the same request has started a job before.
    pub(super) async fn check(&self, server: &Arc<Server>, task: &Task) -> Result<()> {
        let (server, task, identity, asked) = (Arc::clone(server), task.clone(), self.identity.clone(), self.asked());
        blocking(move || {
            let store = server.jobs.store();
            let known = asked.key.map(|key| store.known(&identity.user, &key.key)).transpose()?;
            if known.flatten().is_some() { Ok(()) } else { check(&server, &identity, &task) }
        })
        .await
    }

    /// Takes the task in.
    pub(super) async fn submit(self, server: &Arc<Server>, task: Task) -> Answer<Response> {
        self.check(server, &task).await?;
        Ok(started(&server.jobs.submit(task, self.asked()).await?))
    }
}

fn check(server: &Server, identity: &Identity, task: &Task) -> Result<()> {
    let places = &server.places;
    match task {
        Task::Restore(RestoreTask { archive, target, plan, .. }) => {
            places.target(target)?;
            check_archive(server, identity, archive)?;
            match plan {
                Some(plan) => (places.may_restore)(&identity.user, &Plan::from_json(&plan.to_string())?),
                None => Ok(()),
            }
        }
        Task::Backup(task) => {
            places.target(&task.target)?;
            match &task.to {
                BackupAt::Snapshot { repository, .. } => places.place(repository).map(drop),
                BackupAt::File { .. } => Ok(()),
            }
        }
        Task::Verify { repository, backup, snapshot: Some(id) } => {
            check_snapshot(server, repository, backup, Some(*id))
        }
        Task::Verify { repository, backup, .. } | Task::Merge { repository, backup, .. } => {
            places.repository(repository)?.backup(backup).map(drop)
        }
    }
}

/// That the archive is there, and may be read by this somebody.
pub(super) fn check_archive(server: &Server, identity: &Identity, archive: &ArchiveAt) -> Result<()> {
    match archive {
        ArchiveAt::Snapshot { repository, backup, snapshot } => check_snapshot(server, repository, backup, *snapshot),
        ArchiveAt::Upload { upload } => uploads::check_owner(server, identity, upload),
        // A front door named it.
        ArchiveAt::File { .. } => Ok(()),
    }
}

fn check_snapshot(server: &Server, repository: &str, backup: &str, id: Option<u64>) -> Result<()> {
    let document = server.places.repository(repository)?.backup(backup)?;
    find(&document, id).map(drop)
}

/// The snapshot of that id, or the newest. Fails with `repository.not_found`.
pub(super) fn find(document: &BackupDocument, id: Option<u64>) -> Result<&crate::repository::Summary> {
    let missing = || {
        let which = id.map_or_else(|| "snapshots".to_owned(), |id| format!("snapshot {id}"));
        Error::new("repository.not_found", format!("The backup {} has no {which}", document.name))
    };
    document.find(id).ok_or_else(missing)
}

/// The answer to a start: 202, or 200 where the same request had started it before.
pub(super) fn started(submitted: &Submitted) -> Response {
    let status = if submitted.known { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = format!("/v1/jobs/{}", submitted.job.id);
    (status, [(header::LOCATION, location)], told(&submitted.job)).into_response()
}

/// A job as an answer to somebody who changed it.
pub(super) fn told(job: &Job) -> Response {
    (Extension(About(job.id.clone())), Json(job)).into_response()
}
