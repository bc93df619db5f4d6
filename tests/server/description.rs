//! The OpenAPI document says what the server does: held against it by requests that are made from the document.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::finish;
use crate::support::server::{DEMO_TOKEN, Server};

/// Cases of each operation; more find more, and take longer.
const EXAMPLES: &str = "20";

/// All checks but three. What a schema cannot say (a name that is there, a selector that fits) may be refused all the same. Who guesses at
/// passwords waits, which the check of identity takes for a fault; another test asks for everything without. A header that nobody knows is no fault
/// of a request, though the check of what must be refused thinks so.
const CONFIG: &str = "
[checks]
positive_data_acceptance.enabled = false
ignored_auth.enabled = false

[[operations]]
include-path = '/v1/jobs/{id}/events'
checks.negative_data_rejection.enabled = false
";

#[test]
fn it_is_complete() {
    let server = Server::demo();
    let answer = server.nobody().get("/v1/openapi.json").expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&json!("3.1.0"), &json!("reinstate")));
    let schemes = document["components"]["securitySchemes"].as_object().expect("schemes");
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["basic", "bearer"]);
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            operations += 1;
            check_operation(&format!("{method} {path}"), operation);
        }
    }
    assert_eq!(operations, 36);
    check_references(&document, &document);
}

fn check_operation(name: &str, operation: &Value) {
    assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{name}");
    let responses = operation["responses"].as_object().expect("responses");
    assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
    for (status, response) in responses {
        let content = response["content"].as_object();
        if status.starts_with('2') {
            assert!(
                status == "204" || content.is_some_and(|content| content.values().all(|of| of["schema"].is_object())),
                "{name}"
            );
        } else {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
        }
    }
    let security = operation["security"].as_array().unwrap_or_else(|| panic!("{name} says nothing of security"));
    let anonymous = ["get /v1/health", "get /v1/ready", "get /v1/openapi.json"].contains(&name);
    assert_eq!(security.is_empty(), anonymous, "{name}");
}

/// Whatever is named is there.
fn check_references(document: &Value, at: &Value) {
    match at {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
            }
            members.values().for_each(|member| check_references(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(document, item)),
        _ => (),
    }
}

#[test]
fn the_server_does_what_it_says() {
    let Some(python) = crate::support::python() else { return };
    let server = Server::demo();
    std::fs::write(server.sandbox.path("schemathesis.toml"), CONFIG).expect("written");
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "run", &format!("{}/v1/openapi.json", server.url())])
        .args(["--header", &format!("Authorization: Bearer {DEMO_TOKEN}")])
        .args(["--max-examples", EXAMPLES, "--seed", "7", "--no-shrink"])
        .args(["--generation-database", "none", "--request-timeout", "30", "--no-color", "--warnings", "off"])
        .current_dir(server.sandbox.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let outcome = finish(command.spawn().expect("Python"));
    assert_eq!(outcome.status, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    let me = server.admin().get("/v1/me");
    assert_eq!(me.expect(200).json()["user"], "admin");
}
