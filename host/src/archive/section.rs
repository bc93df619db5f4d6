//! Part of a member, wherever its bytes are; any number of them can be read at once.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::repository::Reader;

/// Part of a member.
#[derive(Debug)]
pub(crate) struct Section {
    bytes: Bytes,
    left: u64,
}

#[derive(Debug)]
enum Bytes {
    File { file: Arc<File>, offset: u64 },
    Memory(Cursor<Vec<u8>>),
    Remote(Box<Reader>),
}

impl Section {
    pub(super) fn of_file(file: Arc<File>, offset: u64, left: u64) -> Self {
        Self { bytes: Bytes::File { file, offset }, left }
    }

    pub(super) fn of_bytes(bytes: Vec<u8>, left: u64) -> Self {
        Self { bytes: Bytes::Memory(Cursor::new(bytes)), left }
    }

    pub(super) fn of_reader(reader: Reader, left: u64) -> Self {
        Self { bytes: Bytes::Remote(Box::new(reader)), left }
    }

    /// Bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..most];
        let read = match &mut self.bytes {
            Bytes::File { file, offset } => {
                let read = file.read_at(buffer, *offset)?;
                *offset += read as u64;
                read
            }
            Bytes::Memory(bytes) => bytes.read(buffer)?,
            Bytes::Remote(reader) => reader.read(buffer)?,
        };
        if read == 0 {
            // It was longer when it was opened.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has been cut since it was opened"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
