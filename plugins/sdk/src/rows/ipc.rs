//! One batch as one whole Arrow IPC stream.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

use crate::Failure;

/// Writes schema, batch and end over what `out` held.
pub(super) fn write(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), Failure> {
    out.clear();
    let mut writer = StreamWriter::try_new(out, batch.schema_ref()).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    writer.finish().map_err(failed)
}

fn failed(error: ArrowError) -> Failure {
    Failure::new("table.bad_arrow", format!("The rows cannot be written as Arrow: {error}"))
}
