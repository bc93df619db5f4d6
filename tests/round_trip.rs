//! Real data in, the same data out: compared with figures and dumps that other tools made.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Sandbox, data, shared};

/// The copy in this checkout, and the whole collection where it is at hand.
fn folders(small: &str, large: &str) -> Vec<PathBuf> {
    [Some(data(small)), shared(large)].into_iter().flatten().collect()
}

/// Figures about the folder's tables or graphs, by name; the collection's files hold one sort each, ours both.
fn golden(folder: &Path, sort: &str) -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(folder.join("golden.json")).expect("golden.json");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all.get(sort).unwrap_or(&all).as_object().expect("figures by name").clone()
}

/// Nodes and edges of a graph.
fn rows_of(graph: &Value) -> u64 {
    ["nodes", "edges"].iter().filter_map(|part| graph[part].as_u64()).sum()
}

/// The rows of a table as the CSV file has them, in order: NULL empty, `t` and `f` for booleans.
fn csv_of(connection: &rusqlite::Connection, table: &str, booleans: &[String]) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY rowid")).expect("a query");
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).expect("rows");
    let mut all = vec![names.clone()];
    while let Some(row) = rows.next().expect("a row") {
        let line = names.iter().enumerate().map(|(at, name)| {
            use rusqlite::types::Value as V;
            match row.get::<_, V>(at).expect("a value") {
                V::Null => String::new(),
                V::Integer(value) if booleans.contains(name) => if value == 1 { "t" } else { "f" }.to_owned(),
                V::Integer(value) => value.to_string(),
                V::Real(value) => value.to_string(),
                V::Text(value) => value,
                V::Blob(value) => {
                    let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("\\x{digits}")
                }
            }
        });
        all.push(line.collect());
    }
    all
}

/// A CSV file's fields, read by the independent `csv` crate.
fn csv_file(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).expect("a file");
    reader.records().map(|record| record.expect("a record").iter().map(str::to_owned).collect()).collect()
}

fn booleans(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(folder.join("columns.json")).expect("columns.json");
    let columns: BTreeMap<String, Vec<Value>> = serde_json::from_str(&text).expect("JSON");
    let of = |columns: Vec<Value>| {
        let boolean = columns.into_iter().filter(|column| column["type"] == "boolean");
        boolean.map(|column| column["name"].as_str().expect("a name").to_owned()).collect()
    };
    columns.into_iter().map(|(table, columns)| (table, of(columns))).collect()
}

#[test]
fn a_packed_database_comes_back_field_by_field() {
    for folder in folders("pagila", "native/pagila") {
        let sandbox = Sandbox::new();
        let archive = sandbox.pack(&folder, "archive.tar");
        let into = sandbox.target("pagila.sqlite");
        let report = sandbox.json(&["restore", &archive, "--into", &into]).expect(0).json();
        let connection = rusqlite::Connection::open(sandbox.path("pagila.sqlite")).expect("a database");
        let booleans = booleans(&folder);
        let mut rows = 0;
        for (table, expected) in &golden(&folder, "tables") {
            let restored = csv_of(&connection, table, booleans.get(table).map_or(&[], Vec::as_slice));
            let file = csv_file(&folder.join(format!("tables/{table}.csv")));
            assert_eq!(restored.len() as u64 - 1, expected["rows"].as_u64().expect("rows"), "{table}");
            assert!(restored == file, "{table} differs from its file");
            rows += restored.len() as u64 - 1;
        }
        let graphs: u64 = match folder.join("graphs").exists() {
            true => golden(&folder, "graphs").values().map(rows_of).sum(),
            false => 0,
        };
        assert_eq!(report["restored_records"].as_u64(), Some(rows + graphs));
        let broken: i64 = connection
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
            .expect("a count");
        assert_eq!(broken, 0);
    }
}

#[test]
fn graphs_come_back_with_every_node_and_edge() {
    for folder in folders("pagila", "native/graphs") {
        let sandbox = Sandbox::new();
        let archive = sandbox.pack(&folder, "archive.tar");
        sandbox.run(&["restore", &archive, "--into", &sandbox.target("graphs.sqlite")]).expect(0);
        for (graph, expected) in &golden(&folder, "graphs") {
            for part in ["nodes", "edges"] {
                let count = sandbox.query("graphs.sqlite", &format!("SELECT count(*) FROM \"{graph}_{part}\""));
                assert_eq!(count, format!("Integer({})", expected[part]), "{graph} {part}");
            }
        }
    }
}

