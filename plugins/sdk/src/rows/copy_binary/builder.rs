//! Values of one column, becoming an Arrow array.

use std::sync::Arc;

use arrow_array::types::{BinaryType, ByteArrayType, Utf8Type};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, GenericByteArray, Int64Array};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use super::types::{Type, Value};
use crate::rows::span::{QUOTED, Span};
use crate::rows::values::{self, Binary};
use crate::tables::ValueType;

/// A column's values so far, and which of them are NULL.
pub(super) struct Builder {
    values: Values,
    nulls: NullBufferBuilder,
}

enum Values {
    Booleans(BooleanBufferBuilder),
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Texts(Bytes),
    Bytes(Bytes),
    /// Text where there is a value.
    Any(Bytes),
}

/// Values one behind the other, and where each ends.
struct Bytes {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

impl Builder {
    pub(super) fn new(values: ValueType) -> Self {
        let bytes = || Bytes { bytes: Vec::new(), ends: vec![0] };
        let values = match values {
            ValueType::Boolean => Values::Booleans(BooleanBufferBuilder::new(0)),
            ValueType::Integer => Values::Integers(Vec::new()),
            ValueType::Real => Values::Reals(Vec::new()),
            ValueType::Text => Values::Texts(bytes()),
            ValueType::Bytes => Values::Bytes(bytes()),
            ValueType::Any => Values::Any(bytes()),
        };
        Self { values, nulls: NullBufferBuilder::new(0) }
    }

    pub(super) fn push_null(&mut self) {
        self.nulls.append_null();
        match &mut self.values {
            Values::Booleans(values) => values.append(false),
            Values::Integers(values) => values.push(0),
            Values::Reals(values) => values.push(0.0),
            Values::Texts(values) | Values::Bytes(values) | Values::Any(values) => values.end(),
        }
    }

    /// Appends a value; `None` when the bytes are none of that type, or the column cannot hold it.
    pub(super) fn push(&mut self, of: Type, bytes: &[u8]) -> Option<()> {
        let value = of.read(bytes)?;
        match (&mut self.values, value) {
            (Values::Booleans(values), Value::Boolean(value)) => values.append(value),
            (Values::Integers(values), Value::Integer(value)) => values.push(value),
            (Values::Reals(values), value) => values.push(value.as_real()?),
            (Values::Bytes(values), Value::Bytes(value)) => {
                values.bytes.extend_from_slice(value);
                values.end();
            }
            (Values::Texts(values) | Values::Any(values), value) => {
                value.print(&mut values.bytes);
                values.end();
            }
            _ => return None,
        }
        self.nulls.append_non_null();
        Some(())
    }

    pub(super) fn finish(mut self) -> Option<ArrayRef> {
        let nulls = self.nulls.finish();
        match self.values {
            Values::Booleans(mut values) => Some(Arc::new(BooleanArray::new(values.finish(), nulls))),
            Values::Integers(values) => Some(Arc::new(Int64Array::new(values.into(), nulls))),
            Values::Reals(values) => Some(Arc::new(Float64Array::new(values.into(), nulls))),
            Values::Texts(values) => values.array::<Utf8Type>(nulls),
            Values::Bytes(values) => values.array::<BinaryType>(nulls),
            Values::Any(values) => {
                let spans = values.ends.windows(2).enumerate().map(|(row, ends)| {
                    let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                    if null { Span::NULL } else { Span::new(ends[0] as usize, ends[1] as usize, QUOTED) }
                });
                values::column(ValueType::Any, Binary::Hex, &values.bytes, spans).ok()
            }
        }
    }
}

impl Bytes {
    /// Ends a value. A batch is far smaller than 2 GiB, so that 31 bits are enough.
    fn end(&mut self) {
        self.ends.push(self.bytes.len() as i32);
    }

    fn array<T: ByteArrayType<Offset = i32>>(self, nulls: Option<arrow_buffer::NullBuffer>) -> Option<ArrayRef> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let array = GenericByteArray::<T>::try_new(offsets, Buffer::from_vec(self.bytes), nulls).ok()?;
        Some(Arc::new(array))
    }
}
