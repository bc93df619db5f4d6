//! A snapshot that is read: its manifest at once, the table of its chunks when the first payload is wanted.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::error::{Error, Result};

use super::manifest::{self, LIMIT};
use super::reader::Reader;
use super::store::Store;
use super::table::{Chunk, Table};
use super::{Repository, Summary, check_name};

/// An open snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot {
    store: Store,
    backup: String,
    summary: Summary,
    manifest: Vec<u8>,
    table: OnceLock<Result<Loaded>>,
}

/// The table, and where in it each payload is.
#[derive(Debug)]
struct Loaded {
    table: Table,
    places: HashMap<String, usize>,
}

impl Snapshot {
    /// Opens a snapshot, the newest without an id. The manifest may have `limit` bytes.
    pub(crate) fn open(repository: &Repository, name: &str, id: Option<u64>, limit: u64) -> Result<Self> {
        check_name(name)?;
        let document = repository.backup(name)?;
        let summary = document.find(id).cloned().ok_or_else(|| repository.no_snapshot(name, id))?;
        Self::of(&repository.store, name, summary, limit)
    }

    pub(super) fn of(store: &Store, name: &str, summary: Summary, limit: u64) -> Result<Self> {
        let manifest = file(store, &format!("{name}/{}/manifest.json.zst", summary.id), limit)?;
        Ok(Self { store: store.clone(), backup: name.to_owned(), summary, manifest, table: OnceLock::new() })
    }

    /// Where it is: `REPOSITORY/NAME@ID`.
    pub(crate) fn location(&self) -> String {
        format!("{}/{}@{}", self.store.name, self.backup, self.summary.id)
    }

    /// The manifest's bytes.
    pub(crate) fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The manifest's digest as the backup says it, in hexadecimal digits.
    pub(crate) fn manifest_digest(&self) -> &str {
        &self.summary.manifest
    }

    /// Paths and lengths of its payloads, in order.
    pub(crate) fn payloads(&self) -> Result<Vec<(String, u64)>> {
        manifest::payloads(&self.manifest)
    }

    /// A payload's bytes from an offset on.
    pub(crate) fn read(&self, path: &str, offset: u64) -> Result<Reader> {
        let loaded = self.loaded()?;
        let chunks = loaded.places.get(path).map(|at| loaded.table.members[*at].1.as_slice());
        let chunks = chunks.ok_or_else(|| {
            let message = format!("The table of chunks of {} does not name the entry {path}", self.location());
            Error::new("archive.entry_missing", message).entry(path)
        })?;
        Ok(Reader::new(&self.store, &self.backup, chunks, offset))
    }

    /// The table of its chunks.
    pub(super) fn table(&self) -> Result<&Table> {
        self.loaded().map(|loaded| &loaded.table)
    }

    /// The chunks of a payload.
    pub(super) fn chunks(&self, path: &str) -> Result<Option<&[Chunk]>> {
        let loaded = self.loaded()?;
        Ok(loaded.places.get(path).map(|at| loaded.table.members[*at].1.as_slice()))
    }

    fn loaded(&self) -> Result<&Loaded> {
        let load = || {
            let table = table(&self.store, &self.backup, self.summary.id)?;
            let places = table.members.iter().enumerate().map(|(at, (path, _))| (path.clone(), at)).collect();
            Ok(Loaded { table, places })
        };
        self.table.get_or_init(load).as_ref().map_err(Clone::clone)
    }
}

/// Reads the table of a snapshot's chunks.
pub(super) fn table(store: &Store, backup: &str, id: u64) -> Result<Table> {
    let path = format!("{backup}/{id}/chunks.json.zst");
    Table::parse(&file(store, &path, LIMIT)?, &store.shown(&path))
}

/// One of a snapshot's two files, decompressed.
fn file(store: &Store, path: &str, limit: u64) -> Result<Vec<u8>> {
    let missing = || Error::new("repository.damaged", format!("{} is not there", store.shown(path)));
    let (bytes, _) = store.get(path, limit)?.ok_or_else(missing)?;
    manifest::decompress(&bytes, limit, &store.shown(path))
}
