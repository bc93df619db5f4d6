//! Purging a snapshot, dropping backups, altering their settings.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::failpoint;

use super::document::{self, BackupDocument};
use super::lock::Lock;
use super::sweep::{orphans, sweep};
use super::{Repository, check_name, place_of};

/// What a change did, or would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// The backup.
    pub backup_name: String,
    /// Ids of the snapshots that are gone.
    pub removed: Vec<u64>,
    /// Files that nothing needs any more,
    pub freed_files: u64,
    /// and their bytes.
    pub freed_bytes: u64,
    /// Bytes that the remaining snapshots store.
    pub total_bytes: u64,
    /// Payloads of the remaining snapshots.
    pub total_files: u64,
    /// Rows of the remaining snapshots.
    pub total_records: u64,
}

/// Settings to be changed; those that are absent stay.
#[derive(Debug, Clone, Default)]
pub struct Alteration {
    /// How many incremental snapshots are kept; those beyond it go at once.
    pub max_incremental_backups_to_keep: Option<i64>,
    /// Whether what is stored is read back.
    pub checksum: Option<bool>,
    /// Whether later snapshots are definitions only.
    pub ddl_only: Option<bool>,
    /// What is said about the backup.
    pub comment: Option<String>,
}

impl Repository {
    /// Removes one snapshot. What others need of it stays. With `dry_run` nothing is written.
    pub fn purge(&self, name: &str, id: u64, dry_run: bool) -> Result<Change> {
        self.change(name, dry_run, |document| {
            document.find(Some(id)).ok_or_else(|| self.no_snapshot(name, Some(id)))?;
            document.remove(&BTreeSet::from([id]));
            Ok(())
        })
    }

    /// Changes settings. With `dry_run` nothing is written.
    pub fn alter(&self, name: &str, alteration: &Alteration, dry_run: bool) -> Result<Change> {
        if alteration.max_incremental_backups_to_keep.is_some_and(|keep| keep < -1) {
            return Err(Error::new("usage", "The number of incremental snapshots to keep is 0 or more, or -1 for all"));
        }
        self.change(name, dry_run, |document| {
            let options = &mut document.options;
            options.checksum = alteration.checksum.unwrap_or(options.checksum);
            options.ddl_only = alteration.ddl_only.unwrap_or(options.ddl_only);
            options.max_incremental_backups_to_keep =
                alteration.max_incremental_backups_to_keep.unwrap_or(options.max_incremental_backups_to_keep);
            if let Some(comment) = &alteration.comment {
                document.comment.clone_from(comment);
            }
            let surplus = document.surplus();
            document.remove(&surplus);
            Ok(())
        })
    }

    /// Removes the backups whose names fit (see [`super::fits`]): one by its name, several only with `all`. With `missing` no backup of that name is no
    /// error. With `dry_run` nothing is written.
    pub fn drop_backups(&self, pattern: &str, all: bool, missing: bool, dry_run: bool) -> Result<Vec<Change>> {
        let is_pattern = pattern.is_empty() || pattern.ends_with('*');
        if is_pattern && !all {
            let message = match pattern {
                "" => format!(
                    "That is all backups of the repository {}; drop them with --delete-all-backups",
                    self.name()
                ),
                _ => format!("`{pattern}` may be several backups; drop them with --delete-all-backups"),
            };
            return Err(Error::new("repository.not_allowed", message));
        }
        let names: Vec<String> = if is_pattern {
            self.backups(pattern)?.into_iter().map(|document| document.name).collect()
        } else {
            check_name(pattern)?;
            let found = self.read(pattern)?.is_some();
            if found { vec![pattern.to_owned()] } else { Vec::new() }
        };
        if names.is_empty() && !missing {
            let message = match is_pattern {
                true if pattern.is_empty() => format!("The repository {} has no backups", self.name()),
                true => format!("The repository {} has no backup whose name fits `{pattern}`", self.name()),
                false => self.no_backup(pattern).to_string(),
            };
            return Err(Error::new("repository.not_found", message));
        }
        names.iter().map(|name| self.drop_one(name, dry_run)).collect()
    }

    fn drop_one(&self, name: &str, dry_run: bool) -> Result<Change> {
        let lock = if dry_run { None } else { Some(Lock::take(&self.store, name)?) };
        let (document, _) = self.read(name)?.ok_or_else(|| self.no_backup(name))?;
        let removed = document.snapshots.iter().map(|summary| summary.id).collect();
        let change = self.foresee(&document, None, removed)?;
        let Some(lock) = lock else { return Ok(change) };
        lock.check()?;
        // Nobody sees it from here on; the rest is cleaning.
        self.store.remove(vec![place_of(name)])?;
        failpoint::hit("repository.drop");
        sweep(&self.store, name, None)?;
        self.change_names(|names| {
            names.remove(name);
        })?;
        drop(lock);
        self.store.tidy(name);
        Ok(change)
    }

    /// Changes the backup's document, and removes what nothing needs any more.
    fn change(
        &self,
        name: &str,
        dry_run: bool,
        decide: impl FnOnce(&mut BackupDocument) -> Result<()>,
    ) -> Result<Change> {
        check_name(name)?;
        let lock = if dry_run { None } else { Some(Lock::take(&self.store, name)?) };
        let (before, seen) = self.read(name)?.ok_or_else(|| self.no_backup(name))?;
        let mut after = before.clone();
        decide(&mut after)?;
        let kept: BTreeSet<u64> = after.snapshots.iter().map(|summary| summary.id).collect();
        let ids = before.snapshots.iter().map(|summary| summary.id);
        let change = self.foresee(&before, Some(&after), ids.filter(|id| !kept.contains(id)).collect())?;
        if let Some(lock) = lock {
            lock.check()?;
            failpoint::hit("repository.publish");
            self.store.replace(&place_of(name), document::write(&after)?, &seen)?;
            failpoint::hit("repository.published");
            sweep(&self.store, name, Some(&after))?;
        }
        Ok(change)
    }

    /// What the change comes to.
    fn foresee(&self, before: &BackupDocument, after: Option<&BackupDocument>, removed: Vec<u64>) -> Result<Change> {
        let files = orphans(&self.store, &before.name, after)?;
        let sum = |of: fn(&super::Summary) -> u64| {
            let left = after.iter().flat_map(|document| &document.snapshots);
            left.fold(0u64, |sum, summary| sum.saturating_add(of(summary)))
        };
        Ok(Change {
            backup_name: before.name.clone(),
            removed,
            freed_files: files.len() as u64,
            freed_bytes: files.iter().map(|(_, bytes)| bytes).sum(),
            total_bytes: sum(|summary| summary.stored_bytes),
            total_files: sum(|summary| summary.files),
            total_records: sum(|summary| summary.records),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::repository::fits;

    #[test]
    fn patterns_are_kineticas() {
        for (pattern, name, expected) in
            [("", "a", true), ("*", "a", true), ("sh*", "shop", true), ("shop", "shop", true), ("shop", "shops", false)]
        {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
