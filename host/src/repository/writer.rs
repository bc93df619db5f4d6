//! Writes a snapshot: payloads become chunks, new chunks become packs, and the table says where everything is.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::failpoint;

use super::check::read_back;
use super::chunker::Chunker;
use super::document::{BackupDocument, Summary};
use super::draft::Draft;
use super::store::Pending;
use super::table::{Chunk, ChunkDigest, Pack, Table};
use super::{hex, manifest, sha256};

/// A pack is written once it holds so many bytes.
const PACK_BYTES: usize = if cfg!(test) { 4 << 10 } else { 12 << 20 };
/// Packs that are written at the same time, beside the one that fills.
const UNDER_WAY: usize = 2;
const LEVEL: i32 = 3;

/// What was stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stored {
    /// The new snapshot.
    pub snapshot: Summary,
    /// Ids of snapshots that are gone with it.
    pub removed: Vec<u64>,
    /// Rows of all snapshots that the backup holds now.
    pub total_records: u64,
}

/// What the snapshot's manifest adds up to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) objects: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// A snapshot that is being written; dropping it leaves nothing that anybody sees.
pub struct SnapshotWriter {
    draft: Draft,
    /// Chunks that are stored already: the base's, and those of this snapshot.
    known: HashMap<ChunkDigest, Chunk>,
    compressor: zstd::bulk::Compressor<'static>,
    chunker: Chunker,
    table: Table,
    payload: Payload,
    pack: Vec<u8>,
    packs: u32,
    uploads: VecDeque<Pending<()>>,
    stored_bytes: u64,
}

/// The payload that is being written.
#[derive(Default)]
struct Payload {
    hash: Sha256,
    bytes: u64,
    chunks: Vec<Chunk>,
}

impl SnapshotWriter {
    pub(super) fn new(draft: Draft, known: HashMap<ChunkDigest, Chunk>) -> Result<Self> {
        let compressor = || {
            let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
            compressor.include_checksum(true)?;
            Ok(compressor)
        };
        let compressor = compressor()
            .map_err(|error: std::io::Error| Error::new("host.internal", format!("zstd cannot start: {error}")))?;
        Ok(Self {
            draft,
            known,
            compressor,
            chunker: Chunker::default(),
            table: Table::default(),
            payload: Payload::default(),
            pack: Vec::new(),
            packs: 0,
            uploads: VecDeque::new(),
            stored_bytes: 0,
        })
    }

    /// The snapshot's id.
    pub fn id(&self) -> u64 {
        self.draft.id
    }

    /// The backup it belongs to, without it.
    pub fn backup(&self) -> &BackupDocument {
        &self.draft.document
    }

    /// Starts a payload; one that was not ended was never there.
    pub(crate) fn start(&mut self) {
        self.payload = Payload::default();
        self.chunker.clear();
    }

