//! A repository on a real S3-compatible server, which the tests start themselves.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::support::{Outcome, Sandbox, finish, logical_content};

struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server that `tests/run` installs; none where tests are run by hand without it.
#[expect(clippy::print_stdout, reason = "Whoever runs the tests by hand is told what was not run")]
fn server() -> Option<Server> {
    let Ok(program) = std::env::var("REINSTATE_TEST_MOTO") else {
        assert!(std::env::var_os("CI").is_none(), "tests/run installs moto_server and names it in REINSTATE_TEST_MOTO");
        println!("Left out: REINSTATE_TEST_MOTO names no moto_server");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let mut child = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .env("INITIAL_NO_AUTH_ACTION_COUNT", "1000000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("moto_server starts");
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "moto_server ended: {ended:?}");
        std::thread::yield_now();
    }
    Some(Server { child, url: format!("http://127.0.0.1:{port}") })
}

fn run(sandbox: &Sandbox, server: &Server, arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command(arguments);
    command
        .env("AWS_ENDPOINT_URL", &server.url)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "hush")
        .env("AWS_REGION", "us-east-1");
    finish(command.spawn().expect("the binary starts"))
}

/// `PUT /BUCKET`, as any client makes a bucket.
fn make_bucket(server: &Server, bucket: &str) {
    use std::io::{Read as _, Write as _};
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("connected");
    write!(stream, "PUT /{bucket} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn snapshots_are_kept_and_restored() {
    let Some(server) = server() else { return };
    make_bucket(&server, "backups");
    let sandbox = Sandbox::new();
    let run = |arguments: &[&str]| run(&sandbox, &server, arguments);
    super::live(&sandbox);
    run(&["repository", "add", "r", "s3://backups/some/prefix"]).expect(0);
    let live = sandbox.target("live.sqlite");
    for (number, sort) in [(1, None), (2, Some("--incremental")), (3, Some("--differential"))] {
        sandbox.sql("live.sqlite", &format!("UPDATE Artist SET Name = Name || {number} WHERE ArtistId = {number}"));
        std::fs::copy(sandbox.path("live.sqlite"), sandbox.path(&format!("copy{number}.sqlite"))).expect("copied");
        let arguments: Vec<&str> =
            ["backup", "create", "--from", &live, "--to", "r/shop"].into_iter().chain(sort).collect();
        run(&arguments).expect(0);
    }
    run(&["backup", "purge", "r/shop@1"]).expect(0);
    for id in [2, 3] {
        let into = format!("back{id}.sqlite");
        run(&["restore", &format!("r/shop@{id}"), "--into", &sandbox.target(&into)]).expect(0);
        let copy = sandbox.path(&format!("copy{id}.sqlite"));
        assert_eq!(logical_content(&sandbox.path(&into)), logical_content(&copy), "{id}");
    }
    run(&["backup", "verify", "r/shop"]).expect(0);
    run(&["backup", "merge", "r/shop"]).expect(0);
    run(&["backup", "drop", "r/shop"]).expect(0);
}

#[test]
fn a_missing_bucket_is_said_to_be_missing() {
    let Some(server) = server() else { return };
    let sandbox = Sandbox::new();
    run(&sandbox, &server, &["repository", "add", "r", "s3://nowhere"]).expect(0);
    let missing = run(&sandbox, &server, &["backup", "list", "r"]).expect(3);
    assert!(missing.stderr.contains("bucket") && !missing.stderr.contains("hush"), "{missing:?}");
}
