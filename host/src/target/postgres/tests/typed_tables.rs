//! Tables: definitions, rows in every form, keys and references.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray, UnionArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, UnionFields};
use bytes::Bytes;

use super::Place;
use super::typed::{begin, create};
use crate::target::definition::{
    Check, Column, ForeignKey, Generated, Index, IndexColumn, Key, TableDefinition, ValueType,
};
use crate::target::{Counts, Unit};

fn column(name: &str, values: ValueType, declared: &str) -> Column {
    Column {
        name: name.into(),
        values,
        declared: declared.into(),
        nullable: true,
        default: None,
        generated: None,
        collation: None,
    }
}

fn table(columns: Vec<Column>) -> TableDefinition {
    TableDefinition {
        columns,
        primary_key: None,
        uniques: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        last_number: None,
        options: Vec::new(),
    }
}

fn key(columns: &[&str], automatic: bool) -> Key {
    Key { name: None, columns: columns.iter().map(|name| (*name).to_owned()).collect(), automatic }
}

fn reference(column: &str, table: &str) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: vec![column.into()],
        schema: None,
        table: table.into(),
        references: Vec::new(),
        on_update: "NO ACTION".into(),
        on_delete: "CASCADE".into(),
        deferred: false,
    }
}

fn stream(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

/// null, 1, 0.5, `a\tb`, the bytes 00 ff.
fn any() -> ArrayRef {
    let field = |name: &str, kind| Arc::new(Field::new(name, kind, true));
    let fields: UnionFields = (0..)
        .zip([
            field("null", DataType::Null),
            field("integer", DataType::Int64),
            field("real", DataType::Float64),
            field("text", DataType::Utf8),
            field("bytes", DataType::Binary),
        ])
        .collect();
    let children: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(1)),
        Arc::new(Int64Array::from(vec![1])),
        Arc::new(Float64Array::from(vec![0.5])),
        Arc::new(StringArray::from(vec!["a\tb\"\\"])),
        Arc::new(BinaryArray::from(vec![&b"\0\xff"[..]])),
    ];
    Arc::new(UnionArray::try_new(fields, vec![0, 1, 2, 3, 4].into(), Some(vec![0; 5].into()), children).unwrap())
}

#[test]
fn a_table_of_another_system_keeps_every_value() {
    let place = Place::with("CREATE SCHEMA s");
    let begun = begin(&place, "sqlite", &[create(1, "table", Some("s"), "t\"x")]);
    let mut work = begun.open(Unit::Whole);
    let mut definition = table(vec![
        Column { nullable: false, ..column("id", ValueType::Integer, "INTEGER") },
        column("flag", ValueType::Integer, "BOOLEAN"),
        column("real", ValueType::Real, "REAL"),
        Column { default: Some("'x'".into()), ..column("text", ValueType::Text, "VARCHAR(2)") },
        column("bytes", ValueType::Bytes, "BLOB"),
        Column { default: Some("'x'".into()), ..column("any", ValueType::Any, "") },
        Column {
            generated: Some(Generated { expression: "\"id\" * 2".into(), stored: false }),
            ..column("twice", ValueType::Integer, "INT")
        },
    ]);
    definition.primary_key = Some(key(&["id"], true));
    definition.last_number = Some(3);
    definition.uniques = vec![key(&["text"], false)];
    definition.checks = vec![Check { name: Some("positive".into()), expression: "id > 0 -- always".into() }];
    work.create_table("", definition).unwrap();
    let batch = stream(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 9_000_000_000]))),
        ("flag", Arc::new(Int64Array::from(vec![Some(1), Some(0), None, Some(1), Some(1)]))),
        ("real", Arc::new(Float64Array::from(vec![0.1, -0.0, f64::INFINITY, 1e300, f64::NAN]))),
        ("text", Arc::new(StringArray::from(vec![Some("\\N"), Some("a\r\n\\."), None, Some(""), Some("ünï")]))),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\\\0\xff"), None, Some(b""), None, None]))),
        ("any", any()),
    ]);
    assert_eq!(work.append("", &[], "arrow", batch).unwrap(), 5);
    assert_eq!(work.end_rows().unwrap(), 0);
    let term = |term: &str| IndexColumn { term: term.into(), expression: false, descending: true, collation: None };
    let index =
        Index { name: "by".into(), columns: vec![term("real")], unique: false, condition: Some("id > 1".into()) };
    work.create_indexes("", vec![index]).unwrap();
    let summary = work.summarize("").unwrap();
    assert_eq!((summary.rows, summary.columns.len()), (5, 7));
    work.commit(Counts::default()).unwrap();
    begun.switch();
    let found = place.rows(r#"SELECT * FROM s."t""x" ORDER BY id"#);
    assert_eq!(
        found,
        [
            r"1|t|0.1|\N|\x5c00ff|NULL|2",
            "2|f|-0|a\r\n\\.|NULL|1|4",
            r"3|NULL|Infinity|NULL|\x|0.5|6",
            "4|t|1e+300||NULL|\"a\\tb\\\"\\\\\"|8",
            r#"9000000000|t|NaN|ünï|NULL|{"bytes": "00ff"}|18000000000"#,
        ]
    );
    let insert = r#"INSERT INTO s."t""x"("text") VALUES ('n') RETURNING id, "any""#;
    assert_eq!(place.rows(insert), ["9000000001|\"x\""]);
    let frozen = "SELECT count(*) FROM pg_index WHERE indrelid = 's.\"t\"\"x\"'::regclass";
    assert_eq!(place.rows(frozen), ["3"]);
}