    /// Takes bytes of the payload.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.payload.hash.update(bytes);
        self.payload.bytes += bytes.len() as u64;
        let mut chunker = std::mem::take(&mut self.chunker);
        let taken = chunker.push(bytes, |chunk| self.store(chunk));
        self.chunker = chunker;
        taken
    }

    /// Ends the payload; gives its length and digest.
    pub(crate) fn end(&mut self, path: &str) -> Result<(u64, [u8; 32])> {
        let mut chunker = std::mem::take(&mut self.chunker);
        let taken = chunker.finish(|chunk| self.store(chunk));
        self.chunker = chunker;
        taken?;
        let Payload { hash, bytes, chunks } = std::mem::take(&mut self.payload);
        self.table.members.push((path.to_owned(), chunks));
        Ok((bytes, hash.finalize().into()))
    }

    /// Adds a chunk to the payload, and to the pack unless it is known.
    fn store(&mut self, bytes: &[u8]) -> Result<()> {
        let digest = sha256(bytes);
        if let Some(known) = self.known.get(&digest) {
            self.payload.chunks.push(*known);
            return Ok(());
        }
        let frame = self
            .compressor
            .compress(bytes)
            .map_err(|error| Error::new("host.internal", format!("A chunk cannot be compressed: {error}")))?;
        let chunk = self.append(&frame, bytes.len(), digest)?;
        self.payload.chunks.push(chunk);
        Ok(())
    }

    /// Adds a frame to the pack.
    pub(super) fn append(&mut self, frame: &[u8], raw: usize, digest: ChunkDigest) -> Result<Chunk> {
        if !self.pack.is_empty() && self.pack.len() + frame.len() > PACK_BYTES {
            self.flush()?;
        }
        let chunk = Chunk {
            pack: Pack { id: self.draft.id, number: self.packs + 1 },
            offset: self.pack.len() as u64,
            length: frame.len() as u32,
            raw: raw as u32,
            digest,
        };
        self.pack.extend_from_slice(frame);
        self.stored_bytes += frame.len() as u64;
        self.known.insert(digest, chunk);
        Ok(chunk)
    }

    /// A whole payload whose chunks are stored.
    pub(super) fn add(&mut self, path: &str, chunks: Vec<Chunk>) {
        self.table.members.push((path.to_owned(), chunks));
    }

    /// The chunk of that digest, where it is stored.
    pub(super) fn known(&self, digest: &ChunkDigest) -> Option<Chunk> {
        self.known.get(digest).copied()
    }

    /// Begins to write the pack that is full.
    fn flush(&mut self) -> Result<()> {
        if self.pack.is_empty() {
            return Ok(());
        }
        self.packs += 1;
        let bytes = std::mem::take(&mut self.pack);
        if self.draft.is_real() {
            self.draft.check()?;
            failpoint::hit("repository.pack");
            let place = format!("{}/{}", self.draft.document.name, Pack { id: self.draft.id, number: self.packs });
            self.uploads.push_back(self.draft.repository.store.start_put(&place, bytes)?);
            while self.uploads.len() > UNDER_WAY {
                self.uploads.pop_front().map_or(Ok(()), Pending::wait)?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and makes the snapshot visible.
    pub(crate) fn finish(mut self, manifest: &[u8], created: &str, sums: Sums) -> Result<Stored> {
        self.flush()?;
        std::mem::take(&mut self.uploads).into_iter().try_for_each(Pending::wait)?;
        self.write_files(manifest)?;
        let Self { draft, table, stored_bytes, .. } = self;
        let summary = Summary {
            id: draft.id,
            backup_type: draft.backup_type,
            base: draft.base,
            created: created.to_owned(),
            objects: sums.objects,
            records: sums.records,
            bytes: sums.bytes,
            stored_bytes,
            files: sums.files,
            manifest: hex(&sha256(manifest)),
            comment: draft.comment.clone(),
            packs: table.packs(),
        };
        let (document, removed) = draft.publish(summary.clone())?;
        let total_records = document.snapshots.iter().fold(0u64, |sum, summary| sum.saturating_add(summary.records));
        Ok(Stored { snapshot: summary, removed, total_records })
    }

    fn write_files(&mut self, manifest: &[u8]) -> Result<()> {
        let table = manifest::compress(&self.table.write()?)?;
        let manifest = manifest::compress(manifest)?;
        self.stored_bytes += (table.len() + manifest.len()) as u64;
        if !self.draft.is_real() {
            return Ok(());
        }
        self.draft.check()?;
        failpoint::hit("repository.table");
        let store = &self.draft.repository.store;
        store.put(&self.draft.place("manifest.json.zst"), manifest)?;
        store.put(&self.draft.place("chunks.json.zst"), table)?;
        if self.draft.document.options.checksum {
            let own: Vec<Chunk> = self.known.values().filter(|chunk| chunk.pack.id == self.draft.id).copied().collect();
            read_back(store, &self.draft.document.name, own)?;
        }
        Ok(())
    }
}
