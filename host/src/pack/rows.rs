//! Writes a file of rows as entries of the writer's current object.

use std::collections::BTreeSet;
use std::io::Write;

use crate::backup::Writer;
use crate::backup::attributes::{Column, Values};
use crate::backup::batches::ENTRY_BYTES;
use crate::error::{Error, Result};

use super::columnar;
use super::csv::{BadCsv, Reader, Row};
use super::input::{Input, bad};
use super::survey::{Form, RowFile};
use super::values::{Rule, word};

/// Columns and entries of a file of rows.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) columns: Vec<Column>,
    pub(crate) entries: u64,
}

/// Writes the file's rows. Columns that are known must be the file's, in its order; computed ones have no values in it.
pub(crate) fn pack(writer: &mut Writer, input: &Input, file: &RowFile, known: Option<Vec<Column>>) -> Result<Packed> {
    let opened = input.open(&file.path)?;
    match file.form {
        Form::Csv => csv(writer, opened, &file.path, known),
        Form::Parquet => columnar::pack(writer, columnar::parquet(opened, &file.path)?, &file.path, known),
        Form::Arrow => columnar::pack(writer, columnar::arrow(opened, &file.path)?, &file.path, known),
    }
}

/// Holds the file's column names against those that are known.
pub(crate) fn same_names(path: &str, found: &[String], known: &[Column]) -> Result<()> {
    let known: Vec<&str> =
        known.iter().filter(|column| column.generated.is_none()).map(|column| column.name.as_str()).collect();
    if found == known {
        return Ok(());
    }
    Err(bad(
        path,
        format!("Its columns are {}, and columns.json says {}; make them agree", found.join(", "), known.join(", ")),
    ))
}

/// Refuses names that are empty or not unique.
pub(crate) fn distinct(path: &str, names: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() {
            return Err(bad(path, "A column has no name"));
        }
        if !seen.insert(name) {
            return Err(bad(path, format!("Two columns are called {name}")));
        }
    }
    Ok(())
}

fn csv(writer: &mut Writer, file: std::fs::File, path: &str, known: Option<Vec<Column>>) -> Result<Packed> {
    let mut reader = Reader::new(file);
    let header = reader.next().map_err(|error| bad_csv(path, error))?;
    let header = header.ok_or_else(|| bad(path, "It is empty; begin it with a line of column names"))?;
    let names = header.values().map(|name| name.unwrap_or_default().into_owned()).collect::<Vec<_>>();
    distinct(path, &names)?;
    if let Some(known) = &known {
        same_names(path, &names, known)?;
    }
    let mut rules = rules(&names, known.as_deref());
    let mut chunk = header.text.as_bytes().to_vec();
    let header_length = chunk.len();
    let (mut rows, mut row_number, mut entries) = (0, 0, 0);
    while let Some(row) = reader.next().map_err(|error| bad_csv(path, error))? {
        row_number += 1;
        see(&row, &names, &mut rules).map_err(|error| at_row(error, path, row_number))?;
        chunk.extend_from_slice(row.text.as_bytes());
        rows += 1;
        if chunk.len() >= ENTRY_BYTES {
            entry(writer, &chunk, rows)?;
            chunk.truncate(header_length);
            (rows, entries) = (0, entries + 1);
        }
    }
    // A table without rows keeps its line of names.
    if rows > 0 || entries == 0 {
        entry(writer, &chunk, rows)?;
        entries += 1;
    }
    Ok(Packed { columns: known.unwrap_or_else(|| inferred(names, &rules)), entries })
}

fn entry(writer: &mut Writer, chunk: &[u8], rows: u64) -> Result<()> {
    let mut entry = writer.entry("csv")?;
    entry
        .write_all(chunk)
        .map_err(|error| Error::new("host.io", format!("The archive could not be written: {error}")))?;
    entry.finish(Some(rows))
}

fn rules(names: &[String], known: Option<&[Column]>) -> Vec<Rule> {
    let Some(known) = known else { return vec![Rule::infer(); names.len()] };
    let stored = known.iter().filter(|column| column.generated.is_none());
    stored.map(|column| Rule::Given { values: column.values, nullable: column.nullable }).collect()
}

/// Looks at a row's values; gives the column and what is wrong.
fn see(row: &Row<'_>, names: &[String], rules: &mut [Rule]) -> Result<(), (Option<String>, String)> {
    if row.len() != rules.len() {
        return Err((None, format!("It has {} fields instead of {}", row.len(), rules.len())));
    }
    for ((value, rule), name) in row.values().zip(rules).zip(names) {
        rule.see(value.as_deref()).map_err(|message| (Some(name.clone()), message))?;
    }
    Ok(())
}

fn at_row((column, message): (Option<String>, String), path: &str, row: u64) -> Error {
    match column {
        Some(column) => bad(path, format!("Row {row}, column {column}: {message}")).row(row).column(column),
        None => bad(path, format!("Row {row}: {message}")).row(row),
    }
}

fn bad_csv(path: &str, error: BadCsv) -> Error {
    match error.row {
        0 => bad(path, format!("The line of column names: {}", error.message)),
        row => at_row((None, error.message), path, row),
    }
}

fn inferred(names: Vec<String>, rules: &[Rule]) -> Vec<Column> {
    let column = |(name, rule): (String, &Rule)| inferred_column(name, rule.values());
    names.into_iter().zip(rules).map(column).collect()
}

fn inferred_column(name: String, values: Values) -> Column {
    Column {
        name,
        values,
        declared: word(values).to_owned(),
        nullable: true,
        default: None,
        generated: None,
        collation: None,
    }
}

/// Makes a column text, the type that holds whatever a CSV file says.
pub(crate) fn as_text(column: &mut Column) {
    *column = inferred_column(std::mem::take(&mut column.name), Values::Text);
}
