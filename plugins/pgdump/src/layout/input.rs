//! The values that pg_dump's files are made of: bytes, integers with a sign, strings, offsets.
//!
//! Everything is checked against the member's end and against a budget before memory is taken for it: an archive can
//! state any length.

use std::io::Read;

use reinstate_plugin::{ArchiveReader, Failure, MemberReader};

use super::fault::{damaged, reading, too_large};

/// Bytes of memory that a table of contents may take, of the 512 MiB that the host gives a layout unless it is told otherwise.
pub(super) const BUDGET: u64 = 320 << 20;

/// A member of the archive, read value by value.
pub(super) struct Input<'a> {
    reader: MemberReader<'a, dyn ArchiveReader + 'a>,
    member: &'a str,
    end: u64,
    budget: u64,
    /// Bytes of an integer without its sign.
    pub(super) int_size: u8,
    /// Bytes of an offset without its flag.
    pub(super) offset_size: u8,
}

/// Where an entry's data begin, as the table of contents says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offset {
    /// The writer could not tell.
    Unknown,
    At(u64),
    NoData,
}

impl<'a> Input<'a> {
    /// A member of `end` bytes, from its beginning.
    pub(super) fn new(archive: &'a dyn ArchiveReader, member: &'a str, end: u64) -> Self {
        Self { reader: MemberReader::new(archive, member), member, end, budget: BUDGET, int_size: 4, offset_size: 8 }
    }

    /// Place of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Whether all has been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.position() >= self.end
    }

    pub(super) fn go_to(&mut self, position: u64) -> Result<(), Failure> {
        if position > self.end {
            let message = format!("{} has {} bytes and refers to byte {position}", self.member, self.end);
            return Err(damaged(message));
        }
        self.reader.go_to(position);
        Ok(())
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Failure> {
        self.go_to(self.position().saturating_add(bytes))
    }

    /// Counts memory that is about to be taken.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Failure> {
        self.budget = self.budget.checked_sub(bytes).ok_or_else(|| {
            let limit = BUDGET >> 20;
            too_large(format!("The table of contents of {} takes more than {limit} MiB of memory", self.member))
        })?;
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Failure> {
        self.reader.read_exact(buffer).map_err(|error| reading(self.member, self.end, error))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Failure> {
        let mut byte = [0];
        self.fill(&mut byte)?;
        Ok(byte[0])
    }

    /// So many bytes, as a number, the smallest first.
    fn magnitude(&mut self, size: u8) -> Result<u64, Failure> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes[..usize::from(size)])?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A sign and so many bytes.
    pub(super) fn int(&mut self) -> Result<i64, Failure> {
        let negative = self.byte()? != 0;
        let magnitude = self.magnitude(self.int_size)?;
        let value = i64::try_from(magnitude).map_err(|_| {
            damaged(format!("{} holds a number beyond 63 bits before byte {}", self.member, self.position()))
        })?;
        Ok(if negative { -value } else { value })
    }

    /// A length and so many bytes; nothing where the length is negative.
    pub(super) fn string(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let Ok(length) = u64::try_from(self.int()?) else {
            return Ok(None);
        };
        if length > self.end.saturating_sub(self.position()) {
            let message = format!("{} states a text of {length} bytes at byte {}", self.member, self.position());
            return Err(damaged(format!("{message}, which is longer than the file")));
        }
        self.take(length)?;
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(length).read_to_end(&mut bytes);
        let read = read.map_err(|error| reading(self.member, self.end, error))?;
        if (read as u64) < length {
            return Err(reading(self.member, self.end, std::io::ErrorKind::UnexpectedEof.into()));
        }
        bytes.shrink_to_fit();
        Ok(Some(bytes))
    }

    /// A flag and an offset.
    pub(super) fn offset(&mut self) -> Result<Offset, Failure> {
        let flag = self.byte()?;
        let offset = self.magnitude(self.offset_size)?;
        match flag {
            0 | 1 => Ok(Offset::Unknown),
            2 => Ok(Offset::At(offset)),
            3 => Ok(Offset::NoData),
            _ => Err(damaged(format!(
                "{} has an offset of the unknown sort {flag} before byte {}",
                self.member,
                self.position()
            ))),
        }
    }

    /// Skips blocks up to the empty one that ends them, and says whether there was none before it.
    pub(super) fn skip_blocks(&mut self) -> Result<bool, Failure> {
        let mut empty = true;
        loop {
            match self.int()? {
                0 => return Ok(empty),
                length if length > 0 => self.skip(length.unsigned_abs())?,
                length => {
                    return Err(damaged(format!(
                        "{} has a block of {length} bytes before byte {}",
                        self.member,
                        self.position()
                    )));
                }
            }
            empty = false;
        }
    }

    /// What messages call the member.
    pub(super) fn member(&self) -> &'a str {
        self.member
    }
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::MemoryArchive;

    use super::*;

    fn with<T>(bytes: &[u8], read: impl FnOnce(&mut Input<'_>) -> T) -> T {
        let archive = MemoryArchive(vec![("toc.dat".into(), bytes.to_vec())]);
        read(&mut Input::new(&archive, "toc.dat", bytes.len() as u64))
    }

    #[test]
    fn integers_have_a_sign_of_their_own() {
        for (bytes, expected) in [
            ([0, 5, 0, 0, 0], Some(5)),
            ([1, 5, 0, 0, 0], Some(-5)),
            ([0, 0xff, 0xff, 0xff, 0xff], Some(0xffff_ffff)),
            ([1, 0, 0, 0, 0], Some(0)),
        ] {
            assert_eq!(with(&bytes, |input| input.int()).ok(), expected);
        }
        assert_eq!(with(&[0, 5, 0, 0], |input| input.int()).unwrap_err().code, "pgdump.damaged");
    }

    #[test]
    fn strings_are_absent_empty_or_no_longer_than_the_file() {
        assert_eq!(with(&[1, 1, 0, 0, 0], |input| input.string()).unwrap(), None);
        assert_eq!(with(&[0, 0, 0, 0, 0], |input| input.string()).unwrap(), Some(Vec::new()));
        assert_eq!(with(b"\0\x02\0\0\0ab", |input| input.string()).unwrap(), Some(b"ab".to_vec()));
        for bytes in [&b"\0\x03\0\0\0ab"[..], b"\0\xff\xff\xff\x7fab"] {
            assert_eq!(with(bytes, |input| input.string()).unwrap_err().code, "pgdump.damaged");
        }
    }

    #[test]
    fn blocks_that_lead_outside_are_damage() {
        assert!(with(&[0, 0, 0, 0, 0], |input| input.skip_blocks()).unwrap());
        assert!(!with(b"\0\x01\0\0\0x\0\0\0\0\0", |input| input.skip_blocks()).unwrap());
        for bytes in [&b"\x01\x01\0\0\0x\0\0\0\0\0"[..], b"\0\x09\0\0\0x", b"\0\x01\0\0\0x", b""] {
            assert_eq!(with(bytes, |input| input.skip_blocks()).unwrap_err().code, "pgdump.damaged");
        }
    }

    #[test]
    fn memory_is_counted() {
        assert_eq!(with(&[], |input| input.take(BUDGET + 1)).unwrap_err().code, "pgdump.too_large");
    }
}
