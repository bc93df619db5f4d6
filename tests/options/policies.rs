//! What becomes of tables: each option's values, each with every policy and into an empty target.

use crate::scene::{Scene, codes};

/// How a case begins: which policy, and whether the target holds `people` already.
const COLUMNS: [(&str, bool); 4] = [("none", true), ("replace", true), ("rename", true), ("none", false)];

/// What a case ends with in each column: exit status, `people`, `copy.people`, and `old.people` or the generated schema's.
struct Row {
    options: &'static [&'static str],
    ends: [(i32, [&'static str; 3]); 4],
}

const fn row(options: &'static [&'static str], ends: [(i32, [&'static str; 3]); 4]) -> Row {
    Row { options, ends }
}

/// The live table was in the way and nothing happened.
const REFUSED: (i32, [&str; 3]) = (3, ["live", "-", "-"]);
/// Nothing happened in an empty target.
const NOTHING: (i32, [&str; 3]) = (3, ["-", "-", "-"]);
const RESTORED: (i32, [&str; 3]) = (0, ["archive", "-", "-"]);
const MOVED: (i32, [&str; 3]) = (0, ["archive", "-", "live"]);
/// What is usual under each policy.
const USUAL: [(i32, [&str; 3]); 4] = [REFUSED, RESTORED, MOVED, RESTORED];

/// Every option of the whole restore, every value.
const ROWS: &[Row] = &[
    row(&[], USUAL),
    row(&["--backup-id", ""], USUAL),
    row(&["--backup-id", "1"], USUAL),
    row(&["--backup-id", "2"], [REFUSED, REFUSED, REFUSED, NOTHING]),
    row(&["--checksum"], USUAL),
    row(&["--checksum=true"], USUAL),
    row(&["--checksum=false"], USUAL),
    row(&["--create-schema-if-not-exist"], USUAL),
    row(&["--create-schema-if-not-exist=true"], USUAL),
    row(&["--create-schema-if-not-exist=false"], USUAL),
    row(&["--ddl-only"], [REFUSED, (0, ["empty", "-", "-"]), (0, ["empty", "-", "live"]), (0, ["empty", "-", "-"])]),
    row(&["--dry-run"], [REFUSED, (0, ["live", "-", "-"]), (0, ["live", "-", "-"]), (0, ["-", "-", "-"])]),
    row(&["--dry-run=true"], [REFUSED, (0, ["live", "-", "-"]), (0, ["live", "-", "-"]), (0, ["-", "-", "-"])]),
    row(&["--dry-run=false"], USUAL),
    row(&["--reingest"], USUAL),
    row(&["--reingest=true"], USUAL),
    row(&["--reingest=false"], USUAL),
    row(&["--renamed-objects-schema", "old"], USUAL),
    row(&["--cascade-foreign-keys"], USUAL),
    row(&["--cascade-foreign-keys=true"], USUAL),
    row(&["--cascade-foreign-keys=false"], USUAL),
    row(&["--restore-all-permissions"], USUAL),
    row(&["--restore-all-permissions=true"], USUAL),
    row(&["--restore-all-permissions=false"], USUAL),
    row(
        &["--target-schema-map", "main=copy"],
        [
            (0, ["live", "archive", "-"]),
            (0, ["live", "archive", "-"]),
            (0, ["live", "archive", "-"]),
            (0, ["-", "archive", "-"]),
        ],
    ),
    row(
        &["--target-schema-map", "main: copy", "--create-schema-if-not-exist=true"],
        [
            (0, ["live", "archive", "-"]),
            (0, ["live", "archive", "-"]),
            (0, ["live", "archive", "-"]),
            (0, ["-", "archive", "-"]),
        ],
    ),
    row(
        &["--target-schema-map", "main: copy", "--create-schema-if-not-exist=false"],
        [REFUSED, REFUSED, REFUSED, NOTHING],
    ),
    row(&["--target-schema-map", "Main: copy"], [REFUSED, REFUSED, REFUSED, NOTHING]),
    row(&["--take-access", "--identity", "zoe"], USUAL),
    row(&["--identity", "zoe"], USUAL),
    // A kind's own policy wins.
    row(&["--restore-policy", "table=replace"], [RESTORED, RESTORED, RESTORED, RESTORED]),
    row(&["--restore-policy", "table=rename"], [MOVED, MOVED, MOVED, RESTORED]),
    row(&["--restore-policy", "table=none"], [REFUSED, REFUSED, REFUSED, RESTORED]),
    row(&["--restore-policy", "user=replace,view=rename"], USUAL),
];

#[test]
fn every_value_with_every_policy() {
    let scene = Scene::new();
    for (number, Row { options, ends }) in ROWS.iter().enumerate() {
        for (column, ((policy, live), (status, [people, copy, aside]))) in COLUMNS.iter().zip(ends).enumerate() {
            let name = format!("case{number}-{column}.sqlite");
            let before = live.then(|| std::fs::read(scene.sandbox.path("live.sqlite")).expect("a file"));
            let outcome = scene.restore(&name, *live, &[&["--restore-policy", policy][..], options].concat());
            assert_eq!(outcome.status, Some(*status), "{options:?} with {policy}, live {live}: {outcome:#?}");
            let renamed = renamed(&scene, &name);
            let found = ["people", "copy.people", &renamed].map(|table| scene.people(&name, table));
            assert_eq!(found, [*people, *copy, *aside], "{options:?} with {policy}, live {live}");
            if options.contains(&"--renamed-objects-schema") && *aside == "live" {
                assert_eq!(renamed, "old.people");
            }
            let dry = options.iter().any(|option| matches!(*option, "--dry-run" | "--dry-run=true"));
            if *status == 3 || dry {
                let after = std::fs::read(scene.sandbox.path(&name)).ok();
                assert_eq!(before, after, "{options:?} with {policy} wrote something");
            }
            assert_eq!(outcome.json().get("steps").is_some(), dry, "A dry run answers with the plan");
        }
    }
}

/// The table that was moved aside, whatever its schema is called.
fn renamed(scene: &Scene, name: &str) -> String {
    let query =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%.people' AND name NOT LIKE 'copy.%'
        AND name NOT LIKE 'reinstate%'";
    scene.values(name, query)
}

#[test]
fn a_damaged_archive_is_noticed_unless_nobody_looks() {
    let scene = Scene::new();
    let line = "mkdir un && tar xf archive.tar -C un && cd un/data && f=$(find . -path '*people*' -name '*.zst') && \
        zstd -q -d $f -o ../../rows && sed -i 's/person 7/PERSON 7/' ../../rows && zstd -q -f ../../rows -o $f";
    assert_eq!(scene.sandbox.shell(line).status, Some(0));
    let archive = scene.sandbox.text("un");
    let scene = Scene { archive, ..scene };
    let seventh = "SELECT name FROM people WHERE id = 7";
    for (policy, live) in COLUMNS {
        for (checksum, read) in [("--checksum=true", false), ("--checksum=false", true)] {
            let name = format!("{policy}{live}{read}.sqlite");
            let outcome = scene.restore(&name, live, &["--restore-policy", policy, checksum]);
            let (status, value) = match (policy, live, read) {
                ("none", true, _) => (3, "-"),
                (_, _, false) => (1, "-"),
                (_, _, true) => (0, "PERSON 7"),
            };
            assert_eq!(outcome.status, Some(status), "{policy} {live} {checksum}: {outcome:#?}");
            assert_eq!(scene.values(&name, seventh), value, "{policy} {live} {checksum}");
            if status == 1 {
                assert_eq!(outcome.code(), "archive.checksum_mismatch");
            }
        }
    }
}

#[test]
fn tables_that_refer_to_what_gives_way_go_out_of_sight_and_come_back() {
    let live =
        "CREATE TABLE people(id INTEGER PRIMARY KEY, old TEXT); INSERT INTO people VALUES (1, 'x'), (2, 'y'), (3, 'z');
        CREATE TABLE visits(id INTEGER PRIMARY KEY, person REFERENCES people(id)); INSERT INTO visits VALUES (1, 3);
        CREATE INDEX visits_person ON visits(person);
        CREATE TABLE notes(visit REFERENCES visits(id), note TEXT); INSERT INTO notes VALUES (1, 'n');
        CREATE TABLE bystander(id); INSERT INTO bystander VALUES (7);";
    let scene = Scene::with(live);
    let tables = |name: &str| {
        let query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'reinstate%' ORDER BY 1";
        let moved = renamed(&scene, name);
        let found = scene.values(name, query);
        if moved.is_empty() { found } else { found.replace(&moved, "aside") }
    };
    for (policy, live, cascade, status, expected) in [
        ("none", true, "=false", 3, "bystander,notes,people,visits"),
        ("none", true, "=true", 3, "bystander,notes,people,visits"),
        // Its rows find theirs in what is restored.
        ("replace", true, "=false", 0, "bystander,notes,people,teams,visits"),
        ("replace", true, "=true", 0, "bystander,people,teams"),
        ("rename", true, "=false", 0, "aside,bystander,notes,people,teams,visits"),
        ("rename", true, "=true", 0, "aside,bystander,notes,people,teams,visits"),
        ("none", false, "=true", 0, "people,teams"),
    ] {
        let name = format!("{policy}{live}{cascade}.sqlite").replace('=', "-");
        let option = format!("--cascade-foreign-keys{cascade}");
        let outcome = scene.restore(&name, live, &["--restore-policy", policy, &option]);
        assert_eq!(outcome.status, Some(status), "{policy} {cascade}: {outcome:#?}");
        assert_eq!(tables(&name), expected, "{policy} {live} {cascade}");
        let stay = policy == "replace" && cascade == "=false";
        assert_eq!(codes(&outcome).contains(&"plan.referrers".to_owned()), stay, "{outcome:#?}");
        if stay {
            let said = outcome.json()["findings"].to_string();
            assert!(said.contains("table main.visits") && said.contains("--cascade-foreign-keys"), "{said}");
        }
    }
    scene.sandbox.sql("live.sqlite", "INSERT INTO people VALUES (99, 'gone'); INSERT INTO visits VALUES (2, 99)");
    let orphaned = scene.restore("orphaned.sqlite", true, &["--restore-policy", "replace"]).expect(1);
    assert_eq!(orphaned.code(), "target.foreign_key");
    assert_eq!(tables("orphaned.sqlite"), "bystander,notes,people,visits");
    assert!(orphaned.json()["findings"].to_string().contains("--cascade-foreign-keys"), "{orphaned:#?}");
    let name = "undone.sqlite";
    let report = scene.restore(name, true, &["--restore-policy", "replace", "--cascade-foreign-keys"]).expect(0).json();
    let dropped = &report["dropped_objects"];
    assert_eq!((&dropped["main.visits"], &dropped["main.notes"]), (&"table".into(), &"table".into()), "{report:#}");
    assert_eq!(report["info"]["dropped_objects"], "main.notes, main.visits");
    let (job, into) = (report["job"].as_str().expect("a job"), scene.sandbox.target(name));
    scene.sandbox.run(&["undo", job, "--into", &into]).expect(0);
    assert_eq!(tables(name), "bystander,notes,people,visits");
    assert_eq!(scene.values(name, "SELECT person || note FROM visits JOIN notes ON visit = id"), "3n");
    assert_eq!(scene.values(name, "SELECT count(*) FROM sqlite_schema WHERE name = 'visits_person'"), "1");
    scene.sandbox.run(&["undo", job, "--into", &into]).expect(0);
    assert_eq!(tables(name), "bystander,people,teams");
    scene.sandbox.run(&["discard", job, "--into", &into]).expect(0);
    assert_eq!(tables(name), "bystander,people,teams");
}
