//! Exports databases with every odd feature, and reads the archives back.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, UnionArray};
use arrow_ipc::reader::StreamReader;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::archive::{Archive, OpenOptions};
use crate::catalog::payload::Payload;
use crate::catalog::{Backup, Catalog, Object};
use crate::plan::{Action, Step};
use crate::source::Location;
use crate::target::sqlite::SqliteTarget;
use crate::target::{Counts, Job, JobStatus, Target, Unit};

struct Exported {
    _folder: TempDir,
    archive: Archive,
    catalog: Catalog,
    position: String,
}

fn try_export(connection: &Connection) -> Result<Exported> {
    archived(|writer| export(connection, writer))
}

fn try_export_target(target: &SqliteTarget) -> Result<Exported> {
    archived(|writer| target.export(writer))
}

fn archived(export: impl FnOnce(&mut Writer) -> Result<Option<String>>) -> Result<Exported> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    let mut writer = Writer::create(&path, false)?;
    let position = export(&mut writer)?.unwrap();
    let backup = Backup {
        name: "n".into(),
        id: "i".into(),
        created: "2024-01-01T00:00:00Z".into(),
        position: Some(position.clone()),
        source: "sqlite".into(),
        dialect: "sqlite".into(),
    };
    writer.finish(backup)?;
    let archive = Archive::open(&Location::Path(path), &OpenOptions::default())?;
    let catalog = Catalog::read(&archive)?;
    Ok(Exported { _folder: folder, archive, catalog, position })
}

fn exported(sql: &str) -> Exported {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(sql).unwrap();
    try_export(&connection).unwrap()
}

impl Exported {
    fn names(&self) -> Vec<String> {
        self.catalog.objects.iter().map(|object| object.name.to_string()).collect()
    }

    fn object(&self, name: &str) -> &Object {
        self.catalog.objects.iter().find(|object| object.name.to_string() == name).unwrap_or_else(|| panic!("{name}"))
    }

    fn attributes(&self, name: &str) -> Value {
        serde_json::from_str(self.object(name).attributes.get()).unwrap()
    }

    fn depends(&self, name: &str) -> Vec<String> {
        self.object(name).depends.iter().map(ToString::to_string).collect()
    }

    fn entries(&self, name: &str) -> Vec<Vec<u8>> {
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
        self.object(name).entries.iter().map(read).collect()
    }

    /// The rows as SQLite's own values.
    fn rows(&self, name: &str) -> Vec<Vec<Sql>> {
        let mut rows = Vec::new();
        for (bytes, entry) in self.entries(name).iter().zip(&self.object(name).entries) {
            let before = rows.len();
            for batch in StreamReader::try_new(bytes.as_slice(), None).unwrap() {
                let batch = batch.unwrap();
                for row in 0..batch.num_rows() {
                    rows.push(batch.columns().iter().map(|column| value(column.as_ref(), row)).collect());
                }
            }
            assert_eq!(entry.rows, Some((rows.len() - before) as u64));
        }
        rows
    }
}

fn value(array: &dyn Array, row: usize) -> Sql {
    use arrow_schema::DataType;
    if let Some(union) = array.as_any().downcast_ref::<UnionArray>() {
        return value(union.child(union.type_id(row)).as_ref(), union.value_offset(row));
    }
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Sql::Null;
    }
    match array.data_type() {
        DataType::Int64 => Sql::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Sql::Real(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Sql::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Sql::Blob(array.as_binary::<i32>().value(row).to_owned()),
        other => panic!("{other}"),
    }
}

