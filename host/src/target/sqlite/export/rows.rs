//! A table's rows as Arrow entries, every value with the storage class it has.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::backup::Writer;
use crate::backup::attributes::{Column, Values};
use crate::backup::batches::{ENTRY_BYTES, ENTRY_ROWS, write_entry};
use crate::error::Result;

use super::builder::Builder;
use super::{failed, quote, unsupported};

/// Columns whose storage classes one scan looks at; SQLite gives back at most 2000 values a row.
const SCANNED_COLUMNS: usize = 400;

/// Sets each column's `values` to what the table holds, and writes the rows in the order of their keys. Returns the number of entries.
pub(crate) fn export(connection: &Connection, writer: &mut Writer, table: &str, columns: &mut [Column]) -> Result<u64> {
    let mut stored: Vec<&mut Column> = columns.iter_mut().filter(|column| column.generated.is_none()).collect();
    for some in stored.chunks_mut(SCANNED_COLUMNS) {
        scan(connection, table, some).map_err(failed)?;
    }
    let schema = schema(&stored);
    let select = format!("SELECT {} FROM {} NOT INDEXED", list(&stored, |name| name), quote(table));
    let mut statement = connection.prepare(&select).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut batch = Batch::new(&stored);
    let (mut number, mut entries) = (0, 0);
    while let Some(row) = rows.next().map_err(failed)? {
        number += 1;
        for (at, column) in stored.iter().enumerate() {
            let value = row.get_ref(at).map_err(failed)?;
            batch.append(at, value).map_err(|what| {
                unsupported(&format!("row {number} of table {table} has {what} in column {}", column.name))
            })?;
        }
        batch.rows += 1;
        if batch.is_full() {
            batch.write(writer, &schema)?;
            entries += 1;
        }
    }
    if batch.rows > 0 {
        batch.write(writer, &schema)?;
        entries += 1;
    }
    Ok(entries)
}

/// Looks at which storage classes are in each column.
fn scan(connection: &Connection, table: &str, columns: &mut [&mut Column]) -> rusqlite::Result<()> {
    let classes = |name: String| {
        let one = |class| format!("coalesce(max(typeof({name}) = '{class}'), 0)");
        ["integer", "real", "text", "blob"].map(one).join(", ")
    };
    let select = format!("SELECT {} FROM {} NOT INDEXED", list(columns, classes), quote(table));
    let mut statement = connection.prepare(&select)?;
    statement.query_row([], |row| {
        for (at, column) in columns.iter_mut().enumerate() {
            let mut found = [false; 4];
            for (class, found) in found.iter_mut().enumerate() {
                *found = row.get(at * 4 + class)?;
            }
            column.values = values(found, &column.declared);
        }
        Ok(())
    })
}

fn list(columns: &[&mut Column], term: impl Fn(String) -> String) -> String {
    columns.iter().map(|column| term(quote(&column.name))).collect::<Vec<_>>().join(", ")
}

/// The type that holds those storage classes; of an empty column, the one its declared type leads to.
fn values(found: [bool; 4], declared: &str) -> Values {
    match found {
        [true, false, false, false] => Values::Integer,
        [false, true, false, false] => Values::Real,
        [false, false, true, false] => Values::Text,
        [false, false, false, true] => Values::Bytes,
        [false, false, false, false] => of_declared(declared),
        _ => Values::Any,
    }
}

/// SQLite's own rule for a column's affinity (section 3.1 of <https://sqlite.org/datatype3.html>).
fn of_declared(declared: &str) -> Values {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        Values::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Values::Text
    } else if has(&["BLOB"]) {
        Values::Bytes
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Values::Real
    } else {
        Values::Any
    }
}

fn schema(columns: &[&mut Column]) -> SchemaRef {
    let field = |column: &&mut Column| Field::new(&column.name, Builder::new(column.values).data_type(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Rows that are not written yet.
struct Batch {
    builders: Vec<Builder>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn new(columns: &[&mut Column]) -> Self {
        Self { builders: columns.iter().map(|column| Builder::new(column.values)).collect(), rows: 0, bytes: 0 }
    }

    fn append(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), &'static str> {
        self.bytes += match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() + 8,
            _ => 9,
        };
        self.builders[column].append(value)
    }

    fn is_full(&self) -> bool {
        self.rows >= ENTRY_ROWS || self.bytes >= ENTRY_BYTES
    }

    fn write(&mut self, writer: &mut Writer, schema: &SchemaRef) -> Result<()> {
        let arrays = self.builders.iter_mut().map(Builder::finish).collect::<Result<Vec<_>, _>>();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = arrays.and_then(|arrays| RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options));
        let batch = batch.map_err(|error| {
            crate::error::Error::new("host.internal", format!("Rows could not be put into a batch: {error}"))
        })?;
        (self.rows, self.bytes) = (0, 0);
        write_entry(writer, schema, &[batch])
    }
}
