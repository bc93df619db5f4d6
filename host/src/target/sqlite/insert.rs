//! Rows into a table: statements of many rows, bound column by column.

use arrow_array::Array;
use rusqlite::types::{Null, ToSqlOutput};
use rusqlite::{Connection, Statement};

use crate::error::{Error, Result};
use crate::target::definition::TableDefinition;

use super::failure::{failed, is_constraint, text};
use super::name::quote;
use super::rows::{Rows, Values};

/// Parameters of one statement; more gain nothing.
const PARAMETERS: usize = 512;

/// Where rows go.
pub(crate) struct Place<'a> {
    /// The table in the stage.
    pub(crate) table: &'a str,
    /// Its name when it is live, for messages.
    pub(crate) live: &'a str,
    /// Rows of it that came before these in the unit.
    pub(crate) before: u64,
}

/// Whether the rows fit the table: every column is one of its, once, and takes values.
pub(crate) fn check(rows: &Rows, definition: &TableDefinition, table: &str) -> Result<()> {
    let bad = |message: String| Err(Error::new("plugin.bad_batch", message));
    for (at, name) in rows.names.iter().enumerate() {
        match definition.columns.iter().find(|column| &column.name == name) {
            None => {
                return bad(format!(
                    "Rows for table `{table}` have a column `{}`, which it does not have",
                    name.escape_debug()
                ));
            }
            Some(column) if column.generated.is_some() => {
                return bad(format!("Column `{name}` of table `{table}` is computed and takes no values"));
            }
            Some(_) if rows.names[..at].contains(name) => {
                return bad(format!("Rows for table `{table}` have column `{name}` twice"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Inserts them all, in order.
pub(crate) fn insert(connection: &Connection, place: &Place<'_>, rows: &Rows) -> Result<()> {
    let width = rows.columns.len();
    let block = (PARAMETERS / width.max(1)).clamp(1, 64);
    let (mut at, whole) = (0, if width == 0 { 0 } else { rows.rows - rows.rows % block });
    if whole > 0 {
        let mut many = prepare(connection, place, rows, block)?;
        while at < whole {
            run(&mut many, rows, at, block).or_else(|error| blame(connection, place, rows, at, block, error))?;
            at += block;
        }
    }
    if at < rows.rows {
        let mut one = prepare(connection, place, rows, 1)?;
        for row in at..rows.rows {
            run(&mut one, rows, row, 1).map_err(|error| broken(place, row, error))?;
        }
    }
    Ok(())
}

fn prepare<'c>(
    connection: &'c Connection,
    place: &Place<'_>,
    rows: &Rows,
    block: usize,
) -> Result<rusqlite::CachedStatement<'c>> {
    let statement = connection.prepare_cached(&statement(place.table, &rows.names, block));
    statement.map_err(|error| failed(error, &format!("Could not write to table `{}`", place.live)))
}

fn statement(table: &str, names: &[String], block: usize) -> String {
    if names.is_empty() {
        return format!("INSERT INTO {} DEFAULT VALUES", quote(table));
    }
    let columns: Vec<String> = names.iter().map(|name| quote(name)).collect();
    let row = format!("({})", vec!["?"; names.len()].join(","));
    format!("INSERT INTO {}({}) VALUES {}", quote(table), columns.join(","), vec![row; block].join(","))
}

fn run(statement: &mut Statement<'_>, rows: &Rows, at: usize, block: usize) -> rusqlite::Result<()> {
    for (first, column) in rows.columns.iter().enumerate() {
        bind(statement, column, Cells { first: first + 1, stride: rows.columns.len() }, at, block)?;
    }
    statement.raw_execute().map(|_| ())
}

/// A number as SQLite keeps it: NaN it would turn into NULL, so that is kept as the text `NaN`, which other databases read as what it was.
struct Number(f64);

impl rusqlite::ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(if self.0.is_nan() { "NaN".into() } else { self.0.into() })
    }
}

/// Parameters of one column: the first row's and the distance to the next row's.
#[derive(Clone, Copy)]
struct Cells {
    first: usize,
    stride: usize,
}

impl Cells {
    fn of(self, row: usize) -> usize {
        self.first + row * self.stride
    }
}

/// Binds `block` rows of a column from `at` on. The class is looked at once, not once a row.
fn bind(statement: &mut Statement<'_>, column: &Values, cells: Cells, at: usize, block: usize) -> rusqlite::Result<()> {
    macro_rules! each {
        ($array:expr, $value:expr) => {
            for row in 0..block {
                match $array.is_valid(at + row) {
                    true => statement.raw_bind_parameter(cells.of(row), $value(at + row))?,
                    false => statement.raw_bind_parameter(cells.of(row), Null)?,
                }
            }
        };
    }
    match column {
        Values::Null => (0..block).try_for_each(|row| statement.raw_bind_parameter(cells.of(row), Null))?,
        Values::Boolean(array) => each!(array, |row| array.value(row)),
        Values::Integer(array) => each!(array, |row| array.value(row)),
        Values::Real(array) => each!(array, |row| Number(array.value(row))),
        Values::Text(array) => each!(array, |row| array.value(row)),
        Values::LargeText(array) => each!(array, |row| array.value(row)),
        Values::Bytes(array) => each!(array, |row| array.value(row)),
        Values::LargeBytes(array) => each!(array, |row| array.value(row)),
        Values::Any(columns, places) => {
            for (row, (column, place)) in places[at..at + block].iter().enumerate() {
                let cells = Cells { first: cells.of(row), stride: 0 };
                bind(statement, &columns[usize::from(*column)], cells, *place as usize, 1)?;
            }
        }
    }
    Ok(())
}

/// A statement of many rows does not say which of them it broke on: the rows before it go in one by one until one fails.
fn blame(
    connection: &Connection,
    place: &Place<'_>,
    rows: &Rows,
    at: usize,
    block: usize,
    error: rusqlite::Error,
) -> Result<()> {
    if is_constraint(&error) {
        let mut one = prepare(connection, place, rows, 1)?;
        for row in at..at + block {
            run(&mut one, rows, row, 1).map_err(|error| broken(place, row, error))?;
        }
    }
    Err(broken(place, at, error))
}

fn broken(place: &Place<'_>, row: usize, error: rusqlite::Error) -> Error {
    if !is_constraint(&error) {
        return failed(error, &format!("Could not write to table `{}`", place.live));
    }
    let message = text(&error).replace(place.table, place.live);
    let row = place.before + row as u64 + 1;
    let error =
        Error::new("target.constraint", format!("Row {row} of table `{}` breaks a constraint: {message}", place.live))
            .row(row);
    match message.strip_prefix("NOT NULL constraint failed: ").and_then(|rest| rest.strip_prefix(place.live)) {
        Some(column) => error.column(column.trim_start_matches('.')),
        None => error,
    }
}
