//! What is refused, and how: bodies that are none, options that are not known, rights that are missing; and what each call answers.

use reinstate::server::token_hash;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::Sandbox;
use super::support::server::Server;
use super::{data, post, refusal, restore};

const JSON: (&str, &str) = ("content-type", "application/json");
const BINARY: (&str, &str) = ("content-type", "application/octet-stream");
const SNAPPY: (&str, &str) = ("content-type", "application/x-snappy");

#[test]
fn hostile_requests_get_an_envelope_and_hurt_nobody() {
    let server = Server::demo();
    let admin = server.admin();
    let before = server.memory("VmHWM");
    let deep = format!("{{\"options\":{}", "[".repeat(1 << 19)).into_bytes();
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01].to_vec();
    for (header, body, said) in [
        (JSON, b"{".to_vec(), "usage: "),
        (JSON, deep, "usage: "),
        (JSON, vec![b' '; (1 << 20) + 1], "request.too_large: "),
        (JSON, br#"{"options": {}, "dry_run": true}"#.to_vec(), "usage: "),
        (("content-type", "text/plain"), b"{}".to_vec(), "request.bad_media_type: "),
    ] {
        let answer = admin.request(Method::POST, "/restore/backup", &[header], body);
        assert!(refusal(&answer).starts_with(said), "{}", answer.text());
    }
    let packed = [JSON, ("content-encoding", "gzip")];
    assert!(
        refusal(&admin.request(Method::POST, "/restore/backup", &packed, b"{}".to_vec()))
            .starts_with("request.bad_media_type: ")
    );
    for (header, body) in [
        (BINARY, huge.clone()),
        (BINARY, [&[0, 2][..], &huge].concat()),
        (BINARY, [&[0][..], &huge].concat()),
        (BINARY, vec![]),
        (SNAPPY, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]),
        (SNAPPY, vec![0xff; 64]),
    ] {
        let answer = admin.request(Method::POST, "/restore/backup", &[header], body);
        // ERROR as Avro writes it: the first field.
        assert_eq!((answer.status, &answer.body[..6]), (400, &b"\x0aERROR"[..]), "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/octet-stream");
    }
    assert!(server.memory("VmHWM") < before + (64 << 20), "{before} {}", server.memory("VmHWM"));
    data(&post(&admin, "/show/system/status", &json!({"options": {}})));
}

#[test]
fn a_place_without_backups_yet_is_an_empty_one() {
    let sandbox = Sandbox::new();
    sandbox.sql("live.sqlite", "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    let config = format!(
        "[targets.live]\nurl = 'sqlite:{{dir}}/live.sqlite'\n[repositories.new]\nurl = '{{dir}}/new'\n\
         [users.root]\nrole = 'admin'\ntokens = ['{}']\n[kinetica]\ntarget = 'live'\nstores = {{ fresh = 'new' }}\n",
        token_hash("root")
    );
    let server = Server::in_sandbox(sandbox, &config);
    let root = server.bearer("root");
    for name in ["", "*"] {
        let asked = json!({"backup_name": name, "datasource_name": "fresh", "options": {}});
        assert_eq!(data(&post(&root, "/show/backup", &asked))["backup_ids"], json!([]));
        assert_eq!(data(&post(&root, "/verify/backup", &asked))["backup_names"], json!([]));
    }
    let named = json!({"backup_name": "b", "datasource_name": "fresh", "options": {}});
    assert!(refusal(&post(&root, "/show/backup", &named)).starts_with("repository.not_found"));
    let made = |dry: &str| {
        let asked = json!({"backup_name": "b", "backup_type": "full", "backup_objects_map": {"all": "main"},
            "datasink_name": "fresh", "options": {"dry_run": dry}});
        data(&post(&root, "/create/backup", &asked))["copied_records"].clone()
    };
    assert_eq!(made("true"), 1);
    assert!(!server.sandbox.path("new").exists(), "a dry run makes nothing");
    assert_eq!(made("false"), 1);
    // In Avro every value is a text, also Python's None.
    let text = |text: &str| [&[u8::try_from(text.len() * 2).expect("a short text")][..], text.as_bytes()].concat();
    let option = [text("backup_id"), text("None")].concat();
    let body = [text("b"), text("fresh"), vec![2], option, vec![0]].concat();
    let shown = root.request(Method::POST, "/show/backup", &[BINARY], body);
    assert_eq!((shown.status, &shown.body[..3]), (200, &b"\x04OK"[..]), "{}", shown.text());
}

