//! What end-to-end tests share: a folder of their own, the real binary, and a database's logical content.
#![allow(dead_code, unreachable_pub, reason = "Each test file uses its own part of it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub mod misbehaving;
pub mod postgres;
pub mod server;

/// A folder that vanishes, in which the binary runs.
pub struct Sandbox {
    dir: tempfile::TempDir,
}

/// What a run of the binary said.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The one JSON value on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not one JSON value ({error}): {self:?}"))
    }

    /// The status must be that; gives the outcome back.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    /// The stable code of the error in the answer.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// `sqlite:` and the path of that name here.
    pub fn target(&self, name: &str) -> String {
        format!("sqlite:{}", self.text(name))
    }

    /// The binary with these arguments, in this folder, with a cache that all tests share.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reinstate"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("REINSTATE_INTO")
            .env("HOME", self.dir.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("REINSTATE_CONFIG")
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        finish(self.command(arguments).spawn().expect("the binary starts"))
    }

    /// Runs with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Outcome {
        self.run(&[arguments, &["--json"]].concat())
    }

    /// Runs with fail points set; `name=return` kills the process there, `name=3*off->return` at the fourth time.
    pub fn run_with_failpoints(&self, points: &str, arguments: &[&str]) -> Outcome {
        finish(self.command(arguments).env("FAILPOINTS", points).spawn().expect("the binary starts"))
    }

    /// Packs a folder of `tests/data` (or any path) into `name`.
    pub fn pack(&self, folder: &Path, name: &str) -> String {
        let out = self.text(name);
        let folder = folder.to_str().expect("UTF-8");
        self.run(&["pack", folder, "-o", &out, "--name", "test", "--id", "1"]).expect(0);
        out
    }

    /// Runs a shell command line as an operator would, with the binary as `reinstate`.
    pub fn shell(&self, line: &str) -> Outcome {
        let binary = Path::new(env!("CARGO_BIN_EXE_reinstate"));
        let path =
            format!("{}:{}", binary.parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.dir.path())
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("REINSTATE_CONFIG")
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(command.spawn().expect("a shell"))
    }

    /// Runs SQL in a database here.
    pub fn sql(&self, name: &str, statements: &str) {
        let connection = rusqlite::Connection::open(self.path(name)).expect("a database");
        connection.execute_batch(statements).expect("the statements run");
    }

    /// One value of a database here.
    pub fn query(&self, name: &str, query: &str) -> String {
        let connection = rusqlite::Connection::open(self.path(name)).expect("a database");
        let value: rusqlite::types::Value = connection.query_row(query, [], |row| row.get(0)).expect("a row");
        format!("{value:?}")
    }

    /// The only interrupted job of a target here.
    pub fn interrupted_job(&self, name: &str) -> Option<String> {
        let jobs = self.json(&["jobs", "--into", &self.target(name)]).expect(0).json();
        let jobs = jobs.as_array().expect("a list");
        let job = jobs.iter().find(|job| job["status"] == "interrupted")?;
        Some(job["job"].as_str().expect("a name").to_owned())
    }
}

/// Waits for a child and collects what it said.
pub fn finish(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("the process ends");
    Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `tests/data` of this checkout.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

/// A larger collection of real data beside the checkout, where there is one.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    path.exists().then_some(path)
}