#[test]
fn definitions_are_complete() {
    let found = exported(
        "CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE UNIQUE);
         CREATE TABLE child(
           a INT, b VARCHAR(10) DEFAULT (1 + 2), c AS (a * 2), d TEXT GENERATED ALWAYS AS (upper(b)) STORED,
           CONSTRAINT pk PRIMARY KEY (b, a), CONSTRAINT positive CHECK (a > 0),
           FOREIGN KEY (a) REFERENCES Parent(id) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED
         ) WITHOUT ROWID;
         CREATE TABLE s(a INTEGER, b ANY) STRICT;
         CREATE TABLE self(id INTEGER PRIMARY KEY, up REFERENCES self, gone REFERENCES nowhere(x));
         CREATE UNIQUE INDEX by_a ON child(a DESC, lower(b) COLLATE NOCASE) WHERE a IS NOT NULL;
         CREATE TRIGGER tr AFTER INSERT ON parent BEGIN SELECT 1; END;
         CREATE VIEW v(x, y) AS SELECT p.name, c.a FROM parent AS p -- why
           JOIN child c ON c.a = p.id;
         CREATE VIEW w AS SELECT * FROM v WHERE x IN (SELECT name FROM Parent);
         ANALYZE;",
    );
    assert_eq!(
        found.names(),
        ["table main.parent", "table main.child", "table main.s", "table main.self", "view main.v", "view main.w",]
    );
    assert_eq!(
        found.attributes("table main.parent"),
        json!({"columns": [
                 {"name": "id", "values": "integer", "declared": "INTEGER", "nullable": true},
                 {"name": "name", "values": "text", "declared": "TEXT", "nullable": false, "default": "'x'", "collation": "NOCASE"}],
               "primary_key": {"columns": ["id"], "automatic": true},
               "uniques": [{"columns": ["name"]}],
               "triggers": [{"name": "tr", "statement": "CREATE TRIGGER tr AFTER INSERT ON parent BEGIN SELECT 1; END"}]})
    );
    assert_eq!(
        found.attributes("table main.child"),
        json!({"columns": [
                 {"name": "a", "values": "integer", "declared": "INT", "nullable": true},
                 {"name": "b", "values": "text", "declared": "VARCHAR(10)", "nullable": true, "default": "1 + 2"},
                 {"name": "c", "values": "any", "declared": "", "nullable": true, "generated": {"expression": "a * 2", "stored": false}},
                 {"name": "d", "values": "any", "declared": "TEXT", "nullable": true, "generated": {"expression": "upper(b)", "stored": true}}],
               "primary_key": {"name": "pk", "columns": ["b", "a"]},
               "checks": [{"name": "positive", "expression": "a > 0"}],
               "foreign_keys": [{"columns": ["a"], "table": "Parent", "references": ["id"], "on_update": "SET NULL",
                                 "on_delete": "CASCADE", "deferred": true}],
               "indexes": [{"name": "by_a", "columns": [{"term": "a", "descending": true},
                                                        {"term": "lower(b)", "expression": true, "collation": "NOCASE"}],
                            "unique": true, "condition": "a IS NOT NULL"}],
               "options": ["without-rowid"]})
    );
    assert_eq!(found.attributes("table main.s")["options"], json!(["strict"]));
    assert_eq!(found.depends("table main.child"), ["table main.parent"]);
    assert!(found.depends("table main.self").is_empty());
    assert_eq!(found.attributes("view main.v")["columns"], json!(["x", "y"]));
    assert_eq!(found.depends("view main.v"), ["table main.child", "table main.parent"]);
    assert_eq!(found.depends("view main.w"), ["table main.parent", "view main.v"]);
    assert!(found.position.contains("schema_version"));
}

#[test]
fn every_value_keeps_its_class() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t(mixed, i INTEGER, r REAL, x TEXT, b BLOB, none TEXT)").unwrap();
    let rows: Vec<Vec<Sql>> = vec![
        vec![
            Sql::Null,
            Sql::Integer(i64::MIN),
            Sql::Real(f64::INFINITY),
            Sql::Text(String::new()),
            Sql::Blob(vec![]),
            Sql::Null,
        ],
        vec![Sql::Integer(1), Sql::Integer(i64::MAX), Sql::Real(-0.0), Sql::Null, Sql::Blob(vec![0, 255]), Sql::Null],
        vec![Sql::Real(1.0), Sql::Null, Sql::Real(5e-324), Sql::Text("a\0b\u{1f600}".into()), Sql::Null, Sql::Null],
        vec![Sql::Text("1".into()), Sql::Integer(0), Sql::Null, Sql::Text("NULL".into()), Sql::Null, Sql::Null],
        vec![
            Sql::Blob(vec![49]),
            Sql::Integer(-1),
            Sql::Real(f64::NEG_INFINITY),
            Sql::Text("é".into()),
            Sql::Null,
            Sql::Null,
        ],
    ];
    for row in &rows {
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rusqlite::params_from_iter(row)).unwrap();
    }
    let found = try_export(&connection).unwrap();
    assert_eq!(found.rows("table main.t"), rows);
    let columns = found.attributes("table main.t")["columns"].clone();
    let values: Vec<&str> =
        columns.as_array().unwrap().iter().map(|column| column["values"].as_str().unwrap()).collect();
    assert_eq!(values, ["any", "integer", "real", "text", "bytes", "text"]);
}

