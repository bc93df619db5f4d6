//! The Kinetica door: the real client against the real server, requests that are delivered more than once, hostile requests, rights.

mod support;

#[path = "kinetica/again.rs"]
mod again;
#[path = "kinetica/rules.rs"]
mod rules;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::server::{Answer, Client, Server};

/// A request as JSON; the answer must be an envelope.
fn post(client: &Client, path: &str, body: &Value) -> Answer {
    client.post(path, body)
}

/// What a good reply holds.
#[track_caller]
fn data(answer: &Answer) -> Value {
    let envelope = answer.json();
    assert_eq!((answer.status, &envelope["status"]), (200, &json!("OK")), "{envelope}");
    assert_eq!((&envelope["message"], &envelope["data"]), (&json!(""), &json!("")), "{envelope}");
    assert!(answer.header("x-request-time-secs").parse::<f64>().is_ok_and(|seconds| seconds >= 0.0));
    serde_json::from_str(envelope["data_str"].as_str().expect("a text")).expect("JSON in JSON")
}

/// The message of a refusal.
#[track_caller]
fn refusal(answer: &Answer) -> String {
    let envelope = answer.json();
    assert_eq!(
        (answer.status, &envelope["status"], &envelope["data_type"]),
        (400, &json!("ERROR"), &json!("none")),
        "{envelope}"
    );
    assert_eq!((&envelope["data"], &envelope["data_str"]), (&json!(""), &json!("")), "{envelope}");
    envelope["message"].as_str().expect("a text").to_owned()
}

/// A restore of everything in the demonstration's backup.
fn restore(options: Value) -> Value {
    json!({"backup_name": "nightly", "restore_objects_map": {"all": "sales"}, "datasource_name": "backup_src", "options": options})
}

#[test]
fn the_real_client_connects_restores_and_keeps_backups() {
    let Some(python) = support::python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/kinetica.py");
    for sink in ["backup_sink", ""] {
        let server = Server::demo();
        let run = Command::new(&python)
            .arg(&script)
            .env("KINETICA_URL", server.url())
            .env("KINETICA_DATASINK", sink)
            .env_remove("KINETICA_ENCODINGS")
            .output()
            .expect("the client runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
        assert!(said.contains(" 0 failed"), "{said}");
    }
}
