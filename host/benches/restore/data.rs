//! Made-up backups: one large table, and many small objects.

use std::fs::{self, File};
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use reinstate::backup::Writer;
use reinstate::catalog::{Backup, ObjectName};
use reinstate::pack::{PackOptions, pack};
use reinstate::target::definition::{Column, Key, TableDefinition, ValueType};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// The large table's name.
pub(crate) const TABLE: &str = "orders";

/// Its columns, their types and what they are in a SQL statement.
const COLUMNS: [(&str, ValueType, &str); 6] = [
    ("id", ValueType::Integer, "INTEGER"),
    ("customer", ValueType::Integer, "INTEGER"),
    ("quantity", ValueType::Integer, "INTEGER"),
    ("price", ValueType::Real, "REAL"),
    ("name", ValueType::Text, "TEXT"),
    ("token", ValueType::Text, "TEXT"),
];

/// The large table outside and inside an archive.
pub(crate) struct Table {
    pub(crate) csv: PathBuf,
    pub(crate) archive: PathBuf,
}

impl Table {
    /// Makes both, unless they are there.
    pub(crate) fn packed(folder: &Path, rows: u64) -> Self {
        let plain = folder.join("plain");
        let table = Self { csv: plain.join(format!("tables/{TABLE}.csv")), archive: folder.join("table.tar") };
        if !table.archive.exists() {
            fs::create_dir_all(plain.join("tables")).unwrap();
            let mut csv = BufWriter::new(File::create(&table.csv).unwrap());
            write_rows(&mut csv, 0, rows).unwrap();
            csv.flush().unwrap();
            describe(&plain);
            pack(&plain, &table.archive, &PackOptions::default()).unwrap();
        }
        table
    }
}

/// Column types and the key, as a folder that is packed says them.
fn describe(plain: &Path) {
    let columns: Vec<Value> = COLUMNS
        .iter()
        .map(|(name, _, declared)| {
            json!({"name": name, "type": declared.to_lowercase(), "nullable": *name != "id", "default": null})
        })
        .collect();
    fs::write(plain.join("columns.json"), json!({ TABLE: columns }).to_string()).unwrap();
    let key = json!([{"table": TABLE, "name": "key", "kind": "p", "definition": "PRIMARY KEY (id)"}]);
    fs::write(plain.join("constraints.json"), key.to_string()).unwrap();
}

/// Rows of about 85 bytes, half of which do not compress.
fn write_rows(out: &mut impl Write, from: u64, to: u64) -> io::Result<()> {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, ..)| *name).collect();
    writeln!(out, "{}", names.join(","))?;
    for id in from..to {
        let (a, b) = (mixed(id), mixed(!id));
        let (customer, quantity, cents) = (a % 100_000, b % 50, a % 1_000_000);
        writeln!(
            out,
            "{id},{customer},{quantity},{}.{:02},Customer {customer},{a:016x}{b:016x}",
            cents / 100,
            cents % 100
        )?;
    }
    Ok(())
}

/// Spreads a number's bits (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The large table as a target takes it.
pub(crate) fn table_definition() -> TableDefinition {
    let column = |&(name, values, declared): &(&str, ValueType, &str)| Column {
        name: name.to_owned(),
        values,
        declared: declared.to_owned(),
        nullable: name != "id",
        default: None,
        generated: None,
        collation: None,
    };
    TableDefinition {
        columns: COLUMNS.iter().map(column).collect(),
        primary_key: Some(Key { name: Some("key".to_owned()), columns: vec!["id".to_owned()], automatic: false }),
        uniques: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        options: Vec::new(),
        last_number: None,
    }
}

/// The large table's attributes in a manifest.
fn attributes() -> Box<RawValue> {
    let TableDefinition { columns, primary_key, .. } = table_definition();
    to_raw_value(&json!({"columns": columns, "primary_key": primary_key})).unwrap()
}

