//! Batches of rows: the Arrow IPC stream that a plugin appended, as record batches.
//!
//! The bytes are untrusted. Arrow's reader validates them; what it panics on is caught here, and what it lets through (offsets of a union,
//! say) is for the caller to check.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UnionArray};
use arrow_buffer::Buffer;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{ArrowError, DataType};

use crate::error::{Error, Result};

/// Rows of one batch. A column of nulls takes no bytes, so a batch's length bounds nothing.
const MAX_ROWS: usize = 1 << 24;

/// The error of bytes that are no such stream.
pub(crate) fn bad(message: impl std::fmt::Display) -> Error {
    Error::new("plugin.bad_batch", format!("The appended bytes are not an Arrow IPC stream of rows: {message}"))
}

/// Decodes one whole stream: schema, batches, end.
pub(crate) fn batches(bytes: bytes::Bytes) -> Result<Vec<RecordBatch>> {
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes)));
    let batches = decoded.map_err(|_| bad("its reader failed on them"))?.map_err(bad)?;
    match batches.iter().find(|batch| batch.num_rows() > MAX_ROWS) {
        Some(batch) => Err(bad(format!("a batch has {} rows; {MAX_ROWS} are the most", batch.num_rows()))),
        None => Ok(batches),
    }
}

/// An array of another type.
pub(crate) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    arrow_cast::cast(array, to).map_err(bad)
}

/// What a target has no type for, as Arrow writes it: times, decimals.
pub(crate) fn displayed(array: &ArrayRef) -> Result<StringArray> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).map_err(bad)?;
    let value = |row| if array.is_null(row) { Ok(None) } else { formatter.value(row).try_to_string().map(Some) };
    (0..array.len()).map(value).collect::<Result<StringArray, ArrowError>>().map_err(bad)
}

/// The columns of a union, and for each row the column (by place) and the row in it: its reader does not check types and offsets against
/// each other. A union in a union is refused.
pub(crate) fn union(array: &UnionArray) -> Result<(Vec<&ArrayRef>, Vec<(u8, u32)>)> {
    let DataType::Union(fields, _) = array.data_type() else { return Err(bad("a union has no fields")) };
    let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
    let children: Vec<&ArrayRef> = ids.iter().map(|&id| array.child(id)).collect();
    if children.iter().any(|child| matches!(child.data_type(), DataType::Union(..))) || children.len() > 128 {
        return Err(bad("a union has fields that are not simple values"));
    }
    let mut places = Vec::with_capacity(array.len());
    for (row, id) in array.type_ids().iter().enumerate() {
        let place = ids.iter().position(|known| known == id).ok_or_else(|| bad("a union's value has no type"))?;
        let offset = array
            .offsets()
            .map_or(Some(row), |offsets| offsets.get(row).and_then(|&offset| usize::try_from(offset).ok()));
        let offset =
            offset.filter(|&offset| offset < children[place].len()).ok_or_else(|| bad("a union's value is nowhere"))?;
        places.push((place as u8, offset as u32));
    }
    Ok((children, places))
}

fn decode(bytes: bytes::Bytes) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut buffer = Buffer::from(bytes);
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !buffer.is_empty() {
        batches.extend(decoder.decode(&mut buffer)?);
    }
    decoder.finish()?;
    if decoder.schema().is_none() {
        return Err(ArrowError::IpcError("there is no schema".to_owned()));
    }
    Ok(batches)
}
