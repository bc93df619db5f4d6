//! `chunks.json.zst`: where the chunks of every payload of a snapshot are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use super::chunker::LARGEST;
use super::document::runs;
use super::{hex, unhex};

const VERSION: u32 = 1;
/// A frame of a chunk that does not shrink is a little longer than the chunk.
const LONGEST_FRAME: u32 = LARGEST as u32 + (64 << 10);

/// SHA-256 of a chunk.
pub(super) type ChunkDigest = [u8; 32];

/// A pack: the snapshot that stored it, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pack {
    pub(super) id: u64,
    pub(super) number: u32,
}

/// A chunk, and where its frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) pack: Pack,
    pub(super) offset: u64,
    /// Bytes of the frame.
    pub(super) length: u32,
    /// Bytes of what it holds.
    pub(super) raw: u32,
    pub(super) digest: ChunkDigest,
}

/// The payloads of a snapshot and their chunks, in the manifest's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) members: Vec<(String, Vec<Chunk>)>,
}

/// As the file spells it: packs are named once, chunks are short lists.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    packs: Vec<String>,
    members: Vec<MemberRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberRecord {
    path: String,
    /// Number of the pack in the list above, offset, length, length of what it holds, digest.
    chunks: Vec<(usize, u64, u32, u32, String)>,
}

impl fmt::Display for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/pack-{:06}", self.id, self.number)
    }
}

impl FromStr for Pack {
    type Err = ();

    /// Only the one spelling: what a table names is never another file.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, number) = text.split_once("/pack-").ok_or(())?;
        let pack = Self { id: id.parse().map_err(drop)?, number: number.parse().map_err(drop)? };
        if pack.to_string() == text { Ok(pack) } else { Err(()) }
    }
}

impl Table {
    pub(super) fn parse(bytes: &[u8], shown: &str) -> Result<Self> {
        let bad = |reason: String| Error::new("repository.damaged", format!("{shown} cannot be understood: {reason}"));
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| bad(error.to_string().escape_debug().take(200).collect()))?;
        if document.version != VERSION {
            return Err(bad(format!("its version is {} and this program reads version {VERSION}", document.version)));
        }
        let packs: Vec<Pack> = document
            .packs
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, ()>>()
            .map_err(|()| bad("it names no packs".to_owned()))?;
        let mut members = Vec::with_capacity(document.members.len());
        for MemberRecord { path, chunks } in document.members {
            let chunks: Option<Vec<Chunk>> = chunks.iter().map(|record| chunk(record, &packs)).collect();
            let chunks = chunks.ok_or_else(|| bad(format!("a chunk of {} cannot be", path.escape_debug())))?;
            members.push((path, chunks));
        }
        Ok(Self { members })
    }

    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let names: BTreeSet<Pack> = self.chunks().map(|chunk| chunk.pack).collect();
        let places: BTreeMap<Pack, usize> = names.iter().enumerate().map(|(at, pack)| (*pack, at)).collect();
        let record = |chunk: &Chunk| (places[&chunk.pack], chunk.offset, chunk.length, chunk.raw, hex(&chunk.digest));
        let members = self
            .members
            .iter()
            .map(|(path, chunks)| MemberRecord { path: path.clone(), chunks: chunks.iter().map(record).collect() });
        let document = Document {
            version: VERSION,
            packs: names.iter().map(Pack::to_string).collect(),
            members: members.collect(),
        };
        super::document::write(&document)
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.members.iter().flat_map(|(_, chunks)| chunks)
    }

    /// Every chunk once, by its digest.
    pub(super) fn by_digest(&self) -> HashMap<ChunkDigest, Chunk> {
        self.chunks().map(|chunk| (chunk.digest, *chunk)).collect()
    }

    /// The packs it reads, as a backup's summary has them.
    pub(super) fn packs(&self) -> BTreeMap<u64, Vec<[u32; 2]>> {
        let mut numbers: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
        for Chunk { pack, .. } in self.chunks() {
            numbers.entry(pack.id).or_default().insert(pack.number);
        }
        numbers.iter().map(|(id, numbers)| (*id, runs(numbers))).collect()
    }
}

fn chunk(record: &(usize, u64, u32, u32, String), packs: &[Pack]) -> Option<Chunk> {
    let (pack, offset, length, raw, digest) = record;
    let pack = *packs.get(*pack)?;
    let sane = *raw >= 1 && *raw as usize <= LARGEST && *length >= 1 && *length <= LONGEST_FRAME;
    let end = offset.checked_add(u64::from(*length))?;
    let digest = unhex(digest)?;
    (sane && end < 1 << 62).then_some(Chunk { pack, offset: *offset, length: *length, raw: *raw, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let chunk = |id, number, offset| Chunk {
            pack: Pack { id, number },
            offset,
            length: 10,
            raw: 100,
            digest: [number as u8; 32],
        };
        let table = Table {
            members: vec![
                ("data/1.csv".to_owned(), vec![chunk(3, 1, 0), chunk(1, 2, 10)]),
                ("data/2.csv".to_owned(), vec![]),
                ("data/3.csv".to_owned(), vec![chunk(3, 2, 5)]),
            ],
        };
        let bytes = table.write().unwrap();
        assert_eq!(Table::parse(&bytes, "x").unwrap(), table);
        assert_eq!(table.packs(), BTreeMap::from([(1, vec![[2, 2]]), (3, vec![[1, 2]])]));
        assert_eq!(table.by_digest().len(), 2);
    }

    #[test]
    fn tables_that_lead_elsewhere_are_refused() {
        let digest = "ab".repeat(32);
        let table = |pack: &str, chunk: &str| {
            format!(r#"{{"version":1,"packs":["{pack}"],"members":[{{"path":"a","chunks":[{chunk}]}}]}}"#)
        };
        let good = format!(r#"[0,0,10,100,"{digest}"]"#);
        Table::parse(table("1/pack-000001", &good).as_bytes(), "x").unwrap();
        for pack in [
            "../pack-000001",
            "1/../pack-000001",
            "1/pack-1",
            "+1/pack-000001",
            "/pack-000001",
            "01/pack-000001",
            "1/x",
        ] {
            assert_eq!(
                Table::parse(table(pack, &good).as_bytes(), "x").unwrap_err().code(),
                "repository.damaged",
                "{pack}"
            );
        }
        for chunk in [
            format!(r#"[1,0,10,100,"{digest}"]"#),
            format!(r#"[0,0,10,4294967295,"{digest}"]"#),
            format!(r#"[0,0,10,0,"{digest}"]"#),
            format!(r#"[0,0,4294967295,100,"{digest}"]"#),
            format!(r#"[0,18446744073709551615,10,100,"{digest}"]"#),
            r#"[0,0,10,100,"xy"]"#.to_owned(),
        ] {
            assert!(Table::parse(table("1/pack-000001", &chunk).as_bytes(), "x").is_err(), "{chunk}");
        }
    }
}
