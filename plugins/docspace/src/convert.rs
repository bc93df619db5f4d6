//! Values as COPY writes them, each held against its column's type: what both sorts of tables are decoded into.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reinstate_plugin::Failure;
use reinstate_plugin::tables::{Column, ValueType};

use crate::fault::{bad_value, not_utf8};
use crate::rows::Value;

mod time;

/// What a column's values must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Boolean,
    Integer,
    Real,
    Decimal,
    Timestamp,
    Date,
    /// Bytes; written as base64 where they stand as text.
    Base64,
    /// Bytes; those of the text where they stand as text.
    Bytes,
    Text,
}

impl Shape {
    /// Of a column; `base64` where bytes are written so.
    pub(crate) fn of(column: &Column, base64: bool) -> Self {
        let word = column.declared.split(['(', ' ']).next().unwrap_or_default();
        match (column.values, word) {
            (ValueType::Boolean, _) => Self::Boolean,
            (ValueType::Integer, _) => Self::Integer,
            (ValueType::Real, _) => Self::Real,
            (ValueType::Bytes, _) if base64 => Self::Base64,
            (ValueType::Bytes, _) => Self::Bytes,
            (_, "numeric") => Self::Decimal,
            (_, "timestamp") => Self::Timestamp,
            (_, "date") => Self::Date,
            _ => Self::Text,
        }
    }
}

/// Writes a value as COPY does. Fails with `docspace.bad_value` or `docspace.not_utf8`.
pub(crate) fn write(value: &Value, shape: Shape, out: &mut Vec<u8>) -> Result<(), Failure> {
    let raw = match value {
        Value::Null => {
            out.extend_from_slice(b"\\N");
            return Ok(());
        }
        Value::Text(raw) | Value::Bytes(raw) => raw,
    };
    match (shape, value) {
        (Shape::Base64, Value::Text(_)) => return base64(raw, out),
        (Shape::Base64 | Shape::Bytes, _) => {
            hex(raw, out);
            return Ok(());
        }
        _ => {}
    }
    let text = std::str::from_utf8(raw).map_err(|_| not_utf8("The value"))?;
    match shape {
        Shape::Boolean => out.push(boolean(text).ok_or_else(|| bad_value(raw, "a boolean"))?),
        Shape::Integer => out.extend_from_slice(integer(text)?.as_bytes()),
        Shape::Real => out.extend_from_slice(real(text)?.as_bytes()),
        Shape::Decimal => out.extend_from_slice(decimal(text)?.as_bytes()),
        Shape::Timestamp => time::timestamp(text, out).ok_or_else(|| bad_value(raw, "a date and time"))?,
        Shape::Date => time::date(text, out).ok_or_else(|| bad_value(raw, "a date"))?,
        Shape::Base64 | Shape::Bytes | Shape::Text => escape(raw, out),
    }
    Ok(())
}

fn boolean(text: &str) -> Option<u8> {
    match text.trim() {
        "true" | "1" => Some(b't'),
        "false" | "0" => Some(b'f'),
        _ => None,
    }
}

fn integer(text: &str) -> Result<String, Failure> {
    let number = match text.trim() {
        "true" => Some(1),
        "false" => Some(0),
        number => number.parse::<i64>().ok(),
    };
    number.map(|number| number.to_string()).ok_or_else(|| bad_value(text.as_bytes(), "an integer of 64 bits"))
}

fn real(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    match text {
        "INF" => Ok("Infinity"),
        "-INF" => Ok("-Infinity"),
        _ if text.parse::<f64>().is_ok() => Ok(text),
        _ => Err(bad_value(text.as_bytes(), "a number")),
    }
}

/// Kept digit for digit.
fn decimal(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite) && text.bytes().any(|byte| byte.is_ascii_digit());
    if is_number { Ok(text) } else { Err(bad_value(text.as_bytes(), "a decimal number")) }
}

fn base64(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    // Long values are broken into lines.
    let digits: Vec<u8> = raw.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex(&STANDARD.decode(digits).map_err(|_| bad_value(raw, "base64"))?, out);
    Ok(())
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\\\x");
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

fn escape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t')) {
        out.extend_from_slice(&rest[..at]);
        let letter = match rest[at] {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            other => other,
        };
        out.extend_from_slice(&[b'\\', letter]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, shape: Shape) -> Result<String, String> {
        let mut out = Vec::new();
        let done = write(&Value::Text(text.into()), shape, &mut out);
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|failure| failure.code)
    }

    #[test]
    fn values_are_written_as_copy_does() {
        for (text, shape, expected) in [
            ("true", Shape::Boolean, "t"),
            ("0", Shape::Boolean, "f"),
            (" -7\n", Shape::Integer, "-7"),
            ("true", Shape::Integer, "1"),
            ("9223372036854775807", Shape::Integer, "9223372036854775807"),
            ("1E+20", Shape::Real, "1E+20"),
            ("-INF", Shape::Real, "-Infinity"),
            ("12345678901234567890.50", Shape::Decimal, "12345678901234567890.50"),
            ("AP8=\r\n", Shape::Base64, "\\\\x00ff"),
            ("", Shape::Base64, "\\\\x"),
            ("AP8=", Shape::Bytes, "\\\\x4150383d"),
            ("a\\b\r\n\tü", Shape::Text, "a\\\\b\\r\\n\\tü"),
            ("", Shape::Text, ""),
            ("\\N", Shape::Text, "\\\\N"),
        ] {
            assert_eq!(written(text, shape).as_deref(), Ok(expected), "{text:?} as {shape:?}");
        }
        let mut out = Vec::new();
        write(&Value::Null, Shape::Text, &mut out).unwrap();
        write(&Value::Bytes(vec![1]), Shape::Base64, &mut out).unwrap();
        assert_eq!(out, b"\\N\\\\x01");
    }

    #[test]
    fn a_value_that_is_none_of_the_type_is_an_error() {
        for (text, shape) in [
            ("yes", Shape::Boolean),
            ("", Shape::Boolean),
            ("1.0", Shape::Integer),
            ("9223372036854775808", Shape::Integer),
            ("", Shape::Integer),
            ("1e", Shape::Real),
            ("NaN", Shape::Decimal),
            ("infinity", Shape::Decimal),
            ("A", Shape::Base64),
            ("\u{e9}===", Shape::Base64),
        ] {
            assert_eq!(written(text, shape), Err("docspace.bad_value".to_owned()), "{text:?} as {shape:?}");
        }
        let bad = write(&Value::Bytes(vec![255]), Shape::Text, &mut Vec::new()).unwrap_err();
        assert_eq!(bad.code, "docspace.not_utf8");
    }
}
