//! The archive that is a file.
//!
//! Entries are compressed into a file without a name, as the members they will be; the manifest is known last and
//! comes first, so finishing copies them behind it.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::catalog::Digest;
use crate::catalog::manifest::{self, NAME, SUM_NAME};
use crate::error::{Error, Result};

use super::frame::{Compressor, Frame};
use super::member::{self, BLOCK, ZEROS};

/// A file that will be an archive.
pub(super) struct FileWriter {
    destination: PathBuf,
    folder: PathBuf,
    overwrite: bool,
    members: File,
    /// Length of the finished members; what lies behind is an entry that was given up.
    length: u64,
    compressor: Compressor,
}

impl FileWriter {
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let destination = std::path::absolute(path).map_err(|error| unwritable(path, error))?;
        check_destination(&destination, overwrite)?;
        let folder = destination.parent().unwrap_or(Path::new("/")).to_owned();
        let members = tempfile::tempfile_in(&folder).map_err(|error| unwritable(path, error))?;
        let compressor = Compressor::new().map_err(|error| unwritable(path, error))?;
        Ok(Self { destination, folder, overwrite, members, length: 0, compressor })
    }

    /// Starts an entry.
    pub(super) fn start(&mut self) -> Frame {
        self.compressor.start(self.length + BLOCK)
    }

    /// Takes some of the entry's bytes.
    pub(super) fn write(&mut self, frame: &mut Frame, bytes: &[u8]) -> io::Result<usize> {
        self.compressor.write(frame, &self.members, bytes)
    }

    /// Ends the entry's member: its padding, and its header, whose place was left free.
    pub(super) fn end(&mut self, frame: &mut Frame, path: &str) -> Result<()> {
        let ended = self.compressor.finish(frame, &self.members).and_then(|()| self.add(path, frame.stored));
        ended.map_err(|error| self.fault(error))
    }

    fn add(&mut self, path: &str, size: u64) -> io::Result<()> {
        let (header, padding) = (member::header(path, size)?, member::padding(size));
        self.members.write_all_at(&header, self.length)?;
        self.members.write_all_at(padding, self.length + BLOCK + size)?;
        self.length += BLOCK + size + padding.len() as u64;
        Ok(())
    }

    /// Puts the archive in its place; gives its length.
    pub(super) fn finish(&self, manifest: &[u8], digest: Digest) -> Result<u64> {
        self.assemble(manifest, digest).map_err(|error| self.fault(error))
    }

    /// How long it would be with this manifest.
    pub(super) fn length(&self, manifest: &[u8]) -> u64 {
        let sum = manifest::sum(Digest::of(manifest)).len() as u64;
        let member = |size: u64| BLOCK + size.next_multiple_of(BLOCK);
        member(manifest.len() as u64) + member(sum) + self.length + ZEROS.len() as u64
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

    pub(super) fn fault(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.destination),
            _ => unwritable(&self.destination, error),
        }
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