#[test]
fn who_is_not_recognised_is_told_so_by_the_status() {
    let server = Server::demo();
    let body = json!({"options": {}});
    for client in
        [server.nobody(), server.basic("admin", "wrong"), server.bearer("wrong"), server.basic("nobody", "secret")]
    {
        let answer = post(&client, "/show/system/status", &body);
        assert_eq!((answer.status, &answer.json()["status"]), (401, &json!("ERROR")), "{}", answer.text());
    }
    for client in [server.basic("admin", "secret"), server.admin()] {
        data(&post(&client, "/show/system/status", &body));
    }
}

#[test]
fn a_ping_is_answered_to_clients_and_not_to_browsers() {
    let server = Server::demo();
    for header in [
        ("user-agent", "kinetica-api-python/7.2.3.13"),
        ("accept", "application/json"),
        ("accept", "application/x-snappy"),
    ] {
        let answer = server.nobody().request(Method::GET, "/", &[header], Vec::new());
        assert_eq!((answer.status, answer.text()), (200, "Kinetica is running!".to_owned()), "{header:?}");
    }
    let browser = [("accept", "text/html,application/xhtml+xml,application/json")];
    assert_ne!(server.nobody().request(Method::GET, "/", &browser, Vec::new()).text(), "Kinetica is running!");
    // A path that is not there would look like a server that is gone.
    let client = [JSON, ("user-agent", "kinetica-api-python/7.2.3.13")];
    let answer = server.admin().request(Method::POST, "/execute/sql", &client, b"{}".to_vec());
    assert!(refusal(&answer).contains("no endpoint /execute/sql"), "{}", answer.text());
}

#[test]
fn what_is_not_understood_is_named() {
    let server = Server::demo();
    let admin = server.admin();
    let with = |body: &Value, name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    let base = restore(json!({}));
    let create = json!({"backup_name": "b", "backup_type": "full", "backup_objects_map": {"all": "sales"}, "datasink_name": "backup_sink", "options": {}});
    let alter = json!({"backup_name": "nightly", "action": "purge", "value": "1", "datasink_name": "backup_sink", "options": {}});
    let drop = json!({"backup_name": "nightly", "datasink_name": "backup_sink", "options": {}});
    let show = json!({"backup_name": "*", "datasource_name": "backup_src", "options": {}});
    for (path, body, said) in [
        ("/restore/backup", with(&base, "datasource_name", json!("")), "names no datasource"),
        ("/restore/backup", with(&base, "datasource_name", json!("x")), "no datasource called `x`"),
        ("/restore/backup", with(&base, "backup_name", json!("")), "names no backup"),
        ("/restore/backup", with(&base, "backup_name", json!("../x")), "repository.bad_name"),
        ("/restore/backup", with(&base, "restore_objects_map", json!({"table": "sales.none"})), "plan.no_match"),
        ("/restore/backup", restore(json!({"keep_going": true})), "none of that name"),
        ("/restore/backup", restore(json!({"backup_id": 7})), "no snapshot 7"),
        ("/restore/backup", restore(json!({"backup_id": "-1"})), "no id of a snapshot"),
        ("/restore/backup", restore(json!({"dry_run": "perhaps"})), "neither true nor false"),
        ("/create/backup", with(&create, "backup_type", json!("half")), "no type of backup"),
        ("/create/backup", with(&create, "backup_objects_map", json!({})), "`backup_objects_map` is empty"),
        ("/create/backup", with(&create, "backup_type", json!("incremental")), "go with a full backup"),
        ("/create/backup", with(&create, "backup_name", json!("nightly")), "repository.backup_exists"),
        ("/create/backup", with(&create, "options", json!({"delete_intermediate_backups": true})), "differential"),
        (
            "/create/backup",
            with(&create, "options", json!({"max_incremental_backups_to_keep": -2})),
            "no number of snapshots",
        ),
        ("/create/backup", with(&create, "options", json!({"compression": true})), "no option `compression`"),
        ("/alter/backup", with(&alter, "action", json!("rename")), "no action"),
        ("/alter/backup", with(&alter, "value", json!("x")), "no id of a snapshot"),
        ("/alter/backup", with(&alter, "value", json!("9")), "no snapshot 9"),
        ("/alter/backup", with(&alter, "backup_name", json!("none")), "repository.not_found"),
        ("/drop/backup", with(&drop, "backup_name", json!("none")), "repository.not_found"),
        ("/drop/backup", with(&drop, "backup_name", json!("none*")), "no backup whose name fits"),
        ("/show/backup", with(&show, "options", json!({"show_contents": "all"})), "none of none, object_names"),
        ("/verify/backup", with(&show, "options", json!({"backup_id": "x"})), "no id of a snapshot"),
        ("/admin/backup/begin", json!({"options": {}}), "target.unsupported"),
        ("/admin/backup/end", json!({"options": {}}), "target.unsupported"),
    ] {
        let message = refusal(&post(&admin, path, &body));
        assert!(message.contains(said), "{path} {body}: {message}");
    }
}

