//! Restores: one at a time, whatever happens to the server, and never half.

use serde_json::json;

use super::portal::{
    ADMIN, ended, get, of_file, path, portal, post, prepared, refused, response, rows, succeeded, wait,
};
use super::support::server::Server;

#[test]
fn a_restore_outlives_the_server() {
    let (sandbox, config) = prepared(200_000);
    let mut server = Server::configured(sandbox, &config);
    // Ends with the commit of some part in the middle.
    server.variable("FAILPOINTS", "sqlite.commit.after=8*off->return");
    server.start();
    let begun = post(&server.bearer(ADMIN), "startrestore", &of_file("/backups/small.tar"));
    assert_eq!((&begun["progress"], &begun["status"], &begun["isCompleted"]), (&json!(0), &json!(0), &json!(false)));
    assert_eq!((&begun["error"], &begun["link"], &begun["tenantId"]), (&json!(""), &json!(null), &json!(7)));
    let mut last = 0;
    let anybody = server.nobody();
    // As long as it answers.
    while let Ok(answer) = anybody.try_request(reqwest::Method::GET, &path("getrestoreprogress"), &[], Vec::new()) {
        last = response(answer)["progress"].as_u64().expect("a number");
    }
    server.ended();
    assert!((0..75).contains(&last), "{last}");
    server.variable("FAILPOINTS", "");
    server.start();
    let anybody = server.nobody();
    let task = get(&anybody, "getrestoreprogress");
    assert_eq!(task["taskId"], begun["taskId"]);
    assert!(task["progress"].as_u64() >= Some(last), "from {last} to {task}");
    let end = succeeded(&anybody, "getrestoreprogress");
    assert_eq!((&end["taskId"], &end["tenantId"]), (&begun["taskId"], &json!(8)));
    assert_eq!(rows(&server.sandbox, "people"), "Integer(200000)");
    // The next one is of the portal that is there now.
    let next = post(&server.bearer(ADMIN), "startrestore", &of_file("/backups/small.tar"));
    assert_eq!(next["tenantId"], 8);
    assert_ne!(next["taskId"], begun["taskId"]);
    assert_eq!(succeeded(&server.nobody(), "getrestoreprogress")["tenantId"], 9);
}

