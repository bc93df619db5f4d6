//! Backups: where they go, what the history lists, and what is removed.

use serde_json::{Value, json};

use super::portal::{
    ADMIN, OTHER, backed_up, ended, files, get, history, of_file, path, portal, post, prepared, refused, response,
    rows, succeeded, wait,
};
use super::support::server::Server;

/// A server whose portal has something in it.
fn filled(rows: u32) -> Server {
    let server = portal(rows);
    let admin = server.bearer(ADMIN);
    post(&admin, "startrestore", &of_file("/backups/small.tar"));
    succeeded(&admin, "getrestoreprogress");
    server
}

fn to(storage: impl Into<Value>, params: &[(&str, &str)]) -> Value {
    let params: Vec<Value> = params.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({"storageType": storage.into(), "storageParams": params, "dump": false})
}

fn by_id(id: &str) -> Value {
    json!({"backupId": id, "notify": false})
}

#[test]
fn backups_go_to_every_storage_and_come_back() {
    let server = filled(50);
    let admin = server.bearer(ADMIN);
    for (body, name) in [
        (to(3, &[("filePath", "/backups")]), ".tar"),
        (to("Local", &[("filePath", "/backups/")]), ".tar"),
        (to(0, &[("folderId", "42")]), "42@1"),
        (to("documents", &[("folderId", "42")]), "42@2"),
        (to(1, &[]), "shop@1"),
        (to(5, &[("module", "S3"), ("subdir", "night")]), "night@1"),
        (to("thirdpartyconsumer", &[("module", "s3")]), "backup@1"),
        (to(4, &[]), "shop@1"),
    ] {
        let id = backed_up(&admin, &body);
        let listed = history(&admin);
        assert_eq!(listed[0].0, id, "{body}");
        assert!(listed[0].1.ends_with(name) && listed[0].1.starts_with(['s', '4', 'n', 'b']), "{listed:?}");
        server.sandbox.sql("live.sqlite", "DELETE FROM people");
        let begun = post(&admin, "startrestore", &by_id(&id));
        assert_eq!(succeeded(&admin, "getrestoreprogress")["taskId"], begun["taskId"]);
        assert_eq!(rows(&server.sandbox, "people"), "Integer(50)", "{body}");
    }
    let listed = get(&admin, "getbackuphistory");
    let expires: Vec<bool> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| record["expiresOn"] != "0001-01-01T00:00:00" && record["storageType"] == 4)
        .collect();
    assert_eq!(expires, [true, false, false, false, false, false, false, false]);
    // A snapshot by its name, of the storage that has it.
    for (storage, name) in [(0, "42@1"), (0, "42"), (5, "night")] {
        let mut body = to(storage, &[("filePath", name), ("module", "S3")]);
        body["backupId"] = "".into();
        post(&admin, "startrestore", &body);
        succeeded(&admin, "getrestoreprogress");
    }
}

#[test]
fn what_is_deleted_is_gone() {
    let server = filled(20);
    let admin = server.bearer(ADMIN);
    let first = backed_up(&admin, &to(0, &[("folderId", "42")]));
    let second = backed_up(&admin, &to(0, &[("folderId", "42")]));
    let file = backed_up(&admin, &to(3, &[("filePath", "/backups")]));
    let by_hand = backed_up(&admin, &to(3, &[("filePath", "/backups")]));
    let dump = json!({"storageType": 3, "storageParams": [{"key": "filePath", "value": "/backups"}], "dump": true});
    let dump = {
        let begun = post(&admin, "startbackup", &dump);
        succeeded(&admin, "getbackupprogress?Dump=true");
        begun["taskId"].as_str().expect("an id").to_owned()
    };
    assert_eq!(history(&admin).len(), 5);
    for (query, expected) in [("?Dump=true", 1), ("?Dump=false", 4), ("", 5)] {
        assert_eq!(get(&admin, &format!("getbackuphistory{query}")).as_array().expect("a list").len(), expected);
    }
    for (query, expected) in [
        ("", 5),
        ("?paid=true", 0),
        ("?paid=false", 5),
        ("?from=2020-01-01T00:00:00.000000", 5),
        ("?from=2020-01-01T00:00:00Z&to=2020-12-31T00:00:00%2B0000", 0),
        ("?to=2999-01-01", 5),
    ] {
        assert_eq!(get(&admin, &format!("getbackupscount{query}")), expected, "{query}");
    }
    refused(admin.get(&path("getbackupscount?from=yesterday")), 400);

    // What builds on it stays.
    assert_eq!(response(admin.delete(&path(&format!("deletebackup/{}", first.to_uppercase())))), true);
    refused(admin.delete(&path(&format!("deletebackup/{first}"))), 404);
    refused(admin.post(&path("startrestore"), &by_id(&first)), 404);
    post(&admin, "startrestore", &by_id(&second));
    succeeded(&admin, "getrestoreprogress");
    // A file that somebody removes is in no history any more.
    let name = history(&admin).into_iter().find(|(id, _)| *id == by_hand).expect("the record").1;
    std::fs::remove_file(server.sandbox.path("backups").join(name)).expect("removed");
    refused(admin.post(&path("startrestore"), &by_id(&by_hand)), 404);
    let ids: Vec<String> = history(&admin).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [dump.clone(), file, second]);
    // Dumps only where these are meant.
    assert_eq!(response(admin.delete(&path("deletebackuphistory"))), true);
    assert_eq!(history(&admin).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [dump]);
    assert_eq!(files(&server.sandbox.path("backups"), ".tar"), 2, "the dump's, and the one that was there");
    assert_eq!(response(admin.delete(&path("deletebackuphistory?Dump=true"))), true);
    assert!(history(&admin).is_empty());
    // A backup whose snapshots are all gone begins anew.
    let again = backed_up(&admin, &to(0, &[("folderId", "42")]));
    post(&admin, "startrestore", &by_id(&again));
    succeeded(&admin, "getrestoreprogress");
}

