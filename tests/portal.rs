//! Backups of DocSpace: a portal's and a whole server's, inspected, verified, planned, restored into both targets, and held against figures
//! that another program computed; and such that are damaged or hostile.

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::postgres::Server;
use support::{Sandbox, data};

/// The archives, and what golden.json calls them.
const ARCHIVES: [(&str, &str); 2] = [("portal.tar.gz", "portal"), ("dump.tar.gz", "dump")];

fn path(name: &str) -> String {
    data(&format!("docspace/{name}")).to_str().expect("UTF-8").to_owned()
}

fn golden(sort: &str) -> Value {
    let text = std::fs::read(data("docspace/golden.json")).expect("golden.json");
    let mut golden: Value = serde_json::from_slice(&text).expect("JSON");
    golden[sort].take()
}

fn map(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().expect("an object")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sum over rows, whose values are texts as `make.py` says.
fn digest(rows: &[Vec<String>]) -> String {
    let mut lines: Vec<String> = rows.iter().map(|row| row.join("\x1f")).collect();
    lines.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    hex(&Sha256::digest(lines.join("\x1e")))
}

/// A value by the source's type: numbers without what says nothing.
fn canonical(text: String, kind: &str) -> String {
    match kind {
        "double" => format!("{:016x}", text.parse::<f64>().expect("a number").to_bits()),
        "dateTime" | "decimal" if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => text,
    }
}

fn sqlite_text(value: rusqlite::types::Value) -> String {
    use rusqlite::types::Value::{Blob, Integer, Null, Real, Text};
    match value {
        Null => "\\N".to_owned(),
        Integer(number) => number.to_string(),
        Real(number) => number.to_string(),
        Text(text) => text,
        Blob(bytes) => format!("\\x{}", hex(&bytes)),
    }
}

fn sqlite_rows(file: &Path, table: &str, known: &Value) -> Vec<Vec<String>> {
    let connection = rusqlite::Connection::open(file).expect("a database");
    let types: Vec<&str> = known["types"].as_array().expect("types").iter().filter_map(Value::as_str).collect();
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).expect("a table");
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    assert_eq!(Value::from(names), known["columns"], "{table}");
    let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Vec<String>> {
        types.iter().enumerate().map(|(at, kind)| Ok(shown(sqlite_text(row.get(at)?), kind))).collect()
    };
    statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("values")
}

fn shown(text: String, kind: &str) -> String {
    if text == "\\N" { text } else { canonical(text, kind) }
}

fn postgres_rows(server: &Server, database: &str, table: &str, known: &Value) -> Vec<Vec<String>> {
    let strings =
        |list: &str| known[list].as_array().expect("a list").iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let columns: Vec<String> = strings("columns").iter().map(|name| format!("\"{name}\"::text")).collect();
    let types = strings("types");
    let rows = server.query(database, &format!("SELECT {} FROM docspace.\"{table}\"", columns.join(", ")));
    let value = |(value, kind): (Option<String>, &&str)| match (value, *kind) {
        (None, _) => "\\N".to_owned(),
        (Some(text), "boolean") => if text == "true" { "1" } else { "0" }.to_owned(),
        (Some(text), kind) => canonical(text, kind),
    };
    rows.into_iter().map(|row| row.into_iter().zip(&types).map(value).collect()).collect()
}

/// Tables whose rows are not those of golden.json.
fn differences(golden: &Value, rows: impl Fn(&str, &Value) -> Vec<Vec<String>>) -> Vec<String> {
    let is_other = |(table, known): &(&String, &Value)| {
        let rows = rows(table, known);
        known["rows"] != rows.len() || known["sha256"] != digest(&rows)
    };
    map(&golden["tables"]).iter().filter(is_other).map(|(table, _)| table.clone()).collect()
}

/// Groups by user.
fn members(rows: impl Iterator<Item = (String, Option<String>)>) -> BTreeMap<String, Vec<String>> {
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (user, role) in rows {
        members.entry(user).or_default().extend(role);
    }
    members.values_mut().for_each(|roles| roles.sort());
    members
}

