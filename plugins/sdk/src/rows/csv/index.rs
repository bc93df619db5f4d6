//! Where the fields of whole records are: the first pass over CSV, 64 bytes at a time.

use crate::rows::marks::{BLOCK, marks};
use crate::rows::span::{ESCAPED, QUOTED, Span};

/// More columns than any target takes; a line of nothing but commas ends here.
const MOST_COLUMNS: usize = 1 << 16;

/// What breaks the rules of CSV, and in which record of the scan, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) row: usize,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Narrow(usize),
    TooWide,
    BareQuote,
    AfterQuote,
    OpenQuote,
}

impl Malformed {
    pub(super) fn message(self, width: usize) -> String {
        match self.what {
            What::Narrow(found) => format!("The row has {found} fields where the first line names {width}"),
            What::TooWide if width > 0 => format!("The row has more than the {width} fields that the first line names"),
            What::TooWide => format!("It names more than {MOST_COLUMNS} columns"),
            What::BareQuote => "A quote is inside a field that does not begin with one".to_owned(),
            What::AfterQuote => "Something follows a field's closing quote".to_owned(),
            What::OpenQuote => "A quoted field has no end".to_owned(),
        }
    }
}

/// The fields of records, one after another.
#[derive(Debug, Default)]
pub(super) struct Index {
    spans: Vec<Span>,
    end: usize,
}

impl Index {
    /// Finds the first record, of any width. `false` when it is not whole; `ended` says that nothing follows `bytes`.
    pub(super) fn scan_first(&mut self, bytes: &[u8], ended: bool) -> Result<bool, Malformed> {
        Ok(self.run(bytes, ended, None, 1)? == 1)
    }

    /// Finds at most `most` whole records of `width` fields and says how many.
    pub(super) fn scan(&mut self, bytes: &[u8], ended: bool, width: usize, most: usize) -> Result<usize, Malformed> {
        self.run(bytes, ended, Some(width), most)
    }

    fn run(&mut self, bytes: &[u8], ended: bool, width: Option<usize>, most: usize) -> Result<usize, Malformed> {
        self.spans.clear();
        self.end = 0;
        let mut scan = Scan {
            spans: &mut self.spans,
            bytes,
            width: width.unwrap_or(MOST_COLUMNS),
            first: width.is_none(),
            most,
            rows: 0,
            kept: 0,
            start: 0,
            end: 0,
            mode: Mode::Plain,
        };
        scan.run(ended).map_err(|what| Malformed { row: scan.rows, what })?;
        let (rows, kept, end) = (scan.rows, scan.kept, scan.end);
        self.spans.truncate(kept);
        self.end = end;
        Ok(rows)
    }

    /// Where the found records end.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Fields of all found records.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// One field of each of the `rows` records: the one at `at`, NULL where that is `None`.
    pub(super) fn column(&self, at: Option<usize>, width: usize, rows: usize) -> Column<'_> {
        match at {
            Some(at) => Column { spans: &self.spans, at, step: width, left: rows },
            None => Column { spans: &[Span::NULL], at: 0, step: 0, left: rows },
        }
    }
}

/// The same field of record after record.
#[derive(Debug, Clone)]
pub(super) struct Column<'a> {
    spans: &'a [Span],
    at: usize,
    step: usize,
    left: usize,
}

impl Iterator for Column<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        self.left = self.left.checked_sub(1)?;
        let span = self.spans[self.at];
        self.at += self.step;
        Some(span)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// In a field without quotes.
    Plain,
    /// Between quotes.
    Inside { escaped: bool },
    /// After the quote at `close`, which ends the field unless another one follows at once.
    Closed { close: usize, escaped: bool },
}

struct Scan<'a> {
    spans: &'a mut Vec<Span>,
    bytes: &'a [u8],
    /// Fields of a record, or the most that the first one may have.
    width: usize,
    first: bool,
    most: usize,
    rows: usize,
    /// Spans of whole records.
    kept: usize,
    /// Where the current field began, after its quote.
    start: usize,
    /// Where the last whole record ended.
    end: usize,
    mode: Mode,
}

