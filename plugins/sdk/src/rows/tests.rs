//! What comes out of an entry, as a reader of Arrow sees it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;

use super::*;

fn field(name: &str, values: ValueType) -> Field {
    Field { name: name.to_owned(), values, declared: String::new(), presence: Presence::Required }
}

/// Gives `bytes` in chunks of at most `size`.
fn source(bytes: &[u8], size: usize) -> impl FnMut(u32) -> Result<Vec<u8>, Failure> + '_ {
    let mut rest = bytes;
    move |max| {
        let (chunk, after) = rest.split_at(rest.len().min(size).min(max as usize));
        rest = after;
        Ok(chunk.to_vec())
    }
}

fn batches(stream: &[u8]) -> Vec<RecordBatch> {
    StreamReader::try_new(stream, None).unwrap().map(Result::unwrap).collect()
}

fn csv_in(text: &[u8], fields: &[Field], size: usize) -> Result<Vec<RecordBatch>, Failure> {
    let mut all = Vec::new();
    let counts = decode_csv(fields, source(text, size), |batch, rows| {
        let batch = batches(batch);
        assert_eq!(batch.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), rows);
        all.extend(batch);
        Ok(())
    })?;
    assert_eq!(counts.bytes, text.len() as u64);
    assert_eq!(counts.rows, all.iter().map(|batch| batch.num_rows() as u64).sum::<u64>());
    Ok(all)
}

fn csv(text: &str, fields: &[Field]) -> Result<Vec<RecordBatch>, Failure> {
    csv_in(text.as_bytes(), fields, usize::MAX)
}

fn failure(text: &[u8], fields: &[Field]) -> (String, Option<u64>, Option<String>, String) {
    let failure = csv_in(text, fields, 5).unwrap_err();
    (failure.code, failure.row, failure.column, failure.message)
}

#[test]
fn every_type_is_read_and_null_is_told_from_the_empty_text() {
    let fields = [
        field("b", ValueType::Boolean),
        field("i", ValueType::Integer),
        field("r", ValueType::Real),
        field("t", ValueType::Text),
        field("x", ValueType::Bytes),
    ];
    let text = "b,i,r,t,x\r\nt,-42,1.5,\"a \"\"b\"\", c\",\\x00fF\r\n,,,,\r\nfalse,9223372036854775807,-1e300,\"\",\\x\r\n0,-9223372036854775808,inf,é,\"\\x41\"\n";
    let batch = csv(text, &fields).unwrap().remove(0);
    let booleans: Vec<_> = batch.column(0).as_boolean().iter().collect();
    assert_eq!(booleans, [Some(true), None, Some(false), Some(false)]);
    let integers: Vec<_> = batch.column(1).as_primitive::<Int64Type>().iter().collect();
    assert_eq!(integers, [Some(-42), None, Some(i64::MAX), Some(i64::MIN)]);
    let reals: Vec<_> = batch.column(2).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(reals, [Some(1.5), None, Some(-1e300), Some(f64::INFINITY)]);
    let texts: Vec<_> = batch.column(3).as_string::<i32>().iter().collect();
    assert_eq!(texts, [Some("a \"b\", c"), None, Some(""), Some("é")]);
    let bytes: Vec<_> = batch.column(4).as_binary::<i32>().iter().collect();
    assert_eq!(bytes, [Some(&[0, 255][..]), None, Some(&[][..]), Some(b"A")]);
}

#[test]
fn any_is_text_or_null() {
    let batch = csv("a\n1\n\n\"\"\nx\n", &[field("a", ValueType::Any)]).unwrap().remove(0);
    let union = batch.column(0).as_union();
    assert_eq!(&union.type_ids()[..], [3, 0, 3, 3]);
    assert_eq!(union.value(2).as_string::<i32>().value(0), "");
    assert_eq!(union.value(3).as_string::<i32>().value(0), "x");
    let names: Vec<_> = union.fields().iter().map(|(of, field)| (of, field.name().clone())).collect();
    let expected = ["null", "integer", "real", "text", "bytes"];
    assert_eq!(names, (0..).zip(expected.map(str::to_owned)).collect::<Vec<_>>());
}

#[test]
fn columns_are_matched_by_name_in_any_order() {
    let mut fields = [field("a", ValueType::Integer), field("b", ValueType::Text), field("c", ValueType::Text)];
    fields[1].presence = Presence::Optional;
    fields[2].presence = Presence::Computed;
    let batch = csv("\u{feff}c,a\nx,1\ny,2\n", &fields).unwrap().remove(0);
    let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(batch.column(1).null_count(), 2);
}

