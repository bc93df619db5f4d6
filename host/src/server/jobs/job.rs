//! A job: what it does, where it stands, who asked for it. The same value is kept, listed and shown.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::plan::Options;
use crate::repository::BackupType;

/// What a job does: enough for another process to do it, or to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "task", rename_all = "snake_case")]
pub(crate) enum Task {
    /// Restores an archive into a target.
    Restore(RestoreTask),
    /// Makes a snapshot, or an archive file.
    Backup(BackupTask),
    /// Reads all chunks of a backup's snapshots and compares them with their digests.
    Verify {
        /// The repository.
        repository: String,
        /// The backup.
        backup: String,
        /// One snapshot; all when absent.
        snapshot: Option<u64>,
    },
    /// Makes one full snapshot out of all that a backup has.
    Merge {
        /// The repository.
        repository: String,
        /// The backup.
        backup: String,
        /// What is said about it.
        comment: String,
    },
}

/// A restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RestoreTask {
    /// What is restored.
    pub(crate) archive: ArchiveAt,
    /// The target's name.
    pub(crate) target: String,
    /// How.
    pub(crate) options: Box<Options>,
    /// The plan, where one was made before: it is carried out as it is, or refused. It may be large and never changes: it is kept beside the
    /// job, and not part of what is told of it.
    #[serde(skip)]
    pub(crate) plan: Option<Arc<Value>>,
}

/// Where an archive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ArchiveAt {
    /// In a repository.
    Snapshot {
        /// The repository's name.
        repository: String,
        /// The backup's name.
        backup: String,
        /// The snapshot's id; the newest when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<u64>,
    },
    /// It was uploaded.
    Upload {
        /// What the upload is called.
        upload: String,
    },
    /// A file that the server can read. Requests cannot name one: only a front door that knows which folders it may use.
    File {
        /// Its path.
        file: String,
        /// Whether it must be a whole server's dump, or must not; either will do when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dump: Option<bool>,
    },
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BackupTask {
    /// The target's name.
    pub(crate) target: String,
    /// Where it goes.
    pub(crate) to: BackupAt,
    /// Selectors of the objects; all when empty.
    #[serde(default)]
    pub(crate) objects: Vec<String>,
    /// Definitions without rows.
    #[serde(default)]
    pub(crate) ddl_only: bool,
    /// What is said about it.
    #[serde(default)]
    pub(crate) comment: String,
}

/// Where a backup goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum BackupAt {
    /// Into a repository, as a snapshot.
    Snapshot {
        /// The repository's name.
        repository: String,
        /// The backup's name.
        backup: String,
        /// What the snapshot is built on.
        #[serde(rename = "type", default = "full")]
        #[schema(value_type = String)]
        backup_type: BackupType,
        /// Let a full one take the place of everything that the backup holds.
        #[serde(default)]
        recreate: bool,
        /// Read back what was stored; as before when absent.
        #[serde(default)]
        checksum: Option<bool>,
        /// How many incremental snapshots are kept, -1 for all; as before when absent.
        #[serde(default)]
        max_incremental_backups_to_keep: Option<i64>,
        /// Remove the incremental ones since the last full one, for a differential one.
        #[serde(default)]
        delete_intermediate_backups: bool,
    },
    /// Into a file; for front doors, as [`ArchiveAt::File`].
    File {
        /// Its path.
        file: String,
    },
}

fn full() -> BackupType {
    BackupType::Full
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// Somebody stopped it for a while; `resume` goes on.
    Paused,
    /// It stopped on something that can be mended; `resume` goes on, `cancel` takes away what it staged.
    Interrupted,
    /// Done.
    Succeeded,
    /// Ended without a switch; the target is as it was.
    Failed,
    /// Preconditions were not met; nothing was started.
    Refused,
    /// Somebody ended it; the target is as it was.
    Cancelled,
    /// What it did was taken back.
    Undone,
    /// What it had replaced is gone.
    Discarded,
}

