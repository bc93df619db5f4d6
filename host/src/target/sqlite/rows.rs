//! Batches of rows: from the Arrow IPC stream that a plugin appended to columns that can be bound.
//!
//! The bytes are untrusted. Arrow's reader validates them; what it panics on is caught, and what it lets through (offsets of a
//! union, a column of nulls that claims to be endless) is checked here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, LargeBinaryArray, LargeStringArray,
    RecordBatch, StringArray, UnionArray,
};
use arrow_schema::DataType;

use crate::error::{Error, Result};
use crate::target::ipc::{self, bad, cast, displayed, union};

/// A decoded batch.
pub(crate) struct Rows {
    /// Names of its columns.
    pub(crate) names: Vec<String>,
    /// Its columns.
    pub(crate) columns: Vec<Values>,
    /// Its rows.
    pub(crate) rows: usize,
}

/// A column by the storage class SQLite keeps it in.
pub(crate) enum Values {
    /// Nulls.
    Null,
    /// 0 and 1.
    Boolean(BooleanArray),
    /// Integers.
    Integer(Int64Array),
    /// Floating point.
    Real(Float64Array),
    /// Text.
    Text(StringArray),
    /// Text with long offsets.
    LargeText(LargeStringArray),
    /// Bytes.
    Bytes(BinaryArray),
    /// Bytes with long offsets.
    LargeBytes(LargeBinaryArray),
    /// Each value of its own class: for each row the column (by place) and the row in it.
    Any(Vec<Values>, Vec<(u8, u32)>),
}

/// Decodes one whole IPC stream. `before` rows of the table came earlier in the unit; errors count from there.
pub(crate) fn decode(bytes: bytes::Bytes, before: u64) -> Result<Vec<Rows>> {
    let batches = ipc::batches(bytes)?;
    let mut before = before;
    let mut all = Vec::with_capacity(batches.len());
    for batch in batches {
        let rows = catch_unwind(AssertUnwindSafe(|| columns(&batch, before)))
            .map_err(|_| bad("a column cannot be read"))??;
        before += rows.rows as u64;
        all.push(rows);
    }
    Ok(all)
}

fn columns(batch: &RecordBatch, before: u64) -> Result<Rows> {
    let schema = batch.schema_ref();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        columns.push(values(array, before).map_err(|error| error.column(field.name()))?);
    }
    Ok(Rows {
        names: schema.fields().iter().map(|field| field.name().clone()).collect(),
        columns,
        rows: batch.num_rows(),
    })
}

fn values(array: &ArrayRef, before: u64) -> Result<Values> {
    use DataType::*;
    Ok(match array.data_type() {
        Null => Values::Null,
        Boolean => Values::Boolean(array.as_boolean().clone()),
        Int64 => Values::Integer(array.as_primitive::<Int64Type>().clone()),
        Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 => {
            Values::Integer(cast(array, &Int64)?.as_primitive::<Int64Type>().clone())
        }
        UInt64 => unsigned(array, before)?,
        Float64 => Values::Real(array.as_primitive::<Float64Type>().clone()),
        Float16 | Float32 => Values::Real(cast(array, &Float64)?.as_primitive::<Float64Type>().clone()),
        Utf8 => Values::Text(array.as_string().clone()),
        LargeUtf8 => Values::LargeText(array.as_string().clone()),
        Utf8View => Values::Text(cast(array, &Utf8)?.as_string().clone()),
        Binary => Values::Bytes(array.as_binary().clone()),
        LargeBinary => Values::LargeBytes(array.as_binary().clone()),
        BinaryView | FixedSizeBinary(_) => Values::Bytes(cast(array, &Binary)?.as_binary().clone()),
        Dictionary(_, inner) => values(&cast(array, inner)?, before)?,
        Union(..) => any(array.as_union(), before)?,
        _ => Values::Text(displayed(array)?),
    })
}

