//! Between PostgreSQL and SQLite, and back: every value arrives.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use support::postgres::Server;
use support::{Sandbox, data, shared};

/// Rows of a table, each as texts in the order of its columns.
type Rows = Vec<Vec<Option<String>>>;

/// The tables of a schema with their rows, in an order of their own.
fn in_postgres(server: &Server, database: &str, schema: &str) -> BTreeMap<String, Rows> {
    let client = server.connect(database);
    client.query("SET timezone TO 'UTC'; SET intervalstyle TO postgres; SET bytea_output TO hex");
    let tables = client.query(&format!(
        "SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname) FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = '{schema}'::regnamespace GROUP BY 1"
    ));
    let rows = |table: Vec<Option<String>>| {
        let (name, columns) = (table[0].clone().expect("a name"), table[1].clone().expect("columns"));
        let mut rows = client.query(&format!("SELECT {columns} FROM ONLY {schema}.\"{name}\""));
        rows.iter_mut().flatten().for_each(plain);
        rows.sort();
        (name, rows)
    };
    tables.into_iter().map(rows).collect()
}

/// The tables of a file with their rows, in an order of their own; names without the schema.
fn in_sqlite(path: &Path, schema: &str) -> BTreeMap<String, Rows> {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'reinstate%' AND name NOT LIKE 'sqlite%'";
    let mut names = connection.prepare(names).expect("a query");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("names");
    let table = |name: String| {
        let columns = "SELECT group_concat('\"' || name || '\"' ORDER BY name) FROM pragma_table_info(?1)";
        let columns: String = connection.query_row(columns, [&name], |row| row.get(0)).expect("columns");
        let mut statement = connection.prepare(&format!("SELECT {columns} FROM \"{name}\"")).expect("a query");
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..width).map(|at| row.get(at).map(text)).collect();
        let rows = statement.query_map([], row).expect("rows");
        let mut rows: Rows = rows.collect::<Result<_, _>>().expect("values");
        rows.iter_mut().flatten().for_each(plain);
        rows.sort();
        (name.strip_prefix(&format!("{schema}.")).unwrap_or(&name).to_owned(), rows)
    };
    names.into_iter().map(table).collect()
}

fn text(value: Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(value) => value,
        Value::Blob(value) => format!("\\x{}", value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    })
}

/// One text for equal values: numbers without zeros at their end, truth as SQLite has it.
fn plain(value: &mut Option<String>) {
    let Some(text) = value else { return };
    match text.as_str() {
        "t" => "1".clone_into(text),
        "f" => "0".clone_into(text),
        number if number.contains('.') && number.parse::<f64>().is_ok_and(f64::is_finite) => {
            *text = number.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        _ => {}
    }
}

#[track_caller]
fn equal(before: &BTreeMap<String, Rows>, after: &BTreeMap<String, Rows>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, rows) in before {
        assert_eq!(rows.len(), after[name].len(), "{name}");
        let different = rows.iter().zip(&after[name]).find(|(before, after)| before != after);
        assert_eq!(different, None, "{name}");
    }
}

#[test]
fn a_postgresql_database_goes_to_sqlite_and_comes_back() {
    let server = Server::start();
    let dumps = [
        Some(data("pg/northwind.pg15.gzip.dir")),
        shared("pg/archives/pagila/pagila.pg15.gzip.dir"),
        shared("pg/archives/netflix/netflix.pg15.gzip.dir"),
    ];
    for dump in dumps.into_iter().flatten() {
        let (sandbox, database) = (Sandbox::new(), server.database());
        server.pg_restore(&database, &dump, &["--no-owner"]);
        let before = in_postgres(&server, &database, "public");

        let archive = sandbox.text("first.tar");
        sandbox.json(&["backup", "create", "--from", &server.target(&database), "-o", &archive]).expect(0);
        sandbox
            .json(&["restore", &archive, "--into", &sandbox.target("there.sqlite"), "--create-schema-if-not-exist"])
            .expect(0);
        equal(&before, &in_sqlite(&sandbox.path("there.sqlite"), "public"));

        let (back, archive) = (server.database(), sandbox.text("second.tar"));
        let from = sandbox.target("there.sqlite");
        sandbox.json(&["backup", "create", "--from", &from, "-o", &archive]).expect(0);
        // What reads the tables was written for types that SQLite does not have.
        let reads =
            "SELECT count(*)::text FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace";
        let without = ["--exclude", "view", "--exclude", "materialized_view"];
        let without = if server.value(&database, reads) == "0" { &[][..] } else { &without[..] };
        let into = server.target(&back);
        // pagila has a routine that runs with its owner's rights.
        let restore = ["restore", &archive, "--into", &into, "--allow", "sql.security_definer"];
        sandbox.json(&[&restore, without].concat()).expect(0);
        equal(&before, &in_postgres(&server, &back, "public"));
        let routines = "SELECT count(*)::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
        assert_eq!(server.value(&back, routines), server.value(&database, routines), "routines run again");

        // And into a database like the first one, with everything that it had.
        let (again, archive) = (server.database(), sandbox.text("first.tar"));
        let into = server.target(&again);
        sandbox.json(&["restore", &archive, "--into", &into, "--allow", "sql.security_definer"]).expect(0);
        equal(&before, &in_postgres(&server, &again, "public"));
        let relations =
            "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'S'";
        assert_eq!(server.value(&again, relations), server.value(&database, relations));
    }
}

