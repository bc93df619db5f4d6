//! Mail to a real mail server over TLS, which takes none from strangers.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::scene::{SIZES, certificate, config, restore, sandbox};
use crate::support::server::{PATIENCE, Server};
use crate::support::{self, Sandbox};

/// The mail server, which ends with the value.
struct PostOffice {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u64,
}

impl PostOffice {
    fn open(python: &str, how: &str, sandbox: &Sandbox) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/serving/post_office.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([how, &sandbox.text("certificate.pem"), &sandbox.text("key.pem"), "hush"])
            .stdout(Stdio::piped())
            // It tells at length of clients that it refuses, as they are here to be.
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut office = Self { child, lines, port: 0 };
        office.port = office.said()["port"].as_u64().expect("a port");
        office
    }

    fn said(&mut self) -> Value {
        let line = self.lines.next().expect("the mail server says something").expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that writes to that post office, with that password, and trusts its certificate or nobody's.
fn server(sandbox: Sandbox, office: &PostOffice, how: &str, password: &str, trusts: bool) -> Server {
    std::fs::write(sandbox.path("mail.secret"), password).expect("a file");
    sandbox.shell("chmod 600 mail.secret").expect(0);
    let port = office.port;
    let url = match how {
        "smtps" => format!("smtps://restores@127.0.0.1:{port}"),
        _ => format!("smtp://restores@127.0.0.1:{port}?tls=required"),
    };
    let mail = format!(
        "[notify.mail]\nserver = '{url}'\npassword = '{{dir}}/mail.secret'\nfrom = 'Restores <restores@example.org>'\nto = ['ops@example.org']\n"
    );
    let trusted = if trusts { sandbox.text("certificate.pem") } else { "/dev/null".to_owned() };
    let mut server = Server::configured(sandbox, &config(&mail));
    server.variable("SSL_CERT_FILE", &trusted);
    server.start();
    server
}

fn restored(server: &Server) -> String {
    let mut asked = restore("small", "t0", "main");
    asked["notify"] = json!(true);
    let ana = server.bearer("ana");
    let job = ana.post("/v1/restores", &asked).expect(202).json()["id"].as_str().expect("a name").to_owned();
    assert_eq!(ana.wait_for_end(&job)["state"], "succeeded");
    job
}

#[test]
fn mail_goes_over_tls_to_whom_it_may() {
    let Some(python) = support::python() else { return };
    for how in ["smtps", "starttls"] {
        let sandbox = sandbox(&SIZES[..1]);
        certificate(&sandbox);
        let mut office = PostOffice::open(&python, how, &sandbox);
        let server = server(sandbox, &office, how, "hush\n", true);
        let job = restored(&server);
        for moment in ["has begun", "has succeeded"] {
            let mail = office.said();
            assert_eq!((&mail["user"], &mail["encrypted"]), (&"restores".into(), &true.into()), "{how}");
            assert_eq!(mail["to"], json!(["ops@example.org"]));
            let text = mail["text"].as_str().expect("a text");
            assert!(text.contains(moment) && text.contains(&job), "{how}: {text}");
        }
    }
}

#[test]
fn mail_that_is_not_sent_harms_no_job_and_is_told_in_its_log() {
    let Some(python) = support::python() else { return };
    for (how, password, trusts) in [("smtps", "hush", false), ("starttls", "hush", false), ("smtps", "wrong", true)] {
        let sandbox = sandbox(&SIZES[..1]);
        certificate(&sandbox);
        let office = PostOffice::open(&python, how, &sandbox);
        let server = server(sandbox, &office, how, password, trusts);
        let job = restored(&server);
        let log = || server.bearer("ana").get(&format!("/v1/jobs/{job}/log")).expect(200).text();
        let since = std::time::Instant::now();
        while !log().contains("Mail was not sent") {
            assert!(since.elapsed() < PATIENCE, "{how}, {password}: {}", log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(!log().contains(password) && !server.said().contains(password), "{}", log());
    }
}
