//! A portal of a test's own: an embedded target, a repository, a folder of files, and people with other rights.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::server::{Answer, Client, PATIENCE, Server};
use crate::support::{Sandbox, small_folder};

pub(crate) const ADMIN: &str = "sk-admin";
pub(crate) const OPERATOR: &str = "sk-operator";
/// An administrator who sees no repository.
pub(crate) const OTHER: &str = "sk-other";

const CONFIG: &str = r#"
[limits]
body_bytes = 65536
[targets.live]
url = "sqlite:{dir}/live.sqlite"
[targets.aside]
url = "sqlite:{dir}/aside.sqlite"
[repositories.box]
url = "{dir}/box"
[repositories.day]
url = "{dir}/day"
[docspace]
target = "live"
tenant = 7
alias = "shop"
documents = "box"
data_store = "day"
consumers = {S3 = "box"}
[docspace.local]
"/backups" = "{dir}/backups"
[users.ana]
role = "admin"
tokens = ["ADMIN"]
[users.ben]
role = "operator"
tokens = ["OPERATOR"]
[users.cem]
role = "admin"
repositories = []
tokens = ["OTHER"]
[users.dan]
role = "admin"
targets = ["aside"]
tokens = ["ASIDE"]
"#;

/// An administrator of another target.
pub(crate) const ASIDE: &str = "sk-aside";

/// A sandbox with `backups/small.tar`, whose table `people` has that many rows, and the configuration for it.
pub(crate) fn prepared(rows: u32) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    for folder in ["backups", "box", "day"] {
        std::fs::create_dir_all(sandbox.path(folder)).expect("a folder");
    }
    small_folder(&sandbox.path("folder"), rows);
    sandbox.pack(&sandbox.path("folder"), "backups/small.tar");
    let tokens = [("\"ADMIN\"", ADMIN), ("OPERATOR", OPERATOR), ("OTHER", OTHER), ("ASIDE", ASIDE)];
    let config = tokens.iter().fold(CONFIG.to_owned(), |config, (name, token)| {
        let hash = reinstate::server::token_hash(token);
        config.replace(name, &if name.starts_with('"') { format!("{hash:?}") } else { hash })
    });
    (sandbox, config)
}

/// A server with that.
pub(crate) fn portal(rows: u32) -> Server {
    let (sandbox, config) = prepared(rows);
    Server::in_sandbox(sandbox, &config)
}

/// `/api/2.0/backup/` and the rest.
pub(crate) fn path(call: &str) -> String {
    format!("/api/2.0/backup/{call}")
}

/// What a call that succeeded answers.
#[track_caller]
pub(crate) fn response(answer: Answer) -> Value {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let body = answer.json();
    assert_eq!((&body["status"], &body["statusCode"]), (&json!(0), &json!(200)), "{body}");
    let count = match &body["response"] {
        Value::Null => 0,
        Value::Array(list) => list.len(),
        _ => 1,
    };
    assert_eq!(body["count"], count, "{body}");
    assert!(body["links"][0]["href"].as_str().is_some_and(|href| href.contains("/api/2.0/backup/")), "{body}");
    body["response"].clone()
}

#[track_caller]
pub(crate) fn get(client: &Client, call: &str) -> Value {
    response(client.get(&path(call)))
}

#[track_caller]
pub(crate) fn post(client: &Client, call: &str, body: &Value) -> Value {
    response(client.post(&path(call), body))
}

/// What a call that was refused says.
#[track_caller]
pub(crate) fn refused(answer: Answer, status: u16) -> String {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let body = answer.json();
    assert_eq!((&body["status"], &body["statusCode"]), (&json!(1), &json!(status)), "{body}");
    let error = &body["error"];
    assert!(error["type"].is_string() && error["stack"].is_string() && error["hresult"].is_i64(), "{body}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty(), "{body}");
    message.to_owned()
}

/// A restore of a file that the server can read.
pub(crate) fn of_file(file: &str) -> Value {
    json!({"backupId": "", "storageType": 3, "storageParams": [{"key": "filePath", "value": file}]})
}

/// Asks until a task is as `is` wants it; it never goes backwards.
#[track_caller]
pub(crate) fn wait(client: &Client, call: &str, is: impl Fn(&Value) -> bool) -> Value {
    let (since, mut last, mut id) = (Instant::now(), 0, Value::Null);
    loop {
        let task = get(client, call);
        if task["taskId"] != id {
            (id, last) = (task["taskId"].clone(), 0);
        }
        let progress = task["progress"].as_u64().unwrap_or_else(|| panic!("no task: {task}"));
        assert!((last..=100).contains(&progress), "from {last} to {task}");
        if is(&task) {
            return task;
        }
        assert!(since.elapsed() < PATIENCE, "it never came to that: {task}");
        last = progress;
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the end.
#[track_caller]
pub(crate) fn ended(client: &Client, call: &str) -> Value {
    wait(client, call, |task| task["isCompleted"] == true)
}

/// Waits for an end without an error.
#[track_caller]
pub(crate) fn succeeded(client: &Client, call: &str) -> Value {
    let task = ended(client, call);
    let found = (&task["progress"], &task["status"], &task["error"]);
    assert_eq!(found, (&json!(100), &json!(2), &json!("")), "{task}");
    task
}

/// Makes a backup, and gives its id.
#[track_caller]
pub(crate) fn backed_up(client: &Client, body: &Value) -> String {
    let begun = post(client, "startbackup", body);
    let end = succeeded(client, "getbackupprogress");
    assert_eq!((&end["taskId"], &end["backupProgressEnum"], &end["link"]), (&begun["taskId"], &json!(0), &json!("")));
    begun["taskId"].as_str().expect("an id").to_owned()
}

/// Ids and names of the history, newest first.
pub(crate) fn history(client: &Client) -> Vec<(String, String)> {
    let listed = get(client, "getbackuphistory");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = listed.as_array().expect("a list").iter();
    listed.map(|record| (text(&record["id"]), text(&record["fileName"]))).collect()
}

/// How many rows a table of the target has.
pub(crate) fn rows(sandbox: &Sandbox, table: &str) -> String {
    sandbox.query("live.sqlite", &format!("SELECT count(*) FROM {table}"))
}

/// Files of a folder whose names end so.
pub(crate) fn files(folder: &Path, ending: &str) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending)).count()
}