/// The large table in one archive of about that many bytes.
pub(crate) fn large(archive: &Path, bytes: u64) {
    const ROWS_AN_ENTRY: u64 = 500_000;
    // Measured: what a row takes when it is compressed.
    const STORED_ROW_BYTES: u64 = 38;
    let mut writer = Writer::create(archive, true).unwrap();
    writer.object(ObjectName::new("table", Some("main"), TABLE), Vec::new()).unwrap();
    writer.attributes(attributes()).unwrap();
    let entries = bytes.div_ceil(STORED_ROW_BYTES * ROWS_AN_ENTRY);
    for entry in 0..entries {
        let mut out = BufWriter::with_capacity(1 << 20, writer.entry("csv").unwrap());
        write_rows(&mut out, entry * ROWS_AN_ENTRY, (entry + 1) * ROWS_AN_ENTRY).unwrap();
        out.into_inner().map_err(IntoInnerError::into_error).unwrap().finish(Some(ROWS_AN_ENTRY)).unwrap();
    }
    finish(writer);
}

pub(crate) fn one_row(archive: &Path) {
    let mut writer = Writer::create(archive, true).unwrap();
    writer.object(ObjectName::new("table", Some("main"), TABLE), Vec::new()).unwrap();
    writer.attributes(attributes()).unwrap();
    let mut entry = writer.entry("csv").unwrap();
    write_rows(&mut entry, 0, 1).unwrap();
    entry.finish(Some(1)).unwrap();
    finish(writer);
}

/// Users, functions and tables, a third each; tables with five rows or none.
pub(crate) fn objects(archive: &Path, count: u64, rows: bool) {
    let mut writer = Writer::create(archive, true).unwrap();
    write_objects(&mut writer, count, if rows { 5 } else { 0 });
    finish(writer);
}

/// The same into any archive, tables with so many rows.
pub(crate) fn write_objects(writer: &mut Writer, count: u64, rows: u64) {
    for number in 0..count {
        match number % 3 {
            0 => user(writer, number),
            1 => function(writer, number),
            _ => table(writer, number, rows),
        }
    }
}

fn user(writer: &mut Writer, number: u64) {
    writer.object(ObjectName::new("user", None, format!("user{number}")), Vec::new()).unwrap();
    let attributes = json!({
        "login": true, "password_hash": format!("SCRAM-SHA-256$4096:{:x}$x:y", mixed(number)),
        "permissions": [{"privilege": "CONNECT", "on": null, "grantable": false}],
    });
    writer.attributes(to_raw_value(&attributes).unwrap()).unwrap();
}

fn function(writer: &mut Writer, number: u64) {
    writer
        .object(ObjectName::new("user_defined_function", Some("main"), format!("function{number}")), Vec::new())
        .unwrap();
    let attributes = json!({"language": "sql", "definition": format!("SELECT {number}"), "environment": null});
    writer.attributes(to_raw_value(&attributes).unwrap()).unwrap();
}

fn table(writer: &mut Writer, number: u64, rows: u64) {
    writer.object(ObjectName::new("table", Some("main"), format!("table{number}")), Vec::new()).unwrap();
    writer.attributes(attributes()).unwrap();
    if rows > 0 {
        let mut entry = writer.entry("csv").unwrap();
        write_rows(&mut entry, number * rows, (number + 1) * rows).unwrap();
        entry.finish(Some(rows)).unwrap();
    }
}

fn finish(writer: Writer) {
    writer
        .finish(Backup {
            name: "made up".to_owned(),
            id: "1".to_owned(),
            created: "2024-01-01T00:00:00Z".to_owned(),
            position: None,
            source: "directory".to_owned(),
            dialect: String::new(),
        })
        .unwrap();
}

/// Removes a database and what SQLite keeps beside it.
pub(crate) fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let _ = fs::remove_file(name);
    }
}

/// The statement that made a table.
pub(crate) fn definition(database: &Path, table: &str) -> String {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.query_row("SELECT sql FROM sqlite_schema WHERE name = ?", [table], |row| row.get(0)).unwrap()
}

pub(crate) fn count(database: &Path, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap()
}
