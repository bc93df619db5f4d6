//! Data in a custom file: a type, the entry's number, and blocks.
//!
//! Offsets in the table of contents say where they begin, unless the dump was written to a pipe, or by pg_dump 16 and newer
//! to a redirected output: then the blocks are walked, by their lengths, until all that are wanted have been found. What
//! comes behind (newer versions append their table of contents once more) is not looked at.

use std::collections::HashMap;

use reinstate_plugin::{ArchiveReader, Compression, Failure};

use super::super::fault::damaged;
use super::super::input::{Input, Offset};
use super::super::toc::{Entry, Place};
use super::{Data, Large, Spot, missing};

/// Types of what comes in blocks.
const ROWS: u8 = 1;
const LARGE_OBJECTS: u8 = 3;
/// Memory that a large object's place takes.
const LARGE_BYTES: u64 = 64;

pub(super) fn locate(
    archive: &dyn ArchiveReader,
    input: &mut Input<'_>,
    entries: &[Entry],
    compression: Compression,
) -> Result<Data, Failure> {
    let mut found = Finder {
        data: Data { blocks: Some((compression, input.int_size)), ..Data::default() },
        compression,
        wanted: HashMap::new(),
    };
    let start = input.position();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.has_data) {
        match entry.place {
            Place::Offset(Offset::At(offset)) => found.at_offset(archive, input, entry, at as u32, offset)?,
            Place::Offset(Offset::Unknown) => drop(found.wanted.insert(entry.dump_id, at as u32)),
            Place::Offset(Offset::NoData) | Place::File(_) => {}
        }
    }
    found.walk(input, entries, start)?;
    Ok(found.data)
}

struct Finder {
    data: Data,
    compression: Compression,
    /// Entries whose data have no known place, by number.
    wanted: HashMap<i64, u32>,
}

impl Finder {
    /// Looks whether the entry's data begin where the table of contents says.
    fn at_offset(
        &mut self,
        archive: &dyn ArchiveReader,
        input: &mut Input<'_>,
        entry: &Entry,
        at: u32,
        offset: u64,
    ) -> Result<(), Failure> {
        let size = usize::from(input.int_size);
        // Type, number, and the first block's length: few bytes, read without the chunk around them.
        let head = bytes_at(archive, input.member(), offset, 3 + 2 * size)?;
        let number = head.get(1..size + 2).and_then(number);
        let begin = offset.saturating_add(2 + size as u64);
        match (head.first(), number) {
            (Some(&ROWS), Some(number)) if number == entry.dump_id => {
                let empty = head.get(size + 3..2 * size + 3).is_some_and(|length| length.iter().all(|byte| *byte == 0));
                self.rows(at, begin, empty);
                Ok(())
            }
            (Some(&LARGE_OBJECTS), Some(number)) if number == entry.dump_id => {
                input.go_to(begin)?;
                self.large_objects(input, Some(at))
            }
            _ => {
                Err(missing(entry, &format!("byte {offset} is not where they begin; the file was cut off or changed")))
            }
        }
    }

    /// Goes through the blocks until nothing is wanted.
    fn walk(&mut self, input: &mut Input<'_>, entries: &[Entry], start: u64) -> Result<(), Failure> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        input.go_to(start)?;
        while !self.wanted.is_empty() {
            if input.is_at_end() {
                return Err(self.nothing_left(entries));
            }
            let sort = input.byte()?;
            let number = input.int()?;
            let at = self.wanted.remove(&number);
            let begin = input.position();
            match (sort, at) {
                (ROWS, at) => {
                    let empty = input.skip_blocks()?;
                    at.into_iter().for_each(|at| self.rows(at, begin, empty));
                }
                (LARGE_OBJECTS, at) => self.large_objects(input, at)?,
                _ => {
                    return Err(damaged(format!(
                        "{} holds data of the unknown sort {sort} at byte {begin}",
                        input.member()
                    )));
                }
            }
        }
        Ok(())
    }

    fn nothing_left(&self, entries: &[Entry]) -> Failure {
        match self.wanted.values().min().and_then(|at| entries.get(*at as usize)) {
            Some(entry) => missing(entry, "the file ends before them; it was cut off"),
            None => damaged("The file ends before its data"),
        }
    }

    fn rows(&mut self, at: u32, begin: u64, empty: bool) {
        self.data.rows.insert(at, Spot { at: begin, empty, compression: self.compression });
    }

    /// Numbers with blocks of their own, ended by the number 0.
    fn large_objects(&mut self, input: &mut Input<'_>, at: Option<u32>) -> Result<(), Failure> {
        let mut found = Vec::new();
        loop {
            let oid = oid(input)?;
            if oid == 0 {
                break;
            }
            input.take(LARGE_BYTES)?;
            let begin = input.position();
            let empty = input.skip_blocks()?;
            found.push(Large { oid, spot: Spot { at: begin, empty, compression: self.compression } });
        }
        if let Some(at) = at {
            self.data.large.insert(at, found);
        }
        Ok(())
    }
}

/// So many bytes from an offset on, or as many as there are.
fn bytes_at(archive: &dyn ArchiveReader, member: &str, offset: u64, count: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let at = offset.saturating_add(bytes.len() as u64);
        let more = archive.read(member, at, (count - bytes.len()) as u32)?;
        if more.is_empty() {
            break;
        }
        bytes.extend(more);
    }
    Ok(bytes)
}

/// A sign and a magnitude.
fn number(bytes: &[u8]) -> Option<i64> {
    let (sign, magnitude) = bytes.split_first()?;
    let mut wide = [0; 8];
    wide.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
    let value = i64::try_from(u64::from_le_bytes(wide)).ok()?;
    Some(if *sign == 0 { value } else { -value })
}

/// An object identifier, which was written as a signed number.
fn oid(input: &mut Input<'_>) -> Result<u32, Failure> {
    let value = input.int()?;
    let signed = i32::try_from(value).map(i32::cast_unsigned).ok();
    signed
        .or_else(|| u32::try_from(value).ok())
        .ok_or_else(|| damaged(format!("{} is no number of a large object, before byte {}", value, input.position())))
}
