//! A table's rows: COPY text handed on as it is, or statements in batches.

use reinstate_plugin::rows::copy_text::{self, Ending};
use reinstate_plugin::sql::{self, Scope};
use reinstate_plugin::{Counts, Failure, Object, entries, tables};

use super::reader::copied_columns;
use crate::attributes::{Attributes, COPY_TEXT, STATEMENTS};

pub(super) mod inserts;

/// Restores one entry of rows into PostgreSQL.
pub(super) fn into_postgresql(object: &Object, entry: &Attributes, part: u32) -> Result<Counts, Failure> {
    let read = |max| entries::read(part, max);
    match object.part(part)?.form.as_str() {
        COPY_TEXT => {
            let columns = columns(object, entry, part)?;
            let append = |batch: &[u8]| tables::append("", &columns, COPY_TEXT, batch).map(|_| ());
            copy_text::pass(Ending::Marked, read, append).map_err(of_dump)
        }
        STATEMENTS => inserts::run(read, |text| sql::execute(text, &Scope::Itself, None)),
        other => Err(Failure::new("pgdump.unknown_form", format!("Rows in the form `{other}` cannot be read"))),
    }
}

/// The columns of an entry, in the order of its bytes. Fails with `pgdump.bad_copy`.
pub(super) fn columns(object: &Object, entry: &Attributes, part: u32) -> Result<Vec<String>, Failure> {
    let copy = entry.copies.get(part as usize).or(entry.copy.as_ref());
    copy.and_then(|copy| copied_columns(copy)).ok_or_else(|| {
        let message =
            format!("The statement that says which columns the rows of {} have cannot be read", object.source);
        Failure::new("pgdump.bad_copy", message)
    })
}

/// Rows without an end are what a dump that was cut has.
pub(super) fn of_dump(failure: Failure) -> Failure {
    if failure.code == "table.rows_cut" { Failure { code: "pgdump.rows_cut".to_owned(), ..failure } } else { failure }
}
