//! Jobs: listed, shown and steered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::error::{Error, Result};
use crate::server::auth::Asker;
use crate::server::identity::Identity;
use crate::server::jobs::{
    ArchiveAt, BackupAt, Job, JobObject, Listing, LogEntry, RestoreTask, State as JobState, Task,
};
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::asks::{Asks, At, Key, Limit, Nothing, Sent};
use super::starting::{Start, started, told};

/// Which jobs are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// In this state.
    #[param(inline)]
    state: Option<JobState>,
    /// Of this operator.
    operator: Option<String>,
    /// Older than this job.
    before: Option<String>,
    /// How many; 100 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Limit,
}

/// Jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobList {
    #[schema(value_type = Vec<Job>)]
    jobs: Vec<Value>,
}

/// Jobs on targets and repositories that whoever asks may use, newest first
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", operation_id = "list_jobs", params(Which), responses((status = 200, description = "Jobs", body = JobList)))]
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    Asks(which): Asks<Which>,
) -> Answer<Json<JobList>> {
    let found = blocking(move || seen(&server, &identity, which)).await?;
    let jobs = found.iter().filter_map(|job| serde_json::to_value(job.as_ref()).ok()).collect();
    Ok(Json(JobList { jobs }))
}

/// Reads on until there are as many as were asked for: those that may not be seen do not count.
fn seen(server: &Server, identity: &Identity, which: Which) -> Result<Vec<Arc<Job>>> {
    let wanted = which.limit.0 as usize;
    let mut listing =
        Listing { state: which.state, operator: which.operator, before: which.before, limit: which.limit.0 };
    let mut found: Vec<Arc<Job>> = Vec::new();
    loop {
        let page = server.jobs.list(&listing)?;
        let last = page.last().map(|job| job.id.clone());
        // One that has moved on since it was read.
        let fits = |job: &Arc<Job>| which.state.is_none_or(|state| job.state == state);
        found.extend(page.iter().filter(|job| fits(job) && may_see(identity, job).is_ok()).cloned());
        if found.len() >= wanted || page.len() < wanted {
            found.truncate(wanted);
            return Ok(found);
        }
        listing.before = last;
    }
}

/// Fails with `request.forbidden` where the job is about what is none of theirs.
fn may_see(identity: &Identity, job: &Job) -> Result<()> {
    match &job.task {
        Task::Restore(RestoreTask { archive, target, .. }) => {
            identity.target(target)?;
            match archive {
                ArchiveAt::Snapshot { repository, .. } => identity.repository(repository),
                ArchiveAt::Upload { .. } | ArchiveAt::File { .. } => Ok(()),
            }
        }
        Task::Backup(task) => {
            identity.target(&task.target)?;
            match &task.to {
                BackupAt::Snapshot { repository, .. } => identity.repository(repository),
                BackupAt::File { .. } => Ok(()),
            }
        }
        Task::Verify { repository, .. } | Task::Merge { repository, .. } => identity.repository(repository),
    }
}

/// A job that somebody may see.
pub(super) async fn visible(server: &Server, identity: &Identity, id: &str) -> Result<Arc<Job>> {
    let job = server.jobs.get(id).await?;
    may_see(identity, &job)?;
    Ok(job)
}

/// A job that somebody may steer.
async fn steered(server: &Server, identity: &Identity, id: &str) -> Result<Arc<Job>> {
    let job = visible(server, identity, id).await?;
    identity.steers(&job.operator)?;
    Ok(job)
}

/// A job
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    operation_id = "show_job",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "As it is now", body = Job))
)]
pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Response> {
    Ok(Json(visible(&server, &identity, &id).await?.as_ref()).into_response())
}

/// Which objects of a job are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FromStep {
    /// From this step on.
    from: u32,
    /// How many; 100 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Limit,
}

/// Objects of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObjectList {
    objects: Vec<JobObject>,
}

/// Objects that a job works on, by their steps
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/objects",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's name"), FromStep),
    responses((status = 200, description = "Objects", body = ObjectList))
)]
pub(super) async fn objects(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
    Asks(FromStep { from, limit }): Asks<FromStep>,
) -> Answer<Json<ObjectList>> {
    visible(&server, &identity, &id).await?;
    let objects = blocking(move || server.jobs.store().objects(&id, from, limit.0)).await?;
    Ok(Json(ObjectList { objects }))
}

