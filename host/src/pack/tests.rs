//! Packs whole folders and reads the archives back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Int32Array, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::archive::{Archive, OpenOptions};
use crate::catalog::payload::Payload;
use crate::catalog::{Catalog, Object};
use crate::error::Error;
use crate::source::Location;

/// A folder that is packed.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            folder.write(path, text.as_bytes());
        }
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("in").join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), bytes).unwrap();
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out.tar")
    }

    fn pack(&self) -> Result<Packed> {
        fs::create_dir_all(self.path("")).unwrap();
        let options =
            PackOptions { name: Some("n".into()), id: Some("i".into()), overwrite: true, ..Default::default() };
        pack(&self.path(""), &self.out(), &options)
    }

    fn read(&self) -> Read {
        let packed = self.pack().unwrap();
        Read::new(&self.out(), packed)
    }

    fn fails(&self) -> Error {
        let error = self.pack().unwrap_err();
        assert!(!self.out().exists(), "{error}");
        error
    }
}

/// An archive that was read back.
struct Read {
    packed: Packed,
    archive: Archive,
    catalog: Catalog,
}

impl Read {
    fn new(path: &Path, packed: Packed) -> Self {
        let archive = Archive::open(&Location::Path(path.to_owned()), &OpenOptions::default()).unwrap();
        let catalog = Catalog::read(&archive).unwrap();
        Self { packed, archive, catalog }
    }

    fn object(&self, kind: &str, name: &str) -> &Object {
        let found = self.catalog.objects.iter().find(|object| object.name.kind == kind && object.name.name == name);
        found.unwrap_or_else(|| panic!("{kind} {name}"))
    }

    fn attributes(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(self.object(kind, name).attributes.get()).unwrap()
    }

    fn depends(&self, kind: &str, name: &str) -> Vec<String> {
        self.object(kind, name).depends.iter().map(ToString::to_string).collect()
    }

    fn entries(&self, kind: &str, name: &str) -> Vec<Vec<u8>> {
        let read = |entry| {
            let mut payload = Payload::open(&self.archive, entry, true).unwrap();
            let mut bytes = Vec::new();
            loop {
                let next = payload.next(1 << 20).unwrap();
                if next.is_empty() {
                    return bytes;
                }
                bytes.extend_from_slice(&next);
            }
        };
        self.object(kind, name).entries.iter().map(read).collect()
    }

    fn rows(&self, kind: &str, name: &str) -> u64 {
        self.object(kind, name).entries.iter().map(|entry| entry.rows.unwrap()).sum()
    }
}

#[test]
fn a_folder_of_csv_alone_becomes_tables_with_inferred_types() {
    let folder = Folder::new(&[
        ("tables/t.csv", "id,price,code,note\r\n1,1.5,007,\"\"\r\n2,,008,\r\n"),
        ("tables/empty.csv", "a,b\n"),
        ("README.md", "hello"),
        ("notes/a.txt", "hello"),
    ]);
    let read = folder.read();
    assert_eq!(read.packed.ignored, ["README.md", "notes/"]);
    assert_eq!(read.catalog.backup.dialect, "");
    assert_eq!(read.catalog.backup.source, "directory");
    let columns = read.attributes("table", "t")["columns"].clone();
    let values: Vec<&str> = columns.as_array().unwrap().iter().map(|c| c["values"].as_str().unwrap()).collect();
    assert_eq!(values, ["integer", "real", "text", "text"]);
    assert_eq!(read.entries("table", "t"), [fs::read(folder.path("tables/t.csv")).unwrap()]);
    assert_eq!((read.rows("table", "t"), read.rows("table", "empty")), (2, 0));
    assert_eq!(read.entries("table", "empty"), [b"a,b\n"]);
    assert_eq!(read.object("table", "t").name.schema.as_deref(), Some("main"));
}

