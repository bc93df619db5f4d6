//! Webhooks of a real server: signed, tried again, and not forgotten by a kill.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::scene::{SIZES, config, restore, sandbox};
use crate::support::server::{PATIENCE, Server};

/// A request to the webhook: its head, and its body.
type Told = (String, String);

/// Answers every request with the status that comes next, and hands the request on.
fn receiver(statuses: Receiver<u16>) -> (String, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sender, told) = channel();
    std::thread::spawn(move || serve(&listener, &statuses, &sender));
    (url, told)
}

fn serve(listener: &TcpListener, statuses: &Receiver<u16>, told: &Sender<Told>) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
        let mut head = String::new();
        while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("a body");
        let Ok(status) = statuses.recv() else { return };
        let _ = write!(stream, "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let _ = told.send((head, String::from_utf8(body).expect("UTF-8")));
    }
}

fn header<'a>(told: &'a Told, name: &str) -> &'a str {
    let value = told.0.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    });
    value.unwrap_or_else(|| panic!("no {name}: {}", told.0))
}

fn signed(told: &Told) {
    let (time, digest) =
        header(told, "x-reinstate-signature").strip_prefix("t=").expect("a time").split_once(",v1=").expect("a digest");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"hush").expect("a key");
    mac.update(format!("{time}.{}", told.1).as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, expected);
}

#[test]
fn starts_and_ends_are_told_over_failures_and_kills() {
    let sandbox = sandbox(&SIZES[..1]);
    std::fs::write(sandbox.path("hook"), "hush\n").expect("a file");
    sandbox.shell("chmod 600 hook").expect(0);
    let (answers, statuses) = channel();
    let (url, told) = receiver(statuses);
    let notify = format!("[[notify.webhooks]]\nurl = '{url}'\nsecret = '{{dir}}/hook'\n");
    let mut server = Server::in_sandbox(sandbox, &config(&notify));
    let ana = server.bearer("ana");
    ana.post("/v1/restores", &restore("small", "t1", "main")).expect(202);
    let mut asked = restore("small", "t0", "main");
    asked["notify"] = json!(true);
    let job = ana.post("/v1/restores", &asked).expect(202).json()["id"].as_str().expect("a name").to_owned();
    assert_eq!(ana.wait_for_end(&job)["state"], "succeeded");
    // Neither the start nor the end is taken, and then the server is killed.
    [500, 503].into_iter().for_each(|status| answers.send(status).expect("sent"));
    let first: Vec<Told> = (0..2).map(|_| told.recv_timeout(PATIENCE).expect("a request")).collect();
    server.kill();
    server.start();
    [200, 204].into_iter().for_each(|status| answers.send(status).expect("sent"));
    let second: Vec<Told> = (0..2).map(|_| told.recv_timeout(PATIENCE).expect("a request")).collect();
    let mut events = Vec::new();
    for told in &second {
        signed(told);
        let body: Value = serde_json::from_str(&told.1).expect("JSON");
        assert_eq!(body["job"]["id"], job.as_str(), "nobody asked to be told of the other");
        events.push(body["event"].as_str().expect("an event").to_owned());
        let before = first.iter().find(|before| before.1 == told.1).expect("the same body as before");
        assert_eq!(header(before, "x-reinstate-delivery"), header(told, "x-reinstate-delivery"));
        signed(before);
    }
    events.sort();
    assert_eq!(events, ["job.ended", "job.started"]);
    let log = || server.bearer("ana").get(&format!("/v1/jobs/{job}/log")).expect(200).text();
    while !(log().contains("of job.started") && log().contains("of job.ended")) {
        std::thread::yield_now();
    }
    assert!(told.try_recv().is_err(), "what was told is not told again");
}
