//! Reading a foreign backup as it is stored: the host's container, or one held in memory for tests.

use std::io;

use crate::{CHUNK, Failure, archive};

pub use crate::archive::Member;

/// A container: members with names, read at any place.
pub trait ArchiveReader {
    /// The members, in the container's order; a single file is one member.
    fn members(&self) -> Vec<Member>;

    /// Stored bytes of a member from `offset` on: at most `max` (and at most 1 MiB), empty behind the end.
    fn read(&self, member: &str, offset: u64, max: u32) -> Result<Vec<u8>, Failure>;

    /// The first `max` bytes of a member, or all of them where it has fewer.
    fn head(&self, member: &str, max: u32) -> Result<Vec<u8>, Failure> {
        let mut bytes = self.read(member, 0, max)?;
        while bytes.len() < max as usize {
            let more = self.read(member, bytes.len() as u64, max - bytes.len() as u32)?;
            if more.is_empty() {
                break;
            }
            bytes.extend_from_slice(&more);
        }
        Ok(bytes)
    }
}

/// The archive that the host opened. Works in the sandbox only.
#[derive(Debug, Clone, Copy)]
pub struct HostArchive;

impl ArchiveReader for HostArchive {
    fn members(&self) -> Vec<Member> {
        archive::members()
    }

    fn read(&self, member: &str, offset: u64, max: u32) -> Result<Vec<u8>, Failure> {
        archive::read(member, offset, max)
    }
}

/// A container whose members are in memory: for tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryArchive(pub Vec<(String, Vec<u8>)>);

impl ArchiveReader for MemoryArchive {
    fn members(&self) -> Vec<Member> {
        self.0.iter().map(|(path, bytes)| Member { path: path.clone(), size: bytes.len() as u64 }).collect()
    }

    fn read(&self, member: &str, offset: u64, max: u32) -> Result<Vec<u8>, Failure> {
        let Some((_, bytes)) = self.0.iter().find(|(path, _)| path == member) else {
            return Err(Failure::new("archive.entry_missing", format!("The archive has no member {member}")));
        };
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        Ok(rest[..rest.len().min(max.min(1 << 20) as usize)].to_vec())
    }
}

/// A member as a stream of bytes that can go to any place of it.
#[derive(Debug)]
pub struct MemberReader<'a, A: ?Sized> {
    archive: &'a A,
    member: String,
    chunk: Vec<u8>,
    /// Place of the next byte in `chunk`, and place of `chunk` in the member.
    at: usize,
    base: u64,
}

impl<'a, A: ArchiveReader + ?Sized> MemberReader<'a, A> {
    /// A member from its beginning.
    pub fn new(archive: &'a A, member: impl Into<String>) -> Self {
        Self { archive, member: member.into(), chunk: Vec::new(), at: 0, base: 0 }
    }

    /// Place of the next byte.
    pub fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Goes to another place; behind the end there are no bytes. Costs nothing where the bytes are already read.
    pub fn go_to(&mut self, position: u64) {
        let inside = position.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        match inside.filter(|at| *at <= self.chunk.len()) {
            Some(at) => self.at = at,
            None => (self.chunk, self.at, self.base) = (Vec::new(), 0, position),
        }
    }

    /// Goes forward.
    pub fn skip(&mut self, bytes: u64) {
        self.go_to(self.position().saturating_add(bytes));
    }
}

impl<A: ArchiveReader + ?Sized> io::BufRead for MemberReader<'_, A> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.chunk.len() {
            let position = self.position();
            self.chunk = self.archive.read(&self.member, position, CHUNK).map_err(io::Error::other)?;
            (self.at, self.base) = (0, position);
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.chunk.len());
    }
}

impl<A: ArchiveReader + ?Sized> io::Read for MemberReader<'_, A> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = io::BufRead::fill_buf(self)?;
        let taken = available.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&available[..taken]);
        io::BufRead::consume(self, taken);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn archive() -> MemoryArchive {
        let bytes = (0..600_000u32).map(|number| (number % 251) as u8).collect();
        MemoryArchive(vec![("toc.dat".into(), bytes), ("empty".into(), Vec::new())])
    }

    #[test]
    fn a_container_in_memory_answers_as_the_host_does() {
        let archive = archive();
        assert_eq!(archive.members()[0], Member { path: "toc.dat".into(), size: 600_000 });
        assert_eq!(archive.read("toc.dat", 599_999, 10).unwrap(), [(599_999 % 251) as u8]);
        for behind in [600_000, 600_001, u64::MAX] {
            assert_eq!(archive.read("toc.dat", behind, 10).unwrap(), b"");
        }
        assert_eq!(archive.head("toc.dat", 5).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(archive.head("empty", 5).unwrap(), b"");
        assert_eq!(archive.read("other", 0, 1).unwrap_err().code, "archive.entry_missing");
    }

    #[test]
    fn a_member_is_read_across_chunks_and_at_any_place() {
        let archive = archive();
        let mut reader = MemberReader::new(&archive, "toc.dat");
        let mut four = [0; 4];
        for position in [0, 4, 262_142, 599_000, 3, u64::from(CHUNK)] {
            reader.go_to(position);
            reader.read_exact(&mut four).unwrap();
            assert_eq!(four.map(u64::from), [0, 1, 2, 3].map(|more| (position + more) % 251), "{position}");
            assert_eq!(reader.position(), position + 4);
        }
        reader.skip(u64::MAX);
        assert_eq!(reader.read(&mut four).unwrap(), 0);
        let mut all = Vec::new();
        reader.go_to(1);
        reader.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 599_999);
        let failure = MemberReader::new(&archive, "other").read(&mut four).unwrap_err();
        assert_eq!(Failure::from_io(failure, "x").code, "archive.entry_missing");
    }
}
