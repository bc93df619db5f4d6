//! A server that is told to stop, or killed, in the middle of a restore, and what the next one makes of it.

use rusqlite::Connection;
use serde_json::Value;

use crate::scene::{config, differences, restore, sandbox, started};
use crate::support::server::Server;

const ROWS: u32 = 60_000;

/// Slows each commit down, so that there is a middle.
const SLOW: &str = "sqlite.commit.before=sleep(200)";

fn slow_server() -> Server {
    let mut server = Server::configured(sandbox(&[("large", ROWS)]), &config(""));
    server.variable("FAILPOINTS", SLOW);
    server.start();
    server
}

/// The job as it is kept while no server runs.
fn kept(server: &Server, job: &str) -> Value {
    let store = Connection::open(server.state("jobs.sqlite")).expect("the store");
    let text: String = store.query_row("SELECT job FROM jobs WHERE id = ?1", [job], |row| row.get(0)).expect("a job");
    serde_json::from_str(&text).expect("JSON")
}

fn in_the_middle(server: &Server) -> String {
    let ana = server.bearer("ana");
    let job = started(&ana, "/v1/restores", &restore("large", "t0", "main"));
    ana.wait(&job, |job| job["state"] == "running" && job["progress"]["rows_done"].as_u64() > Some(0));
    job
}

/// The next server ends the job as an undisturbed one would; figures went on from where they were.
fn goes_on(server: &mut Server, job: &str, before: &Value) {
    server.variable("FAILPOINTS", "");
    server.start();
    let ana = server.bearer("ana");
    let done = before["progress"]["rows_done"].as_u64().expect("a number");
    let ended = ana.wait(job, |job| {
        assert!(job["progress"]["rows_done"].as_u64() >= Some(done), "it went back: {job:#}");
        job["state"] == "succeeded"
    });
    assert_eq!((&ended["progress"]["fraction"], &ended["created"]), (&1.0.into(), &before["created"]));
    assert_eq!(ended["started"], before["started"]);
    let report = ana.get(&format!("/v1/jobs/{job}/report")).expect(200).json();
    assert_eq!((&report["restored_records"], &report["status"]), (&ROWS.into(), &"succeeded".into()));
    let (restored, source) = (server.sandbox.path("t0.sqlite"), server.sandbox.path("large.sqlite"));
    assert_eq!(differences(&restored, "main", &source), (0, i64::from(ROWS)));
}

#[test]
fn a_server_that_is_stopped_leaves_its_restore_to_the_next() {
    let mut server = slow_server();
    let job = in_the_middle(&server);
    let path = format!("/v1/jobs/{job}/events");
    let ana = server.bearer("ana");
    // Who watches does not keep it from stopping.
    let (watches, begun) = std::sync::mpsc::channel();
    let watching = std::thread::spawn(move || {
        ana.events(&path, None, |_| {
            let _ = watches.send(());
            false
        })
    });
    begun.recv().expect("the stream begins");
    assert_eq!(server.terminate(), Some(0));
    watching.join().expect("the stream ends");
    let before = kept(&server, &job);
    assert_eq!((&before["state"], &before["error"]), (&"queued".into(), &Value::Null), "{before:#}");
    goes_on(&mut server, &job, &before);
}

#[test]
fn a_server_that_is_killed_leaves_its_restore_to_the_next() {
    let mut server = slow_server();
    let job = in_the_middle(&server);
    server.kill();
    let before = kept(&server, &job);
    assert_eq!(before["state"], "running");
    goes_on(&mut server, &job, &before);
    let log = server.bearer("ana").get(&format!("/v1/jobs/{job}/log")).expect(200).text();
    assert!(log.contains("The server was ended while the job ran; it goes on"), "{log}");
}

#[test]
fn a_server_that_idles_stops_at_once() {
    let mut server = Server::in_sandbox(sandbox(&[]), &config(""));
    server.nobody().get("/v1/ready").expect(200);
    assert_eq!(server.terminate(), Some(0));
    assert!(server.said().contains("Listening on http://"));
}

#[test]
fn a_second_server_disturbs_none_that_is_there() {
    let mut first = slow_server();
    let job = in_the_middle(&first);
    let half = first.state("uploads").join(".half-sent");
    std::fs::write(&half, "half of it").expect("a file");
    let listen = first.address().to_owned();
    for (address, code) in [("127.0.0.1:0", "server.in_use"), (listen.as_str(), "server.no_port")] {
        let state = first.sandbox.text("state");
        let second = first.sandbox.json(&["serve", "server.toml", "--state", &state, "--listen", address]).expect(3);
        assert_eq!(second.code(), code);
    }
    assert!(half.is_file() && first.runs());
    let ana = first.bearer("ana");
    assert_eq!(ana.wait_for_end(&job)["state"], "succeeded");
    let log = ana.get(&format!("/v1/jobs/{job}/log")).expect(200).text();
    assert!(!log.contains("was ended while"), "{log}");
}

#[test]
fn what_was_cancelled_after_a_kill_leaves_no_trace() {
    let mut server = slow_server();
    let job = in_the_middle(&server);
    server.kill();
    server.start();
    let ana = server.bearer("ana");
    ana.poke(&format!("/v1/jobs/{job}/cancel")).expect(200);
    assert_eq!(ana.wait_for_end(&job)["state"], "cancelled");
    let target = server.sandbox.path("t0.sqlite");
    let left = |path: &std::path::Path| {
        let database = Connection::open(path).expect("a database");
        database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    assert!(!target.exists() || left(&target) == 0, "something of it is left");
}
