//! Archives whose container is right and whose contents are not: damage, lies, and attacks on the target.

use serde_json::{Value, json};

use super::craft::{Build, Parts, wide};
use super::scene::{Expected, Scene};

/// The rows of `teams` in the honest archive.
const HONEST: &[u8] = b"id,name\n1,red\n2,green\n3,blue\n4,\"\"\n5,\n";

/// The honest archive, changed.
fn edited(honest: &Parts, change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = honest.clone();
    change(&mut parts);
    parts.made()
}

#[test]
fn every_flipped_bit_of_a_payload_is_told() {
    let scene = Scene::new();
    let honest = scene.honest();
    let packed = Parts::of(&honest).member("table", "people").clone();
    let start = honest.windows(packed.1.len()).position(|window| window == packed.1).expect("the payload");
    // The first bytes are the frame's header, where some bits mean nothing or a larger window.
    for at in (16..packed.1.len()).step_by(packed.1.len() / 12) {
        let mut bytes = honest.clone();
        bytes[start + at] ^= 1 << (at % 8);
        let archive = scene.archive(&bytes);
        let expected =
            Expected::failed("flip", "archive.checksum_mismatch").object("table main.people").entry(&packed.0);
        scene.fails(&archive, &[], expected);
        let verified = scene.sandbox.json(&["verify", &archive]).expect(1).json();
        assert_eq!(verified["errors"][0]["entry"], packed.0, "{verified:#}");
    }
}

#[test]
fn a_payload_with_other_rows_is_told() {
    let scene = Scene::new();
    let mut parts = Parts::of(&scene.honest());
    let other = b"id,name\n1,red\n2,green\n3,black\n4,\"\"\n5,\n";
    let sound = b"id,name\n1,red\n2,green\n3,white\n4,\"\"\n5,\n";
    parts.set_entry("table", "teams", sound, 5);
    parts.member("table", "teams").1 = ::zstd::bulk::compress(other, 3).expect("compressed");
    let archive = scene.archive(&parts.made());
    scene.fails(&archive, &[], Expected::failed("swapped", "archive.checksum_mismatch").object("table main.teams"));
    // Whoever says that digests do not matter gets what is there.
    scene.restore(&archive, &["--checksum=false"]).expect(0);
    assert_eq!(scene.sandbox.query("target.sqlite", "SELECT name FROM teams WHERE id = 3"), "Text(\"black\")");
}

#[test]
fn every_flipped_bit_of_the_manifest_is_told() {
    let scene = Scene::new();
    let honest = scene.honest();
    let end = honest.windows(9).position(|window| window == b"\"totals\":").expect("the manifest's end");
    for at in (512..end).step_by((end - 512) / 12) {
        let mut bytes = honest.clone();
        bytes[at] ^= 1 << (at % 8);
        let archive = scene.archive(&bytes);
        scene.fails(&archive, &[], Expected::refused("flip", "catalog.checksum_mismatch").entry("manifest.json"));
    }
}

#[test]
fn manifests_that_lie_are_refused() {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    let entry = |parts: &mut Parts, member: &str, value: Value| {
        parts.object("table", "teams")["entries"][0][member] = value;
    };
    let text = honest.manifest.to_string();
    let nested = text.replacen("\"attributes\":{", &format!("\"attributes\":{{\"x\":{}", "[".repeat(200_000)), 1);
    let path = honest.clone().member("table", "people").0.clone();
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("no JSON", honest.with_manifest(b"<html>").end(), "catalog.bad_manifest", ""),
        ("nothing", honest.with_manifest(b"").end(), "catalog.bad_manifest", ""),
        ("nested too deeply", honest.with_manifest(nested.as_bytes()).end(), "catalog.bad_manifest", ""),
        ("another version", edited(&honest, |parts| parts.manifest["version"] = 9.into()), "catalog.bad_manifest", ""),
        (
            "wrong totals",
            edited(&honest, |parts| parts.manifest["totals"]["rows"] = 1.into()),
            "catalog.bad_manifest",
            "",
        ),
        (
            "an entry out",
            edited(&honest, |parts| entry(parts, "path", "../../etc/passwd".into())),
            "archive.entry_missing",
            "../../etc/passwd",
        ),
        (
            "an entry that steers the terminal",
            edited(&honest, |parts| entry(parts, "path", "\u{1b}[2J\u{202e}".into())),
            "archive.entry_missing",
            "\\u{1b}[2J\\u{202e}",
        ),
        (
            "an entry of another",
            edited(&honest, |parts| entry(parts, "path", json!(path))),
            "catalog.bad_manifest",
            "people",
        ),
        (
            "a bomb",
            edited(&honest, |parts| {
                entry(parts, "bytes", 9_000_000_000_000_u64.into());
                parts.add_up();
            }),
            "archive.limit",
            "teams",
        ),
        (
            "sizes beyond every number",
            edited(&honest, |parts| {
                entry(parts, "bytes", u64::MAX.into());
                parts.object("table", "people")["entries"][0]["bytes"] = u64::MAX.into();
            }),
            "catalog.bad_manifest",
            "",
        ),
        (
            "an object twice",
            edited(&honest, |parts| {
                parts.object("table", "teams")["entries"] = json!([]);
                parts.object("table", "teams")["name"] = "people".into();
                parts.members.retain(|(path, _)| !path.contains("teams"));
                parts.add_up();
            }),
            "catalog.bad_manifest",
            "",
        ),
        ("without its digest", without_digest(&honest), "archive.entry_missing", "manifest.json.sha256"),
    ];
    for (what, bytes, code, entry) in cases {
        let archive = scene.archive(&bytes);
        scene.fails(&archive, &[], Expected::refused(what, code).entry(entry));
    }
}

