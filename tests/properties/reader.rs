//! Reads all that users of an SQLite file can see, with nothing of the product: the other side of every comparison.

use std::collections::BTreeMap;
use std::path::Path;

use reinstate::catalog::ObjectName;
use rusqlite::Connection;
use rusqlite::types::Value as Sqlite;
use serde_json::Value as Json;

use super::kinds::document::{package, plain};
use super::kinds::table::{Value, column_line, foreign_key_line, row_line};
use super::kinds::{physical, quoted};

/// What is seen, by what it is: lines in an order of their own.
pub type Content = BTreeMap<String, Vec<String>>;

/// What a file holds; nothing where there is none.
pub fn read(path: &Path) -> Content {
    if !path.exists() {
        return Content::new();
    }
    let connection = Connection::open(path).expect("a database");
    let mut content = Content::new();
    let listed: Vec<(String, String, String)> = query(
        &connection,
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE type IN ('table', 'view')",
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    let shown = |name: &str| !name.starts_with("sqlite_") && !name.starts_with("reinstate_");
    for (kind, name, sql) in listed.iter().filter(|(_, name, _)| shown(name)) {
        let lines = if kind == "table" { table(&connection, name, sql) } else { view(&connection, name) };
        content.insert(format!("{kind} {name}"), lines);
    }
    if listed.iter().any(|(_, name, _)| name == "reinstate_objects") {
        documents(&connection, &mut content);
    }
    content
}

/// Tables of unfinished or forgotten work.
pub fn remains(path: &Path, of: &[impl AsRef<str>]) -> Vec<String> {
    if !path.exists() {
        return Vec::new();
    }
    let connection = Connection::open(path).expect("a database");
    let all: Vec<String> = query(&connection, "SELECT name FROM sqlite_schema", |row| row.get(0));
    all.into_iter().filter(|name| of.iter().any(|prefix| name.starts_with(prefix.as_ref()))).collect()
}

/// The number that stands in the names of what a job puts aside.
pub fn number_of_job(path: &Path, job: &str) -> i64 {
    let connection = Connection::open(path).expect("a database");
    let number = "SELECT seq FROM reinstate_jobs WHERE job = ?1";
    connection.query_row(number, [job], |row| row.get(0)).expect("the job")
}

fn query<T>(connection: &Connection, sql: &str, read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = statement.query_map([], read).expect("rows");
    rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn table(connection: &Connection, name: &str, sql: &str) -> Vec<String> {
    let called = quoted(name);
    let mut lines = query(connection, &format!("PRAGMA table_xinfo({called})"), |row| {
        let default: Option<String> = row.get(4)?;
        Ok(column_line(
            &row.get::<_, String>(1)?,
            &row.get::<_, String>(2)?.replace(" GENERATED ALWAYS", ""),
            row.get(3)?,
            default.as_deref(),
            row.get::<_, u16>(5)?.into(),
            row.get::<_, u16>(6)?.into(),
        ))
    });
    lines.extend(foreign_keys(connection, &called));
    lines.extend(indexes(connection, &called));
    lines.extend(checks(sql).into_iter().map(|check| format!("check {check}")));
    let list = format!("SELECT strict, wr FROM pragma_table_list WHERE schema = 'main' AND name = {}", literal(name));
    lines.extend(query(connection, &list, |row| {
        Ok(format!("strict {} without rowid {}", row.get::<_, bool>(0)?, row.get::<_, bool>(1)?))
    }));
    if sql.contains("AUTOINCREMENT") {
        let number = format!("SELECT seq FROM sqlite_sequence WHERE name = {}", literal(name));
        let number: Vec<i64> = query(connection, &number, |row| row.get(0));
        lines.push(format!("last number {:?}", number.first()));
    }
    lines.extend(rows(connection, &called).expect("rows"));
    lines.sort();
    lines
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn rows(connection: &Connection, called: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {called}"))?;
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values = (0..width).map(|at| {
            Ok(match row.get(at)? {
                Sqlite::Null => Value::Null,
                Sqlite::Integer(value) => Value::Integer(value),
                Sqlite::Real(value) => Value::Real(value),
                Sqlite::Text(value) => Value::Text(value),
                Sqlite::Blob(value) => Value::Bytes(value),
            })
        });
        Ok(row_line(&values.collect::<rusqlite::Result<Vec<_>>>()?))
    })?;
    rows.collect()
}

fn foreign_keys(connection: &Connection, called: &str) -> Vec<String> {
    type Key = (String, Vec<String>, Vec<String>, String, String);
    let mut keys: BTreeMap<i64, Key> = BTreeMap::new();
    query(connection, &format!("PRAGMA foreign_key_list({called})"), |row| {
        let key = keys.entry(row.get(0)?).or_default();
        (key.0, key.3, key.4) = (row.get(2)?, row.get(5)?, row.get(6)?);
        key.1.push(row.get(3)?);
        key.2.extend(row.get::<_, Option<String>>(4)?);
        Ok(())
    });
    keys.into_values()
        .map(|(parent, columns, references, update, delete)| {
            foreign_key_line(&parent, &columns, &references, &update, &delete)
        })
        .collect()
}

fn indexes(connection: &Connection, called: &str) -> Vec<String> {
    let listed: Vec<(String, bool, String, bool)> = query(connection, &format!("PRAGMA index_list({called})"), |row| {
        Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    });
    let line = |(name, unique, origin, partial): (String, bool, String, bool)| {
        let terms: Vec<(Option<String>, bool)> = query(
            connection,
            &format!("SELECT name, \"desc\" FROM pragma_index_xinfo({}) WHERE key", literal(&name)),
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        match origin.as_str() {
            "pk" => None,
            "u" => Some(format!(
                "unique {:?}",
                terms.into_iter().map(|(name, _)| name.unwrap_or_default()).collect::<Vec<_>>()
            )),
            _ => Some(format!("index {name} unique {unique} partial {partial} {terms:?}")),
        }
    };
    listed.into_iter().filter_map(line).collect()
}

/// The conditions of a `CREATE TABLE` statement: what stands between the parentheses behind `CHECK`.
fn checks(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut quote, mut depth, mut start) = (None, 0_usize, None);
    for (at, c) in sql.char_indices() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '(') => {
                depth += 1;
                if sql[..at].trim_end().ends_with("CHECK") && start.is_none() {
                    start = Some((at + 1, depth));
                }
            }
            (None, ')') => {
                if let Some((from, of)) = start.filter(|(_, of)| *of == depth) {
                    debug_assert_eq!(of, depth);
                    found.push(sql[from..at].trim().to_owned());
                    start = None;
                }
                depth -= 1;
            }
            _ => {}
        }
    }
    found
}

