//! Batches of rows: the Arrow IPC stream that a plugin appended, as record batches.
//!
//! The bytes are untrusted. Arrow's reader validates them; what it panics on is caught here, and what it lets through (offsets of a union,
//! say) is for the caller to check.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::ArrowError;

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
