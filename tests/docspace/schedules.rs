//! Schedules: what is due is made, be it that the server was away, and so many copies are kept.

use serde_json::{Value, json};

use super::portal::{
    ADMIN, files, get, history, of_file, path, portal, post, prepared, refused, response, succeeded, wait,
};
use super::support::server::Server;

fn schedule(copies: u32, dump: bool) -> Value {
    json!({
        "storageType": 3, "storageParams": [{"key": "filePath", "value": "/backups"}], "backupsStored": copies,
        "cronParams": {"period": 0, "hour": 4, "day": 0}, "dump": dump,
    })
}

#[test]
fn schedules_are_kept_and_told() {
    let mut server = portal(10);
    let admin = server.bearer(ADMIN);
    assert_eq!(get(&admin, "getbackupschedule"), json!(null));
    assert_eq!(post(&admin, "createbackupschedule", &schedule(3, false)), true);
    assert_eq!(post(&admin, "createbackupschedule", &schedule(5, true)), true);
    let told = json!({
        "storageType": 3, "storageParams": {"filePath": "/backups", "folderId": "/backups"}, "backupsStored": 3,
        "cronParams": {"period": 0, "hour": 4, "day": 0}, "dump": false, "lastBackupTime": "0001-01-01T00:00:00",
    });
    assert_eq!(get(&admin, "getbackupschedule"), told);
    server.kill();
    server.start();
    let admin = server.bearer(ADMIN);
    assert_eq!(get(&admin, "getbackupschedule?Dump=false"), told);
    assert_eq!(get(&admin, "getbackupschedule?Dump=true")["backupsStored"], 5);
    assert_eq!(response(admin.delete(&path("deletebackupschedule"))), true);
    assert_eq!(response(admin.delete(&path("deletebackupschedule"))), true);
    assert_eq!(get(&admin, "getbackupschedule"), json!(null));
    assert_eq!(get(&admin, "getbackupschedule?Dump=true")["backupsStored"], 5);
    let mut daily = schedule(2, false);
    daily["cronParams"] = json!({"period": 0, "hour": 4, "day": null});
    assert_eq!(post(&admin, "createbackupschedule", &daily), true, "every day needs no day");
    assert_eq!(response(admin.delete(&path("deletebackupschedule"))), true);
    for (field, bad) in [
        ("backupsStored", json!(0)),
        ("backupsStored", json!(31)),
        ("backupsStored", json!(-1)),
        ("cronParams", json!({"period": 1, "hour": 4, "day": 0})),
        ("cronParams", json!({"period": 0, "hour": 24, "day": 0})),
        ("cronParams", json!({"period": 7, "hour": 4, "day": 0})),
        ("cronParams", json!(null)),
        ("storageType", json!(2)),
        ("storageType", json!("Tape")),
        ("storageParams", json!([])),
        ("storageParams", json!([{"key": "filePath", "value": "/backups/../.."}])),
    ] {
        let mut body = schedule(1, false);
        body[field] = bad;
        refused(admin.post(&path("createbackupschedule"), &body), 400);
    }
}

/// Ends the server, says that the schedule was last begun with long ago, and starts it again.
fn away_for_long(server: &mut Server) {
    server.kill();
    server.sandbox.sql(
        "state/jobs.sqlite",
        "UPDATE kept SET value = json_set(value, '$.created', '2026-01-01T00:00:00Z', '$.last', '2026-01-02T00:00:00Z')
         WHERE name = 'docspace schedule'",
    );
    server.start();
}

#[test]
fn what_was_missed_is_made_once_and_copies_are_counted() {
    let (sandbox, config) = prepared(10);
    let mut server = Server::in_sandbox(sandbox, &config);
    let admin = server.bearer(ADMIN);
    post(&admin, "startrestore", &of_file("/backups/small.tar"));
    succeeded(&admin, "getrestoreprogress");
    let by_hand = json!({"storageType": 3, "storageParams": {"filePath": "/backups"}});
    let by_hand = super::portal::backed_up(&admin, &by_hand);
    post(&admin, "createbackupschedule", &schedule(2, false));
    let mut tasks = vec![by_hand.clone()];
    for _ in 0..4 {
        away_for_long(&mut server);
        let admin = server.bearer(ADMIN);
        let task = wait(&admin, "getbackupprogress", |task| {
            task["isCompleted"] == true && !tasks.iter().any(|known| task["taskId"] == known.as_str())
        });
        assert_eq!(task["error"], "", "{task}");
        tasks.push(task["taskId"].as_str().expect("an id").to_owned());
        assert_eq!(history(&admin)[0].0, tasks[tasks.len() - 1]);
        assert_ne!(get(&admin, "getbackupschedule")["lastBackupTime"], "0001-01-01T00:00:00");
    }
    // Once more without anything due: it looks at the start.
    server.kill();
    server.start();
    let admin = server.bearer(ADMIN);
    let expected = [&tasks[4], &tasks[3], &by_hand];
    let since = std::time::Instant::now();
    while history(&admin).iter().map(|(id, _)| id).ne(expected) {
        assert!(since.elapsed() < super::support::server::PATIENCE, "{:?} of {tasks:?}", history(&admin));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(get(&admin, "getbackupprogress")["taskId"], tasks[4].as_str(), "nothing was due");
    assert_eq!(files(&server.sandbox.path("backups"), ".tar"), 4);
}
