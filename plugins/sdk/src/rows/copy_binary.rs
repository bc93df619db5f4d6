//! PostgreSQL's binary COPY: handed on as it is, or decoded into Arrow batches.
//!
//! A stream is a signature, flags, an extension; tuples, each a number of fields and for each field a length and bytes; and the
//! number -1. All numbers are big-endian.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};

use super::window::{WINDOW, Window};
use super::{BATCH_ROWS, Field, Presence, in_entry, ipc, values};
use crate::{Counts, Failure};

mod builder;
mod datetime;
mod float;
mod numeric;
mod types;
mod walk;

use builder::Builder;
use types::Type;
pub use walk::pass;

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Signature, flags, and the length of the extension.
const HEADER: usize = SIGNATURE.len() + 8;

/// The number that stands where a tuple's fields would be counted.
const TRAILER: i16 = -1;

/// Decodes rows and hands over batches, each a whole Arrow IPC stream, with their number of rows. `fields` are the columns; those
/// that are required are in the rows, in that order, with values of the types they are declared with. `read` gives at most so
/// many bytes at a time, and none at the end.
///
/// Texts are what PostgreSQL would print, times with a zone in UTC. Failures name row (the first is 1) and column.
pub fn decode(
    fields: &[Field],
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut append: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let columns = Columns::of(fields)?;
    let mut window = Window::new(read);
    skip_header(&mut window)?;
    let mut batch = Vec::new();
    let mut rows = 0;
    loop {
        let (found, ended) = columns.batch(&mut window, rows)?;
        if found.num_rows() > 0 {
            ipc::write(&found, &mut batch)?;
            append(&batch, found.num_rows() as u64).map_err(|failure| in_entry(failure, rows))?;
            rows += found.num_rows() as u64;
        }
        if ended {
            return Ok(Counts { rows, bytes: window.bytes_read() });
        }
    }
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new("table.bad_copy", message)
}

fn cut(row: u64) -> Failure {
    Failure::new("table.rows_cut", "The rows end in the middle: the end that binary COPY writes is missing").row(row)
}

fn skip_header<R: FnMut(u32) -> Result<Vec<u8>, Failure>>(window: &mut Window<R>) -> Result<(), Failure> {
    window.fill(WINDOW)?;
    let length = header(window.rest()).ok_or_else(|| bad("The entry does not begin as binary COPY does"))??;
    window.fill(length)?;
    if window.rest().len() < length {
        return Err(cut(1));
    }
    window.consume(length);
    Ok(())
}

/// Length of all that comes before the first tuple; `None` when it is not binary COPY.
fn header(bytes: &[u8]) -> Option<Result<usize, Failure>> {
    let rest = bytes.strip_prefix(SIGNATURE)?;
    let (flags, rest) = rest.split_first_chunk::<4>()?;
    let (extension, _) = rest.split_first_chunk::<4>()?;
    // The upper half are flags that a reader must know; one says that rows carry identifiers, which nobody writes any more.
    if u32::from_be_bytes(*flags) >> 16 != 0 {
        return Some(Err(bad("The rows are in a version of binary COPY that is not known")));
    }
    let extension = usize::try_from(i32::from_be_bytes(*extension)).ok().filter(|length| *length <= 1 << 20);
    Some(extension.map(|length| HEADER + length).ok_or_else(|| bad("The header of the rows is damaged")))
}

/// The columns of a batch; those without a type are not in the rows.
struct Columns<'a> {
    fields: Vec<(&'a Field, Option<Type>)>,
    schema: SchemaRef,
    /// Fields of a tuple.
    width: usize,
}

/// What the front of the window holds.
enum Tuple {
    /// A tuple of so many bytes.
    Whole(usize),
    /// Not all of one.
    Partial,
    /// The trailer.
    End,
}

