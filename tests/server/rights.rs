//! Whom the API lets do what: roles, rights by name, passwords, tokens that end, and the audit log.

use serde_json::{Value, json};

use crate::scene::{restore, server, started};
use crate::support::server::{Client, Server};

#[test]
fn nobody_does_anything_without_identity() {
    let server = Server::demo();
    server.basic("admin", "secret").get("/v1/me").expect(200);
    let document = server.nobody().get("/v1/openapi.json").expect(200).json();
    for who in [server.nobody(), server.bearer("rst_wrong"), server.bearer(""), server.basic("admin", "wrong")] {
        for (path, item) in document["paths"].as_object().expect("paths") {
            let path = path.replace("{repository}", "demo").replace("{backup}", "nightly").replace(['{', '}'], "");
            for (method, operation) in item.as_object().expect("operations") {
                let open = operation["security"] == json!([]);
                let method = method.to_uppercase().parse().expect("a method");
                let answer = who.request(method, &path, &[], Vec::new());
                if open {
                    answer.expect(200);
                } else if answer.status != 429 {
                    // Who guesses too often waits.
                    answer.problem(401, "request.unauthorized");
                    assert!(answer.header("www-authenticate").starts_with("Bearer "));
                }
            }
        }
    }
}

#[test]
fn a_reader_looks_and_touches_nothing() {
    let server = server();
    let (rita, ana) = (server.bearer("rita"), server.bearer("ana"));
    let id = started(&ana, &restore());
    ana.wait_for_end(&id);
    for path in ["", "/objects", "/log", "/report", "/events"] {
        rita.get(&format!("/v1/jobs/{id}{path}")).expect(200);
    }
    for path in
        ["/v1/jobs", "/v1/targets", "/v1/repositories", "/v1/repositories/box/backups", "/v1/plugins", "/v1/metrics"]
    {
        rita.get(path).expect(200);
    }
    rita.post("/v1/plans", &json!({"archive": {"repository": "box", "backup": "shop"}, "target": "other"})).expect(200);
    let backup = "/v1/repositories/box/backups/shop";
    for (path, body) in [
        ("/v1/restores".to_owned(), restore()),
        ("/v1/backups".to_owned(), json!({"target": "live", "repository": "box", "backup": "b"})),
        ("/v1/backups".to_owned(), json!({"target": "live", "repository": "box", "backup": "b", "dry_run": true})),
        (format!("{backup}/verify"), json!({})),
        (format!("{backup}/merge"), json!({})),
        ("/v1/uploads".to_owned(), json!({})),
    ] {
        rita.post(&path, &body).problem(403, "request.forbidden");
    }
    for what in ["cancel", "pause", "resume", "retry", "undo", "discard"] {
        rita.poke(&format!("/v1/jobs/{id}/{what}")).problem(403, "request.forbidden");
        // Nor does an operator with the jobs of another.
        server.bearer("ben").poke(&format!("/v1/jobs/{id}/{what}")).problem(403, "request.forbidden");
    }
    rita.patch(backup, &json!({"comment": "mine"})).problem(403, "request.forbidden");
    rita.delete(backup).problem(403, "request.forbidden");
    rita.delete(&format!("{backup}/snapshots/1")).problem(403, "request.forbidden");
    assert_eq!(server.bearer("root").poke(&format!("/v1/jobs/{id}/undo")).expect(200).json()["state"], "undone");
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(|item| item["name"].as_str()).collect()
}

fn jobs(client: &Client) -> usize {
    client.get("/v1/jobs").expect(200).json()["jobs"].as_array().expect("a list").len()
}

