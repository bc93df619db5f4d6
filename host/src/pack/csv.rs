//! Reads CSV row by row, bytes unchanged: finds row ends outside quotes and refuses what is not RFC 4180.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use memchr::{memchr, memchr3};

/// The longest row; a quote that is never closed would otherwise fill the memory.
const ROW_BYTES: usize = 64 << 20;
const BUFFER_BYTES: usize = 256 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with a file, and in which row; row 0 is the line of names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadCsv {
    pub(crate) row: u64,
    pub(crate) message: String,
}

/// Reads a file's rows.
pub(crate) struct Reader<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is read and not yet given out.
    unread: Range<usize>,
    ended: bool,
    fields: Vec<Field>,
    /// Number of the row that was given out last; 0 is the line of names.
    row: Option<u64>,
}

/// Where a field is in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    place: Range<usize>,
    quoted: bool,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// All of it, with its line end.
    pub(crate) text: &'a str,
    fields: &'a [Field],
}

impl<'a> Row<'a> {
    /// How many fields it has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Its values; `None` is NULL: nothing, and not in quotes.
    pub(crate) fn values(&self) -> impl Iterator<Item = Option<Cow<'a, str>>> {
        let text = self.text;
        self.fields.iter().map(move |field| {
            let value = &text[field.place.clone()];
            match field.quoted {
                true if value.contains('"') => Some(Cow::Owned(value.replace("\"\"", "\""))),
                true => Some(Cow::Borrowed(value)),
                false => (!value.is_empty()).then_some(Cow::Borrowed(value)),
            }
        })
    }
}

impl<R: Read> Reader<R> {
    /// Reads from the beginning of `input`; a byte order mark is left out.
    pub(crate) fn new(input: R) -> Self {
        Self { input, buffer: vec![0; BUFFER_BYTES], unread: 0..0, ended: false, fields: Vec::new(), row: None }
    }

    /// The next row; the first one is the line of names.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, BadCsv> {
        let row = self.row.map_or(0, |row| row + 1);
        let bad = |message: String| BadCsv { row, message };
        let length = loop {
            if row == 0 && !self.ended && self.unread.len() < BYTE_ORDER_MARK.len() {
                self.fill().map_err(bad)?;
                continue;
            }
            if row == 0 && self.buffer[self.unread.clone()].starts_with(BYTE_ORDER_MARK) {
                self.unread.start += BYTE_ORDER_MARK.len();
            }
            let unread = &self.buffer[self.unread.clone()];
            if self.ended && unread.is_empty() {
                return Ok(None);
            }
            match cut(unread, self.ended, &mut self.fields).map_err(|message| bad(message.to_owned()))? {
                Some(length) => break length,
                None => self.fill().map_err(bad)?,
            }
        };
        let place = self.unread.start..self.unread.start + length;
        self.unread.start = place.end;
        self.row = Some(row);
        let text = std::str::from_utf8(&self.buffer[place]).map_err(|_| bad("It is not UTF-8".to_owned()))?;
        Ok(Some(Row { text, fields: &self.fields }))
    }

    /// Reads more behind what is unread, which moves to the front.
    fn fill(&mut self) -> Result<(), String> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.unread.len() >= ROW_BYTES {
            return Err(format!("It is longer than {} MiB; a quote may not be closed", ROW_BYTES >> 20));
        }
        if self.unread.len() * 2 > self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.input.read(&mut self.buffer[self.unread.end..]) {
            Ok(0) => self.ended = true,
            Ok(read) => self.unread.end += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("It could not be read: {error}")),
        }
        Ok(())
    }
}

/// Finds the fields of the row that `bytes` begins with; its length with the line end, or `None` when more bytes are needed.
fn cut(bytes: &[u8], ended: bool, fields: &mut Vec<Field>) -> Result<Option<usize>, &'static str> {
    fields.clear();
    let mut at = 0;
    loop {
        let quoted = bytes.get(at) == Some(&b'"');
        let found = if quoted { quoted_end(bytes, at, ended)? } else { plain_end(bytes, at, ended)? };
        let Some(end) = found else { return Ok(None) };
        fields.push(Field { place: if quoted { at + 1..end - 1 } else { at..end }, quoted });
        match &bytes[end..] {
            [b',', ..] => at = end + 1,
            [b'\n', ..] => return Ok(Some(end + 1)),
            [b'\r', b'\n', ..] => return Ok(Some(end + 2)),
            [] if ended => return Ok(Some(end)),
            [] => return Ok(None),
            [b'\r'] if !ended => return Ok(None),
            [b'\r', ..] => return Err("A carriage return stands alone"),
            _ => return Err("Text follows a closing quote"),
        }
    }
}