impl<'a> Columns<'a> {
    fn of(fields: &'a [Field]) -> Result<Self, Failure> {
        let typed = |field: &'a Field| match field.presence {
            Presence::Required => Ok((field, Some(Type::of(field)?))),
            _ => Ok((field, None)),
        };
        let present = fields.iter().filter(|field| field.presence != Presence::Computed);
        let fields: Vec<_> = present.map(typed).collect::<Result<_, Failure>>()?;
        let schema = Schema::new(fields.iter().map(|(field, _)| values::arrow_field(field)).collect::<Vec<_>>());
        let width = fields.iter().filter(|(_, of)| of.is_some()).count();
        Ok(Self { fields, schema: Arc::new(schema), width })
    }

    /// The next rows, and whether they are the last; `before` rows came before them.
    fn batch<R>(&self, window: &mut Window<R>, before: u64) -> Result<(RecordBatch, bool), Failure>
    where
        R: FnMut(u32) -> Result<Vec<u8>, Failure>,
    {
        window.fill(WINDOW)?;
        let mut builders: Vec<_> =
            self.fields.iter().map(|(field, of)| of.map(|_| Builder::new(field.values))).collect();
        let mut rows = 0;
        let mut ended = false;
        while rows < BATCH_ROWS && !ended {
            let row = before + rows as u64 + 1;
            match self.tuple(window.rest()).map_err(|failure| failure.row(row))? {
                Tuple::Whole(length) => {
                    self.read(&window.rest()[2..length], &mut builders).map_err(|failure| failure.row(row))?;
                    window.consume(length);
                    rows += 1;
                }
                Tuple::Partial if rows > 0 && !window.ended() => break,
                Tuple::Partial if window.ended() => return Err(cut(row)),
                Tuple::Partial => window.grow().map_err(|full| full.of_row(row))?,
                Tuple::End => {
                    window.consume(2);
                    window.fill(1)?;
                    if !window.rest().is_empty() {
                        return Err(bad("Bytes follow the end of the rows").row(row));
                    }
                    ended = true;
                }
            }
        }
        Ok((self.finish(builders, rows)?, ended))
    }

    fn tuple(&self, bytes: &[u8]) -> Result<Tuple, Failure> {
        let Some((count, mut rest)) = bytes.split_first_chunk::<2>() else {
            return Ok(Tuple::Partial);
        };
        let count = i16::from_be_bytes(*count);
        if count == TRAILER {
            return Ok(Tuple::End);
        }
        if usize::try_from(count) != Ok(self.width) {
            return Err(walk::wrong_width(count, self.width));
        }
        for _ in 0..self.width {
            let Some((length, after)) = rest.split_first_chunk::<4>() else {
                return Ok(Tuple::Partial);
            };
            let length = walk::length(i32::from_be_bytes(*length))?.unwrap_or(0);
            let Some(after) = after.get(length..) else {
                return Ok(Tuple::Partial);
            };
            rest = after;
        }
        Ok(Tuple::Whole(bytes.len() - rest.len()))
    }

    /// Appends the fields of a tuple that is known to be whole.
    fn read(&self, mut rest: &[u8], builders: &mut [Option<Builder>]) -> Result<(), Failure> {
        for ((field, of), builder) in self.fields.iter().zip(builders) {
            let (Some(of), Some(builder)) = (of, builder) else {
                continue;
            };
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(|| bad("The row is cut"))?;
            let Some(length) = walk::length(i32::from_be_bytes(*length))? else {
                builder.push_null();
                rest = after;
                continue;
            };
            let (bytes, after) = after.split_at_checked(length).ok_or_else(|| bad("The row is cut"))?;
            rest = after;
            builder.push(*of, bytes).ok_or_else(|| types::bad_value(*of, field, bytes))?;
        }
        Ok(())
    }

    fn finish(&self, builders: Vec<Option<Builder>>, rows: usize) -> Result<RecordBatch, Failure> {
        let columns = self.fields.iter().zip(builders).map(|((field, _), builder)| match builder {
            Some(builder) => builder.finish().ok_or_else(|| bad("The values do not make a batch").column(&field.name)),
            None => Ok(values::nulls(field.values, rows)),
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, Failure>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| bad(format!("The rows do not make a batch: {error}")))
    }
}

#[cfg(test)]
mod tests;