impl Scan<'_> {
    fn run(&mut self, ended: bool) -> Result<(), What> {
        let (blocks, tail) = self.bytes.as_chunks::<BLOCK>();
        for (at, block) in blocks.iter().enumerate() {
            if self.block(at * BLOCK, marks_of(block))? {
                return Ok(());
            }
        }
        let mut last = [0; BLOCK];
        last[..tail.len()].copy_from_slice(tail);
        let stopped = self.block(self.bytes.len() - tail.len(), marks_of(&last))?;
        if ended && !stopped { self.last() } else { Ok(()) }
    }

    /// Takes up what is marked in a block that begins at `base`; `true` when there are enough records.
    #[inline]
    fn block(&mut self, base: usize, mut marks: u64) -> Result<bool, What> {
        while marks != 0 {
            let at = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if self.mode == Mode::Plain && self.bytes[at] == b',' {
                // What nearly every mark is, without the checks that can wait for the block's end.
                self.spans.push(Span::new(self.start, at, 0));
                self.start = at + 1;
                continue;
            }
            self.mark(at)?;
            if self.rows == self.most {
                return Ok(true);
            }
        }
        if self.spans.len() - self.kept > self.width { Err(What::TooWide) } else { Ok(false) }
    }

    /// A line end, a quote, or a comma where quotes are.
    fn mark(&mut self, at: usize) -> Result<(), What> {
        let byte = self.bytes[at];
        match (self.mode, byte) {
            (Mode::Plain, b'\n') => {
                self.field(self.before_line_end(at), 0);
                return self.record(at + 1);
            }
            (Mode::Plain, b'"') if at == self.start => {
                self.mode = Mode::Inside { escaped: false };
                self.start = at + 1;
                return Ok(());
            }
            (Mode::Plain, b'"') => return Err(What::BareQuote),
            (Mode::Plain, _) => self.field(at, 0),
            (Mode::Inside { escaped }, b'"') => {
                self.mode = Mode::Closed { close: at, escaped };
                return Ok(());
            }
            (Mode::Inside { .. }, _) => return Ok(()),
            (Mode::Closed { close, .. }, b'"') if at == close + 1 => {
                self.mode = Mode::Inside { escaped: true };
                return Ok(());
            }
            (Mode::Closed { close, escaped }, b',') if at == close + 1 => self.quoted(close, escaped),
            (Mode::Closed { close, escaped }, b'\n') if self.before_line_end(at) == close + 1 => {
                self.quoted(close, escaped);
                return self.record(at + 1);
            }
            (Mode::Closed { .. }, _) => return Err(What::AfterQuote),
        }
        self.start = at + 1;
        Ok(())
    }

    /// Where a line's last field ends: before a carriage return, too, unless that is not part of the field.
    fn before_line_end(&self, at: usize) -> usize {
        if at > self.start && self.bytes[at - 1] == b'\r' { at - 1 } else { at }
    }

    fn field(&mut self, end: usize, flags: u32) {
        self.spans.push(Span::new(self.start, end, flags));
    }

    fn quoted(&mut self, close: usize, escaped: bool) {
        self.mode = Mode::Plain;
        self.field(close, if escaped { QUOTED | ESCAPED } else { QUOTED });
    }

    fn record(&mut self, end: usize) -> Result<(), What> {
        let found = self.spans.len() - self.kept;
        if found > self.width {
            return Err(What::TooWide);
        }
        if found < self.width && !self.first {
            return Err(What::Narrow(found));
        }
        self.kept = self.spans.len();
        self.rows += 1;
        self.start = end;
        self.end = end;
        Ok(())
    }

    /// A record that ends with the entry instead of a line end.
    fn last(&mut self) -> Result<(), What> {
        let end = self.bytes.len();
        match self.mode {
            Mode::Inside { .. } => return Err(What::OpenQuote),
            Mode::Closed { close, .. } if close + 1 != end => return Err(What::AfterQuote),
            Mode::Closed { close, escaped } => self.quoted(close, escaped),
            Mode::Plain if self.end == end => return Ok(()),
            Mode::Plain => self.field(end, 0),
        }
        self.record(end)
    }
}

