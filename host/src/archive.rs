//! One sealed backup: its container, an index of members, strict reading under limits.

use std::io::Read;
use std::path::PathBuf;

use crate::error::Result;
use crate::source::Location;

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
}

/// How an archive is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// What it may ask of us.
    pub limits: Limits,
    /// Where a stream that cannot seek is spooled; the system's folder for temporary files when absent.
    pub spool: Option<PathBuf>,
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
pub struct Archive {}

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
        }
    }
}

impl Archive {
    /// Opens an archive and reads its index, refusing what breaks a rule.
    pub fn open(location: &Location, options: &OpenOptions) -> Result<Self> {
        let _ = (location, options);
        unimplemented!()
    }

    /// Where it is, as the operator wrote it (absolute for files); the spool's path for a stream that was kept.
    pub fn location(&self) -> String {
        unimplemented!()
    }

    /// What it may ask of us.
    pub fn limits(&self) -> &Limits {
        unimplemented!()
    }

    /// Its members, in order.
    pub fn members(&self) -> &[Member] {
        unimplemented!()
    }

    /// The member of that name.
    pub fn member(&self, path: &str) -> Option<&Member> {
        let _ = path;
        unimplemented!()
    }

    /// A member's stored bytes.
    pub fn read(&self, member: &Member) -> Result<Box<dyn Read + Send>> {
        let _ = member;
        unimplemented!()
    }
}
