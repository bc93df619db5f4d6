//! A start that is delivered more than once starts one job.

use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{config, restore, sandbox, server};
use crate::support::server::{Answer, Client, Server};

fn keyed(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.request(Method::POST, path, &headers, body.to_string().into_bytes())
}

fn jobs(client: &Client) -> usize {
    client.get("/v1/jobs").expect(200).json()["jobs"].as_array().expect("a list").len()
}

#[test]
fn six_deliveries_at_once_start_one_job() {
    let mut server = Server::in_sandbox(sandbox(), &config());
    let ana = server.bearer("ana");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..6).map(|_| scope.spawn(|| keyed(&ana, "/v1/restores", "one", &restore()))).collect();
        sent.into_iter().map(|sent| sent.join().expect("an answer")).collect()
    });
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 202]);
    let id = answers[0].json()["id"].as_str().expect("a name").to_owned();
    assert!(answers.iter().all(|answer| answer.json()["id"] == id.as_str()));
    assert_eq!(jobs(&ana), 1);
    ana.wait_for_end(&id);

    // What it names may be gone, and the server may have been killed: the key is known still.
    ana.delete("/v1/repositories/box/backups/shop").expect(200);
    server.kill();
    server.start();
    let ana = server.bearer("ana");
    assert_eq!(keyed(&ana, "/v1/restores", "one", &restore()).expect(200).json()["id"], id.as_str());
    let other = json!({"archive": {"repository": "vault", "backup": "shop"}, "target": "live"});
    keyed(&ana, "/v1/restores", "one", &other).problem(422, "request.key_reused");
    let verify = "/v1/repositories/vault/backups/shop/verify";
    keyed(&ana, verify, "one", &json!({})).problem(422, "request.key_reused");
    assert_eq!(jobs(&ana), 1);
    // Keys are each user's own.
    keyed(&server.bearer("ben"), verify, "one", &json!({})).expect(202);
}

#[test]
fn every_start_takes_a_key() {
    let server = server();
    let ana = server.bearer("ana");
    let backup = json!({"target": "live", "repository": "box", "backup": "new"});
    let missing = json!({"archive": {"repository": "box", "backup": "shop"}, "target": "live", "options": {"select": ["table:no-such"]}});
    let refused = keyed(&ana, "/v1/restores", "a", &missing).expect(202).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(ana.wait_for_end(&refused)["state"], "refused");
    for (path, body) in [
        ("/v1/backups", backup),
        ("/v1/repositories/box/backups/shop/verify", json!({"snapshot": 1})),
        ("/v1/repositories/box/backups/tables/merge", json!({"comment": "whole"})),
        (&format!("/v1/jobs/{refused}/retry"), json!({})),
    ] {
        let first = keyed(&ana, path, path, &body).expect(202);
        let again = keyed(&ana, path, path, &body).expect(200);
        assert_eq!(first.json()["id"], again.json()["id"]);
        assert_eq!(first.header("location"), again.header("location"));
    }
    for key in ["", "é", &"x".repeat(300)] {
        keyed(&ana, "/v1/restores", key, &restore()).problem(400, "usage");
    }
}
