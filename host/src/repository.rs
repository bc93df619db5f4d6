//! Repositories: named places that hold named backups, each with snapshots: full, incremental and differential ones.
//!
//! A [`Repository`] is a folder, a bucket or a web server; the layout of its files is described in
//! `repository/FORMAT.md`. Payloads are cut into chunks where their content says so, and chunks that the snapshot's base already has are
//! stored once. `backup.json` alone says which snapshots there are: everything of a new one is written before, so that a crash
//! leaves nothing that anybody sees.
//!
//! A snapshot is read as an archive ([`crate::archive::Archive`]) by its location, and written by [`crate::snapshot::create`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::source::Place;

mod address;
mod change;
mod check;
mod chunker;
mod document;
mod draft;
mod lock;
mod manifest;
mod merge;
mod reader;
mod snapshot;
mod store;
mod sweep;
mod table;
#[cfg(test)]
mod tests;
mod writer;

pub use address::check_url;
pub(crate) use address::choose_tls;
pub use change::{Alteration, Change};
pub use check::{SnapshotErrors, Verified};
pub use document::{BackupDocument, BackupOptions, BackupType, Summary, check_name};
pub use draft::NewSnapshot;
pub(crate) use reader::Reader;
pub(crate) use snapshot::Snapshot;
pub(crate) use writer::Sums;
pub use writer::{SnapshotWriter, Stored};

use document::Names;
use store::{Seen, Store};

/// Bytes that `repository.json` or a `backup.json` may have.
const DOCUMENT_LIMIT: u64 = 1 << 30;

/// A place that holds backups.
#[derive(Debug, Clone)]
pub struct Repository {
    store: Store,
}

/// The contents of a snapshot: its objects, and the files of each.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Contents {
    /// The kind.
    pub kind: String,
    /// The object's name, with its schema where it has one.
    pub name: String,
    /// Its rows, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes of its payloads.
    pub bytes: u64,
    /// Its payloads.
    pub files: Vec<String>,
}

impl Repository {
    /// The repository at that place; nothing is read yet. Fails with `repository.bad_url` where there can be none, and with
    /// `repository.not_found` where a folder is missing.
    pub fn open(place: &Place) -> Result<Self> {
        Ok(Self { store: Store::open(place, false)? })
    }

    /// The same for a dry run, which makes nothing, not even the folder: where that is missing, an empty repository stands for it.
    pub fn for_dry_run(place: &Place) -> Result<Self> {
        match Self::open(place) {
            Err(error) if error.code() == "repository.not_found" => {
                let empty = Arc::new(object_store::memory::InMemory::new());
                Ok(Self { store: Store::over(empty, object_store::path::Path::default(), &place.name, None, false)? })
            }
            other => other,
        }
    }

    /// The same for writing: makes a folder that is missing.
    pub fn create(place: &Place) -> Result<Self> {
        Ok(Self { store: Store::open(place, true)? })
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.store.name
    }

    /// The backups whose names fit, by name: empty or `*` for all, `text*` for those that begin so.
    pub fn backups(&self, pattern: &str) -> Result<Vec<BackupDocument>> {
        let (names, _) = self.names()?;
        let names: Vec<String> = names.backups.into_iter().filter(|name| fits(pattern, name)).collect();
        let found = self.store.get_all(names.iter().map(|name| place_of(name)).collect(), DOCUMENT_LIMIT)?;
        let named = names.iter().zip(found).filter_map(|(name, bytes)| Some((name, bytes?)));
        named.map(|(name, bytes)| self.understand(name, &bytes)).collect()
    }

    /// The backup of that name. Fails with `repository.not_found`.
    pub fn backup(&self, name: &str) -> Result<BackupDocument> {
        check_name(name)?;
        self.read(name)?.map(|(document, _)| document).ok_or_else(|| self.no_backup(name))
    }

    /// What a snapshot (the newest, without an id) holds.
    pub fn contents(&self, name: &str, id: Option<u64>) -> Result<Vec<Contents>> {
        manifest::contents(Snapshot::open(self, name, id, manifest::LIMIT)?.manifest())
    }

    fn names(&self) -> Result<(Names, Seen)> {
        const FILE: &str = "repository.json";
        match self.store.get(FILE, DOCUMENT_LIMIT)? {
            Some((bytes, seen)) => {
                let names: Names = document::parse(&bytes, &self.store.shown(FILE))?;
                names.backups.iter().try_for_each(|name| check_name(name))?;
                Ok((names, seen))
            }
            None => Ok((Names::new(), Seen::default())),
        }
    }

    fn read(&self, name: &str) -> Result<Option<(BackupDocument, Seen)>> {
        let found = self.store.get(&place_of(name), DOCUMENT_LIMIT)?;
        found.map(|(bytes, seen)| Ok((self.understand(name, &bytes)?, seen))).transpose()
    }

    fn understand(&self, name: &str, bytes: &[u8]) -> Result<BackupDocument> {
        let shown = self.store.shown(&place_of(name));
        let document: BackupDocument = document::parse(bytes, &shown)?;
        if document.name != name {
            let other: String = document.name.escape_debug().take(100).collect();
            return Err(Error::new("repository.damaged", format!("{shown} is about another backup, `{other}`")));
        }
        Ok(document)
    }

    fn no_backup(&self, name: &str) -> Error {
        let message = format!("The repository {} has no backup called {name}", self.name());
        Error::new("repository.not_found", message)
    }

    fn no_snapshot(&self, name: &str, id: Option<u64>) -> Error {
        let message = match id {
            Some(id) => format!("The backup {}/{name} has no snapshot {id}", self.name()),
            None => format!("The backup {}/{name} has no snapshots", self.name()),
        };
        Error::new("repository.not_found", message)
    }

    /// Adds names to the repository's list, or takes them out.
    fn change_names(&self, change: impl FnOnce(&mut BTreeSet<String>)) -> Result<()> {
        let lock = lock::Lock::take(&self.store, "")?;
        let (mut names, seen) = self.names()?;
        let before = names.clone();
        change(&mut names.backups);
        if names == before {
            return Ok(());
        }
        lock.check()?;
        self.store.replace("repository.json", document::write(&names)?, &seen)
    }
}

fn place_of(name: &str) -> String {
    format!("{name}/backup.json")
}

/// Kinetica's patterns of names: nothing or `*` for all, `text*` for a beginning, else the name.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern.is_empty() || pattern == name,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low)).collect();
    bytes?.try_into().ok()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
