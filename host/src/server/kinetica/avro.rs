//! Avro without header and schema, as much of it as the interface has: texts, numbers, maps of texts, lists.
//!
//! A reader borrows from the request and believes no length before the bytes are there: what it allocates is bounded by what came.

use crate::error::{Error, Result};

use super::record::{Map, Record, Sort, Value};

/// Entries that a map of a request may have: options and kinds are a few dozen.
pub(super) const MOST_ENTRIES: usize = 1000;

/// Reads a request from its first byte on.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn wrong(&self, why: &str) -> Error {
        Error::new("usage", format!("The request's body is no Avro record of this endpoint: at byte {} {why}", self.at))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(taken) = rest.get(..length) else {
            return Err(self.wrong(&format!("{length} more are announced and {} are there", rest.len())));
        };
        self.at += length;
        Ok(taken)
    }

    /// A zig-zag number of variable length.
    pub(super) fn number(&mut self) -> Result<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(self.wrong("a number is larger than 64 bits"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.number()?;
        let length = usize::try_from(length).map_err(|_| self.wrong("a text has a length that none can have"))?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a text is not UTF-8"))
    }

    /// Blocks of entries, up to an empty one. A negative count is followed by the block's length in bytes.
    pub(super) fn map(&mut self) -> Result<Map> {
        let mut map = Map::new();
        loop {
            let count = self.number()?;
            if count == 0 {
                return Ok(map);
            }
            if count < 0 {
                self.number()?;
            }
            for _ in 0..count.unsigned_abs() {
                let (key, value) = (self.text()?.to_owned(), self.text()?.to_owned());
                if map.len() >= MOST_ENTRIES {
                    return Err(self.wrong(&format!("a map has more than {MOST_ENTRIES} entries")));
                }
                if map.insert(key, value).is_some() {
                    return Err(self.wrong("a map has a key twice"));
                }
            }
        }
    }
}

/// Reads a request of these fields. What follows them is of a later version of the interface, and not looked at.
pub(super) fn read(fields: &[(&'static str, Sort)], bytes: &[u8]) -> Result<super::record::Fields> {
    let mut reader = Reader::new(bytes);
    let mut found = super::record::Fields::default();
    for (name, sort) in fields {
        match sort {
            Sort::Text => found.set_text(name, reader.text()?.to_owned()),
            Sort::Map => {
                let mut map = reader.map()?;
                // The client writes every value of an option as a text, Python's None, which is null in JSON, among them.
                map.retain(|_, value| *name != "options" || value != "None");
                found.set_map(name, map);
            }
        }
    }
    Ok(found)
}

/// The record's bytes.
pub(super) fn write(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, value) in &record.0 {
        write_value(&mut out, value);
    }
    out
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => write_bytes(out, text.as_bytes()),
        Value::Number(number) => write_number(out, *number),
        Value::Map(map) => {
            write_block(out, map.len());
            for (key, value) in map {
                write_bytes(out, key.as_bytes());
                write_bytes(out, value.as_bytes());
            }
            write_end(out, map.len());
        }
        Value::List(list) => {
            write_block(out, list.len());
            list.iter().for_each(|value| write_value(out, value));
            write_end(out, list.len());
        }
    }
}

/// Everything is one block; an empty one is the end already.
fn write_block(out: &mut Vec<u8>, count: usize) {
    write_number(out, i64::try_from(count).unwrap_or(i64::MAX));
}

fn write_end(out: &mut Vec<u8>, count: usize) {
    if count > 0 {
        write_number(out, 0);
    }
}

/// A text, or bytes: its length and what it is.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

fn write_number(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