#[test]
fn definitions_become_attributes() {
    let folder = Folder::new(&[
        ("tables/city.csv", "city_id,city,country_id\n1,\"A, b\",7\n"),
        ("tables/country.csv", "country_id,country\n7,X\n"),
        (
            "columns.json",
            r#"{"city": [{"name": "city_id", "type": "integer", "udt": "int4", "nullable": false, "default": "nextval('s'::regclass)"},
                         {"name": "city", "type": "text", "udt": "text", "nullable": true, "default": "'x'::text"},
                         {"name": "shout", "type": "text", "generated": {"expression": "upper(city)", "stored": true}},
                         {"name": "country_id", "type": "integer", "nullable": false}]}"#,
        ),
        (
            "constraints.json",
            r#"[{"table": "-", "name": "year_check", "kind": "c", "definition": "CHECK ((VALUE > 0))"},
                {"table": "city", "name": "city_pkey", "kind": "p", "definition": "PRIMARY KEY (city_id)"},
                {"table": "city", "name": "c1", "kind": "c", "definition": "CHECK ((city <> ''::text))"},
                {"table": "city", "name": "fk", "kind": "f", "definition": "FOREIGN KEY (country_id) REFERENCES public.country(country_id) ON UPDATE CASCADE"},
                {"table": "country", "name": "u", "kind": "u", "definition": "UNIQUE (country)"}]"#,
        ),
        (
            "indexes.json",
            r#"[{"table": "city", "name": "i", "definition": "CREATE UNIQUE INDEX i ON public.city USING btree (lower(city) DESC) WHERE (city_id > 5)"},
                {"table": "city", "name": "g", "definition": "CREATE INDEX g ON public.city USING gin (city)"},
                {"table": "country", "name": "p", "columns": [{"term": "country"}]}]"#,
        ),
        (
            "views.json",
            r#"[{"name": "v", "definition": " SELECT city.city AS country FROM (public.city JOIN w ON (true));"},
                           {"name": "w", "definition": "SELECT 1 FROM country, elsewhere.city"}]"#,
        ),
    ]);
    let read = folder.read();
    assert_eq!(read.catalog.backup.dialect, "postgresql");
    assert_eq!(
        read.attributes("table", "city"),
        json!({
            "columns": [
                {"name": "city_id", "values": "integer", "declared": "integer", "nullable": false},
                {"name": "city", "values": "text", "declared": "text", "nullable": true, "default": "'x'::text"},
                {"name": "shout", "values": "text", "declared": "text", "nullable": true,
                 "generated": {"expression": "upper(city)", "stored": true}},
                {"name": "country_id", "values": "integer", "declared": "integer", "nullable": false}],
            "primary_key": {"name": "city_pkey", "columns": ["city_id"], "automatic": true},
            "checks": [{"name": "c1", "expression": "(city <> ''::text)"}],
            "foreign_keys": [{"name": "fk", "columns": ["country_id"], "table": "country", "references": ["country_id"],
                              "on_update": "CASCADE", "on_delete": "NO ACTION"}],
            "indexes": [{"name": "i", "columns": [{"term": "lower(city)", "expression": true, "descending": true}],
                         "unique": true, "condition": "(city_id > 5)"}]
        })
    );
    assert_eq!(read.attributes("table", "country")["uniques"], json!([{"name": "u", "columns": ["country"]}]));
    assert_eq!(read.depends("table", "city"), ["table main.country"]);
    assert_eq!(
        read.attributes("view", "v")["query"],
        "SELECT city.city AS country FROM (public.city JOIN w ON (true))"
    );
    assert_eq!(read.depends("view", "v"), ["table main.city", "view main.w"]);
    assert_eq!(read.depends("view", "w"), ["table main.country"]);
    assert_eq!(read.packed.ignored.len(), 2, "{:?}", read.packed.ignored);
    assert!(read.packed.ignored[0].starts_with("constraints.json: year_check"));
    assert!(read.packed.ignored[1].starts_with("indexes.json: g"));
}

