//! Rows as PostgreSQL writes them, and as nobody should.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;

use super::*;
use crate::tables::ValueType;

fn fields(values: &[ValueType]) -> Vec<Field> {
    let field = |(at, values): (usize, &ValueType)| Field {
        name: format!("c{at}"),
        values: *values,
        declared: String::new(),
        presence: Presence::Required,
    };
    values.iter().enumerate().map(field).collect()
}

fn source(bytes: &[u8], size: usize) -> impl FnMut(u32) -> Result<Vec<u8>, Failure> + '_ {
    let mut chunks = bytes.chunks(size);
    move |_| Ok(chunks.next().unwrap_or_default().to_vec())
}

fn decoded(
    bytes: &[u8],
    values: &[ValueType],
    ending: Ending,
    size: usize,
) -> Result<(Counts, Vec<RecordBatch>), Failure> {
    let mut batches = Vec::new();
    let counts = decode(&fields(values), ending, source(bytes, size), |batch, rows| {
        let found: Vec<_> = StreamReader::try_new(batch, None).unwrap().map(Result::unwrap).collect();
        assert_eq!(found.iter().map(RecordBatch::num_rows).sum::<usize>() as u64, rows);
        batches.extend(found);
        Ok(())
    })?;
    Ok((counts, batches))
}

