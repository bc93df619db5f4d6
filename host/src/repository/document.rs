//! `repository.json` and `NAME/backup.json`: what a repository says of its backups and their snapshots, as values.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// The only version so far; readers refuse others.
const VERSION: u32 = 1;

/// The names of a repository's backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) version: u32,
    /// Sorted.
    pub(super) backups: BTreeSet<String>,
}

/// All about a backup: one read of it lists the snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupDocument {
    version: u32,
    /// The backup's name.
    pub name: String,
    /// What the operator says about it.
    #[serde(default)]
    pub comment: String,
    /// How its snapshots are made.
    pub options: BackupOptions,
    /// The id of the next snapshot. An id is never given twice.
    pub(super) next_id: u64,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<Summary>,
    /// Ids of snapshots that were removed.
    #[serde(default)]
    pub deleted: Vec<u64>,
}

/// How a backup's snapshots are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackupOptions {
    /// Selectors of the objects, as they were written; all objects when empty.
    pub objects: Vec<String>,
    /// Definitions without rows.
    pub ddl_only: bool,
    /// Read back what was stored, and compare, before a snapshot becomes visible.
    pub checksum: bool,
    /// How many incremental snapshots are kept; -1 for all.
    pub max_incremental_backups_to_keep: i64,
}

impl Default for BackupOptions {
    fn default() -> Self {
        Self { objects: Vec::new(), ddl_only: false, checksum: false, max_incremental_backups_to_keep: -1 }
    }
}

/// What a snapshot is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupType {
    /// Nothing: it holds all its bytes.
    Full,
    /// The snapshot before it.
    Incremental,
    /// The last full one.
    Differential,
}

impl BackupType {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Differential => "differential",
        }
    }

    /// The word in a sentence: `an incremental`.
    pub(super) fn with_article(self) -> &'static str {
        match self {
            Self::Full => "a full",
            Self::Incremental => "an incremental",
            Self::Differential => "a differential",
        }
    }
}

/// A snapshot in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Its id.
    pub id: u64,
    /// What it is built on.
    #[serde(rename = "type")]
    pub backup_type: BackupType,
    /// The snapshot whose chunks it could use again; it may have been removed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u64>,
    /// When it was taken, RFC 3339.
    pub created: String,
    /// Objects.
    pub objects: u64,
    /// Rows.
    pub records: u64,
    /// Bytes of its payloads.
    pub bytes: u64,
    /// Bytes that were stored for it: what it shares with earlier ones is not counted.
    pub stored_bytes: u64,
    /// Payloads.
    pub files: u64,
    /// SHA-256 of the manifest, in hexadecimal digits.
    pub manifest: String,
    /// What the operator says about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The packs it reads, by the snapshot that stored them: first and last numbers of runs.
    #[schema(value_type = Object)]
    pub(super) packs: BTreeMap<u64, Vec<[u32; 2]>>,
}

impl BackupDocument {
    pub(super) fn new(name: &str, options: BackupOptions) -> Self {
        Self {
            version: VERSION,
            name: name.to_owned(),
            comment: String::new(),
            options,
            next_id: 1,
            snapshots: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// The snapshot of that id, or the newest.
    pub fn find(&self, id: Option<u64>) -> Option<&Summary> {
        match id {
            Some(id) => self.snapshots.iter().find(|summary| summary.id == id),
            None => self.snapshots.last(),
        }
    }

    /// The newest full snapshot.
    pub fn last_full(&self) -> Option<&Summary> {
        self.snapshots.iter().rev().find(|summary| summary.backup_type == BackupType::Full)
    }

    /// What the snapshots add up to.
    pub fn stored_bytes(&self) -> u64 {
        self.snapshots.iter().fold(0, |sum, summary| sum.saturating_add(summary.stored_bytes))
    }

    /// Adds a snapshot.
    pub(super) fn push(&mut self, summary: Summary) {
        self.next_id = self.next_id.max(summary.id.saturating_add(1));
        self.snapshots.push(summary);
    }

    /// Takes snapshots out.
    pub(super) fn remove(&mut self, ids: &BTreeSet<u64>) {
        self.snapshots.retain(|summary| !ids.contains(&summary.id));
        self.deleted.extend(ids);
        self.deleted.sort_unstable();
    }

    /// The incremental snapshots beyond the number to keep, oldest first.
    pub(super) fn surplus(&self) -> BTreeSet<u64> {
        let Ok(keep) = usize::try_from(self.options.max_incremental_backups_to_keep) else {
            return BTreeSet::new();
        };
        let incremental = |summary: &&Summary| summary.backup_type == BackupType::Incremental;
        let ids: Vec<u64> = self.snapshots.iter().filter(incremental).map(|summary| summary.id).collect();
        ids[..ids.len().saturating_sub(keep)].iter().copied().collect()
    }

    /// The incremental snapshots since the last full one.
    pub(super) fn since_full(&self) -> BTreeSet<u64> {
        let since = self.snapshots.iter().rev().take_while(|summary| summary.backup_type != BackupType::Full);
        since.filter(|summary| summary.backup_type == BackupType::Incremental).map(|summary| summary.id).collect()
    }
}

/// Runs of numbers, from numbers in any order.
pub(super) fn runs(numbers: &BTreeSet<u32>) -> Vec<[u32; 2]> {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some([_, last]) if *last + 1 == *number => *last = *number,
            _ => runs.push([*number, *number]),
        }
    }
    runs
}

