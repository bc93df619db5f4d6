//! Arrow batches as COPY text: every value as the input function of its column reads it back, or a refusal that names row and column.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, LargeBinaryArray, LargeStringArray,
    RecordBatch, StringArray, UInt64Array, UnionArray,
};
use arrow_schema::DataType;
use bytes::BytesMut;

use crate::error::{Error, Result};
use crate::target::ipc::{bad, cast, displayed, union};

use super::tables::{Category, Relation};

/// Values of one column.
enum Values {
    Null,
    Boolean(BooleanArray),
    Integer(Int64Array),
    Unsigned(UInt64Array),
    Real(Float64Array),
    Text(StringArray),
    LargeText(LargeStringArray),
    Bytes(BinaryArray),
    LargeBytes(LargeBinaryArray),
    /// Each value of its own type: for each row the column (by place) and the row in it.
    Any(Vec<Values>, Vec<(u8, u32)>),
}

/// One value.
#[derive(Clone, Copy)]
enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

struct Column {
    name: String,
    category: Category,
    values: Values,
    /// The batch says of each value what it is.
    any: bool,
}

/// Spells the rows of one batch.
pub(super) struct Encoder {
    columns: Vec<Column>,
    rows: usize,
}

impl Encoder {
    /// For a batch whose columns are all of that table's.
    pub(super) fn new(batch: &RecordBatch, relation: &Relation) -> Result<Self> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let values = catch_unwind(AssertUnwindSafe(|| values(array)))
                .map_err(|_| bad("a column cannot be read"))?
                .map_err(|error| error.column(field.name()))?;
            let category = relation.category(field.name());
            let any = matches!(values, Values::Any(..));
            columns.push(Column { name: field.name().clone(), category, values, any });
        }
        Ok(Self { columns, rows: batch.num_rows() })
    }

    /// Spells rows from `at` on until `out` is that long; says where it stopped. `before` rows came before the row `at`.
    pub(super) fn rows(&self, at: usize, before: u64, most: usize, out: &mut BytesMut) -> Result<usize> {
        let mut row = at;
        while row < self.rows && (row == at || out.len() < most) {
            for (number, column) in self.columns.iter().enumerate() {
                if number > 0 {
                    out.extend_from_slice(b"\t");
                }
                let number = before + (row - at) as u64 + 1;
                spell(column, row, out).map_err(|error| error.row(number).column(&column.name))?;
            }
            out.extend_from_slice(b"\n");
            row += 1;
        }
        Ok(row)
    }
}

fn spell(column: &Column, row: usize, out: &mut BytesMut) -> Result<()> {
    let value = column.values.get(row)?;
    if column.any && column.category == Category::Document {
        return document(value, out);
    }
    match value {
        Value::Null => out.extend_from_slice(br"\N"),
        Value::Boolean(value) => out.extend_from_slice(match (value, column.category) {
            (true, Category::Number) => b"1",
            (false, Category::Number) => b"0",
            (true, _) => b"t",
            (false, _) => b"f",
        }),
        Value::Integer(value) => shown(out, value),
        Value::Unsigned(value) => shown(out, value),
        Value::Real(value) => real(value, out),
        Value::Text(_) if column.category == Category::Bytes => return Err(unkept("A text", column)),
        Value::Text(text) => escaped(text, out)?,
        Value::Bytes(bytes) if column.category == Category::Bytes => hexadecimal(br"\\x", bytes, out),
        Value::Bytes(_) => return Err(unkept("Bytes", column)),
    }
    Ok(())
}

/// A value with the type it has, as JSON: numbers and texts as they are, what JSON has no word for in an object.
fn document(value: Value<'_>, out: &mut BytesMut) -> Result<()> {
    match value {
        Value::Null => out.extend_from_slice(br"\N"),
        Value::Boolean(value) => shown(out, value),
        Value::Integer(value) => shown(out, value),
        Value::Unsigned(value) => shown(out, value),
        Value::Real(value) if value.is_finite() => {
            let _ = write!(out, "{value:?}");
        }
        Value::Real(value) => {
            out.extend_from_slice(b"{\"real\": \"");
            real(value, out);
            out.extend_from_slice(b"\"}");
        }
        Value::Text(text) => {
            let json = serde_json::to_string(text).map_err(bad)?;
            if text.contains('\0') {
                return Err(zero());
            }
            escaped(&json, out)?;
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(b"{\"bytes\": \"");
            hexadecimal(b"", bytes, out);
            out.extend_from_slice(b"\"}");
        }
    }
    Ok(())
}

