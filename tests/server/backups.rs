//! Backups: made, shown, verified, merged, altered and removed; a dry run writes nothing.

use serde_json::{Value, json};

use crate::scene::server;
use crate::support::server::Client;

/// Starts something, waits for its end, and gives its report.
#[track_caller]
fn done(client: &Client, path: &str, body: &Value) -> Value {
    let id = client.post(path, body).expect(202).json()["id"].as_str().expect("a name").to_owned();
    let ended = client.wait_for_end(&id);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    client.get(&format!("/v1/jobs/{id}/report")).expect(200).json()
}

fn ids(client: &Client, backup: &str) -> Vec<u64> {
    let document = client.get(&format!("/v1/repositories/box/backups/{backup}")).expect(200).json();
    document["snapshots"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|snapshot| snapshot["id"].as_u64().expect("a number"))
        .collect()
}

#[test]
fn a_backup_lives_and_ends() {
    let server = server();
    let ana = server.bearer("ana");
    server
        .sandbox
        .sql("live.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t (x) VALUES ('a'), ('b')");
    let base = json!({"target": "live", "repository": "box", "backup": "mine"});
    let with = |more: Value| {
        let mut body = base.clone();
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let dry = ana.post("/v1/backups", &with(json!({"dry_run": true}))).expect(200).json();
    assert_eq!(dry["rows"], 2);
    ana.get("/v1/repositories/box/backups/mine").problem(404, "repository.not_found");
    let made = done(&ana, "/v1/backups", &with(json!({"comment": "first", "objects": ["table:*"]})));
    assert_eq!((&made["stored"]["snapshot"]["id"], &made["rows"]), (&json!(1), &json!(2)));
    for kind in ["incremental", "differential", "incremental"] {
        server.sandbox.sql("live.sqlite", "INSERT INTO t (x) VALUES ('c')");
        done(&ana, "/v1/backups", &with(json!({"type": kind})));
    }
    assert_eq!(ids(&ana, "mine"), [1, 2, 3, 4]);
    let shown = ana.get("/v1/repositories/box/backups/mine/snapshots/3").expect(200).json();
    assert_eq!((&shown["snapshot"]["type"], &shown["contents"][0]["name"]), (&json!("differential"), &json!("main.t")));
    let listed = ana.get("/v1/repositories/box/backups?name=mi*").expect(200).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));

    let path = "/v1/repositories/box/backups/mine";
    let checked = done(&ana, &format!("{path}/verify"), &json!({}));
    assert!(
        checked["snapshots"]
            .as_array()
            .is_some_and(|all| all.len() == 4 && all.iter().all(|one| one["errors"] == json!([])))
    );
    assert_eq!(
        done(&ana, &format!("{path}/verify"), &json!({"snapshot": 2}))["snapshots"].as_array().map(Vec::len),
        Some(1)
    );
    ana.post(&format!("{path}/verify"), &json!({"snapshot": 9})).problem(404, "repository.not_found");

    let keep = json!({"max_incremental_backups_to_keep": 1, "comment": "of mine", "checksum": true, "dry_run": true});
    assert_eq!(ana.patch(path, &keep).expect(200).json()["removed"], json!([2]));
    assert_eq!(ids(&ana, "mine"), [1, 2, 3, 4]);
    let keep = json!({"max_incremental_backups_to_keep": 1, "comment": "of mine"});
    assert_eq!(ana.patch(path, &keep).expect(200).json()["removed"], json!([2]));
    assert_eq!(ana.get(path).expect(200).json()["comment"], "of mine");

    assert_eq!(ana.delete(&format!("{path}/snapshots/3?dry_run=true")).expect(200).json()["removed"], json!([3]));
    ana.delete(&format!("{path}/snapshots/3")).expect(200);
    ana.delete(&format!("{path}/snapshots/3")).problem(404, "repository.not_found");
    ana.delete(&format!("{path}/snapshots/latest")).problem(400, "usage");
    assert_eq!(done(&ana, &format!("{path}/merge"), &json!({"comment": "one"}))["snapshot"]["comment"], "one");
    assert_eq!(ids(&ana, "mine"), [5]);

    ana.delete(&format!("{path}?dry_run=true")).expect(200);
    assert_eq!(ana.delete(path).expect(200).json()["removed"], json!([5]));
    ana.delete(path).problem(404, "repository.not_found");
    ana.delete("/v1/repositories/box/backups/*").problem(400, "repository.bad_name");
}

#[test]
fn a_dry_run_does_not_even_make_the_folder() {
    let sandbox = crate::support::Sandbox::new();
    sandbox.sql("live.sqlite", "CREATE TABLE t (x)");
    let config = crate::scene::config();
    let server = crate::support::server::Server::in_sandbox(sandbox, &config);
    let ana = server.bearer("ana");
    let body = json!({"target": "live", "repository": "box", "backup": "b", "dry_run": true});
    ana.post("/v1/backups", &body).expect(200);
    assert!(!server.sandbox.path("box").exists());
    ana.get("/v1/repositories/box/backups").problem(404, "repository.not_found");
}
