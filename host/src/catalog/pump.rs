//! Moves a foreign entry's chunks: read here, or, where there are many to decompress, on a thread of their own.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use super::foreign::Reader;
use super::inflate::Fault;

/// Chunks that may wait to be taken.
const WAITING: usize = 3;

/// Gives one entry's chunks. An entry of one chunk is read where it is asked for; for a second one, if it is compressed, the thread
/// is started, which ends with the entry or when this is dropped.
pub(super) enum Pump {
    Here {
        reader: Box<Reader>,
        begun: bool,
        compressed: bool,
    },
    Aside(Aside),
    /// After an error.
    Broken,
}

pub(super) struct Aside {
    /// Taken when this is dropped, which the thread notices.
    chunks: Option<Receiver<Result<Bytes, Fault>>>,
    thread: Option<JoinHandle<()>>,
}

impl Pump {
    pub(super) fn new(reader: Reader, compressed: bool) -> Self {
        Self::Here { reader: Box::new(reader), begun: false, compressed }
    }

    /// The next chunk; empty at the end.
    pub(super) fn chunk(&mut self) -> Result<Bytes, Fault> {
        match self {
            Self::Here { reader, begun, compressed } if !*begun || !*compressed || reader.is_ended() => {
                *begun = true;
                reader.chunk()
            }
            Self::Here { .. } => {
                *self = match std::mem::replace(self, Self::Broken) {
                    Self::Here { reader, .. } => Self::Aside(Aside::start(reader)?),
                    other => other,
                };
                self.chunk()
            }
            Self::Aside(aside) => aside.chunk(),
            Self::Broken => Ok(Bytes::new()),
        }
    }
}

impl Aside {
    fn start(mut reader: Box<Reader>) -> Result<Self, Fault> {
        let (sender, chunks) = sync_channel(WAITING);
        let thread =
            thread::Builder::new().name("reinstate-inflate".to_owned()).spawn(move || pump(&mut reader, &sender))?;
        Ok(Self { chunks: Some(chunks), thread: Some(thread) })
    }

    fn chunk(&mut self) -> Result<Bytes, Fault> {
        // A thread that is gone without a word has given the end already, or has panicked.
        let Some(Ok(chunk)) = self.chunks.as_ref().map(Receiver::recv) else {
            return Err(Fault::Broken("its decompression stopped".to_owned()));
        };
        chunk
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        drop(self.chunks.take());
        // It is at most one chunk away from noticing.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads to the end, to the first error, or until nobody wants more.
fn pump(reader: &mut Reader, chunks: &SyncSender<Result<Bytes, Fault>>) {
    loop {
        let chunk = reader.chunk();
        let is_last = chunk.as_ref().map_or(true, Bytes::is_empty);
        if chunks.send(chunk).is_err() || is_last {
            return;
        }
    }
}
