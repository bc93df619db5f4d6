//! Streams that cannot seek: decompressed under limits, walked, and spooled to disk in one pass.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Write};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use crate::cancel::Cancel;
use crate::error::{Error, Result};

use super::walk::{self, Source};
use super::{Limits, Member, OpenOptions, single, sniff};

/// Below this, nothing is called a bomb.
pub(crate) const HARMLESS_BYTES: u64 = 1 << 20;
const BUFFER: usize = 256 << 10;

/// How a stream is compressed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(super) fn detect(head: &[u8]) -> Self {
        match head {
            [0x1F, 0x8B, ..] => Self::Gzip,
            // A frame, or one to be skipped, as parallel compressors write before it.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Reads the stream to its end. What comes back is a plain tar file, or single file, without a name, gone when it is closed.
pub(super) fn spool(stream: impl Read, options: &OpenOptions) -> Result<(File, Vec<Member>)> {
    let limits = &options.limits;
    let folder = options.spool.clone().unwrap_or_else(std::env::temp_dir);
    let unwritable = |error: io::Error| {
        let folder = folder.display();
        Error::new("host.io", format!("The spool in {folder} cannot be written: {error}; choose another folder for it"))
    };
    let spool = tempfile::tempfile_in(&folder).map_err(unwritable)?;
    let taken = Rc::new(Cell::new(0));
    let mut stream = Input { stream, taken: taken.clone(), cancel: &options.cancel };
    let start = head(&mut stream, 8).map_err(explain)?;
    let compression = Compression::detect(&start);
    let stream = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(stream));
    let stream = decompress(stream, compression, limits).map_err(explain)?;
    let mut stream = Guard { stream, given: 0, taken, limits };
    let start = head(&mut stream, sniff::HEAD as u64).map_err(explain)?;
    let is_single = sniff::is_single(&start);
    let stream = Cursor::new(start).chain(stream);
    let file = BufWriter::with_capacity(BUFFER, &spool);
    let mut tee = Tee { stream, file, written: 0, limit: limits.spool_bytes, unwritable: &unwritable };
    let members = if is_single { whole(&mut tee)? } else { walk::walk(&mut tee, limits, &explain)? };
    tee.file.flush().map_err(unwritable)?;
    drop(tee);
    Ok((spool, members))
}

fn head(stream: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    stream.take(bytes).read_to_end(&mut head)?;
    Ok(head)
}

/// Takes in a stream that is one file.
fn whole(tee: &mut Tee<'_, impl Read>) -> Result<Vec<Member>> {
    tee.skip(u64::MAX).map_err(explain)?;
    Ok(single(tee.written))
}

fn decompress<'a>(
    stream: BufReader<impl Read + 'a>,
    compression: Compression,
    limits: &Limits,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(stream),
        Compression::Gzip => Box::new(MultiGzDecoder::new(stream)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(stream)?;
            decoder.window_log_max(limits.window_log)?;
            Box::new(decoder)
        }
    })
}

/// What a failure on the way through these readers means. Our own come out as they went in.
fn explain(error: io::Error) -> Error {
    if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return own.clone();
    }
    let reason: String = error.to_string().escape_debug().take(200).collect();
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::new("archive.truncated", "The compressed archive ends early");
    }
    if reason.contains("too much memory") {
        let message = "The archive was compressed with a larger zstd window than the limit allows; compress it again with `zstd -19` or less";
        return Error::new("archive.limit", message);
    }
    Error::new("archive.corrupt", format!("The compressed archive is damaged: {reason}"))
}

/// The raw stream: counts what is taken from it, and tells its failures from those of what is in it.
struct Input<'a, R> {
    stream: R,
    taken: Rc<Cell<u64>>,
    cancel: &'a Cancel,
}

impl<R: Read> Read for Input<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        let read = match self.stream.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let error = Error::new("archive.io", format!("The archive cannot be read: {error}"));
                return Err(io::Error::other(error));
            }
            other => other?,
        };
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

/// Stops a stream that grows beyond its limits, before what is too much is stored.
struct Guard<'a, R> {
    stream: R,
    given: u64,
    taken: Rc<Cell<u64>>,
    limits: &'a Limits,
}

impl<R: Read> Read for Guard<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.given += read as u64;
        let Limits { container_bytes, ratio, .. } = *self.limits;
        let over = |message: String| Err(io::Error::other(Error::new("archive.limit", message)));
        if self.given > container_bytes {
            return over(format!("The archive has more than {container_bytes} bytes"));
        }
        if self.given > HARMLESS_BYTES && self.given > self.taken.get().saturating_mul(ratio) {
            return over(format!("The archive grows more than {ratio} times when it is decompressed"));
        }
        Ok(read)
    }
}

/// Stores everything that is read, or skipped, on its way.
struct Tee<'a, R> {
    stream: R,
    file: BufWriter<&'a File>,
    written: u64,
    limit: u64,
    unwritable: &'a dyn Fn(io::Error) -> Error,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.written += read as u64;
        if self.written > self.limit {
            let message = format!(
                "The archive would take more than {} bytes of disk while it is read; unpack it first",
                self.limit
            );
            return Err(io::Error::other(Error::new("archive.limit", message)));
        }
        self.file.write_all(&buffer[..read]).map_err(|error| io::Error::other((self.unwritable)(error)))?;
        Ok(read)
    }
}

impl<R: Read> Source for Tee<'_, R> {
    fn skip(&mut self, mut bytes: u64) -> io::Result<bool> {
        let mut buffer = vec![0; BUFFER.min(usize::try_from(bytes).unwrap_or(BUFFER))];
        while bytes > 0 {
            let most = buffer.len().min(usize::try_from(bytes).unwrap_or(BUFFER));
            match self.read(&mut buffer[..most]) {
                Ok(0) => return Ok(false),
                Ok(read) => bytes -= read as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
