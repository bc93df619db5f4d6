//! The console in a real browser: everything that people do with it, with the mouse, with the keyboard alone, in the dark, on a phone.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use reinstate::server::token_hash;
use support::server::Server;
use support::{Sandbox, small_folder};

mod support;

/// Runs a scenario of `tests/console/console.py`. It may ask for the server to be killed and started again.
fn browse(server: &mut Server, scenario: &str, arguments: &[&str]) {
    let Some(python) = support::python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/console/console.py");
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    let mut browser = Command::new(python)
        .arg(script)
        .args([scenario, &server.url()])
        .arg(pictures)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut told = Vec::new();
    let mut answers = browser.stdin.take().expect("a pipe");
    let lines = BufReader::new(browser.stdout.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        match line.as_str() {
            "@kill" => server.kill(),
            "@start" => server.start(),
            said => {
                told.push(said.to_owned());
                continue;
            }
        }
        writeln!(answers, "done").expect("the browser listens");
    }
    assert!(browser.wait().expect("it ends").success(), "{scenario} failed:\n{}", told.join("\n"));
}

/// A demonstration in which every part of every object takes a while.
fn slow(milliseconds: u32) -> Server {
    let mut server = Server::prepared(Sandbox::new(), &["--demo"]);
    server.variable("FAILPOINTS", &format!("plugin.restore=sleep({milliseconds})"));
    server.start();
    server
}

#[test]
fn files_come_with_headers_that_let_nothing_else_in() {
    let server = Server::demo();
    let page = server.nobody().get("/").expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/console/style.css", "text/css; charset=utf-8"),
        ("/console/main.js", "text/javascript; charset=utf-8"),
        ("/console/views/plan.js", "text/javascript; charset=utf-8"),
        ("/console/icon.svg", "image/svg+xml"),
    ] {
        let file = server.nobody().get(path).expect(200);
        assert_eq!(file.header("content-type"), media_type, "{path}");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        assert_eq!(file.header("referrer-policy"), "no-referrer");
        assert_eq!(file.header("cache-control"), "no-cache");
        let policy = file.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let tag = file.header("etag");
        let again = server.nobody().request(reqwest::Method::GET, path, &[("if-none-match", &tag)], Vec::new());
        assert!(again.expect(304).body.is_empty());
    }
    for path in ["/console/", "/console/nothing.js", "/console/../server.rs", "/console/views/"] {
        server.nobody().get(path).expect(404);
    }
}

#[test]
fn a_restore_from_sign_in_to_discard() {
    browse(&mut Server::demo(), "whole_way", &[]);
}

#[test]
fn a_restore_with_the_keyboard_alone() {
    browse(&mut Server::demo(), "keyboard", &[]);
}

#[test]
fn who_may_only_look_sees_why_nothing_can_be_started() {
    let sandbox = Sandbox::new();
    small_folder(&sandbox.path("folder"), 100);
    let archive = sandbox.pack(&sandbox.path("folder"), "shop.tar");
    let source = sandbox.target("source.sqlite");
    sandbox.run(&["restore", &archive, "--into", &source]).expect(0);
    sandbox.run(&["repository", "add", "box", &sandbox.text("box")]).expect(0);
    sandbox.run(&["backup", "create", "--from", &source, "--to", "box/shop"]).expect(0);
    let config = format!(
        "[targets.live]\nurl = 'sqlite:{{dir}}/live.sqlite'\n[repositories.box]\nurl = '{{dir}}/box'\n\
         [users.rita]\nrole = 'reader'\ntokens = ['{}']\n",
        token_hash("rita's token")
    );
    browse(&mut Server::in_sandbox(sandbox, &config), "reader", &[]);
}

#[test]
fn every_view_in_both_themes_and_on_a_phone() {
    browse(&mut Server::demo(), "looks", &[]);
}

#[test]
fn a_job_goes_on_when_the_server_is_killed() {
    browse(&mut slow(1500), "lost_connection", &[]);
}

#[test]
fn a_job_is_paused_resumed_and_cancelled() {
    browse(&mut slow(1000), "steering", &[]);
}

#[test]
fn an_uploaded_archive_with_hostile_names() {
    let mut server = Server::demo();
    let source = rusqlite::Connection::open(server.sandbox.path("hostile.sqlite")).expect("a database");
    for name in HOSTILE {
        let quoted = name.replace('"', "\"\"");
        source
            .execute_batch(&format!("CREATE TABLE \"{quoted}\" (a); INSERT INTO \"{quoted}\" VALUES (1);"))
            .expect("SQL");
    }
    drop(source);
    server
        .sandbox
        .run(&["backup", "create", "--from", &server.sandbox.target("hostile.sqlite"), "-o", "hostile.tar"])
        .expect(0);
    let archive = server.sandbox.text("hostile.tar");
    browse(&mut server, "hostile", &[&[archive.as_str()], HOSTILE.as_slice()].concat());
}

/// Names that would be markup, a script, or look like others.
const HOSTILE: [&str; 5] = [
    "<img src=x onerror=alert(1)>",
    "</td></table><script>alert(2)</script>",
    "javascript:alert(3)",
    "\u{202e}txet desrever",
    "&lt;b&gt; \"quoted\" 'name' {{7*7}} ${7*7}",
];
