//! Who is let in, and what is refused: always in the vendor's envelope.

use reqwest::Method;
use serde_json::json;

use super::portal::{ADMIN, ASIDE, OPERATOR, get, of_file, path, portal, refused};

/// Every call that needs an administrator.
const CALLS: [(&str, &str); 13] = [
    ("POST", "startrestore"),
    ("GET", "getbackuphistory"),
    ("POST", "startbackup"),
    ("GET", "getbackupprogress"),
    ("POST", "cancelbackup"),
    ("DELETE", "deletebackup/3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    ("DELETE", "deletebackuphistory"),
    ("GET", "getbackupschedule"),
    ("POST", "createbackupschedule"),
    ("DELETE", "deletebackupschedule"),
    ("GET", "getbackupscount"),
    ("GET", "getservicestate"),
    ("GET", "backuptmp"),
];

#[test]
fn only_administrators_are_let_in() {
    let server = portal(1);
    for (method, call) in CALLS {
        let method = || method.parse::<Method>().expect("a method");
        for (client, status) in [
            (server.nobody(), 401),
            (server.bearer("sk-wrong"), 401),
            (server.bearer(OPERATOR), 403),
            (server.bearer(ASIDE), 403),
        ] {
            let body = br#"{"backupId": ""}"#.to_vec();
            refused(client.request(method(), &path(call), &[], body), status);
        }
    }
    assert_eq!(get(&server.nobody(), "getrestoreprogress"), json!(null));
    assert_eq!(get(&server.bearer("sk-wrong"), "getrestoreprogress"), json!(null));
}

#[test]
fn credentials_come_in_every_form() {
    let server = portal(1);
    let nobody = server.nobody();
    let bearer = format!("Bearer {ADMIN}");
    for (name, value, status) in [
        ("authorization", bearer.as_str(), 200),
        ("authorization", ADMIN, 200),
        ("ApiKeyBearer", ADMIN, 200),
        ("ApiKeyBearer", bearer.as_str(), 200),
        ("cookie", ADMIN, 200),
        ("cookie", "asc_auth_key=sk-admin", 200),
        ("authorization", "Basic !!!", 401),
        ("cookie", "other=sk-admin", 401),
        ("x-api-key", ADMIN, 401),
    ] {
        let answer = nobody.request(Method::GET, &path("getbackuphistory"), &[(name, value)], Vec::new());
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    assert_eq!(get(&server.bearer(ADMIN), "getservicestate"), json!({"enabled": true}));
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let server = portal(1);
    let admin = server.bearer(ADMIN);
    for (method, call, body, status) in [
        ("POST", "startrestore", "", 400),
        ("POST", "startrestore", "{", 400),
        ("POST", "startrestore", "[1]", 400),
        ("POST", "startrestore", "{}", 400),
        ("POST", "startrestore", r#"{"backupId": null}"#, 400),
        ("POST", "startrestore", r#"{"backupId": ""}"#, 400),
        ("POST", "startrestore", r#"{"backupId": "", "storageType": "Local"}"#, 400),
        ("POST", "startrestore", r#"{"backupId": "", "storageType": 9}"#, 400),
        ("POST", "startrestore", r#"{"backupId": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}"#, 404),
        ("POST", "startbackup", r#"{"storageType": "Local", "dump": true}"#, 400),
        ("POST", "startbackup", r#"{"storageType": 2}"#, 400),
        ("POST", "startbackup", r#"{"storageType": 5}"#, 400),
        ("POST", "startbackup", r#"{"storageType": 0, "storageParams": {"folderId": "../x"}}"#, 400),
        ("DELETE", "deletebackup/7", "", 400),
        ("DELETE", "deletebackup/3fa85f64-5717-4562-b3fc-2c963f66afa6", "", 404),
        ("GET", "getrestoreprogress?Dump=maybe", "", 400),
        ("GET", "startrestore", "", 405),
        ("POST", "getrestoreprogress", "", 405),
        ("GET", "getnothing", "", 404),
        ("PUT", "../people", "", 404),
    ] {
        let method = method.parse::<Method>().expect("a method");
        let answer = admin.request(method, &path(call), &[], body.as_bytes().to_vec());
        assert_eq!(answer.status, status, "{call} {body}: {}", answer.text());
        refused(answer, status);
    }
    let large = format!(r#"{{"backupId": "", "x": "{}"}}"#, "x".repeat(70_000));
    refused(admin.request(Method::POST, &path("startrestore"), &[], large.into_bytes()), 413);
    std::os::unix::fs::symlink("/etc", server.sandbox.path("backups/way-out")).expect("a link");
    for (file, status) in [
        ("/etc/passwd", 404),
        ("/backups/way-out/passwd", 404),
        ("/backups/../live.sqlite", 400),
        ("/backups//../../etc/passwd", 400),
        ("backups/small.tar", 400),
        ("/backups", 400),
        ("/backups/small.tar\u{0}", 400),
    ] {
        refused(admin.post(&path("startrestore"), &of_file(file)), status);
    }
    let out = json!({"storageType": 3, "storageParams": [{"key": "filePath", "value": "/backups/way-out"}]});
    refused(admin.post(&path("startbackup"), &out), 404);
    assert_eq!(get(&admin, "getrestoreprogress"), json!(null), "nothing of it was a task");
}
