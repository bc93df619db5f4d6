//! A job that runs is paused, resumed, cancelled; and what others see of it meanwhile.

use serde_json::{Value, json};

use crate::scene::{restore, slow_server, started};
use crate::support::logical_content;
use crate::support::server::{BROKEN, Server};

/// Waits until something is committed, and nothing switched.
fn under_way(server: &Server, id: &str) -> Value {
    let moved = |job: &Value| job["progress"]["rows_done"].as_u64().is_some_and(|rows| rows > 0);
    server.bearer("ana").wait(id, |job| moved(job) || job["state"] != "running" && job["state"] != "queued")
}

fn state(job: &Value) -> &str {
    job["state"].as_str().unwrap_or_default()
}

#[test]
fn a_running_restore_is_paused_and_resumed() {
    let mut server = slow_server();
    let ana = server.bearer("ana");
    let id = started(&ana, &restore());
    assert_eq!(state(&under_way(&server, &id)), "running");
    ana.poke(&format!("/v1/jobs/{id}/pause")).expect(200);
    let paused = ana.wait(&id, |job| state(job) == "paused");
    let done = paused["progress"]["rows_done"].as_u64();
    assert!(done > Some(0) && paused["progress"]["fraction"].as_f64() < Some(1.0), "{paused:#}");
    ana.poke(&format!("/v1/jobs/{id}/pause")).problem(409, "job.not_possible");
    server.kill();
    server.start();
    let ana = server.bearer("ana");
    let still = ana.get(&format!("/v1/jobs/{id}")).expect(200).json();
    assert_eq!((state(&still), still["progress"]["rows_done"].as_u64()), ("paused", done));
    ana.poke(&format!("/v1/jobs/{id}/resume")).expect(200);
    let ended = ana.wait_for_end(&id);
    assert_eq!(state(&ended), "succeeded", "{ended:#}");
    let expected = server.sandbox.target("expected.sqlite");
    // Where the server runs, `box` is a folder.
    server.sandbox.run(&["repository", "add", "same", &server.sandbox.text("box")]).expect(0);
    server.sandbox.run(&["restore", "same/shop", "--into", &expected]).expect(0);
    assert_eq!(
        logical_content(&server.sandbox.path("live.sqlite")),
        logical_content(&server.sandbox.path("expected.sqlite"))
    );
}

#[test]
fn a_resume_that_is_refused_leaves_what_is_staged_to_whoever_cancels() {
    let server = slow_server();
    let ana = server.bearer("ana");
    let id = started(&ana, &restore());
    under_way(&server, &id);
    ana.poke(&format!("/v1/jobs/{id}/pause")).expect(200);
    ana.wait(&id, |job| state(job) == "paused");
    // What was planned is not what is there any more.
    server.sandbox.sql("live.sqlite", "CREATE TABLE people (x); INSERT INTO people VALUES (1)");
    for _ in 0..2 {
        ana.poke(&format!("/v1/jobs/{id}/resume")).expect(200);
        let stopped = ana.wait(&id, |job| job["ended"].is_null() && !job["error"].is_null());
        assert_eq!((state(&stopped), &stopped["error"]["code"]), ("interrupted", &json!("plan.target_changed")));
    }
    ana.poke(&format!("/v1/jobs/{id}/cancel")).expect(200);
    assert_eq!(state(&ana.wait_for_end(&id)), "cancelled");
    let left = server.sandbox.query("live.sqlite", "SELECT group_concat(name) FROM sqlite_schema");
    assert!(left.contains("people") && !left.contains("stage"), "{left}");
}

#[test]
fn a_cancelled_restore_leaves_nothing() {
    let server = slow_server();
    let (ana, ben) = (server.bearer("ana"), server.bearer("ben"));
    server.sandbox.sql("live.sqlite", "CREATE TABLE bystander (x); INSERT INTO bystander VALUES (1)");
    let before = logical_content(&server.sandbox.path("live.sqlite"));
    let id = started(&ana, &restore());
    under_way(&server, &id);
    // The next one on the same target waits for it.
    let next = started(&ben, &restore());
    let waits = ben.wait(&next, |job| !job["waits_for"].is_null());
    assert_eq!(waits["waits_for"], format!("target live, which job {id} has"));
    ben.poke(&format!("/v1/jobs/{id}/cancel")).problem(403, "request.forbidden");
    ben.poke(&format!("/v1/jobs/{next}/cancel")).expect(200);
    assert_eq!(state(&ben.wait_for_end(&next)), "cancelled");
    ana.poke(&format!("/v1/jobs/{id}/cancel")).expect(200);
    assert_eq!(state(&ana.wait_for_end(&id)), "cancelled");
    assert_eq!(logical_content(&server.sandbox.path("live.sqlite")), before);
    let retried = ana.poke(&format!("/v1/jobs/{id}/retry")).expect(202).json();
    let retried = retried["id"].as_str().expect("a name");
    assert!(retried != id && state(&ana.wait_for_end(retried)) == "succeeded");
}

#[test]
fn a_job_is_watched_while_it_runs_and_the_server_stops_all_the_same() {
    let mut server = slow_server();
    let ana = server.bearer("ana");
    let id = started(&ana, &restore());
    let path = format!("/v1/jobs/{id}/events");
    let sent = ana.events(&path, None, |sent| sent.event == "object" && sent.data["state"] == "running");
    assert!(sent.iter().all(|sent| sent.event != "end"), "it did not run while it was watched: {sent:#?}");
    ana.poke(&format!("/v1/jobs/{id}/pause")).expect(200);
    ana.wait(&id, |job| state(job) == "paused");
    // Whoever listens to a job that stands still is let go, so that the server can stop.
    let watching = ana.clone();
    let (heard, hears) = std::sync::mpsc::channel();
    let listener = std::thread::spawn(move || {
        watching.events(&path, None, |_| {
            let _ = heard.send(());
            false
        })
    });
    hears.recv().expect("an event");
    assert_eq!(server.terminate(), Some(0));
    let last = listener.join().expect("events");
    assert!(last.iter().all(|sent| sent.event != "end" && sent.event != BROKEN), "{last:#?}");
}

#[test]
fn lists_are_read_in_pages() {
    let server = crate::scene::server();
    let ana = server.bearer("ana");
    let verify =
        || ana.poke("/v1/repositories/box/backups/tables/verify").expect(202).json()["id"].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = (0..5).map(|_| verify()).collect();
    ids.iter().for_each(|id| drop(ana.wait_for_end(id)));
    ids.reverse();
    let listed = |query: &str| -> Vec<String> {
        let list = ana.get(&format!("/v1/jobs?{query}")).expect(200).json();
        list["jobs"].as_array().expect("a list").iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(""), ids);
    assert_eq!(listed("limit=2"), ids[..2]);
    assert_eq!(listed(&format!("limit=2&before={}", ids[1])), ids[2..4]);
    assert_eq!(listed("state=succeeded&operator=ana").len(), 5);
    assert!(listed("state=failed").is_empty() && listed("operator=ben").is_empty());
    let log = ana.get(&format!("/v1/jobs/{}/log", ids[0])).expect(200).json();
    assert_eq!(log, json!({"log": log["log"]}));
}
