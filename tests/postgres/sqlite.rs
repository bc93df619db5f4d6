//! The tables of pg_dump's archives in SQLite, row for row.

use crate::scene::{dumps, job};
use crate::support::Sandbox;

#[test]
fn tables_arrive_with_all_their_rows() {
    for dump in dumps().into_iter().filter(|dump| dump.is_whole() && dump.database != "torture") {
        let sandbox = Sandbox::new();
        let archive = dump.path.to_str().expect("UTF-8");
        let target = sandbox.target("restored.sqlite");
        let report = sandbox
            .json(&["restore", archive, "--into", &target, "--target-schema-map", "public=main", "--allow", "all"])
            .expect(0)
            .json();
        let Some(golden) = dump.golden() else { continue };
        for (name, values) in &golden["tables"] {
            let (Some(Some(rows)), Some(table)) = (values.first(), name.strip_prefix("\"public\".")) else { continue };
            if report["restored_objects"]
                .get(format!("main.{}", table.trim_matches('"')))
                .is_none_or(|kind| kind != "table")
            {
                continue;
            }
            let count = sandbox.query("restored.sqlite", &format!("SELECT count(*) FROM {table}"));
            assert_eq!(count, format!("Integer({rows})"), "{archive}: {name}");
        }
        assert!(report["restored_records"].as_u64().is_some_and(|rows| rows > 0), "{report:#}");
        sandbox.json(&["undo", &job(&report), "--into", &target]).expect(0);
    }
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