#[test]
fn a_value_that_cannot_be_kept_names_row_and_column() {
    let place = Place::with("");
    let begun = begin(&place, "postgresql", &[create(1, "table", Some("public"), "t")]);
    let integers = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let cases: Vec<(ArrayRef, &str, u64, Option<&str>)> = vec![
        (integers(vec![1, 2, 70_000]), "target.bad_value", 3, Some("n")),
        (integers(vec![1, -1]), "target.constraint", 2, None),
        (Arc::new(StringArray::from(vec!["1", "x"])), "target.bad_value", 2, Some("n")),
        (Arc::new(StringArray::from(vec!["1", "\0"])), "target.bad_value", 2, Some("n")),
        (Arc::new(BinaryArray::from(vec![&b"1"[..]])), "target.bad_value", 1, Some("n")),
        (Arc::new(Int64Array::from(vec![Some(1), None])), "target.constraint", 2, Some("n")),
    ];
    for (array, code, row, named) in cases {
        let mut work = begun.open(Unit::Whole);
        let mut definition = table(vec![Column { nullable: false, ..column("n", ValueType::Integer, "smallint") }]);
        definition.checks = vec![Check { name: None, expression: "n > 0".into() }];
        work.create_table("", definition).unwrap();
        let appended = work.append("", &[], "arrow", stream(vec![("n", array)]));
        let error = appended.and_then(|_| work.end_rows()).unwrap_err();
        assert_eq!((error.code(), error.details().row), (code, Some(row)), "{error}");
        assert_eq!(error.details().column.as_deref(), named, "{error}");
    }
    let mut work = begun.open(Unit::Whole);
    work.create_table("", table(vec![column("n", ValueType::Boolean, "bool")])).unwrap();
    let wrong = stream(vec![("m", Arc::new(BooleanArray::from(vec![true])) as ArrayRef)]);
    assert_eq!(work.append("", &[], "arrow", wrong).unwrap_err().code(), "plugin.bad_batch");
}

#[test]
fn copy_bytes_pass_through_however_they_are_cut() {
    let place = Place::with("");
    let mut table_of_two = create(1, "table", Some("public"), "t");
    let begun = begin(&place, "postgresql", &[table_of_two.clone()]);
    let mut work = begun.open(Unit::Begin);
    let mut definition = table(vec![
        column("a", ValueType::Integer, "integer"),
        column("b", ValueType::Text, "character"),
        Column {
            generated: Some(Generated { expression: "a + 1".into(), stored: true }),
            ..column("c", ValueType::Integer, "integer")
        },
        column("d", ValueType::Text, "no_such_type"),
        column("e", ValueType::Real, "numeric(5,2)"),
    ]);
    definition.primary_key = Some(Key { name: Some("t_pk".into()), ..key(&["a"], false) });
    work.create_table("", definition).unwrap();
    work.commit(Counts::default()).unwrap();

    let text = b"long text\t1\n\\N\t2\n\\.\n";
    let mut work = begun.open(Unit::Part(0));
    let columns = ["b".to_owned(), "a".to_owned()];
    for byte in text {
        let taken = work.append("", &columns, "postgres-copy-text", Bytes::copy_from_slice(&[*byte])).unwrap();
        assert_eq!(taken, 0);
    }
    assert_eq!(work.end_rows().unwrap(), 2);
    work.commit(Counts::default()).unwrap();

    // A second part of a step that has two does not truncate what the first one brought.
    table_of_two.parts = 2;
    let mut work = begun.stage.open(&table_of_two, Unit::Part(1)).unwrap();
    let mut binary = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    binary.extend(b"\0\x04\0\0\0\x04\0\0\0\x07\0\0\0\x02hi\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    for piece in binary.chunks(7) {
        work.append("", &[], "postgres-copy-binary", Bytes::copy_from_slice(piece)).unwrap();
    }
    assert_eq!(work.end_rows().unwrap(), 1);
    work.commit(Counts::default()).unwrap();

    let mut work = begun.open(Unit::End);
    assert_eq!(work.summarize("").unwrap().rows, 3);
    work.commit(Counts::default()).unwrap();
    begun.switch();
    assert_eq!(
        place.rows("SELECT * FROM t ORDER BY a"),
        ["1|long text|2|NULL|NULL", "2|NULL|3|NULL|NULL", "7|hi|8|NULL|NULL"]
    );
    assert_eq!(place.rows("SELECT conname FROM pg_constraint WHERE conrelid = 't'::regclass"), ["t_pk"]);
    let types =
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0";
    assert_eq!(place.rows(types), ["integer", "bpchar", "integer", "text", "numeric(5,2)"]);
}

