//! One column of indexed text as an Arrow array: the second pass, one tight loop for each type.

use std::sync::Arc;

use arrow_array::types::{BinaryType, ByteArrayType, Utf8Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, GenericByteArray, Int64Array, NullArray, StringArray, UnionArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field as ArrowField, UnionFields, UnionMode};

use super::Field;
use super::span::Span;
use crate::tables::ValueType;

/// A field that is no value of its column's type.
#[derive(Debug)]
pub(super) struct BadValue {
    /// Its record in the batch, counted from 0.
    pub(super) row: usize,
    pub(super) span: Span,
    /// What it should have been: `an integer`.
    pub(super) expected: &'static str,
}

type Values = Result<ArrayRef, BadValue>;

/// The column as batches have it. Whether NULL is allowed is the table's matter.
pub(super) fn arrow_field(field: &Field) -> ArrowField {
    ArrowField::new(&field.name, arrow_type(field.values), true)
}

fn arrow_type(values: ValueType) -> DataType {
    match values {
        ValueType::Boolean => DataType::Boolean,
        ValueType::Integer => DataType::Int64,
        ValueType::Real => DataType::Float64,
        ValueType::Text => DataType::Utf8,
        ValueType::Bytes => DataType::Binary,
        ValueType::Any => DataType::Union(any_fields(), UnionMode::Dense),
    }
}

fn any_fields() -> UnionFields {
    let field = |name: &str, of: DataType| ArrowField::new(name, of, true);
    UnionFields::from_fields([
        field("null", DataType::Null),
        field("integer", DataType::Int64),
        field("real", DataType::Float64),
        field("text", DataType::Utf8),
        field("bytes", DataType::Binary),
    ])
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    /// `\x` and pairs of hexadecimal digits.
    Hex,
    /// That, or PostgreSQL's older form: text in which `\\` is a backslash and `\ooo` any byte.
    HexOrEscaped,
}

/// The fields as values of that type.
pub(super) fn column(
    values: ValueType,
    binary: Binary,
    bytes: &[u8],
    spans: impl Iterator<Item = Span> + Clone,
) -> Values {
    match values {
        ValueType::Boolean => booleans(bytes, spans),
        ValueType::Integer => {
            let (values, nulls) = numbers(bytes, spans, integer, "an integer of 64 bits")?;
            Ok(Arc::new(Int64Array::new(values, nulls)))
        }
        ValueType::Real => {
            let (values, nulls) = numbers(bytes, spans, real, "a number")?;
            Ok(Arc::new(Float64Array::new(values, nulls)))
        }
        ValueType::Text => Ok(Arc::new(texts(bytes, spans)?)),
        ValueType::Bytes => binaries(bytes, binary, spans),
        ValueType::Any => any(bytes, spans),
    }
}

/// So many NULLs of that type.
pub(super) fn nulls(values: ValueType, rows: usize) -> ArrayRef {
    // NULL is a value of every type.
    column(values, Binary::Hex, &[], std::iter::repeat_n(Span::NULL, rows))
        .unwrap_or_else(|_| Arc::new(NullArray::new(rows)))
}

fn booleans(bytes: &[u8], spans: impl Iterator<Item = Span>) -> Values {
    let expected = "a boolean (`t`, `f`, `true`, `false`, `1` or `0`)";
    let mut values = BooleanBufferBuilder::new(0);
    let mut nulls = NullBufferBuilder::new(0);
    for (row, span) in spans.enumerate() {
        let value = if span.is_null() { Some(false) } else { boolean(span.raw(bytes)) };
        values.append(value.ok_or(BadValue { row, span, expected })?);
        nulls.append(!span.is_null());
    }
    Ok(Arc::new(BooleanArray::new(values.finish(), nulls.finish())))
}

fn boolean(text: &[u8]) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    match text {
        [b'1' | b't' | b'T'] => Some(true),
        [b'0' | b'f' | b'F'] => Some(false),
        _ if is("true") => Some(true),
        _ if is("false") => Some(false),
        _ => None,
    }
}

/// Values of eight bytes, and which are NULL.
fn numbers<N: Copy + Default + arrow_buffer::ArrowNativeType>(
    bytes: &[u8],
    spans: impl Iterator<Item = Span>,
    parse: impl Fn(&[u8]) -> Option<N>,
    expected: &'static str,
) -> Result<(ScalarBuffer<N>, Option<NullBuffer>), BadValue> {
    let mut values = Vec::with_capacity(spans.size_hint().0);
    let mut nulls = NullBufferBuilder::new(0);
    for (row, span) in spans.enumerate() {
        if span.is_null() {
            values.push(N::default());
            nulls.append_null();
            continue;
        }
        values.push(parse(span.raw(bytes)).ok_or(BadValue { row, span, expected })?);
        nulls.append_non_null();
    }
    Ok((values.into(), nulls.finish()))
}

fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, text),
    };
    // Eighteen digits always fit; more are rare enough for the careful way.
    if digits.is_empty() || digits.len() > 18 {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let mut value = 0i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

fn real(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn texts(bytes: &[u8], spans: impl Iterator<Item = Span> + Clone) -> Result<StringArray, BadValue> {
    let length = spans.clone().map(|span| span.end() - span.start()).sum();
    let mut parts = Parts::with_capacity(spans.size_hint().0, length);
    for span in spans.clone() {
        if span.is_escaped() {
            parts.unescape(bytes, span);
        } else {
            parts.copy(bytes, span.start(), span.end());
        }
        parts.end(span);
    }
    parts.array::<Utf8Type>().ok_or_else(|| {
        let is_bad = |(_, span): &(usize, Span)| span.text(bytes).is_none();
        let (row, span) = spans.enumerate().find(is_bad).unwrap_or((0, Span::NULL));
        BadValue { row, span, expected: "UTF-8" }
    })
}

fn binaries(bytes: &[u8], binary: Binary, spans: impl Iterator<Item = Span> + Clone) -> Values {
    let expected = "bytes (`\\x` and pairs of hexadecimal digits)";
    let length = |span: Span| span.end() - span.start();
    let length = match binary {
        Binary::Hex => spans.clone().map(|span| length(span) / 2).sum(),
        Binary::HexOrEscaped => spans.clone().map(length).sum(),
    };
    let mut parts = Parts::with_capacity(spans.size_hint().0, length);
    for (row, span) in spans.enumerate() {
        if !span.is_null() {
            let raw = span.raw(bytes);
            let decoded = match binary {
                Binary::HexOrEscaped if !raw.starts_with(b"\\x") => parts.decode_escaped(raw),
                _ => parts.decode(raw),
            };
            decoded.ok_or(BadValue { row, span, expected })?;
        }
        parts.end(span);
    }
    let array = parts.array::<BinaryType>().ok_or(BadValue { row: 0, span: Span::NULL, expected })?;
    Ok(Arc::new(array))
}

/// Text where there is a value: CSV does not say more.
fn any(bytes: &[u8], spans: impl Iterator<Item = Span> + Clone) -> Values {
    const NULL: i8 = 0;
    const TEXT: i8 = 3;
    let mut types = Vec::new();
    let mut offsets = Vec::new();
    let (mut nulls, mut present) = (0i32, 0i32);
    for span in spans.clone() {
        let (of, count) = if span.is_null() { (NULL, &mut nulls) } else { (TEXT, &mut present) };
        types.push(of);
        offsets.push(*count);
        *count += 1;
    }
    let texts = texts(bytes, spans.clone().filter(|span| !span.is_null())).map_err(|bad| {
        let row = spans.clone().enumerate().filter(|(_, span)| !span.is_null()).nth(bad.row);
        BadValue { row: row.map_or(0, |(row, _)| row), ..bad }
    })?;
    let children: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(nulls as usize)),
        Arc::new(Int64Array::new(ScalarBuffer::from(Vec::new()), None)),
        Arc::new(Float64Array::new(ScalarBuffer::from(Vec::new()), None)),
        Arc::new(texts),
        Arc::new(BinaryArray::new_null(0)),
    ];
    UnionArray::try_new(any_fields(), types.into(), Some(offsets.into()), children)
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|_| BadValue { row: 0, span: Span::NULL, expected: "a value" })
}

/// What an array of texts or bytes is made of.
struct Parts {
    offsets: Vec<i32>,
    /// Long enough for all values, and [`SHORT`] more.
    values: Vec<u8>,
    /// Bytes of `values` that are written.
    length: usize,
    nulls: NullBufferBuilder,
}

/// Bytes that are copied at once. Most fields are shorter, and a copy of a fixed length is two instructions, where one of
/// any length is a call out of the sandbox.
const SHORT: usize = 16;

impl Parts {
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: vec![0; bytes + SHORT], length: 0, nulls: NullBufferBuilder::new(rows) }
    }

    #[inline]
    fn copy(&mut self, bytes: &[u8], start: usize, end: usize) {
        let length = end - start;
        if length <= SHORT && start + SHORT <= bytes.len() {
            self.values[self.length..self.length + SHORT].copy_from_slice(&bytes[start..start + SHORT]);
        } else {
            self.values[self.length..self.length + length].copy_from_slice(&bytes[start..end]);
        }
        self.length += length;
    }

    /// Copies a field with its doubled quotes made single.
    fn unescape(&mut self, bytes: &[u8], span: Span) {
        let mut start = span.start();
        while let Some(quote) = bytes[start..span.end()].iter().position(|byte| *byte == b'"') {
            self.copy(bytes, start, start + quote + 1);
            start += quote + 2;
        }
        self.copy(bytes, start, span.end());
    }

    /// Appends what hexadecimal digits stand for.
    fn decode(&mut self, text: &[u8]) -> Option<()> {
        let digits = text.strip_prefix(b"\\x")?;
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        for [high, low] in pairs {
            self.values[self.length] = digit(*high)? << 4 | digit(*low)?;
            self.length += 1;
        }
        Some(())
    }

    /// Appends what PostgreSQL's older form of bytes stands for.
    fn decode_escaped(&mut self, text: &[u8]) -> Option<()> {
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let (byte, after) = match (first, after) {
                (b'\\', [b'\\', after @ ..]) => (b'\\', after),
                (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                    ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), after)
                }
                (b'\\', _) => return None,
                (byte, after) => (*byte, after),
            };
            self.values[self.length] = byte;
            self.length += 1;
            rest = after;
        }
        Some(())
    }

    /// Ends the value that was just written for `span`. A batch is smaller than 2 GiB, so that 31 bits are enough.
    fn end(&mut self, span: Span) {
        self.offsets.push(self.length as i32);
        self.nulls.append(!span.is_null());
    }

    /// `None` when texts are not UTF-8.
    fn array<T: ByteArrayType<Offset = i32>>(mut self) -> Option<GenericByteArray<T>> {
        self.values.truncate(self.length);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        GenericByteArray::try_new(offsets, Buffer::from_vec(self.values), self.nulls.finish()).ok()
    }
}