#[test]
fn a_dry_run_foresees_what_the_restore_does() {
    let server = Server::demo();
    let admin = server.admin();
    let foreseen = data(&post(&admin, "/restore/backup", &restore(json!({"dry_run": true}))));
    let done = data(&post(&admin, "/restore/backup", &restore(json!({}))));
    for field in
        ["backup_name", "backup_id", "restored_objects", "renamed_objects", "failed_objects", "restored_records"]
    {
        assert_eq!(foreseen[field], done[field], "{field}");
    }
    assert_eq!((&foreseen["info"]["status"], &done["info"]["status"]), (&json!("planned"), &json!("succeeded")));
    // What would be refused is refused.
    let taken = refusal(&post(&admin, "/restore/backup", &restore(json!({"dry_run": true}))));
    let really = refusal(&post(&admin, "/restore/backup", &restore(json!({}))));
    assert!(
        taken.starts_with("target.object_exists: ") && really.starts_with("target.object_exists: "),
        "{taken}\n{really}"
    );
    // Objects that fail are named in the reply; where nothing is left, it is a refusal.
    let reserved = refusal(&post(&admin, "/restore/backup", &restore(json!({"target_schema_map": "sales: sqlite_x"}))));
    assert!(
        reserved.starts_with("target.bad_definition: ") && reserved.ends_with("The target is unchanged"),
        "{reserved}"
    );
    let renamed = restore(json!({"restore_policy": "rename", "renamed_objects_schema": "aside"}));
    let renamed = data(&post(&admin, "/restore/backup", &renamed));
    assert_eq!(renamed["renamed_objects"]["sales.orders"], "aside.orders");
}

