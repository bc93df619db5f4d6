//! A payload of a snapshot as one stream: its chunks are read by ranges, the next ones while the last are used.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;

use crate::error::{Error, Result};

use super::store::{Pending, Store};
use super::table::{Chunk, Pack};

/// Neighbours in a pack are read at once, up to so many bytes,
const SEGMENT: u64 = 4 << 20;
/// and so many reads are under way for one payload.
const AHEAD: usize = 3;

/// Chunks that lie side by side in a pack.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) pack: Pack,
    offset: u64,
    length: u64,
    pub(super) chunks: Vec<Chunk>,
}

/// Reads a payload from some place on.
pub(crate) struct Reader {
    store: Store,
    backup: String,
    planned: VecDeque<Segment>,
    started: VecDeque<(Segment, Pending<Bytes>)>,
    /// The segment that is used, and its chunks that are still to come.
    current: Option<(Segment, Bytes, usize)>,
    chunk: Vec<u8>,
    at: usize,
    /// Bytes of the first chunk that are not wanted.
    skip: usize,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    pub(super) fn new(store: &Store, backup: &str, chunks: &[Chunk], mut offset: u64) -> Self {
        let mut first = 0;
        while let Some(chunk) = chunks.get(first)
            && offset >= u64::from(chunk.raw)
        {
            offset -= u64::from(chunk.raw);
            first += 1;
        }
        Self {
            store: store.clone(),
            backup: backup.to_owned(),
            planned: segments(&chunks[first..]),
            started: VecDeque::new(),
            current: None,
            chunk: Vec::new(),
            at: 0,
            skip: usize::try_from(offset).unwrap_or(0),
        }
    }

    /// The next chunk takes the place of the last; false at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            if let Some((segment, bytes, next)) = &mut self.current
                && let Some(chunk) = segment.chunks.get(*next)
            {
                *next += 1;
                let shown = || self.store.shown(&format!("{}/{}", self.backup, segment.pack));
                self.chunk = inflate(chunk, frame(segment, chunk, bytes), shown)?;
                self.at = std::mem::take(&mut self.skip).min(self.chunk.len());
                return Ok(true);
            }
            self.start_more();
            let Some((segment, pending)) = self.started.pop_front() else { return Ok(false) };
            let bytes = pending.wait()?;
            self.current = Some((segment, bytes, 0));
            self.start_more();
        }
    }

    fn start_more(&mut self) {
        while self.started.len() < AHEAD
            && let Some(segment) = self.planned.pop_front()
        {
            let pending = read(&self.store, &self.backup, &segment);
            self.started.push_back((segment, pending));
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.at == self.chunk.len() {
            if !self.advance().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let most = buffer.len().min(self.chunk.len() - self.at);
        buffer[..most].copy_from_slice(&self.chunk[self.at..self.at + most]);
        self.at += most;
        Ok(most)
    }
}

/// Starts to read a segment; what comes has exactly its length.
pub(super) fn read(store: &Store, backup: &str, segment: &Segment) -> Pending<Bytes> {
    store.range(&format!("{backup}/{}", segment.pack), segment.offset..segment.offset + segment.length)
}

/// The frame of one of the segment's chunks.
pub(super) fn frame<'a>(segment: &Segment, chunk: &Chunk, bytes: &'a [u8]) -> &'a [u8] {
    let start = (chunk.offset - segment.offset) as usize;
    &bytes[start..start + chunk.length as usize]
}

/// Gathers neighbours.
pub(super) fn segments(chunks: &[Chunk]) -> VecDeque<Segment> {
    let mut segments: VecDeque<Segment> = VecDeque::new();
    for chunk in chunks {
        let length = u64::from(chunk.length);
        match segments.back_mut() {
            Some(last)
                if last.pack == chunk.pack
                    && last.offset + last.length == chunk.offset
                    && last.length + length <= SEGMENT =>
            {
                last.length += length;
                last.chunks.push(*chunk);
            }
            _ => segments.push_back(Segment { pack: chunk.pack, offset: chunk.offset, length, chunks: vec![*chunk] }),
        }
    }
    segments
}

/// What a chunk's frame holds: exactly as many bytes as the table says, or an error that names the pack.
pub(super) fn inflate(chunk: &Chunk, frame: &[u8], shown: impl Fn() -> String) -> Result<Vec<u8>> {
    let damaged = |reason: &str| {
        let message = format!("{} is damaged at byte {}: {reason}", shown(), chunk.offset);
        Error::new("archive.checksum_mismatch", message)
    };
    let raw = chunk.raw as usize;
    match zstd::bulk::decompress(frame, raw) {
        Ok(bytes) if bytes.len() == raw => Ok(bytes),
        Ok(_) => Err(damaged("a chunk has another length than the table of chunks says")),
        Err(error) => Err(damaged(&error.to_string())),
    }
}
