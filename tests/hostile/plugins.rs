//! Plugins that misbehave: their object fails with a code that says how, and nothing else is harmed.

use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use reinstate::catalog::Digest;
use serde_json::json;

use super::craft::Parts;
use super::scene::{Expected, Scene};
use super::support::Outcome;
use super::support::misbehaving::COMPONENT;

const GRANTED: &str = "tables,definitions,blobs";

/// Replaces what is there by what the archive holds, with the plugins of the folder.
fn replaced(scene: &Scene, archive: &str, folder: &str) -> Outcome {
    let base = ["restore", archive, "--into", &scene.into, "--restore-policy", "replace"];
    scene.sandbox.run(&[&base[..], &["--plugins", folder, "--grant", GRANTED]].concat())
}

/// The scene, the folder of plugins with the misbehaving one in it, and the honest archive.
fn prepared() -> (Scene, String, Parts) {
    let scene = Scene::new();
    let honest = Parts::of(&scene.honest());
    std::fs::create_dir(scene.sandbox.path("plugins")).expect("a folder");
    std::fs::copy(&*COMPONENT, scene.sandbox.path("plugins/bad.wasm")).expect("copied");
    let folder = scene.sandbox.text("plugins");
    (scene, folder, honest)
}

/// The honest archive with an object more, whose name says what the plugin is to do with it.
fn with_object(honest: &Parts, name: &str) -> Vec<u8> {
    let mut parts = honest.clone();
    let rows = three_rows();
    let path = "data/plugin/000000.arrow".to_owned();
    parts.manifest["objects"].as_array_mut().expect("objects").push(json!({
        "kind": "misbehaving", "schema": "main", "name": name,
        "entries": [{"path": path, "form": "arrow", "bytes": rows.len(), "rows": 3, "sha256": Digest::of(&rows)}],
    }));
    parts.members.push((path, rows));
    parts.add_up();
    parts.made()
}

/// One column of text, as an Arrow IPC stream.
fn three_rows() -> Vec<u8> {
    let schema = Arc::new(Schema::new(vec![Field::new("line", DataType::Utf8, true)]));
    let column = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).expect("a batch");
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &schema).expect("a stream");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("a stream")
}

/// How each name makes the plugin behave is in `tests/misbehaving`.
const CASES: [(&str, &str); 27] = [
    ("spin", "plugin.deadline"),
    ("read for ever", "plugin.deadline"),
    ("hoard", "plugin.memory_limit"),
    ("trap", "plugin.trap"),
    ("panic", "plugin.trap"),
    ("recurse", "plugin.trap"),
    ("fewer rows", "plugin.count_mismatch"),
    ("more bytes", "plugin.count_mismatch"),
    ("no rows", "plugin.count_mismatch"),
    ("own failure", "misbehaving.own"),
    ("speak for the host", "restore.object_failed"),
    ("long failure", "misbehaving.long"),
    ("huge failure", "plugin.hostcall_limit"),
    ("huge batch", "plugin.hostcall_limit"),
    ("bad text", "plugin.bad_answer"),
    ("hold", "plugin.hostcall_limit"),
    ("look for ever", "plugin.hostcall_limit"),
    ("many entries", "plugin.out_of_scope"),
    ("another entry", "plugin.out_of_scope"),
    ("no document", "plugin.bad_answer"),
    ("write in plan", "plugin.write_refused"),
    ("write in verify", "plugin.write_refused"),
    ("read in plan", "plugin.out_of_scope"),
    ("spin in plan", "plugin.deadline"),
    ("fail in plan", "misbehaving.plan"),
    ("no outlook", "plugin.bad_answer"),
    ("bad table", "plugin.bad_answer"),
];

#[test]
fn what_goes_wrong_in_a_plugin_fails_its_object_only() {
    let (scene, folder, honest) = prepared();
    let options = ["--plugins", &folder, "--grant", GRANTED, "--plugin-deadline", "0.5", "--plugin-memory", "64"];
    for (name, code) in CASES {
        let archive = scene.archive(&with_object(&honest, name));
        let object = format!("misbehaving main.{name}");
        let report = scene.fails(&archive, &options, Expected::failed(name, code).object(&object));
        let message = report["error"]["message"].as_str().expect("a message");
        assert!(message.contains("misbehaving 0.0.1"), "{name}: the plugin is not named: {report:#}");
    }
}

#[test]
fn the_others_are_restored_when_asked_to_keep_going() {
    let (scene, folder, honest) = prepared();
    let archive = scene.archive(&with_object(&honest, "trap"));
    let report = scene.restore(&archive, &["--plugins", &folder, "--grant", GRANTED, "--keep-going"]).expect(4).json();
    assert_eq!(report["failed_objects"], json!({"main.trap": "misbehaving"}), "{report:#}");
    assert_eq!(report["restored_objects"].as_object().expect("objects").len(), 6, "{report:#}");
    assert_eq!(scene.sandbox.query("target.sqlite", "SELECT count(*) FROM people"), "Integer(50)");
    assert_eq!(
        scene.sandbox.query("target.sqlite", "SELECT count(*) FROM sqlite_schema WHERE name = 'trap'"),
        "Integer(0)"
    );
}

