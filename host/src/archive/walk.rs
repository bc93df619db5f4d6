//! Walks a tar file from its first header to its end and lists its members, refusing what breaks a rule.

use std::io::{self, Read};

use crate::error::{Error, Result};

use super::header::{self, BLOCK, Block, Header, Sort};
use super::pax::Extension;
use super::{Limits, MANIFEST, Member, path, pax};

/// A long name or PAX records, in bytes: times and owners take a few hundred, extended attributes some thousand.
const EXTENSION_BYTES: u64 = 64 << 10;
/// Zeros behind the end: tape drives want whole records, of which 10 KiB is the usual size.
const PADDING_BYTES: u64 = 1 << 20;

/// Where tar blocks come from.
pub(super) trait Source: Read {
    /// Goes forward; `false` when the source ends before that.
    fn skip(&mut self, bytes: u64) -> io::Result<bool>;
}

/// Lists the members of a whole tar file. `explain` says what a failure of the source means.
pub(super) fn walk(
    source: &mut impl Source,
    limits: &Limits,
    explain: &dyn Fn(io::Error) -> Error,
) -> Result<Vec<Member>> {
    let mut walk = Walk { source, limits, explain, position: 0, seen: 0, entry: 1, own: false };
    let mut members = Vec::new();
    while let Some(found) = walk.next()? {
        members.extend(found);
    }
    walk.end()?;
    Ok(members)
}

struct Walk<'a, S> {
    source: &'a mut S,
    limits: &'a Limits,
    explain: &'a dyn Fn(io::Error) -> Error,
    position: u64,
    /// Files and folders so far.
    seen: u64,
    /// Number of the file that comes next, counted from 1.
    entry: u64,
    /// It has a manifest: one of our own archives, which end as they should. Other programs write, and cut off, ends as they like.
    own: bool,
}

/// What headers before a member say of it.
#[derive(Default)]
struct Ahead {
    extension: Option<Extension>,
    name: Option<Vec<u8>>,
}

