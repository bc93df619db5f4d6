//! Undoes the compressions of foreign backups. Every decoder reads to the end of what is stored and fails where the stream is
//! broken, cut short, or followed by something else.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use lz4_flex::frame::FrameDecoder;

use super::Compression;

/// A decoder over stored bytes, of which there is at least one.
pub(super) fn decoder<'a, R: BufRead + Send + 'a>(
    stored: R,
    compression: Compression,
    window_log: u32,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(stored),
        Compression::Gzip => Box::new(MultiGzDecoder::new(stored)),
        Compression::Zlib => Box::new(Zlib { stored, inflate: Decompress::new(true), ended: false }),
        Compression::Lz4 => {
            Box::new(Lz4 { frames: FrameDecoder::new(Watched { stored, starved: false }), ended: false })
        }
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(stored)?;
            decoder.window_log_max(window_log.clamp(10, 31))?;
            Box::new(decoder)
        }
    })
}

/// Whether an error of a decoder says that the window is larger than allowed.
pub(super) fn is_window(error: &io::Error) -> bool {
    error.to_string().contains("too much memory")
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends early")
}

fn followed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "bytes follow its end")
}

/// One zlib stream. The crate's own reader takes the end of its input for the end of the stream.
struct Zlib<R> {
    stored: R,
    inflate: Decompress,
    ended: bool,
}

impl<R: BufRead> Read for Zlib<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            let input = self.stored.fill_buf()?;
            let is_last = input.is_empty();
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, out, FlushDecompress::None).map_err(io::Error::other)?;
            let taken = (self.inflate.total_in() - before_in) as usize;
            let given = (self.inflate.total_out() - before_out) as usize;
            self.stored.consume(taken);
            self.ended = status == Status::StreamEnd;
            if self.ended && !self.stored.fill_buf()?.is_empty() {
                return Err(followed());
            }
            if given > 0 {
                return Ok(given);
            }
            if is_last && !self.ended {
                return Err(cut());
            }
        }
        Ok(0)
    }
}

/// LZ4 frames. The crate's reader takes a missing end of a frame for its end; whoever asked for more bytes than there were
/// was not at the end.
struct Lz4<R: BufRead> {
    frames: FrameDecoder<Watched<R>>,
    ended: bool,
}

struct Watched<R> {
    stored: R,
    starved: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.stored.read(out)?;
        self.starved |= read == 0 && !out.is_empty();
        Ok(read)
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            let read = self.frames.read(out)?;
            if read > 0 {
                return Ok(read);
            }
            let stored = self.frames.get_mut();
            if stored.starved {
                return Err(cut());
            }
            self.ended = stored.stored.fill_buf()?.is_empty();
        }
        Ok(0)
    }
}

/// A buffer of its own before a decoder: blocks of a few bytes cost no call each.
pub(super) fn buffered<R: Read>(stored: R, bytes: u64) -> BufReader<R> {
    const BUFFER: u64 = 256 << 10;
    BufReader::with_capacity(bytes.clamp(512, BUFFER) as usize, stored)
}