/// Where a field in quotes ends, behind its closing quote.
fn quoted_end(bytes: &[u8], start: usize, ended: bool) -> Result<Option<usize>, &'static str> {
    let mut at = start + 1;
    loop {
        let Some(quote) = memchr(b'"', &bytes[at..]).map(|found| at + found) else {
            return if ended { Err("A quote is not closed") } else { Ok(None) };
        };
        match bytes.get(quote + 1) {
            Some(b'"') => at = quote + 2,
            None if !ended => return Ok(None),
            _ => return Ok(Some(quote + 1)),
        }
    }
}

/// Where a field without quotes ends, before the comma or the line end.
fn plain_end(bytes: &[u8], start: usize, ended: bool) -> Result<Option<usize>, &'static str> {
    let end = match memchr3(b',', b'\n', b'"', &bytes[start..]) {
        Some(found) if bytes[start + found] == b'"' => return Err("A quote stands inside a field without quotes"),
        Some(found) if bytes[start + found] == b'\n' && found > 0 && bytes[start + found - 1] == b'\r' => {
            start + found - 1
        }
        Some(found) => start + found,
        None if ended => bytes.len(),
        None => return Ok(None),
    };
    match memchr(b'\r', &bytes[start..end]) {
        Some(_) => Err("A carriage return stands alone"),
        None => Ok(Some(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, so that every place is once the end of the buffer.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(out.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    type Rows = Vec<Vec<Option<String>>>;

    fn rows(bytes: &[u8], step: usize) -> Result<(Rows, String), BadCsv> {
        let mut reader = Reader::new(Drip(bytes, step));
        let (mut rows, mut text) = (Vec::new(), String::new());
        while let Some(row) = reader.next()? {
            rows.push(row.values().map(|value| value.map(Cow::into_owned)).collect());
            text.push_str(row.text);
        }
        Ok((rows, text))
    }

    fn some(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect()
    }

    #[test]
    fn rows_are_cut_outside_quotes_and_bytes_stay() {
        let cases: &[(&str, &[&[&str]])] = &[
            ("", &[]),
            ("a,b\n1,2\n", &[&["a", "b"], &["1", "2"]]),
            ("a,b\r\n1,2\r\n", &[&["a", "b"], &["1", "2"]]),
            ("a,b\n1,2", &[&["a", "b"], &["1", "2"]]),
            ("a,b\n,\"\"\n", &[&["a", "b"], &["NULL", ""]]),
            ("a,b\n1,", &[&["a", "b"], &["1", "NULL"]]),
            ("a\n\nb\n", &[&["a"], &["NULL"], &["b"]]),
            ("a\n\"x\ny,\"\"z\"\"\r\n\"\n", &[&["a"], &["x\ny,\"z\"\r\n"]]),
            ("a\n\"\"\"\"", &[&["a"], &["\""]]),
            ("\"a,b\",c\r\né,\u{1f600}\r\n", &[&["a,b", "c"], &["é", "\u{1f600}"]]),
        ];
        for (text, expected) in cases {
            let expected: Rows = expected.iter().map(|row| some(row)).collect();
            for step in [1, 2, 3, 1000] {
                assert_eq!(
                    rows(text.as_bytes(), step).unwrap(),
                    (expected.clone(), (*text).to_owned()),
                    "{text:?} {step}"
                );
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_left_out() {
        for step in [1, 2, 100] {
            assert_eq!(rows(b"\xef\xbb\xbfa\n1\n", step).unwrap().1, "a\n1\n");
        }
    }

    #[test]
    fn bad_rows_are_named() {
        let cases: &[(&[u8], u64, &str)] = &[
            (b"a\n\"x\ny", 1, "not closed"),
            (b"a\n1\n\"x\"y\n", 2, "closing quote"),
            (b"a\nx\"y\n", 1, "inside a field"),
            (b"a\nx\ry\n", 1, "carriage return"),
            (b"a\n\"x\"\ry\n", 1, "carriage return"),
            (b"a\nx\r", 1, "carriage return"),
            (b"a\n1\n2\n\xff\n", 3, "UTF-8"),
            (b"\xff\xfea\0\n", 0, "UTF-8"),
        ];
        for (bytes, row, message) in cases {
            for step in [1, 1000] {
                let bad = rows(bytes, step).unwrap_err();
                assert_eq!(bad.row, *row, "{bytes:?}");
                assert!(bad.message.contains(message), "{bytes:?}: {}", bad.message);
            }
        }
    }

    #[test]
    fn a_row_longer_than_the_buffer_is_read_and_an_endless_one_is_not() {
        let long = format!("a\n\"{}\"\n1\n", "x".repeat(3 * BUFFER_BYTES));
        assert_eq!(rows(long.as_bytes(), usize::MAX).unwrap().0.len(), 3);
        let mut endless = Reader::new(b"\"".chain(std::io::repeat(b'x')));
        assert!(endless.next().unwrap_err().message.contains("64 MiB"));
    }
}