#[test]
fn large_tables_are_cut_at_row_ends_outside_quotes() {
    let mut text = "id,text\r\n".to_owned();
    for id in 0..30_000 {
        text.push_str(&format!("{id},\"{}\n{id}\"\r\n", "ab,\"\"".repeat(60)));
    }
    text.push_str("30000,last");
    let folder = Folder::new(&[("tables/t.csv", &text)]);
    let read = folder.read();
    let entries = read.entries("table", "t");
    assert!(entries.len() >= 3);
    assert_eq!(read.rows("table", "t"), 30_001);
    let mut joined = b"id,text\r\n".to_vec();
    for entry in &entries {
        assert!(entry.len() < 5 << 20);
        joined.extend_from_slice(entry.strip_prefix(b"id,text\r\n").unwrap());
    }
    assert_eq!(joined, text.as_bytes());
}

#[test]
fn functions_users_roles_and_graphs_are_packed() {
    let folder = Folder::new(&[
        ("tables/t.csv", "a\n1\n"),
        (
            "functions.json",
            r#"[{"name": "f", "language": "sql", "definition": "CREATE FUNCTION f() ...", "environment": "py"},
                {"name": "p", "language": "sql", "definition": "CREATE OR REPLACE PROCEDURE p() ..."},
                {"name": "py", "kind": "function_environment", "language": "python", "packages": ["b.whl", "a.whl"]}]"#,
        ),
        ("environments/py/a.whl", "A"),
        ("environments/py/b.whl", "B"),
        ("environments/py/c.whl", "C"),
        (
            "roles.json",
            r#"[{"name": "readers", "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "name": "t"}}]}]"#,
        ),
        (
            "users.json",
            r#"[{"name": "ann", "password_hash": "SCRAM-SHA-256$x", "memberships": [{"role": "readers"}],
                 "tokens": [{"id": "t1", "hash": "h"}], "attributes": {"b": 1, "a": 2}}]"#,
        ),
        ("graphs.json", r#"[{"name": "g", "directed": true, "options": {"k": 1}, "source_tables": [{"name": "t"}]}]"#),
        ("g/nodes.csv", "id,label\n1,x\n2,y\n"),
        ("g/edges.csv", "source,target,weight\n1,2,0.5\n"),
        ("graphs/h/nodes.csv", "name\na\n1\n"),
        ("graphs/h/edges.csv", "from,to\n1,1\n"),
    ]);
    let read = folder.read();
    assert_eq!(read.packed.ignored, ["environments/py/c.whl"]);
    assert_eq!(read.depends("user_defined_function", "f"), ["function_environment py"]);
    assert_eq!(read.attributes("stored_procedure", "p")["language"], "sql");
    assert_eq!(read.attributes("function_environment", "py")["packages"], json!(["b.whl", "a.whl"]));
    assert_eq!(read.entries("function_environment", "py"), [b"B", b"A"]);
    assert_eq!(read.depends("role", "readers"), ["table main.t"]);
    assert_eq!(
        read.attributes("user", "ann"),
        json!({"login": true, "password_hash": "SCRAM-SHA-256$x", "attributes": {"a": 2, "b": 1},
               "memberships": [{"role": "readers", "admin": false}],
               "tokens": [{"id": "t1", "hash": "h", "description": "", "expires": null}]})
    );
    assert_eq!(read.depends("user", "ann"), ["role readers"]);
    let g = read.attributes("graph", "g");
    assert_eq!((&g["directed"], &g["options"]), (&json!(true), &json!({"k": 1})));
    assert_eq!((&g["nodes"]["key"], &g["nodes"]["entries"]), (&json!("id"), &json!(1)));
    assert_eq!((&g["edges"]["source"], &g["edges"]["columns"][2]["values"]), (&json!("source"), &json!("real")));
    assert_eq!(read.entries("graph", "g").len(), 2);
    assert_eq!(read.depends("graph", "g"), ["table main.t"]);
    // Keys that inference took for text and numbers are text on both sides.
    let h = read.attributes("graph", "h");
    assert_eq!((&h["edges"]["source"], &h["edges"]["target"]), (&json!("from"), &json!("to")));
    assert_eq!(
        (&h["nodes"]["columns"][0]["values"], &h["edges"]["columns"][0]["values"]),
        (&json!("text"), &json!("text"))
    );
}