fn texts(bytes: &[u8], width: usize) -> Vec<Vec<Option<String>>> {
    let (_, batches) = decoded(bytes, &vec![ValueType::Text; width], Ending::Open, 7).unwrap();
    let value = |batch: &RecordBatch, column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    rows.map(|(batch, row)| (0..width).map(|column| value(batch, column, row)).collect()).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn escapes_are_undone_as_postgresql_does() {
    for (text, expected) in [
        (&b"a\tb\n"[..], [some("a"), some("b")]),
        (b"\\N\t\n", [None, some("")]),
        (b"\\\\N\t\\\\.\n", [some("\\N"), some("\\.")]),
        (b"\\b\\f\\n\t\\r\\t\\v\n", [some("\u{8}\u{c}\n"), some("\r\t\u{b}")]),
        (b"\\101\\7x\t\\x41\\xzz\\x4\n", [some("A\u{7}x"), some("Axzz\u{4}")]),
        (b"a\\\tb\tc\\\nd\n", [some("a\tb"), some("c\nd")]),
        (b"\\\\\\\\\t\\q\\Nx\n", [some("\\\\"), some("qNx")]),
        (b"\\xc3\\xa9\t\\303\\251\n", [some("\u{e9}"), some("\u{e9}")]),
        (b"a\tb", [some("a"), some("b")]),
        (b"\\.x\t\\.\n", [some(".x"), some(".")]),
    ] {
        assert_eq!(texts(text, 2), [expected], "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn every_shift_gives_the_same() {
    for shift in 0..140 {
        let first = "x".repeat(shift);
        let text = format!("{first}\\tz\t\\N\n\\\\\t\n");
        let expected = [vec![Some(format!("{first}\tz")), None], vec![some("\\"), some("")]];
        assert_eq!(texts(text.as_bytes(), 2), expected);
    }
}

#[test]
fn values_get_their_types() {
    use ValueType::{Boolean, Bytes, Integer, Real};
    let text =
        b"t\t-9223372036854775808\tNaN\t\\\\x00ff\nf\t7\t-Infinity\ta\\\\001\\\\\\\\\n\\N\t\\N\t\\N\t\\N\n\\.\n\n\n";
    let (counts, batches) = decoded(text, &[Boolean, Integer, Real, Bytes], Ending::Marked, 5).unwrap();
    assert_eq!((counts.rows, counts.bytes), (3, text.len() as u64));
    let batch = &batches[0];
    assert!(batch.column(0).as_boolean().value(0) && !batch.column(0).as_boolean().value(1));
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().value(0), i64::MIN);
    assert!(batch.column(2).as_primitive::<Float64Type>().value(0).is_nan());
    assert_eq!(batch.column(3).as_binary::<i32>().value(0), [0, 255]);
    assert_eq!(batch.column(3).as_binary::<i32>().value(1), b"a\x01\\");
    assert!(batch.columns().iter().all(|column| column.is_null(2)));
}

#[test]
fn what_is_wrong_is_named_by_row_and_column() {
    use ValueType::{Integer, Text};
    for (text, code, row, column) in [
        (&b"1\ta\n2\n"[..], "table.bad_copy", 2, None),
        (b"1\ta\tb\n", "table.bad_copy", 1, None),
        (b"1\ta\nx\tb\n", "table.bad_value", 2, Some("c0")),
        (b"1\t\\xff\n", "table.bad_value", 1, Some("c1")),
        (b"1\t\xff\n", "table.bad_value", 1, Some("c1")),
        (b"\n", "table.bad_copy", 1, None),
        (b"1\ta\n\\.\nx", "table.rows_cut", 2, None),
    ] {
        for size in [1, 3, 1000] {
            let failure = decoded(text, &[Integer, Text], Ending::Open, size).unwrap_err();
            let found = (failure.code.as_str(), failure.row, failure.column.as_deref());
            assert_eq!(found, (code, Some(row), column), "{}", String::from_utf8_lossy(text));
        }
    }
    let failure = decoded(b"1\ta\n", &[Integer, Text], Ending::Marked, 9).unwrap_err();
    assert_eq!((failure.code.as_str(), failure.row), ("table.rows_cut", Some(2)));
}

#[test]
fn a_table_without_columns_has_rows() {
    let (counts, _) = decoded(b"\n\n\\.\n\n\n", &[], Ending::Marked, 2).unwrap();
    assert_eq!(counts.rows, 2);
    assert!(decoded(b"x\n", &[], Ending::Open, 2).is_err());
}

fn passed(bytes: &[u8], ending: Ending, size: usize) -> Result<(Counts, Vec<u8>), Failure> {
    let mut all = Vec::new();
    let counts = pass(ending, source(bytes, size), |batch| {
        assert!(!batch.is_empty());
        all.extend_from_slice(batch);
        Ok(())
    })?;
    Ok((counts, all))
}

#[test]
fn rows_pass_without_what_marks_their_end() {
    let rows: Vec<u8> = (0..500).flat_map(|row| format!("{row}\tvalue {row}\n").into_bytes()).collect();
    let whole = [&rows[..], b"\\.\n\n\n"].concat();
    for size in [1, 2, 3, 63, 64, 65, 100, 4096, 1 << 20] {
        let (counts, bytes) = passed(&whole, Ending::Marked, size).unwrap();
        assert_eq!((counts.rows, counts.bytes), (500, whole.len() as u64));
        assert_eq!(bytes, rows);
        assert_eq!(passed(&rows, Ending::Open, size).unwrap().0.rows, 500);
        assert_eq!(passed(&rows, Ending::Marked, size).unwrap_err().code, "table.rows_cut");
    }
    for (text, rows, sent) in [
        (&b"\\.\n\n\n"[..], 0, &b""[..]),
        (b"\n\n\\.\n", 2, b"\n\n"),
        (b"\\.", 0, b""),
        (b"a\\\\.\n\\.\n", 1, b"a\\\\.\n"),
    ] {
        let (counts, bytes) = passed(text, Ending::Marked, 2).unwrap();
        assert_eq!((counts.rows, &bytes[..]), (rows, sent));
    }
    for text in [&b""[..], b"\n", b"a\n\\.x\n", b"a\n\\.\nx\n", b"a\\.\n", b"a\n\\\\.\n"] {
        assert_eq!(passed(text, Ending::Marked, 2).unwrap_err().code, "table.rows_cut", "{text:?}");
    }
    assert_eq!(passed(b"a\nb", Ending::Open, 2).unwrap().0.rows, 2);
}
