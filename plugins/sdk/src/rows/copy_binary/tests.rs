//! The same rows in binary and in text, as PostgreSQL itself wrote them, and damaged ones.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;

use super::*;
use crate::rows::copy_text::{self, Ending};
use crate::tables::ValueType::{self, Any, Boolean, Bytes, Integer, Real, Text};

const BINARY: &[u8] = include_bytes!("../../../../../tests/data/pg/all_types.bin");
const PRINTED: &[u8] = include_bytes!("../../../../../tests/data/pg/all_types.txt");

/// The columns of `all_types.sql`.
const COLUMNS: [(&str, ValueType); 23] = [
    ("boolean", Boolean),
    ("smallint", Integer),
    ("integer", Integer),
    ("bigint", Integer),
    ("real", Real),
    ("double precision", Real),
    ("numeric", Text),
    ("numeric(20,5)", Text),
    ("text", Text),
    ("character varying(30)", Text),
    ("character(5)", Text),
    ("name", Any),
    ("\"char\"", Text),
    ("bytea", Bytes),
    ("date", Text),
    ("time without time zone", Text),
    ("timestamp without time zone", Text),
    ("timestamp with time zone", Text),
    ("uuid", Text),
    ("json", Text),
    ("jsonb", Text),
    ("oid", Integer),
    ("public.mood", Text),
];

fn fields(values: impl Fn(ValueType) -> ValueType) -> Vec<Field> {
    let field = |(at, (declared, of)): (usize, &(&str, ValueType))| Field {
        name: format!("c{at}"),
        values: values(*of),
        declared: (*declared).to_owned(),
        presence: Presence::Required,
    };
    COLUMNS.iter().enumerate().map(field).collect()
}

fn source(bytes: &[u8], size: usize) -> impl FnMut(u32) -> Result<Vec<u8>, Failure> + '_ {
    let mut chunks = bytes.chunks(size);
    move |_| Ok(chunks.next().unwrap_or_default().to_vec())
}

fn into(batches: &mut Vec<RecordBatch>) -> impl FnMut(&[u8], u64) -> Result<(), Failure> + '_ {
    |batch, _| {
        batches.extend(StreamReader::try_new(batch, None).unwrap().map(Result::unwrap));
        Ok(())
    }
}

fn decoded(bytes: &[u8], fields: &[Field], size: usize) -> Result<(Counts, Vec<RecordBatch>), Failure> {
    let mut batches = Vec::new();
    let counts = decode(fields, source(bytes, size), into(&mut batches))?;
    Ok((counts, batches))
}

/// Every value of a column, one a line; numbers by their bits, so that NaN is itself.
fn values(batches: &[RecordBatch], column: usize) -> Vec<String> {
    let mut all = Vec::new();
    for batch in batches {
        let array = batch.column(column);
        let one = |row: usize| match array.as_primitive_opt::<Float64Type>() {
            Some(numbers) if numbers.is_valid(row) => numbers.value(row).to_bits().to_string(),
            _ => format!("{:?}", array.slice(row, 1)),
        };
        all.extend((0..batch.num_rows()).map(one));
    }
    all
}

#[test]
fn binary_and_text_rows_are_the_same() {
    for as_kept in [|of| of, |of: ValueType| if of == Bytes { Bytes } else { Text }] {
        let fields = fields(as_kept);
        let mut expected = Vec::new();
        let counts = copy_text::decode(&fields, Ending::Open, source(PRINTED, 999), into(&mut expected)).unwrap();
        let (found, batches) = decoded(BINARY, &fields, 1000).unwrap();
        assert_eq!((found.rows, found.bytes), (counts.rows, BINARY.len() as u64));
        for (at, field) in fields.iter().enumerate() {
            let (found, expected) = (values(&batches, at), values(&expected, at));
            for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found, expected, "row {} of {field:?}", row + 1);
            }
            assert_eq!(found.len(), expected.len());
        }
    }
}

#[test]
fn rows_pass_as_they_are_and_are_counted() {
    let rows = PRINTED.iter().filter(|byte| **byte == b'\n').count() as u64;
    for size in [1, 2, 3, 5, 4096, 1 << 20] {
        let mut all = Vec::new();
        let counts = pass(COLUMNS.len(), source(BINARY, size), |batch| {
            all.extend_from_slice(batch);
            Ok(())
        });
        let counts = counts.unwrap();
        assert_eq!((counts.rows, counts.bytes), (rows, BINARY.len() as u64));
        assert_eq!(all, BINARY);
    }
}

#[test]
fn every_cut_is_noticed() {
    let fields = fields(|of| of);
    for end in (0..1500).chain([BINARY.len() - 2, BINARY.len() - 1]) {
        let bytes = &BINARY[..end];
        let codes = [decoded(bytes, &fields, 100).unwrap_err().code, passed(bytes).unwrap_err().code];
        assert!(
            codes.iter().all(|code| code == "table.rows_cut" || (end < 19 && code == "table.bad_copy")),
            "{codes:?}"
        );
    }
    let more = [BINARY, b"x"].concat();
    assert!(decoded(&more, &fields, 100).is_err() && passed(&more).is_err());
}

fn passed(bytes: &[u8]) -> Result<Counts, Failure> {
    pass(COLUMNS.len(), source(bytes, 7), |_| Ok(()))
}

#[test]
fn no_damage_panics() {
    let fields = fields(|of| of);
    for at in 0..1000 {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = BINARY[..1500].to_vec();
            bytes[at] = byte;
            let _ = decoded(&bytes, &fields, 333);
            let _ = passed(&bytes);
        }
    }
}

#[test]
fn what_is_wrong_is_named_by_row_and_column() {
    let one = |declared: &str, values| {
        vec![Field { name: "a".into(), values, declared: declared.into(), presence: Presence::Required }]
    };
    let stream = |value: &[u8]| {
        let mut bytes = [&SIGNATURE[..], &[0; 8], &[0, 1], &(value.len() as u32).to_be_bytes(), value].concat();
        bytes.extend_from_slice(&[0xff, 0xff]);
        bytes
    };
    for (declared, values, value, code) in [
        ("integer", Integer, &[1, 2, 3][..], "table.bad_value"),
        ("boolean", Boolean, &[2], "table.bad_value"),
        ("text", Text, &[0xff], "table.bad_value"),
        ("jsonb", Text, b"\x02{}", "table.bad_value"),
        ("text", Integer, b"1", "table.bad_value"),
        ("posint", Text, &[0, 0, 0, 5], "table.bad_value"),
        ("bigint", Real, &i64::MAX.to_be_bytes(), "table.bad_value"),
    ] {
        let failure = decoded(&stream(value), &one(declared, values), 100).unwrap_err();
        let found = (failure.code.as_str(), failure.row, failure.column.as_deref());
        assert_eq!(found, (code, Some(1), Some("a")), "{declared}");
    }
    assert_eq!(decoded(&stream(b""), &one("integer[]", Text), 100).unwrap_err().code, "table.unknown_type");
    assert_eq!(decoded(&stream(b""), &[], 100).unwrap_err().code, "table.bad_copy");
}
