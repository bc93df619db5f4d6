//! An entry's bytes: decompressed, with length and digest checked before the last of them is given away.

use std::io::Read;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::archive::Archive;
use crate::error::{Error, Result};

use super::agree::COMPRESSED;
use super::inflate::{Fault, Inflate};
use super::{Digest, Entry};

/// An entry that is being read.
pub struct Payload {
    bytes: Source,
    path: String,
    length: u64,
    /// Bytes that are still to come.
    left: u64,
    hash: Option<Sha256>,
    digest: Option<Digest>,
    end: End,
}

enum Source {
    Stored(Box<dyn Read + Send>),
    Compressed(Box<Inflate>),
}

/// Whether there is more, and if not, why.
enum End {
    Ahead,
    Reached,
    Failed(Error),
}

impl Payload {
    /// Opens the entry at its beginning. `verify` compares the digest at the end; the length is always compared.
    pub fn open(archive: &Archive, entry: &Entry, verify: bool) -> Result<Self> {
        let Some(member) = archive.member(&entry.path) else {
            let message = format!("The archive does not hold the entry {}", entry.path);
            return Err(Error::new("archive.entry_missing", message).entry(&entry.path));
        };
        let stored = archive.read(member)?;
        let bytes = if entry.path.ends_with(COMPRESSED) {
            Source::Compressed(Box::new(Inflate::new(stored, member.size, entry.bytes, archive.limits().window_log)))
        } else {
            Source::Stored(stored)
        };
        let hash = (verify && entry.sha256.is_some()).then(Sha256::new);
        let (path, length, digest) = (entry.path.clone(), entry.bytes, entry.sha256);
        Ok(Self { bytes, path, length, left: length, hash, digest, end: End::Ahead })
    }

    /// The next bytes, at most `max` (and at least 1), as many as there are; empty at the end. The last ones only come
    /// after length and digest were right. After an error there is nothing but that error.
    pub fn next(&mut self, max: usize) -> Result<Bytes> {
        match &self.end {
            End::Reached => return Ok(Bytes::new()),
            End::Failed(error) => return Err(error.clone()),
            End::Ahead => {}
        }
        let next = self.fill(max).map_err(|fault| self.explain(fault));
        match &next {
            Ok(_) if self.left == 0 => self.end = End::Reached,
            Ok(_) => {}
            Err(error) => self.end = End::Failed(error.clone()),
        }
        next
    }

    fn fill(&mut self, max: usize) -> Result<Bytes, Fault> {
        let wanted = max.max(1).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        // Decompressed in place and given away without a copy.
        let mut out = Vec::with_capacity(wanted);
        match &mut self.bytes {
            Source::Stored(stored) => stored.take(wanted as u64).read_to_end(&mut out).map(drop)?,
            Source::Compressed(inflate) => inflate.fill(&mut out, wanted)?,
        }
        if out.len() < wanted {
            return Err(Fault::Short);
        }
        self.left = self.left.checked_sub(out.len() as u64).ok_or(Fault::Long)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&out);
        }
        if self.left == 0 {
            self.check_end()?;
        }
        Ok(Bytes::from(out))
    }

    fn check_end(&mut self) -> Result<(), Fault> {
        match &mut self.bytes {
            Source::Stored(stored) => {
                if stored.read(&mut [0])? != 0 {
                    return Err(Fault::Long);
                }
            }
            Source::Compressed(inflate) => inflate.end()?,
        }
        let found = self.hash.take().map(|hash| Digest(hash.finalize().into()));
        if found.is_some_and(|found| Some(found) != self.digest) {
            return Err(Fault::Digest);
        }
        Ok(())
    }

    fn explain(&self, fault: Fault) -> Error {
        let (path, length) = (&self.path, self.length);
        let reason = match fault {
            Fault::Io(error) => {
                return Error::new("archive.io", format!("The entry {path} cannot be read: {error}")).entry(path);
            }
            Fault::Window => {
                let message =
                    format!("The entry {path} was compressed with a larger zstd window than the limit allows");
                return Error::new("archive.limit", message).entry(path);
            }
            Fault::Short => format!("it ends before the {length} bytes that the manifest says"),
            Fault::Long => format!("it has more than the {length} bytes that the manifest says"),
            Fault::Stated(stated) => format!("its zstd frame says {stated} bytes and the manifest {length}"),
            Fault::Trailing => "bytes follow its zstd frame".to_owned(),
            Fault::Zstd(reason) => format!("its zstd frame is broken ({reason})"),
            Fault::Digest => "its SHA-256 is not the one in the manifest".to_owned(),
        };
        Error::new("archive.checksum_mismatch", format!("The entry {path} is damaged or was changed: {reason}"))
            .entry(path)
    }
}
