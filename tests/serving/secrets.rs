//! Who comes in and who does not any more; and that nothing of what they know is written anywhere.

use reinstate::server::hash_password;
use serde_json::json;

use crate::scene::{SIZES, config, restore, sandbox, started};
use crate::support::server::Server;

#[test]
fn tokens_end() {
    let server = Server::in_sandbox(sandbox(&[]), &config(""));
    let ana = server.bearer("ana");
    let made = ana.post("/v1/tokens", &json!({"name": "brief", "expires_in_seconds": 1})).expect(201).json();
    let brief = server.bearer(made["token"].as_str().expect("a token"));
    let mut asked = 0;
    let refused = loop {
        let answer = brief.get("/v1/me");
        asked += 1;
        assert!(asked < 100_000, "it never ends");
        if answer.status != 200 {
            break answer;
        }
    };
    refused.problem(401, "request.unauthorized");
    let lasting = ana.post("/v1/tokens", &json!({"name": "lasting"})).expect(201).json();
    let robot = server.bearer(lasting["token"].as_str().expect("a token"));
    robot.get("/v1/me").expect(200);
    let hash = lasting["hash"].as_str().expect("a hash");
    ana.delete(&format!("/v1/tokens/{hash}")).expect(204);
    robot.get("/v1/me").problem(401, "request.unauthorized");
}

#[test]
fn who_guesses_waits() {
    let hash = hash_password("right").expect("a hash");
    let more = format!("[limits]\nsign_ins_per_minute = 3\n[users.eve]\nrole = 'reader'\npassword = '{hash}'");
    let server = Server::in_sandbox(sandbox(&[]), &config(&more));
    server.basic("eve", "right").get("/v1/me").expect(200);
    // Who is right has not failed, and costs nobody a sign-in.
    for _ in 0..3 {
        server.basic("eve", "wrong").get("/v1/me").problem(401, "request.unauthorized");
    }
    let slow = server.basic("eve", "guess").get("/v1/me");
    slow.problem(429, "request.throttled");
    assert!(!slow.header("retry-after").is_empty());
    server.bearer("rst_guess").get("/v1/me").problem(429, "request.throttled");
    server.bearer("ana").get("/v1/me").expect(200);
    server.basic("eve", "right").get("/v1/me").expect(200);
}

#[test]
fn nothing_secret_is_written_anywhere() {
    let sandbox = sandbox(&SIZES[..1]);
    std::fs::write(sandbox.path("hook"), "webhooks-own-secret").expect("a file");
    sandbox.shell("chmod 600 hook").expect(0);
    let hash = hash_password("correct-horse-battery").expect("a hash");
    let token = "rst_configured-token-0123456789";
    let digest = reinstate::server::token_hash(token);
    let more = format!(
        "[users.eve]\nrole = 'operator'\npassword = '{hash}'\ntokens = ['{digest}']\n[notify]\n\
         webhooks = [{{url = 'http://127.0.0.1:9/hooks/token-of-the-address', secret = '{{dir}}/hook', always = true}}]\n"
    );
    let mut server = Server::in_sandbox(sandbox, &config(&more));
    let eve = server.basic("eve", "correct-horse-battery");
    server.basic("eve", "nearly-correct-horse").get("/v1/me").expect(401);
    server.bearer("rst_nearly-the-token").get("/v1/me").expect(401);
    let robot = server.bearer(token);
    let issued = robot.post("/v1/tokens", &json!({"name": "script"})).expect(201).json();
    let issued = issued["token"].as_str().expect("a token").to_owned();
    let job = started(&server.bearer(&issued), "/v1/restores", &restore("small", "t0", "main"));
    assert_eq!(eve.wait_for_end(&job)["state"], "succeeded");
    // The webhook cannot be reached, which the job's log says.
    let log = || eve.get(&format!("/v1/jobs/{job}/log")).expect(200).text();
    while !log().contains("cannot be reached") {
        std::thread::yield_now();
    }
    robot.get(&format!("/v1/jobs?token={token}")).expect(400);
    let metrics = eve.get("/v1/metrics").expect(200).text();
    assert_eq!(server.terminate(), Some(0));
    let mut written = vec![("outputs".to_owned(), server.said()), ("metrics".to_owned(), metrics)];
    for name in ["audit.jsonl", "jobs.sqlite", "jobs.sqlite-wal"] {
        let bytes = std::fs::read(server.state(name)).unwrap_or_default();
        written.push((name.to_owned(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(written.iter().any(|(name, text)| name == "audit.jsonl" && text.contains("POST /v1/restores")));
    for secret in [
        "correct-horse",
        "nearly-",
        token,
        &issued,
        "webhooks-own-secret",
        "token-of-the-address",
        hash.rsplit('$').next().expect("a hash"),
    ] {
        for (name, text) in &written {
            assert!(!text.contains(secret), "{name} holds {secret}");
        }
    }
}