/// What every version of both files has.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// Understands one of the files; `shown` is what messages call it.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], shown: &str) -> Result<T> {
    let head: Result<Head, _> = serde_json::from_slice(bytes);
    if let Ok(Head { version }) = head
        && version != u64::from(VERSION)
    {
        let message = format!("{shown} is of version {version} and this program reads version {VERSION}");
        return Err(Error::new("repository.damaged", message));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let reason: String = error.to_string().escape_debug().take(200).collect();
        Error::new("repository.damaged", format!("{shown} cannot be understood: {reason}"))
    })
}

/// One of the files' bytes.
pub(super) fn write(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new("host.internal", format!("A file of the repository cannot be written: {error}")))
}

impl Names {
    pub(super) fn new() -> Self {
        Self { version: VERSION, backups: BTreeSet::new() }
    }
}

/// Names of backups (and of repositories) become folders and parts of commands: one path segment, without signs that those read a
/// meaning into.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '+' | '=');
    let edge = |c: char| c.is_alphanumeric() || c == '_';
    let good = !name.is_empty()
        && name.len() <= 200
        && name.chars().all(plain)
        && name.starts_with(edge)
        && !name.ends_with([' ', '.'])
        && !matches!(name, "locks" | "repository.json");
    if good {
        return Ok(());
    }
    let name: String = name.escape_debug().take(100).collect();
    let message = format!(
        "`{name}` is no name for a backup or a repository: it wants 1 to 200 letters, digits, `_`, `-`, `.`, `+`, `=` and spaces, \
         and begins with a letter, a digit or `_`"
    );
    Err(Error::new("repository.bad_name", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(id: u64, backup_type: BackupType) -> Summary {
        Summary {
            id,
            backup_type,
            base: None,
            created: String::new(),
            objects: 0,
            records: 0,
            bytes: 0,
            stored_bytes: 0,
            files: 0,
            manifest: String::new(),
            comment: String::new(),
            packs: BTreeMap::from([(id, vec![[1, 3], [5, 5]])]),
        }
    }

    #[test]
    fn the_oldest_incrementals_go_first() {
        use BackupType::{Differential, Full, Incremental};
        let mut document = BackupDocument::new("b", BackupOptions::default());
        for (id, sort) in [(1, Full), (2, Incremental), (3, Differential), (4, Incremental), (5, Incremental)] {
            document.push(summary(id, sort));
        }
        for (keep, gone) in [(-1, vec![]), (0, vec![2, 4, 5]), (1, vec![2, 4]), (3, vec![]), (9, vec![])] {
            document.options.max_incremental_backups_to_keep = keep;
            assert_eq!(document.surplus().into_iter().collect::<Vec<_>>(), gone, "{keep}");
        }
        assert_eq!(document.since_full(), BTreeSet::from([2, 4, 5]));
        document.remove(&BTreeSet::from([2, 5]));
        assert_eq!((document.find(None).map(|found| found.id), document.next_id), (Some(4), 6));
    }

    #[test]
    fn names_are_one_segment_that_nobody_misreads() {
        for good in ["shop", "a", "Größe 2", "v1.2+x=y", "_x"] {
            check_name(good).unwrap();
        }
        let long = "n".repeat(201);
        for bad in
            ["", ".", "..", "a/b", "a\\b", "-x", "a@1", "a*", "x\n", "a.", "locks", "repository.json", "a#1", &long]
        {
            assert_eq!(check_name(bad).unwrap_err().code(), "repository.bad_name", "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_other_versions_are_refused() {
        let mut document = BackupDocument::new("b", BackupOptions::default());
        document.push(summary(1, BackupType::Full));
        let bytes = write(&document).unwrap();
        assert_eq!(parse::<BackupDocument>(&bytes, "x").unwrap(), document);
        let text = String::from_utf8(bytes).unwrap().replace("\"version\":1", "\"version\":2");
        assert!(parse::<BackupDocument>(text.as_bytes(), "x").unwrap_err().to_string().contains("version 2"));
        for bad in ["", "{}", "[]", "{\"version\":1}"] {
            assert_eq!(parse::<BackupDocument>(bad.as_bytes(), "x").unwrap_err().code(), "repository.damaged");
        }
    }

    #[test]
    fn numbers_become_runs() {
        assert_eq!(runs(&BTreeSet::from([1, 2, 3, 5, 7, 8])), [[1, 3], [5, 5], [7, 8]]);
        assert!(runs(&BTreeSet::new()).is_empty());
    }
}