fn without_digest(parts: &Parts) -> Vec<u8> {
    let build = Build::default().file("manifest.json", parts.manifest.to_string().as_bytes());
    parts.members.iter().fold(build, |build, (path, body)| build.file(path, body)).end()
}

/// The manifest is as it should be, and what it says of the payload is not so.
#[test]
fn payloads_that_are_not_what_the_manifest_says_fail_their_object() {
    const TEAMS: &str = "table main.teams";
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    let with = |bytes: &[u8], rows| edited(&honest, |parts| parts.set_entry("table", "teams", bytes, rows));
    let rows = b"id,name\n1,red\n2,green\n3,blue\n4,x\n5,y\n";
    let trailing = |parts: &mut Parts| parts.member("table", "teams").1.extend_from_slice(b"junk");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("fewer rows than it says", with(rows, 6), "plugin.count_mismatch"),
        ("more rows than it says", with(rows, 4), "plugin.count_mismatch"),
        ("no column names", with(b"\n", 0), "table.bad_columns"),
        ("other columns", with(b"id,nome\n1,red\n", 1), "table.bad_columns"),
        ("a field too many", with(b"id,name\n1,red,green\n", 1), "table.bad_csv"),
        ("an open quote", with(b"id,name\n1,\"red\n", 1), "table.bad_csv"),
        ("not UTF-8", with(b"id,name\n1,\xff\xfe\n", 1), "table.bad_value"),
        ("not a number", with(b"id,name\nx,red\n", 1), "table.bad_value"),
        ("the same key twice", with(b"id,name\n1,red\n1,red\n", 2), "target.constraint"),
        ("a missing reference", with(b"id,name\n1,red\n", 1), "target.foreign_key"),
        ("junk behind the payload", edited(&honest, trailing), "archive.checksum_mismatch"),
        (
            "a window of 128 MiB",
            edited(&honest, |parts| parts.member("table", "teams").1 = wide(HONEST)),
            "archive.limit",
        ),
    ];
    let empty = scene.archive(&with(b"", 5));
    scene.fails(&empty, &[], Expected::refused("rows in no bytes", "archive.bad_counts").object(TEAMS));
    for (what, bytes, code) in cases {
        let archive = scene.archive(&bytes);
        let object = if code == "target.foreign_key" { "table main.people" } else { TEAMS };
        scene.fails(&archive, &[], Expected::failed(what, code).object(object));
    }
}

#[test]
fn a_kind_that_nobody_restores_is_a_finding() {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    let archive = scene.archive(&edited(&honest, |parts| parts.object("role", "readers")["kind"] = "hologram".into()));
    let report = scene.fails(&archive, &[], Expected::refused("hologram", "plugin.missing_kind").object("hologram"));
    let finding = &report["findings"][0];
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.contains("--plugins")), "{report:#}");
    scene.restore(&archive, &["--exclude", "hologram", "--exclude", "user"]).expect(0);
}

