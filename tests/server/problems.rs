//! Requests that are wrong in every way: each gets problem+json with a stable code, and the server goes on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, Client, Server};

fn send(client: &Client, body: &str) -> Answer {
    client.request(Method::POST, "/v1/plans", &[("content-type", "application/json")], body.as_bytes().to_vec())
}

#[test]
fn bodies_that_are_wrong() {
    let server = Server::demo();
    let admin = server.admin();
    let good = r#"{"archive": {"repository": "demo", "backup": "nightly"}, "target": "live"}"#;
    send(&admin, good).expect(200);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let with = |more: &str| format!("{}, {more}}}", good.trim_end_matches('}').to_owned() + "");
    let deep_plan = with(&format!("\"options\": {{\"select\": {deep}}}"));
    for body in [
        "",
        "{",
        "nul",
        "[]",
        "42",
        "\"x\"",
        "{}",
        &deep,
        &deep_plan,
        &format!("{good} {good}"),
        &with(r#""surprise": 1"#),
        &with(r#""options": {"surprise": 1}"#),
        &with(r#""options": {"restore_policy": "perhaps"}"#),
        &with(r#""options": {"width": -1}"#),
        &with(r#""options": {"width": 1e99}"#),
        &with(r#""options": {"width": 99999999999999999999999999999}"#),
        &with(r#""options": {"select": "table:*"}"#),
        &with(r#""options": {"globals": "/etc/passwd"}"#),
        &with(r#""target": "live""#),
        r#"{"archive": {"file": "/etc/passwd"}, "target": "live"}"#,
        r#"{"archive": {"repository": "demo", "backup": "nightly", "snapshot": -1}, "target": "live"}"#,
        r#"{"archive": {"repository": "demo", "backup": "nightly", "snapshot": 18446744073709551616}, "target": "live"}"#,
        r#"{"archive": "nightly", "target": "live"}"#,
        r#"{"archive": {"repository": "demo", "backup": "nightly"}, "target": 7}"#,
        r#"{"archive": {"repository": "demo", "backup": "nightly"}, "target": null}"#,
        "{\"archive\": {\"repository\": \"demo\", \"backup\": \"nightly\"}, \"target\": \"\u{1}\"}",
    ] {
        let problem = send(&admin, body).problem(400, "usage");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() < 500), "{problem}");
    }
    let raw = |headers: &[(&str, &str)], body: Vec<u8>| admin.request(Method::POST, "/v1/plans", headers, body);
    raw(&[("content-type", "application/json")], vec![b'"', 0xff, 0xfe, b'"']).problem(400, "usage");
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"]
    {
        raw(&[("content-type", kind)], good.into()).problem(415, "request.bad_media_type");
    }
    raw(&[], good.into()).problem(415, "request.bad_media_type");
    raw(&[("content-type", "application/json; charset=utf-8")], good.into()).expect(200);
    raw(&[("content-type", "application/json")], vec![b' '; 9 << 20]).problem(413, "request.too_large");
    send(&admin, good).expect(200);
}

#[test]
fn names_that_are_wrong() {
    let server = Server::demo();
    let admin = server.admin();
    let wanted = |repository: &str, backup: &str, target: &str| json!({"archive": {"repository": repository, "backup": backup}, "target": target});
    let long = "x".repeat(5000);
    for (body, status, code) in [
        (wanted("none", "nightly", "live"), 404, "request.not_found"),
        (wanted("demo", "none", "live"), 404, "repository.not_found"),
        (wanted("demo", "nightly", "none"), 404, "request.not_found"),
        (wanted("demo", "nightly", &long), 404, "request.not_found"),
        (wanted("demo", "../nightly", "live"), 400, "repository.bad_name"),
        (wanted("demo", &long, "live"), 400, "repository.bad_name"),
        (wanted("../demo", "nightly", "live"), 404, "request.not_found"),
        (json!({"archive": {"upload": "../jobs.sqlite"}, "target": "live"}), 404, "request.not_found"),
        (json!({"archive": {"upload": "u-/../../jobs.sqlite"}, "target": "live"}), 404, "request.not_found"),
        (json!({"archive": {"upload": "u-0123"}, "target": "live"}), 404, "request.not_found"),
        (
            json!({"archive": {"repository": "demo", "backup": "nightly", "snapshot": 99}, "target": "live"}),
            404,
            "repository.not_found",
        ),
    ] {
        admin.post("/v1/plans", &body).problem(status, code);
        admin.post("/v1/restores", &body).problem(status, code);
    }
    for (path, status, code) in [
        ("/v1/jobs/r-none", 404, "job.not_found"),
        ("/v1/jobs/%00", 404, "job.not_found"),
        ("/v1/jobs/%ff", 400, "usage"),
        ("/v1/jobs/..%2f..%2fetc", 404, "job.not_found"),
        ("/v1/jobs/r-none/events", 404, "job.not_found"),
        ("/v1/jobs?limit=0", 400, "usage"),
        ("/v1/jobs?limit=1001", 400, "usage"),
        ("/v1/jobs?limit=-1", 400, "usage"),
        ("/v1/jobs?limit=many", 400, "usage"),
        ("/v1/jobs?limit=1&limit=2", 400, "usage"),
        ("/v1/jobs?state=sleepy", 400, "usage"),
        ("/v1/jobs?surprise=1", 400, "usage"),
        ("/v1/jobs/r-none/objects?from=99999999999999999999", 400, "usage"),
        ("/v1/repositories/none/backups", 404, "request.not_found"),
        ("/v1/repositories/demo/backups/none", 404, "repository.not_found"),
        ("/v1/repositories/demo/backups/..", 404, "request.not_found"),
        ("/v1/repositories/demo/backups/a%2fb", 400, "repository.bad_name"),
        ("/v1/repositories/demo/backups/nightly/snapshots/first", 400, "usage"),
        ("/v1/repositories/demo/backups/nightly/snapshots/99", 404, "repository.not_found"),
        ("/v1", 404, "request.not_found"),
        ("/v1/", 404, "request.not_found"),
        ("/v1/nothing/here", 404, "request.not_found"),
        ("/v1/jobs/", 404, "request.not_found"),
        ("/v1/openapi.yaml", 404, "request.not_found"),
    ] {
        let answer = admin.get(path);
        let problem: Value = answer.problem(status, code);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() < 500), "{path}: {problem}");
    }
}

#[test]
fn methods_that_are_wrong() {
    let server = Server::demo();
    let admin = server.admin();
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/jobs", "GET,HEAD"),
        (Method::PUT, "/v1/jobs/r-x", "GET,HEAD"),
        (Method::GET, "/v1/restores", "POST"),
        (Method::POST, "/v1/health", "GET,HEAD"),
        (Method::TRACE, "/v1/tokens", "GET,HEAD,POST"),
        (Method::from_bytes(b"BREW").expect("a method"), "/v1/plans", "POST"),
    ] {
        let answer = admin.request(method, path, &[], Vec::new());
        answer.problem(405, "request.bad_method");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
}

#[test]
fn starts_that_are_wrong() {
    let server = Server::demo();
    let admin = server.admin();
    let base = json!({"archive": {"repository": "demo", "backup": "nightly"}, "target": "live"});
    let with = |name: &str, value: Value| {
        let mut body = base.clone();
        body[name] = value;
        body
    };
    let plan = admin.post("/v1/plans", &base).expect(200).json();
    let mut other = with("plan", plan.clone());
    other["options"] = json!({"restore_policy": "replace"});
    let mut file = plan.clone();
    file["options"]["globals"] = json!("/etc/passwd");
    let mut broken = plan.clone();
    broken["steps"][0]["action"] = json!("explode");
    for (body, code) in [
        (with("priority", json!(1000)), "usage"),
        (with("priority", json!(1.5)), "usage"),
        (with("notify", json!("yes")), "usage"),
        (other, "usage"),
        (with("plan", file), "usage"),
        (with("plan", broken), "plan.invalid"),
        (with("plan", json!({"version": 2})), "plan.invalid"),
        (with("plan", json!([])), "plan.invalid"),
    ] {
        admin.post("/v1/restores", &body).problem(400, code);
    }
    let backup = |name: &str, value: Value| {
        let mut body = json!({"target": "live", "repository": "demo", "backup": "b"});
        body[name] = value;
        body
    };
    for (body, code) in [
        (backup("type", json!("partial")), "usage"),
        (backup("max_incremental_backups_to_keep", json!(-2)), "usage"),
        (backup("objects", json!([":"])), "usage"),
        (backup("backup", json!("a/b")), "repository.bad_name"),
        (backup("to", json!("/tmp/x.tar")), "usage"),
    ] {
        admin.post("/v1/backups", &body).problem(400, code);
    }
    for body in
        [json!({}), json!({"dry_run": true}), json!({"checksum": "no"}), json!({"max_incremental_backups_to_keep": -2})]
    {
        admin.patch("/v1/repositories/demo/backups/nightly", &body).problem(400, "usage");
    }
    assert_eq!(admin.get("/v1/jobs").expect(200).json(), json!({"jobs": []}));
    // A plan that does not fit any more is refused as it is everywhere.
    let mut stale = plan;
    stale["archive"]["digest"] = json!("00".repeat(32));
    let id = crate::scene::started(&admin, &with("plan", stale));
    let ended = admin.wait_for_end(&id);
    assert_eq!((&ended["state"], &ended["error"]["code"]), (&json!("refused"), &json!("plan.archive_changed")));
}
