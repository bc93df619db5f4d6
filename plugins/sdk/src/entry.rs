//! Reading an entry: in chunks, or as a stream of bytes.

use std::io;

use crate::{Failure, entries};

/// Bytes to ask for in one read: large enough that the boundary costs nothing, small enough for the cache.
pub const CHUNK: u32 = 256 * 1024;

/// An entry's bytes from its beginning, in chunks ([`EntryReader::next_chunk`]) or as [`io::Read`] and [`io::BufRead`].
///
/// Each call of the plugin may read an entry once from its beginning: do not open the same one twice in a call.
#[derive(Debug)]
pub struct EntryReader<F = fn(u32) -> Result<Vec<u8>, Failure>> {
    source: F,
    chunk: Vec<u8>,
    at: usize,
    read: u64,
}

impl EntryReader {
    /// The object's entry of that index.
    pub fn open(entry: u32) -> EntryReader<impl FnMut(u32) -> Result<Vec<u8>, Failure>> {
        EntryReader::new(move |max| entries::read(entry, max))
    }
}

impl<F: FnMut(u32) -> Result<Vec<u8>, Failure>> EntryReader<F> {
    /// A reader over anything that gives at most so many bytes at a time, and none at the end.
    pub fn new(source: F) -> Self {
        Self { source, chunk: Vec::new(), at: 0, read: 0 }
    }

    /// Bytes that the host gave so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next bytes, empty at the end.
    pub fn next_chunk(&mut self) -> Result<Vec<u8>, Failure> {
        if self.at < self.chunk.len() {
            let mut rest = std::mem::take(&mut self.chunk);
            rest.drain(..std::mem::take(&mut self.at));
            return Ok(rest);
        }
        let chunk = (self.source)(CHUNK)?;
        self.read += chunk.len() as u64;
        Ok(chunk)
    }

    /// All that is left, at most `limit` bytes; fails with `entry.too_large` when there is more.
    pub fn read_all(mut self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        loop {
            let chunk = self.next_chunk()?;
            if chunk.is_empty() {
                return Ok(all);
            }
            if all.len() + chunk.len() > limit {
                let message = format!("The entry is larger than {limit} bytes, which is all that is read of its kind");
                return Err(Failure::new("entry.too_large", message));
            }
            all.extend_from_slice(&chunk);
        }
    }
}

impl<F: FnMut(u32) -> Result<Vec<u8>, Failure>> io::BufRead for EntryReader<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.chunk.len() {
            self.at = 0;
            self.chunk = Vec::new();
            self.chunk = self.next_chunk().map_err(io::Error::other)?;
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl<F: FnMut(u32) -> Result<Vec<u8>, Failure>> io::Read for EntryReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = io::BufRead::fill_buf(self)?;
        let taken = available.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&available[..taken]);
        io::BufRead::consume(self, taken);
        Ok(taken)
    }
}

impl Failure {
    /// The failure behind an error of [`io::Read`]: the host's own where there is one, else `code` with the error's text.
    pub fn from_io(error: io::Error, code: &str) -> Self {
        let text = error.to_string();
        match error.into_inner().map(|inner| inner.downcast::<Failure>()) {
            Some(Ok(failure)) => *failure,
            _ => Self::new(code, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, Read};

    use super::*;

    fn chunks(chunks: &[&str]) -> EntryReader<impl FnMut(u32) -> Result<Vec<u8>, Failure>> {
        let mut chunks = chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect::<Vec<_>>().into_iter();
        EntryReader::new(move |_| Ok(chunks.next().unwrap_or_default()))
    }

    #[test]
    fn reads_a_stream_across_chunks() {
        let mut text = String::new();
        let mut reader = chunks(&["ab", "cde", "f"]);
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), reader.bytes_read()), ("abcdef", 6));
    }

    #[test]
    fn chunks_go_on_where_a_stream_stopped() {
        let mut reader = chunks(&["one\ntwo", " three"]);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "one\n");
        assert_eq!(reader.next_chunk().unwrap(), b"two");
        assert_eq!(reader.next_chunk().unwrap(), b" three");
        assert!(reader.next_chunk().unwrap().is_empty());
    }

    #[test]
    fn reading_all_stops_at_the_limit() {
        assert_eq!(chunks(&["ab", "cd"]).read_all(4).unwrap(), b"abcd");
        assert_eq!(chunks(&["ab", "cd"]).read_all(3).unwrap_err().code, "entry.too_large");
    }

    #[test]
    fn the_hosts_failure_comes_through_a_stream() {
        let mut reader = EntryReader::new(|_| Err(Failure::new("archive.truncated", "It ends early")));
        let error = reader.read(&mut [0; 4]).unwrap_err();
        assert_eq!(Failure::from_io(error, "thing.bad").code, "archive.truncated");
        let plain = io::Error::new(io::ErrorKind::InvalidData, "no");
        assert_eq!(Failure::from_io(plain, "thing.bad").code, "thing.bad");
    }
}
