//! Rows as `arrow` entries of a few MiB each.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};

use crate::backup::Writer;
use crate::error::{Error, Result};

/// An entry ends once it holds so many bytes in memory,
pub(crate) const ENTRY_BYTES: usize = 4 << 20;
/// or so many rows.
pub(crate) const ENTRY_ROWS: usize = 64 << 10;

/// Gathers batches of one schema and writes them as entries of the writer's current object.
pub(crate) struct Batches<'a> {
    writer: &'a mut Writer,
    schema: SchemaRef,
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    pending_rows: usize,
    entries: u64,
}

impl<'a> Batches<'a> {
    /// Batches of that schema for the current object.
    pub(crate) fn new(writer: &'a mut Writer, schema: SchemaRef) -> Self {
        Self { writer, schema, pending: Vec::new(), pending_bytes: 0, pending_rows: 0, entries: 0 }
    }

    /// Adds a batch; large ones are cut.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let row_bytes = batch.get_array_memory_size() / batch.num_rows().max(1) + 1;
        let step = (ENTRY_BYTES / row_bytes).clamp(1, ENTRY_ROWS);
        let mut at = 0;
        while at < batch.num_rows() {
            let rows = step.min(batch.num_rows() - at);
            self.pending.push(batch.slice(at, rows));
            self.pending_bytes += rows * row_bytes;
            self.pending_rows += rows;
            at += rows;
            if self.pending_bytes >= ENTRY_BYTES || self.pending_rows >= ENTRY_ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left; returns how many entries there are.
    pub(crate) fn finish(mut self) -> Result<u64> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        Ok(self.entries)
    }

    fn flush(&mut self) -> Result<()> {
        write_entry(self.writer, &self.schema, &self.pending)?;
        self.pending.clear();
        (self.pending_bytes, self.pending_rows) = (0, 0);
        self.entries += 1;
        Ok(())
    }
}

/// Writes batches of one schema as the current object's next entry.
pub(crate) fn write_entry(writer: &mut Writer, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<()> {
    let entry = writer.entry("arrow")?;
    let mut stream = StreamWriter::try_new(entry, schema).map_err(failed)?;
    for batch in batches {
        stream.write(batch).map_err(failed)?;
    }
    stream.finish().map_err(failed)?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    stream.into_inner().map_err(failed)?.finish(Some(rows as u64))
}

fn failed(error: ArrowError) -> Error {
    Error::new("host.io", format!("Rows could not be written to the archive: {error}"))
}
