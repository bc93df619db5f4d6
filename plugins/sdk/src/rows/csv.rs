//! CSV into Arrow batches.
//!
//! The entry goes through a window. Whole records in it are found first ([`index`]), then turned into columns one type at a
//! time ([`values`]), and leave as one batch; what is left of the last record moves to the window's front. Nothing is
//! allocated for a field.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::batch::Records;
use super::span::Span;
use super::values::{self, Binary};
use super::window::{Full, WINDOW, Window, too_long};
use super::{BATCH_ROWS, Field, Presence, in_entry, ipc, positions};
use crate::{Counts, Failure};

mod index;

use index::{Index, Malformed};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Decodes CSV (RFC 4180, UTF-8, a first line of column names) and hands over batches, each a whole Arrow IPC stream, with
/// their number of rows. `read` gives at most so many bytes at a time, and none at the end.
///
/// A field that is empty and not quoted is NULL, `""` is the empty text. Columns are matched by name, in any order.
/// Failures name row (the first after the column names is 1) and column.
pub fn decode(
    fields: &[Field],
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut append: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut window = Window::new(read);
    let mut index = Index::default();
    let columns = Columns::of(fields, &mut window, &mut index)?;
    let mut batch = Vec::new();
    let mut rows = 0;
    loop {
        let found = records(&mut window, &mut index, columns.width).map_err(|error| columns.malformed(error, rows))?;
        if found == 0 {
            return Ok(Counts { rows, bytes: window.bytes_read() });
        }
        ipc::write(&columns.batch(window.rest(), &index, found, rows)?, &mut batch)?;
        append(&batch, found as u64).map_err(|failure| in_entry(failure, rows))?;
        window.consume(index.end());
        rows += found as u64;
    }
}

/// Finds whole records of `width` fields; 0 at the end of the entry.
fn records<R>(window: &mut Window<R>, index: &mut Index, width: usize) -> Result<usize, Stop>
where
    R: FnMut(u32) -> Result<Vec<u8>, Failure>,
{
    window.fill(WINDOW)?;
    loop {
        let found = index.scan(window.rest(), window.ended(), width, BATCH_ROWS)?;
        if found > 0 || window.ended() {
            return Ok(found);
        }
        window.grow()?;
    }
}

/// Why no further record was found.
enum Stop {
    /// The host's failure.
    Failed(Failure),
    Malformed(Malformed),
    TooLong,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Full> for Stop {
    fn from(full: Full) -> Self {
        match full {
            Full::Failed(failure) => Self::Failed(failure),
            Full::TooLong => Self::TooLong,
        }
    }
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// The columns that become a batch, and where a record holds each.
struct Columns<'a> {
    fields: Vec<(&'a Field, Option<usize>)>,
    schema: SchemaRef,
    /// Fields of a record.
    width: usize,
}

impl<'a> Columns<'a> {
    /// Reads the line of column names.
    fn of<R>(fields: &'a [Field], window: &mut Window<R>, index: &mut Index) -> Result<Self, Failure>
    where
        R: FnMut(u32) -> Result<Vec<u8>, Failure>,
    {
        window.fill(WINDOW)?;
        if window.rest().starts_with(BYTE_ORDER_MARK) {
            window.consume(BYTE_ORDER_MARK.len());
        }
        loop {
            if index.scan_first(window.rest(), window.ended()).map_err(in_names)? {
                break;
            }
            if window.ended() {
                return Err(Failure::new("table.bad_csv", "The entry is empty; its first line must name the columns"));
            }
            window.grow().map_err(|full| match full {
                Full::Failed(failure) => failure,
                Full::TooLong => Failure::new("table.row_too_large", too_long("The line of column names")),
            })?;
        }
        let columns = Self::matched(fields, window.rest(), index.spans())?;
        window.consume(index.end());
        Ok(columns)
    }

    fn matched(fields: &'a [Field], bytes: &[u8], spans: &[Span]) -> Result<Self, Failure> {
        let names = spans.iter().map(|span| span.text(bytes)).collect::<Option<Vec<_>>>();
        let names = names.ok_or_else(|| Failure::new("table.bad_columns", "The columns' names are not UTF-8"))?;
        let positions = positions(fields, names.iter().map(|name| name.as_ref()))?;
        let fields: Vec<_> =
            fields.iter().zip(positions).filter(|(field, _)| field.presence != Presence::Computed).collect();
        let schema = Schema::new(fields.iter().map(|(field, _)| values::arrow_field(field)).collect::<Vec<_>>());
        Ok(Self { fields, schema: Arc::new(schema), width: spans.len() })
    }

    /// The indexed records as a batch; `before` rows came before them.
    fn batch(&self, bytes: &[u8], index: &Index, rows: usize, before: u64) -> Result<RecordBatch, Failure> {
        let records = Records { bytes, binary: Binary::Hex, rows, before };
        let columns = self.fields.iter().map(|(field, at)| records.column(field, index.column(*at, self.width, rows)));
        records.batch(&self.schema, columns, "table.bad_csv")
    }

    fn malformed(&self, stop: Stop, before: u64) -> Failure {
        match stop {
            Stop::Failed(failure) => failure,
            Stop::Malformed(error) => {
                Failure::new("table.bad_csv", error.message(self.width)).row(before + error.row as u64 + 1)
            }
            Stop::TooLong => Failure::new("table.row_too_large", too_long("The row")).row(before + 1),
        }
    }
}

fn in_names(error: Malformed) -> Failure {
    Failure::new("table.bad_csv", format!("In the line of column names: {}", error.message(0)))
}