#[test]
fn repositories_are_for_whom_they_are() {
    let server = filled(20);
    let (admin, other) = (server.bearer(ADMIN), server.bearer(OTHER));
    let snapshot = backed_up(&admin, &to(0, &[]));
    let file = backed_up(&other, &to(3, &[("filePath", "/backups")]));
    assert_eq!(history(&other).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [file]);
    refused(other.post(&path("startrestore"), &by_id(&snapshot)), 403);
    refused(other.delete(&path(&format!("deletebackup/{snapshot}"))), 403);
    refused(other.post(&path("startbackup"), &to(0, &[])), 403);
    let schedule = json!({"storageType": 0, "cronParams": {"period": 0, "hour": 4, "day": 0}});
    refused(other.post(&path("createbackupschedule"), &schedule), 403);
    let named = json!({"backupId": "", "storageType": 0, "storageParams": [{"key": "filePath", "value": "shop"}]});
    refused(other.post(&path("startrestore"), &named), 403);
    assert_eq!(response(other.delete(&path("deletebackuphistory"))), true);
    assert_eq!(history(&admin).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [snapshot]);
}

#[test]
fn a_backup_can_be_cancelled() {
    let (sandbox, config) = prepared(20_000);
    let mut server = Server::configured(sandbox, &config);
    server.variable("FAILPOINTS", "repository.pack=sleep(1500)");
    server.start();
    let admin = server.bearer(ADMIN);
    assert_eq!(post(&admin, "cancelbackup", &json!(null)), false);
    post(&admin, "startrestore", &of_file("/backups/small.tar"));
    succeeded(&admin, "getrestoreprogress");
    let begun = post(&admin, "startbackup", &to(0, &[]));
    let running = wait(&admin, "getbackupprogress", |task| task["status"] == 1);
    assert_eq!((&running["taskId"], &running["isCompleted"]), (&begun["taskId"], &json!(false)));
    assert_eq!(post(&admin, "startbackup", &to(0, &[]))["taskId"], begun["taskId"]);
    assert_eq!(response(admin.poke(&path("cancelbackup"))), true);
    let end = ended(&admin, "getbackupprogress");
    assert_eq!((&end["status"], &end["error"]), (&json!(3), &json!("")));
    assert_eq!(response(admin.poke(&path("cancelbackup"))), false);
    assert!(history(&admin).is_empty());
}

#[test]
fn a_backup_outlives_the_server() {
    let (sandbox, config) = prepared(20_000);
    let mut server = Server::configured(sandbox, &config);
    server.start();
    post(&server.bearer(ADMIN), "startrestore", &of_file("/backups/small.tar"));
    succeeded(&server.nobody(), "getrestoreprogress");
    for point in ["repository.pack", "repository.publish", "repository.published"] {
        server.kill();
        server.variable("FAILPOINTS", &format!("{point}=return"));
        server.start();
        let before = history(&server.bearer(ADMIN)).len();
        let begun = post(&server.bearer(ADMIN), "startbackup", &to(0, &[("folderId", "42")]));
        server.ended();
        // The lock of a process that was killed is free after two minutes; nobody waits for that here.
        std::fs::remove_dir_all(server.sandbox.path("box/42/locks")).expect("the locks");
        server.variable("FAILPOINTS", "");
        server.start();
        let admin = server.bearer(ADMIN);
        let end = succeeded(&admin, "getbackupprogress");
        assert_eq!(end["taskId"], begun["taskId"], "{point}");
        let listed = history(&admin);
        assert_eq!((listed.len(), listed[0].0.as_str()), (before + 1, begun["taskId"].as_str().expect("an id")));
        assert_eq!(listed[0].1, format!("42@{}", before + 1), "{point}");
    }
}

#[test]
fn what_expires_is_removed() {
    let mut server = filled(20);
    let id = backed_up(&server.bearer(ADMIN), &to(4, &[]));
    let listed = get(&server.bearer(ADMIN), "getbackuphistory");
    assert_ne!(listed[0]["expiresOn"], "0001-01-01T00:00:00");
    server.kill();
    server.sandbox.sql(
        "state/jobs.sqlite",
        &format!("UPDATE kept SET value = json_set(value, '$.expires', '2026-01-01T00:00:00Z') WHERE name = 'docspace record {id}'"),
    );
    server.start();
    let admin = server.bearer(ADMIN);
    assert!(history(&admin).is_empty());
    refused(admin.post(&path("startrestore"), &by_id(&id)), 404);
    let since = std::time::Instant::now();
    let document = server.sandbox.path("day/shop/backup.json");
    let left = || {
        let document: Value = serde_json::from_slice(&std::fs::read(&document).expect("a document")).expect("JSON");
        document["snapshots"].as_array().expect("a list").len()
    };
    while left() > 0 {
        assert!(since.elapsed() < super::support::server::PATIENCE, "it is still there");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
