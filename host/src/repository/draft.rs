//! A snapshot that is to be: what the rules say to it, and the one write that makes it visible.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::failpoint;

use super::document::{self, BackupDocument, BackupOptions, BackupType, Summary};
use super::lock::Lock;
use super::snapshot::table;
use super::store::Seen;
use super::sweep::sweep;
use super::table::Table;
use super::{Repository, SnapshotWriter, check_name, place_of};

/// What a new snapshot should be. Objects and `ddl_only` are the backup's once and for all, said with its first snapshot.
#[derive(Debug, Clone)]
pub struct NewSnapshot {
    /// What it is built on.
    pub backup_type: BackupType,
    /// Let a full one take the place of everything that the backup holds.
    pub recreate: bool,
    /// Selectors of the objects, as they were written; all when empty. For full ones only.
    pub objects: Vec<String>,
    /// Definitions without rows. For full ones only.
    pub ddl_only: bool,
    /// See [`BackupOptions::checksum`]; as before when absent.
    pub checksum: Option<bool>,
    /// See [`BackupOptions::max_incremental_backups_to_keep`]; as before when absent.
    pub max_incremental_backups_to_keep: Option<i64>,
    /// Remove the incremental ones since the last full one; for a differential one, which holds all that they do.
    pub delete_intermediate_backups: bool,
    /// What the operator says about it.
    pub comment: String,
    /// Write nothing: only count what would be written.
    pub dry_run: bool,
}

impl Default for NewSnapshot {
    fn default() -> Self {
        Self {
            backup_type: BackupType::Full,
            recreate: false,
            objects: Vec::new(),
            ddl_only: false,
            checksum: None,
            max_incremental_backups_to_keep: None,
            delete_intermediate_backups: false,
            comment: String::new(),
            dry_run: false,
        }
    }
}

/// A backup as it will be once the snapshot is in it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) repository: Repository,
    /// None in a dry run, which others may disturb.
    lock: Option<Lock>,
    pub(super) document: BackupDocument,
    seen: Seen,
    is_new: bool,
    removes: BTreeSet<u64>,
    pub(super) id: u64,
    pub(super) base: Option<u64>,
    pub(super) backup_type: BackupType,
    pub(super) comment: String,
}

impl Repository {
    /// Starts a snapshot of that backup, by the rules: a name that is taken allows only incremental and differential ones, or
    /// `recreate`; objects are named for full ones only. Holds the backup's lock until the writer is dropped.
    pub fn begin(&self, name: &str, wanted: &NewSnapshot) -> Result<SnapshotWriter> {
        check_name(name)?;
        wanted.agree()?;
        let lock = if wanted.dry_run { None } else { Some(Lock::take(&self.store, name)?) };
        let found = self.read(name)?;
        if lock.is_some() {
            sweep(&self.store, name, found.as_ref().map(|(document, _)| document))?;
        }
        let draft = self.draft(name, wanted, found, lock)?;
        let known = draft.base.map(|base| table(&self.store, name, base)).transpose()?;
        SnapshotWriter::new(draft, known.as_ref().map(Table::by_digest).unwrap_or_default())
    }

    /// What the rules make of it.
    fn draft(
        &self,
        name: &str,
        wanted: &NewSnapshot,
        found: Option<(BackupDocument, Seen)>,
        lock: Option<Lock>,
    ) -> Result<Draft> {
        let is_new = found.is_none();
        let (mut document, seen, removes) = match (found, wanted.backup_type) {
            (None, BackupType::Full) => {
                (BackupDocument::new(name, BackupOptions::default()), Seen::default(), BTreeSet::new())
            }
            (None, sort) => {
                let message = format!(
                    "{}; {} snapshot builds on one: make a full snapshot first",
                    self.no_backup(name),
                    sort.with_article()
                );
                return Err(Error::new("repository.not_found", message));
            }
            (Some(_), BackupType::Full) if !wanted.recreate => {
                let message = format!(
                    "The repository {} has a backup called {name} already: add --incremental or --differential, or replace it \
                     and all its snapshots with --recreate",
                    self.name()
                );
                return Err(Error::new("repository.backup_exists", message));
            }
            (Some((mut document, seen)), BackupType::Full) => {
                document.options = BackupOptions::default();
                let all = document.snapshots.iter().map(|summary| summary.id).collect();
                (document, seen, all)
            }
            (Some((document, seen)), _) => {
                let since = if wanted.delete_intermediate_backups { document.since_full() } else { BTreeSet::new() };
                (document, seen, since)
            }
        };
        let base = base(&document, wanted.backup_type)?;
        wanted.settle(&mut document.options);
        let (id, backup_type, comment) = (document.next_id, wanted.backup_type, wanted.comment.clone());
        Ok(Draft { repository: self.clone(), lock, document, seen, is_new, removes, id, base, backup_type, comment })
    }
}

