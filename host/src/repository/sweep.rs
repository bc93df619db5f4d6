//! Removes what no snapshot needs: what crashes left, and what was purged.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::failpoint;

use super::document::BackupDocument;
use super::store::Store;
use super::table::Pack;

/// Removes the backup's files that its document does not need; all where there is no document. Only files of our own names are
/// touched. The caller holds the lock.
pub(super) fn sweep(store: &Store, name: &str, document: Option<&BackupDocument>) -> Result<()> {
    let mut orphans: Vec<String> = orphans(store, name, document)?.into_iter().map(|(path, _)| path).collect();
    if !orphans.is_empty() {
        let half = orphans.split_off(orphans.len() / 2);
        store.remove(half)?;
        failpoint::hit("repository.sweep");
        store.remove(orphans)?;
    }
    store.tidy(name);
    Ok(())
}

/// The files that the document does not need, with their lengths.
pub(super) fn orphans(store: &Store, name: &str, document: Option<&BackupDocument>) -> Result<Vec<(String, u64)>> {
    let needs = Needs::of(document);
    let is_orphan = |path: &str| {
        let own = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
        own.is_some_and(|own| needs.is_orphan(own))
    };
    let files = store.list(name)?;
    Ok(files.into_iter().filter(|(path, _)| is_orphan(path)).map(|(path, meta)| (path, meta.size)).collect())
}

/// What snapshots read.
#[derive(Default)]
struct Needs {
    snapshots: BTreeSet<u64>,
    packs: BTreeMap<u64, Vec<[u32; 2]>>,
}

impl Needs {
    fn of(document: Option<&BackupDocument>) -> Self {
        let mut needs = Self::default();
        for summary in document.iter().flat_map(|document| &document.snapshots) {
            needs.snapshots.insert(summary.id);
            for (id, runs) in &summary.packs {
                needs.packs.entry(*id).or_default().extend(runs);
            }
        }
        for runs in needs.packs.values_mut() {
            runs.sort_unstable();
            runs.dedup();
        }
        needs
    }

    /// Whether a file, by its path below the backup, is one of ours that nobody reads.
    fn is_orphan(&self, path: &str) -> bool {
        if let Ok(pack) = path.parse::<Pack>() {
            let runs = self.packs.get(&pack.id).map(Vec::as_slice).unwrap_or_default();
            return !runs.iter().any(|[first, last]| (*first..=*last).contains(&pack.number));
        }
        match path.split_once('/') {
            Some((id, "manifest.json.zst" | "chunks.json.zst")) => {
                id.parse().is_ok_and(|id: u64| !self.snapshots.contains(&id))
            }
            _ => false,
        }
    }
}
