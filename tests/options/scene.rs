//! An archive of two tables and three principals, and targets that hold something of the same names.

use std::path::Path;

use serde_json::Value;

use crate::support::{Outcome, Sandbox, write_file, write_schema};

/// A folder with an archive, and a live target that is copied for every case.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) archive: String,
}

/// Twenty people in the backup; three of another kind in the live target.
const LIVE: &str = "CREATE TABLE people(id INTEGER PRIMARY KEY, old TEXT);
    INSERT INTO people VALUES (1, 'x'), (2, 'y'), (3, 'z');";

impl Scene {
    pub(crate) fn new() -> Self {
        Self::of(&Sandbox::new(), LIVE)
    }

    /// With another live target.
    pub(crate) fn with(live: &str) -> Self {
        Self::of(&Sandbox::new(), live)
    }

    fn of(sandbox: &Sandbox, live: &str) -> Self {
        let scene = Self { sandbox: Sandbox::new(), archive: String::new() };
        let _ = sandbox;
        let folder = scene.sandbox.path("folder");
        write_folder(&folder);
        let archive = scene.sandbox.pack(&folder, "archive.tar");
        scene.sandbox.sql("live.sqlite", live);
        Self { archive, ..scene }
    }

    /// Restores into a new copy of the live target, or into nothing; gives the outcome and the target's name.
    pub(crate) fn restore(&self, name: &str, live: bool, options: &[&str]) -> Outcome {
        if live {
            std::fs::copy(self.sandbox.path("live.sqlite"), self.sandbox.path(name)).expect("a copy");
        }
        self.again(name, options)
    }

    /// Restores into a target that is there.
    pub(crate) fn again(&self, name: &str, options: &[&str]) -> Outcome {
        let into = self.sandbox.target(name);
        self.sandbox.json(&[&["restore", self.archive.as_str(), "--into", &into][..], options].concat())
    }

    /// The first values of a query's rows, joined by commas; `-` where there is no such table.
    pub(crate) fn values(&self, name: &str, query: &str) -> String {
        if !self.sandbox.path(name).exists() {
            return "-".to_owned();
        }
        let connection = rusqlite::Connection::open(self.sandbox.path(name)).expect("a database");
        let Ok(mut statement) = connection.prepare(query) else { return "-".to_owned() };
        let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).expect("rows");
        let text = |value| match value {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        rows.map(|value| text(value.expect("a value"))).collect::<Vec<_>>().join(",")
    }

    /// What `people` is: `live`, `archive`, `empty` (the archive's, without rows) or `-`.
    pub(crate) fn people(&self, name: &str, table: &str) -> &'static str {
        let count = self.values(name, &format!("SELECT count(*) FROM \"{table}\""));
        let column = self.values(name, &format!("SELECT name FROM pragma_table_info('{table}') WHERE cid = 1"));
        match (column.as_str(), count.as_str()) {
            ("old", "3") => "live",
            ("name", "20") => "archive",
            ("name", "0") => "empty",
            ("", "-") | ("-", "-") => "-",
            other => panic!("{table} is {other:?}"),
        }
    }
}

/// Codes of findings.
pub(crate) fn codes(outcome: &Outcome) -> Vec<String> {
    let json = outcome.json();
    let findings = json["findings"].as_array().cloned().unwrap_or_default();
    findings.iter().map(|finding: &Value| finding["code"].as_str().unwrap_or_default().to_owned()).collect()
}

fn write_folder(folder: &Path) {
    let write = |name: &str, text: &str| write_file(folder, name, text);
    let people: String = (1..=20).map(|id| format!("{id},person {id},{}\n", id % 2 + 1)).collect();
    write("tables/people.csv", &format!("id,name,team_id\n{people}"));
    write("tables/teams.csv", "id,name\n1,red\n2,green\n");
    write_schema(folder);
    write(
        "roles.json",
        r#"[{"name": "readers", "memberships": [{"role": "staff"}],
             "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "teams"}}]},
            {"name": "staff"}]"#,
    );
    write(
        "users.json",
        r#"[{"name": "ann", "password_hash": "SCRAM-SHA-256$4096:x$y:z", "memberships": [{"role": "readers"}],
             "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "people"}},
                             {"privilege": "SELECT", "on": {"kind": "table", "schema": "main", "name": "teams"}},
                             {"privilege": "admin"}],
             "tokens": [{"id": "t1", "hash": "abc", "description": "laptop"}]}]"#,
    );
}
