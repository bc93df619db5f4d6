//! Writing reinstate's own archives: as a file, or as a snapshot in a repository.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::cancel::Cancel;
use crate::catalog::manifest;
use crate::catalog::{Backup, Digest, Entry, Object, ObjectName, Totals};
use crate::error::{Error, Result};
use crate::repository::{SnapshotWriter, Stored, Sums};

pub(crate) mod attributes;
pub(crate) mod batches;
mod file;
mod filter;
mod frame;
mod member;
#[cfg(test)]
mod tests;

use file::FileWriter;
pub use filter::Filter;
use frame::Frame;

/// What was written.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
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
    /// Length of the archive, or what was stored for the snapshot.
    pub archive_bytes: u64,
    /// The snapshot in the repository, where it went there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
}

/// Writes an archive: objects one after another, each with its entries. Nothing is at the destination until [`Writer::finish`].
pub struct Writer {
    destination: Destination,
    filter: Filter,
    objects: Vec<Object>,
    names: HashSet<ObjectName>,
    /// Whether the object that was started last is taken.
    taken: bool,
    watch: Watch,
}

/// Who watches while an archive is written, and how it is stopped.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Stops it at the next piece of an entry.
    pub cancel: Cancel,
    /// Rows of the entries that were written.
    pub rows: Arc<AtomicU64>,
    /// Bytes of the entries so far.
    pub bytes: Arc<AtomicU64>,
}

impl Writer {
    /// Starts an archive that will be at `path`. Refuses an existing file unless `overwrite`.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        Ok(Self::to(Destination::File(Box::new(FileWriter::create(path, overwrite)?))))
    }

    /// Starts the archive that is a snapshot in a repository.
    pub fn into_snapshot(writer: SnapshotWriter) -> Self {
        Self::to(Destination::Snapshot(Box::new(writer)))
    }

    fn to(destination: Destination) -> Self {
        let (objects, names) = (Vec::new(), HashSet::new());
        Self { destination, filter: Filter::default(), objects, names, taken: false, watch: Watch::default() }
    }

    /// Is watched by `watch`; said before the first object.
    #[must_use]
    pub fn watched(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Takes only what the filter lets through; said before the first object.
    #[must_use]
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// The error of a writer that was stopped.
    pub(crate) fn stopped(&self) -> Option<Error> {
        self.watch.cancel.check().err()
    }

    /// Whether the object will be taken; what is not can be left unread.
    pub fn wants(&self, name: &ObjectName) -> bool {
        self.filter.wants(name)
    }

    /// Whether the object's rows will be taken. Those of a graph are what it is made of, and always come along.
    pub fn wants_rows(&self, name: &ObjectName) -> bool {
        self.wants(name) && !(self.filter.ddl_only && name.kind == "table")
    }

    /// Starts the next object.
    pub fn object(&mut self, name: ObjectName, depends: Vec<ObjectName>) -> Result<()> {
        self.watch.cancel.check()?;
        for name in depends.iter().chain([&name]) {
            manifest::check_name(name).map_err(|reason| Error::new("pack.bad_input", reason))?;
        }
        if !self.names.insert(name.clone()) {
            let message = format!("There are two objects called {}; keep one of them", manifest::shown(&name));
            return Err(Error::new("pack.bad_input", message).object(&name));
        }
        self.taken = self.filter.take(&name);
        if !self.taken {
            return Ok(());
        }
        self.objects.push(Object {
            name,
            attributes: manifest::no_attributes(),
            depends,
            entries: Vec::new(),
            section: crate::catalog::Section::PreData,
        });
        Ok(())
    }

    /// The current object's attributes; they may come after its entries.
    pub fn attributes(&mut self, attributes: Box<RawValue>) -> Result<()> {
        if self.is_skipped() {
            return Ok(());
        }
        let object = self.objects.last_mut().ok_or_else(no_object)?;
        if !manifest::is_object(&attributes) {
            let message = format!("The attributes of {} are not a JSON object", manifest::shown(&object.name));
            return Err(Error::new("host.internal", message).object(&object.name));
        }
        object.attributes = attributes;
        Ok(())
    }

    /// Starts the current object's next entry; its bytes are written to what is returned.
    /// An entry that is dropped before it is finished was never there.
    pub fn entry(&mut self, form: &str) -> Result<EntryWriter<'_>> {
        if self.is_skipped() || self.objects.last().is_some_and(|object| !self.wants_rows(&object.name)) {
            return Ok(EntryWriter {
                writer: self,
                target: EntryTarget::Nowhere,
                path: String::new(),
                form: form.to_owned(),
            });
        }
        let number = self.objects.len();
        let object = self.objects.last().ok_or_else(no_object)?;
        manifest::check_word("form", form)
            .map_err(|reason| Error::new("host.internal", reason).object(&object.name))?;
        let (name, entry) = (&object.name.name, object.entries.len());
        let (path, target) = match &mut self.destination {
            Destination::File(file) => {
                (member::path(number, name, entry, form), EntryTarget::File { frame: file.start(), failed: false })
            }
            Destination::Snapshot(snapshot) => {
                snapshot.start();
                (member::plain_path(number, name, entry, form), EntryTarget::Snapshot { failed: None })
            }
        };
        Ok(EntryWriter { writer: self, target, path, form: form.to_owned() })
    }

    /// Writes the manifest before the entries and puts the archive in its place, all at once.
    pub fn finish(mut self, backup: Backup) -> Result<Written> {
        let (manifest, totals) = self.manifest(&backup)?;
        let digest = Digest::of(&manifest);
        let Totals { objects, rows, bytes, entries } = totals;
        let (archive_bytes, stored) = match self.destination {
            Destination::File(file) => (file.finish(&manifest, digest)?, None),
            Destination::Snapshot(snapshot) => {
                let sums = Sums { objects, records: rows, bytes, files: entries };
                let stored = snapshot.finish(&manifest, &backup.created, sums)?;
                (stored.snapshot.stored_bytes, Some(stored))
            }
        };
        Ok(Written { backup, digest, objects, rows, bytes, archive_bytes, stored })
    }

    /// As [`Writer::finish`], but leaves nothing: says what an archive in a file would be.
    pub fn measure(mut self, backup: Backup) -> Result<Written> {
        let (manifest, Totals { objects, rows, bytes, .. }) = self.manifest(&backup)?;
        let archive_bytes = match &self.destination {
            Destination::File(file) => file.length(&manifest),
            Destination::Snapshot(_) => 0,
        };
        Ok(Written { backup, digest: Digest::of(&manifest), objects, rows, bytes, archive_bytes, stored: None })
    }

    fn manifest(&mut self, backup: &Backup) -> Result<(Vec<u8>, Totals)> {
        self.filter.finish()?;
        let totals = manifest::add_up(&self.objects)
            .ok_or_else(|| Error::new("host.internal", "The sizes of the entries add up to more than 2^64"))?;
        let manifest = manifest::write(backup, std::mem::take(&mut self.objects), totals)
            .map_err(|error| Error::new("host.internal", format!("The manifest cannot be written: {error}")))?;
        Ok((manifest, totals))
    }

    /// Whether an object was started that is not taken.
    fn is_skipped(&self) -> bool {
        !self.taken && !self.names.is_empty()
    }
}