#[test]
fn one_restore_runs_at_a_time() {
    let (sandbox, config) = prepared(100);
    let mut server = Server::configured(sandbox, &config);
    server.variable("FAILPOINTS", "plugin.begin=sleep(400)");
    server.start();
    let admin = server.bearer(ADMIN);
    let starts = (0..6).map(|_| {
        let admin = admin.clone();
        std::thread::spawn(move || post(&admin, "startrestore", &of_file("/backups/small.tar"))["taskId"].clone())
    });
    let ids: Vec<_> = starts.collect::<Vec<_>>().into_iter().map(|start| start.join().expect("an id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    wait(&admin, "getrestoreprogress", |task| task["progress"].as_u64() >= Some(10));
    assert_eq!(post(&admin, "startrestore", &of_file("/backups/small.tar"))["taskId"], ids[0]);
    assert_eq!(get(&admin, "getrestoreprogress?Dump=false")["taskId"], ids[0]);
    assert_eq!(get(&admin, "getrestoreprogress?Dump=true"), json!(null));
    assert_eq!(get(&admin, "getbackupprogress"), json!(null));
    succeeded(&admin, "getrestoreprogress");
    let restores = admin.get("/v1/jobs").json();
    if let Some(jobs) = restores["jobs"].as_array() {
        assert_eq!(jobs.len(), 1, "{restores}");
    }
}

#[test]
fn what_is_damaged_changes_nothing() {
    let server = portal(100);
    let admin = server.bearer(ADMIN);
    post(&admin, "startrestore", &of_file("/backups/small.tar"));
    succeeded(&admin, "getrestoreprogress");
    let before = crate::support::logical_content(&server.sandbox.path("live.sqlite"));
    let whole = std::fs::read(server.sandbox.path("backups/small.tar")).expect("an archive");
    std::fs::write(server.sandbox.path("backups/cut.tar"), &whole[..whole.len() / 2]).expect("a file");
    std::fs::write(server.sandbox.path("backups/none.tar.gz"), "no archive").expect("a file");
    for file in ["/backups/cut.tar", "/backups/none.tar.gz"] {
        let begun = post(&admin, "startrestore", &of_file(file));
        assert_eq!(begun["error"], "");
        let end = ended(&admin, "getrestoreprogress");
        assert_eq!((&end["taskId"], &end["status"]), (&begun["taskId"], &json!(4)));
        assert_eq!(end["error"], "The backup file is invalid.", "{file}");
        assert!(end["progress"].as_u64() < Some(100) && end["tenantId"] == 8, "{end}");
    }
    assert_eq!(crate::support::logical_content(&server.sandbox.path("live.sqlite")), before);
}

#[test]
fn whole_servers_and_portals_are_not_mistaken() {
    let server = portal(10);
    let admin = server.bearer(ADMIN);
    let dump = crate::support::data("docspace/dump.tar.gz");
    std::fs::copy(dump, server.sandbox.path("backups/dump.tar.gz")).expect("a copy");
    for (file, dump) in [("/backups/dump.tar.gz", false), ("/backups/small.tar", true)] {
        let mut body = of_file(file);
        body["dump"] = dump.into();
        post(&admin, "startrestore", &body);
        let end = ended(&admin, &format!("getrestoreprogress?Dump={dump}"));
        assert_eq!((&end["error"], &end["progress"]), (&json!("The backup file is invalid."), &json!(0)), "{file}");
    }
    // What is asked for without saying which is the newest.
    let newest = get(&admin, "getrestoreprogress");
    assert_eq!(newest, get(&admin, "getrestoreprogress?Dump=true"));
    // What the server has made of a whole server is one, by its path and by its record, and nothing else.
    post(&admin, "startrestore", &of_file("/backups/small.tar"));
    succeeded(&admin, "getrestoreprogress?Dump=false");
    let folder = json!([{"key": "filePath", "value": "/backups"}]);
    post(&admin, "startbackup", &json!({"storageType": "Local", "storageParams": folder, "dump": true}));
    succeeded(&admin, "getbackupprogress");
    let made = get(&admin, "getbackuphistory?Dump=true")[0].clone();
    let name = made["fileName"].as_str().expect("a name");
    assert!(name.starts_with("workspace_"), "{name}");
    for dump in [false, true] {
        let mut body = of_file(&format!("/backups/{name}"));
        body["dump"] = dump.into();
        let begun = post(&admin, "startrestore", &body);
        let end = ended(&admin, &format!("getrestoreprogress?Dump={dump}"));
        let error = if dump { "" } else { "The backup file is invalid." };
        assert_eq!((&end["taskId"], &end["error"]), (&begun["taskId"], &json!(error)), "{dump}");
    }
    let by_record = |dump: bool| json!({"backupId": made["id"], "storageType": 3, "storageParams": [], "dump": dump});
    let refused = admin.post("/api/2.0/backup/startrestore", &by_record(false));
    assert_eq!(refused.status, 400, "{}", refused.text());
    let begun = post(&admin, "startrestore", &by_record(true));
    assert_eq!(ended(&admin, "getrestoreprogress?Dump=true")["taskId"], begun["taskId"]);
}

#[test]
fn what_cannot_go_on_makes_way() {
    let (sandbox, config) = prepared(200_000);
    let mut server = Server::configured(sandbox, &config);
    server.variable("FAILPOINTS", "sqlite.commit.after=8*off->return");
    server.start();
    let small = server.sandbox.path("backups/small.tar");
    let begun = post(&server.bearer(ADMIN), "startrestore", &of_file("/backups/small.tar"));
    server.ended();
    // The archive is gone when the server is back: the restore can neither go on nor begin anew.
    std::fs::rename(&small, server.sandbox.path("elsewhere.tar")).expect("moved");
    server.variable("FAILPOINTS", "");
    server.start();
    let admin = server.bearer(ADMIN);
    let end = ended(&admin, "getrestoreprogress");
    assert_eq!((&end["taskId"], &end["status"], &end["tenantId"]), (&begun["taskId"], &json!(4), &json!(7)), "{end}");
    assert!(end["error"].as_str().is_some_and(|error| !error.is_empty()), "{end}");
    refused(admin.post(&path("startrestore"), &of_file("/backups/small.tar")), 404);
    assert_eq!(get(&admin, "getrestoreprogress")["taskId"], begun["taskId"], "what was refused is no task");
    std::fs::rename(server.sandbox.path("elsewhere.tar"), &small).expect("moved");
    post(&admin, "startrestore", &of_file("/backups/small.tar"));
    succeeded(&admin, "getrestoreprogress");
    assert_eq!(rows(&server.sandbox, "people"), "Integer(200000)");
}

#[test]
fn samples_are_understood() {
    let server = portal(100);
    let admin = server.bearer(ADMIN);
    let sample = json!({
        "backupId": "no guid", "storageType": "local", "storageParams": {"filePath": "/backups/small.tar"},
        "notify": true, "dump": false,
    });
    assert_eq!(post(&admin, "startrestore", &sample)["backupProgressEnum"], 1);
    succeeded(&admin, "getrestoreprogress");
    assert_eq!(rows(&server.sandbox, "people"), "Integer(100)");
}