#[test]
fn the_same_folder_gives_the_same_bytes() {
    let files = [("tables/b.csv", "x\n1\n"), ("tables/a.csv", "x\n2\n"), ("users.json", r#"[{"name": "u"}]"#)];
    let (one, mut two) = (Folder::new(&files), files.to_vec());
    two.reverse();
    let two = Folder::new(&two);
    one.pack().unwrap();
    two.pack().unwrap();
    assert_eq!(fs::read(one.out()).unwrap(), fs::read(two.out()).unwrap());
}

#[test]
fn the_folder_may_say_what_it_is() {
    let pack_json =
        r#"{"name": "own", "id": "7", "created": "2024-02-03T04:05:06Z", "dialect": "sqlite", "schema": "s"}"#;
    let folder = Folder::new(&[("pack.json", pack_json), ("tables/t.csv", "a\n")]);
    let packed = pack(&folder.path(""), &folder.out(), &PackOptions::default()).unwrap();
    let backup = &packed.written.backup;
    assert_eq!((backup.name.as_str(), backup.id.as_str(), backup.dialect.as_str()), ("own", "7", "sqlite"));
    assert_eq!(backup.created, "2024-02-03T04:05:06Z");
    let options = PackOptions { schema: Some("other".into()), overwrite: true, ..Default::default() };
    let packed = pack(&folder.path(""), &folder.out(), &options).unwrap();
    let read = Read::new(&folder.out(), packed);
    assert_eq!(read.object("table", "t").name.schema.as_deref(), Some("other"));
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn batch(rows: i32) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("big", DataType::UInt64, true),
        Field::new("price", DataType::Decimal128(10, 2), true),
        Field::new("name", DataType::Utf8, true),
    ]);
    let prices = Decimal128Array::from_iter_values((0..rows).map(i128::from)).with_precision_and_scale(10, 2).unwrap();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(0..rows)),
        Arc::new(UInt64Array::from_iter((0..rows).map(|n| (n % 2 == 0).then_some(u64::MAX)))),
        Arc::new(prices),
        Arc::new(StringArray::from_iter((0..rows).map(|n| (n % 3 != 0).then(|| format!("name {n}"))))),
    ];
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

#[test]
fn parquet_and_arrow_files_become_arrow_entries() {
    let batch = batch(200_000);
    let folder = Folder::new(&[]);
    folder.write("tables/p.parquet", &parquet(&batch));
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    folder.write("tables/s.arrows", &stream.into_inner().unwrap());
    let lz4 =
        arrow_ipc::writer::IpcWriteOptions::default().try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME));
    let mut file =
        arrow_ipc::writer::FileWriter::try_new_with_options(Vec::new(), &batch.schema(), lz4.unwrap()).unwrap();
    file.write(&batch).unwrap();
    folder.write("tables/f.feather", &file.into_inner().unwrap());
    let read = folder.read();
    for table in ["p", "s", "f"] {
        let columns = &read.attributes("table", table)["columns"];
        assert_eq!(columns[0], json!({"name": "id", "values": "integer", "declared": "Int32", "nullable": false}));
        assert_eq!((&columns[1]["values"], &columns[1]["declared"]), (&json!("text"), &json!("UInt64")));
        assert_eq!((&columns[2]["values"], &columns[2]["declared"]), (&json!("text"), &json!("Decimal128(10, 2)")));
        let entries = read.entries("table", table);
        assert!(entries.len() > 1, "{table}");
        assert_eq!(read.rows("table", table), 200_000);
        let mut rows = 0;
        for entry in &entries {
            for found in StreamReader::try_new(entry.as_slice(), None).unwrap() {
                let found = found.unwrap();
                for at in 1..4 {
                    assert_eq!(found.column(at).as_ref(), batch.column(at).slice(rows, found.num_rows()).as_ref());
                }
                assert_eq!(found.column(0).data_type(), &DataType::Int64);
                rows += found.num_rows();
            }
        }
        assert_eq!(rows, 200_000);
    }
}

