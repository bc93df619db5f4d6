//! Where the data of entries are: in blocks of the custom file, or in files beside the table of contents.

use std::collections::{HashMap, HashSet};

use reinstate_plugin::{ArchiveReader, Compression, Extent, Failure, Payload};

use crate::attributes::BYTES;

use super::fault::{damaged, data_missing};
use super::find::Files;
use super::header::Codec;
use super::input::Input;
use super::toc::{Entry, Place};

mod blocks;
mod lists;

/// Suffixes that a compressed file's name has, in the order in which they are looked for.
const SUFFIXES: [(&str, Compression); 4] =
    [("", Compression::None), (".gz", Compression::Gzip), (".lz4", Compression::Lz4), (".zst", Compression::Zstd)];

/// Where everything is.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// Rows by the entry's position in the table of contents.
    rows: HashMap<u32, Spot>,
    /// Large objects by the position of the entry that holds them.
    large: HashMap<u32, Vec<Large>>,
    /// How blocks are compressed and how wide their lengths are; absent where data are files.
    blocks: Option<(Compression, u8)>,
}

/// Where bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    /// Place of the first block in the custom file, or of the file among the members.
    at: u64,
    /// In a custom file: there is no block, so there is no compressed stream either.
    empty: bool,
    compression: Compression,
}

/// A large object's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Large {
    pub(super) oid: u32,
    spot: Spot,
}

impl Data {
    /// Finds the data of all entries that have some. The input is behind the table of contents.
    pub(super) fn locate(
        archive: &dyn ArchiveReader,
        input: &mut Input<'_>,
        files: &Files,
        entries: &[Entry],
        codec: Codec,
    ) -> Result<Self, Failure> {
        let custom = entries.iter().any(|entry| matches!(entry.place, Place::Offset(_)));
        let data = if custom {
            blocks::locate(archive, input, entries, compression(codec))?
        } else {
            lists::locate(archive, input, files, entries)?
        };
        data.check_large_objects()?;
        data.check_places(files)?;
        Ok(data)
    }

    /// What two entries share could be written twice.
    fn check_places(&self, files: &Files) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        let spots = self.rows.values().chain(self.large.values().flatten().map(|large| &large.spot));
        match spots.into_iter().find(|spot| !seen.insert(spot.at)) {
            None => Ok(()),
            Some(_) if self.blocks.is_some() => Err(damaged("Two entries of the archive have the same data")),
            Some(spot) => {
                let path = files.members[spot.at as usize].path.escape_debug();
                Err(damaged(format!("Two entries of the archive have their data in {path}")))
            }
        }
    }

    fn check_large_objects(&self) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        match self.large.values().flatten().find(|large| !seen.insert(large.oid)) {
            Some(large) => Err(damaged(format!("The archive holds the large object {} twice", large.oid))),
            None => Ok(()),
        }
    }

    /// Takes the large objects that an entry holds.
    pub(super) fn take_large(&mut self, entry: u32) -> Vec<Large> {
        self.large.remove(&entry).unwrap_or_default()
    }

    /// The rows of an entry as a payload; nothing when it has none.
    pub(super) fn rows(&self, files: &Files, at: u32, entry: &Entry, form: &str) -> Option<Payload> {
        let spot = self.rows.get(&at)?;
        Some(self.payload(files, spot, &format!("#{}", entry.dump_id), form))
    }

    /// A large object as a payload.
    pub(super) fn large_object(&self, files: &Files, entry: &Entry, large: &Large) -> Payload {
        self.payload(files, &large.spot, &format!("#{}/{}", entry.dump_id, large.oid), BYTES)
    }

    fn payload(&self, files: &Files, spot: &Spot, suffix: &str, form: &str) -> Payload {
        let (path, member, extent, compression, bytes) = match self.blocks {
            Some((compression, width)) => {
                let member = files.main.path.clone();
                let (compression, bytes) = if spot.empty { (Compression::None, Some(0)) } else { (compression, None) };
                (format!("{member}{suffix}"), member, Extent::Blocks((spot.at, width)), compression, bytes)
            }
            None => {
                let member = &files.members[spot.at as usize];
                let bytes = (spot.compression == Compression::None).then_some(member.size);
                (member.path.clone(), member.path.clone(), Extent::Whole, spot.compression, bytes)
            }
        };
        Payload { path, member, extent, compression, form: form.to_owned(), bytes, rows: None }
    }
}

fn compression(codec: Codec) -> Compression {
    match codec {
        Codec::None => Compression::None,
        Codec::Zlib => Compression::Zlib,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
    }
}

/// What to call an entry in messages.
fn named(entry: &Entry) -> String {
    let schema = entry.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
    format!("{} {schema}{}", entry.desc, entry.tag).escape_debug().take(200).collect()
}

fn missing(entry: &Entry, why: &str) -> Failure {
    data_missing(format!("The data of entry {} ({}) are not in the archive: {why}", entry.dump_id, named(entry)))
}