fn known_members(golden: &Value) -> BTreeMap<String, Vec<String>> {
    let names = |roles: &Value| {
        roles.as_array().expect("roles").iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    map(&golden["users"])
        .iter()
        .map(|(user, roles)| {
            let mut roles = names(roles);
            roles.sort();
            (user.clone(), roles)
        })
        .collect()
}

/// Files that a target keeps, by their places, with the sums of their bytes.
fn files(pieces: impl Iterator<Item = (String, String, Vec<u8>)>) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (directory, name, bytes) in pieces {
        files.entry(format!("{directory}/{name}")).or_default().extend(bytes);
    }
    files.into_iter().map(|(place, bytes)| (place, hex(&Sha256::digest(bytes)))).collect()
}

fn known_files(golden: &Value) -> BTreeMap<String, String> {
    map(&golden["files"]).iter().map(|(place, sum)| (place.clone(), sum.as_str().expect("a sum").to_owned())).collect()
}

fn sqlite_files(file: &Path) -> BTreeMap<String, String> {
    let connection = rusqlite::Connection::open(file).expect("a database");
    let query = "SELECT o.name, b.name, b.bytes FROM reinstate_blobs b JOIN reinstate_objects o ON o.id = b.object
                 WHERE o.state = 'live' ORDER BY b.seq";
    let mut statement = connection.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
    files(rows.map(|row| row.expect("a row")))
}

fn job(report: &Value) -> String {
    report["job"].as_str().unwrap_or_else(|| panic!("no job: {report:#}")).to_owned()
}