#[test]
fn the_hosts_errors_cannot_be_swallowed() {
    let (scene, folder, honest) = prepared();
    for name in ["swallow", "wrap", "panic after a failure"] {
        let mut parts = Parts::of(&with_object(&honest, name));
        let last = parts.members.last_mut().expect("the plugin's entry");
        let middle = last.1.len() / 2;
        last.1[middle] ^= 1;
        let archive = scene.archive(&parts.made());
        let expected =
            Expected::failed(name, "archive.checksum_mismatch").object(name).entry("data/plugin/000000.arrow");
        scene.fails(&archive, &["--plugins", &folder, "--grant", GRANTED], expected);
    }
}

#[test]
fn a_flood_of_log_lines_harms_nobody() {
    let (scene, folder, honest) = prepared();
    let archive = scene.archive(&with_object(&honest, "flood"));
    let outcome = replaced(&scene, &archive, &folder).expect(0);
    assert!(outcome.stdout.len() + outcome.stderr.len() < 2 << 20, "{} bytes", outcome.stderr.len());
    assert!(!outcome.stderr.contains(['\u{1b}', '\u{7}']) && !outcome.stdout.contains(['\u{1b}', '\u{7}']));
    assert_eq!(scene.sandbox.query("target.sqlite", "SELECT count(*) FROM flood"), "Integer(3)");
}

#[test]
fn what_plugins_say_cannot_steer_a_terminal() {
    let (scene, folder, honest) = prepared();
    for name in ["own failure", "panic", "long failure", "steer"] {
        let archive = scene.archive(&with_object(&honest, name));
        let outcome = replaced(&scene, &archive, &folder);
        let said = outcome.stdout + &outcome.stderr;
        let steers = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!said.contains(steers), "{name}: {said:?}");
        assert!(said.contains("\\u{"), "{name}: nothing was escaped: {said}");
        assert!(said.len() < 64 << 10, "{name}: {} bytes", said.len());
    }
}

#[test]
fn a_plugin_does_nothing_without_its_grants() {
    let (scene, folder, honest) = prepared();
    let archive = scene.archive(&with_object(&honest, "honest"));
    let refused = Expected::refused("no grant", "plugin.not_granted");
    let report = scene.fails(&archive, &["--plugins", &folder], refused);
    assert!(report["findings"].to_string().contains("--grant"), "{report:#}");
    scene.fails(&archive, &["--plugins", &folder, "--grant", "blobs"], refused);
    scene.restore(&archive, &["--plugins", &folder, "--grant", GRANTED]).expect(0);
    assert_eq!(scene.sandbox.query("target.sqlite", "SELECT group_concat(line) FROM honest"), "Text(\"a,b,c\")");
}

#[test]
fn what_no_host_of_ours_offers_is_not_loaded() {
    let (scene, folder, honest) = prepared();
    let archive = scene.archive(&with_object(&honest, "honest"));
    let handler =
        r#"(component $c) (instance $i (instantiate $c)) (export "reinstate:plugin/handler@0.2.0" (instance $i))"#;
    let importing = |name: &str| {
        wat::parse_str(format!(r#"(component (import "{name}" (instance)) {handler})"#)).expect("a component")
    };
    let module = wat::parse_str("(module)").expect("a module");
    let whole = std::fs::read(&*COMPONENT).expect("the plugin");
    let cases = [
        ("wasi", importing("wasi:cli/environment@0.2.3"), "plugin.not_granted", "wasi:cli/environment@0.2.3"),
        ("wasi sockets", importing("wasi:sockets/tcp@0.2.0"), "plugin.not_granted", "wasi:sockets/tcp@0.2.0"),
        ("an unknown interface", importing("acme:files/read@1.0.0"), "plugin.invalid", "acme:files/read@1.0.0"),
        (
            "an interface of a later version",
            importing("reinstate:plugin/tables@0.9.0"),
            "plugin.invalid",
            "tables@0.9.0",
        ),
        ("a module", module, "plugin.invalid", "wasm-component-ld"),
        ("half a component", whole[..whole.len() / 2].to_vec(), "plugin.invalid", "other.wasm"),
        ("a script", b"#!/bin/sh\nrm -rf /\n".to_vec(), "plugin.invalid", "other.wasm"),
        ("a second plugin for one kind", whole, "plugin.invalid", "other.wasm"),
    ];
    for (what, bytes, code, said) in cases {
        std::fs::write(scene.sandbox.path("plugins/other.wasm"), bytes).expect("written");
        let options = ["--plugins", &folder, "--grant", GRANTED];
        let report = scene.fails(&archive, &options, Expected::refused(what, code));
        assert!(report["error"]["message"].as_str().is_some_and(|message| message.contains(said)), "{report:#}");
    }
}

#[test]
fn a_plugin_that_changed_since_the_plan_is_refused() {
    let (scene, folder, honest) = prepared();
    let archive = scene.archive(&with_object(&honest, "honest"));
    let plan = scene.sandbox.text("plan.json");
    let plugins = ["--plugins", &folder, "--grant", GRANTED];
    scene
        .sandbox
        .run(
            &[&["plan", &archive, "--into", &scene.into, "--restore-policy", "replace", "-o", &plan][..], &plugins]
                .concat(),
        )
        .expect(0);
    let mut bytes = std::fs::read(&*COMPONENT).expect("the plugin");
    // A custom section more: the same code under another digest.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    std::fs::write(scene.sandbox.path("plugins/bad.wasm"), bytes).expect("written");
    let before = scene.content();
    let refused = scene.sandbox.json(&[&["apply", &plan][..], &plugins].concat()).expect(3);
    assert_eq!(refused.code(), "plan.plugins_changed", "{refused:#?}");
    assert_eq!(scene.content(), before);
}