fn view(connection: &Connection, name: &str) -> Vec<String> {
    let called = quoted(name);
    let mut lines = match rows(connection, &called) {
        Ok(rows) => rows,
        Err(_) => return vec!["broken".to_owned()],
    };
    let columns: Vec<String> = query(connection, &format!("PRAGMA table_info({called})"), |row| row.get(1));
    lines.push(format!("columns {columns:?}"));
    lines.sort();
    lines
}

/// Objects that are no tables or views of the file.
fn documents(connection: &Connection, content: &mut Content) {
    let sql = "SELECT id, kind, schema, name, definition FROM reinstate_objects WHERE state = 'live' AND kind NOT IN ('table', 'view')";
    let kept: Vec<(i64, ObjectName, Option<String>)> = query(connection, sql, |row| {
        let (kind, schema, name): (String, Option<String>, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, ObjectName::new(kind, schema.as_deref(), name), row.get(4)?))
    });
    subscriptions(connection, content);
    for (id, name, definition) in kept {
        let definition: Json = definition.map_or(Json::Null, |text| serde_json::from_str(&text).expect("JSON"));
        let mut lines = if name.kind == "graph" { graph(&definition["document"]) } else { document(&definition) };
        let blobs = format!("SELECT name, bytes FROM reinstate_blobs WHERE object = {id} ORDER BY name, seq");
        let mut packages: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        query(connection, &blobs, |row| {
            packages.entry(row.get(0)?).or_default().extend(row.get::<_, Vec<u8>>(1)?);
            Ok(())
        });
        lines.extend(packages.iter().map(|(name, bytes)| package(name, bytes)));
        lines.sort();
        content.insert(format!("{} {}", name.kind, name.qualified()), lines);
    }
}

/// What the tables that are there are subscribed to.
fn subscriptions(connection: &Connection, content: &mut Content) {
    let sql = "SELECT coalesce(schema, 'main'), name, definition FROM reinstate_objects WHERE state = 'live' AND kind = 'table'";
    let kept: Vec<(String, String, Option<String>)> =
        query(connection, sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    for (schema, name, definition) in kept {
        let called = physical(Some(&schema), &name);
        let definition: Json = definition.map_or(Json::Null, |text| serde_json::from_str(&text).expect("JSON"));
        let all = definition["document"]["subscriptions"].as_array().cloned().unwrap_or_default();
        if !all.is_empty() && content.contains_key(&format!("table {called}")) {
            let lines = all.iter().map(|one| plain(one).to_string()).collect();
            content.insert(format!("subscriptions {called}"), lines);
        }
    }
}

/// A principal, a routine, or a document of another kind.
fn document(definition: &Json) -> Vec<String> {
    let part = ["principal", "routine", "document"].iter().find_map(|part| definition.get(part));
    vec![plain(part.unwrap_or(&Json::Null)).to_string()]
}

fn graph(document: &Json) -> Vec<String> {
    let source = |source: &Json| {
        let text = |member: &str| source[member].as_str().map(str::to_owned);
        let name = ObjectName::new("table", text("schema").as_deref(), text("name").unwrap_or_default());
        format!("source {}", name.qualified())
    };
    let mut lines: Vec<String> = document["source_tables"].as_array().into_iter().flatten().map(source).collect();
    lines.push(format!("directed {}", document["directed"]));
    lines
}