#[test]
fn what_is_in_them_is_shown_verified_and_planned() {
    let sandbox = Sandbox::new();
    for (archive, sort) in ARCHIVES {
        let golden = golden(sort);
        let archive = path(archive);
        let shown = sandbox.run(&["inspect", &archive]).expect(0).stdout;
        for text in ["core_user", "ann@example.com", "files/folder_1000"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        sandbox.run(&["verify", &archive]).expect(0);
        let plan = sandbox.json(&["plan", &archive, "--into", &sandbox.target("none.sqlite")]).expect(0).json();
        let count = |kind: &str| {
            let steps = plan["steps"].as_array().unwrap_or_else(|| panic!("no steps: {plan:#}"));
            steps.iter().filter(|step| step["object"]["kind"] == kind).count()
        };
        assert_eq!(count("table"), map(&golden["tables"]).len(), "{plan:#}");
        assert_eq!(count("user"), map(&golden["users"]).len());
        assert_eq!(count("role"), golden["roles"].as_array().expect("roles").len());
        let missing = plan["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|finding| finding["code"] == "definition.file_missing");
        assert_eq!(missing.is_some(), sort == "portal", "{plan:#}");
        if let Some(missing) = missing {
            assert!(
                missing["message"].as_str().is_some_and(|text| text.contains("file_9/v1/content.docx")),
                "{missing}"
            );
        }
        assert!(!sandbox.path("none.sqlite").exists());
    }
}

#[test]
fn tables_people_and_files_arrive_in_sqlite() {
    for (archive, sort) in ARCHIVES {
        let (sandbox, golden) = (Sandbox::new(), golden(sort));
        let (target, file) = (sandbox.target("restored.sqlite"), sandbox.path("restored.sqlite"));
        let arguments = ["restore", &path(archive), "--into", &target, "--target-schema-map", "docspace=main"];
        let report = sandbox.json(&arguments).expect(0).json();
        assert_eq!(
            differences(&golden, |table, known| sqlite_rows(&file, table, known)),
            Vec::<String>::new(),
            "{sort}"
        );

        let connection = rusqlite::Connection::open(&file).expect("a database");
        let query = "SELECT u.name, m.role FROM reinstate_users u LEFT JOIN reinstate_members m ON m.member = u.name WHERE u.kind = 'user'";
        let mut statement = connection.prepare(query).expect("a query");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        assert_eq!(members(rows.map(|row| row.expect("a row"))), known_members(&golden));
        assert_eq!(sqlite_files(&file), known_files(&golden));
        if sort == "dump" {
            let key = "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('files_file') WHERE pk > 0 ORDER BY pk)";
            assert_eq!(sandbox.query("restored.sqlite", key), "Text(\"tenant_id,id,version\")");
            let index = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = 'core_user_username'";
            assert_eq!(sandbox.query("restored.sqlite", index), "Integer(1)");
        }
        sandbox.json(&["undo", &job(&report), "--into", &target]).expect(0);
    }
}

#[test]
fn tables_people_and_files_arrive_in_postgresql() {
    let server = Server::start();
    for (archive, sort) in ARCHIVES {
        let (sandbox, golden) = (Sandbox::new(), golden(sort));
        let database = server.database();
        let report = sandbox.json(&["restore", &path(archive), "--into", &server.target(&database)]).expect(0).json();
        let other = differences(&golden, |table, known| postgres_rows(&server, &database, table, known));
        assert_eq!(other, Vec::<String>::new(), "{sort}");

        let query = "SELECT u.rolname, g.rolname FROM pg_roles u LEFT JOIN pg_auth_members m ON m.member = u.oid LEFT JOIN pg_roles g ON g.oid = m.roleid
                     WHERE u.rolname !~ '^(pg_|postgres)'";
        let rows =
            server.query(&database, query).into_iter().map(|row| (row[0].clone().expect("a name"), row[1].clone()));
        let mut found = members(rows);
        let roles: Vec<String> = golden["roles"]
            .as_array()
            .expect("roles")
            .iter()
            .filter_map(|role| role.as_str().map(str::to_owned))
            .collect();
        assert!(roles.iter().all(|role| found.remove(role).is_some_and(|of| of.is_empty())), "{found:?}");
        assert_eq!(found, known_members(&golden));

        let pieces = "SELECT d.name, b.name, encode(b.bytes, 'hex') FROM reinstate.blob b
                      JOIN reinstate.document d ON d.job = b.job AND d.step = b.step ORDER BY b.seq";
        let pieces = server.query(&database, pieces).into_iter().map(|mut row| {
            let mut text = |at: usize| row[at].take().expect("a value");
            (text(0), text(1), unhex(&text(2)))
        });
        assert_eq!(files(pieces), known_files(&golden));
        let types = "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) FROM pg_attribute
                     WHERE attrelid = 'docspace.tenants_quota'::regclass AND attnum > 0";
        let numeric = if sort == "dump" { "numeric(10,2)" } else { "numeric" };
        assert!(server.value(&database, types).contains(numeric));
        sandbox.json(&["undo", &job(&report), "--into", &server.target(&database)]).expect(0);
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    (0..digits.len()).step_by(2).map(digit).collect()
}

#[test]
fn what_was_restored_can_be_backed_up_and_restored_again() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.target("first.sqlite"), sandbox.target("second.sqlite"));
    sandbox
        .json(&["restore", &path("portal.tar.gz"), "--into", &first, "--target-schema-map", "docspace=main"])
        .expect(0);
    sandbox.json(&["backup", "create", "--from", &first, "-o", "own.tar"]).expect(0);
    sandbox.json(&["restore", "own.tar", "--into", &second]).expect(0);
    let golden = golden("portal");
    assert_eq!(
        differences(&golden, |table, known| sqlite_rows(&sandbox.path("second.sqlite"), table, known)),
        Vec::<String>::new()
    );
    assert_eq!(sqlite_files(&sandbox.path("second.sqlite")), known_files(&golden));

    let server = Server::start();
    let (one, other) = (server.database(), server.database());
    let restore = |archive: &str, database: &str| {
        let target = server.target(database);
        let arguments = ["restore", archive, "--into", &target, "--select", "table", "--select", "directory"];
        sandbox.json(&arguments).expect(0);
    };
    restore(&path("portal.tar.gz"), &one);
    sandbox.json(&["backup", "create", "--from", &server.target(&one), "-o", "again.tar"]).expect(0);
    restore("again.tar", &other);
    let different = differences(&golden, |table, known| postgres_rows(&server, &other, table, known));
    assert_eq!(different, Vec::<String>::new());
    let kept = server.value(&other, "SELECT count(DISTINCT name) FROM reinstate.blob");
    assert_eq!(kept, known_files(&golden).len().to_string());
}

#[test]
fn a_cut_archive_writes_nothing() {
    let sandbox = Sandbox::new();
    for command in ["inspect", "verify", "restore"] {
        let damaged = path("damaged.tar.gz");
        let into = sandbox.target("none.sqlite");
        let arguments =
            if command == "restore" { vec![command, &damaged, "--into", &into] } else { vec![command, &damaged] };
        let outcome = sandbox.json(&arguments);
        assert_ne!(outcome.status, Some(0), "{command}");
        assert!(outcome.code().starts_with("archive."), "{command}: {outcome:#?}");
        assert!(!sandbox.path("none.sqlite").exists());
    }
}

/// A tar of these members.
fn tar(sandbox: &Sandbox, name: &str, members: &[(&str, &str)]) -> String {
    let mut tar = tar::Builder::new(std::fs::File::create(sandbox.path(name)).expect("a file"));
    for (path, text) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).expect("a member");
    }
    tar.into_inner().expect("an archive").flush().expect("written");
    sandbox.text(name)
}