/// The snapshot whose chunks can be used again.
fn base(document: &BackupDocument, sort: BackupType) -> Result<Option<u64>> {
    let (found, what) = match sort {
        BackupType::Full => return Ok(None),
        BackupType::Incremental => (document.find(None), "no snapshot"),
        BackupType::Differential => (document.last_full(), "no full snapshot"),
    };
    let none = || {
        let message = format!("The backup {} has {what} to build on; make a full one with --recreate", document.name);
        Error::new("repository.no_base", message)
    };
    found.map(|summary| Some(summary.id)).ok_or_else(none)
}

impl NewSnapshot {
    /// Fails with `usage` where its parts contradict each other.
    fn agree(&self) -> Result<()> {
        let is_full = self.backup_type == BackupType::Full;
        let wrong = [
            (!is_full && self.recreate, "--recreate makes a full snapshot; leave out --incremental and --differential"),
            (
                !is_full && (!self.objects.is_empty() || self.ddl_only),
                "Objects and --ddl-only are named for a full snapshot; the others take those of the backup",
            ),
            (
                self.delete_intermediate_backups && self.backup_type != BackupType::Differential,
                "--delete-intermediate-backups goes with --differential",
            ),
            (
                self.max_incremental_backups_to_keep.is_some_and(|keep| keep < -1),
                "--max-incremental-backups-to-keep wants a number of snapshots, or -1 for all",
            ),
        ];
        match wrong.iter().find(|(wrong, _)| *wrong) {
            Some((_, message)) => Err(Error::new("usage", *message)),
            None => Ok(()),
        }
    }

    /// Puts what it says into the backup's options.
    fn settle(&self, options: &mut BackupOptions) {
        if self.backup_type == BackupType::Full {
            options.objects.clone_from(&self.objects);
            options.ddl_only = self.ddl_only;
        }
        options.checksum = self.checksum.unwrap_or(options.checksum);
        options.max_incremental_backups_to_keep =
            self.max_incremental_backups_to_keep.unwrap_or(options.max_incremental_backups_to_keep);
    }
}

impl Draft {
    /// The newest snapshot once more as a full one, which takes the place of all.
    pub(super) fn merged(
        repository: &Repository,
        (document, seen): (BackupDocument, Seen),
        lock: Option<Lock>,
        comment: String,
    ) -> Self {
        let removes = document.snapshots.iter().map(|summary| summary.id).collect();
        let (id, backup_type, repository) = (document.next_id, BackupType::Full, repository.clone());
        Self { repository, lock, document, seen, is_new: false, removes, id, base: None, backup_type, comment }
    }

    /// Whether things are written and not only counted.
    pub(super) fn is_real(&self) -> bool {
        self.lock.is_some()
    }

    /// Fails when somebody else may write by now.
    pub(super) fn check(&self) -> Result<()> {
        self.lock.as_ref().map_or(Ok(()), Lock::check)
    }

    /// Where the snapshot's file of that name is.
    pub(super) fn place(&self, file: &str) -> String {
        format!("{}/{}/{file}", self.document.name, self.id)
    }

    /// Makes the snapshot visible, and what it replaces invisible, in one write. Gives the ids of what is gone.
    pub(super) fn publish(mut self, summary: Summary) -> Result<(BackupDocument, Vec<u64>)> {
        self.document.push(summary);
        self.document.remove(&self.removes);
        let surplus = self.document.surplus();
        self.document.remove(&surplus);
        let gone: Vec<u64> = self.removes.union(&surplus).copied().collect();
        if self.is_real() {
            self.write()?;
        }
        Ok((self.document, gone))
    }

    fn write(&self) -> Result<()> {
        let name = &self.document.name;
        if self.is_new {
            // A name without a backup is not listed; a backup without its name would not be, either.
            self.repository.change_names(|names| {
                names.insert(name.clone());
            })?;
        }
        self.check()?;
        failpoint::hit("repository.publish");
        self.repository.store.replace(&place_of(name), document::write(&self.document)?, &self.seen)?;
        failpoint::hit("repository.published");
        // It is done; what cannot be removed now is removed by the next one.
        let _ = sweep(&self.repository.store, name, Some(&self.document));
        Ok(())
    }
}