#[test]
fn wrong_columns_are_named() {
    let fields = [field("a", ValueType::Integer), field("b", ValueType::Text)];
    for (names, column, part) in [
        ("a\n", "b", "is missing"),
        ("a,b,c\n", "c", "none of the table's"),
        ("a,b,a\n", "a", "twice"),
        ("a,B\n", "B", "none of the table's"),
        ("a,\"b \"\n", "b ", "none of the table's"),
        ("a,b,\n", "", "none of the table's"),
    ] {
        let (code, row, named, message) = failure(names.as_bytes(), &fields);
        assert_eq!((code.as_str(), row, named.as_deref()), ("table.bad_columns", None, Some(column)), "{names}");
        assert!(message.contains(part), "{message}");
    }
    for names in [&b""[..], b"\xef\xbb\xbf", b"\"a", b"a\"", b"\xff,b\n"] {
        let (code, row, ..) = failure(names, &fields);
        assert!(matches!(code.as_str(), "table.bad_csv" | "table.bad_columns"), "{code}");
        assert_eq!(row, None);
    }
}

#[test]
fn bad_values_are_named_with_row_and_column() {
    for (values, value) in [
        (ValueType::Integer, "x"),
        (ValueType::Integer, "\"\""),
        (ValueType::Integer, "1.0"),
        (ValueType::Integer, " 1"),
        (ValueType::Integer, "-"),
        (ValueType::Integer, "9223372036854775808"),
        (ValueType::Integer, "--9223372036854775808"),
        (ValueType::Real, "1,"),
        (ValueType::Real, "one"),
        (ValueType::Boolean, "yes"),
        (ValueType::Boolean, "2"),
        (ValueType::Bytes, "41"),
        (ValueType::Bytes, "\\x4"),
        (ValueType::Bytes, "\\xgg"),
        (ValueType::Bytes, "\"\""),
    ] {
        let text = format!("n,a\n1,\n2,\n3,{value}\n4,\n");
        let (code, row, column, message) = failure(text.as_bytes(), &[field("n", ValueType::Text), field("a", values)]);
        match code.as_str() {
            "table.bad_value" => assert_eq!((row, column.as_deref()), (Some(3), Some("a")), "{message}"),
            _ => assert_eq!((code.as_str(), row), ("table.bad_csv", Some(3)), "{message}"),
        }
    }
}

#[test]
fn text_that_is_not_utf_8_is_named_and_shown_escaped() {
    for values in [ValueType::Text, ValueType::Any] {
        let (code, row, column, message) =
            failure(b"a,b\n1,\n2,ok\n3,\x1b\xff\n", &[field("a", ValueType::Text), field("b", values)]);
        assert_eq!((code.as_str(), row, column.as_deref()), ("table.bad_value", Some(3), Some("b")));
        assert!(message.contains("\\u{1b}") && message.contains("UTF-8"), "{message}");
    }
    // A character that is cut by a comma is two broken fields, not one that goes through.
    let (code, row, ..) = failure(b"a,b\n\xc3,\xa9\n", &[field("a", ValueType::Text), field("b", ValueType::Text)]);
    assert_eq!((code.as_str(), row), ("table.bad_value", Some(1)));
}

#[test]
fn chunks_of_every_size_give_the_same() {
    let mut text = String::from("id,text\n");
    for id in 0..200 {
        text += &format!("{id},\"line \"\"{id}\"\"\r\nnext, é\"\r\n");
    }
    let fields = [field("id", ValueType::Integer), field("text", ValueType::Text)];
    let whole = csv(&text, &fields).unwrap();
    for size in (1..40).chain([1000, 4096]) {
        assert_eq!(csv_in(text.as_bytes(), &fields, size).unwrap(), whole);
    }
}

#[test]
fn batches_are_bounded_and_long_rows_go_through() {
    let fields = [field("a", ValueType::Integer), field("b", ValueType::Text)];
    let mut text = String::from("a,b\n");
    for row in 0..300_000 {
        text += &format!("{row},{}\n", row % 7);
    }
    text += &format!("1,{}\n2,x", "y".repeat(3 << 20));
    let all = csv(&text, &fields).unwrap();
    assert!(all.iter().all(|batch| batch.num_rows() <= BATCH_ROWS));
    assert_eq!(all.iter().map(RecordBatch::num_rows).sum::<usize>(), 300_002);
    let mut row = 0;
    for batch in &all {
        for value in batch.column(0).as_primitive::<Int64Type>().values() {
            assert_eq!(*value, if row < 300_000 { row } else { row - 299_999 });
            row += 1;
        }
    }
}

#[test]
fn a_row_without_an_end_is_refused_before_memory_is_gone() {
    let mut given = 0usize;
    let endless = |max: u32| {
        given += max as usize;
        Ok(if given == max as usize { b"a\n\"".to_vec() } else { vec![b'x'; max as usize] })
    };
    let failure = decode_csv(&[field("a", ValueType::Text)], endless, |_, _| Ok(())).unwrap_err();
    assert_eq!((failure.code.as_str(), failure.row), ("table.row_too_large", Some(1)));
    assert!(given < 200 << 20);
    let commas = |max: u32| Ok(vec![b','; max as usize]);
    let failure = decode_csv(&[field("a", ValueType::Text)], commas, |_, _| Ok(())).unwrap_err();
    assert_eq!(failure.code, "table.bad_csv");
}

