//! A repository with backups of tables in three sizes, a database to back up, and users whose tokens are their names.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use reinstate::server::token_hash;
use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::support::server::Client;

/// Backups of `box` and the rows of their table `people`.
pub(crate) const SIZES: [(&str, u32); 3] = [("small", 50), ("middle", 10_000), ("large", 60_000)];

/// Targets `t0` to `t5`, the database `source`, and the repository `box`; `more` goes first.
pub(crate) fn config(more: &str) -> String {
    let mut text = format!("{more}\n[repositories.box]\nurl = '{{dir}}/box'\n");
    for name in ["source", "t0", "t1", "t2", "t3", "t4", "t5"] {
        let _ = write!(text, "[targets.{name}]\nurl = 'sqlite:{{dir}}/{name}.sqlite'\n");
    }
    for (name, role) in
        [("root", "admin"), ("ana", "operator"), ("ben", "operator"), ("cem", "operator"), ("dee", "operator")]
    {
        let _ = write!(text, "[users.{name}]\nrole = '{role}'\ntokens = ['{}']\n", token_hash(name));
    }
    text
}

/// Makes the repository and the database.
pub(crate) fn sandbox(sizes: &[(&str, u32)]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(&["repository", "add", "box", &sandbox.text("box")]).expect(0);
    for (name, rows) in sizes {
        let from = format!("{name}.sqlite");
        sandbox.sql(&from, &people(*rows));
        let to = format!("box/{name}");
        sandbox.run(&["backup", "create", "--from", &sandbox.target(&from), "--to", &to]).expect(0);
    }
    sandbox.sql("source.sqlite", &people(2_000));
    sandbox
}

fn people(rows: u32) -> String {
    format!(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight REAL, note TEXT);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO people SELECT i, 'person ' || i, i * 0.25, CASE WHEN i % 3 THEN hex(i * 7919) || ' says \"so\"' END FROM n;"
    )
}

/// A restore of a backup of `box`.
pub(crate) fn restore(backup: &str, target: &str, schema: &str) -> Value {
    json!({
        "archive": {"repository": "box", "backup": backup}, "target": target,
        "options": {"target_schema_map": {"main": schema}},
    })
}

/// Starts it, and gives the job's name.
#[track_caller]
pub(crate) fn started(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).expect(202).json()["id"].as_str().expect("a name").to_owned()
}

/// How many rows of the restored table differ from the source's, in either direction, and how many there are.
pub(crate) fn differences(restored: &Path, schema: &str, source: &Path) -> (i64, i64) {
    let connection = rusqlite::Connection::open(restored).expect("a database");
    connection.execute("ATTACH ?1 AS source", [source.to_str().expect("UTF-8")]).expect("attached");
    let table = if schema == "main" { "main.people".to_owned() } else { format!("main.\"{schema}.people\"") };
    let one = |query: String| connection.query_row(&query, [], |row| row.get::<_, i64>(0)).expect("a number");
    let less =
        |one: &str, other: &str| format!("(SELECT count(*) FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {other}))");
    let source = "source.people";
    let wrong = one(format!("SELECT {} + {}", less(&table, source), less(source, &table)));
    (wrong, one(format!("SELECT count(*) FROM {table}")))
}

/// A certificate for 127.0.0.1 that nobody but itself has signed, and its key.
pub(crate) fn certificate(sandbox: &Sandbox) {
    let settings = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n[name]\nCN = tests\n\
                    [more]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";
    std::fs::write(sandbox.path("openssl.cnf"), settings).expect("a file");
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -config openssl.cnf \
                     -keyout key.pem -out certificate.pem";
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace()).current_dir(sandbox.path("."));
    let made = command.output().expect("openssl is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