/// SQLite's integers are signed.
fn unsigned(array: &ArrayRef, before: u64) -> Result<Values> {
    let large =
        array.as_primitive::<UInt64Type>().iter().position(|value| value.is_some_and(|value| value > i64::MAX as u64));
    match large {
        Some(row) => {
            let message = "An integer above 9223372036854775807 cannot be kept by SQLite; restore the column as text";
            Err(Error::new("target.bad_value", message).row(before + row as u64 + 1))
        }
        None => Ok(Values::Integer(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())),
    }
}

fn any(array: &UnionArray, before: u64) -> Result<Values> {
    let (children, places) = union(array)?;
    let columns = children.into_iter().map(|child| values(child, before)).collect::<Result<Vec<_>>>()?;
    Ok(Values::Any(columns, places))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::StringDictionaryBuilder;
    use arrow_array::types::Int8Type;
    use arrow_array::{Date32Array, Decimal128Array, Float32Array, Int8Array, UInt64Array};
    use arrow_ipc::writer::StreamWriter;

    use super::*;

    fn stream(columns: Vec<(&str, ArrayRef)>) -> bytes::Bytes {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    }

    #[test]
    fn types_that_sqlite_lacks_become_what_it_has() {
        let mut words = StringDictionaryBuilder::<Int8Type>::new();
        words.append_value("w");
        let bytes = stream(vec![
            ("i8", Arc::new(Int8Array::from(vec![-1])) as ArrayRef),
            ("u64", Arc::new(UInt64Array::from(vec![i64::MAX as u64]))),
            ("f32", Arc::new(Float32Array::from(vec![0.5]))),
            ("dec", Arc::new(Decimal128Array::from(vec![1990]).with_precision_and_scale(6, 3).unwrap())),
            ("date", Arc::new(Date32Array::from(vec![0]))),
            ("dict", Arc::new(words.finish())),
        ]);
        let rows = decode(bytes, 0).unwrap().remove(0);
        let text = |at: usize| match &rows.columns[at] {
            Values::Text(array) => array.value(0).to_owned(),
            _ => panic!("column {at} is no text"),
        };
        assert!(matches!(&rows.columns[0], Values::Integer(array) if array.value(0) == -1));
        assert!(matches!(&rows.columns[1], Values::Integer(array) if array.value(0) == i64::MAX));
        assert!(matches!(&rows.columns[2], Values::Real(array) if array.value(0) == 0.5));
        assert_eq!((text(3).as_str(), text(4).as_str(), text(5).as_str()), ("1.990", "1970-01-01", "w"));
    }

    #[test]
    fn values_that_would_change_are_refused_with_their_row() {
        let large = stream(vec![("a", Arc::new(UInt64Array::from(vec![1, u64::MAX])) as ArrayRef)]);
        let error = decode(large, 10).err().unwrap();
        assert_eq!((error.code(), error.details().row), ("target.bad_value", Some(12)));
        assert_eq!(error.details().column.as_deref(), Some("a"));
    }

    #[test]
    fn bytes_that_are_no_stream_are_refused() {
        let good = stream(vec![("a", Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef)]);
        assert!(decode(good.clone(), 0).is_ok());
        let mut trailing = good.to_vec();
        trailing.extend(b"more");
        let mut cases = vec![
            bytes::Bytes::new(),
            bytes::Bytes::from_static(b"hello, world"),
            trailing.into(),
            good.slice(..good.len() / 2),
        ];
        cases.extend((0..good.len()).map(|at| {
            let mut bytes = good.to_vec();
            bytes[at] ^= 0xff;
            bytes.into()
        }));
        for (at, bytes) in cases.into_iter().enumerate() {
            match decode(bytes, 0) {
                Ok(_) => assert!(at >= 4, "case {at}"),
                Err(error) => assert!(matches!(error.code(), "plugin.bad_batch"), "case {at}: {error}"),
            }
        }
    }
}
