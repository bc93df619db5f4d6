//! The same request, delivered again: while its job runs, after its client hung up, after the server was killed, after it was answered.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::support::server::{Client, PATIENCE, Server};
use super::{data, post, refusal, restore};

/// The demonstration, and its target held by somebody else: jobs run, and wait for it.
fn held() -> (Server, File) {
    let server = Server::demo();
    let lock = File::create(server.state("live.sqlite-reinstate.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    (server, lock)
}

/// Jobs that the server keeps: names and states.
fn jobs(server: &Server) -> Vec<(String, String)> {
    let store =
        Connection::open_with_flags(server.state("jobs.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store");
    let mut rows = store.prepare("SELECT id, state FROM jobs ORDER BY number").expect("a table");
    let found = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    found.map(|row| row.expect("a row")).collect()
}

#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < PATIENCE, "it never came to that: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn until_it_runs(server: &Server, count: usize) {
    until("as many jobs, the last one running", || {
        let jobs = jobs(server);
        jobs.len() == count && jobs.last().is_some_and(|(_, state)| state == "running")
    });
}

/// Sends a request, and leaves the answer unread.
fn send(server: &Server, path: &str, body: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("connected");
    let body = body.to_string();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer sk-secret\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        server.address(),
        body.len()
    )
    .expect("sent");
    stream
}

/// Reads the answer: an envelope's `data_str`.
fn received(mut stream: TcpStream) -> Value {
    let mut text = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).expect("an answer");
        text.extend_from_slice(&piece[..read]);
        let shown = String::from_utf8_lossy(&text);
        let whole = shown.split_once("\r\n\r\n").filter(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            length.is_some_and(|length| length.trim().parse() == Ok(body.len()))
        });
        if let Some((_, body)) = whole {
            let envelope: Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(envelope["status"], "OK", "{envelope}");
            return serde_json::from_str(envelope["data_str"].as_str().expect("a text")).expect("JSON in JSON");
        }
        assert!(read > 0, "it ended early: {shown}");
    }
}

fn job(reply: &Value) -> String {
    reply["info"]["job"].as_str().expect("a job").to_owned()
}

fn asks_again(client: &Client, body: &Value) -> Value {
    data(&post(client, "/restore/backup", body))
}

#[test]
fn six_deliveries_at_once_are_one_job() {
    let (server, lock) = held();
    let body = restore(json!({"restore_policy": "replace"}));
    let streams: Vec<TcpStream> = (0..6).map(|_| send(&server, "/restore/backup", &body)).collect();
    until_it_runs(&server, 1);
    drop(lock);
    let replies: Vec<Value> = streams.into_iter().map(received).collect();
    assert!(replies.iter().all(|reply| reply == &replies[0]), "{replies:?}");
    assert!(replies[0]["restored_records"].as_u64() > Some(0), "{}", replies[0]);
    assert_eq!(jobs(&server), [(job(&replies[0]), "succeeded".to_owned())]);
}

#[test]
fn a_client_that_hung_up_finds_its_job_and_later_starts_another() {
    let (server, lock) = held();
    let client = server.admin();
    let body = restore(json!({"restore_policy": "replace"}));
    let stream = send(&server, "/restore/backup", &body);
    until_it_runs(&server, 1);
    drop(stream);
    drop(lock);
    until("the job has ended", || jobs(&server)[0].1 == "succeeded");
    let first = asks_again(&client, &body);
    assert_eq!(jobs(&server).len(), 1);
    assert_eq!(job(&first), jobs(&server)[0].0);
    // That was delivered: the same words mean another restore now.
    let second = asks_again(&client, &body);
    assert_ne!(job(&first), job(&second));
    assert_eq!(first["restored_objects"], second["restored_objects"]);
    assert_eq!(jobs(&server).len(), 2);
}

