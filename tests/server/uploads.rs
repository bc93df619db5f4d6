//! Archives that are uploaded: whole or not at all, with flat memory, restored like any other.

use reqwest::Method;
use serde_json::json;

use crate::scene::{config, sandbox, server, started};
use crate::support::logical_content;
use crate::support::server::{PATIENCE, Server};

fn left(server: &Server) -> usize {
    std::fs::read_dir(server.state("uploads")).expect("the folder").count()
}

#[test]
fn a_large_archive_goes_through_little_memory() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 400;
    let server = server();
    let ana = server.bearer("ana");
    // Everything that an upload needs at all.
    ana.stream("/v1/uploads", None, std::iter::once(vec![1; PIECE])).expect(201);
    let before = server.memory("VmHWM");
    let length = (PIECE * PIECES) as u64;
    for length in [Some(length), None] {
        let pieces = (0..PIECES).map(|_| vec![7; PIECE]);
        let upload = ana.stream("/v1/uploads", length, pieces).expect(201).json();
        assert_eq!(upload["bytes"], PIECE * PIECES);
        assert_eq!(upload["sha256"], "97007b27c093e82d935a45493d68b7775da05d4ddd053e9a1980b989f5a2008b");
        ana.delete(&format!("/v1/uploads/{}", upload["upload"].as_str().expect("a name"))).expect(204);
    }
    let grown = server.memory("VmHWM") - before;
    assert!(grown < 32 << 20, "{grown} bytes more for an archive of {length}");
}

#[test]
fn an_uploaded_archive_is_restored() {
    let server = server();
    let (ana, ben, root) = (server.bearer("ana"), server.bearer("ben"), server.bearer("root"));
    let archive = std::fs::read(server.sandbox.path("shop.tar")).expect("an archive");
    let upload = ana.request(Method::POST, "/v1/uploads", &[], archive).expect(201).json();
    let name = upload["upload"].as_str().expect("a name").to_owned();
    let wanted = json!({"archive": {"upload": name}, "target": "live"});
    ben.post("/v1/plans", &wanted).problem(403, "request.forbidden");
    ben.post("/v1/restores", &wanted).problem(403, "request.forbidden");
    ben.delete(&format!("/v1/uploads/{name}")).problem(403, "request.forbidden");
    assert!(
        root.post("/v1/plans", &wanted).expect(200).json()["steps"].as_array().is_some_and(|steps| steps.len() > 4)
    );
    let id = started(&ana, &wanted);
    let ended = ana.wait_for_end(&id);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!(
        logical_content(&server.sandbox.path("live.sqlite")),
        logical_content(&server.sandbox.path("source.sqlite"))
    );
    ana.delete(&format!("/v1/uploads/{name}")).expect(204);
    ana.delete(&format!("/v1/uploads/{name}")).problem(404, "request.not_found");
    ana.post("/v1/plans", &wanted).problem(404, "request.not_found");
    assert_eq!(left(&server), 0);
}

#[test]
fn an_upload_that_a_job_needs_stays() {
    let server = crate::scene::slow_server();
    let ana = server.bearer("ana");
    let archive = std::fs::read(server.sandbox.path("shop.tar")).expect("an archive");
    let upload = ana.request(Method::POST, "/v1/uploads", &[], archive).expect(201).json();
    let name = upload["upload"].as_str().expect("a name").to_owned();
    let id = started(&ana, &json!({"archive": {"upload": name}, "target": "live"}));
    ana.delete(&format!("/v1/uploads/{name}")).problem(409, "job.not_possible");
    ana.poke(&format!("/v1/jobs/{id}/cancel")).expect(200);
    ana.wait_for_end(&id);
    ana.delete(&format!("/v1/uploads/{name}")).expect(204);
}

#[test]
fn old_uploads_go_away_unless_a_job_needs_them() {
    let mut server = crate::scene::slow_server();
    let ana = server.bearer("ana");
    let archive = std::fs::read(server.sandbox.path("shop.tar")).expect("an archive");
    let upload = || -> String {
        let upload = ana.request(Method::POST, "/v1/uploads", &[], archive.clone()).expect(201).json();
        upload["upload"].as_str().expect("a name").to_owned()
    };
    let (needed, old, fresh) = (upload(), upload(), upload());
    let id = started(&ana, &json!({"archive": {"upload": needed}, "target": "live"}));
    ana.poke(&format!("/v1/jobs/{id}/pause")).expect(200);
    ana.wait(&id, |job| job["state"] == "paused");
    for name in [&needed, &old] {
        let eight_days = std::time::Duration::from_secs(8 * 24 * 3600);
        let file = std::fs::File::options().append(true).open(server.state("uploads").join(name)).expect("an upload");
        file.set_modified(std::time::SystemTime::now() - eight_days).expect("made old");
    }
    server.kill();
    server.start();
    comes(&server, 2);
    let there = |name: &str| server.state("uploads").join(name).exists();
    assert!(there(&needed) && !there(&old) && there(&fresh));
}

/// Waits until there are so many files.
fn comes(server: &Server, number: usize) {
    let since = std::time::Instant::now();
    while left(server) != number {
        assert!(since.elapsed() < PATIENCE, "{} files", left(server));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn half_an_upload_is_none() {
    use std::io::Write as _;
    let limits = "[limits]\narchive_bytes = 100000\nidle_seconds = 1\n";
    let mut server = Server::in_sandbox(sandbox(), &config().replacen("[limits]\n", limits, 1));
    let ana = server.bearer("ana");
    let begin = |length: u64, sent: usize| {
        let mut stream = std::net::TcpStream::connect(server.address()).expect("a connection");
        let head = format!(
            "POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ana\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(&vec![1; sent]).expect("sent");
        stream
    };
    // Who goes away in the middle,
    let gone = begin(50_000, 100);
    comes(&server, 1);
    drop(gone);
    comes(&server, 0);
    // who stops sending,
    let mut slow = begin(50_000, 100);
    comes(&server, 1);
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut slow, &mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request.timeout"), "{answer}");
    comes(&server, 0);
    // who sends too much, said or not,
    ana.stream("/v1/uploads", Some(100_001), std::iter::empty()).problem(413, "request.too_large");
    ana.stream("/v1/uploads", None, (0..20).map(|_| vec![1; 10_000])).problem(413, "request.too_large");
    comes(&server, 0);
    // and who sends nothing.
    ana.poke("/v1/uploads").problem(400, "usage");
    comes(&server, 0);
    // A crash in the middle, too.
    let held = begin(50_000, 100);
    comes(&server, 1);
    server.kill();
    drop(held);
    assert_eq!(left(&server), 1);
    server.start();
    assert_eq!(left(&server), 0);
}
