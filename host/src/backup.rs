//! Writing reinstate's own archives.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use tempfile::NamedTempFile;

use crate::catalog::manifest::{self, NAME, SUM_NAME};
use crate::catalog::{Backup, Digest, Entry, Object, ObjectName, Totals};
use crate::error::{Error, Result};

pub(crate) mod attributes;
pub(crate) mod batches;
mod frame;
mod member;
#[cfg(test)]
mod tests;

use frame::{Compressor, Frame};
use member::{BLOCK, ZEROS};

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
///
/// Entries are compressed into a file without a name, as the members they will be; the manifest is known last and
/// comes first, so finishing copies them behind it.
pub struct Writer {
    destination: PathBuf,
    folder: PathBuf,
    overwrite: bool,
    members: File,
    /// Length of the finished members; what lies behind is an entry that was given up.
    length: u64,
    compressor: Compressor,
    objects: Vec<Object>,
    names: HashSet<ObjectName>,
}

impl Writer {
    /// Starts an archive that will be at `path`. Refuses an existing file unless `overwrite`.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let destination = std::path::absolute(path).map_err(|error| unwritable(path, error))?;
        check_destination(&destination, overwrite)?;
        let folder = destination.parent().unwrap_or(Path::new("/")).to_owned();
        let members = tempfile::tempfile_in(&folder).map_err(|error| unwritable(path, error))?;
        let compressor = Compressor::new().map_err(|error| unwritable(path, error))?;
        let (objects, names) = (Vec::new(), HashSet::new());
        Ok(Self { destination, folder, overwrite, members, length: 0, compressor, objects, names })
    }

    /// Starts the next object.
    pub fn object(&mut self, name: ObjectName, depends: Vec<ObjectName>) -> Result<()> {
        for name in depends.iter().chain([&name]) {
            manifest::check_name(name).map_err(|reason| Error::new("pack.bad_input", reason))?;
        }
        if !self.names.insert(name.clone()) {
            let message = format!("There are two objects called {}; keep one of them", manifest::shown(&name));
            return Err(Error::new("pack.bad_input", message).object(&name));
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
        let number = self.objects.len();
        let object = self.objects.last().ok_or_else(no_object)?;
        manifest::check_word("form", form)
            .map_err(|reason| Error::new("host.internal", reason).object(&object.name))?;
        let path = member::path(number, &object.name.name, object.entries.len(), form);
        let frame = self.compressor.start(self.length + BLOCK);
        Ok(EntryWriter { writer: self, frame, path, form: form.to_owned(), failed: false })
    }

    /// Writes the manifest before the entries and puts the archive in its place, all at once.
    pub fn finish(mut self, backup: Backup) -> Result<Written> {
        let totals = manifest::add_up(&self.objects)
            .ok_or_else(|| Error::new("host.internal", "The sizes of the entries add up to more than 2^64"))?;
        let manifest = manifest::write(&backup, std::mem::take(&mut self.objects), totals)
            .map_err(|error| Error::new("host.internal", format!("The manifest cannot be written: {error}")))?;
        let digest = Digest::of(&manifest);
        let archive_bytes = self.assemble(&manifest, digest).map_err(|error| self.fault(error))?;
        let Totals { objects, rows, bytes, .. } = totals;
        Ok(Written { backup, digest, objects, rows, bytes, archive_bytes })
    }

    /// Ends the entry's member: its padding, and its header, whose place was left free.
    fn add(&mut self, path: &str, size: u64) -> io::Result<()> {
        let (header, padding) = (member::header(path, size)?, member::padding(size));
        self.members.write_all_at(&header, self.length)?;
        self.members.write_all_at(padding, self.length + BLOCK + size)?;
        self.length += BLOCK + size + padding.len() as u64;
        Ok(())
    }

    fn assemble(&self, manifest: &[u8], digest: Digest) -> io::Result<u64> {
        let temporary = tempfile::Builder::new()
            .prefix(".reinstate-")
            // As for any new file: the process's mask decides who may read it.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(&self.folder)?;
        let mut out = temporary.as_file();
        for (path, bytes) in [(NAME, manifest), (SUM_NAME, manifest::sum(digest).as_bytes())] {
            let size = bytes.len() as u64;
            out.write_all(&member::header(path, size)?)?;
            out.write_all(bytes)?;
            out.write_all(member::padding(size))?;
        }
        // Between files the system copies by itself, or shares the blocks.
        io::copy(&mut io::Read::take(&self.members, self.length), &mut out)?;
        out.write_all(&ZEROS)?;
        out.sync_all()?;
        let length = out.metadata()?.len();
        self.publish(temporary)?;
        Ok(length)
    }

    fn publish(&self, temporary: NamedTempFile) -> io::Result<()> {
        if self.overwrite {
            temporary.persist(&self.destination)?;
        } else {
            temporary.persist_noclobber(&self.destination)?;
        }
        File::open(&self.folder)?.sync_all()
    }

    fn fault(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.destination),
            _ => unwritable(&self.destination, error),
        }
    }
}

/// One entry that is being written.
pub struct EntryWriter<'a> {
    writer: &'a mut Writer,
    frame: Frame,
    path: String,
    form: String,
    failed: bool,
}

impl EntryWriter<'_> {
    /// Ends the entry; `rows` where rows are what it holds.
    pub fn finish(mut self, rows: Option<u64>) -> Result<()> {
        let ended = self.end();
        let Self { writer, frame, path, form, .. } = self;
        ended.map_err(|error| writer.fault(error).entry(&path))?;
        let (bytes, sha256) = (frame.bytes, frame.digest());
        let object = writer.objects.last_mut().ok_or_else(no_object)?;
        object.entries.push(Entry { path, form, bytes, rows, sha256: Some(sha256), stored: None });
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier part of the entry could not be written"));
        }
        self.writer.compressor.finish(&mut self.frame, &self.writer.members)?;
        self.writer.add(&self.path, self.frame.stored)
    }
}

impl Write for EntryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.compressor.write(&mut self.frame, &self.writer.members, bytes);
        self.failed |= written.is_err();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Only a regular file is ever replaced: not a folder, and never a device.
fn check_destination(path: &Path, overwrite: bool) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && overwrite => Ok(()),
        Ok(found) if found.is_file() => Err(exists(path)),
        Ok(_) => {
            let message = format!("{} is there and is no regular file; name another file", path.display());
            Err(Error::new("backup.exists", message))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(path, error)),
    }
}

fn exists(path: &Path) -> Error {
    let message = format!("{} exists; name another file, or allow it to be overwritten", path.display());
    Error::new("backup.exists", message)
}

fn unwritable(path: &Path, error: impl Display) -> Error {
    Error::new("host.io", format!("The archive {} cannot be written: {error}", path.display()))
}

fn no_object() -> Error {
    Error::new("host.internal", "An archive's entry or attributes came before their object")
}
