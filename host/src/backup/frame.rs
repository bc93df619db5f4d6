//! Compresses one entry after another, each into one zstd frame that states its length and its checksum.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective::{self, ZSTD_e_continue, ZSTD_e_end, ZSTD_e_flush};
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, compress_bound, get_error_name};

use crate::catalog::Digest;

const LEVEL: i32 = 3;
/// Entries up to this size are compressed in one go, with tables of their own size.
const WHOLE: usize = 1 << 20;
/// A reader refuses what grows a thousandfold; beyond half of that we end blocks early.
const DENSE: u64 = 500;
const DENSE_BLOCK: usize = 2 << 10;
const BLOCK: usize = 128 << 10;
/// A frame's length is known at its end and belongs into its header, which therefore grows by so much.
const SIZE_FIELD: u64 = 8;
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The compressor and its buffers, used again for every entry.
pub(super) struct Compressor {
    context: CCtx<'static>,
    /// Bytes of the entry that are not compressed yet.
    pending: Vec<u8>,
    out: Vec<u8>,
}

/// The frame that is being written.
pub(super) struct Frame {
    start: u64,
    /// Compressed length so far.
    pub(super) stored: u64,
    /// Length so far, uncompressed.
    pub(super) bytes: u64,
    hash: Sha256,
    streaming: bool,
}

impl Frame {
    /// The digest of the uncompressed bytes, once the frame is finished.
    pub(super) fn digest(&mut self) -> Digest {
        Digest(self.hash.finalize_reset().into())
    }
}

impl Compressor {
    pub(super) fn new() -> io::Result<Self> {
        let mut context = CCtx::create();
        context.set_parameter(CParameter::CompressionLevel(LEVEL)).map_err(fault)?;
        context.set_parameter(CParameter::ChecksumFlag(true)).map_err(fault)?;
        context.set_parameter(CParameter::ContentSizeFlag(true)).map_err(fault)?;
        Ok(Self { context, pending: Vec::new(), out: Vec::with_capacity(CCtx::out_size()) })
    }

    /// Starts a frame at this place of a file.
    pub(super) fn start(&mut self, start: u64) -> Frame {
        self.pending.clear();
        Frame { start, stored: 0, bytes: 0, hash: Sha256::new(), streaming: false }
    }

    /// Takes some of the bytes, at least one; says how many.
    pub(super) fn write(&mut self, frame: &mut Frame, file: &File, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.len() == WHOLE {
            self.stream(frame, file)?;
        }
        let taken = bytes.len().min(WHOLE - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        frame.bytes += taken as u64;
        Ok(taken)
    }

    /// Ends the frame; [`Frame::stored`] and [`Frame::bytes`] are final then.
    pub(super) fn finish(&mut self, frame: &mut Frame, file: &File) -> io::Result<()> {
        if !frame.streaming {
            return self.whole(frame, file);
        }
        self.stream(frame, file)?;
        self.pump(frame, file, &[], ZSTD_e_end)?;
        state_size(frame, file)
    }

    fn whole(&mut self, frame: &mut Frame, file: &File) -> io::Result<()> {
        frame.hash.update(&self.pending);
        self.context.reset(ResetDirective::SessionOnly).map_err(fault)?;
        self.out.clear();
        self.out.reserve(compress_bound(self.pending.len()));
        self.context.compress2(&mut self.out, &self.pending).map_err(fault)?;
        file.write_all_at(&self.out, frame.start)?;
        frame.stored = self.out.len() as u64;
        Ok(())
    }

    /// Compresses what is pending.
    fn stream(&mut self, frame: &mut Frame, file: &File) -> io::Result<()> {
        if !frame.streaming {
            self.context.reset(ResetDirective::SessionOnly).map_err(fault)?;
            frame.streaming = true;
            frame.stored = SIZE_FIELD;
        }
        let pending = std::mem::take(&mut self.pending);
        frame.hash.update(&pending);
        let mut consumed = frame.bytes - pending.len() as u64;
        for block in pending.chunks(BLOCK) {
            consumed += block.len() as u64;
            // One block may still be inside the compressor.
            if consumed.saturating_sub(BLOCK as u64) > frame.stored * DENSE {
                block.chunks(DENSE_BLOCK).try_for_each(|part| self.pump(frame, file, part, ZSTD_e_flush))?;
            } else {
                self.pump(frame, file, block, ZSTD_e_continue)?;
            }
        }
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    fn pump(&mut self, frame: &mut Frame, file: &File, bytes: &[u8], end: ZSTD_EndDirective) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        loop {
            self.out.clear();
            let mut output = OutBuffer::around(&mut self.out);
            let left = self.context.compress_stream2(&mut output, &mut input, end).map_err(fault)?;
            file.write_all_at(&self.out, frame.start + frame.stored)?;
            frame.stored += self.out.len() as u64;
            if input.pos() == bytes.len() && (left == 0 || end == ZSTD_e_continue) {
                return Ok(());
            }
        }
    }
}

/// Puts the length into the header of a frame that was begun without knowing it (RFC 8878, 3.1.1.1).
///
/// The compressor wrote six bytes, [`SIZE_FIELD`] after the frame's place: magic, descriptor, window. Blocks do not depend on them.
fn state_size(frame: &Frame, file: &File) -> io::Result<()> {
    let mut short = [0; 6];
    file.read_exact_at(&mut short, frame.start + SIZE_FIELD)?;
    let [magic @ .., descriptor, window] = short;
    if magic != MAGIC || descriptor != 0b0000_0100 {
        return Err(io::Error::other("zstd wrote a frame header of another shape"));
    }
    let mut long = [0; 14];
    long[..4].copy_from_slice(&MAGIC);
    long[4] = descriptor | 0b1100_0000;
    long[5] = window;
    long[6..].copy_from_slice(&frame.bytes.to_le_bytes());
    file.write_all_at(&long, frame.start)
}

fn fault(code: usize) -> io::Error {
    io::Error::other(get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(bytes: &[u8], piece: usize) -> Vec<u8> {
        let file = tempfile::tempfile().unwrap();
        let mut compressor = Compressor::new().unwrap();
        let mut frame = compressor.start(100);
        for mut part in bytes.chunks(piece) {
            while !part.is_empty() {
                let taken = compressor.write(&mut frame, &file, part).unwrap();
                part = &part[taken..];
            }
        }
        compressor.finish(&mut frame, &file).unwrap();
        assert_eq!(frame.bytes, bytes.len() as u64);
        let mut out = vec![0; frame.stored as usize];
        file.read_exact_at(&mut out, 100).unwrap();
        assert_eq!(frame.digest(), Digest::of(bytes));
        out
    }

    #[test]
    fn every_frame_states_its_length_and_comes_back() {
        let noise: Vec<u8> = (0..1_250_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for length in [0, 1, 1000, WHOLE - 1, WHOLE, WHOLE + 1, 3 * WHOLE, 5_000_000] {
            for piece in [9973, 1 << 24] {
                let packed = compress(&noise[..length], piece);
                assert_eq!(zstd::zstd_safe::get_frame_content_size(&packed).unwrap(), Some(length as u64));
                assert_eq!(packed[4] & 0b100, 0b100, "the frame has a checksum");
                assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap(), &noise[..length]);
            }
        }
    }

    #[test]
    fn nothing_shrinks_a_thousandfold_beyond_the_first_mebibyte() {
        let zeros = vec![0; 40 << 20];
        let packed = compress(&zeros, 1 << 20);
        let ratio = zeros.len() / packed.len();
        assert!((100..1000).contains(&ratio), "{ratio}");
        assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap(), zeros);
    }
}
