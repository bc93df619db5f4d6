//! From a plan to its undoing, as somebody new to it would go.

use serde_json::{Value, json};

use crate::support::server::{Sent, Server};

const NIGHTLY: &str = r#"{"archive": {"repository": "demo", "backup": "nightly"}, "target": "live"}"#;

fn nightly() -> Value {
    serde_json::from_str(NIGHTLY).expect("JSON")
}

#[test]
fn a_plan_is_made_carried_out_watched_and_taken_back() {
    let server = Server::demo();
    let admin = server.admin();
    let repositories = admin.get("/v1/repositories").expect(200).json();
    assert_eq!(repositories[0]["name"], "demo");
    let backups = admin.get("/v1/repositories/demo/backups").expect(200).json();
    assert_eq!((&backups[0]["name"], backups[0]["snapshots"].as_array().map(Vec::len)), (&json!("nightly"), Some(1)));
    let snapshot = admin.get("/v1/repositories/demo/backups/nightly/snapshots/latest").expect(200).json();
    assert_eq!(snapshot["snapshot"]["id"], 1);
    assert!(snapshot["contents"].as_array().is_some_and(|objects| objects.len() >= 4));

    let plan = admin.post("/v1/plans", &nightly()).expect(200).json();
    let steps = plan["steps"].as_array().expect("steps").len();
    assert!(steps >= 4 && plan["version"] == 1, "{plan:#}");
    let mut wanted = nightly();
    wanted["plan"] = plan.clone();
    let answer = admin.post("/v1/restores", &wanted).expect(202);
    let job = answer.json();
    let id = job["id"].as_str().expect("a name").to_owned();
    assert_eq!((&job["task"], &job["operator"], &job["target"]), (&json!("restore"), &json!("admin"), &json!("live")));

    let sent = admin.events(&format!("/v1/jobs/{id}/events"), None, |_| false);
    check_events(&sent, steps);
    let job = admin.get(&format!("/v1/jobs/{id}")).expect(200).json();
    assert_eq!((&job["state"], &job["progress"]["fraction"]), (&json!("succeeded"), &json!(1.0)));
    let stages: Vec<&str> =
        job["stages"].as_array().into_iter().flatten().filter_map(|stage| stage["name"].as_str()).collect();
    assert_eq!((stages.first(), stages.last()), (Some(&"queue"), Some(&"switch")));
    let report = admin.get(&format!("/v1/jobs/{id}/report")).expect(200).json();
    assert_eq!((&report["status"], &report["job"]), (&json!("succeeded"), &json!(id)));
    assert_eq!(report["restored_records"], plan["totals"]["rows"]);
    let objects = admin.get(&format!("/v1/jobs/{id}/objects?limit=2")).expect(200).json();
    assert_eq!(objects["objects"].as_array().map(Vec::len), Some(2));
    let from = objects["objects"][1]["step"].as_u64().expect("a step") + 1;
    let rest = admin.get(&format!("/v1/jobs/{id}/objects?from={from}")).expect(200).json();
    assert_eq!(rest["objects"].as_array().map(Vec::len), Some(steps - 2));

    let customers = "SELECT count(*) FROM \"sales.customers\"";
    let rows = || {
        let live = rusqlite::Connection::open(server.state("live.sqlite")).expect("a database");
        live.query_row(customers, [], |row| row.get::<_, i64>(0)).ok()
    };
    let restored = rows();
    let path = |what: &str| format!("/v1/jobs/{id}/{what}");
    assert_eq!(admin.poke(&path("undo")).expect(200).json()["state"], "undone");
    assert_eq!(rows(), None);
    assert_eq!(admin.poke(&path("undo")).expect(200).json()["state"], "succeeded");
    assert_eq!(rows(), restored);
    for what in ["cancel", "pause", "resume", "retry"] {
        admin.poke(&path(what)).problem(409, "job.not_possible");
    }
    assert_eq!(admin.poke(&path("discard")).expect(200).json()["state"], "discarded");
    admin.poke(&path("undo")).problem(409, "job.not_possible");
    let log = admin.get(&path("log")).expect(200).json();
    let words: Vec<&str> =
        log["log"].as_array().into_iter().flatten().filter_map(|line| line["text"].as_str()).collect();
    for expected in ["admin took it back", "admin switched it again", "admin dropped what it had replaced"] {
        assert!(words.contains(&expected), "{words:?}");
    }
}

/// The job first, then what changed in the order of its numbers, then the end.
fn check_events(sent: &[Sent], steps: usize) {
    assert_eq!(sent.first().map(|sent| sent.event.as_str()), Some("job"), "{sent:#?}");
    let last = sent.last().expect("an end");
    assert_eq!((last.event.as_str(), &last.data["state"]), ("end", &json!("succeeded")), "{sent:#?}");
    let numbers: Vec<u64> =
        sent.iter().filter(|sent| !sent.id.is_empty()).map(|sent| sent.id.parse().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let staged = sent.iter().filter(|sent| sent.event == "object" && sent.data["state"] == "staged");
    assert_eq!(staged.count(), steps);
    let jobs: Vec<&Value> = sent.iter().filter(|sent| sent.event == "job").map(|sent| &sent.data).collect();
    let fractions: Vec<f64> = jobs.iter().filter_map(|job| job["progress"]["fraction"].as_f64()).collect();
    assert!(fractions.is_sorted(), "{fractions:?}");
    assert_eq!(jobs.last().map(|job| &job["state"]), Some(&json!("succeeded")));
}

#[test]
fn who_comes_back_goes_on_where_they_were() {
    let server = Server::demo();
    let admin = server.admin();
    let id = super::scene::started(&admin, &nightly());
    admin.wait_for_end(&id);
    let path = format!("/v1/jobs/{id}/events");
    let all = admin.events(&path, None, |_| false);
    let numbered: Vec<&Sent> = all.iter().filter(|sent| !sent.id.is_empty()).collect();
    let (seen, left) = numbered.split_at(numbered.len() / 2);
    let last = seen.last().map(|sent| sent.id.as_str());
    let again = admin.events(&path, last, |_| false);
    let again: Vec<&Sent> = again.iter().filter(|sent| !sent.id.is_empty()).collect();
    assert!(!left.is_empty() && again == left);
    let bad = admin.request(reqwest::Method::GET, &path, &[("last-event-id", "x")], Vec::new());
    bad.problem(400, "usage");
}

#[test]
fn the_server_says_how_it_is() {
    let mut server = Server::demo();
    let (nobody, admin) = (server.nobody(), server.admin());
    let health = nobody.get("/v1/health").expect(200).json();
    assert_eq!(health, json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    assert_eq!(nobody.get("/v1/ready").expect(200).json(), health);
    let me = admin.get("/v1/me").expect(200).json();
    assert_eq!(me, json!({"user": "admin", "role": "admin", "repositories": null, "targets": null, "kinds": null}));
    let targets = admin.get("/v1/targets").expect(200).json();
    assert_eq!(targets[0]["name"], "live");
    assert!(targets[0]["location"].as_str().is_some_and(|location| location.starts_with("sqlite:")));
    let plugins = admin.get("/v1/plugins").expect(200).json();
    assert!(plugins.as_array().is_some_and(|plugins| plugins.iter().any(|plugin| plugin["name"] == "tables")));
    let metrics = admin.get("/v1/metrics").expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(metrics.text().contains("reinstate_requests_total{method=\"GET\",path=\"/v1/health\",status=\"200\"} 1"));
    assert!(metrics.text().ends_with("# EOF\n"));
    assert_eq!(server.terminate(), Some(0));
}
