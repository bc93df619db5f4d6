//! Backups and their snapshots: shown, made, verified, merged, altered, removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::backup::{Watch, Written};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::repository::{
    Alteration, BackupDocument, BackupType, Change, Contents, NewSnapshot, Repository, Summary, check_name,
};
use crate::selector::Selector;
use crate::server::audit::About;
use crate::server::auth::Asker;
use crate::server::config::Role;
use crate::server::identity::Identity;
use crate::server::jobs::{BackupAt, BackupTask, Job, Task};
use crate::server::problem::Answer;
use crate::server::{Server, blocking};
use crate::snapshot;

use super::asks::{Asks, At, Content, Dry, Key, Sent};
use super::restores::check_priority;
use super::starting::{Start, find};

/// A backup with its settings and its snapshots
#[utoipa::path(
    get,
    path = "/v1/repositories/{repository}/backups/{backup}",
    tag = "backups",
    operation_id = "show_backup",
    params(("repository" = String, Path, description = "The repository's name"), ("backup" = String, Path, description = "The backup's name")),
    responses((status = 200, description = "The backup", body = BackupDocument))
)]
pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup)): At<(String, String)>,
) -> Answer<Json<BackupDocument>> {
    identity.repository(&repository)?;
    Ok(Json(blocking(move || server.places.repository(&repository)?.backup(&backup)).await?))
}

/// A snapshot, and what it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Shown {
    snapshot: Summary,
    contents: Vec<Contents>,
}

/// A snapshot, and what it holds
#[utoipa::path(
    get,
    path = "/v1/repositories/{repository}/backups/{backup}/snapshots/{snapshot}",
    tag = "backups",
    params(
        ("repository" = String, Path, description = "The repository's name"),
        ("backup" = String, Path, description = "The backup's name"),
        ("snapshot" = String, Path, description = "The snapshot's id, or `latest`"),
    ),
    responses((status = 200, description = "The snapshot", body = Shown))
)]
pub(super) async fn snapshot(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup, id)): At<(String, String, String)>,
) -> Answer<Json<Shown>> {
    identity.repository(&repository)?;
    let id = if id == "latest" { None } else { Some(number(&id)?) };
    let shown = blocking(move || {
        let repository = server.places.repository(&repository)?;
        let snapshot = find(&repository.backup(&backup)?, id)?.clone();
        let contents = repository.contents(&backup, Some(snapshot.id))?;
        Ok(Shown { snapshot, contents })
    });
    Ok(Json(shown.await?))
}

fn number(id: &str) -> Result<u64> {
    id.parse().map_err(|_| {
        let id: String = id.escape_debug().take(100).collect();
        Error::new("usage", format!("`{id}` is no snapshot's id"))
    })
}

/// Settings to be changed; those that are absent stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Alter {
    /// How many incremental snapshots are kept, -1 for all; those beyond it go at once.
    #[schema(minimum = -1)]
    max_incremental_backups_to_keep: Option<i64>,
    /// Read back what is stored.
    checksum: Option<bool>,
    /// Later snapshots are definitions only.
    ddl_only: Option<bool>,
    /// What is said about the backup.
    comment: Option<String>,
    /// Say what would be done, and do nothing.
    dry_run: bool,
}

impl Content for Alter {}

/// Changes a backup's settings
#[utoipa::path(
    patch,
    path = "/v1/repositories/{repository}/backups/{backup}",
    tag = "backups",
    operation_id = "alter_backup",
    params(("repository" = String, Path, description = "The repository's name"), ("backup" = String, Path, description = "The backup's name")),
    request_body = Alter,
    responses((status = 200, description = "What went with it", body = Change))
)]
pub(super) async fn alter(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup)): At<(String, String)>,
    Sent { value, .. }: Sent<Alter>,
) -> Answer<Response> {
    let Alter { max_incremental_backups_to_keep, checksum, ddl_only, comment, dry_run } = value;
    identity.needs(Role::Operator, "change backups")?;
    if max_incremental_backups_to_keep.is_none() && checksum.is_none() && ddl_only.is_none() && comment.is_none() {
        return Err(Error::new("usage", "There is nothing to change: name a setting").into());
    }
    let alteration = Alteration { max_incremental_backups_to_keep, checksum, ddl_only, comment };
    change(&server, &identity, repository, backup, move |repository, backup| {
        repository.alter(backup, &alteration, dry_run)
    })
    .await
}

