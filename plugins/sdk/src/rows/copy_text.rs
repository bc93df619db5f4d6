//! PostgreSQL's COPY text: handed on as it is, or decoded into Arrow batches.
//!
//! Decoding goes as it does for CSV: whole records are found in a window first ([`index`]), then turned into columns one type at
//! a time. Backslashes are undone in the window itself; what they stand for is never longer.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::batch::Records;
use super::values::{self, Binary};
use super::window::{WINDOW, Window};
use super::{BATCH_ROWS, Field, Presence, in_entry, ipc};
use crate::{CHUNK, Counts, Failure};

mod index;

use index::{Index, Malformed};

/// How rows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the entry; a line `\.` may stand there, too.
    Open,
    /// With a line `\.`, as pg_dump writes it, and nothing but line ends behind it: without it, rows are missing.
    Marked,
}

/// Bytes that are held back until it is known whether the rows end in them: longer than what marks their end.
const HELD: usize = 64;

/// Hands the rows on as they are, without what marks their end. Counts lines, which are rows.
///
/// Fails with `table.rows_cut` when the end is not there, or something follows it.
pub fn pass(
    ending: Ending,
    mut read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    append: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut passed = Passed { append, rows: 0, last: b'\n' };
    let mut bytes = 0;
    let mut held = Vec::new();
    loop {
        let chunk = read(CHUNK)?;
        bytes += chunk.len() as u64;
        if chunk.is_empty() {
            break;
        }
        if held.len() >= HELD && chunk.len() >= HELD {
            passed.send(&std::mem::replace(&mut held, chunk))?;
            continue;
        }
        held.extend_from_slice(&chunk);
        if held.len() > CHUNK as usize + HELD {
            let rest = held.split_off(held.len() - HELD);
            passed.send(&std::mem::replace(&mut held, rest))?;
        }
    }
    let rows = without_marker(&held).filter(|rows| !rows.is_empty() || passed.last == b'\n');
    if rows.is_none() && ending == Ending::Marked {
        return Err(cut());
    }
    passed.send(rows.unwrap_or(&held))?;
    Ok(Counts { rows: passed.rows + u64::from(passed.last != b'\n'), bytes })
}

/// What went on so far.
struct Passed<F> {
    append: F,
    /// Lines that have ended.
    rows: u64,
    last: u8,
}

impl<F: FnMut(&[u8]) -> Result<(), Failure>> Passed<F> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        self.last = *last;
        self.rows += memchr::memchr_iter(b'\n', bytes).count() as u64;
        (self.append)(bytes)
    }
}

/// What stands before the line `\.`, when nothing but line ends follows it.
fn without_marker(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().rposition(|byte| *byte != b'\n')? + 1;
    let rows = bytes[..end].strip_suffix(b"\\.")?;
    (rows.is_empty() || rows.ends_with(b"\n")).then_some(rows)
}

fn cut() -> Failure {
    let message =
        "The rows do not end as they should, with a line `\\.`: the backup is cut, or something was put into it";
    Failure::new("table.rows_cut", message)
}

/// Decodes rows and hands over batches, each a whole Arrow IPC stream, with their number of rows. `fields` are the columns; those
/// that are required are in the rows, in that order. `read` gives at most so many bytes at a time, and none at the end.
///
/// Failures name row (the first is 1) and column.
pub fn decode(
    fields: &[Field],
    ending: Ending,
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut append: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let columns = Columns::of(fields);
    let mut window = Window::new(read);
    let mut index = Index::default();
    let mut batch = Vec::new();
    let mut rows = 0;
    loop {
        let found = columns.records(&mut window, &mut index, rows)?;
        if found > 0 {
            index.unescape(window.rest_mut());
            ipc::write(&columns.batch(window.rest(), &index, found, rows)?, &mut batch)?;
            append(&batch, found as u64).map_err(|failure| in_entry(failure, rows))?;
            rows += found as u64;
        }
        window.consume(index.end());
        if index.is_marked() {
            skip_line_ends(&mut window).map_err(|failure| failure.row(rows + 1))?;
            return Ok(Counts { rows, bytes: window.bytes_read() });
        }
        if found == 0 {
            return match ending {
                Ending::Open => Ok(Counts { rows, bytes: window.bytes_read() }),
                Ending::Marked => Err(cut().row(rows + 1)),
            };
        }
    }
}

/// Reads what is behind the marker: nothing, or line ends.
fn skip_line_ends<R: FnMut(u32) -> Result<Vec<u8>, Failure>>(window: &mut Window<R>) -> Result<(), Failure> {
    loop {
        window.fill(1)?;
        let rest = window.rest();
        if rest.is_empty() {
            return Ok(());
        }
        if rest.iter().any(|byte| *byte != b'\n') {
            return Err(cut());
        }
        window.consume(rest.len());
    }
}

/// The columns of a batch, and where a record holds each.
struct Columns<'a> {
    fields: Vec<(&'a Field, Option<usize>)>,
    schema: SchemaRef,
    /// Fields of a record.
    width: usize,
}

impl<'a> Columns<'a> {
    fn of(fields: &'a [Field]) -> Self {
        let mut width = 0;
        let mut place = |field: &Field| {
            let held = field.presence == Presence::Required;
            width += usize::from(held);
            held.then(|| width - 1)
        };
        let fields: Vec<_> = fields
            .iter()
            .filter(|field| field.presence != Presence::Computed)
            .map(|field| (field, place(field)))
            .collect();
        let schema = Schema::new(fields.iter().map(|(field, _)| values::arrow_field(field)).collect::<Vec<_>>());
        Self { fields, schema: Arc::new(schema), width }
    }

    /// Finds whole records; 0 at the end of the rows.
    fn records<R>(&self, window: &mut Window<R>, index: &mut Index, before: u64) -> Result<usize, Failure>
    where
        R: FnMut(u32) -> Result<Vec<u8>, Failure>,
    {
        window.fill(WINDOW)?;
        loop {
            let found = index
                .scan(window.rest(), window.ended(), self.width, BATCH_ROWS)
                .map_err(|malformed| self.malformed(malformed, before))?;
            if found > 0 || index.is_marked() || window.ended() {
                return Ok(found);
            }
            window.grow().map_err(|full| full.of_row(before + 1))?;
        }
    }

    /// The indexed records as a batch; `before` rows came before them.
    fn batch(&self, bytes: &[u8], index: &Index, rows: usize, before: u64) -> Result<RecordBatch, Failure> {
        let records = Records { bytes, binary: Binary::HexOrEscaped, rows, before };
        let columns = self.fields.iter().map(|(field, at)| match at {
            Some(at) => records.column(field, index.column(*at, self.width, rows)),
            None => Ok(values::nulls(field.values, rows)),
        });
        records.batch(&self.schema, columns, "table.bad_copy")
    }

    fn malformed(&self, malformed: Malformed, before: u64) -> Failure {
        Failure::new("table.bad_copy", malformed.message(self.width)).row(before + malformed.row as u64 + 1)
    }
}

#[cfg(test)]
mod tests;
