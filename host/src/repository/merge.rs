//! Makes one full snapshot of a backup: the newest state, in packs of its own.

use std::collections::{HashMap, HashSet};

use crate::cancel::Cancel;
use crate::error::Result;

use super::check::{check_chunk, each_segment};
use super::draft::Draft;
use super::lock::Lock;
use super::manifest::{LIMIT, with_id};
use super::reader::frame;
use super::snapshot::Snapshot;
use super::sweep::sweep;
use super::table::Chunk;
use super::writer::{SnapshotWriter, Stored, Sums};
use super::{Repository, check_name};

impl Repository {
    /// Writes the newest snapshot once more as a full one, of a new id, and removes all others. Frames are copied as they are, each
    /// compared with its digest on the way. With `dry_run` nothing is written; cancelled, nothing that is seen.
    pub fn merge(&self, name: &str, comment: &str, dry_run: bool, cancel: &Cancel) -> Result<Stored> {
        check_name(name)?;
        let lock = if dry_run { None } else { Some(Lock::take(&self.store, name)?) };
        let found = self.read(name)?.ok_or_else(|| self.no_backup(name))?;
        if lock.is_some() {
            sweep(&self.store, name, Some(&found.0))?;
        }
        let newest = found.0.find(None).cloned().ok_or_else(|| self.no_snapshot(name, None))?;
        let comment = if comment.is_empty() { newest.comment.clone() } else { comment.to_owned() };
        let sums = Sums { objects: newest.objects, records: newest.records, bytes: newest.bytes, files: newest.files };
        let created = newest.created.clone();
        let snapshot = Snapshot::of(&self.store, name, newest, LIMIT)?;
        let draft = Draft::merged(self, found, lock, comment);
        let manifest = with_id(snapshot.manifest(), draft.id)?;
        let mut writer = SnapshotWriter::new(draft, HashMap::new())?;
        self.copy(name, &snapshot, &mut writer, cancel)?;
        writer.finish(&manifest, &created, sums)
    }

    /// Copies each chunk once, and names them for each payload.
    fn copy(&self, name: &str, snapshot: &Snapshot, writer: &mut SnapshotWriter, cancel: &Cancel) -> Result<()> {
        let table = snapshot.table()?;
        let mut seen = HashSet::new();
        let once: Vec<Chunk> = table.chunks().filter(|chunk| seen.insert(chunk.digest)).copied().collect();
        each_segment(&self.store, name, &once, cancel, |segment, bytes| {
            let bytes = bytes?;
            for chunk in &segment.chunks {
                check_chunk(&self.store, name, segment, chunk, &bytes)?;
                writer.append(frame(segment, chunk, &bytes), chunk.raw as usize, chunk.digest)?;
            }
            Ok(())
        })?;
        for (path, chunks) in &table.members {
            let chunks = chunks.iter().filter_map(|chunk| writer.known(&chunk.digest)).collect();
            writer.add(path, chunks);
        }
        Ok(())
    }
}