#[test]
fn backups_are_made_altered_shown_verified_and_dropped() {
    let server = Server::demo();
    let admin = server.admin();
    data(&post(&admin, "/restore/backup", &restore(json!({}))));
    let create = |backup_type: &str, objects: Value, options: Value| json!({"backup_name": "daily", "backup_type": backup_type, "backup_objects_map": objects, "datasink_name": "backup_sink", "options": options});
    let alter = |action: &str, value: Value, options: Value| json!({"backup_name": "daily", "action": action, "value": value, "datasink_name": "backup_sink", "options": options});
    let show =
        |name: &str, options: Value| json!({"backup_name": name, "datasource_name": "backup_src", "options": options});
    let all = json!({"table": "sales.orders, sales.customers"});
    let dry = data(&post(&admin, "/create/backup", &create("full", all.clone(), json!({"dry_run": true}))));
    let full = data(&post(&admin, "/create/backup", &create("full", all, json!({"comment": "first"}))));
    for field in ["backup_id", "copied_files", "copied_records", "total_number_of_records"] {
        assert_eq!(dry[field], full[field], "{field}");
    }
    assert_eq!((&full["backup_id"], &full["copied_records"]), (&json!(1), &json!(2300)));
    let more = data(&post(&admin, "/create/backup", &create("incremental", json!({}), json!({}))));
    assert_eq!((&more["backup_id"], &more["total_number_of_records"]), (&json!(2), &json!(2300)));

    let shown = data(&post(&admin, "/show/backup", &show("da*", json!({"show_contents": "object_files"}))));
    assert_eq!(shown["backup_description"][0]["backup_name"], "daily");
    let types: Vec<&Value> =
        shown["backup_ids"].as_array().expect("a list").iter().map(|id| &id["backup_type"]).collect();
    assert_eq!(types, ["full", "incremental"]);
    let contents = shown["backup_contents"].as_array().expect("a list");
    let orders = contents.iter().find(|object| object["object_name"] == "sales.orders").expect("the table");
    assert_eq!(
        (&orders["object_type"], &orders["total_number_of_records"], &orders["backup_id"]),
        (&json!("table"), &json!("2000"), &json!("2"))
    );
    assert!(orders["files"].as_str().is_some_and(|files| !files.is_empty()));
    let one = data(&post(&admin, "/show/backup", &show("daily", json!({"backup_id": 1}))));
    assert_eq!((one["backup_ids"].as_array().map(Vec::len), &one["backup_contents"]), (Some(1), &json!([])));
    let fulls = data(&post(&admin, "/show/backup", &show("", json!({"backup_type": "full"}))));
    assert_eq!(fulls["backup_ids"].as_array().map(Vec::len), Some(2));

    for (options, ids) in [
        (json!({}), json!([[1, 2]])),
        (json!({"backup_id": ""}), json!([[2]])),
        (json!({"backup_id": 1}), json!([[1]])),
        (json!({"backup_id": -1}), json!([[1, 2]])),
    ] {
        let verified = data(&post(&admin, "/verify/backup", &show("daily", options)));
        assert_eq!(
            (&verified["backup_names"], &verified["backup_ids"], &verified["errors"]),
            (&json!(["daily"]), &ids, &json!([[]]))
        );
    }

    let would = data(&post(&admin, "/alter/backup", &alter("purge", json!("2"), json!({"dry_run": true}))));
    assert_eq!((&would["backup_id"], &would["total_number_of_records"]), (&json!(2), &json!(2300)));
    let merged = data(&post(&admin, "/alter/backup", &alter("merge", json!(""), json!({"comment": "one"}))));
    assert_eq!((&merged["backup_id"], &merged["info"]["removed_backup_ids"]), (&json!(3), &json!("1,2")));
    data(&post(
        &admin,
        "/alter/backup",
        &alter("max_incremental_backups_to_keep", json!(1), json!({"comment": "kept"})),
    ));
    data(&post(&admin, "/alter/backup", &alter("checksum", json!(""), json!({}))));
    data(&post(&admin, "/alter/backup", &alter("ddl_only", json!("true"), json!({}))));
    let shown = data(&post(&admin, "/show/backup", &show("daily", json!({}))));
    let description = &shown["backup_description"][0];
    let settings =
        ["max_incremental_backups_to_keep", "checksum", "ddl_only", "comment"].map(|name| description[name].as_str());
    assert_eq!(settings, [Some("1"), Some("true"), Some("true"), Some("kept")]);
    assert_eq!(shown["deleted_backup_ids"].as_array().map(Vec::len), Some(2));

    let drop =
        |name: &str, options: Value| json!({"backup_name": name, "datasink_name": "backup_sink", "options": options});
    assert!(
        refusal(&post(&admin, "/drop/backup", &drop("*", json!({})))).contains("wants the option `delete_all_backups`")
    );
    let would = data(&post(&admin, "/drop/backup", &drop("d*", json!({"dry_run": true}))));
    let dropped = data(&post(&admin, "/drop/backup", &drop("d*", json!({}))));
    assert_eq!((&would["backup_names"], &dropped["backup_names"]), (&json!(["daily"]), &json!(["daily"])));
    let nothing = data(&post(&admin, "/drop/backup", &drop("daily", json!({"no_error_if_not_exists": true}))));
    assert_eq!(nothing["backup_names"], json!([]));
}