/// `sqlite3`'s own dump: every row as a statement, sorted, with the names of its tables as it quotes them.
fn dump(path: &Path) -> Vec<String> {
    let output = Command::new("sqlite3").arg(path).arg(".dump").output().expect("sqlite3 runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let ours = |line: &&str| line.starts_with("INSERT INTO") && !line.contains("reinstate_");
    let mut lines: Vec<String> = text.lines().filter(ours).map(|line| line.replacen('"', "", 2)).collect();
    lines.sort();
    lines
}

/// What SQLite itself knows of each table: columns, keys, references, indexes.
fn structure(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let queries = [
        "SELECT m.name || '|' || p.cid || '|' || p.name || '|' || p.type || '|' || p.\"notnull\" || '|' || coalesce(p.dflt_value, '') || '|' || p.pk || '|' || p.hidden FROM sqlite_schema m, pragma_table_xinfo(m.name) p WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'reinstate%'",
        "SELECT m.name || '|' || p.seq || '|' || p.\"table\" || '|' || p.\"from\" || '|' || coalesce(p.\"to\", '') || '|' || p.on_update || '|' || p.on_delete FROM sqlite_schema m, pragma_foreign_key_list(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'reinstate%'",
        "SELECT m.name || '|' || p.origin || '|' || p.\"unique\" || '|' || p.partial || '|' || coalesce(x.name, '') || '|' || x.desc || '|' || x.coll || '|' || CASE p.origin WHEN 'c' THEN p.name ELSE '' END FROM sqlite_schema m, pragma_index_list(m.name) p, pragma_index_xinfo(p.name) x WHERE m.type = 'table' AND m.name NOT LIKE 'reinstate%'",
    ];
    let mut lines = Vec::new();
    for query in queries {
        let mut statement = connection.prepare(query).expect("a query");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        lines.extend(rows.map(|row| row.expect("a row")));
    }
    lines.sort();
    lines
}

#[test]
fn a_sqlite_database_comes_back_as_sqlite_dumps_it() {
    let original = data("chinook.sqlite");
    let sandbox = Sandbox::new();
    let from = format!("sqlite:{}", original.display());
    let archive = sandbox.text("chinook.tar");
    sandbox.run(&["backup", "create", "--from", &from, "-o", &archive]).expect(0);
    sandbox.run(&["restore", &archive, "--into", &sandbox.target("copy.sqlite")]).expect(0);
    let copy = sandbox.path("copy.sqlite");
    assert_eq!(structure(&original), structure(&copy));
    let (expected, restored) = (dump(&original), dump(&copy));
    assert!(expected.len() > 10_000);
    assert!(expected == restored, "the dumps differ");

    // And once more: what was restored is backed up to the same content.
    let again = sandbox.text("again.tar");
    sandbox.run(&["backup", "create", "--from", &sandbox.target("copy.sqlite"), "-o", &again]).expect(0);
    sandbox.run(&["restore", &again, "--into", &sandbox.target("second.sqlite")]).expect(0);
    assert_eq!(dump(&sandbox.path("second.sqlite")), expected);
}

#[test]
fn every_odd_feature_of_sqlite_survives() {
    let sandbox = Sandbox::new();
    sandbox.sql(
        "odd.sqlite",
        r#"PRAGMA foreign_keys = OFF;
           CREATE TABLE "a ""b"" [c]" ("the key" INTEGER PRIMARY KEY AUTOINCREMENT, "select" TEXT COLLATE NOCASE DEFAULT ('x' || 'y'),
               blob BLOB, "real" REAL CHECK ("real" > -10), mixed, double AS ("real" * 2) STORED, UNIQUE ("select", blob));
           INSERT INTO "a ""b"" [c]" ("select", blob, "real", mixed) VALUES ('é', x'00ff', 0.1, 1), ('', x'', -0.0, 'text'),
               (NULL, NULL, NULL, NULL), ('z', x'01', 1e308, x'02'), ('y', NULL, 3, 2.5);
           DELETE FROM "a ""b"" [c]" WHERE "select" = 'y';
           CREATE TABLE strict_one(i INT, t TEXT, a ANY) STRICT; INSERT INTO strict_one VALUES (1, 'x', x'01'), (9223372036854775807, '', 1.5);
           CREATE TABLE keyed(a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO keyed VALUES ('x', 1), ('y', 2);
           CREATE TABLE tree(id INTEGER PRIMARY KEY, parent REFERENCES tree(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
           INSERT INTO tree VALUES (1, NULL), (2, 1);
           CREATE TABLE left_one(id INTEGER PRIMARY KEY, other REFERENCES right_one(id));
           CREATE TABLE right_one(id INTEGER PRIMARY KEY, other REFERENCES left_one(id));
           INSERT INTO left_one VALUES (1, 1); INSERT INTO right_one VALUES (1, 1);
           CREATE INDEX partial ON tree(parent DESC) WHERE parent IS NOT NULL;
           CREATE UNIQUE INDEX computed ON strict_one(lower(t), i COLLATE NOCASE);
           CREATE TABLE audit(what);
           CREATE TRIGGER watch AFTER INSERT ON tree WHEN new.id > 2 BEGIN INSERT INTO audit VALUES ('a;b ' || new.id); END;
           CREATE VIEW "both"(l, r) AS SELECT left_one.id, right_one.id FROM left_one, right_one;
           CREATE VIEW over AS SELECT * FROM "both";
           CREATE TABLE empty(x, y DEFAULT CURRENT_TIMESTAMP);"#,
    );
    let archive = sandbox.text("odd.tar");
    sandbox.run(&["backup", "create", "--from", &sandbox.target("odd.sqlite"), "-o", &archive]).expect(0);
    sandbox.run(&["restore", &archive, "--into", &sandbox.target("copy.sqlite")]).expect(0);
    let (original, copy) = (sandbox.path("odd.sqlite"), sandbox.path("copy.sqlite"));
    assert_eq!(structure(&original), structure(&copy));
    assert_eq!(dump(&original), dump(&copy));
    // Triggers did not fire while rows were restored, and do now.
    assert_eq!(sandbox.query("copy.sqlite", "SELECT count(*) FROM audit"), "Integer(0)");
    sandbox.sql("copy.sqlite", "INSERT INTO tree VALUES (3, 1)");
    assert_eq!(sandbox.query("copy.sqlite", "SELECT what FROM audit"), "Text(\"a;b 3\")");
    // Numbering goes on where it was, past deleted rows.
    sandbox.sql("copy.sqlite", "INSERT INTO \"a \"\"b\"\" [c]\" (mixed) VALUES ('next')");
    assert_eq!(
        sandbox.query("copy.sqlite", "SELECT \"the key\" FROM \"a \"\"b\"\" [c]\" WHERE mixed = 'next'"),
        "Integer(6)"
    );
    assert_eq!(sandbox.query("copy.sqlite", "PRAGMA integrity_check"), "Text(\"ok\")");
}

#[test]
fn users_functions_and_graphs_survive_a_second_backup() {
    let sandbox = Sandbox::new();
    support::small_folder(&sandbox.path("folder"), 10);
    let archive = sandbox.pack(&sandbox.path("folder"), "archive.tar");
    sandbox.run(&["restore", &archive, "--into", &sandbox.target("first.sqlite")]).expect(0);
    let copied = |from: &str, to: &str| {
        let archive = sandbox.text(&format!("{from}.tar"));
        sandbox.run(&["backup", "create", "--from", &sandbox.target(from), "-o", &archive]).expect(0);
        sandbox.run(&["restore", &archive, "--into", &sandbox.target(to)]).expect(0);
        let kept = "SELECT group_concat(kind || ' ' || name || CASE WHEN kind IN ('table', 'graph') THEN '' ELSE definition END)
                    FROM (SELECT * FROM reinstate_objects WHERE state = 'live' ORDER BY kind, name)";
        assert_eq!(sandbox.query(from, kept), sandbox.query(to, kept));
    };
    // SQLite spells the types that it knows in capitals, so the first copy differs in that from what was packed.
    copied("first.sqlite", "second.sqlite");
    copied("second.sqlite", "third.sqlite");
    assert_eq!(
        support::logical_content(&sandbox.path("second.sqlite")),
        support::logical_content(&sandbox.path("third.sqlite"))
    );
}

#[test]
fn every_container_gives_the_same_content() {
    let sandbox = Sandbox::new();
    let archive = sandbox.pack(&data("pagila"), "archive.tar");
    sandbox.run(&["restore", &archive, "--into", &sandbox.target("plain.sqlite")]).expect(0);
    let expected = support::logical_content(&sandbox.path("plain.sqlite"));
    let containers = [
        ("gzip", "gzip -k archive.tar && reinstate restore archive.tar.gz --into sqlite:gzip.sqlite"),
        (
            "members",
            "(head -c 100000 archive.tar | gzip; tail -c +100001 archive.tar | gzip) > two.gz && reinstate restore two.gz --into sqlite:members.sqlite",
        ),
        ("zstd", "zstd -q archive.tar && reinstate restore archive.tar.zst --into sqlite:zstd.sqlite"),
        (
            "folder",
            "mkdir unpacked && tar xf archive.tar -C unpacked && reinstate restore unpacked --into sqlite:folder.sqlite",
        ),
        ("stdin", "cat archive.tar | reinstate restore - --into sqlite:stdin.sqlite"),
        ("stdin_gzip", "gzip -c archive.tar | reinstate restore - --into sqlite:stdin_gzip.sqlite"),
    ];
    for (name, line) in containers {
        let outcome = sandbox.shell(line);
        assert_eq!(outcome.status, Some(0), "{name}: {outcome:#?}");
        assert_eq!(support::logical_content(&sandbox.path(&format!("{name}.sqlite"))), expected, "{name}");
    }
    let left = std::fs::read_dir(sandbox.path("state/reinstate")).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0, "a spool was left behind");
}

#[test]
fn other_tools_open_the_archive() {
    let sandbox = Sandbox::new();
    sandbox.pack(&data("pagila"), "archive.tar");
    let line = "mkdir x && tar xf archive.tar -C x && cd x && sha256sum -c manifest.json.sha256 && find data -name '*.zst' | xargs zstd -q -d && cat data/*actor*/*.csv | head -1";
    let outcome = sandbox.shell(line).expect(0);
    assert!(outcome.stdout.contains("actor_id,first_name"), "{outcome:#?}");
}
