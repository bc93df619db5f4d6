//! The tables of pg_dump's archives in SQLite, row for row.

use crate::scene::{Dump, Scene, dumps, job};
use crate::support::Sandbox;

#[test]
fn tables_arrive_with_all_their_rows() {
    for dump in dumps().into_iter().filter(Dump::is_whole) {
        let sandbox = Sandbox::new();
        let archive = dump.path.to_str().expect("UTF-8");
        let target = sandbox.target("restored.sqlite");
        let home = if dump.database == "torture" { "t" } else { "public" };
        let map = format!("{home}=main");
        let mut arguments = vec!["restore", archive, "--into", &target, "--target-schema-map", &map];
        if dump.database == "torture" && dump.how.contains("inserts") {
            // INSERT statements name no columns, and the definition of a table that inherits some does not list them.
            sandbox.json(&arguments).expect(3);
            arguments.extend(["--exclude", "table:t.kid", "--exclude", "privileges:t.TABLE kid"]);
        }
        let report = sandbox.json(&arguments).expect(0).json();
        assert!(report["restored_records"].as_u64().is_some_and(|rows| rows > 0), "{report:#}");
        let golden = dump.golden();
        let tables = golden.iter().flat_map(|golden| &golden["tables"]);
        for (name, values) in tables {
            let Some(Some(rows)) = values.first() else { continue };
            let (schema, table) = parts(name);
            let schema = if schema == home { "main" } else { schema };
            let is_made =
                report["restored_objects"].get(format!("{schema}.{table}")).is_some_and(|kind| kind == "table");
            if !is_made || is_without_columns(&report, name) {
                continue;
            }
            let file = if schema == "main" { table } else { format!("{schema}.{table}") };
            let query = format!("SELECT count(*) FROM \"{}\"", file.replace('"', "\"\""));
            assert_eq!(sandbox.query("restored.sqlite", &query), format!("Integer({rows})"), "{archive}: {name}");
        }
        sandbox.json(&["undo", &job(&report), "--into", &target]).expect(0);
    }
}

/// Schema and table of `"s"."t"`, quotes inside them undoubled.
fn parts(name: &str) -> (&str, String) {
    let (schema, table) = name.trim_matches('"').split_once("\".\"").expect("a qualified name");
    (schema, table.replace("\"\"", "\""))
}

/// PostgreSQL has such tables; the plan says that they are not kept.
fn is_without_columns(report: &serde_json::Value, name: &str) -> bool {
    let findings = report["findings"].as_array().expect("a list");
    let object = format!("table {}", name.replace('"', ""));
    let says = |finding: &serde_json::Value, word: &str, text: &str| {
        finding[word].as_str().is_some_and(|said| said.contains(text))
    };
    findings.iter().any(|finding| finding["object"] == *object && says(finding, "message", "no columns"))
}

#[test]
fn what_postgresql_alone_has_does_not_stop_a_restore() {
    let scene = Scene::new();
    let statements = "CREATE TABLE nocols (); INSERT INTO nocols DEFAULT VALUES;
        CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE late (a int);
        INSERT INTO late VALUES (-1), (7);
        ALTER TABLE late ADD CONSTRAINT nv CHECK (a > 0) NOT VALID;
        ALTER TABLE late ADD CONSTRAINT nvfk FOREIGN KEY (a) REFERENCES a NOT VALID;";
    let archive = scene.dump("late.dump", statements, &[]);
    let target = scene.sandbox.target("late.sqlite");
    let arguments =
        ["restore", archive.to_str().expect("UTF-8"), "--into", &target, "--target-schema-map", "public=main"];
    let report = scene.sandbox.json(&arguments).expect(0).json();
    assert!(is_without_columns(&report, "\"public\".\"nocols\""), "{report:#}");
    let told = report["findings"].as_array().expect("a list").iter().any(|finding| {
        let message = finding["message"].as_str().unwrap_or_default();
        finding["severity"] == "warning" && message.contains("`nv`") && message.contains("`nvfk`")
    });
    assert!(told, "{report:#}");
    assert_eq!(scene.sandbox.query("late.sqlite", "SELECT sum(a) FROM late"), "Integer(6)");
    let made = "SELECT count(*) FROM sqlite_schema WHERE name = 'nocols'";
    assert_eq!(scene.sandbox.query("late.sqlite", made), "Integer(0)");
    scene.sandbox.json(&["undo", &job(&report), "--into", &target]).expect(0);
}

#[test]
fn what_sqlite_cannot_keep_is_told_in_the_plan() {
    let Some(dump) = dumps().into_iter().find(|dump| dump.database == "torture" && dump.is_whole()) else {
        panic!("an archive is missing from tests/data/pg");
    };
    let sandbox = Sandbox::new();
    let archive = dump.path.to_str().expect("UTF-8");
    let plan = sandbox
        .json(&[
            "plan",
            archive,
            "--into",
            &sandbox.target("restored.sqlite"),
            "--target-schema-map",
            "t=main",
            "-n",
            "t",
        ])
        .json();
    let findings = plan["findings"].as_array().unwrap_or_else(|| panic!("{plan:#}"));
    assert!(findings.iter().any(|finding| finding["severity"] == "warning"), "{plan:#}");
    assert!(findings.iter().all(|finding| finding["code"].as_str().is_some_and(|code| code.contains('.'))), "{plan:#}");
    assert!(!sandbox.path("restored.sqlite").exists(), "a plan wrote something");
}