fn table(columns: &str, rows: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><NewDataSet><xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"NewDataSet\">\
         <xs:complexType><xs:choice><xs:element name=\"t\"><xs:complexType><xs:sequence>{columns}</xs:sequence></xs:complexType></xs:element>\
         </xs:choice></xs:complexType></xs:element></xs:schema>{rows}</NewDataSet>"
    )
}

#[test]
fn hostile_tables_are_refused_with_their_place() {
    let sandbox = Sandbox::new();
    let id = "<xs:element name=\"id\" type=\"xs:int\" minOccurs=\"0\"/>";
    let million: String = (0..100_000).map(|at| format!("<xs:element name=\"c{at}\" type=\"xs:int\"/>")).collect();
    let bomb = format!("<!DOCTYPE a [<!ENTITY lol \"lol\">]>{}", table(id, "<t><id>&lol;</id></t>"));
    let huge = table(id, &format!("<t><id>{}</id></t>", "1".repeat(20 << 20)));
    let whole = table(id, "<t><id>1</id></t>");
    for (name, xml, code) in [
        ("bomb.tar", &bomb, "docspace.bad_xml"),
        ("million.tar", &table(&million, ""), "docspace.too_large"),
        ("entity.tar", &table(id, "<t><id>1</id></t><t><id>&lol;</id></t>"), "docspace.bad_xml"),
        ("value.tar", &table(id, "<t><id>1</id></t><t><id>one</id></t>"), "docspace.bad_value"),
        ("huge.tar", &huge, "docspace.too_large"),
        ("cut.tar", &whole.replace("</id></t></NewDataSet>", ""), "docspace.cut"),
        ("deep.tar", &table(id, &"<t>".repeat(100_000)), "docspace.bad_xml"),
    ] {
        let archive = tar(&sandbox, name, &[("databases/core/t", xml), ("storage/restore_info", "<storage_restore/>")]);
        let into = sandbox.target("none.sqlite");
        let outcome = sandbox.json(&["restore", &archive, "--into", &into]);
        assert!(!matches!(outcome.status, None | Some(0)), "{name}: {outcome:#?}");
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(told.contains(code) && told.contains("databases/core/t"), "{name}: {outcome:#?}");
        if sandbox.path("none.sqlite").exists() {
            assert_eq!(
                sandbox.query("none.sqlite", "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%docspace.t'"),
                "Integer(0)"
            );
        }
    }
    let archive = tar(&sandbox, "other.tar", &[("databases/core/t", "id\n1\n")]);
    assert_eq!(sandbox.json(&["inspect", &archive]).expect(3).code(), "catalog.unrecognised");
}