/// Removes a backup with all its snapshots
#[utoipa::path(
    delete,
    path = "/v1/repositories/{repository}/backups/{backup}",
    tag = "backups",
    operation_id = "drop_backup",
    params(("repository" = String, Path, description = "The repository's name"), ("backup" = String, Path, description = "The backup's name"), Dry),
    responses((status = 200, description = "What went", body = Change))
)]
pub(super) async fn remove(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup)): At<(String, String)>,
    Asks(Dry { dry_run }): Asks<Dry>,
) -> Answer<Response> {
    change(&server, &identity, repository, backup, move |repository, backup| {
        let dropped = repository.drop_backups(backup, false, false, dry_run)?;
        let nothing = || Error::new("repository.not_found", format!("There is no backup called {backup}"));
        dropped.into_iter().next().ok_or_else(nothing)
    })
    .await
}

/// Removes one snapshot; what others need of it stays
#[utoipa::path(
    delete,
    path = "/v1/repositories/{repository}/backups/{backup}/snapshots/{snapshot}",
    tag = "backups",
    params(
        ("repository" = String, Path, description = "The repository's name"),
        ("backup" = String, Path, description = "The backup's name"),
        ("snapshot" = String, Path, description = "The snapshot's id"),
        Dry,
    ),
    responses((status = 200, description = "What went", body = Change))
)]
pub(super) async fn purge(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup, id)): At<(String, String, String)>,
    Asks(Dry { dry_run }): Asks<Dry>,
) -> Answer<Response> {
    let id = number(&id)?;
    change(&server, &identity, repository, backup, move |repository, backup| repository.purge(backup, id, dry_run))
        .await
}

async fn change(
    server: &Arc<Server>,
    identity: &Identity,
    repository: String,
    backup: String,
    act: impl FnOnce(&Repository, &str) -> Result<Change> + Send + 'static,
) -> Answer<Response> {
    identity.needs(Role::Operator, "change backups")?;
    identity.repository(&repository)?;
    check_name(&backup)?;
    let server = Arc::clone(server);
    let about = About(format!("{repository}/{backup}"));
    let change = blocking(move || act(&server.places.repository(&repository)?, &backup)).await?;
    Ok((axum::Extension(about), Json(change)).into_response())
}

/// What is verified.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verify {
    /// One snapshot; all when absent.
    snapshot: Option<u64>,
}

impl Content for Verify {}

/// Starts to read all chunks of a backup's snapshots and to compare them with their digests
#[utoipa::path(
    post,
    path = "/v1/repositories/{repository}/backups/{backup}/verify",
    tag = "backups",
    operation_id = "verify_backup",
    params(
        ("repository" = String, Path, description = "The repository's name"),
        ("backup" = String, Path, description = "The backup's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request starts one job", min_length = 1, max_length = 255),
    ),
    request_body(content = Verify, description = "May be absent"),
    responses(
        (status = 202, description = "The job; Location says where it is", body = Job),
        (status = 200, description = "The job that the same request had started", body = Job),
    )
)]
pub(super) async fn verify(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup)): At<(String, String)>,
    Key(key): Key,
    Sent { value: Verify { snapshot }, digest }: Sent<Verify>,
) -> Answer<Response> {
    may_write(&identity, &repository, &backup)?;
    let start = Start { identity, key, digest, notify: false, priority: 0 };
    start.submit(&server, Task::Verify { repository, backup, snapshot }).await
}

/// How snapshots are merged.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Merge {
    /// What is said about the one that is made.
    comment: String,
}

impl Content for Merge {}

/// Starts to make one full snapshot out of all that a backup has
#[utoipa::path(
    post,
    path = "/v1/repositories/{repository}/backups/{backup}/merge",
    tag = "backups",
    operation_id = "merge_backup",
    params(
        ("repository" = String, Path, description = "The repository's name"),
        ("backup" = String, Path, description = "The backup's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request starts one job", min_length = 1, max_length = 255),
    ),
    request_body(content = Merge, description = "May be absent"),
    responses(
        (status = 202, description = "The job; Location says where it is", body = Job),
        (status = 200, description = "The job that the same request had started", body = Job),
    )
)]
pub(super) async fn merge(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At((repository, backup)): At<(String, String)>,
    Key(key): Key,
    Sent { value: Merge { comment }, digest }: Sent<Merge>,
) -> Answer<Response> {
    may_write(&identity, &repository, &backup)?;
    let start = Start { identity, key, digest, notify: false, priority: 0 };
    start.submit(&server, Task::Merge { repository, backup, comment }).await
}

fn may_write(identity: &Identity, repository: &str, backup: &str) -> Result<()> {
    identity.needs(Role::Operator, "back up")?;
    identity.repository(repository)?;
    check_name(backup)
}

