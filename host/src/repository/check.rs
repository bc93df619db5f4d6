//! Reads every chunk of snapshots and compares it with its digest.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::error::{Error, Result};

use super::manifest::LIMIT;
use super::reader::{Segment, frame, inflate, read, segments};
use super::snapshot::Snapshot;
use super::store::{Pending, Store};
use super::table::{Chunk, Pack};
use super::{BackupDocument, Repository, Summary, hex, sha256};

/// Reads under way at the same time.
const AHEAD: usize = 4;

/// What is wrong with the snapshots of a backup.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The backup.
    pub backup_name: String,
    /// Its snapshots that were read.
    pub snapshots: Vec<SnapshotErrors>,
}

/// What is wrong with a snapshot.
#[derive(Debug, Serialize)]
pub struct SnapshotErrors {
    /// Its id.
    pub id: u64,
    /// Nothing when it is whole.
    pub errors: Vec<Error>,
}

/// Chunks that were read, by their place, with what was wrong.
type Known = HashMap<(Pack, u64), Option<Error>>;

impl Repository {
    /// Reads the snapshots of a backup: that of the id, the newest, or all without one. Every chunk is read once, however many snapshots share
    /// it. What is wrong is in the answer; an error means that it could not be found out, or that it was cancelled.
    pub fn verify(&self, name: &str, id: Option<Option<u64>>, cancel: &Cancel) -> Result<Verified> {
        let document = self.backup(name)?;
        let wanted: Vec<Summary> = match id {
            None => document.snapshots.clone(),
            Some(id) => vec![document.find(id).cloned().ok_or_else(|| self.no_snapshot(name, id))?],
        };
        let mut known = Known::new();
        let mut snapshots = Vec::new();
        for summary in wanted {
            let id = summary.id;
            snapshots.push(SnapshotErrors { id, errors: self.check(&document, summary, &mut known, cancel)? });
        }
        Ok(Verified { backup_name: document.name, snapshots })
    }

    fn check(
        &self,
        document: &BackupDocument,
        summary: Summary,
        known: &mut Known,
        cancel: &Cancel,
    ) -> Result<Vec<Error>> {
        let name = &document.name;
        let (id, stated, packs) = (summary.id, summary.manifest.clone(), summary.packs.clone());
        let opened = Snapshot::of(&self.store, name, summary, LIMIT);
        let listed = opened.and_then(|snapshot| {
            let (payloads, found) = (snapshot.payloads()?, snapshot.table()?.packs());
            Ok((snapshot, payloads, found))
        });
        let (snapshot, payloads, found) = match listed {
            Ok(listed) => listed,
            Err(error) => return Ok(vec![tolerated(error)?]),
        };
        let mut errors = Vec::new();
        if hex(&sha256(snapshot.manifest())) != stated {
            let message = format!("The manifest of {name}@{id} is not the one that backup.json describes");
            errors.push(Error::new("catalog.checksum_mismatch", message));
        }
        if found != packs {
            let message = format!("The table of chunks of {name}@{id} is not the one that backup.json describes");
            errors.push(Error::new("repository.damaged", message));
        }
        for (path, bytes) in payloads {
            let chunks = snapshot.chunks(&path)?.unwrap_or_default();
            let length: u64 = chunks.iter().map(|chunk| u64::from(chunk.raw)).sum();
            if length != bytes {
                let message =
                    format!("The chunks of the entry {path} have {length} bytes and the manifest says {bytes}");
                errors.push(Error::new("archive.checksum_mismatch", message).entry(&path));
            }
        }
        let chunks: Vec<Chunk> = snapshot.table()?.chunks().copied().collect();
        check_chunks(&self.store, name, &chunks, known, cancel)?;
        let mut wrong: Vec<&Error> = Vec::new();
        for chunk in &chunks {
            if let Some(Some(error)) = known.get(&(chunk.pack, chunk.offset))
                && !wrong.iter().any(|other| other.details().message == error.details().message)
            {
                wrong.push(error);
            }
        }
        errors.extend(wrong.into_iter().cloned());
        Ok(errors)
    }
}

/// An error that is about what is stored; one about reaching it goes on.
fn tolerated(error: Error) -> Result<Error> {
    match error.code() {
        "repository.io" | "repository.denied" | "host.internal" | "host.io" => Err(error),
        _ => Ok(error),
    }
}

/// Fails unless all chunks are what they should be.
pub(super) fn read_back(store: &Store, backup: &str, chunks: Vec<Chunk>) -> Result<()> {
    let mut known = Known::new();
    check_chunks(store, backup, &chunks, &mut known, &Cancel::default())?;
    known.into_values().flatten().next().map_or(Ok(()), Err)
}

/// Reads the chunks that are not known yet.
fn check_chunks(store: &Store, backup: &str, chunks: &[Chunk], known: &mut Known, cancel: &Cancel) -> Result<()> {
    // In the order in which they lie, each once.
    let places: BTreeMap<(Pack, u64), Chunk> = chunks
        .iter()
        .map(|chunk| ((chunk.pack, chunk.offset), *chunk))
        .filter(|(place, _)| !known.contains_key(place))
        .collect();
    let ordered: Vec<Chunk> = places.into_values().collect();
    each_segment(store, backup, &ordered, cancel, |segment, bytes| {
        let outcome = match bytes {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(tolerated(error)?),
        };
        for chunk in &segment.chunks {
            let found = match &outcome {
                Ok(bytes) => check_chunk(store, backup, segment, chunk, bytes).err(),
                Err(error) => Some(error.clone()),
            };
            known.insert((chunk.pack, chunk.offset), found);
        }
        Ok(())
    })
}

/// Reads chunks by segments, some ahead, until it is cancelled.
pub(super) fn each_segment(
    store: &Store,
    backup: &str,
    chunks: &[Chunk],
    cancel: &Cancel,
    mut take: impl FnMut(&Segment, Result<Bytes>) -> Result<()>,
) -> Result<()> {
    let mut planned = segments(chunks);
    let mut started: VecDeque<(Segment, Pending<Bytes>)> = VecDeque::new();
    loop {
        while started.len() < AHEAD
            && let Some(segment) = planned.pop_front()
        {
            let pending = read(store, backup, &segment);
            started.push_back((segment, pending));
        }
        let Some((segment, pending)) = started.pop_front() else { return Ok(()) };
        cancel.check()?;
        take(&segment, pending.wait())?;
    }
}

/// What the chunk holds, if it is what the table says.
pub(super) fn check_chunk(store: &Store, backup: &str, segment: &Segment, chunk: &Chunk, bytes: &[u8]) -> Result<()> {
    let shown = || store.shown(&format!("{backup}/{}", chunk.pack));
    let raw = inflate(chunk, frame(segment, chunk, bytes), shown)?;
    if sha256(&raw) == chunk.digest {
        return Ok(());
    }
    let message =
        format!("{} is damaged at byte {}: the SHA-256 of a chunk is not the one in the table", shown(), chunk.offset);
    Err(Error::new("archive.checksum_mismatch", message))
}
