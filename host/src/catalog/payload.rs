//! An entry's bytes: decompressed, with length and digest checked before the last of them is given away.

use std::io::Read;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::archive::Archive;
use crate::error::{Error, Result};

use super::agree::COMPRESSED;
use super::foreign::Reader;
use super::inflate::{Fault, Inflate};
use super::pump::Pump;
use super::{Compression, Digest, Entry, Stored};

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
    Foreign(Foreign),
}

/// A foreign backup's entry. It is one chunk ahead: the last bytes are given away when the end behind them was seen.
struct Foreign {
    pump: Pump,
    chunk: Bytes,
    /// Empty behind the end.
    ahead: Bytes,
    begun: bool,
    /// Whether [`Payload::length`] is known and not guessed.
    exact: bool,
    read: u64,
}

/// Whether there is more, and if not, why.
enum End {
    Ahead,
    Reached,
    Failed(Error),
}

impl Payload {
    /// Opens the entry at its beginning. `verify` compares the digest at the end, where there is one; the length is always
    /// compared where the backup says it.
    pub fn open(archive: &Archive, entry: &Entry, verify: bool) -> Result<Self> {
        if let Some(stored) = &entry.stored {
            return Self::open_foreign(archive, entry, stored);
        }
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

    fn open_foreign(archive: &Archive, entry: &Entry, stored: &Stored) -> Result<Self> {
        let reader =
            Reader::open(archive, entry, stored).map_err(|fault| explain(fault, &entry.path, entry.bytes, "backup"))?;
        let foreign = Foreign {
            pump: Pump::new(reader, stored.compression != Compression::None),
            chunk: Bytes::new(),
            ahead: Bytes::new(),
            begun: false,
            exact: stored.exact,
            read: 0,
        };
        Ok(Self {
            bytes: Source::Foreign(foreign),
            path: entry.path.clone(),
            length: entry.bytes,
            left: entry.bytes,
            hash: None,
            digest: None,
            end: End::Ahead,
        })
    }

    /// The next bytes, at most `max` (and at least 1); empty at the end, and only there. The last ones only come after length
    /// and digest were right. After an error there is nothing but that error.
    pub fn next(&mut self, max: usize) -> Result<Bytes> {
        match &self.end {
            End::Reached => return Ok(Bytes::new()),
            End::Failed(error) => return Err(error.clone()),
            End::Ahead => {}
        }
        let next = match &mut self.bytes {
            Source::Foreign(foreign) => foreign.next(max.max(1), self.length),
            _ => self.fill(max),
        };
        let next = next.map_err(|fault| self.explain(fault));
        match &next {
            Ok(bytes) if bytes.is_empty() || self.is_done() => self.end = End::Reached,
            Ok(_) => {}
            Err(error) => self.end = End::Failed(error.clone()),
        }
        next
    }

    /// Whether the last bytes were given.
    fn is_done(&self) -> bool {
        !matches!(self.bytes, Source::Foreign(_)) && self.left == 0
    }

    fn fill(&mut self, max: usize) -> Result<Bytes, Fault> {
        let wanted = max.max(1).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        // Decompressed in place and given away without a copy.
        let mut out = Vec::with_capacity(wanted);
        match &mut self.bytes {
            Source::Stored(stored) => stored.take(wanted as u64).read_to_end(&mut out).map(drop)?,
            Source::Compressed(inflate) => inflate.fill(&mut out, wanted)?,
            // Gives its chunks itself.
            Source::Foreign(_) => {}
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
            Source::Foreign(_) => {}
        }
        let found = self.hash.take().map(|hash| Digest(hash.finalize().into()));
        if found.is_some_and(|found| Some(found) != self.digest) {
            return Err(Fault::Digest);
        }
        Ok(())
    }

    fn explain(&self, fault: Fault) -> Error {
        let witness = if matches!(self.bytes, Source::Foreign(_)) { "backup" } else { "manifest" };
        explain(fault, &self.path, self.length, witness)
    }
}

/// What is wrong with an entry; `witness` is what says its length.
fn explain(fault: Fault, path: &str, length: u64, witness: &str) -> Error {
    let limit = |reason: String| Error::new("archive.limit", format!("The entry {path} {reason}")).entry(path);
    let reason = match fault {
        Fault::Io(error) => {
            return Error::new("archive.io", format!("The entry {path} cannot be read: {error}")).entry(path);
        }
        Fault::Archive(error) => return error.entry(path),
        Fault::Window => return limit("was compressed with a larger zstd window than the limit allows".to_owned()),
        Fault::Ratio(ratio) => return limit(format!("grows more than {ratio} times when it is decompressed")),
        Fault::Short => format!("it ends before the {length} bytes that the {witness} says"),
        Fault::Long => format!("it has more than the {length} bytes that the {witness} says"),
        Fault::Stated(stated) => format!("its zstd frame says {stated} bytes and the manifest {length}"),
        Fault::Trailing => "bytes follow its zstd frame".to_owned(),
        Fault::Zstd(reason) => format!("its zstd frame is broken ({reason})"),
        Fault::Broken(reason) => format!("it cannot be unpacked ({reason})"),
        Fault::Digest => "its SHA-256 is not the one in the manifest".to_owned(),
    };
    Error::new("archive.checksum_mismatch", format!("The entry {path} is damaged or was changed: {reason}")).entry(path)
}

impl Foreign {
    fn next(&mut self, max: usize, length: u64) -> Result<Bytes, Fault> {
        if self.chunk.is_empty() {
            if !std::mem::replace(&mut self.begun, true) {
                self.ahead = self.fetch(length)?;
            }
            self.chunk = std::mem::take(&mut self.ahead);
            if !self.chunk.is_empty() {
                self.ahead = self.fetch(length)?;
            }
        }
        Ok(self.chunk.split_to(max.min(self.chunk.len())))
    }

    fn fetch(&mut self, length: u64) -> Result<Bytes, Fault> {
        let chunk = self.pump.chunk()?;
        self.read += chunk.len() as u64;
        match self.exact {
            true if self.read > length => Err(Fault::Long),
            true if chunk.is_empty() && self.read < length => Err(Fault::Short),
            _ => Ok(chunk),
        }
    }
}