fn shown(out: &mut BytesMut, value: impl std::fmt::Display) {
    // Writing into memory that grows does not fail.
    let _ = write!(out, "{value}");
}

/// The shortest text that reads back as the same number.
fn real(value: f64, out: &mut BytesMut) {
    let magnitude = value.abs();
    let _ = if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value.is_nan() {
        out.write_str("NaN")
    } else if magnitude != 0.0 && !(1e-5..1e15).contains(&magnitude) {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    };
}

/// COPY's escapes: backslash, and the characters that end fields and rows.
fn escaped(text: &str, out: &mut BytesMut) -> Result<()> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r' | 0)) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(match rest[at] {
            b'\\' => br"\\",
            b'\t' => br"\t",
            b'\n' => br"\n",
            b'\r' => br"\r",
            _ => return Err(zero()),
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn hexadecimal(prefix: &[u8], bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(prefix.len() + 2 * bytes.len());
    out.extend_from_slice(prefix);
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn zero() -> Error {
    Error::new(
        "target.bad_value",
        "A text with a byte of zero cannot be kept by PostgreSQL; restore the column as bytes",
    )
}

fn unkept(what: &str, column: &Column) -> Error {
    Error::new("target.bad_value", format!("{what} cannot be kept in column `{}` as it is", column.name.escape_debug()))
}

impl Values {
    fn get(&self, row: usize) -> Result<Value<'_>> {
        macro_rules! of {
            ($array:expr, $value:expr) => {
                if $array.is_valid(row) { $value($array.value(row)) } else { Value::Null }
            };
        }
        Ok(match self {
            Self::Null => Value::Null,
            Self::Boolean(array) => of!(array, Value::Boolean),
            Self::Integer(array) => of!(array, Value::Integer),
            Self::Unsigned(array) => of!(array, Value::Unsigned),
            Self::Real(array) => of!(array, Value::Real),
            Self::Text(array) => of!(array, Value::Text),
            Self::LargeText(array) => of!(array, Value::Text),
            Self::Bytes(array) => of!(array, Value::Bytes),
            Self::LargeBytes(array) => of!(array, Value::Bytes),
            Self::Any(columns, places) => {
                let (column, row) = places.get(row).ok_or_else(|| bad("a union is too short"))?;
                // Both were checked when the column was read.
                return columns[usize::from(*column)].get(*row as usize);
            }
        })
    }
}

fn values(array: &ArrayRef) -> Result<Values> {
    use DataType::*;
    Ok(match array.data_type() {
        Null => Values::Null,
        Boolean => Values::Boolean(array.as_boolean().clone()),
        Int64 => Values::Integer(array.as_primitive::<Int64Type>().clone()),
        Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 => {
            Values::Integer(cast(array, &Int64)?.as_primitive::<Int64Type>().clone())
        }
        UInt64 => Values::Unsigned(array.as_primitive::<UInt64Type>().clone()),
        Float64 => Values::Real(array.as_primitive::<Float64Type>().clone()),
        Utf8 => Values::Text(array.as_string().clone()),
        LargeUtf8 => Values::LargeText(array.as_string().clone()),
        Utf8View => Values::Text(cast(array, &Utf8)?.as_string().clone()),
        Binary => Values::Bytes(array.as_binary().clone()),
        LargeBinary => Values::LargeBytes(array.as_binary().clone()),
        BinaryView | FixedSizeBinary(_) => Values::Bytes(cast(array, &Binary)?.as_binary().clone()),
        Dictionary(_, inner) => values(&cast(array, inner)?)?,
        Union(..) => any(array.as_union())?,
        // The shortest text of a short float is not that of the long one it would become.
        _ => Values::Text(displayed(array)?),
    })
}

fn any(array: &UnionArray) -> Result<Values> {
    let (children, places) = union(array)?;
    let columns = children.into_iter().map(values).collect::<Result<Vec<_>>>()?;
    Ok(Values::Any(columns, places))
}
