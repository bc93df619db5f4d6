//! The line `\.` that ends COPY text in a script: taken off, since the protocol has an end of its own, and rows behind it would be lost.

use bytes::{Bytes, BytesMut};

use crate::error::{Error, Result};

/// Looks for the line in text that comes in pieces.
#[derive(Debug)]
pub(super) struct Marker {
    /// The beginning of a line that may become the marker: held back.
    held: Vec<u8>,
    at_line_start: bool,
    ended: bool,
}

impl Default for Marker {
    fn default() -> Self {
        Self { held: Vec::new(), at_line_start: true, ended: false }
    }
}

impl Marker {
    /// What of the piece, and of what was held back before it, are rows: at most two pieces.
    pub(super) fn pass(&mut self, piece: Bytes) -> Result<[Bytes; 2]> {
        if self.ended {
            return only_blank(&piece);
        }
        if self.held.is_empty() {
            return self.scan(piece);
        }
        // A held beginning is at most two bytes; decide with the next few.
        let mut line = BytesMut::from(self.held.as_slice());
        self.held.clear();
        self.at_line_start = true;
        let few = piece.len().min(4);
        line.extend_from_slice(&piece[..few]);
        let [before, more] = self.scan(line.freeze())?;
        debug_assert!(more.is_empty());
        let rest = piece.slice(few..);
        if self.ended {
            only_blank(&rest)?;
            return Ok([before, Bytes::new()]);
        }
        if rest.is_empty() {
            return Ok([before, Bytes::new()]);
        }
        if !self.held.is_empty() {
            // The few bytes held a line's end and another beginning: short, so copying does no harm.
            let mut line = BytesMut::from(self.held.as_slice());
            self.held.clear();
            self.at_line_start = true;
            line.extend_from_slice(&rest);
            let [rest, _] = self.scan(line.freeze())?;
            return Ok([before, rest]);
        }
        let [rest, _] = self.scan(rest)?;
        Ok([before, rest])
    }

    /// What was held back and is the end of the rows after all.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        if held == br"\." { Vec::new() } else { held }
    }

    fn scan(&mut self, piece: Bytes) -> Result<[Bytes; 2]> {
        let mut found = None;
        for at in memchr::memmem::find_iter(&piece, br"\.") {
            if self.starts_line(&piece, at) && matches!(piece.get(at + 2), Some(b'\n' | b'\r')) {
                found = Some(at);
                break;
            }
        }
        if let Some(at) = found {
            self.ended = true;
            only_blank(&piece.slice(at + 2..))?;
            return Ok([piece.slice(..at), Bytes::new()]);
        }
        let keep = [2, 1].into_iter().find(|length| {
            let at = piece.len().checked_sub(*length);
            at.is_some_and(|at| br"\.".starts_with(&piece[at..]) && self.starts_line(&piece, at))
        });
        let passed = piece.slice(..piece.len() - keep.unwrap_or_default());
        self.held = piece[passed.len()..].to_vec();
        self.at_line_start = passed.last().map_or(self.at_line_start, |last| *last == b'\n');
        Ok([passed, Bytes::new()])
    }

    fn starts_line(&self, piece: &[u8], at: usize) -> bool {
        match at.checked_sub(1) {
            Some(before) => piece[before] == b'\n',
            None => self.at_line_start,
        }
    }
}

fn only_blank(rest: &[u8]) -> Result<[Bytes; 2]> {
    if rest.iter().all(u8::is_ascii_whitespace) {
        return Ok([Bytes::new(), Bytes::new()]);
    }
    Err(Error::new("plugin.bad_batch", "Rows follow the line that ends them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let mut marker = Marker::default();
        let mut out = Vec::new();
        for piece in pieces {
            for part in marker.pass(Bytes::copy_from_slice(piece))? {
                out.extend_from_slice(&part);
            }
        }
        out.extend(marker.rest());
        Ok(out)
    }

    #[test]
    fn the_marker_is_taken_off_wherever_the_text_is_cut() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"1\ta\n2\tb\n\\.\n\n\n", b"1\ta\n2\tb\n"),
            (b"\\.\n", b""),
            (b"\\.", b""),
            (b"\\.\r\n", b""),
            (b"a\\.\n\\\\.\n", b"a\\.\n\\\\.\n"),
            (b"\\.x\n\\N\n", b"\\.x\n\\N\n"),
            (b"\\N\n\\N\n", b"\\N\n\\N\n"),
            (b"a\n\\", b"a\n\\"),
            (b"", b""),
        ];
        for (text, expected) in cases {
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    let found = through(&pieces).unwrap();
                    assert_eq!(found, *expected, "{:?} cut at {first} and {second}", text.escape_ascii().to_string());
                }
            }
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(through(&bytes).unwrap(), *expected);
        }
    }

    #[test]
    fn rows_behind_the_marker_are_refused() {
        let text = b"1\n\\.\n2\n";
        for cut in 0..text.len() {
            let error = through(&[&text[..cut], &text[cut..]]).unwrap_err();
            assert_eq!(error.code(), "plugin.bad_batch", "{cut}");
        }
    }
}
