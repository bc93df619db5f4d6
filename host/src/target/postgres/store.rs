//! Our bookkeeping, in the schema `reinstate` of the database that is staged in: jobs, what their units have committed, what
//! waits for the switch, what a switch exchanged.

use crate::error::{Error, Result};

use super::connection::Connection;
use super::failure::failed;

mod deferred;
mod exchanges;
mod jobs;
mod journal;
mod schema;

pub(crate) use deferred::{Deferred, Phase, deferred, forget_deferred, foundations, insert_deferred};
pub(crate) use exchanges::{Exchanged, Severed, clear_exchanges, exchanges, record, record_severed, take_severed};
pub(crate) use jobs::{
    Record, copy_jobs, delete_job, end_job, find_job, insert_job, jobs, no_job, recorded, set_report, set_status,
};
pub(crate) use journal::{clear_journal, clear_step, insert_unit, journal};
pub(crate) use schema::{Bookkeeping, bookkeeping, create, drop_if_empty, foreign, is_ours, require};

/// Rows of text, as the server writes values.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// Runs statements of the bookkeeping and gives their rows.
pub(crate) fn ask(connection: &mut Connection, statements: &str) -> Result<Rows> {
    connection.texts(statements).map_err(|fault| failed(&fault, "Could not use the bookkeeping in schema `reinstate`"))
}

/// Runs statements of the bookkeeping.
pub(crate) fn run(connection: &mut Connection, statements: &str) -> Result<()> {
    connection
        .batch(statements)
        .map_err(|fault| failed(&fault, "Could not write the bookkeeping in schema `reinstate`"))
}

/// Something in a transaction of its own.
pub(crate) fn write<T>(connection: &mut Connection, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
    connection.cast("BEGIN");
    let done = work(connection).and_then(|value| run(connection, "COMMIT").map(|()| value));
    if done.is_err() {
        // A connection that is lost has taken it back by itself.
        let _ = connection.batch("ROLLBACK");
    }
    done
}

/// The columns of one row, in order.
pub(crate) struct Columns(std::vec::IntoIter<Option<String>>);

impl Columns {
    pub(crate) fn of(row: Vec<Option<String>>) -> Self {
        Self(row.into_iter())
    }

    /// A column that may be null.
    pub(crate) fn maybe(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    /// A column of text.
    pub(crate) fn text(&mut self) -> String {
        self.maybe().unwrap_or_default()
    }

    /// A column of truth.
    pub(crate) fn truth(&mut self) -> bool {
        self.text() == "t"
    }

    /// A column of numbers.
    pub(crate) fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        let text = self.text();
        text.parse().map_err(|_| Error::new("target.damaged", format!("The bookkeeping holds `{text}` for a number")))
    }
}

/// A text that may be absent, as SQL writes it.
pub(crate) fn maybe(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), super::placement::literal)
}

/// Names of schemas and the like as an array of text.
pub(crate) fn array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(super::placement::literal).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

/// Numbers as an array.
pub(crate) fn numbers(numbers: impl IntoIterator<Item = impl ToString>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    format!("ARRAY[{}]::bigint[]", numbers.join(", "))
}