#[test]
fn other_requests_and_other_people_have_jobs_of_their_own() {
    let (server, lock) = held();
    let bodies = [
        restore(json!({"restore_policy": "replace"})),
        restore(json!({"restore_policy": "replace", "checksum": "true"})),
        restore(json!({"restore_policy": "replace", "checksum": true})),
    ];
    let streams: Vec<TcpStream> = bodies.iter().map(|body| send(&server, "/restore/backup", body)).collect();
    until("three jobs", || jobs(&server).len() == 3);
    drop(lock);
    let mut replies: Vec<String> = streams.into_iter().map(|stream| job(&received(stream))).collect();
    replies.sort();
    replies.dedup();
    assert_eq!(replies.len(), 3);
}

#[test]
fn a_server_that_is_killed_in_the_middle_answers_when_it_is_back() {
    let mut server = Server::demo();
    // The demonstration's backup is there by now: only the restore meets the fail point.
    for point in ["plugin.restore", "sqlite.commit.after", "sqlite.switch.begin", "sqlite.switch.done"] {
        server.kill();
        server.variable("FAILPOINTS", &format!("{point}=return"));
        server.start();
        let body = restore(
            json!({"restore_policy": "replace", "target_schema_map": format!("sales: at_{}", point.replace('.', "_"))}),
        );
        let before = jobs(&server).len();
        let cut = server.admin().try_request(
            reqwest::Method::POST,
            "/restore/backup",
            &[("content-type", "application/json")],
            body.to_string().into_bytes(),
        );
        assert!(cut.is_err(), "{point}: {cut:?}");
        server.ended();
        server.variable("FAILPOINTS", "");
        server.start();
        let reply = asks_again(&server.admin(), &body);
        let jobs = jobs(&server);
        assert_eq!((jobs.len(), &jobs[before]), (before + 1, &(job(&reply), "succeeded".to_owned())), "{point}");
        assert!(reply["restored_records"].as_u64() > Some(0), "{point}: {reply}");
        assert_eq!(reply["failed_objects"], json!({}), "{point}");
    }
}

#[test]
fn a_backup_that_is_asked_for_twice_is_made_once() {
    let mut server = Server::demo();
    data(&post(&server.admin(), "/restore/backup", &restore(json!({}))));
    server.kill();
    server.variable("FAILPOINTS", "repository.published=return");
    server.start();
    let body = json!({"backup_name": "copy", "backup_type": "full", "backup_objects_map": {"all": "sales"}, "datasink_name": "backup_sink", "options": {}});
    let stream = send(&server, "/create/backup", &body);
    server.ended();
    drop(stream);
    server.variable("FAILPOINTS", "");
    server.start();
    let made = data(&post(&server.admin(), "/create/backup", &body));
    assert_eq!((&made["backup_name"], jobs(&server).len()), (&json!("copy"), 2), "{made}");
    let show = json!({"backup_name": "copy", "datasource_name": "backup_src", "options": {}});
    let shown = data(&post(&server.admin(), "/show/backup", &show));
    assert_eq!(shown["backup_ids"].as_array().map(Vec::len), Some(1), "{shown}");
    assert!(refusal(&post(&server.admin(), "/create/backup", &body)).starts_with("repository.backup_exists: "));
}

#[test]
fn a_drop_whose_answer_was_lost_is_answered_again() {
    let mut server = Server::demo();
    server.kill();
    server.variable("FAILPOINTS", "repository.drop=sleep(3000)");
    server.start();
    let body = json!({"backup_name": "nightly", "datasink_name": "backup_sink", "options": {}});
    let stream = send(&server, "/drop/backup", &body);
    let gone = server.state("repository/nightly/backup.json");
    until("nobody sees the backup any more", || !gone.exists());
    drop(stream);
    let dropped = data(&post(&server.admin(), "/drop/backup", &body));
    assert_eq!(dropped["backup_names"], json!(["nightly"]));
    assert!(refusal(&post(&server.admin(), "/drop/backup", &body)).starts_with("repository.not_found: "));
}