impl<S: Source> Walk<'_, S> {
    /// The next entry; what it holds is nothing for a folder. `None` at the end blocks.
    fn next(&mut self) -> Result<Option<Option<Member>>> {
        self.seen += 1;
        let mut ahead = Ahead::default();
        loop {
            let Some(block) = self.header_block()? else {
                return self.end_blocks(&ahead);
            };
            if self.seen > self.limits.members {
                return Err(self.over(format!("The archive has more than {} entries", self.limits.members)));
            }
            let header = self.understand(&block)?;
            match header.sort {
                Sort::Extension => self.extension(&header, &mut ahead)?,
                Sort::LongName => self.long_name(&header, &mut ahead)?,
                Sort::File => return self.file(&header, ahead).map(|member| Some(Some(member))),
                Sort::Folder => return self.folder(&header, ahead).map(|()| Some(None)),
            }
        }
    }

    fn understand(&self, block: &Block) -> Result<Header> {
        if self.seen == 1 && self.position == BLOCK && !header::is_tar(block) {
            return Err(unrecognised());
        }
        header::parse(block).map_err(|reason| self.bad(&header::rough_name(block), &reason))
    }

    fn extension(&mut self, header: &Header, ahead: &mut Ahead) -> Result<()> {
        if ahead.extension.is_some() {
            return Err(self.bad(&header.name, "it has two PAX headers"));
        }
        let body = self.small_body(header)?;
        let extension = pax::parse(&body).map_err(|reason| self.bad(&header.name, &reason))?;
        ahead.extension = Some(extension);
        Ok(())
    }

    fn long_name(&mut self, header: &Header, ahead: &mut Ahead) -> Result<()> {
        if ahead.name.is_some() {
            return Err(self.bad(&header.name, "it has two long names"));
        }
        let mut name = self.small_body(header)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        ahead.name = Some(name);
        Ok(())
    }

    fn file(&mut self, header: &Header, ahead: Ahead) -> Result<Member> {
        let size = ahead.extension.as_ref().and_then(|extension| extension.size).unwrap_or(header.size);
        let name = self.name(header, ahead)?;
        let path = path::check(&name, self.limits.name_bytes).map_err(|reason| self.bad(&name, &reason))?.to_owned();
        let offset = self.position;
        self.own |= path == MANIFEST;
        self.skip_body(&name, size)?;
        self.entry += 1;
        Ok(Member { path, size, offset })
    }

    fn folder(&mut self, header: &Header, ahead: Ahead) -> Result<()> {
        if ahead.extension.as_ref().and_then(|extension| extension.size).is_some_and(|size| size != 0) {
            return Err(self.bad(&header.name, "it is a folder with a size"));
        }
        let name = self.name(header, ahead)?;
        let plain = name.strip_suffix(b"/").unwrap_or(&name);
        // `tar -C FOLDER .` begins with the folder itself.
        if plain != b"." {
            path::check(plain, self.limits.name_bytes).map_err(|reason| self.bad(&name, &reason))?;
        }
        Ok(())
    }

    fn name(&self, header: &Header, ahead: Ahead) -> Result<Vec<u8>> {
        match (ahead.extension.and_then(|extension| extension.path), ahead.name) {
            (Some(_), Some(_)) => Err(self.bad(&header.name, "it has a long name and a PAX name")),
            (Some(name), None) | (None, Some(name)) => Ok(name),
            (None, None) => Ok(header.name.clone()),
        }
    }

    fn skip_body(&mut self, name: &[u8], size: u64) -> Result<()> {
        let end = self.position.checked_add(size).and_then(|end| end.checked_next_multiple_of(BLOCK));
        let Some(end) = end.filter(|end| *end <= self.limits.container_bytes) else {
            let (entry, name) = (self.entry, path::shown(name));
            let message = format!(
                "Entry {entry} `{name}` says that it has {size} bytes; the archive may have {}",
                self.limits.container_bytes
            );
            return Err(self.over(message).entry(name));
        };
        if !self.source.skip(end - self.position).map_err(self.explain)? {
            return Err(self.cut(name));
        }
        self.position = end;
        Ok(())
    }

    fn small_body(&mut self, header: &Header) -> Result<Vec<u8>> {
        if header.size > EXTENSION_BYTES {
            return Err(self.bad(&header.name, "its name or PAX header is longer than 64 KiB"));
        }
        let mut body = vec![0; header.size.next_multiple_of(BLOCK) as usize];
        if self.fill(&mut body)? < body.len() {
            return Err(self.cut(&header.name));
        }
        body.truncate(header.size as usize);
        Ok(body)
    }

    /// Whether members were found and none is a manifest.
    fn is_foreign(&self) -> bool {
        self.entry > 1 && !self.own
    }

    /// `None` for a block of zeros, and where a foreign archive ends without one.
    fn header_block(&mut self) -> Result<Option<Block>> {
        let mut block: Block = [0; BLOCK as usize];
        match self.fill(&mut block)? {
            0 if self.is_foreign() => Ok(None),
            0 if self.position == 0 => Err(truncated("The archive is empty: it has no bytes at all")),
            read if read < block.len() && self.position == read as u64 => Err(unrecognised()),
            read if read < block.len() => {
                Err(truncated(format!("The archive ends after {} entries, without its end blocks", self.entry - 1)))
            }
            _ => Ok(block.iter().any(|&byte| byte != 0).then_some(block)),
        }
    }

    fn end_blocks(&mut self, ahead: &Ahead) -> Result<Option<Option<Member>>> {
        if ahead.extension.is_some() || ahead.name.is_some() {
            return Err(self.bad(b"", "it has a PAX header or a long name and then the archive ends"));
        }
        if self.is_foreign() {
            return Ok(None);
        }
        match self.header_block()? {
            None => Ok(None),
            Some(_) => Err(trailing("The archive goes on after the first of its two end blocks")),
        }
    }

    /// Only zeros, and not many, may follow the end blocks of our own archives. Reading on also makes a decompressor check its
    /// stream's end.
    fn end(&mut self) -> Result<()> {
        let mut rest = [0; 16 << 10];
        let mut zeros = 0;
        loop {
            let read = self.fill(&mut rest)?;
            zeros += read as u64;
            let beyond = zeros > PADDING_BYTES;
            if self.is_foreign() && (beyond || read < rest.len()) {
                return Ok(());
            }
            if !self.is_foreign() && (beyond || rest[..read].iter().any(|&byte| byte != 0)) {
                return Err(trailing("Bytes follow the archive's end; cut them off, or make the archive again"));
            }
            if read < rest.len() {
                return Ok(());
            }
        }
    }

    /// Reads until the buffer is full or the source ends.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((self.explain)(error)),
            }
        }
        self.position += filled as u64;
        Ok(filled)
    }

    fn bad(&self, name: &[u8], reason: &str) -> Error {
        let name = path::shown(name);
        let message = format!("Entry {} `{name}` is refused: {reason}", self.entry);
        Error::new("archive.bad_entry", message).entry(name)
    }

    fn cut(&self, name: &[u8]) -> Error {
        let name = path::shown(name);
        truncated(format!("The archive ends inside entry {} `{name}`", self.entry)).entry(name)
    }

    fn over(&self, message: String) -> Error {
        Error::new("archive.limit", message)
    }
}

fn unrecognised() -> Error {
    let message = "This is no archive: neither a tar file or a dump, plain or compressed with gzip or zstd, nor a folder; \
                   `reinstate pack DIR -o FILE` makes an archive from a plain directory";
    Error::new("archive.unrecognised", message)
}

fn truncated(message: impl Into<String>) -> Error {
    Error::new("archive.truncated", message)
}

fn trailing(message: &str) -> Error {
    Error::new("archive.trailing_data", message)
}