impl State {
    /// The word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Undone => "undone",
            Self::Discarded => "discarded",
        }
    }

    /// Whether nothing of it will run by itself or by `resume`.
    pub(crate) fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Paused | Self::Interrupted)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How far it is. Figures only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Progress {
    /// Objects in all; 0 until that is known.
    pub(crate) objects: u64,
    /// Objects that are staged and verified.
    pub(crate) objects_done: u64,
    /// Objects that could not be restored.
    pub(crate) objects_failed: u64,
    /// Rows that are expected.
    pub(crate) rows: u64,
    /// Rows that are committed to the stage.
    pub(crate) rows_done: u64,
    /// Bytes that will be read, uncompressed.
    pub(crate) bytes: u64,
    /// Bytes of what is committed.
    pub(crate) bytes_done: u64,
    /// From 0 to 1; 1 only when the job has succeeded.
    pub(crate) fraction: f64,
    /// Bytes a second, of late; absent while nothing moves.
    pub(crate) rate: Option<f64>,
    /// Seconds left at that rate.
    pub(crate) seconds_left: Option<f64>,
}

/// A part of a job's way; each begins when the one before has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Stage {
    /// `queue`, `plan`, `stage`, `rehearse`, `switch`; of other jobs than restores `queue` and `work`.
    pub(crate) name: String,
    /// `waiting`, `running`, `succeeded` or `failed`.
    pub(crate) state: String,
    /// When it began, RFC 3339.
    pub(crate) started: Option<String>,
    /// When it ended.
    pub(crate) ended: Option<String>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Job {
    /// Its name: `r-` and twelve letters and digits. A target knows its restores by the same name.
    pub(crate) id: String,
    /// What it does.
    #[serde(flatten)]
    pub(crate) task: Task,
    /// Where it stands.
    pub(crate) state: State,
    /// Who asked for it.
    pub(crate) operator: String,
    /// Higher goes first; 0 is usual.
    pub(crate) priority: i32,
    /// Tell of its start and its end.
    pub(crate) notify: bool,
    /// When it was asked for, RFC 3339.
    pub(crate) created: String,
    /// When it first ran.
    pub(crate) started: Option<String>,
    /// When it ended.
    pub(crate) ended: Option<String>,
    /// What it waits for, while it is queued.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) waits_for: Option<String>,
    /// How far it is.
    pub(crate) progress: Progress,
    /// Its way.
    pub(crate) stages: Vec<Stage>,
    /// Why it ended or stopped, as errors are told everywhere.
    #[schema(value_type = Option<Object>)]
    pub(crate) error: Option<Value>,
}

impl Job {
    /// What only one job may have at a time.
    pub(crate) fn claim(&self) -> Option<String> {
        match &self.task {
            Task::Restore(restore) => Some(format!("target {}", restore.target)),
            Task::Backup(BackupTask { to: BackupAt::Snapshot { repository, backup, .. }, .. })
            | Task::Merge { repository, backup, .. } => Some(format!("backup {repository}/{backup}")),
            Task::Backup(_) | Task::Verify { .. } => None,
        }
    }
}

/// An object that a job works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct JobObject {
    /// Its place in the job's plan.
    pub(crate) step: u32,
    /// Its kind.
    pub(crate) kind: String,
    /// Its name in the target.
    pub(crate) name: String,
    /// What is done: `create`, `replace`, `rename`, …
    pub(crate) action: String,
    /// `waiting`, `running`, `stopped` (with its job, before it was done), `staged` or `failed`.
    pub(crate) state: String,
    /// Steps that must be done before.
    pub(crate) after: Vec<u32>,
    /// Rows that are expected.
    pub(crate) rows: u64,
    /// Rows that are committed.
    pub(crate) rows_done: u64,
    /// Bytes of what is committed.
    pub(crate) bytes_done: u64,
    /// When work on it began.
    pub(crate) started: Option<String>,
    /// When it ended.
    pub(crate) ended: Option<String>,
    /// Why it failed.
    #[schema(value_type = Option<Object>)]
    pub(crate) error: Option<Value>,
}

impl JobObject {
    /// Stops it with its job; answers whether it was running.
    pub(super) fn stop(&mut self) -> bool {
        let runs = self.state == "running";
        if runs {
            "stopped".clone_into(&mut self.state);
        }
        runs
    }
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LogEntry {
    /// When.
    pub(crate) time: String,
    /// `debug`, `info`, `warning` or `error`.
    pub(crate) level: String,
    /// Who says it: `host`, or a plugin's name.
    pub(crate) source: String,
    /// About which object.
    pub(crate) object: Option<String>,
    /// What.
    pub(crate) text: String,
}