#[test]
fn rights_are_by_repository_target_and_kind() {
    let server = server();
    let (ana, narrow, blind) = (server.bearer("ana"), server.bearer("narrow"), server.bearer("blind"));
    assert_eq!(names(&narrow.get("/v1/targets").expect(200).json()), ["live"]);
    assert_eq!(names(&narrow.get("/v1/repositories").expect(200).json()), ["box"]);
    assert_eq!(blind.get("/v1/targets").expect(200).json(), json!([]));
    let me = narrow.get("/v1/me").expect(200).json();
    assert_eq!((&me["kinds"], &me["targets"]), (&json!(["table"]), &json!(["live"])));

    let wanted = |repository: &str, backup: &str, target: &str| json!({"archive": {"repository": repository, "backup": backup}, "target": target});
    for body in [
        wanted("vault", "shop", "live"),
        wanted("box", "shop", "other"),
        wanted("none", "shop", "live"),
        wanted("box", "shop", "none"),
    ] {
        narrow.post("/v1/plans", &body).problem(403, "request.forbidden");
        narrow.post("/v1/restores", &body).problem(403, "request.forbidden");
    }
    // Users and graphs are not theirs to restore: not in a plan, and not in a job.
    narrow.post("/v1/plans", &wanted("box", "shop", "live")).problem(403, "request.forbidden");
    let plan = ana.post("/v1/plans", &wanted("box", "shop", "live")).expect(200).json();
    let mut with_plan = wanted("box", "shop", "live");
    with_plan["plan"] = plan;
    narrow.post("/v1/restores", &with_plan).problem(403, "request.forbidden");
    let refused = started(&narrow, &wanted("box", "shop", "live"));
    let refused = narrow.wait_for_end(&refused);
    assert_eq!((&refused["state"], &refused["error"]["code"]), (&json!("refused"), &json!("request.forbidden")));
    let id = started(&narrow, &wanted("box", "tables", "live"));
    assert_eq!(narrow.wait_for_end(&id)["state"], "succeeded");

    for path in [
        "/v1/repositories/vault/backups",
        "/v1/repositories/vault/backups/shop",
        "/v1/repositories/vault/backups/shop/snapshots/1",
    ] {
        narrow.get(path).problem(403, "request.forbidden");
    }
    // What somebody may not see is left out, and refused by name.
    let hidden =
        ana.poke("/v1/repositories/vault/backups/shop/verify").expect(202).json()["id"].as_str().unwrap().to_owned();
    ana.wait_for_end(&hidden);
    assert_eq!((jobs(&ana), jobs(&narrow), jobs(&blind)), (3, 2, 0));
    for path in ["", "/objects", "/log", "/report", "/events"] {
        narrow.get(&format!("/v1/jobs/{hidden}{path}")).problem(403, "request.forbidden");
    }
}

#[test]
fn tokens_are_made_listed_and_ended() {
    let mut server = server();
    let (ana, ben, root) = (server.bearer("ana"), server.bearer("ben"), server.bearer("root"));
    let made = ana.post("/v1/tokens", &json!({"name": "script"})).expect(201).json();
    let (token, hash) =
        (made["token"].as_str().expect("a token").to_owned(), made["hash"].as_str().expect("a hash").to_owned());
    assert_eq!((&made["user"], &made["expires"]), (&json!("ana"), &Value::Null));
    assert_eq!(server.bearer(&token).get("/v1/me").expect(200).json()["user"], "ana");
    server.kill();
    server.start();
    server.bearer(&token).get("/v1/me").expect(200);
    let short = ana.post("/v1/tokens", &json!({"name": "short", "expires_in_seconds": 1})).expect(201).json();
    let ends: jiff::Timestamp = short["expires"].as_str().expect("a time").parse().expect("a time");
    let short = server.bearer(short["token"].as_str().expect("a token"));
    while jiff::Timestamp::now() <= ends {
        std::thread::yield_now();
    }
    short.get("/v1/me").problem(401, "request.unauthorized");
    let list = |client: &Client| client.get("/v1/tokens").expect(200);
    assert_eq!(names(&list(&ana).json()).len(), 2);
    assert!(!list(&ana).text().contains(&token));
    assert_eq!((names(&list(&ben).json()).len(), names(&list(&root).json()).len()), (0, 2));
    ben.delete(&format!("/v1/tokens/{hash}")).problem(403, "request.forbidden");
    ana.delete(&format!("/v1/tokens/{hash}")).expect(204);
    ana.delete(&format!("/v1/tokens/{hash}")).problem(404, "request.not_found");
    server.bearer(&token).get("/v1/me").problem(401, "request.unauthorized");
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x", "expires_in_seconds": 0}),
        json!({"name": "x", "user": "root"}),
    ] {
        ana.post("/v1/tokens", &body).problem(400, "usage");
    }
}

#[test]
fn what_is_done_is_written_down_without_secrets() {
    let server = server();
    let ana = server.bearer("ana");
    let id = started(&ana, &restore());
    ana.wait_for_end(&id);
    ana.poke(&format!("/v1/jobs/{id}/undo")).expect(200);
    let token = ana.post("/v1/tokens", &json!({"name": "n"})).expect(201).json()["token"].as_str().unwrap().to_owned();
    server.bearer("rst_guess").get("/v1/me").expect(401);
    let audit = std::fs::read_to_string(server.state("audit.jsonl")).expect("a log");
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let line = |request: &str| {
        lines.iter().find(|line| line["request"] == request).unwrap_or_else(|| panic!("{request}: {audit}"))
    };
    let start = line("POST /v1/restores");
    assert_eq!((&start["user"], &start["about"], &start["status"]), (&json!("ana"), &json!(id), &json!(202)));
    assert_eq!(line(&format!("POST /v1/jobs/{id}/undo"))["about"], id.as_str());
    assert_eq!((&line("GET /v1/me")["status"], &line("GET /v1/me")["user"]), (&json!(401), &Value::Null));
    for secret in [token.as_str(), "rst_guess", "Bearer"] {
        assert!(!audit.contains(secret) && !server.said().contains(secret));
    }
}