/// Which lines of a job's log are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterLine {
    /// After the line of this number.
    after: u64,
    /// How many; 100 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Limit,
}

/// A line of a job's log, with its number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Line {
    /// Its number; numbers grow.
    seq: u64,
    #[serde(flatten)]
    entry: LogEntry,
}

/// Lines of a job's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Log {
    log: Vec<Line>,
}

/// What a job and its plugins said
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/log",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's name"), AfterLine),
    responses((status = 200, description = "Lines", body = Log))
)]
pub(super) async fn log(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
    Asks(AfterLine { after, limit }): Asks<AfterLine>,
) -> Answer<Json<Log>> {
    visible(&server, &identity, &id).await?;
    let lines = blocking(move || server.jobs.store().lines(&id, after, limit.0)).await?;
    Ok(Json(Log { log: lines.into_iter().map(|(seq, entry)| Line { seq, entry }).collect() }))
}

/// What a job came to; there is none before it has ended
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/report",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "The report, as the command line gives it", body = Object))
)]
pub(super) async fn report(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Json<Value>> {
    let job = visible(&server, &identity, &id).await?;
    let found = blocking(move || server.jobs.report(&id)).await?;
    let missing = || {
        Error::new("request.not_found", format!("Job {} has no report: it is {}", job.id, job.state))
            .next(format!("GET /v1/jobs/{}", job.id))
    };
    Ok(Json(found.ok_or_else(missing)?))
}

/// Ends a job: what it staged is taken away, and the target is as it was
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    tag = "jobs",
    operation_id = "cancel_job",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "The job; one that runs ends a moment later", body = Job))
)]
pub(super) async fn cancel(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Response> {
    let job = steered(&server, &identity, &id).await?;
    Ok(told(server.jobs.cancel(&job.id, &identity.user).await?.as_ref()))
}

/// Stops a restore for a while
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/pause",
    tag = "jobs",
    operation_id = "pause_job",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "The job; one that runs stops a moment later", body = Job))
)]
pub(super) async fn pause(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Response> {
    let job = steered(&server, &identity, &id).await?;
    Ok(told(server.jobs.pause(&job.id, &identity.user).await?.as_ref()))
}

/// Lets a paused or interrupted job go on
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/resume",
    tag = "jobs",
    operation_id = "resume_job",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "The job", body = Job))
)]
pub(super) async fn resume(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Response> {
    let job = steered(&server, &identity, &id).await?;
    Ok(told(server.jobs.resume(&job.id, &identity.user).await?.as_ref()))
}

/// Starts a job that has ended without success anew, as another one
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    tag = "jobs",
    operation_id = "retry_job",
    params(
        ("id" = String, Path, description = "The job's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request starts one job", min_length = 1, max_length = 255),
    ),
    responses(
        (status = 202, description = "The new job; Location says where it is", body = Job),
        (status = 200, description = "The job that the same request had started", body = Job),
    )
)]
pub(super) async fn retry(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
    Key(key): Key,
    Sent { digest, .. }: Sent<Nothing>,
) -> Answer<Response> {
    let job = steered(&server, &identity, &id).await?;
    let start = Start { identity, key, digest, notify: job.notify, priority: job.priority };
    start.check(&server, &job.task).await?;
    Ok(started(&server.jobs.retry(&job.id, start.asked()).await?))
}

/// Takes back what a restore switched; of an undone one, switches it again
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/undo",
    tag = "jobs",
    operation_id = "undo_job",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "The job", body = Job))
)]
pub(super) async fn undo(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Response> {
    let job = steered(&server, &identity, &id).await?;
    Ok(told(server.jobs.undo(&job.id, &identity.user).await?.as_ref()))
}

/// Drops what a restore had replaced: it cannot be undone any more
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/discard",
    tag = "jobs",
    operation_id = "discard_job",
    params(("id" = String, Path, description = "The job's name")),
    responses((status = 200, description = "The job", body = Job))
)]
pub(super) async fn discard(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
) -> Answer<Response> {
    let job = steered(&server, &identity, &id).await?;
    Ok(told(server.jobs.discard(&job.id, &identity.user).await?.as_ref()))
}
