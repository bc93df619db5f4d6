//! A tar file that can seek: walked once by its headers, then read in place, side by side and in any order.

use std::fs::File;
use std::io::{self, BufReader, Read};

use crate::error::{Error, Result};

use super::walk::{self, Source};
use super::{Limits, Member};

/// Lists the members of a plain tar file.
pub(super) fn members(file: &File, limits: &Limits) -> Result<Vec<Member>> {
    let length = length(file, limits)?;
    let mut source = Seeking { file: BufReader::with_capacity(64 << 10, file), position: 0, length };
    walk::walk(&mut source, limits, &unreadable)
}

/// The length of a file, if it is within the limit.
pub(super) fn length(file: &File, limits: &Limits) -> Result<u64> {
    let length = file.metadata().map_err(unreadable)?.len();
    if length > limits.container_bytes {
        let message = format!("The archive has {length} bytes and the limit is {}", limits.container_bytes);
        return Err(Error::new("archive.limit", message));
    }
    Ok(length)
}

fn unreadable(error: io::Error) -> Error {
    Error::new("archive.io", format!("The archive cannot be read: {error}"))
}

struct Seeking<'a> {
    file: BufReader<&'a File>,
    position: u64,
    length: u64,
}

impl Read for Seeking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Source for Seeking<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        let step = i64::try_from(bytes).ok();
        let (Some(step), Some(end)) = (step, self.position.checked_add(bytes).filter(|end| *end <= self.length)) else {
            return Ok(false);
        };
        self.file.seek_relative(step)?;
        self.position = end;
        Ok(true)
    }
}