fn marks_of(block: &[u8; BLOCK]) -> u64 {
    marks::<b',', b'\n', b'"'>(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Records = Vec<Vec<Option<String>>>;

    fn fields(text: &str, ended: bool) -> Result<(Records, usize), Malformed> {
        let mut index = Index::default();
        let width = if index.scan_first(text.as_bytes(), ended)? { index.spans().len() } else { 0 };
        let rows = index.scan(text.as_bytes(), ended, width, usize::MAX)?;
        let value = |span: &Span| (!span.is_null()).then(|| span.text(text.as_bytes()).unwrap().into_owned());
        let records = index.spans().chunks(width.max(1)).map(|record| record.iter().map(value).collect()).collect();
        assert_eq!(index.spans().len(), rows * width);
        Ok((records, index.end()))
    }

    #[test]
    fn records_are_split_as_rfc_4180_says() {
        let null = None;
        let some = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("a,b\n", vec![vec![some("a"), some("b")]]),
            ("a,b", vec![vec![some("a"), some("b")]]),
            ("a,b\r\nc,d\r\n", vec![vec![some("a"), some("b")], vec![some("c"), some("d")]]),
            (",\n\"\",\n", vec![vec![null.clone(), null.clone()], vec![some(""), null.clone()]]),
            ("a,\"\"\r\n", vec![vec![some("a"), some("")]]),
            ("\"a,\"\"b\"\"\n\r\nc\",d\n", vec![vec![some("a,\"b\"\n\r\nc"), some("d")]]),
            ("\"\"\"\"\n", vec![vec![some("\"")]]),
            ("\"\"\"\"", vec![vec![some("\"")]]),
            ("a\n\nb\n", vec![vec![some("a")], vec![null.clone()], vec![some("b")]]),
            ("a\n\r\nb\n", vec![vec![some("a")], vec![null.clone()], vec![some("b")]]),
            ("a\rb\n", vec![vec![some("a\rb")]]),
            ("é,\u{10ffff}\n", vec![vec![some("é"), some("\u{10ffff}")]]),
            ("a,\n", vec![vec![some("a"), null.clone()]]),
            ("a,", vec![vec![some("a"), null.clone()]]),
            ("", vec![]),
        ] {
            let (records, end) = fields(text, true).unwrap();
            assert_eq!(records, expected, "{text:?}");
            assert_eq!(end, text.len(), "{text:?}");
        }
    }

    #[test]
    fn every_offset_in_a_word_gives_the_same() {
        for shift in 0..140 {
            let first = "x".repeat(shift + 1);
            let text = format!("{first},\"a\"\"b\",,\"\"\r\n");
            let (records, _) = fields(&text, false).unwrap();
            let expected = vec![Some(first), Some("a\"b".to_owned()), None, Some(String::new())];
            assert_eq!(records, vec![expected]);
        }
    }

    #[test]
    fn what_is_not_whole_is_left_for_later() {
        for text in ["a,b\n\"c", "a,b\nc", "a,b\nc,", "a,b\n\"c\",\"d\"", "a,b\n\"c\",\"d\"\r", "a,b\n"] {
            let (records, end) = fields(text, false).unwrap();
            assert_eq!((records.len(), end), (1, 4), "{text:?}");
        }
    }

    #[test]
    fn hostile_records_are_named() {
        for (text, row, part) in [
            ("a,b\n1\n", 1, "1 fields where the first line names 2"),
            ("a,b\n1,2\n\n", 2, "1 fields"),
            ("a,b\n1,2,3\n", 1, "more than the 2 fields"),
            ("a\nb\"c\n", 1, "inside a field"),
            ("a\n\"b\"c\n", 1, "closing quote"),
            ("a\n\"b\" \n", 1, "closing quote"),
            ("a\n\"b\"\r", 1, "closing quote"),
            ("a\n\"b\"\rx\n", 1, "closing quote"),
            ("a\n\"b\" \"c\"\n", 1, "closing quote"),
            ("a\n\"b\nc\n", 1, "no end"),
            ("\"", 0, "no end"),
        ] {
            let error = fields(text, true).unwrap_err();
            assert_eq!(error.row, row, "{text:?}");
            assert!(error.message(2).contains(part), "{text:?}: {}", error.message(2));
        }
    }

    #[test]
    fn a_scan_stops_at_the_most_records() {
        let mut index = Index::default();
        assert_eq!(index.scan(b"a\nb\nc\n", true, 1, 2), Ok(2));
        assert_eq!((index.end(), index.spans().len()), (4, 2));
        let absent: Vec<_> = index.column(None, 1, 2).collect();
        assert_eq!(absent, [Span::NULL; 2]);
    }
}