#[test]
fn a_failure_to_append_or_read_comes_through_with_the_entrys_row() {
    let mut text = String::from("a\n");
    text.extend((0..100_000).map(|_| "1\n"));
    let fields = [field("a", ValueType::Integer)];
    let mut batches = 0;
    let failure = decode_csv(&fields, source(text.as_bytes(), 1000), |_, _| {
        batches += 1;
        if batches == 2 { Err(Failure::new("target.constraint", "It breaks").row(3)) } else { Ok(()) }
    });
    let failure = failure.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.row), ("target.constraint", Some(BATCH_ROWS as u64 + 3)));
    let failure = decode_csv(&fields, |_| Err(Failure::new("archive.truncated", "It ends")), |_, _| Ok(()));
    assert_eq!(failure.unwrap_err().code, "archive.truncated");
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn arrow(bytes: &[u8], fields: &[Field]) -> Result<Vec<RecordBatch>, Failure> {
    let mut all = Vec::new();
    let counts = decode_arrow(fields, source(bytes, 1000), |batch, rows| {
        assert!(batch.len() < 8 << 20, "{} bytes", batch.len());
        let batch = batches(batch);
        assert_eq!(batch.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), rows);
        all.extend(batch);
        Ok(())
    })?;
    assert_eq!(counts.bytes, bytes.len() as u64);
    Ok(all)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn arrow_streams_come_out_in_bounded_batches() {
    let rows = 500_000;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("row {row}"))));
    let small: ArrayRef = Arc::new(Int32Array::from_iter_values((0..rows).map(|row| row as i32)));
    let views: ArrayRef =
        Arc::new(StringViewArray::from_iter_values((0..rows).map(|row| format!("a longer text {row}"))));
    let whole = batch(vec![("view", views), ("t", texts), ("n", numbers), ("small", small)]);
    let fields = [
        field("n", ValueType::Integer),
        field("t", ValueType::Text),
        field("small", ValueType::Integer),
        field("view", ValueType::Text),
    ];
    let out = arrow(&stream(&[whole.slice(0, 10), whole.slice(10, 499_990)]), &fields).unwrap();
    assert!(out.len() > 8 && out.iter().all(|batch| batch.num_rows() <= BATCH_ROWS));
    let mut row = 0;
    for batch in out {
        for at in 0..batch.num_rows() {
            assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(at), row);
            assert_eq!(batch.column(3).as_string_view().value(at), format!("a longer text {row}"));
            row += 1;
        }
    }
    assert_eq!(row, rows);
}

#[test]
fn unions_are_cut_with_their_values() {
    let mut text = String::from("a\n");
    (0..200_000).for_each(|row| text += &(if row % 3 == 0 { "\n".to_owned() } else { format!("value {row:040}\n") }));
    let fields = [field("a", ValueType::Any)];
    let parts = csv(&text, &fields).unwrap();
    let values = |batches: &[RecordBatch]| -> Vec<Option<String>> {
        let rows = batches.iter().flat_map(|batch| {
            let union = batch.column(0).as_union().clone();
            (0..union.len()).map(move |at| union.value(at).as_string_opt::<i32>().map(|text| text.value(0).to_owned()))
        });
        rows.collect()
    };
    let slice = parts[0].slice(1, parts[0].num_rows() - 1);
    let out = arrow(&stream(&[slice.clone(), parts[1].slice(5, 7)]), &fields).unwrap();
    assert_eq!(values(&out), values(&[slice, parts[1].slice(5, 7)]));
}

#[test]
fn hostile_arrow_is_refused() {
    let good = stream(&[batch(vec![("a", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)])]);
    let fields = [field("a", ValueType::Integer)];
    assert_eq!(arrow(&good, &fields).unwrap().len(), 1);
    let mut trailing = good.clone();
    trailing.push(0);
    let huge = [&good[..good.len() - 8], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat();
    for bytes in [&b""[..], b"ARROW1\0\0", b"id,name\n1,a\n", &trailing, &good[..20], &good[..good.len() - 20], &huge] {
        assert_eq!(arrow(bytes, &fields).unwrap_err().code, "table.bad_arrow");
    }
    for (fields, column) in [
        (vec![field("a", ValueType::Text)], "a"),
        (vec![field("a", ValueType::Integer), field("b", ValueType::Text)], "b"),
        (vec![field("b", ValueType::Integer)], "a"),
    ] {
        let failure = arrow(&good, &fields).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.column.as_deref()), ("table.bad_columns", Some(column)));
    }
}