/// SQL where an expression, a name or a query belongs: it must do nothing but fail.
#[test]
fn sql_in_definitions_reaches_nothing_else() {
    let scene = Scene::new();
    let mut honest = Parts::of(&scene.honest());
    // Expressions of other dialects are not even tried.
    honest.manifest["backup"]["dialect"] = "sqlite".into();
    let teams = |change: &dyn Fn(&mut Value)| {
        edited(&honest, |parts| change(&mut parts.object("table", "teams")["attributes"]))
    };
    let column = |member: &str, value: &str| teams(&|table| table["columns"][1][member] = value.into());
    let index = |term: &str, condition: Option<&str>| {
        teams(&|table| {
            table["indexes"] = json!([{
                "name": "i", "unique": false, "condition": condition,
                "columns": [{"term": term, "expression": true, "descending": false, "collation": null}],
            }]);
        })
    };
    let check = |text: &str| teams(&|table| table["checks"] = json!([{"name": null, "expression": text}]));
    let trigger = |text: &str| teams(&|table| table["triggers"] = json!([{"name": "t", "statement": text}]));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("default", column("default", "1); DROP TABLE bystander; --")),
        ("default that calls", column("default", "(load_extension('/tmp/x.so'))")),
        ("collation", column("collation", "x\"; DROP TABLE bystander; --")),
        ("check", check("1); DROP TABLE bystander; --")),
        ("check that reads", check("(SELECT count(*) FROM bystander) > 0")),
        ("index", index("1); DROP TABLE bystander; --", None)),
        ("index condition", index("name", Some("1; DROP TABLE bystander; --"))),
        ("another statement", trigger("DROP TABLE bystander")),
        ("two statements", trigger("CREATE TRIGGER t AFTER INSERT ON teams BEGIN SELECT 1; END; DROP TABLE bystander")),
        ("a trigger elsewhere", trigger("CREATE TRIGGER t AFTER INSERT ON bystander BEGIN DELETE FROM bystander; END")),
        ("attach", trigger("ATTACH '/tmp/reinstate-escaped.sqlite' AS x")),
        ("pragma", trigger("PRAGMA writable_schema = 1")),
    ];
    for (what, bytes) in cases {
        let archive = scene.archive(&bytes);
        let before = scene.content();
        let report = scene.restore(&archive, &[]);
        assert!(matches!(report.status, Some(1 | 3)), "{what}: {report:#?}");
        let report = report.json();
        let code = report["error"]["code"].as_str().expect("a code").to_owned();
        assert!(
            ["target.bad_definition", "table.bad_definition", "restore.refused"].contains(&code.as_str()),
            "{what}: {report:#}"
        );
        assert_eq!(report["error"]["object"], "table main.teams", "{what}: {report:#}");
        assert_eq!(scene.content(), before, "{what}");
    }
    // A type is only a name.
    let archive = scene.archive(&column("declared", "TEXT); DROP TABLE bystander; --"));
    scene.restore(&archive, &[]).expect(0);
    assert_eq!(scene.sandbox.query("target.sqlite", "SELECT count(*) FROM bystander"), "Integer(2)");
}

/// Names are only names, whatever is in them.
#[test]
fn names_are_taken_by_the_letter() {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    for name in ["a\"; DROP TABLE bystander; --", "it's", "a.b", "[x]", "`x`", "名前", "select", " "] {
        let bytes = edited(&honest, |parts| {
            parts.object("table", "teams")["name"] = name.into();
            parts.object("table", "people")["attributes"]["foreign_keys"] = json!([]);
            parts.object("table", "people")["depends"] = json!([]);
        });
        let archive = scene.archive(&bytes);
        scene.restore(&archive, &["--select", "table"]).expect(0);
        let query = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        assert_eq!(scene.sandbox.query("target.sqlite", &query), "Integer(5)", "{name}");
        assert_eq!(scene.sandbox.query("target.sqlite", "SELECT count(*) FROM bystander"), "Integer(2)");
    }
}

#[test]
fn names_that_cannot_be_are_refused() {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    let long = "x".repeat(2000);
    let names = [
        ("empty", "", "plan.bad_name"),
        ("NUL", "a\0b", "catalog.bad_manifest"),
        ("2 kB", &long, "catalog.bad_manifest"),
    ];
    for (what, name, code) in names {
        let bytes = edited(&honest, |parts| {
            parts.object("table", "teams")["name"] = name.into();
            parts.object("table", "people")["attributes"]["foreign_keys"] = json!([]);
            parts.object("table", "people")["depends"] = json!([]);
        });
        let archive = scene.archive(&bytes);
        scene.fails(&archive, &[], Expected::refused(what, code));
    }
}

/// Names that the target keeps for itself fail when they are to be used.
#[test]
fn names_that_the_target_reserves_are_not_taken() {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    for name in ["sqlite_sequence", "sqlite_schema", "reinstate_jobs", "REINSTATE_journal"] {
        let bytes = edited(&honest, |parts| {
            parts.object("table", "teams")["name"] = name.into();
            parts.object("table", "people")["attributes"]["foreign_keys"] = json!([]);
            parts.object("table", "people")["depends"] = json!([]);
        });
        let archive = scene.archive(&bytes);
        scene.fails(&archive, &[], Expected::failed(name, "target.bad_definition").object(name));
    }
}

/// Attributes of shapes that no plugin expects.
#[test]
fn attributes_that_make_no_sense_fail_their_object() {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    let cases = [
        ("table", "teams", json!({"columns": 7})),
        ("table", "teams", json!({"columns": []})),
        (
            "table",
            "teams",
            json!({"columns": [{"name": "id", "values": "integer"}], "primary_key": {"columns": ["x"]}}),
        ),
        ("role", "readers", json!({"login": "perhaps"})),
        ("user", "ann", json!({"memberships": [{"role": 7}]})),
        ("user_defined_function", "one", json!({"language": ["sql"]})),
        ("graph", "friends", json!({"nodes": {"columns": [], "key": "id", "entries": 99}})),
    ];
    for (kind, name, attributes) in cases {
        let archive =
            scene.archive(&edited(&honest, |parts| parts.object(kind, name)["attributes"] = attributes.clone()));
        let before = scene.content();
        let outcome = scene.restore(&archive, &[]);
        assert!(matches!(outcome.status, Some(1 | 3)), "{attributes}: {outcome:#?}");
        let report = outcome.json();
        assert!(
            report["error"]["object"].as_str().is_some_and(|object| object.contains(name)),
            "{attributes}: {report:#}"
        );
        assert_eq!(scene.content(), before, "{attributes}");
    }
}