/// A backup that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBackup {
    /// The target's name.
    target: String,
    /// The repository's name.
    repository: String,
    /// The backup's name.
    backup: String,
    /// What the snapshot is built on; nothing when absent.
    #[serde(rename = "type", default = "full")]
    backup_type: BackupType,
    /// Selectors of the objects, `KIND:PATTERN`; all when absent.
    #[serde(default)]
    objects: Vec<String>,
    /// Definitions without rows.
    #[serde(default)]
    ddl_only: bool,
    /// What is said about the snapshot.
    #[serde(default)]
    comment: String,
    /// Let a full one take the place of everything that the backup holds.
    #[serde(default)]
    recreate: bool,
    /// Read back what was stored; as before when absent.
    #[serde(default)]
    checksum: Option<bool>,
    /// How many incremental snapshots are kept, -1 for all; as before when absent.
    #[serde(default)]
    #[schema(minimum = -1)]
    max_incremental_backups_to_keep: Option<i64>,
    /// Remove the incremental ones since the last full one, for a differential one.
    #[serde(default)]
    delete_intermediate_backups: bool,
    /// Say what would be written, and write nothing.
    #[serde(default)]
    dry_run: bool,
    /// Tell of its start and its end.
    #[serde(default)]
    notify: bool,
    /// Higher goes first; 0 is usual.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    priority: i32,
}

impl Content for NewBackup {}

fn full() -> BackupType {
    BackupType::Full
}

impl NewBackup {
    fn check(&self, identity: &Identity) -> Result<()> {
        may_write(identity, &self.repository, &self.backup)?;
        identity.target(&self.target)?;
        check_priority(self.priority)?;
        if self.max_incremental_backups_to_keep.is_some_and(|keep| keep < -1) {
            return Err(Error::new("usage", "max_incremental_backups_to_keep is 0 or more, or -1 for all"));
        }
        let selectors = self.objects.iter().cloned().map(Selector::try_from);
        selectors.collect::<Result<Vec<_>, String>>().map(drop).map_err(|why| Error::new("usage", why))
    }

    fn task(self) -> BackupTask {
        let to = BackupAt::Snapshot {
            repository: self.repository,
            backup: self.backup,
            backup_type: self.backup_type,
            recreate: self.recreate,
            checksum: self.checksum,
            max_incremental_backups_to_keep: self.max_incremental_backups_to_keep,
            delete_intermediate_backups: self.delete_intermediate_backups,
        };
        BackupTask { target: self.target, to, objects: self.objects, ddl_only: self.ddl_only, comment: self.comment }
    }

    fn dry(&self) -> NewSnapshot {
        NewSnapshot {
            backup_type: self.backup_type,
            recreate: self.recreate,
            objects: self.objects.clone(),
            ddl_only: self.ddl_only,
            checksum: self.checksum,
            max_incremental_backups_to_keep: self.max_incremental_backups_to_keep,
            delete_intermediate_backups: self.delete_intermediate_backups,
            comment: self.comment.clone(),
            dry_run: true,
        }
    }
}

/// What a start answers, and what a dry run does.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "It describes answers, which are values of their own")]
pub(super) enum JobOrWritten {
    /// The job that the same request had started.
    Job(Box<Job>),
    /// What would be written.
    Written(Box<Written>),
}

/// Starts a backup of a target into a repository, or says what it would write
#[utoipa::path(
    post,
    path = "/v1/backups",
    tag = "backups",
    operation_id = "backup",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same request starts one job", min_length = 1, max_length = 255)),
    request_body = NewBackup,
    responses(
        (status = 202, description = "The job; Location says where it is", body = Job),
        (status = 200, description = "What would be written, or the job that the same request had started", body = JobOrWritten),
    )
)]
pub(super) async fn create(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    Key(key): Key,
    Sent { value, digest }: Sent<NewBackup>,
) -> Answer<Response> {
    value.check(&identity)?;
    if value.dry_run {
        return Ok(Json(measure(server, value).await?).into_response());
    }
    let start = Start { identity, key, digest, notify: value.notify, priority: value.priority };
    start.submit(&server, Task::Backup(value.task())).await
}

/// Counts what would be written; stops when nobody waits for it any more.
async fn measure(server: Arc<Server>, value: NewBackup) -> Result<Written> {
    let cancel = Cancel::default();
    let _guard = Unasked(cancel.clone());
    blocking(move || {
        let target = server.places.target(&value.target)?;
        let repository = Repository::for_dry_run(&server.places.place(&value.repository)?)?;
        let watch = Watch { cancel, ..Watch::default() };
        snapshot::create(target.as_ref(), &repository, &value.backup, &value.dry(), &watch)
    })
    .await
}

/// Sets the flag once it is dropped, which the end of a request does.
struct Unasked(Cancel);

impl Drop for Unasked {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
