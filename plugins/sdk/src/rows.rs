//! Rows: entries in the forms `csv`, `arrow`, `postgres-copy-text` and `postgres-copy-binary`, decoded into the bounded Arrow
//! batches that [`tables::append`] takes, or handed on as they are to a target that takes their form.
//!
//! [`restore`] is all that a plugin needs. [`decode_csv`], [`decode_arrow`], [`copy_text`] and [`copy_binary`] are the same code
//! over closures: they run natively too, for tests and for measuring what the sandbox costs.

use crate::tables::{self, Column, ValueType};
use crate::{Counts, Failure, Object, Target, entries};

mod arrow;
mod batch;
pub mod copy_binary;
pub mod copy_text;
mod csv;
mod ipc;
mod marks;
mod span;
mod values;
mod window;

pub use arrow::decode as decode_arrow;
pub use csv::decode as decode_csv;

/// Rows as PostgreSQL's COPY writes them in text.
pub const COPY_TEXT: &str = "postgres-copy-text";

/// Rows as PostgreSQL's COPY writes them in binary.
pub const COPY_BINARY: &str = "postgres-copy-binary";

/// Most rows in a batch.
pub const BATCH_ROWS: usize = 64 * 1024;

/// A column as an entry should hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The column's name, in the entry and in the table.
    pub name: String,
    /// What its values are.
    pub values: ValueType,
    /// The type as the source wrote it; binary rows cannot be read without it.
    pub declared: String,
    /// Whether an entry must hold it.
    pub presence: Presence,
}

/// Whether an entry holds a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// An entry without it cannot be restored.
    Required,
    /// NULL where an entry has it not.
    Optional,
    /// Values in an entry are left out: the target computes them.
    Computed,
}

impl From<&Column> for Field {
    fn from(column: &Column) -> Self {
        let presence = if column.generated.is_some() { Presence::Computed } else { Presence::Required };
        Self { name: column.name.clone(), values: column.values, declared: column.declared.clone(), presence }
    }
}

/// Whether [`restore`] understands a form.
pub fn is_form(form: &str) -> bool {
    matches!(form, "csv" | "arrow" | COPY_TEXT | COPY_BINARY)
}

/// Restores part `part` of the object into its table `table` (a suffix; the empty string is the table called like the object).
/// COPY's rows hold the columns that are required, in the order of `fields`.
///
/// Fails with `table.unknown_form`, `table.bad_csv`, `table.bad_arrow`, `table.bad_copy`, `table.bad_columns`, `table.bad_value`,
/// `table.row_too_large`, or what the host says; entry, row and column are named where there are any.
pub fn restore(object: &Object, target: &Target, part: u32, table: &str, fields: &[Field]) -> Result<Counts, Failure> {
    let entry = object.part(part)?;
    let read = |max| entries::read(part, max);
    let append = |batch: &[u8], rows: u64| taken(tables::append(table, &[], "arrow", batch)?, rows);
    let counts = match entry.form.as_str() {
        "csv" => decode_csv(fields, read, append),
        "arrow" => decode_arrow(fields, read, append),
        form @ (COPY_TEXT | COPY_BINARY) => {
            let columns = copied(fields);
            match (form, target.forms.iter().any(|taken| taken == form)) {
                (COPY_TEXT, true) => copy_text::pass(copy_text::Ending::Open, read, pass(table, form, &columns)),
                (COPY_TEXT, false) => copy_text::decode(fields, copy_text::Ending::Open, read, append),
                (_, true) => copy_binary::pass(columns.len(), read, pass(table, form, &columns)),
                (_, false) => copy_binary::decode(fields, read, append),
            }
        }
        other => Err(Failure::new("table.unknown_form", format!("Rows in the form `{other}` cannot be read"))),
    };
    counts.map_err(|failure| failure.entry(&entry.path))
}

/// The columns that COPY's rows hold.
fn copied(fields: &[Field]) -> Vec<&Field> {
    fields.iter().filter(|field| field.presence == Presence::Required).collect()
}

/// Appends batches in a form of the target's own. What it counts may come later than the bytes; the host compares the sums.
fn pass(table: &str, form: &str, columns: &[&Field]) -> impl FnMut(&[u8]) -> Result<(), Failure> {
    let columns: Vec<String> = columns.iter().map(|field| field.name.clone()).collect();
    move |batch| tables::append(table, &columns, form, batch).map(|_| ())
}

fn taken(taken: u64, given: u64) -> Result<(), Failure> {
    if taken == given {
        return Ok(());
    }
    Err(Failure::new("table.rows_not_taken", format!("The target took {taken} of {given} rows")))
}

/// A failure to append names a row of the batch; `before` rows of the entry came before that.
fn in_entry(mut failure: Failure, before: u64) -> Failure {
    failure.row = failure.row.map(|row| before.saturating_add(row));
    failure
}

/// Where each field is among `names`: its position, or `None` where it is absent.
fn positions<'a>(fields: &[Field], names: impl Iterator<Item = &'a str>) -> Result<Vec<Option<usize>>, Failure> {
    let bad = |name: &str, what: &str| {
        Err(Failure::new("table.bad_columns", format!("The column `{}` {what}", shown(name.as_bytes()))).column(name))
    };
    // A table can have thousands of columns: look names up, do not search for them.
    let known: std::collections::BTreeMap<&str, usize> =
        fields.iter().enumerate().map(|(at, field)| (field.name.as_str(), at)).collect();
    let mut positions = vec![None; fields.len()];
    for (at, name) in names.enumerate() {
        let Some(&field) = known.get(name) else {
            return bad(name, "of the entry is none of the table's");
        };
        if positions[field].replace(at).is_some() {
            return bad(name, "is twice in the entry");
        }
    }
    match fields.iter().zip(&positions).find(|(field, at)| field.presence == Presence::Required && at.is_none()) {
        Some((field, _)) => bad(&field.name, "is missing in the entry"),
        None => Ok(positions),
    }
}

/// Bytes as they may be shown in a message: short, and escaped where they are not text.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 40;
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MOST)]).chars().take(MOST).collect();
    let dots = if text.len() < bytes.len() { "…" } else { "" };
    format!("{}{dots}", text.escape_debug())
}

#[cfg(test)]
mod tests;
