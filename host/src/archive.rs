//! One sealed backup: its container (tar, folder, single file, or a snapshot in a repository), an index of members, strict reading under limits.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::repository::{Repository, Snapshot};
use crate::source::{Location, SnapshotAt};

#[cfg(test)]
pub(crate) mod build;
mod folder;
mod header;
mod index;
mod keep;
mod path;
mod pax;
mod section;
mod sniff;
pub(crate) mod stream;
mod tarfile;
#[cfg(test)]
mod tests;
mod walk;

use folder::Folder;
use index::Index;
pub(crate) use section::Section;
use stream::Compression;

/// The member that our own archives have, packed or unpacked.
pub(crate) const MANIFEST: &str = "manifest.json";
/// What the only member of a single file is called, wherever the file is and whatever it is called: renaming a backup, or
/// keeping one from standard input, does not make another one of it.
pub const SINGLE: &str = "backup";

/// What an archive may ask of us before it is refused.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Members.
    pub members: u64,
    /// Bytes of a member's name.
    pub name_bytes: usize,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// Bytes of the whole container, decompressed.
    pub container_bytes: u64,
    /// How many times larger than its compressed form anything may be.
    pub ratio: u64,
    /// Bytes that a stream which cannot seek may take on disk.
    pub spool_bytes: u64,
    /// zstd's window, as a power of two.
    pub window_log: u32,
    /// The same for entries of foreign backups, whose makers choose larger ones.
    pub foreign_window_log: u32,
}

/// How an archive is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// What it may ask of us.
    pub limits: Limits,
    /// Where a stream that cannot seek is spooled; the system's folder for temporary files when absent.
    pub spool: Option<PathBuf>,
    /// Stops the spooling of a long stream.
    pub cancel: Cancel,
}

/// A member of the container, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// A relative path that cannot escape.
    pub path: String,
    /// Stored length in bytes.
    pub size: u64,
    offset: u64,
}

/// An open archive; members can be read side by side and in any order.
#[derive(Debug)]
pub struct Archive {
    location: String,
    limits: Limits,
    index: Index,
    store: Store,
    /// Where the spool of a stream was kept.
    kept: OnceLock<PathBuf>,
}

/// Where the bytes of members are.
#[derive(Debug)]
enum Store {
    /// A tar file or single file that the operator named.
    File(Arc<File>),
    /// The same without a name, made of a stream which cannot be read again.
    Stream(Arc<File>),
    Folder(Folder),
    /// Payloads are read by ranges and decompressed on the way: its members are not compressed.
    Snapshot(Box<Snapshot>),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members: 2_000_000,
            name_bytes: 1024,
            manifest_bytes: 1 << 30,
            container_bytes: 1 << 44,
            ratio: 1000,
            spool_bytes: 1 << 40,
            window_log: 23,
            foreign_window_log: 25,
        }
    }
}

impl Archive {
    /// Opens an archive and reads its index, refusing what breaks a rule.
    pub fn open(location: &Location, options: &OpenOptions) -> Result<Self> {
        match location {
            Location::Stdin => Self::from_stream(std::io::stdin().lock(), options),
            Location::Path(path) => Self::from_path(path, options),
            Location::Snapshot(at) => Self::from_snapshot(at, options),
        }
    }

    fn from_snapshot(at: &SnapshotAt, options: &OpenOptions) -> Result<Self> {
        let repository = Repository::open(&at.repository)?;
        let snapshot = Snapshot::open(&repository, &at.backup, at.id, options.limits.manifest_bytes)?;
        let members = snapshot_members(&snapshot, &options.limits)?;
        Self::new(snapshot.location(), options, members, Store::Snapshot(Box::new(snapshot)))
    }

    /// Reads an archive from a stream that cannot seek, to its end, into the spool.
    pub fn from_stream(stream: impl Read, options: &OpenOptions) -> Result<Self> {
        let (spool, members) = stream::spool(stream, options)?;
        Self::new("-".into(), options, members, Store::Stream(Arc::new(spool)))
    }

    fn from_path(path: &Path, options: &OpenOptions) -> Result<Self> {
        let unreadable = |error| unreadable(path, error);
        let place = std::path::absolute(path).map_err(unreadable)?;
        let location = place.display().to_string();
        let sort = fs::metadata(&place).map_err(unreadable)?.file_type();
        if sort.is_dir() {
            let folder = Folder::open(&place).map_err(unreadable)?;
            let members = folder.members(&options.limits)?;
            return Self::new(location, options, members, Store::Folder(folder));
        }
        let file = File::open(&place).map_err(unreadable)?;
        if sort.is_file() {
            let head = head(&file).map_err(unreadable)?;
            if Compression::detect(&head) == Compression::None {
                let members = plain(&file, &head, &options.limits)?;
                return Self::new(location, options, members, Store::File(Arc::new(file)));
            }
        }
        let (spool, members) = stream::spool(&file, options)?;
        let spool = Arc::new(spool);
        // A compressed file can be read again; a pipe with a name cannot.
        let store = if sort.is_file() { Store::File(spool) } else { Store::Stream(spool) };
        Self::new(location, options, members, store)
    }

    fn new(location: String, options: &OpenOptions, members: Vec<Member>, store: Store) -> Result<Self> {
        let index = Index::new(members)?;
        Ok(Self { location, limits: options.limits.clone(), index, store, kept: OnceLock::new() })
    }

