//! Fifty jobs at once while the server is killed and started ten times: each ends once, as an undisturbed one would.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{SIZES, config, differences, restore, sandbox};
use crate::support::server::{Client, Server};

const KILLS: u32 = 10;
const RESTORES: usize = 34;
const BACKUPS: usize = 14;
const REFUSED: usize = 2;

/// How long all of it may take on a machine with other things to do.
const LONGEST: Duration = Duration::from_secs(300);

/// A start: where it is sent, and by whom.
struct Start {
    key: String,
    user: &'static str,
    path: &'static str,
    body: Value,
}

fn starts() -> Vec<Start> {
    const USERS: [&str; 4] = ["ana", "ben", "cem", "dee"];
    let mut starts = Vec::new();
    let mut add = |path, body| {
        let number = starts.len();
        starts.push(Start { key: format!("soak-{number}"), user: USERS[number % 4], path, body });
    };
    for number in 0..RESTORES {
        let mut body = restore(SIZES[number % 3].0, &format!("t{}", number % 6), &format!("s{number}"));
        body["priority"] = json!(number % 3);
        add("/v1/restores", body);
    }
    for number in 0..BACKUPS {
        add("/v1/backups", json!({"target": "source", "repository": "box", "backup": format!("b{number}")}));
    }
    for number in 0..REFUSED {
        let mut body = restore("small", &format!("t{number}"), "never");
        body["options"]["select"] = json!(["table:nothing"]);
        add("/v1/restores", body);
    }
    starts
}

/// Asks until there is an answer: the server may be gone right now.
fn ask(client: &Client, method: &Method, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let since = Instant::now();
    loop {
        match client.try_request(method.clone(), path, headers, body.as_bytes().to_vec()) {
            Ok(answer) if answer.status < 300 => return answer.json(),
            // It is being killed, or just comes up.
            Ok(answer) => assert_eq!(answer.status, 503, "{path}: {}", answer.text()),
            Err(_) => {}
        }
        assert!(since.elapsed() < LONGEST, "{path} is never answered");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts a job, asking again and again with the same key, as clients do.
fn begin(client: &Client, start: &Start) -> String {
    let headers = [("content-type", "application/json"), ("idempotency-key", &*start.key)];
    let job = ask(client, &Method::POST, start.path, &headers, &start.body.to_string());
    job["id"].as_str().expect("a name").to_owned()
}

#[test]
fn every_job_ends_once_as_if_nothing_had_happened() {
    let since = Instant::now();
    let mut server = Server::in_sandbox(sandbox(&SIZES), &config("[jobs]\nwidth = 5\nshort_bytes = 200000"));
    let starts = starts();
    let clients: BTreeMap<&str, Client> = starts.iter().map(|start| (start.user, server.bearer(start.user))).collect();
    let asking: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = starts.iter().map(|start| scope.spawn(|| begin(&clients[start.user], start))).collect();
        kill_again_and_again(&mut server);
        asking.into_iter().map(|asked| asked.join().expect("a job")).collect()
    });
    let root = server.bearer("root");
    let mut jobs = BTreeMap::new();
    for id in &asking {
        let job = loop {
            let job = ask(&root, &Method::GET, &format!("/v1/jobs/{id}"), &[], "");
            let state = job["state"].as_str().expect("a state");
            if !["queued", "running"].contains(&state) {
                break job;
            }
            assert!(since.elapsed() < LONGEST, "it never ends: {job:#}");
            std::thread::sleep(Duration::from_millis(50));
        };
        jobs.insert(id.clone(), job);
    }
    let listed = root.get("/v1/jobs?limit=1000").expect(200).json();
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(starts.len()), "each start is one job");
    assert_eq!(jobs.len(), starts.len());
    for (start, id) in starts.iter().zip(&asking) {
        check(&server, &root, start, id, &jobs[id]);
    }
    let known = targets_know(&server);
    let restores: BTreeSet<&String> = asking[..RESTORES].iter().collect();
    assert_eq!(known.iter().collect::<BTreeSet<_>>(), restores);
    assert_eq!(known.len(), RESTORES, "each restore is in its target once");
}

/// Lets it work for a while, longer each time; the pauses are none that a run would fit in neatly.
fn kill_again_and_again(server: &mut Server) {
    for number in 0..KILLS {
        std::thread::sleep(Duration::from_millis(u64::from(300 + number * 157 % 700)));
        server.kill();
        age_locks(&server.sandbox.path("box"));
        server.start();
    }
}

/// Two minutes pass for the repository's locks: so long they hold when nobody is there any more to give them back.
fn age_locks(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            age_locks(&entry.path());
        } else if folder.ends_with("locks") {
            let file = File::options().write(true).open(entry.path()).expect("a lock");
            file.set_modified(SystemTime::now() - Duration::from_secs(121)).expect("aged");
        }
    }
}

fn check(server: &Server, root: &Client, start: &Start, id: &str, job: &Value) {
    let report = root.get(&format!("/v1/jobs/{id}/report")).expect(200).json();
    if start.body["options"]["select"].is_array() {
        assert_eq!((&job["state"], &report["status"]), (&json!("refused"), &json!("refused")), "{job:#}");
        return;
    }
    assert_eq!((&job["state"], &job["progress"]["fraction"]), (&json!("succeeded"), &json!(1.0)), "{job:#}");
    assert!(job["error"].is_null() && job["operator"] == start.user, "{job:#}");
    if start.path == "/v1/backups" {
        let name = start.body["backup"].as_str().expect("a name");
        let backup = root.get(&format!("/v1/repositories/box/backups/{name}")).expect(200).json();
        assert_eq!(backup["snapshots"].as_array().map(Vec::len), Some(1), "{backup:#}");
        assert_eq!((&report["rows"], &report["backup"]["name"]), (&json!(2000), &json!(name)), "{report:#}");
        return;
    }
    let backup = start.body["archive"]["backup"].as_str().expect("a name");
    let rows = SIZES.iter().find(|(name, _)| *name == backup).expect("a size").1;
    assert_eq!((&report["restored_records"], &report["job"]), (&json!(rows), &json!(id)), "{report:#}");
    let (target, schema) = (start.body["target"].as_str(), start.body["options"]["target_schema_map"]["main"].as_str());
    let (target, schema) = (target.expect("a target"), schema.expect("a schema"));
    let restored = server.sandbox.path(&format!("{target}.sqlite"));
    let source = server.sandbox.path(&format!("{backup}.sqlite"));
    assert_eq!(differences(&restored, schema, &source), (0, i64::from(rows)), "{id} into {target}");
}

/// The restores that the targets know; all have succeeded, and nothing else is left in the targets.
fn targets_know(server: &Server) -> Vec<String> {
    let mut known = Vec::new();
    for number in 0..6 {
        let into = server.sandbox.target(&format!("t{number}.sqlite"));
        for job in server.sandbox.json(&["jobs", "--into", &into]).expect(0).json().as_array().expect("a list") {
            assert_eq!(job["status"], "succeeded", "{job:#}");
            known.push(job["job"].as_str().expect("a name").to_owned());
        }
        let stages = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'reinstate_stage%'";
        assert_eq!(server.sandbox.query(&format!("t{number}.sqlite"), stages), "Integer(0)");
    }
    known
}
