//! A window over an entry: what is decoded leaves at its front, what is read comes in at its back.

use crate::{CHUNK, Failure};

/// Bytes of text that make a batch. Small enough for the cache, and a batch of nothing but short numbers, eight times
/// as large as its text, stays far below what one call may pass to the host.
pub(super) const WINDOW: usize = 512 * 1024;

/// The longest record: it must fit into the sandbox's memory a few times.
const LONGEST: usize = 32 << 20;

/// The part of the entry that is being looked at.
pub(super) struct Window<R> {
    source: R,
    bytes: Vec<u8>,
    /// Where what is not decoded yet begins.
    at: usize,
    ended: bool,
    read: u64,
}

/// Why the window cannot show more.
pub(super) enum Full {
    /// The host's failure.
    Failed(Failure),
    /// A record is longer than memory allows.
    TooLong,
}

impl From<Failure> for Full {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Full {
    /// As the failure of what was read, row `row`.
    pub(super) fn of_row(self, row: u64) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::TooLong => Failure::new("table.row_too_large", too_long("The row")).row(row),
        }
    }
}

impl<R: FnMut(u32) -> Result<Vec<u8>, Failure>> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, bytes: Vec::new(), at: 0, ended: false, read: 0 }
    }

    /// What is visible and not decoded yet.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// The same, to be unescaped in its place.
    pub(super) fn rest_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.at..]
    }

    /// Whether the entry ends with what is visible.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes that the host gave so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Takes `length` bytes from the front.
    pub(super) fn consume(&mut self, length: usize) {
        self.at += length;
    }

    /// Makes at least `wanted` bytes visible, or all there are.
    pub(super) fn fill(&mut self, wanted: usize) -> Result<(), Failure> {
        if self.ended || self.rest().len() >= wanted {
            return Ok(());
        }
        self.bytes.drain(..std::mem::take(&mut self.at));
        while !self.ended && self.bytes.len() < wanted {
            let chunk = (self.source)(CHUNK)?;
            self.ended = chunk.is_empty();
            self.read += chunk.len() as u64;
            self.bytes.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// Reads on for a record that is longer than what is visible. Doubling keeps the scans of a long one linear.
    pub(super) fn grow(&mut self) -> Result<(), Full> {
        if self.rest().len() > LONGEST {
            return Err(Full::TooLong);
        }
        Ok(self.fill(self.rest().len() * 2)?)
    }
}

/// What is said of something that does not fit.
pub(super) fn too_long(what: &str) -> String {
    format!("{what} is longer than {} MiB; keep such values in an Arrow entry", LONGEST >> 20)
}
