//! One zstd frame, decompressed step by step, and never further than it was told.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name, get_frame_content_size};

/// Compressed bytes read at once.
const BUFFER: u64 = 128 << 10;
/// Contexts kept for the next entry, and how large they may be: making one costs more than decompressing a small entry.
const IDLE: usize = 8;
const IDLE_BYTES: usize = 1 << 20;

static CONTEXTS: Mutex<Vec<DCtx<'static>>> = Mutex::new(Vec::new());

/// What is wrong with an entry's bytes.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Short,
    Long,
    /// The frame's header states another length.
    Stated(u64),
    Trailing,
    Window,
    Zstd(&'static str),
    Digest,
    /// A foreign entry's stream or blocks, in words.
    Broken(String),
    /// It grows more than so many times.
    Ratio(u64),
    /// The archive itself could not be read.
    Archive(Error),
}

impl From<io::Error> for Fault {
    /// Our own come out as they went in.
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(own) => Self::Archive(own.clone()),
            None => Self::Io(error),
        }
    }
}

pub(super) struct Inflate {
    stored: Box<dyn Read + Send>,
    /// Made when it is needed and no idle one was left.
    context: Option<DCtx<'static>>,
    input: Vec<u8>,
    /// The part of `input` that holds bytes which are not decompressed yet.
    from: usize,
    to: usize,
    /// The length that the manifest says.
    length: u64,
    begun: bool,
    ended: bool,
    window_log: u32,
}

impl Inflate {
    pub(super) fn new(stored: Box<dyn Read + Send>, size: u64, length: u64, window_log: u32) -> Self {
        // Small entries get small buffers; one byte more shows the end.
        let input = vec![0; size.saturating_add(1).min(BUFFER) as usize];
        let context = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { stored, context, input, from: 0, to: 0, length, begun: false, ended: false, window_log }
    }

    /// Decompresses until there are `wanted` bytes, for which `out` has room, or the frame ends.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, wanted: usize) -> Result<(), Fault> {
        while out.len() < wanted && !self.ended {
            self.refill()?;
            self.step(out)?;
        }
        Ok(())
    }

    /// The frame must end here, and nothing may follow it.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        let mut beyond = Vec::with_capacity(1);
        self.fill(&mut beyond, 1)?;
        if !beyond.is_empty() {
            return Err(Fault::Long);
        }
        if self.from < self.to || self.stored.read(&mut [0])? != 0 {
            return Err(Fault::Trailing);
        }
        Ok(())
    }

    /// Reads on when everything is used up. At the end of the member the decompressor may still hold bytes back.
    fn refill(&mut self) -> Result<(), Fault> {
        if self.from < self.to {
            return Ok(());
        }
        self.from = 0;
        self.to = loop {
            match self.stored.read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if !self.begun {
            self.begun = true;
            self.begin()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fault> {
        let context = self.context.get_or_insert_with(DCtx::create);
        context.set_parameter(DParameter::WindowLogMax(self.window_log.clamp(10, 31))).map_err(fault)?;
        // A bomb is refused by what it says of itself; one that lies is stopped at the manifest's length.
        match get_frame_content_size(&self.input[..self.to]) {
            Ok(Some(stated)) if stated != self.length => Err(Fault::Stated(stated)),
            _ => Ok(()),
        }
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let before = out.len();
        let mut input = InBuffer::around(&self.input[self.from..self.to]);
        let mut output = OutBuffer::around_pos(out, before);
        let context = self.context.get_or_insert_with(DCtx::create);
        let hint = context.decompress_stream(&mut output, &mut input).map_err(fault)?;
        let used = input.pos();
        self.from += used;
        self.ended = hint == 0;
        // No bytes in and none out although there was room: the member ended inside the frame.
        if !self.ended && used == 0 && out.len() == before {
            return Err(Fault::Short);
        }
        Ok(())
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        let Some(mut context) = self.context.take().filter(|context| context.sizeof() <= IDLE_BYTES) else {
            return;
        };
        if context.reset(ResetDirective::SessionAndParameters).is_ok() {
            let mut idle = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE {
                idle.push(context);
            }
        }
    }
}

fn fault(code: usize) -> Fault {
    match get_error_name(code) {
        "Frame requires too much memory for decoding" => Fault::Window,
        reason => Fault::Zstd(reason),
    }
}
