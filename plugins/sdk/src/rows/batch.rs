//! Columns that were read from a text, as a batch; a value that is none is an error with its row and column.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::span::Span;
use super::values::{self, Binary};
use super::{Field, shown};
use crate::Failure;

/// Records of a text that were taken in together.
pub(super) struct Records<'a> {
    /// The text that spans are of.
    pub(super) bytes: &'a [u8],
    /// How bytes are written in it.
    pub(super) binary: Binary,
    /// How many there are.
    pub(super) rows: usize,
    /// How many came before them.
    pub(super) before: u64,
}

impl Records<'_> {
    /// A field's values. Fails with `table.bad_value`.
    pub(super) fn column(&self, field: &Field, spans: impl Iterator<Item = Span> + Clone) -> Result<ArrayRef, Failure> {
        values::column(field.values, self.binary, self.bytes, spans).map_err(|bad| {
            let value = shown(bad.span.raw(self.bytes));
            Failure::new("table.bad_value", format!("`{value}` is not {}", bad.expected))
                .row(self.before + bad.row as u64 + 1)
                .column(&field.name)
        })
    }

    /// All columns as a batch; fails with `code` where they make none.
    pub(super) fn batch(
        &self,
        schema: &SchemaRef,
        columns: impl Iterator<Item = Result<ArrayRef, Failure>>,
        code: &str,
    ) -> Result<RecordBatch, Failure> {
        let columns = columns.collect::<Result<Vec<ArrayRef>, Failure>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
            .map_err(|error| Failure::new(code, format!("The rows do not make a batch: {error}")))
    }
}
