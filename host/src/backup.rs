//! Writing reinstate's own archives.

pub(crate) mod attributes;
pub(crate) mod batches;
pub(crate) mod sql;

use std::io::Write;
use std::path::Path;

use serde_json::value::RawValue;

use crate::catalog::{Backup, Digest, ObjectName};
use crate::error::Result;

/// What was written.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Written {
    /// Which backup.
    pub backup: Backup,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Objects.
    pub objects: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of all entries, uncompressed.
    pub bytes: u64,
    /// Length of the archive.
    pub archive_bytes: u64,
}

/// Writes an archive: objects one after another, each with its entries. Nothing is at the destination until [`Writer::finish`].
pub struct Writer {}

impl Writer {
    /// Starts an archive that will be at `path`. Refuses an existing file unless `overwrite`.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let _ = (path, overwrite);
        unimplemented!()
    }

    /// Starts the next object.
    pub fn object(&mut self, name: ObjectName, depends: Vec<ObjectName>) -> Result<()> {
        let _ = (name, depends);
        unimplemented!()
    }

    /// The current object's attributes; they may come after its entries.
    pub fn attributes(&mut self, attributes: Box<RawValue>) -> Result<()> {
        let _ = attributes;
        unimplemented!()
    }

    /// Starts the current object's next entry; its bytes are written to what is returned.
    pub fn entry(&mut self, form: &str) -> Result<EntryWriter<'_>> {
        let _ = form;
        unimplemented!()
    }

    /// Writes the manifest before the entries and puts the archive in its place, all at once.
    pub fn finish(self, backup: Backup) -> Result<Written> {
        let _ = backup;
        unimplemented!()
    }
}

/// One entry that is being written.
pub struct EntryWriter<'a> {
    writer: &'a mut Writer,
}

impl EntryWriter<'_> {
    /// Ends the entry; `rows` where rows are what it holds.
    pub fn finish(self, rows: Option<u64>) -> Result<()> {
        let _ = (self.writer, rows);
        unimplemented!()
    }
}

impl Write for EntryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = bytes;
        unimplemented!()
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
