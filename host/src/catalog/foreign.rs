//! The bytes of a foreign backup's entry: found in the container, put together, decompressed, in chunks.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::archive::stream::HARMLESS_BYTES;
use crate::archive::{Archive, Section};
use crate::error::Error;

use super::decode::{buffered, decoder, is_window};
use super::inflate::Fault;
use super::{Compression, Entry, Extent, Stored};

/// Bytes of a chunk: the best size for what takes it.
pub(super) const CHUNK: usize = 256 << 10;

/// Reads one entry from its beginning.
pub(super) struct Reader {
    bytes: Box<dyn Read + Send>,
    taken: Arc<AtomicU64>,
    given: u64,
    ratio: u64,
    /// Bytes of the next chunk: few for an entry that is known to be small.
    next: usize,
    ended: bool,
}

impl Reader {
    pub(super) fn open(archive: &Archive, entry: &Entry, stored: &Stored) -> Result<Self, Fault> {
        let Some(member) = archive.member(&stored.member) else {
            let message = format!("The archive does not hold the member {} of the entry {}", stored.member, entry.path);
            return Err(Fault::Archive(Error::new("archive.entry_missing", message)));
        };
        let (offset, bytes) = match stored.extent {
            Extent::Whole => (0, member.size),
            Extent::Span { offset, bytes } => (offset, bytes),
            Extent::Blocks { offset, .. } => (offset, member.size.saturating_sub(offset)),
        };
        let section = archive.section(member, offset, bytes).map_err(Fault::Archive)?;
        if section.left() < bytes {
            return Err(Fault::Broken("it reaches beyond what the archive holds".to_owned()));
        }
        let taken = Arc::new(AtomicU64::new(0));
        let input = buffered(Input { section, taken: taken.clone() }, bytes);
        let bytes = open(input, stored, archive.limits().foreign_window_log).map_err(fault)?;
        let next = if stored.exact { entry.bytes.saturating_add(1).min(CHUNK as u64) as usize } else { CHUNK };
        Ok(Self { bytes, taken, given: 0, ratio: archive.limits().ratio, next, ended: false })
    }

    /// Whether the end was seen.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// The next bytes, as many as a chunk has except at the end; none there.
    pub(super) fn chunk(&mut self) -> Result<Bytes, Fault> {
        if self.ended {
            return Ok(Bytes::new());
        }
        let mut chunk = vec![0; std::mem::replace(&mut self.next, CHUNK)];
        let mut filled = 0;
        while filled < chunk.len() {
            match self.bytes.read(&mut chunk[filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fault(error)),
            }
        }
        self.given += filled as u64;
        if self.given > HARMLESS_BYTES && self.given > self.taken.load(Ordering::Relaxed).saturating_mul(self.ratio) {
            return Err(Fault::Ratio(self.ratio));
        }
        chunk.truncate(filled);
        Ok(chunk.into())
    }
}

/// Puts blocks together and undoes the compression. What is empty as it is stored is an empty entry: compressors that were given
/// nothing may write nothing, not even a frame.
fn open(input: impl BufRead + Send + 'static, stored: &Stored, window_log: u32) -> io::Result<Box<dyn Read + Send>> {
    match stored.extent {
        Extent::Whole | Extent::Span { .. } => decoded(input, stored.compression, window_log),
        Extent::Blocks { width, .. } => {
            let blocks = Blocks { stored: input, width: usize::from(width.clamp(1, 8)), left: 0, ended: false };
            match stored.compression {
                Compression::None => Ok(Box::new(blocks)),
                compression => decoded(buffered(blocks, CHUNK as u64), compression, window_log),
            }
        }
    }
}

fn decoded(
    mut input: impl BufRead + Send + 'static,
    compression: Compression,
    window_log: u32,
) -> io::Result<Box<dyn Read + Send>> {
    if input.fill_buf()?.is_empty() {
        return Ok(Box::new(io::empty()));
    }
    decoder(input, compression, window_log)
}

/// The container's bytes: counted, and their failures told from those of what is in them.
struct Input {
    section: Section,
    taken: Arc<AtomicU64>,
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match self.section.read(out) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let error = Error::new("archive.io", format!("The archive cannot be read: {error}"));
                return Err(io::Error::other(error));
            }
            other => other?,
        };
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Blocks: each a sign byte and a length, then so many bytes; one of length 0 ends them.
struct Blocks<R> {
    stored: R,
    width: usize,
    /// Bytes that are left of the current block.
    left: u64,
    ended: bool,
}

impl<R: BufRead> Blocks<R> {
    fn length(&mut self) -> io::Result<u64> {
        let mut head = [0; 9];
        let head = &mut head[..=self.width];
        self.stored.read_exact(head)?;
        let length = head[1..].iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        if head[0] != 0 && length != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a block's length is negative"));
        }
        Ok(length)
    }
}

impl<R: BufRead> Read for Blocks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended && !out.is_empty() {
            self.left = self.length()?;
            self.ended = self.left == 0;
        }
        let most = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.stored.read(&mut out[..most])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends inside a block"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// What a failure while reading means. Our own come out as they went in.
fn fault(error: io::Error) -> Fault {
    if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return Fault::Archive(own.clone());
    }
    if is_window(&error) {
        return Fault::Window;
    }
    let reason: String = error.to_string().escape_debug().take(200).collect();
    Fault::Broken(reason)
}
