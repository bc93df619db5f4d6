//! Starting restores.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::plan::{Options, Plan};
use crate::repository::check_name;
use crate::server::Server;
use crate::server::auth::Asker;
use crate::server::config::{Limits, Role};
use crate::server::identity::Identity;
use crate::server::jobs::{ArchiveAt, Job, RestoreTask, Task};
use crate::server::problem::Answer;

use super::asks::{Content, Key, Sent};
use super::starting::Start;

/// How far a job can be moved to the front or to the back.
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;

/// An archive that the server can read.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "an archive is {\"repository\", \"backup\", \"snapshot\"?} or {\"upload\"}")]
pub(super) enum Archive {
    /// In a repository.
    Snapshot(InRepository),
    /// It was uploaded.
    Upload(Uploaded),
}

/// A snapshot in a repository.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InRepository {
    /// The repository's name.
    repository: String,
    /// The backup's name.
    backup: String,
    /// The snapshot's id; the newest when absent.
    #[serde(default)]
    snapshot: Option<u64>,
}

/// An archive that was uploaded.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Uploaded {
    /// What the upload is called.
    upload: String,
}

impl Archive {
    /// Where it is. Fails where the repository is none of theirs.
    pub(super) fn place(self, identity: &Identity) -> Result<ArchiveAt> {
        match self {
            Self::Snapshot(InRepository { repository, backup, snapshot }) => {
                identity.repository(&repository)?;
                check_name(&backup)?;
                Ok(ArchiveAt::Snapshot { repository, backup, snapshot })
            }
            Self::Upload(Uploaded { upload }) => Ok(ArchiveAt::Upload { upload }),
        }
    }
}

/// Options that a request may have: none names a file of the server.
pub(super) fn checked(options: Options) -> Result<Options> {
    match options.globals {
        None => Ok(options),
        Some(_) => Err(Error::new("usage", "The option globals names a file, which a request cannot")),
    }
}

pub(super) fn check_priority(priority: i32) -> Result<i32> {
    if PRIORITIES.contains(&priority) {
        return Ok(priority);
    }
    Err(Error::new("usage", format!("A priority is {} to {}", PRIORITIES.start(), PRIORITIES.end())))
}

/// A restore that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRestore {
    /// What is restored.
    archive: Archive,
    /// The target's name.
    target: String,
    /// How.
    #[serde(default)]
    options: Option<Options>,
    /// A plan that was made before, with its own options: it is carried out as it is, or refused.
    #[serde(default)]
    #[schema(value_type = Option<Plan>)]
    plan: Option<Value>,
    /// Tell of its start and its end.
    #[serde(default)]
    notify: bool,
    /// Higher goes first; 0 is usual.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    priority: i32,
}

impl Content for NewRestore {
    fn most(limits: &Limits) -> usize {
        // A plan has a step for every object, and there may be many.
        limits.plan_bytes
    }
}

impl NewRestore {
    fn task(self, identity: &Identity) -> Result<Task> {
        identity.needs(Role::Operator, "restore")?;
        identity.target(&self.target)?;
        let archive = self.archive.place(identity)?;
        let planned = self.plan.as_ref().map(|plan| Plan::from_json(&plan.to_string())).transpose()?;
        let options = match (planned.map(|plan| plan.options), self.options) {
            (Some(planned), Some(given)) if planned != given => {
                return Err(Error::new(
                    "usage",
                    "The plan was made with other options; leave options out, or plan anew",
                ));
            }
            (Some(options), _) | (None, Some(options)) => options,
            (None, None) => Options::default(),
        };
        Ok(Task::Restore(RestoreTask {
            archive,
            target: self.target,
            options: Box::new(checked(options)?),
            plan: self.plan.map(Arc::new),
        }))
    }
}

/// Starts a restore
#[utoipa::path(
    post,
    path = "/v1/restores",
    tag = "restores",
    operation_id = "restore",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request starts one job", min_length = 1, max_length = 255)),
    request_body = NewRestore,
    responses(
        (status = 202, description = "The job; Location says where it is", body = Job),
        (status = 200, description = "The job that the same request had started", body = Job),
    )
)]
pub(super) async fn start(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    Key(key): Key,
    Sent { value, digest }: Sent<NewRestore>,
) -> Answer<Response> {
    let (notify, priority) = (value.notify, check_priority(value.priority)?);
    let task = value.task(&identity)?;
    Start { identity, key, digest, notify, priority }.submit(&server, task).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_never_a_file() {
        for (text, good) in [
            (r#"{"repository": "r", "backup": "b"}"#, true),
            (r#"{"repository": "r", "backup": "b", "snapshot": 3}"#, true),
            (r#"{"upload": "u-1"}"#, true),
            (r#"{"file": "/etc/passwd"}"#, false),
            (r#"{"upload": "u-1", "file": "/etc/passwd"}"#, false),
            (r#"{"repository": "r"}"#, false),
            (r#"{"repository": "r", "backup": "b", "snapshot": -1}"#, false),
            (r#"{"repository": "r", "backup": "b", "snapshot": "3"}"#, false),
            (r#""u-1""#, false),
        ] {
            assert_eq!(serde_json::from_str::<Archive>(text).is_ok(), good, "{text}");
        }
        let options = Options { globals: Some("/etc/passwd".to_owned()), ..Options::default() };
        assert_eq!(checked(options).unwrap_err().code(), "usage");
    }
}