    /// Where it is, as the operator wrote it (absolute for files); the spool's path for a stream that was kept.
    pub fn location(&self) -> String {
        match self.kept.get() {
            Some(place) => place.display().to_string(),
            None => self.location.clone(),
        }
    }

    /// Whether the archive came as a stream that cannot be read again, so that a job which may have to be resumed
    /// must [keep](Self::keep_spool) it.
    pub fn is_stream(&self) -> bool {
        matches!(self.store, Store::Stream(_)) && self.kept.get().is_none()
    }

    /// Keeps the spool of a stream as a plain file at `place`, where it can be opened again; from then on it is the
    /// archive's location, and whoever kept it removes it. Does nothing for an archive that has a place of its own.
    pub fn keep_spool(&self, place: &Path) -> Result<()> {
        let Store::Stream(spool) = &self.store else {
            return Ok(());
        };
        let failed =
            |error| Error::new("host.io", format!("The archive cannot be kept at {}: {error}", place.display()));
        let place = std::path::absolute(place).map_err(failed)?;
        keep::keep(spool, &place).map_err(failed)?;
        // A second call leaves the first place as the location; both hold the archive.
        let _ = self.kept.set(place);
        Ok(())
    }

    /// What it may ask of us.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its members, in order.
    pub fn members(&self) -> &[Member] {
        self.index.members()
    }

    /// The member of that name.
    pub fn member(&self, path: &str) -> Option<&Member> {
        self.position(path).map(|number| &self.members()[number])
    }

    /// The number of the member of that name.
    pub(crate) fn position(&self, path: &str) -> Option<usize> {
        self.index.position(path)
    }

    /// How many hold the container's file: one, and each reader.
    #[cfg(test)]
    pub(crate) fn readers(&self) -> usize {
        match &self.store {
            Store::File(file) | Store::Stream(file) => Arc::strong_count(file),
            Store::Folder(_) | Store::Snapshot(_) => 0,
        }
    }

    /// A member's stored bytes.
    pub fn read(&self, member: &Member) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.section(member, 0, member.size)?))
    }

    /// Stored bytes of a member: at most so many, from an offset on.
    pub(crate) fn section(&self, member: &Member, offset: u64, bytes: u64) -> Result<Section> {
        let offset = offset.min(member.size);
        let left = bytes.min(member.size - offset);
        let file = match &self.store {
            Store::File(file) | Store::Stream(file) => file.clone(),
            Store::Folder(folder) => Arc::new(folder.file(member).map_err(|error| {
                let message = format!("The archive's entry {} cannot be read: {error}", member.path);
                Error::new("archive.io", message).entry(&member.path)
            })?),
            Store::Snapshot(snapshot) => return snapshot_section(snapshot, member, offset, left),
        };
        Ok(Section::of_file(file, member.offset + offset, left))
    }
}

/// Manifest and digest, and the payloads that the manifest names.
fn snapshot_members(snapshot: &Snapshot, limits: &Limits) -> Result<Vec<Member>> {
    let payloads = snapshot.payloads()?;
    if payloads.len() as u64 > limits.members {
        return Err(Error::new("archive.limit", format!("The archive has more than {} entries", limits.members)));
    }
    let sum = sum(snapshot).len() as u64;
    let own = [(MANIFEST.to_owned(), snapshot.manifest().len() as u64), (format!("{MANIFEST}.sha256"), sum)];
    own.into_iter()
        .chain(payloads)
        .map(|(path, size)| {
            path::check(path.as_bytes(), limits.name_bytes).map_err(|reason| {
                let shown = path::shown(path.as_bytes());
                Error::new("archive.bad_entry", format!("Entry `{shown}` is refused: {reason}")).entry(shown)
            })?;
            Ok(Member { path, size, offset: 0 })
        })
        .collect()
}

/// The digest as the archive's second member says it.
fn sum(snapshot: &Snapshot) -> String {
    format!("{}  {MANIFEST}\n", snapshot.manifest_digest())
}

fn snapshot_section(snapshot: &Snapshot, member: &Member, offset: u64, left: u64) -> Result<Section> {
    let part = |bytes: &[u8]| {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Section::of_bytes(bytes[start..].to_vec(), left)
    };
    match member.path.strip_prefix(MANIFEST) {
        Some("") => Ok(part(snapshot.manifest())),
        Some(".sha256") => Ok(part(sum(snapshot).as_bytes())),
        _ => Ok(Section::of_reader(snapshot.read(&member.path, offset)?, left)),
    }
}

/// The first bytes of a file: enough to tell what it is.
fn head(file: &File) -> std::io::Result<Vec<u8>> {
    let mut head = vec![0; sniff::HEAD];
    let mut filled = 0;
    while filled < head.len() {
        match file.read_at(&mut head[filled..], filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// The members of a file that is not compressed.
fn plain(file: &File, head: &[u8], limits: &Limits) -> Result<Vec<Member>> {
    if sniff::is_single(head) {
        return tarfile::length(file, limits).map(single);
    }
    tarfile::members(file, limits)
}

/// The members of a container that is one file.
fn single(size: u64) -> Vec<Member> {
    vec![Member { path: SINGLE.to_owned(), size, offset: 0 }]
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let path = path.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::new("archive.not_found", format!("There is no archive at {path}; check the path"));
    }
    Error::new("archive.io", format!("The archive {path} cannot be read: {error}"))
}