#[test]
fn tables_that_refer_to_each_other_get_their_references_when_the_last_one_ends() {
    let place = Place::with("");
    let (mut a, mut b) = (create(1, "table", Some("public"), "a"), create(2, "table", Some("public"), "b"));
    (a.needs_loaded, b.needs_loaded) = (vec![2], vec![1]);
    let begun = begin(&place, "postgresql", &[a, b]);
    for (at, name, other) in [(0, "a", "b"), (1, "b", "a")] {
        let mut work = begun.step(at, Unit::Begin);
        let columns = ["id", "other", "own"].map(|name| column(name, ValueType::Integer, "integer")).to_vec();
        let mut definition = table(columns);
        definition.primary_key = Some(key(&["id"], false));
        let own = ForeignKey { name: Some("own".into()), ..reference("own", name) };
        definition.foreign_keys = vec![reference("other", other), own];
        work.create_table("", definition).unwrap();
        work.commit(Counts::default()).unwrap();
        let mut work = begun.step(at, Unit::Part(0));
        work.append("", &[], "postgres-copy-text", Bytes::from_static(b"1\t1\t1\n")).unwrap();
        work.commit(Counts::default()).unwrap();
    }
    let count = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
    for (at, expected) in [(0, "1"), (1, "4")] {
        begun.step(at, Unit::End).commit(Counts::default()).unwrap();
        assert_eq!(place.rows(count), [expected]);
    }
    begun.switch();
    assert_eq!(place.rows(count), ["4"]);
}

#[test]
fn a_reference_to_a_live_table_waits_for_the_switch() {
    let place = Place::with("CREATE TABLE live (id integer PRIMARY KEY); INSERT INTO live VALUES (1)");
    let begun = begin(&place, "postgresql", &[create(1, "table", Some("public"), "t")]);
    let mut work = begun.open(Unit::Whole);
    let mut definition = table(vec![column("a", ValueType::Integer, "integer")]);
    definition.foreign_keys = vec![reference("a", "live")];
    work.create_table("", definition).unwrap();
    work.append("", &[], "postgres-copy-text", Bytes::from_static(b"1\n")).unwrap();
    work.commit(Counts::default()).unwrap();
    let count = "SELECT conname FROM pg_constraint WHERE contype = 'f'";
    assert!(place.rows(count).is_empty());
    let job = begun.switch();
    assert_eq!(place.rows(count), ["t_a_fkey"]);
    crate::target::Target::undo(&place.target(), &job).unwrap();
    assert!(place.rows(count).is_empty());
}

#[test]
fn definitions_cannot_do_anything_else() {
    let place = Place::with("");
    let begun = begin(&place, "postgresql", &[create(1, "table", Some("public"), "t")]);
    let plain = || column("a", ValueType::Integer, "integer");
    let hostile = [
        table(vec![Column { default: Some("1); DROP SCHEMA reinstate CASCADE; --".into()), ..plain() }]),
        table(vec![Column { default: Some("1), b int DEFAULT (2".into()), ..plain() }]),
        table(vec![Column { collation: Some("C\" NOT NULL".into()), ..plain() }]),
        table(vec![Column { name: "n".repeat(64), ..plain() }]),
        TableDefinition { options: vec!["strict".into()], ..table(vec![plain()]) },
        TableDefinition { options: vec!["partition by range (a); DROP TABLE x".into()], ..table(vec![plain()]) },
        TableDefinition {
            checks: vec![Check { name: None, expression: "true) WITH (fillfactor = 10".into() }],
            ..table(vec![plain()])
        },
    ];
    for definition in hostile {
        let shown = format!("{definition:?}");
        let mut work = begun.open(Unit::Whole);
        assert_eq!(work.create_table("", definition).unwrap_err().code(), "target.bad_definition", "{shown}");
    }
    // A type that would go on with the definition is none, and the values decide.
    let mut work = begun.open(Unit::Whole);
    work.create_table("", table(vec![Column { declared: "int DEFAULT 5".into(), ..plain() }])).unwrap();
    work.create_trigger("", "c", "COMMENT ON TABLE t IS 'x';").unwrap();
    assert!(work.create_view(&[], "SELECT 1; DROP TABLE t").is_err());
    assert!(work.create_table("x", table(vec![plain()])).is_err());
    drop(work);
    for (statement, code) in [
        ("DROP TABLE t", "target.bad_definition"),
        ("COMMENT ON TABLE u IS 'x'", "target.bad_definition"),
        ("COMMENT ON TABLE t IS 'x'; DROP TABLE t", "sql.not_allowed"),
    ] {
        let mut other = begun.open(Unit::Whole);
        other.create_table("", table(vec![plain()])).unwrap();
        assert_eq!(other.create_trigger("", "c", statement).unwrap_err().code(), code, "{statement}");
    }
}
