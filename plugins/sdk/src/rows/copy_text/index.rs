//! Where the fields of whole records are: the first pass over COPY text, 64 bytes at a time.

use crate::rows::marks::{BLOCK, marks};
use crate::rows::span::{QUOTED, Span};

/// A record that has another number of fields, and which of the scan it is, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) row: usize,
    /// Fields found; one more than there should be when there are more.
    fields: usize,
}

impl Malformed {
    pub(super) fn message(self, width: usize) -> String {
        let Self { fields, .. } = self;
        if fields > width {
            format!("The row has more than {width} fields, one for each column")
        } else {
            format!("The row has {fields} fields where there are {width} columns")
        }
    }
}

/// The fields of records, one after another.
#[derive(Debug, Default)]
pub(super) struct Index {
    spans: Vec<Span>,
    /// Which of them hold backslashes.
    escaped: Vec<usize>,
    end: usize,
    marked: bool,
}

impl Index {
    /// Finds at most `most` whole records of `width` fields and says how many. `ended` says that nothing follows `bytes`.
    pub(super) fn scan(&mut self, bytes: &[u8], ended: bool, width: usize, most: usize) -> Result<usize, Malformed> {
        self.spans.clear();
        self.escaped.clear();
        (self.end, self.marked) = (0, false);
        let mut scan =
            Scan { index: self, bytes, width, most, rows: 0, kept: 0, start: 0, first: 0, skipped: 0, escaped: false };
        let scanned = scan.run(ended);
        let (rows, kept) = (scan.rows, scan.kept);
        scanned.map_err(|fields| Malformed { row: rows, fields })?;
        self.spans.truncate(kept);
        self.escaped.retain(|at| *at < kept);
        Ok(rows)
    }

    /// Where the found records end, the marker of the end included.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Whether the line that marks the end of the rows follows the found records.
    pub(super) fn is_marked(&self) -> bool {
        self.marked
    }

    /// Undoes the backslashes of all found records.
    pub(super) fn unescape(&mut self, bytes: &mut [u8]) {
        for at in self.escaped.drain(..) {
            let span = &mut self.spans[at];
            let field = &mut bytes[span.start()..span.end()];
            *span = if field == b"\\N" {
                Span::NULL
            } else {
                Span::new(span.start(), span.start() + unescape(field), QUOTED)
            };
        }
    }

    /// The field at `at` of each of the `rows` records.
    pub(super) fn column(&self, at: usize, width: usize, rows: usize) -> impl Iterator<Item = Span> + Clone + '_ {
        self.spans.get(at..).unwrap_or_default().iter().step_by(width.max(1)).take(rows).copied()
    }
}

/// Undoes the backslashes of a field in its place and says how long it is then.
fn unescape(field: &mut [u8]) -> usize {
    let (mut from, mut into) = (0, 0);
    while from < field.len() {
        let (byte, length) = match field[from] {
            b'\\' => escape(&field[from + 1..]),
            byte => (byte, 1),
        };
        field[into] = byte;
        from += length;
        into += 1;
    }
    into
}

/// What the bytes behind a backslash stand for, and the length of both. As PostgreSQL reads them (`CopyReadAttributesText`).
fn escape(rest: &[u8]) -> (u8, usize) {
    let digits = |text: &[u8], most: usize, radix: u32| {
        let digit = |byte: &u8| char::from(*byte).to_digit(radix);
        let digits: Vec<u32> = text.iter().take(most).map_while(digit).collect();
        let value = digits.iter().fold(0, |value, digit| value * radix + digit);
        // Larger octal numbers lose their highest bit there, too.
        ((value & 0xff) as u8, digits.len())
    };
    match rest {
        [] => (b'\\', 1),
        [b'0'..=b'7', ..] => {
            let (value, length) = digits(rest, 3, 8);
            (value, 1 + length)
        }
        [b'x', more @ ..] => match digits(more, 2, 16) {
            (_, 0) => (b'x', 2),
            (value, length) => (value, 2 + length),
        },
        [b'b', ..] => (8, 2),
        [b'f', ..] => (12, 2),
        [b'n', ..] => (b'\n', 2),
        [b'r', ..] => (b'\r', 2),
        [b't', ..] => (b'\t', 2),
        [b'v', ..] => (11, 2),
        [byte, ..] => (*byte, 2),
    }
}

struct Scan<'a> {
    index: &'a mut Index,
    bytes: &'a [u8],
    width: usize,
    most: usize,
    rows: usize,
    /// Spans of whole records.
    kept: usize,
    /// Where the current field began.
    start: usize,
    /// Where the current record began.
    first: usize,
    /// Marks before it stand behind a backslash.
    skipped: usize,
    /// Whether the current field holds a backslash.
    escaped: bool,
}

impl Scan<'_> {
    /// Fails with the number of fields of the record that has too few or too many.
    fn run(&mut self, ended: bool) -> Result<(), usize> {
        let (blocks, tail) = self.bytes.as_chunks::<BLOCK>();
        for (at, block) in blocks.iter().enumerate() {
            if self.block(at * BLOCK, marks::<b'\t', b'\n', b'\\'>(block))? {
                return Ok(());
            }
        }
        let mut last = [0; BLOCK];
        last[..tail.len()].copy_from_slice(tail);
        let stopped = self.block(self.bytes.len() - tail.len(), marks::<b'\t', b'\n', b'\\'>(&last))?;
        if ended && !stopped && self.first < self.bytes.len() {
            self.line_end(self.bytes.len())?;
        }
        Ok(())
    }

    /// Takes up what is marked in a block that begins at `base`; `true` when there is enough, or the rows have ended.
    #[inline]
    fn block(&mut self, base: usize, mut marks: u64) -> Result<bool, usize> {
        while marks != 0 {
            let at = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if at < self.skipped {
                continue;
            }
            match self.bytes[at] {
                b'\t' => self.field(at),
                b'\\' => {
                    self.escaped = true;
                    self.skipped = at + 2;
                }
                _ => {
                    if self.line_end(at)? {
                        return Ok(true);
                    }
                }
            }
        }
        // A line of nothing but tabs ends here.
        let found = self.index.spans.len() - self.kept;
        if found > self.width { Err(found) } else { Ok(false) }
    }

    fn field(&mut self, end: usize) {
        if std::mem::take(&mut self.escaped) {
            self.index.escaped.push(self.index.spans.len());
        }
        self.index.spans.push(Span::new(self.start, end, QUOTED));
        self.start = end + 1;
    }

    fn line_end(&mut self, at: usize) -> Result<bool, usize> {
        let line = &self.bytes[self.first..at];
        let after = (at + 1).min(self.bytes.len());
        if line == b"\\." {
            (self.index.end, self.index.marked) = (after, true);
            return Ok(true);
        }
        // Rows of a table without columns are empty lines.
        if self.width == 0 && line.is_empty() {
            self.start = at + 1;
        } else {
            self.field(at);
        }
        let found = self.index.spans.len() - self.kept;
        if found != self.width {
            return Err(found);
        }
        self.kept = self.index.spans.len();
        self.rows += 1;
        self.first = self.start;
        self.index.end = after;
        Ok(self.rows == self.most)
    }
}
