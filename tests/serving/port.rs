//! The port: TLS, clients that are too slow, too many or send too much.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::{Certificate, Method};

use crate::scene::{SIZES, certificate, config, sandbox};
use crate::support::server::{PATIENCE, Server};

#[test]
fn tls_is_spoken_and_nothing_else() {
    let sandbox = sandbox(&[]);
    certificate(&sandbox);
    let pem = std::fs::read(sandbox.path("certificate.pem")).expect("a certificate");
    let tls = "[tls]\ncertificate = '{dir}/certificate.pem'\nkey = '{dir}/key.pem'";
    let server = Server::in_sandbox(sandbox, &config(tls));
    assert!(server.url().starts_with("https://"), "{}", server.url());
    assert_eq!(server.bearer("ana").get("/v1/me").expect(200).json()["user"], "ana");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let get = |builder: reqwest::ClientBuilder, url: String| {
        let client = builder.no_proxy().timeout(PATIENCE).build().expect("a client");
        runtime.block_on(async { client.get(url).send().await })
    };
    let health = format!("{}/v1/health", server.url());
    let root = Certificate::from_pem(&pem).expect("a certificate");
    let known = || reqwest::Client::builder().tls_certs_only([root.clone()]);
    assert_eq!(get(known(), health.clone()).expect("an answer").status(), 200);
    assert_eq!(get(known().http1_only(), health.clone()).expect("an answer").status(), 200);
    assert!(get(reqwest::Client::builder(), health.clone()).is_err(), "nobody vouches for it");
    let plain = health.replace("https://", "http://");
    assert!(get(reqwest::Client::builder(), plain).is_err(), "it speaks plain HTTP");
}

/// A connection that has sent this and never sends the end.
fn begun(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

/// What it gets until the server closes it.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is torn down is closed, too.
    if let Err(error) = stream.read_to_end(&mut text) {
        assert!(
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
            "it is open still"
        );
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn who_never_ends_is_closed_and_others_are_answered() {
    let server = Server::in_sandbox(sandbox(&[]), &config("[limits]\nidle_seconds = 1"));
    let body =
        "Host: x\r\nAuthorization: Bearer ana\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"a\"";
    let slow: Vec<(&str, TcpStream)> = [
        ("nothing", String::new()),
        ("half a line", "GET /v1/he".to_owned()),
        ("half a preface", "PRI * HT".to_owned()),
        ("half a head", "GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned()),
        ("half a plan", format!("POST /v1/plans HTTP/1.1\r\n{body}")),
        ("half an archive", format!("POST /v1/uploads HTTP/1.1\r\n{body}")),
        ("an answered request", "GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
    ]
    .into_iter()
    .map(|(what, text)| (what, begun(&server, &text)))
    .collect();
    // A head whose bytes come one by one, each in time, is no better.
    let mut dripping = begun(&server, "GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let dripped = std::thread::spawn(move || {
        while dripping.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert_eq!(server.nobody().get("/v1/health").expect(200).status, 200);
    for (what, stream) in slow {
        let said = rest(stream);
        match what {
            "half a plan" | "half an archive" => assert!(said.contains("request.timeout"), "{what}: {said}"),
            "an answered request" => assert!(said.starts_with("HTTP/1.1 200"), "{what}: {said}"),
            _ => assert!(!said.contains("200 OK"), "{what}: {said}"),
        }
    }
    dripped.join().expect("it is closed");
    assert_eq!(server.nobody().get("/v1/health").expect(200).status, 200);
}

#[test]
fn who_finds_no_place_waits_for_one() {
    let server = Server::in_sandbox(sandbox(&[]), &config("[limits]\nconnections = 3\nidle_seconds = 1"));
    let _held: Vec<TcpStream> = (0..30).map(|_| begun(&server, "GET /v1/")).collect();
    assert_eq!(server.nobody().get("/v1/health").expect(200).status, 200);
}

#[test]
fn what_is_too_large_is_refused() {
    let limits = "[limits]\nbody_bytes = 1000\nplan_bytes = 2000\narchive_bytes = 5000";
    let server = Server::in_sandbox(sandbox(&SIZES[..1]), &config(limits));
    let ana = server.bearer("ana");
    let json = [("content-type", "application/json")];
    for (path, bytes) in [("/v1/plans", 1001), ("/v1/restores", 2001), ("/v1/uploads", 5001)] {
        ana.request(Method::POST, path, &json, vec![b' '; bytes]).problem(413, "request.too_large");
    }
    ana.request(Method::POST, "/v1/uploads", &[], vec![0; 5000]).expect(201);
    // It may bring a plan, which may be longer than anything else; this one is none.
    ana.request(Method::POST, "/v1/restores", &json, vec![b' '; 2000]).problem(400, "usage");
    // Without a length nobody knows before.
    for (path, piece, pieces) in [("/v1/plans", 600, 2), ("/v1/uploads", 2000, 3)] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ana\r\nConnection: close\r\n");
        let mut stream =
            begun(&server, &format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for _ in 0..pieces {
            // It may be refused before all of it is sent.
            let _ = stream.write_all(format!("{piece:x}\r\n{}\r\n", " ".repeat(piece)).as_bytes());
        }
        let said = rest(stream);
        assert!(said.starts_with("HTTP/1.1 413") && said.contains("request.too_large"), "{path}: {said}");
    }
    let many: String = (0..200).map(|number| format!("X-{number}: x\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "x".repeat(2 << 20));
    for headers in [many, long] {
        let mut stream = begun(&server, "GET /v1/health HTTP/1.1\r\nHost: x\r\n");
        let _ = stream.write_all(headers.as_bytes());
        let _ = stream.write_all(b"\r\n");
        assert!(!rest(stream).contains("200 OK"));
    }
    let left: Vec<_> = std::fs::read_dir(server.state("uploads")).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "nothing is left of what was refused: {left:?}");
    ana.get("/v1/health").expect(200);
}
