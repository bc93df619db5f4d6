//! Where a field is in a window of text.

use std::borrow::Cow;

/// Where a field is, without its quotes. The two highest bits of `end` say how it was written; a window is far smaller
/// than what the others can count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rows) struct Span {
    start: u32,
    end: u32,
}

/// The value stood in quotes: where it is empty, it is not NULL.
pub(in crate::rows) const QUOTED: u32 = 1 << 31;
/// Quotes in it are doubled.
pub(in crate::rows) const ESCAPED: u32 = 1 << 30;

impl Span {
    /// The field of a column that the entry does not hold.
    pub(in crate::rows) const NULL: Self = Self { start: 0, end: 0 };

    /// From `start` to `end`.
    pub(in crate::rows) fn new(start: usize, end: usize, flags: u32) -> Self {
        Self { start: start as u32, end: end as u32 | flags }
    }

    pub(in crate::rows) fn start(self) -> usize {
        self.start as usize
    }

    pub(in crate::rows) fn end(self) -> usize {
        (self.end & !(QUOTED | ESCAPED)) as usize
    }

    /// Bytes as they were written, between the quotes.
    pub(in crate::rows) fn raw(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start()..self.end()]
    }

    /// Empty and not quoted.
    pub(in crate::rows) fn is_null(self) -> bool {
        self.start == self.end
    }

    /// Whether it holds doubled quotes.
    pub(in crate::rows) fn is_escaped(self) -> bool {
        self.end & ESCAPED != 0
    }

    /// The value; `None` when it is not UTF-8.
    pub(in crate::rows) fn text(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        let raw = std::str::from_utf8(self.raw(bytes)).ok()?;
        Some(if self.is_escaped() { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) })
    }
}
