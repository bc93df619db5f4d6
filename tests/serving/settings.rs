//! The configuration, the passwords in it, and the demonstration.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use reinstate::server::Config;

use crate::scene::config;
use crate::support::server::Server;
use crate::support::{Outcome, Sandbox, finish};

#[test]
fn what_is_wrong_in_the_configuration_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    for (text, said) in [
        ("listen = 7", "line 1"),
        ("[limits]\nconections = 5", "line 2"),
        ("[limits]\n\nidle_seconds = 'long'", "line 3"),
        ("state = 'a'\nstate = 'b'", "line 2"),
        ("[jobs]\nwidth = 0", "[jobs] width is 0"),
        ("[users.ana]\nrole = 'king'", "line 2"),
        ("[users.ana]\nrole = 'admin'\npassword = 'secret'", "[users.ana] password is no hash"),
        ("[users.ana]\nrole = 'admin'\ntokens = ['sk-secret']", "[users.ana] tokens are SHA-256"),
        ("[targets.live]\nurl = 'mysql://a:secret@b'", "mysql"),
        ("[repositories.box]\nurl = 's3://a:secret@b'", "must not hold a user or password"),
        ("[kinetica]\ntarget = 'live'\nstores = {}", "[kinetica] names the target `live`"),
        ("[tls]\ncertificate = '/nowhere'\nkey = '/nowhere'", "/nowhere cannot be used for TLS"),
        ("[[notify.webhooks]]\nurl = 'https://a'\nsecret = '/nowhere'", "/nowhere cannot be read"),
        ("[notify.mail]\nserver = 'smtp://a'\nfrom = 'a'\nto = ['a']", "no mail address"),
    ] {
        std::fs::write(sandbox.path("server.toml"), text).expect("a file");
        let outcome = sandbox.run(&["serve", "server.toml", "--state", "state", "--listen", "127.0.0.1:0"]).expect(2);
        assert!(outcome.stderr.contains(said), "{text}: {}", outcome.stderr);
        // Neither a password nor a token is repeated.
        assert!(!outcome.stderr.contains("secret@") && !outcome.stderr.contains("sk-secret"), "{}", outcome.stderr);
    }
    let missing = sandbox.run(&["serve", "missing.toml"]).expect(2);
    assert!(missing.stderr.contains("missing.toml"), "{}", missing.stderr);
    assert!(sandbox.run(&["serve"]).expect(2).stderr.contains("<CONFIG>"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    std::fs::write(sandbox.path("server.toml"), "").expect("a file");
    let refused = sandbox.json(&["serve", "server.toml", "--state", "state", "--listen", &address]).expect(3);
    assert_eq!(refused.code(), "server.no_port");
}

#[test]
fn the_readme_shows_every_setting() {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).expect("README.md");
    let shown = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a configuration");
    let config = Config::parse(shown).expect("it is understood");
    assert!(config.users["ana"].password.is_some() && config.notify.mail.is_some() && config.kinetica.is_some());
    // Values that are there without being said are said as they are.
    let usual = Config::default();
    assert_eq!((config.listen, &config.state), (usual.listen, &usual.state));
    assert_eq!(format!("{:?}", config.limits), format!("{:?}", usual.limits));
    assert_eq!((config.jobs.width, config.jobs.short_bytes), (usual.jobs.width, usual.jobs.short_bytes));
    // `Debug` names every setting; those that are maps name their keys instead.
    let printed = format!("{config:?}");
    for word in printed.split(|c: char| !c.is_ascii_lowercase() && c != '_').filter(|word| word.len() > 2) {
        let setting = printed.contains(&format!(" {word}: ")) && !["demo", "key"].contains(&word);
        assert!(!setting || shown.contains(word) || is_option(word), "{word} is not shown");
    }
}

/// Options of restores are explained elsewhere.
fn is_option(word: &str) -> bool {
    format!("{:?}", reinstate::plan::Options::default()).contains(word)
}

/// `reinstate hash-password` with that on standard input.
fn hash(sandbox: &Sandbox, input: &str, arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command(&[&["hash-password"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary starts");
    child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("written");
    finish(child)
}

#[test]
fn passwords_and_tokens_are_made_by_the_command_line() {
    let sandbox = Sandbox::new();
    assert_eq!(hash(&sandbox, "\n", &["--json"]).expect(2).code(), "usage");
    let one = hash(&sandbox, "correct horse\n", &[]).expect(0).stdout;
    let other = hash(&sandbox, "correct horse", &["--json"]).expect(0).json();
    let other = other["hash"].as_str().expect("a hash");
    assert!(one.starts_with("$argon2id$") && other.starts_with("$argon2id$") && one.trim() != other);
    let made = hash(&sandbox, "", &["--token", "--json"]).expect(0).json();
    let (token, digest) = (made["token"].as_str().expect("a token"), made["hash"].as_str().expect("a hash"));
    assert_eq!(reinstate::server::token_hash(token), digest);
    let users = format!(
        "[users.eve]\nrole = 'reader'\npassword = '{}'\n[users.fay]\nrole = 'reader'\npassword = '{other}'\n\
         [users.robot]\nrole = 'reader'\ntokens = ['{digest}']\n",
        one.trim()
    );
    let server = Server::in_sandbox(sandbox, &config(&users));
    for name in ["eve", "fay"] {
        assert_eq!(server.basic(name, "correct horse").get("/v1/me").expect(200).json()["user"], name);
        server.basic(name, "wrong horse").get("/v1/me").problem(401, "request.unauthorized");
    }
    assert_eq!(server.bearer(token).get("/v1/me").expect(200).json()["user"], "robot");
    server.nobody().get("/v1/me").problem(401, "request.unauthorized");
}

#[test]
fn the_demonstration_is_there_at_once_and_stays() {
    let mut server = Server::demo();
    assert_eq!(server.basic("admin", "secret").get("/v1/me").expect(200).json()["role"], "admin");
    let backups = |server: &Server| server.admin().get("/v1/repositories/demo/backups").expect(200).json();
    let before = backups(&server);
    assert_eq!(before[0]["name"], "nightly");
    assert_eq!(server.terminate(), Some(0));
    server.start();
    assert_eq!(backups(&server), before, "what is there is not made again");
}