#[test]
fn rows_come_in_their_order_and_in_pieces() {
    let found = exported(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000)
         INSERT INTO t SELECT 70001 - i, printf('%x%d', i % 16, i), CASE WHEN i % 2 THEN i ELSE i || '' END FROM n;
         CREATE INDEX covering ON t(c, b, a);
         CREATE TABLE empty(a);",
    );
    let rows = found.rows("table main.t");
    assert_eq!(rows.len(), 70_000);
    assert!(rows.iter().zip(1..).all(|(row, id)| row[0] == Sql::Integer(id)));
    assert_eq!(found.object("table main.t").entries.len(), 2);
    assert!(found.object("table main.empty").entries.is_empty());
}

#[test]
fn names_with_a_schema_are_taken_apart() {
    let found = exported(
        "CREATE TABLE \"sales.order\"(id INTEGER PRIMARY KEY, up REFERENCES \"sales.order\", p REFERENCES plain);
         CREATE TABLE plain(id INTEGER PRIMARY KEY, o REFERENCES \"sales.order\"(id));
         CREATE INDEX \"sales.i\" ON \"sales.order\"(up);
         CREATE VIEW \"sales.v\" AS SELECT * FROM \"sales.order\", main.plain;",
    );
    assert_eq!(found.names(), ["table sales.order", "table main.plain", "view sales.v"]);
    let order = found.attributes("table sales.order");
    assert_eq!(order["foreign_keys"][0]["table"], "order");
    assert_eq!(order["foreign_keys"][0].get("schema"), None);
    assert_eq!(
        (&order["foreign_keys"][1]["schema"], &order["foreign_keys"][1]["table"]),
        (&json!("main"), &json!("plain"))
    );
    assert_eq!(order["indexes"][0]["name"], "i");
    assert_eq!(found.attributes("table main.plain")["foreign_keys"][0]["schema"], "sales");
    assert_eq!(found.depends("table main.plain"), ["table sales.order"]);
    assert_eq!(found.depends("view sales.v"), ["table main.plain", "table sales.order"]);
}

#[test]
fn what_cannot_be_carried_is_refused_by_name() {
    let cases = [
        ("CREATE VIRTUAL TABLE ft USING fts5(a)", "ft is a virtual table"),
        ("CREATE TABLE t(a UNIQUE ON CONFLICT REPLACE)", "ON CONFLICT REPLACE"),
        (
            "CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END",
            "trigger of the view v",
        ),
        (
            "CREATE TABLE t(a); INSERT INTO t VALUES ('ok'), (CAST(x'ff' AS TEXT))",
            "row 2 of table t has a text that is not UTF-8",
        ),
        ("CREATE TABLE t(a INTEGER PRIMARY KEY DESC)", "PRIMARY KEY DESC"),
        ("CREATE TABLE t(a); CREATE INDEX i ON t(rowid)", "rowid"),
    ];
    for (sql, message) in cases {
        let connection = Connection::open_in_memory().unwrap();
        if let Err(error) = connection.execute_batch(sql) {
            // Not every build of SQLite has every module or takes every index.
            assert!(sql.contains("VIRTUAL") || sql.contains("rowid"), "{sql}: {error}");
            continue;
        }
        let error = try_export(&connection).err().unwrap_or_else(|| panic!("{sql}"));
        assert_eq!(error.code(), "backup.unsupported", "{error}");
        assert!(error.to_string().to_lowercase().contains(&message.to_lowercase()), "{message}: {error}");
    }
}

#[test]
fn objects_of_other_kinds_come_from_the_bookkeeping() {
    let found = exported(
        r#"CREATE TABLE reinstate_objects(id INTEGER PRIMARY KEY, kind TEXT, schema TEXT, name TEXT, state TEXT, job INTEGER,
             tables TEXT, definition TEXT);
           CREATE TABLE reinstate_blobs(object INTEGER, name TEXT, seq INTEGER, bytes BLOB, PRIMARY KEY(object, name, seq));
           CREATE TABLE reinstate_jobs(seq INTEGER);
           CREATE TABLE reinstate_kept_1_0_0(a);
           CREATE TABLE t(a);
           CREATE VIEW made AS SELECT a FROM t;
           CREATE TABLE g_nodes(id INTEGER PRIMARY KEY, label TEXT);
           CREATE TABLE g_edges(source INTEGER, target INTEGER);
           INSERT INTO g_nodes VALUES (1, 'x'), (2, 'y'); INSERT INTO g_edges VALUES (1, 2);
           INSERT INTO reinstate_objects VALUES
             (1, 'table', 'main', 't', 'live', 1, '[""]', '{"tables": {}}'),
             (2, 'role', NULL, 'r', 'live', 1, '[]', '{"principal": {"login": false, "password_hash": null, "attributes": {}}}'),
             (3, 'user', NULL, 'u', 'live', 1, '[]', '{"principal": {"login": true, "memberships": [{"role": "r", "admin": false}],
               "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "t"}, "grantable": false}]}}'),
             (4, 'function_environment', NULL, 'py', 'live', 1, '[]', '{"routine": {"language": "python", "definition": "", "attributes": {}}}'),
             (5, 'user_defined_function', 'main', 'f', 'live', 1, '[]', '{"routine": {"language": "python", "definition": "d", "environment": "py"}}'),
             (6, 'graph', 'main', 'g', 'live', 1, '["nodes", "edges"]', '{"document": {"directed": true, "source_tables": [{"name": "t"}]}}'),
             (7, 'layout', 'main', 'l', 'live', 1, '[]', '{"document": {"w": 1}}'),
             (8, 'note', 'main', 'n', 'live', 1, '[]', '{"document": ["a", 1]}'),
             (9, 'view', 'main', 'w', 'live', 1, '[]', '{"document": {"kind": "view", "dialect": "postgresql", "attributes": {"columns": ["a"], "query": "SELECT 1"}}}'),
             (10, 'view', 'main', 'made', 'live', 1, '[]', '{"document": {"attributes": {"query": "SELECT 1"}}}'),
             (11, 'user', NULL, 'gone', 'kept', 1, '[]', '{"principal": {"login": true}}');
           INSERT INTO reinstate_blobs VALUES (4, 'b.whl', 0, x'01'), (4, 'b.whl', 1, x'02'), (4, 'a.whl', 0, x'03');"#,
    );
    assert_eq!(
        found.names(),
        [
            "table main.t",
            "view main.made",
            "role r",
            "user u",
            "function_environment py",
            "user_defined_function main.f",
            "graph main.g",
            "layout main.l",
            "note main.n",
            "view main.w",
        ]
    );
    assert_eq!(found.depends("user u"), ["role r", "table main.t"]);
    assert_eq!(found.attributes("function_environment py")["packages"], json!(["b.whl", "a.whl"]));
    assert_eq!(found.entries("function_environment py"), [vec![1, 2], vec![3]]);
    assert_eq!(found.depends("user_defined_function main.f"), ["function_environment py"]);
    let graph = found.attributes("graph main.g");
    assert_eq!(
        (&graph["directed"], &graph["nodes"]["key"], &graph["edges"]["target"]),
        (&json!(true), &json!("id"), &json!("target"))
    );
    assert_eq!((&graph["nodes"]["entries"], &graph["edges"]["entries"]), (&json!(1), &json!(1)));
    assert_eq!(found.rows("graph main.g").len(), 3);
    assert_eq!(found.depends("graph main.g"), ["table main.t"]);
    assert_eq!(found.attributes("layout main.l"), json!({"w": 1}));
    assert_eq!(
        found.attributes("view main.w"),
        json!({"columns": ["a"], "query": "SELECT 1", "dialect": "postgresql"})
    );
    assert_eq!(found.entries("note main.n"), [br#"["a",1]"#]);
}

#[test]
fn a_real_database_is_exported_whole() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let golden: Value = serde_json::from_slice(&std::fs::read(data.join("chinook.golden.json")).unwrap()).unwrap();
    let path = data.join("chinook.sqlite");
    let connection = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let found = try_export(&connection).unwrap();
    let tables = golden["tables"].as_object().unwrap();
    assert_eq!(found.catalog.objects.len(), tables.len());
    for (table, golden) in tables {
        let name = format!("table main.{table}");
        let columns = found.attributes(&name)["columns"].clone();
        let columns: Vec<&Value> = columns.as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(columns, golden["columns"].as_array().unwrap().iter().collect::<Vec<_>>(), "{table}");
        let rows = found.rows(&name);
        assert_eq!(rows.len() as u64, golden["rows"].as_u64().unwrap(), "{table}");
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY rowid")).unwrap();
        let width = statement.column_count();
        let expected =
            statement.query_map([], |row| (0..width).map(|at| row.get(at)).collect::<Result<Vec<Sql>, _>>()).unwrap();
        assert!(expected.map(std::result::Result::unwrap).eq(rows), "{table}");
    }
}

/// The object with the members that it lacks.
fn filled(mut value: Value, defaults: Value) -> Value {
    for (member, default) in defaults.as_object().unwrap() {
        value.as_object_mut().unwrap().entry(member).or_insert(default.clone());
    }
    value
}

fn each(value: &mut Value, defaults: &Value) {
    for one in value.as_array_mut().unwrap() {
        *one = filled(one.take(), defaults.clone());
    }
}

/// Attributes as a plugin would read them, absent members in their places.
fn complete(attributes: Value) -> Value {
    let lists = json!({"uniques": [], "checks": [], "foreign_keys": [], "indexes": [], "triggers": [], "options": []});
    let mut full = filled(attributes, lists);
    each(&mut full["uniques"], &json!({"automatic": false}));
    if let Some(key) = full.get_mut("primary_key") {
        *key = filled(key.take(), json!({"automatic": false}));
    }
    each(&mut full["foreign_keys"], &json!({"deferred": false, "references": []}));
    each(&mut full["indexes"], &json!({"unique": false}));
    for index in full["indexes"].as_array_mut().unwrap() {
        each(&mut index["columns"], &json!({"expression": false, "descending": false}));
    }
    full
}

fn step(id: usize, name: &ObjectName) -> Step {
    Step { id: u32::try_from(id).unwrap(), action: Action::Create, ..Step::idle(name.clone(), name.clone()) }
}

/// Stages every table and view of an archive as a plugin would, and makes them live.
fn restore(from: &Exported, target: &SqliteTarget) {
    let job = Job {
        job: "r-000000000000".into(),
        status: JobStatus::Running,
        started: "2024-01-01T00:00:00Z".into(),
        ended: None,
        backup_name: "n".into(),
        backup_id: "i".into(),
        archive: String::new(),
        plan: json!({"archive": {"backup": {"dialect": "sqlite"}}}).to_string(),
        settings: String::new(),
        report: None,
    };
    let stage = target.begin(&job).unwrap();
    let mut steps = Vec::new();
    for object in &from.catalog.objects {
        let step = step(steps.len(), &object.name);
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        let name = object.name.to_string();
        let attributes = from.attributes(&name);
        if object.name.kind == "view" {
            let columns = attributes.get("columns").cloned().unwrap_or(json!([]));
            let columns: Vec<String> = serde_json::from_value(columns).unwrap();
            work.create_view(&columns, attributes["query"].as_str().unwrap()).unwrap();
        } else {
            let full = complete(attributes);
            work.create_table("", serde_json::from_value(full.clone()).unwrap()).unwrap();
            for entry in from.entries(&name) {
                work.append("", &[], "arrow", entry.into()).unwrap();
            }
            work.create_indexes("", serde_json::from_value(full["indexes"].clone()).unwrap()).unwrap();
            for trigger in full["triggers"].as_array().unwrap() {
                let text = |member: &str| trigger[member].as_str().unwrap();
                work.create_trigger("", text("name"), text("statement")).unwrap();
            }
        }
        work.commit(Counts::default()).unwrap();
        steps.push(step);
    }
    stage.switch(&steps, &|_| "{}".to_owned()).unwrap();
}

fn same(before: &Exported, after: &Exported) {
    let mut names = [before.names(), after.names()];
    names.iter_mut().for_each(|names| names.sort());
    assert_eq!(names[0], names[1]);
    for name in before.names() {
        let [mut one, mut two] = [before.attributes(&name), after.attributes(&name)];
        // Statements of triggers are written anew with names in quotes.
        [&mut one, &mut two]
            .into_iter()
            .filter_map(|it| it.get_mut("triggers"))
            .for_each(|it| *it = json!(it.as_array().map(Vec::len)));
        assert_eq!(one, two, "{name}");
        assert_eq!(before.depends(&name), after.depends(&name), "{name}");
        let digests = |of: &Exported| of.object(&name).entries.iter().map(|entry| entry.sha256).collect::<Vec<_>>();
        assert_eq!(digests(before), digests(after), "{name}");
    }
}

#[test]
fn what_was_exported_and_restored_exports_the_same() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/chinook.sqlite");
    let chinook = SqliteTarget::new(&data).unwrap();
    let odd = exported(
        "CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE UNIQUE,
           d DEFAULT word, e DEFAULT -5, f DEFAULT \"it's\", g DEFAULT (1 + 2), h DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO parent VALUES (5, 'a', x'00', 1.5, 2, NULL, 'y'), (3, 'B', 'x', 7, 1e300, NULL, -1);
         CREATE TABLE child(
           a INT, b VARCHAR(10) DEFAULT (1 + 2), c AS (a * 2), d TEXT GENERATED ALWAYS AS (upper(b)) STORED, e,
           CONSTRAINT pk PRIMARY KEY (b, a), CONSTRAINT positive CHECK (a > 0), CHECK (b <> ')' /* , */),
           FOREIGN KEY (a) REFERENCES parent(id) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED
         ) WITHOUT ROWID;
         INSERT INTO child(a, b, e) VALUES (3, 'z', 1), (5, 'a', 'one'), (3, 'b', x'01'), (3, 'c', 1.0), (3, 'd', NULL);
         CREATE TABLE s(a INTEGER, b ANY) STRICT;
         INSERT INTO s VALUES (1, '1'), (2, 1);
         CREATE TABLE \"sales.t\"(id INTEGER PRIMARY KEY, up REFERENCES \"sales.t\", p REFERENCES parent);
         INSERT INTO \"sales.t\" VALUES (1, 1, 5);
         CREATE INDEX \"sales.i\" ON \"sales.t\"(up);
         CREATE UNIQUE INDEX by_a ON child(a DESC, lower(b) COLLATE NOCASE) WHERE a IS NOT NULL;
         CREATE TRIGGER tr AFTER INSERT ON parent BEGIN DELETE FROM s; END;
         CREATE VIEW v(x, y) AS SELECT p.name, c.a FROM parent AS p JOIN child c ON c.a = p.id;
         CREATE VIEW w AS SELECT * FROM v WHERE x IN (SELECT name FROM parent);",
    );
    for before in [odd, try_export_target(&chinook).unwrap()] {
        let folder = tempfile::tempdir().unwrap();
        let target = SqliteTarget::new(&folder.path().join("restored.sqlite")).unwrap();
        restore(&before, &target);
        same(&before, &try_export_target(&target).unwrap());
    }
    let missing = SqliteTarget::new(Path::new("/nowhere/at/all.sqlite")).unwrap();
    assert_eq!(try_export_target(&missing).err().unwrap().code(), "target.not_found");
}

#[test]
fn a_dot_in_a_name_of_main_ends_no_schema() {
    let text = "CREATE TABLE \"c.d\"(id INTEGER PRIMARY KEY, up REFERENCES \"c.d\");
                CREATE TABLE \"e.f\"(id INTEGER PRIMARY KEY, up REFERENCES \"e.f\");
                CREATE VIEW \"g.h\" AS SELECT id FROM \"e.f\";
                CREATE TABLE reinstate_objects(id INTEGER PRIMARY KEY, kind, schema, name, state, job, tables, definition);
                INSERT INTO reinstate_objects VALUES (1, 'table', 'main', 'c.d', 'live', 1, '[\"\"]', NULL),
                  (2, 'table', 'main', 'e.f', 'kept', 1, '[\"\"]', NULL), (3, 'view', 'main', 'g.h', 'live', 1, '[\"\"]', NULL)";
    let found = exported(text);
    let names: Vec<String> = found.names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["table main.c.d", "table e.f", "view main.g.h"]);
    let own = found.catalog.objects[0].name.clone();
    assert_eq!(own, ObjectName::new("table", Some("main"), "c.d"));
    for object in &found.catalog.objects[..2] {
        let attributes: Value = serde_json::from_str(object.attributes.get()).unwrap();
        let key = &attributes["foreign_keys"][0];
        assert_eq!((key["table"].as_str(), key["schema"].as_str()), (Some(object.name.name.as_str()), None), "{key}");
    }
}
