//! `entries`: the object's payloads, decompressed and checked.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::archive::Archive;
use crate::catalog::payload::Payload;
use crate::catalog::{Entry, Object};
use crate::error::{Error, Result};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::capability::full_name;
use crate::plugin::grant::Interface;
use crate::plugin::state::{Phase, State};

/// The most that one read gives; larger chunks are slower.
const READ_BYTES: u32 = 1 << 20;
/// Entries open at the same time: each holds a decompressor's window.
const OPEN_ENTRIES: usize = 8;

/// Where entries' bytes come from.
pub(in crate::plugin) trait Source: Send + Sync {
    /// Opens an entry at its beginning.
    fn open(&self, entry: &Entry, verify: bool) -> Result<Box<dyn Chunks>>;
}

/// An entry that is being read.
pub(in crate::plugin) trait Chunks: Send {
    /// The next bytes, at most `max`, empty at the end; see [`Payload::next`].
    fn next(&mut self, max: usize) -> Result<Bytes>;
}

impl Source for Archive {
    fn open(&self, entry: &Entry, verify: bool) -> Result<Box<dyn Chunks>> {
        Ok(Box::new(Payload::open(self, entry, verify)?))
    }
}

impl Chunks for Payload {
    fn next(&mut self, max: usize) -> Result<Bytes> {
        Payload::next(self, max)
    }
}

/// The entries of one object, and how far the current call has read them.
pub(in crate::plugin) struct Entries {
    source: Arc<dyn Source>,
    object: Arc<Object>,
    verify: bool,
    cursors: HashMap<u32, Cursor>,
}

enum Cursor {
    Open { chunks: Box<dyn Chunks>, left: u64 },
    End,
}

impl Entries {
    pub(in crate::plugin) fn new(source: Arc<dyn Source>, object: Arc<Object>, verify: bool) -> Self {
        Self { source, object, verify, cursors: HashMap::new() }
    }

    /// Every call starts at the beginning.
    pub(in crate::plugin) fn rewind(&mut self) {
        self.cursors.clear();
    }

    fn open(&self, entry: &Entry) -> Result<Cursor> {
        // A foreign entry may be of any length, and sees its end by itself before its last bytes are given.
        let left = if entry.stored.is_some() { u64::MAX } else { entry.bytes };
        Ok(Cursor::Open { chunks: self.source.open(entry, self.verify)?, left })
    }

    fn open_count(&self) -> usize {
        self.cursors.values().filter(|cursor| matches!(cursor, Cursor::Open { .. })).count()
    }
}

/// The next chunk, and the cursor behind it.
fn advance(mut chunks: Box<dyn Chunks>, left: u64, max: u32) -> Result<(Bytes, Cursor)> {
    let chunk = chunks.next(max.clamp(1, READ_BYTES) as usize)?;
    let left = left.saturating_sub(chunk.len() as u64);
    if chunk.is_empty() {
        return Ok((chunk, Cursor::End));
    }
    if left > 0 {
        return Ok((chunk, Cursor::Open { chunks, left }));
    }
    // Length and digest are compared at the end. Go there before the last bytes are handed out, or a plugin that knows
    // how long the entry is would never ask.
    if chunks.next(1)?.is_empty() {
        return Ok((chunk, Cursor::End));
    }
    Err(Error::new("archive.checksum_mismatch", "The entry is longer than the manifest says"))
}

impl State {
    fn read_entry(&mut self, entry: u32, max: u32) -> Result<Bytes> {
        self.cancel.check()?;
        let Some(entries) = &mut self.entries else {
            return Err(self.blame("plugin.out_of_scope", "read an entry"));
        };
        let Some(about) = entries.object.entries.get(entry as usize) else {
            let what = format!("read entry {entry} of an object that has {}", entries.object.entries.len());
            return Err(self.blame("plugin.out_of_scope", &what));
        };
        let cursor = match entries.cursors.remove(&entry) {
            Some(cursor) => cursor,
            None if entries.open_count() >= OPEN_ENTRIES => {
                let what = format!("read more than {OPEN_ENTRIES} entries side by side");
                return Err(self.blame("plugin.handle_limit", &what));
            }
            None => entries.open(about).map_err(|error| error.entry(&about.path))?,
        };
        let (chunk, cursor) = match cursor {
            Cursor::Open { chunks, left } => advance(chunks, left, max).map_err(|error| error.entry(&about.path))?,
            Cursor::End => (Bytes::new(), Cursor::End),
        };
        entries.cursors.insert(entry, cursor);
        self.used.read_bytes += chunk.len() as u64;
        Ok(chunk)
    }

    /// Rows of the part that is being restored, where the archive says so.
    pub(in crate::plugin) fn expected_rows(&self) -> Option<u64> {
        let Phase::Restore(part) = self.phase else { return None };
        self.entries.as_ref()?.object.entries.get(part as usize)?.rows
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(&full_name(Interface::Entries))?.func_wrap("read", read)
}

/// Written by hand: the generated one would copy every chunk once more.
fn read(
    mut store: StoreContextMut<'_, State>,
    (entry, max): (u32, u32),
) -> wasmtime::Result<(Result<Bytes, Failure>,)> {
    let chunk = store.data_mut().call(|state| {
        let chunk = state.read_entry(entry, max)?;
        if !chunk.is_empty() {
            state.progress();
        }
        Ok(chunk)
    });
    Ok((chunk,))
}