/// Where an archive is written.
enum Destination {
    File(Box<FileWriter>),
    Snapshot(Box<SnapshotWriter>),
}

/// One entry that is being written.
pub struct EntryWriter<'a> {
    writer: &'a mut Writer,
    target: EntryTarget,
    path: String,
    form: String,
}

/// Where its bytes go.
enum EntryTarget {
    /// It belongs to an object that is not taken.
    Nowhere,
    File {
        frame: Frame,
        failed: bool,
    },
    Snapshot {
        failed: Option<Error>,
    },
}

impl EntryWriter<'_> {
    /// Ends the entry; `rows` where rows are what it holds.
    pub fn finish(mut self, rows: Option<u64>) -> Result<()> {
        self.writer.watch.cancel.check()?;
        let Some((bytes, sha256)) = self.end().map_err(|error| error.entry(&self.path))? else { return Ok(()) };
        let Self { writer, path, form, .. } = self;
        writer.watch.rows.fetch_add(rows.unwrap_or_default(), Ordering::Relaxed);
        let object = writer.objects.last_mut().ok_or_else(no_object)?;
        object.entries.push(Entry { path, form, bytes, rows, sha256: Some(sha256), stored: None });
        Ok(())
    }

    fn end(&mut self) -> Result<Option<(u64, Digest)>> {
        match (&mut self.target, &mut self.writer.destination) {
            (EntryTarget::File { failed: true, .. }, Destination::File(file)) => {
                Err(file.fault(io::Error::other("an earlier part of the entry could not be written")))
            }
            (EntryTarget::File { frame, .. }, Destination::File(file)) => {
                file.end(frame, &self.path)?;
                Ok(Some((frame.bytes, frame.digest())))
            }
            (EntryTarget::Snapshot { failed: Some(error) }, _) => Err(error.clone()),
            (EntryTarget::Snapshot { .. }, Destination::Snapshot(snapshot)) => {
                let (bytes, digest) = snapshot.end(&self.path)?;
                Ok(Some((bytes, Digest(digest))))
            }
            _ => Ok(None),
        }
    }
}

impl Write for EntryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.writer.watch.cancel.is_cancelled() {
            return Err(io::Error::other("it was stopped"));
        }
        self.writer.watch.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match (&mut self.target, &mut self.writer.destination) {
            (EntryTarget::File { frame, failed }, Destination::File(file)) => {
                let written = file.write(frame, bytes);
                *failed |= written.is_err();
                written
            }
            (EntryTarget::Snapshot { failed }, Destination::Snapshot(snapshot)) => {
                snapshot.write(bytes).map_err(|error| {
                    *failed = Some(error.clone());
                    io::Error::other(error)
                })?;
                Ok(bytes.len())
            }
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn no_object() -> Error {
    Error::new("host.internal", "An archive's entry or attributes came before their object")
}
