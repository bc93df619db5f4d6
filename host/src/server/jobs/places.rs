//! What jobs work with: targets, repositories, uploads and plugins, by the names that the configuration gives them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Archive, OpenOptions};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::repository::Repository;
use crate::restore::{Host, Restore};
use crate::source::{Location, Place, SnapshotAt};
use crate::target::Target;

use super::job::{ArchiveAt, RestoreTask, Task};

/// Decides whether a user may carry out a plan.
pub(crate) type MayRestore = Box<dyn Fn(&str, &Plan) -> Result<()> + Send + Sync>;

/// What jobs work with.
pub(crate) struct Places {
    /// Plugins and rules.
    pub(crate) host: Arc<Host>,
    /// Targets by name.
    pub(crate) targets: BTreeMap<String, Arc<dyn Target>>,
    /// Repositories by name.
    pub(crate) repositories: BTreeMap<String, Place>,
    /// The folder of uploads.
    pub(crate) uploads: PathBuf,
    /// Whether that user may carry out that plan: they may not restore every kind.
    pub(crate) may_restore: MayRestore,
    /// How archives are opened.
    pub(crate) open: OpenOptions,
}

impl Places {
    /// The target of that name. Fails with `request.not_found`.
    pub(crate) fn target(&self, name: &str) -> Result<Arc<dyn Target>> {
        self.targets.get(name).map(Arc::clone).ok_or_else(|| missing("target", name))
    }

    /// Where the repository of that name is. Fails with `request.not_found`.
    pub(crate) fn place(&self, name: &str) -> Result<Place> {
        self.repositories.get(name).cloned().ok_or_else(|| missing("repository", name))
    }

    /// The repository of that name, for reading.
    pub(crate) fn repository(&self, name: &str) -> Result<Repository> {
        Repository::open(&self.place(name)?)
    }

    /// The file of an upload. Fails with `request.not_found`.
    pub(crate) fn upload(&self, name: &str) -> Result<PathBuf> {
        // A name is never a path: nothing but what we made up ourselves.
        let ours = name.starts_with("u-") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let path = self.uploads.join(name);
        if ours && path.is_file() { Ok(path) } else { Err(missing("upload", name)) }
    }

    /// Where an archive is.
    pub(crate) fn location(&self, archive: &ArchiveAt) -> Result<Location> {
        Ok(match archive {
            ArchiveAt::Snapshot { repository, backup, snapshot } => {
                crate::repository::check_name(backup)?;
                let at = SnapshotAt { repository: self.place(repository)?, backup: backup.clone(), id: *snapshot };
                Location::Snapshot(Box::new(at))
            }
            ArchiveAt::Upload { upload } => Location::Path(self.upload(upload)?),
            ArchiveAt::File { file, .. } => Location::Path(PathBuf::from(file)),
        })
    }

    /// The newest snapshot by its id, of an archive that names none; nothing where it names one, or where that cannot be said now.
    pub(crate) fn newest(&self, archive: &ArchiveAt) -> Option<ArchiveAt> {
        let ArchiveAt::Snapshot { repository, backup, snapshot: None } = archive else { return None };
        let document = self.repository(repository).ok()?.backup(backup).ok()?;
        let (repository, backup) = (repository.clone(), backup.clone());
        let snapshot = Some(document.find(None)?.id);
        Some(ArchiveAt::Snapshot { repository, backup, snapshot })
    }

    /// What a restore needs; blocks while the archive is opened.
    pub(crate) fn restore(&self, task: &RestoreTask) -> Result<Restore> {
        let target = self.target(&task.target)?;
        let archive = Archive::open(&self.location(&task.archive)?, &self.open)?;
        if let ArchiveAt::File { dump: Some(dump), .. } = task.archive {
            check_sort(&archive, dump)?;
        }
        Ok(Restore { host: Arc::clone(&self.host), archive: Arc::new(archive), globals: None, target })
    }

    /// Bytes that a job will read or write, where that is known before; blocks while a repository is asked.
    pub(crate) fn size(&self, task: &Task) -> Option<u64> {
        let of_backup = |repository: &str, backup: &str, id: Option<u64>| {
            let document = self.repository(repository).ok()?.backup(backup).ok()?;
            document.find(id).map(|summary| summary.bytes)
        };
        let of_file = |path: &Path| path.metadata().ok().map(|about| about.len());
        match task {
            Task::Restore(RestoreTask { archive: ArchiveAt::Snapshot { repository, backup, snapshot }, .. }) => {
                of_backup(repository, backup, *snapshot)
            }
            Task::Restore(RestoreTask { archive: ArchiveAt::Upload { upload }, .. }) => {
                of_file(&self.upload(upload).ok()?)
            }
            Task::Restore(RestoreTask { archive: ArchiveAt::File { file, .. }, .. }) => of_file(Path::new(file)),
            Task::Verify { repository, backup, snapshot } => of_backup(repository, backup, *snapshot),
            Task::Backup(_) | Task::Merge { .. } => None,
        }
    }
}

/// A portal's archive is a whole server's dump where it has the entry of that name, and only then.
fn check_sort(archive: &Archive, dump: bool) -> Result<()> {
    match (archive.member("dump").is_some(), dump) {
        (true, false) => Err(Error::new("archive.dump_mismatch", "The archive is a whole server's dump")),
        (false, true) => Err(Error::new("archive.dump_mismatch", "The archive is no dump of a whole server")),
        _ => Ok(()),
    }
}

fn missing(what: &str, name: &str) -> Error {
    let name: String = name.escape_debug().take(100).collect();
    Error::new("request.not_found", format!("There is no {what} called `{name}`"))
}
