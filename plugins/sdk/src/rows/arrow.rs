//! Arrow IPC streams, whatever their batches, into bounded ones.

use std::io::BufRead;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use super::{BATCH_ROWS, Field, Presence, in_entry, ipc, positions, values};
use crate::tables::ValueType;
use crate::{Counts, EntryReader, Failure};

mod compact;

/// Bytes of a batch, roughly. A larger one comes in pieces; a row that is larger travels alone.
const BATCH_BYTES: usize = 2 << 20;

/// What the file form of Arrow IPC begins with.
const FILE: &[u8] = b"ARROW1";

/// Decodes an Arrow IPC stream and hands over batches, each a whole stream of its own, with their number of rows. `read`
/// gives at most so many bytes at a time, and none at the end.
///
/// Columns are matched by name, in any order. Columns of types that tables have no word for pass as they are; the target
/// says what it makes of them.
pub fn decode(
    fields: &[Field],
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut append: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut entry = EntryReader::new(read);
    if peek(&mut entry)?.starts_with(FILE) {
        return Err(bad("The entry is an Arrow file; only Arrow streams are read from beginning to end"));
    }
    let stream = StreamReader::try_new(&mut entry, None).map_err(failed)?;
    let columns = Columns::of(fields, &stream.schema())?;
    let mut out = Vec::new();
    let mut rows = 0;
    for batch in stream {
        let batch = columns.project(&batch.map_err(|error| failed(error).row(rows + 1))?)?;
        for piece in pieces(&batch) {
            rows += send(&piece, rows, usize::MAX, &mut out, &mut append)?;
        }
    }
    if !peek(&mut entry)?.is_empty() {
        return Err(bad("Bytes follow the end of the Arrow stream"));
    }
    Ok(Counts { rows, bytes: entry.bytes_read() })
}

fn peek<F: FnMut(u32) -> Result<Vec<u8>, Failure>>(entry: &mut EntryReader<F>) -> Result<&[u8], Failure> {
    entry.fill_buf().map_err(|error| Failure::from_io(error, "table.bad_arrow"))
}

/// The columns that travel on, and where the stream has each.
struct Columns<'a> {
    fields: Vec<(&'a Field, Option<usize>)>,
    schema: SchemaRef,
}

impl<'a> Columns<'a> {
    fn of(fields: &'a [Field], stream: &Schema) -> Result<Self, Failure> {
        let positions = positions(fields, stream.fields().iter().map(|field| field.name().as_str()))?;
        let fields: Vec<_> =
            fields.iter().zip(positions).filter(|(field, _)| field.presence != Presence::Computed).collect();
        let mut columns = Vec::with_capacity(fields.len());
        for (field, at) in &fields {
            let own = values::arrow_field(field);
            columns.push(match at {
                Some(at) => own.with_data_type(checked(field, stream.field(*at).data_type())?.clone()),
                None => own,
            });
        }
        Ok(Self { fields, schema: Arc::new(Schema::new(columns)) })
    }

    fn project(&self, batch: &RecordBatch) -> Result<RecordBatch, Failure> {
        let rows = batch.num_rows();
        let columns = self.fields.iter().map(|(field, at)| match at {
            Some(at) => Arc::clone(batch.column(*at)),
            None => values::nulls(field.values, rows),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect(), &options).map_err(failed)
    }
}

/// Refuses what contradicts the table's definition. Types beyond those of the interface pass.
fn checked<'a>(field: &Field, found: &'a DataType) -> Result<&'a DataType, Failure> {
    use ValueType::{Any, Boolean, Bytes, Integer, Real, Text};
    let fits = match found {
        DataType::Boolean => matches!(field.values, Boolean | Any),
        DataType::Int64 => matches!(field.values, Integer | Real | Any),
        DataType::Float64 => matches!(field.values, Real | Any),
        DataType::Utf8 => matches!(field.values, Text | Any),
        DataType::Binary => matches!(field.values, Bytes | Any),
        DataType::Union(..) => matches!(field.values, Any),
        _ => true,
    };
    if fits {
        return Ok(found);
    }
    let message = format!("The entry's column is {found}, the table's is {:?}", field.values);
    Err(Failure::new("table.bad_columns", message).column(&field.name))
}

/// Slices that should be about as large as a batch ought to be.
fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> + '_ {
    let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    let bytes: usize = batch.columns().iter().map(size).sum();
    let rows = batch.num_rows();
    let step = rows.div_ceil(bytes.div_ceil(BATCH_BYTES).max(1)).clamp(1, BATCH_ROWS);
    (0..rows).step_by(step).map(move |at| batch.slice(at, step.min(rows - at)))
}

/// Appends the batch, or its halves as long as it is too large and cutting helps (`whole` is the size of what it was cut
/// from); `before` rows came before it.
fn send(
    batch: &RecordBatch,
    before: u64,
    whole: usize,
    out: &mut Vec<u8>,
    append: &mut impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let rows = batch.num_rows();
    ipc::write(&compact::batch(batch).map_err(failed)?, out)?;
    let size = out.len();
    if size <= 2 * BATCH_BYTES || rows < 2 || size > whole / 4 * 3 {
        append(out, rows as u64).map_err(|failure| in_entry(failure, before))?;
        return Ok(rows as u64);
    }
    let half = send(&batch.slice(0, rows / 2), before, size, out, append)?;
    let rest = send(&batch.slice(rows / 2, rows - rows / 2), before + half, size, out, append)?;
    Ok(half + rest)
}

fn bad(message: &str) -> Failure {
    Failure::new("table.bad_arrow", message)
}

fn failed(error: ArrowError) -> Failure {
    match error {
        ArrowError::IoError(_, error) => Failure::from_io(error, "table.bad_arrow"),
        error => Failure::new("table.bad_arrow", format!("The Arrow stream cannot be read: {error}")),
    }
}