/// Everything a user of the database can see: definitions, rows, and the objects that are kept as documents. Rowids
/// and bookkeeping are left out, so that equal contents give equal texts whatever way they came about.
pub fn logical_content(path: &Path) -> String {
    if !path.exists() {
        return String::new();
    }
    let connection = rusqlite::Connection::open(path).expect("a database");
    let mut text = String::new();
    let objects = rows(
        &connection,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema
         WHERE name NOT LIKE 'reinstate\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'reinstate\\_%' ESCAPE '\\'
           AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2",
    );
    for object in &objects {
        let _ = writeln!(text, "{object:?}");
        if object[0] == "Text(\"table\")" {
            let name = object[1].trim_start_matches("Text(").trim_end_matches(')');
            let name: String = serde_json::from_str(name).expect("a name");
            let mut lines: Vec<String> = rows(&connection, &format!("SELECT * FROM \"{}\"", name.replace('"', "\"\"")))
                .iter()
                .map(|row| format!("{row:?}"))
                .collect();
            lines.sort();
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    let kept: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'reinstate_objects'", [], |row| row.get(0))
        .expect("a count");
    if kept == 1 {
        let documents = "SELECT kind, schema, name, definition FROM reinstate_objects WHERE state = 'live' AND definition IS NOT NULL ORDER BY 1, 2, 3";
        for document in rows(&connection, documents) {
            let _ = writeln!(text, "{document:?}");
        }
    }
    text
}

fn rows(connection: &rusqlite::Connection, query: &str) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(query).expect("a query");
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("rows");
    let mut all = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        all.push(
            (0..columns)
                .map(|at| format!("{:?}", row.get::<_, rusqlite::types::Value>(at).expect("a value")))
                .collect(),
        );
    }
    all
}

/// The Python that `tests/run` gives the real clients and a browser's driver; none where tests are run by themselves, never in CI.
#[allow(clippy::print_stdout, reason = "Shown with --nocapture")]
pub fn python() -> Option<String> {
    let python = std::env::var("REINSTATE_TEST_PYTHON").ok();
    if python.is_none() {
        assert!(std::env::var_os("CI").is_none(), "tests/run names it in REINSTATE_TEST_PYTHON");
        println!("Left out: REINSTATE_TEST_PYTHON names no Python");
    }
    python
}

/// Writes a file of a folder that is packed.
pub fn write_file(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// What `people` and `teams` look like: their columns and constraints.
pub fn write_schema(folder: &Path) {
    write_file(
        folder,
        "columns.json",
        r#"{"people": [{"name": "id", "type": "integer", "nullable": false, "default": null},
                       {"name": "name", "type": "text", "nullable": false, "default": null},
                       {"name": "team_id", "type": "integer", "nullable": true, "default": null}],
            "teams":  [{"name": "id", "type": "integer", "nullable": false, "default": null},
                       {"name": "name", "type": "text", "nullable": true, "default": null}]}"#,
    );
    write_file(
        folder,
        "constraints.json",
        r#"[{"table": "people", "name": "people_pkey", "kind": "p", "definition": "PRIMARY KEY (id)"},
            {"table": "teams", "name": "teams_pkey", "kind": "p", "definition": "PRIMARY KEY (id)"},
            {"table": "people", "name": "people_team", "kind": "f", "definition": "FOREIGN KEY (team_id) REFERENCES teams(id)"}]"#,
    );
}

/// A folder to pack with two tables that refer to each other's rows, a view, users, functions and a graph.
pub fn small_folder(folder: &Path, rows: u32) {
    let write = |name: &str, text: &str| write_file(folder, name, text);
    let mut people = String::from("id,name,team_id\n");
    for id in 1..=rows {
        let _ = writeln!(people, "{id},person {id},{}", id % 5 + 1);
    }
    write("tables/people.csv", &people);
    write("tables/teams.csv", "id,name\n1,red\n2,green\n3,blue\n4,\"\"\n5,\n");
    write_schema(folder);
    write("roles.json", r#"[{"name": "readers"}]"#);
    write(
        "users.json",
        r#"[{"name": "ann", "password_hash": "SCRAM-SHA-256$4096:x$y:z", "memberships": [{"role": "readers"}],
             "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "people"}}],
             "tokens": [{"id": "t1", "hash": "abc", "description": "laptop"}]}]"#,
    );
    write("functions.json", r#"[{"name": "one", "language": "sql", "definition": "SELECT 1"}]"#);
    write("graphs/friends/nodes.csv", "id,name\n1,a\n2,b\n3,c\n");
    write("graphs/friends/edges.csv", "source,target\n1,2\n2,3\n");
}
