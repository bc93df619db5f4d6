//! Gathers a column's values into an Arrow array.

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, BinaryBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, NullArray, UnionArray};
use arrow_schema::{ArrowError, DataType, Field, UnionFields, UnionMode};
use rusqlite::types::ValueRef;

use crate::backup::attributes::Values;

/// Values of one column.
pub(crate) enum Builder {
    Integer(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Any(Box<AnyBuilder>),
}

/// Values of a column that mixes storage classes: the dense union that `archive/FORMAT.md` calls `any`.
#[derive(Default)]
pub(crate) struct AnyBuilder {
    types: Vec<i8>,
    offsets: Vec<i32>,
    nulls: usize,
    integers: Vec<i64>,
    reals: Vec<f64>,
    texts: StringBuilder,
    bytes: BinaryBuilder,
}

const NOT_UTF8: &str = "a text that is not UTF-8";
/// A column's type was found by a scan in the same snapshot.
const OTHER_CLASS: &str = "a value of a storage class that was not there before";

impl Builder {
    /// An empty column.
    pub(crate) fn new(values: Values) -> Self {
        match values {
            Values::Integer => Self::Integer(Int64Builder::new()),
            Values::Real => Self::Real(Float64Builder::new()),
            Values::Text => Self::Text(StringBuilder::new()),
            Values::Bytes => Self::Bytes(BinaryBuilder::new()),
            // SQLite has no booleans of its own.
            Values::Any | Values::Boolean => Self::Any(Box::default()),
        }
    }

    /// The array's type.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Integer(_) => DataType::Int64,
            Self::Real(_) => DataType::Float64,
            Self::Text(_) => DataType::Utf8,
            Self::Bytes(_) => DataType::Binary,
            Self::Any(_) => DataType::Union(any_fields(), UnionMode::Dense),
        }
    }

    /// Adds a value; says what is wrong with one that has no place.
    pub(crate) fn append(&mut self, value: ValueRef<'_>) -> Result<(), &'static str> {
        match (self, value) {
            (Self::Any(any), value) => return any.append(value),
            (Self::Integer(builder), ValueRef::Integer(value)) => builder.append_value(value),
            (Self::Integer(builder), ValueRef::Null) => builder.append_null(),
            (Self::Real(builder), ValueRef::Real(value)) => builder.append_value(value),
            (Self::Real(builder), ValueRef::Null) => builder.append_null(),
            (Self::Text(builder), ValueRef::Text(value)) => {
                builder.append_value(std::str::from_utf8(value).map_err(|_| NOT_UTF8)?);
            }
            (Self::Text(builder), ValueRef::Null) => builder.append_null(),
            (Self::Bytes(builder), ValueRef::Blob(value)) => builder.append_value(value),
            (Self::Bytes(builder), ValueRef::Null) => builder.append_null(),
            _ => return Err(OTHER_CLASS),
        }
        Ok(())
    }

    /// The values so far, which are then forgotten.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Real(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Any(builder) => Arc::new(std::mem::take(&mut **builder).finish()?),
        })
    }
}

fn any_fields() -> UnionFields {
    let fields = [
        Field::new("null", DataType::Null, true),
        Field::new("integer", DataType::Int64, true),
        Field::new("real", DataType::Float64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("bytes", DataType::Binary, true),
    ];
    (0..).zip(fields.map(Arc::new)).collect()
}

impl AnyBuilder {
    fn append(&mut self, value: ValueRef<'_>) -> Result<(), &'static str> {
        let (class, length) = match value {
            ValueRef::Null => {
                self.nulls += 1;
                (0, self.nulls)
            }
            ValueRef::Integer(value) => {
                self.integers.push(value);
                (1, self.integers.len())
            }
            ValueRef::Real(value) => {
                self.reals.push(value);
                (2, self.reals.len())
            }
            ValueRef::Text(value) => {
                self.texts.append_value(std::str::from_utf8(value).map_err(|_| NOT_UTF8)?);
                (3, self.texts.len())
            }
            ValueRef::Blob(value) => {
                self.bytes.append_value(value);
                (4, self.bytes.len())
            }
        };
        self.types.push(class);
        self.offsets.push(i32::try_from(length - 1).map_err(|_| "more values than a batch holds")?);
        Ok(())
    }

    fn finish(mut self) -> Result<UnionArray, ArrowError> {
        let children: Vec<ArrayRef> = vec![
            Arc::new(NullArray::new(self.nulls)),
            Arc::new(Int64Array::from(self.integers)),
            Arc::new(Float64Array::from(self.reals)),
            Arc::new(self.texts.finish()),
            Arc::new(self.bytes.finish()),
        ];
        UnionArray::try_new(any_fields(), self.types.into(), Some(self.offsets.into()), children)
    }
}
