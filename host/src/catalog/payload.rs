//! An entry's bytes: decompressed, with length and digest checked at the end.

use bytes::Bytes;

use crate::archive::Archive;
use crate::error::Result;

use super::Entry;

/// An entry that is being read.
pub struct Payload {}

impl Payload {
    /// Opens the entry at its beginning. `verify` compares the digest at the end; the length is always compared.
    pub fn open(archive: &Archive, entry: &Entry, verify: bool) -> Result<Self> {
        let _ = (archive, entry, verify);
        unimplemented!()
    }

    /// The next bytes, at most `max`, as many as there are; empty at the end, which comes only after length and digest were right.
    pub fn next(&mut self, max: usize) -> Result<Bytes> {
        let _ = max;
        unimplemented!()
    }
}
