//! The objects of an archive: what a backup holds, whatever its container.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

pub use crate::name::ObjectName;

use crate::archive::Archive;
use crate::error::Result as Fallible;

mod agree;
mod decode;
mod foreign;
mod inflate;
mod layout;
pub(crate) mod manifest;
mod merge;
pub mod payload;
mod pump;
#[cfg(test)]
mod tests;
mod verify;

use manifest::Manifest;
pub use manifest::Totals;
pub use verify::verify;

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "A SHA-256 digest is 64 hexadecimal digits";
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(wrong);
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let mut digest = [0; 32];
        if pairs.len() != digest.len() {
            return Err(wrong);
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low).ok_or(wrong)?;
        }
        Ok(Self(digest))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

/// One payload of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The member of the container that holds it, compressed where the name ends in `.zst`.
    pub path: String,
    /// What its bytes are: `csv`, `arrow`, `json`, `bytes`, or a plugin's own word.
    pub form: String,
    /// Length in bytes, uncompressed; an estimate where the backup does not say ([`Stored::exact`]).
    pub bytes: u64,
    /// Rows, where rows are what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Digest of the uncompressed bytes; our own archives have one for every entry, foreign backups have none.
    pub sha256: Option<Digest>,
    /// Where a foreign backup holds it; our own archives hold it in the member `path`.
    #[serde(skip)]
    pub stored: Option<Stored>,
}

/// Where the bytes of a foreign backup's entry are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The container's member.
    pub member: String,
    /// Which of its bytes.
    pub extent: Extent,
    /// How they are compressed.
    pub compression: Compression,
    /// Whether [`Entry::bytes`] is the length and not an estimate.
    pub exact: bool,
}

/// Which bytes of a member make an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// All of them.
    Whole,
    /// So many from an offset on.
    Span {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// Blocks: each a sign byte, a length of `width` bytes (the smallest first), and so many bytes; one of length 0 ends them.
    Blocks {
        /// Where the first begins.
        offset: u64,
        /// Bytes of a length, 1 to 8.
        width: u8,
    },
}

/// How a foreign backup compresses an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "The names say it")]
pub enum Compression {
    None,
    Gzip,
    Zlib,
    Lz4,
    Zstd,
}

/// When an object is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Before rows; the object's own rows come with it.
    PreData,
    /// Rows of their own, and what follows from rows.
    Data,
    /// After all rows.
    PostData,
}

/// One object of a backup.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is called.
    pub name: ObjectName,
    /// One JSON object whose members depend on the kind; only plugins look inside.
    pub attributes: Box<RawValue>,
    /// Objects that must exist before it.
    pub depends: Vec<ObjectName>,
    /// Its payloads, in order; entry `i` is part `i`.
    pub entries: Vec<Entry>,
    /// When it is restored.
    pub section: Section,
}

/// Which backup this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The backup's name.
    pub name: String,
    /// The snapshot's id within the backup.
    pub id: String,
    /// When it was taken, RFC 3339.
    pub created: String,
    /// The source's position (a log sequence number, a data version), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// What it was taken from: `sqlite`, `directory`, ….
    pub source: String,
    /// The SQL dialect of the expressions in attributes; empty when there are none.
    #[serde(default)]
    pub dialect: String,
}

/// Everything an archive holds.
#[derive(Debug)]
pub struct Catalog {
    /// Which backup it is.
    pub backup: Backup,
    /// Its objects, in the archive's order.
    pub objects: Vec<Object>,
    /// The identity of the whole archive: of our own the manifest's digest, which holds every entry's; of a foreign backup that
    /// of everything its layout says.
    pub digest: Digest,
    /// The plugin that understood a foreign backup, by name.
    pub layout: Option<String>,
}

impl Catalog {
    /// Reads the manifest of reinstate's own archives and holds it against the archive's index.
    pub fn read(archive: &Archive) -> Fallible<Self> {
        let bytes = agree::manifest_bytes(archive)?;
        let digest = Digest::of(&bytes);
        agree::check_digest(archive, digest)?;
        let Manifest { backup, objects } = manifest::parse(&bytes)?;
        // The bytes are no longer needed and may be large.
        drop(bytes);
        agree::check_objects(archive, &objects)?;
        Ok(Self { backup, objects, digest, layout: None })
    }

    /// Whether the archive is one of reinstate's own.
    pub fn is_own(archive: &Archive) -> bool {
        archive.member(manifest::NAME).is_some()
    }

    /// What its objects add up to.
    pub fn totals(&self) -> Totals {
        // Reading refused sums that are beyond every number.
        manifest::add_up(&self.objects).unwrap_or_default()
    }
}