#[test]
fn damaged_columnar_files_are_refused_and_never_panic() {
    let good = parquet(&batch(500));
    let folder = Folder::new(&[("tables/t.parquet", "PAR1")]);
    assert_eq!(folder.fails().code(), "pack.bad_input");
    folder.write("tables/t.parquet", &good[..good.len() / 2]);
    assert_eq!(folder.fails().code(), "pack.bad_input");
    for at in (0..good.len()).step_by(97) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        folder.write("tables/t.parquet", &bytes);
        // Some flips only change a value; what matters is an answer.
        if let Err(error) = folder.pack() {
            assert_eq!(error.code(), "pack.bad_input", "{at}: {error}");
        }
        let _ = fs::remove_file(folder.out());
    }
    fs::remove_file(folder.path("tables/t.parquet")).unwrap();
    for bytes in [&b"FEA1...."[..], b"ARROW1\0\0garbage", b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f"] {
        folder.write("tables/t.arrow", bytes);
        assert_eq!(folder.fails().code(), "pack.bad_input", "{bytes:?}");
    }
}

#[test]
fn broken_conventions_are_named() {
    let columns = r#"{"t": [{"name": "a", "type": "integer", "nullable": false}]}"#;
    let fk = |text: &str| format!(r#"[{{"table": "t", "name": "broken", "kind": "f", "definition": "{text}"}}]"#);
    let (gone, odd) = (fk("FOREIGN KEY (b) REFERENCES x(y)"), fk("FOREIGN KEY (a) REFERENCES x(y) SOMEHOW"));
    let cases: &[(&[(&str, &str)], &str, Option<u64>)] = &[
        (&[("tables/t.csv", "a,b\n1,2\n1\n")], "2", Some(2)),
        (&[("tables/t.csv", "a,a\n")], "Two columns", None),
        (&[("tables/t.csv", "a,\n")], "no name", None),
        (&[("tables/t.csv", "")], "empty", None),
        (&[("tables/t.csv", "a\n\"x\n")], "not closed", Some(1)),
        (&[("tables/t.csv", "a\n"), ("tables/t.parquet", "")], "second file", None),
        (&[("tables/t.csv", "b\n"), ("columns.json", columns)], "columns.json says a", None),
        (&[("tables/t.csv", "a\n1\nx\n"), ("columns.json", columns)], "no value of type integer", Some(2)),
        (&[("tables/t.csv", "a\n1\n\n"), ("columns.json", columns)], "NULL", Some(2)),
        (&[("columns.json", columns)], "no file in tables/", None),
        (&[("columns.json", "{")], "columns.json", None),
        (&[("tables/t.csv", "a\n"), ("constraints.json", &gone)], "no column b", None),
        (&[("tables/t.csv", "a\n"), ("constraints.json", &odd)], "broken", None),
        (&[("constraints.json", &odd)], "not packed", None),
        (&[("users.json", r#"[{"name": "u", "password": "clear"}]"#)], "clear `password`", None),
        (&[("users.json", r#"[{"name": "u", "attributes": {"Secret": "clear"}}]"#)], "clear `Secret`", None),
        (&[("users.json", r#"[{"name": "u", "tokens": [{"id": "1", "secret": "x"}]}]"#)], "secret", None),
        (&[("roles.json", r#"[{"name": "u", "login": true}]"#)], "users.json", None),
        (&[("users.json", r#"[{"name": "u"}, {"name": "u"}]"#)], "two of user u", None),
        (&[("functions.json", r#"[{"name": "f"}, {"name": "f"}]"#)], "two of", None),
        (&[("functions.json", r#"[{"name": "f", "kind": "spell"}]"#)], "no kind spell", None),
        (
            &[("functions.json", r#"[{"name": "e", "kind": "function_environment", "packages": ["../x"]}]"#)],
            "not in",
            None,
        ),
        (&[("graphs/g/nodes.csv", "id\n")], "two files", None),
        (&[("graphs.json", r#"[{"name": "g"}]"#)], "no folder", None),
        (&[("tables/t.csv", "a\n"), ("views.json", r#"[{"name": "t", "definition": ""}]"#)], "a table too", None),
        (&[("pack.json", r#"{"created": "yesterday"}"#)], "RFC 3339", None),
    ];
    for (files, message, row) in cases {
        let error = Folder::new(files).fails();
        assert_eq!(error.code(), "pack.bad_input", "{error}");
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert_eq!(error.details().row, *row, "{error}");
        assert!(error.details().entry.is_some(), "{error}");
    }
    assert!(pack(Path::new("/nowhere/at/all"), Path::new("/tmp/x"), &PackOptions::default()).is_err());
}

#[test]
fn a_plain_secret_of_a_subscription_is_refused_and_never_shows() {
    let subscription =
        r#"[{"table": "t", "datasource": "s", "state": "running", "options": {"sasl.password": "hunter2"}}]"#;
    let error = Folder::new(&[("tables/t.csv", "a\n1\n"), ("subscriptions.json", subscription)]).fails();
    assert_eq!(error.code(), "definition.plain_secret");
    assert!(error.to_string().contains("`/0/options/sasl.password` of table main.t"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn links_are_refused_where_they_would_be_read_and_noted_elsewhere() {
    let folder = Folder::new(&[("tables/t.csv", "a\n1\n")]);
    std::os::unix::fs::symlink("tables/t.csv", folder.path("linked.txt")).unwrap();
    assert_eq!(folder.pack().unwrap().ignored, ["linked.txt (a link or a special file)"]);
    fs::remove_file(folder.out()).unwrap();
    std::os::unix::fs::symlink("t.csv", folder.path("tables/u.csv")).unwrap();
    assert!(folder.fails().to_string().contains("link"));
}

/// The databases that ship with the project's tests.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

fn golden(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

#[test]
fn the_sample_database_packs_completely() {
    let folder = data("pagila");
    let out = tempfile::tempdir().unwrap();
    let packed = pack(&folder, &out.path().join("out.tar"), &PackOptions::default()).unwrap();
    let read = Read::new(&out.path().join("out.tar"), packed);
    let golden = golden(&folder);
    for (name, table) in golden["tables"].as_object().unwrap() {
        assert_eq!(read.rows("table", name), table["rows"].as_u64().unwrap(), "{name}");
        let columns = read.attributes("table", name)["columns"].clone();
        let columns: Vec<&Value> = columns.as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(columns, table["columns"].as_array().unwrap().iter().collect::<Vec<_>>(), "{name}");
        let file = fs::read(folder.join(format!("tables/{name}.csv"))).unwrap();
        assert_eq!(read.entries("table", name).concat(), file, "{name}");
    }
    for (name, graph) in golden["graphs"].as_object().unwrap() {
        let counts: Vec<u64> = read.object("graph", name).entries.iter().map(|entry| entry.rows.unwrap()).collect();
        assert_eq!(counts, [graph["nodes"].as_u64().unwrap(), graph["edges"].as_u64().unwrap()], "{name}");
    }
    let objects = golden["objects"].as_object().unwrap();
    for (kind, count) in objects {
        let found = read.catalog.objects.iter().filter(|object| object.name.kind == *kind).count();
        assert_eq!(found as u64, count.as_u64().unwrap(), "{kind}");
    }
}
