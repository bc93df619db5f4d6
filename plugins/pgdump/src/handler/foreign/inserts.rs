//! Rows as `INSERT` statements, made into COPY text, which is what rows are decoded from.

use reinstate_plugin::rows::Field;
use reinstate_plugin::rows::copy_text::{self, Ending};
use reinstate_plugin::{Counts, Failure};

use crate::handler::reader::Reader;
use crate::handler::rows::inserts;

/// Decodes the rows of all statements. `all` are the table's columns in its order; `fields` puts those that rows hold in theirs.
pub(super) fn decode(
    all: &[String],
    fields: impl Fn(Vec<String>) -> Result<Vec<Field>, Failure>,
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut append: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut rows = 0;
    let counts = inserts::run(read, |text| {
        for batch in batches(text, all).map_err(|failure| failure.row(rows + 1))? {
            let mut bytes = Some(batch.text);
            let source = |_| Ok(bytes.take().unwrap_or_default());
            let counts = copy_text::decode(&fields(batch.columns)?, Ending::Open, source, &mut append);
            rows += counts.map_err(|failure| Failure { row: failure.row.map(|row| rows + row), ..failure })?.rows;
        }
        Ok(())
    })?;
    Ok(Counts { rows, ..counts })
}

/// Rows that hold the same columns, as COPY text.
#[derive(Debug, Default, PartialEq)]
struct Batch {
    columns: Vec<String>,
    text: Vec<u8>,
}

fn batches(text: &str, all: &[String]) -> Result<Vec<Batch>, Failure> {
    let mut batches: Vec<Batch> = Vec::new();
    for statement in Reader::new(text).statements() {
        for (columns, row) in rows(statement, all).ok_or_else(unreadable)? {
            match batches.last_mut().filter(|batch| batch.columns == columns) {
                Some(batch) => batch.text.extend_from_slice(&row),
                None => batches.push(Batch { columns, text: row }),
            }
        }
    }
    Ok(batches)
}

fn unreadable() -> Failure {
    Failure::new("pgdump.bad_statement", "A statement is not an INSERT of values as pg_dump writes it")
}

/// The rows of one statement, each with the columns it holds: those that are computed are left out.
fn rows(mut reader: Reader<'_>, all: &[String]) -> Option<Vec<(Vec<String>, Vec<u8>)>> {
    reader.accept("insert into").then_some(())?;
    reader.qualified()?;
    let columns = if reader.peek()?.is_symbol('(') { reader.names()? } else { all.to_vec() };
    let _ = reader.accept("overriding system value") || reader.accept("overriding user value");
    if reader.accept("default values") {
        return Some(vec![(Vec::new(), b"\n".to_vec())]);
    }
    reader.accept("values").then_some(())?;
    let mut rows = Vec::new();
    loop {
        rows.push(row(&reader.group()?, &columns)?);
        if !reader.accept_symbol(',') {
            let _ = reader.accept("on conflict do nothing");
            return reader.is_empty().then_some(rows);
        }
    }
}

fn row(group: &Reader<'_>, columns: &[String]) -> Option<(Vec<String>, Vec<u8>)> {
    let values = group.items();
    if values.len() != columns.len() {
        return None;
    }
    let (mut held, mut text) = (Vec::new(), Vec::new());
    for (column, mut value) in columns.iter().zip(values) {
        if value.accept("default") {
            continue;
        }
        if !held.is_empty() {
            text.push(b'\t');
        }
        held.push(column.clone());
        field(&mut value, &mut text)?;
    }
    text.push(b'\n');
    Some((held, text))
}

/// A constant as COPY writes it.
fn field(value: &mut Reader<'_>, out: &mut Vec<u8>) -> Option<()> {
    let written = value.rest();
    let last = std::iter::from_fn(|| value.next()).last()?;
    if let Some(literal) = last.literal() {
        // What stands before it says what it is: `B'101'`.
        for byte in literal.bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                byte => out.push(byte),
            }
        }
        return Some(());
    }
    match written.to_ascii_lowercase().as_str() {
        "null" => out.extend_from_slice(b"\\N"),
        "true" => out.push(b't'),
        "false" => out.push(b'f'),
        number if number.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) => {
            out.extend_from_slice(written.as_bytes());
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn statements_become_what_copy_writes() {
        let all = names(&["a", "b", "c"]);
        for (text, columns, expected) in [
            ("INSERT INTO t.x VALUES (1, 'it''s', NULL);", &["a", "b", "c"][..], "1\tit's\t\\N\n"),
            (
                "INSERT INTO t.x VALUES (-1.5e+20, '\\x00', true),\n\t(2, 'a\tb\nc', false) ON CONFLICT DO NOTHING;",
                &["a", "b", "c"],
                "-1.5e+20\t\\\\x00\tt\n2\ta\\tb\\nc\tf\n",
            ),
            ("INSERT INTO t.x (\"c\", a) OVERRIDING SYSTEM VALUE VALUES (B'101', 'NaN');", &["c", "a"], "101\tNaN\n"),
            ("INSERT INTO t.x VALUES (1, DEFAULT, '');", &["a", "c"], "1\t\n"),
            ("INSERT INTO t.x DEFAULT VALUES;", &[], "\n"),
        ] {
            let batches = batches(text, &all).unwrap();
            let expected = Batch { columns: names(columns), text: expected.as_bytes().to_vec() };
            assert_eq!(batches, [expected], "{text}");
        }
    }

    #[test]
    fn what_is_no_row_of_values_is_refused() {
        for text in [
            "INSERT INTO t.x VALUES (1);",
            "INSERT INTO t.x (a) VALUES (now());",
            "INSERT INTO t.x (a) SELECT 1;",
            "DELETE FROM t.x;",
            "INSERT INTO t.x (a) VALUES (1) RETURNING a;",
            "INSERT INTO t.x (a) VALUES (",
        ] {
            assert_eq!(batches(text, &names(&["a", "b"])).unwrap_err().code, "pgdump.bad_statement", "{text}");
        }
    }
}