#[test]
fn a_damaged_backup_is_told_by_verify_and_not_restored() {
    let server = Server::demo();
    let admin = server.admin();
    let packs = std::fs::read_dir(server.state("repository/nightly/1")).expect("a snapshot");
    let pack = packs
        .map(|entry| entry.expect("an entry").path())
        .max_by_key(|path| path.metadata().expect("a file").len())
        .expect("a pack");
    let mut bytes = std::fs::read(&pack).expect("a pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&pack, bytes).expect("damaged");
    let verify = json!({"backup_name": "", "datasource_name": "backup_src", "options": {}});
    let verified = data(&post(&admin, "/verify/backup", &verify));
    assert!(verified["errors"][0][0].as_str().is_some_and(|error| error.starts_with("1: archive.")), "{verified}");
    let answer = post(&admin, "/restore/backup", &restore(json!({})));
    // What is whole is restored, and what is not is named; nothing at all is a refusal.
    match answer.status {
        200 => assert_ne!(data(&answer)["failed_objects"], json!({})),
        _ => assert!(refusal(&answer).contains("archive."), "{}", answer.text()),
    }
}

#[test]
fn rights_are_those_of_everywhere() {
    let sandbox = Sandbox::new();
    sandbox.sql("source.sqlite", "CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)");
    sandbox.run(&["repository", "add", "box", &sandbox.text("box")]).expect(0);
    sandbox.run(&["backup", "create", "--from", &sandbox.target("source.sqlite"), "--to", "box/b"]).expect(0);
    let user = |name: &str, more: &str| format!("[users.{name}]\ntokens = ['{}']\n{more}\n", token_hash(name));
    let config = [
        "public_url = 'https://restore.example.org:8443/x'\n[targets.live]\nurl = 'sqlite:{dir}/live.sqlite'\n[repositories.box]\nurl = '{dir}/box'\n",
        "[kinetica]\ntarget = 'live'\nstores = {src = 'box'}\n",
        &user("reader", "role = 'reader'"),
        &user("elsewhere", "role = 'operator'\nrepositories = []"),
        &user("nowhere", "role = 'operator'\ntargets = []"),
        &user("views", "role = 'operator'\nkinds = ['view']"),
        &user("ana", "role = 'operator'\nkinds = ['table', 'schema']"),
    ]
    .concat();
    let server = Server::in_sandbox(sandbox, &config);
    let body = |options: Value| json!({"backup_name": "b", "restore_objects_map": {"all": "main"}, "datasource_name": "src", "options": options});
    let show = json!({"backup_name": "b", "datasource_name": "src", "options": {}});
    for (user, may_show, said) in [
        ("reader", true, "needs the role operator"),
        ("elsewhere", false, "no right to the repository `box`"),
        ("nowhere", true, "no right to the target `live`"),
        ("views", true, "no right to restore a table"),
    ] {
        let client = server.bearer(user);
        assert_eq!(post(&client, "/show/backup", &show).status == 200, may_show, "{user}");
        let message = refusal(&post(&client, "/restore/backup", &body(json!({}))));
        assert!(message.starts_with("request.forbidden: ") && message.contains(said), "{user}: {message}");
    }
    data(&post(&server.bearer("reader"), "/restore/backup", &body(json!({"dry_run": true}))));
    for (path, request) in [
        ("/verify/backup", show.clone()),
        ("/drop/backup", json!({"backup_name": "b", "datasink_name": "src", "options": {}})),
        (
            "/alter/backup",
            json!({"backup_name": "b", "action": "merge", "value": "", "datasink_name": "src", "options": {}}),
        ),
        (
            "/create/backup",
            json!({"backup_name": "c", "backup_type": "full", "backup_objects_map": {"all": "main"}, "datasink_name": "src", "options": {}}),
        ),
    ] {
        assert!(refusal(&post(&server.bearer("reader"), path, &request)).contains("needs the role operator"), "{path}");
    }
    let done = data(&post(&server.bearer("ana"), "/restore/backup", &body(json!({}))));
    assert_eq!(
        (&done["restored_records"], &done["restored_objects"]["main.a"]),
        (&json!(1), &json!("table")),
        "{done}"
    );
    let properties = data(&post(&server.bearer("ana"), "/show/system/properties", &json!({"options": {}})));
    assert_eq!(properties["property_map"]["conf.host0_public_urls"], "https://restore.example.org");
}
