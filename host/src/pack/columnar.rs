//! Rows of Parquet and Arrow files. Their readers are large and the files may be damaged: a panic in them is an error of the file.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::backup::Writer;
use crate::backup::attributes::Column;
use crate::backup::batches::Batches;
use crate::error::Result;

use super::input::{bad, io};
use super::rows::{Packed, distinct, same_names};
use super::types::arrow_values;

/// Rows that a reader takes out of a file at a time.
const BATCH_ROWS: usize = 8192;

/// An open file of batches.
pub(crate) struct Columnar {
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>,
}

/// Opens a Parquet file.
pub(crate) fn parquet(file: File, path: &str) -> Result<Columnar> {
    let open = || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS);
        let schema = Arc::clone(builder.schema());
        Ok(Columnar { schema, batches: Box::new(builder.build()?) })
    };
    guarded(path, "Parquet", open)
}

/// Opens an Arrow IPC file or stream.
pub(crate) fn arrow(mut file: File, path: &str) -> Result<Columnar> {
    let mut magic = Vec::new();
    let read = (&mut file).take(6).read_to_end(&mut magic).and_then(|_| file.rewind());
    read.map_err(|error| io(path, &error))?;
    if magic.starts_with(b"FEA1") {
        return Err(bad(path, "This is Feather version 1, which is no longer read; write it as version 2"));
    }
    let file = BufReader::new(file);
    guarded(path, "Arrow", || {
        if magic == *b"ARROW1" {
            let reader = FileReader::try_new(file, None)?;
            return Ok(Columnar { schema: reader.schema(), batches: Box::new(reader) });
        }
        let reader = StreamReader::try_new(file, None)?;
        Ok(Columnar { schema: reader.schema(), batches: Box::new(reader) })
    })
}

/// Runs a reader; what goes wrong in it, be it a panic, is an error that names the file.
fn guarded<T>(path: &str, format: &str, read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T> {
    // The reader is not used again after a panic.
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(bad(path, format!("It is no {format} that can be read: {error}"))),
        Err(_) => Err(bad(path, format!("It is damaged: the {format} reader gave up"))),
    }
}

/// Writes all batches, their columns in the types that `FORMAT.md` names where nothing is lost by it.
pub(crate) fn pack(writer: &mut Writer, input: Columnar, path: &str, known: Option<Vec<Column>>) -> Result<Packed> {
    let columns: Vec<Column> = input.schema.fields().iter().map(|field| column(field)).collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    distinct(path, &names)?;
    if columns.is_empty() {
        return Err(bad(path, "It has no columns"));
    }
    let columns = match known {
        None => columns,
        Some(known) => {
            same_names(path, &names, &known)?;
            described(columns, known)
        }
    };
    let schema = written_schema(&input.schema);
    let mut out = Batches::new(writer, Arc::clone(&schema));
    let Columnar { mut batches, .. } = input;
    let next = || batches.next().transpose()?.map(|batch| converted(&batch, &schema)).transpose();
    let mut next = next;
    while let Some(batch) = guarded(path, "columnar data", &mut next)? {
        out.push(&batch)?;
    }
    Ok(Packed { columns, entries: out.finish()? })
}

fn column(field: &Field) -> Column {
    Column {
        name: field.name().clone(),
        values: arrow_values(field.data_type()).0,
        declared: field.data_type().to_string(),
        nullable: field.is_nullable(),
        default: None,
        generated: None,
        collation: None,
    }
}

/// What `columns.json` says, with the values' types from the file, which are what the entries hold.
fn described(found: Vec<Column>, known: Vec<Column>) -> Vec<Column> {
    let mut found = found.into_iter();
    let describe = |column: Column| match column.generated {
        Some(_) => column,
        None => match found.next() {
            Some(held) => Column { values: held.values, ..column },
            None => column,
        },
    };
    known.into_iter().map(describe).collect()
}

/// The schema of what is written; metadata of other tools stays behind.
fn written_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let field = |field: &Arc<Field>| Field::new(field.name(), arrow_values(field.data_type()).1, true);
    Arc::new(Schema::new(fields.map(field).collect::<Vec<_>>()))
}

fn converted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let convert = |(array, field): (&ArrayRef, &Arc<Field>)| match array.data_type() == field.data_type() {
        true => Ok(Arc::clone(array)),
        false => arrow_cast::cast(array, field.data_type()),
    };
    let arrays = batch.columns().iter().zip(schema.fields()).map(convert).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
}