#[test]
fn a_sqlite_file_goes_to_postgresql_and_comes_back() {
    let server = Server::start();
    let (sandbox, database) = (Sandbox::new(), server.database());
    let first = sandbox.text("first.tar");
    std::fs::copy(data("chinook.sqlite"), sandbox.path("chinook.sqlite")).expect("a copy");
    let before = in_sqlite(&sandbox.path("chinook.sqlite"), "main");
    sandbox.json(&["backup", "create", "--from", &sandbox.target("chinook.sqlite"), "-o", &first]).expect(0);
    sandbox.json(&["restore", &first, "--into", &server.target(&database), "--create-schema-if-not-exist"]).expect(0);
    equal(&before, &in_postgres(&server, &database, "main"));
    let keys = "SELECT count(*)::text FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(server.value(&database, keys), "11");

    let second = sandbox.text("second.tar");
    sandbox.json(&["backup", "create", "--from", &server.target(&database), "-o", &second]).expect(0);
    sandbox
        .json(&["restore", &second, "--into", &sandbox.target("back.sqlite"), "--create-schema-if-not-exist"])
        .expect(0);
    equal(&before, &in_sqlite(&sandbox.path("back.sqlite"), "main"));
}

#[test]
fn everything_of_a_packed_folder_lives_in_postgresql() {
    let server = Server::start();
    let (sandbox, database) = (Sandbox::new(), server.database());
    let archive = sandbox.pack(&data("pagila"), "archive.tar");
    let into = server.target(&database);
    // Roles are all databases': exchanging one for another would not take them back.
    let arguments = ["restore", &archive, "--into", &into, "--create-schema-if-not-exist", "--stage", "beside"];
    let restored = sandbox.json(&arguments).expect(0).json();
    let job = restored["job"].as_str().expect("a job").to_owned();
    let counts =
        "SELECT (SELECT count(*) FROM main.film)::text || ' ' || (SELECT count(*) FROM main.karate_club_edges)";
    assert_eq!(server.value(&database, counts), "100 78");
    let roles = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('Mike', 'Jon', 'clerks', 'managers')";
    assert_eq!(server.value(&database, roles), "Jon Mike clerks managers");
    assert_eq!(server.value(&database, "SELECT has_table_privilege('Jon', 'main.film', 'SELECT')::text"), "true");
    assert_eq!(server.value(&database, "SELECT main.last_day('2024-02-01')::text"), "2024-02-29");
    assert_eq!(server.value(&database, "SELECT count(*)::text FROM reinstate.token"), "1");
    let again = sandbox.text("again.tar");
    sandbox.json(&["backup", "create", "--from", &into, "-o", &again]).expect(0);
    sandbox.json(&["undo", &job, "--into", &into]).expect(0);
    assert_eq!(server.value(&database, "SELECT coalesce(to_regclass('main.film')::text, 'gone')"), "gone");
    assert_eq!(server.value(&database, roles), "");
    sandbox.json(&["discard", &job, "--into", &into]).expect(0);

    let third = server.database();
    sandbox.json(&["restore", &again, "--into", &server.target(&third), "--create-schema-if-not-exist"]).expect(0);
    assert_eq!(server.value(&third, counts), "100 78");
    assert_eq!(server.value(&third, "SELECT count(*)::text FROM reinstate.token"), "1");
}
