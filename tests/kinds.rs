//! Every kind: packed, restored into both targets, backed up again, replaced, undone, and never with a secret that is not sealed.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use reinstate::archive::{Archive, OpenOptions};
use reinstate::backup::Writer;
use reinstate::catalog::{Backup, Catalog, ObjectName};
use reinstate::source::Location;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use support::Sandbox;
use support::postgres::Server;

/// A secret as its source sealed it.
const SEALED: &str = "c2VhbGVkLWJ5LXRoZS1zb3VyY2Utd2l0aC1pdHMtb3duLWtleQ==";

/// Kinds that are one document and live in a schema.
const IN_SCHEMA: [&str; 5] = ["context", "credential", "datasink", "datasource", "monitor"];
/// Kinds that are one document and live in none.
const GLOBAL: [&str; 3] = ["catalog", "directory", "resource_group"];

/// A folder with an object of every kind; `version` is in every definition.
fn folder(sandbox: &Sandbox, name: &str, version: &str) -> std::path::PathBuf {
    let folder = sandbox.path(name);
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let document = |path: &str, document: Value| write(path, &document.to_string());
    write("tables/orders.csv", "id,what\n1,a\n2,b\n");
    write("tables/people.csv", "id\n1\n2\n");
    write("graphs/knows/nodes.csv", "id\n1\n2\n");
    write("graphs/knows/edges.csv", "source,target\n1,2\n");
    write("environments/ml/model.whl", "bytes of a package");
    document("views.json", json!([{"name": "all_orders", "definition": "SELECT id FROM orders"}]));
    document("graphs.json", json!([{"name": "knows", "source_tables": [{"name": "people"}]}]));
    document(
        "functions.json",
        json!([
            {"name": "ml", "kind": "function_environment", "language": "python", "packages": ["model.whl"]},
            {"name": "score", "kind": "user_defined_function", "language": "python", "definition": "def score(): ...", "environment": "ml"},
            {"name": "clean", "kind": "stored_procedure", "language": "python", "definition": "def clean(): ..."}
        ]),
    );
    document(
        "roles.json",
        json!([{"name": "kinds_readers", "permissions": [{"privilege": "SELECT", "on": {"kind": "table", "name": "orders"}}]},
               {"name": "kinds_writers", "memberships": [{"role": "kinds_readers"}]}]),
    );
    document(
        "users.json",
        json!([{"name": "kinds_ann", "attributes": {"resource_group": "small"}, "memberships": [{"role": "kinds_writers"}]}]),
    );
    document(
        "schemas.json",
        json!([{"name": "main", "comment": version}, {"name": "spare \"x\"", "options": {"quota": "1"}}]),
    );
    document(
        "resource_groups.json",
        json!([{"name": "small", "comment": version, "tier_attributes": {"RAM": {"max_memory": 1000}}, "ranking": "first"}]),
    );
    document(
        "credentials.json",
        json!([{"name": "käse 'key'", "comment": version, "type": "aws_access_key", "identity": "AKIA",
                "secret": {"sealed": SEALED, "key": "2024"}}]),
    );
    document(
        "datasources.json",
        json!([{"name": "kafka", "comment": version, "location": "kafka://broker:9092", "credential": "käse 'key'",
                "password": {"sealed": SEALED, "key": "2024"}, "options": {"kafka_topic_name": "orders"}}]),
    );
    document(
        "datasinks.json",
        json!([{"name": "bucket", "comment": version, "location": "s3",
                "credential": {"schema": "main", "name": "käse 'key'"}}]),
    );
    document(
        "monitors.json",
        json!([{"name": "new_orders", "comment": version, "type": "stream", "table": "orders", "event": "insert", "datasink": "bucket"}]),
    );
    document(
        "contexts.json",
        json!([{"name": "sales", "comment": version, "tables": [{"table": "orders", "columns": {"what": "What was ordered"}},
                {"table": {"kind": "view", "name": "all_orders"}}], "samples": [{"question": "How many?", "answer": "SELECT 1"}]}]),
    );
    document(
        "catalogs.json",
        json!([{"name": "lake", "comment": version, "location": "https://lake:443", "table_format": "iceberg",
                "credential": {"schema": "main", "name": "käse 'key'"}, "datasource": {"schema": "main", "name": "kafka"}}]),
    );
    document(
        "directories.json",
        json!([{"name": "home", "comment": version, "owner": "kinds_ann", "home": true, "data_limit": -1}]),
    );
    document(
        "subscriptions.json",
        json!([{"table": "orders", "datasource": "kafka", "state": "running", "options": {"offset": "7"}},
               {"table": "orders", "datasource": {"schema": "main", "name": "kafka"}, "state": "suspended"}]),
    );
    folder
}

/// An archive of every kind.
fn pack(sandbox: &Sandbox, version: &str) -> String {
    let folder = folder(sandbox, &format!("folder-{version}"), version);
    sandbox.pack(&folder, &format!("{version}.tar"))
}

/// What an archive says of every object, by the object's name.
fn objects(archive: &str) -> BTreeMap<String, Value> {
    let archive = Archive::open(&Location::Path(Path::new(archive).to_owned()), &OpenOptions::default());
    let catalog = Catalog::read(&archive.expect("an archive")).expect("a catalog");
    let object = |object: &reinstate::catalog::Object| {
        let mut attributes: Value = serde_json::from_str(object.attributes.get()).expect("JSON");
        if let Some(members) = attributes.as_object_mut().filter(|_| !object.entries.is_empty()) {
            members.insert(
                "digests".to_owned(),
                json!(object.entries.iter().map(|entry| entry.bytes).collect::<Vec<_>>()),
            );
        }
        (object.name.to_string(), attributes)
    };
    catalog.objects.iter().map(object).collect()
}

fn back_up(sandbox: &Sandbox, from: &str, name: &str) -> BTreeMap<String, Value> {
    let out = sandbox.text(name);
    sandbox.json(&["backup", "create", "--from", from, "-o", &out, "--overwrite"]).expect(0);
    objects(&out)
}

/// Members that are null say what absent ones say.
fn told(attributes: &Value) -> Value {
    let members = attributes.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Every object is there; definitions and environments say the same, and tables have the same subscriptions.
#[track_caller]
fn same(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    for (name, attributes) in before {
        let found = after.get(name).unwrap_or_else(|| panic!("{name} is not among {:?}", after.keys()));
        let kind = name.split(' ').next().expect("a kind");
        if kind == "table" {
            assert_eq!(found.get("subscriptions"), attributes.get("subscriptions"), "{name}");
        } else if IN_SCHEMA.contains(&kind)
            || GLOBAL.contains(&kind)
            || matches!(kind, "schema" | "function_environment")
        {
            assert_eq!(told(found), told(attributes), "{name}");
        } else if matches!(kind, "user_defined_function" | "stored_procedure") {
            assert_eq!(found["definition"], attributes["definition"], "{name}");
            assert_eq!(told(found).get("environment"), told(attributes).get("environment"), "{name}");
        }
    }
}

#[track_caller]
fn restore(sandbox: &Sandbox, archive: &str, into: &str, more: &[&str]) -> Value {
    let arguments = ["restore", archive, "--into", into, "--create-schema-if-not-exist"];
    sandbox.json(&[&arguments, more].concat()).expect(0).json()
}

#[test]
fn every_kind_goes_to_sqlite_and_comes_back() {
    let sandbox = Sandbox::new();
    let archive = pack(&sandbox, "one");
    let before = objects(&archive);
    let kinds: std::collections::BTreeSet<&str> = before.keys().filter_map(|name| name.split(' ').next()).collect();
    let all = "catalog context credential datasink datasource directory function_environment graph monitor resource_group role schema \
               stored_procedure table user user_defined_function view";
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all.split_whitespace().collect::<Vec<_>>());

    restore(&sandbox, &archive, &sandbox.target("a.sqlite"), &[]);
    let after = back_up(&sandbox, &sandbox.target("a.sqlite"), "a.tar");
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    same(&before, &after);
    restore(&sandbox, &sandbox.text("a.tar"), &sandbox.target("b.sqlite"), &[]);
    assert_eq!(back_up(&sandbox, &sandbox.target("b.sqlite"), "b.tar"), after, "the second way round changes nothing");
}

#[test]
fn every_kind_goes_between_both_targets() {
    let server = Server::start();
    let (sandbox, first, second) = (Sandbox::new(), server.database(), server.database());
    let archive = pack(&sandbox, "one");
    let before = objects(&archive);
    // Roles are the whole server's: the second database finds them.
    restore(&sandbox, &archive, &server.target(&first), &["--stage", "beside"]);
    let comment = "SELECT obj_description('main'::regnamespace)";
    assert_eq!(server.value(&first, comment), "one");
    assert_eq!(server.value(&first, "SELECT count(*)::text FROM pg_namespace WHERE nspname = 'spare \"x\"'"), "1");
    let there = back_up(&sandbox, &server.target(&first), "there.tar");
    same(&before, &there);

    restore(&sandbox, &sandbox.text("there.tar"), &sandbox.target("back.sqlite"), &["--exclude", "view,context"]);
    let back = back_up(&sandbox, &sandbox.target("back.sqlite"), "back.tar");
    let without_queries = |all: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        all.iter()
            .filter(|(name, _)| !name.starts_with("view ") && !name.starts_with("context "))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    same(&without_queries(&before), &back);

    let without = ["--exclude", "user", "--exclude", "role", "--exclude", "directory"];
    restore(&sandbox, &sandbox.text("back.tar"), &server.target(&second), &without);
    let again = back_up(&sandbox, &server.target(&second), "again.tar");
    let kept = without_queries(&before).into_iter().filter(|(name, _)| {
        let kind = name.split(' ').next().expect("a kind");
        !without.contains(&kind)
    });
    same(&kept.collect(), &again);
}

#[test]
fn policies_undo_and_discard_hold_for_definitions() {
    let sandbox = Sandbox::new();
    let (one, two) = (pack(&sandbox, "one"), pack(&sandbox, "two"));
    let into = sandbox.target("live.sqlite");
    restore(&sandbox, &one, &into, &[]);
    let says = |expected: &str| {
        for (name, attributes) in back_up(&sandbox, &into, "now.tar") {
            let kind = name.split(' ').next().expect("a kind").to_owned();
            if IN_SCHEMA.contains(&kind.as_str()) || GLOBAL.contains(&kind.as_str()) {
                assert_eq!(attributes["comment"], expected, "{name}");
            }
        }
    };
    for kind in IN_SCHEMA.iter().chain(&GLOBAL) {
        let refused = sandbox.json(&["plan", &two, "--into", &into, "--select", kind]).expect(3).json();
        let codes: Vec<&str> =
            refused["findings"].as_array().expect("findings").iter().filter_map(|one| one["code"].as_str()).collect();
        assert!(codes.contains(&"target.object_exists"), "{kind}: {codes:?}");

        let restored = restore(&sandbox, &two, &into, &["--select", kind, "--restore-policy", "replace"]);
        let job = restored["job"].as_str().expect("a job");
        let now = back_up(&sandbox, &into, "now.tar");
        let changed = now.iter().find(|(name, _)| name.starts_with(&format!("{kind} "))).expect("an object");
        assert_eq!(changed.1["comment"], "two", "{kind}");
        sandbox.json(&["undo", job, "--into", &into]).expect(0);
        says("one");
        sandbox.json(&["discard", job, "--into", &into]).expect(0);
    }
    // All at once, there and back and there again.
    let kinds = [&IN_SCHEMA[..], &GLOBAL[..]].concat().join(",");
    let restored = restore(&sandbox, &two, &into, &["--select", &kinds, "--restore-policy", "replace"]);
    let job = restored["job"].as_str().expect("a job");
    sandbox.json(&["undo", job, "--into", &into]).expect(0);
    says("one");
    sandbox.json(&["undo", job, "--into", &into]).expect(0);
    says("two");
    sandbox.json(&["discard", job, "--into", &into]).expect(0);
    says("two");

    // What lives in a schema is moved aside; what does not cannot be.
    let rename = ["--restore-policy", "rename", "--renamed-objects-schema", "old"];
    for kind in GLOBAL {
        sandbox.json(&[&["plan", &one, "--into", &into, "--select", kind][..], &rename].concat()).expect(3);
    }
    let in_schema = IN_SCHEMA.join(",");
    restore(&sandbox, &one, &into, &[&["--select", &in_schema][..], &rename].concat());
    let now = back_up(&sandbox, &into, "now.tar");
    for (here, aside) in
        [("datasource main.kafka", "datasource old.kafka"), ("context main.sales", "context old.sales")]
    {
        assert_eq!((&now[here]["comment"], &now[aside]["comment"]), (&json!("one"), &json!("two")));
    }
    // A schema that is there stays, whatever the policy.
    for policy in ["none", "replace", "rename"] {
        let plan =
            sandbox.json(&["plan", &two, "--into", &into, "--select", "schema:main", "--restore-policy", policy]);
        let plan = plan.json();
        assert_eq!(plan["steps"][0]["action"], "skip", "{policy}: {plan}");
    }
}

#[test]
fn definitions_are_replaced_and_taken_back_in_postgresql() {
    let server = Server::start();
    let (sandbox, database) = (Sandbox::new(), server.database());
    let (one, two) = (pack(&sandbox, "one"), pack(&sandbox, "two"));
    let into = server.target(&database);
    let kinds = "schema,table,view,context,credential,datasink,datasource,monitor,catalog,resource_group";
    let select = ["--select", kinds, "--stage", "beside"];
    let first = restore(&sandbox, &one, &into, &select);
    let said = |name: &str| back_up(&sandbox, &into, "now.tar")[name]["comment"].clone();
    let again = restore(&sandbox, &two, &into, &[&select[..], &["--restore-policy", "replace"]].concat());
    assert_eq!((said("credential main.käse 'key'"), said("resource_group small")), (json!("two"), json!("two")));
    assert_eq!(said("schema main"), "one", "a schema stays");
    for (job, comment) in [(&again, "one"), (&again, "two"), (&again, "one")] {
        sandbox.json(&["undo", job["job"].as_str().expect("a job"), "--into", &into]).expect(0);
        assert_eq!(said("datasource main.kafka"), comment);
    }
    sandbox.json(&["discard", again["job"].as_str().expect("a job"), "--into", &into]).expect(0);
    sandbox.json(&["undo", first["job"].as_str().expect("a job"), "--into", &into]).expect(0);
    assert_eq!(
        server.value(&database, "SELECT count(*)::text FROM pg_namespace WHERE nspname IN ('main', 'spare \"x\"')"),
        "0"
    );
    sandbox.json(&["undo", first["job"].as_str().expect("a job"), "--into", &into]).expect(0);
    assert_eq!(said("schema main"), "one");
}

#[test]
fn subscriptions_come_back_as_asked_for() {
    let server = Server::start();
    let sandbox = Sandbox::new();
    let archive = pack(&sandbox, "one");
    for (word, states, note) in [
        ("resume", &["running", "suspended"][..], "table.subscriptions_resume"),
        ("pause", &["paused", "paused"], "table.subscriptions_pause"),
        ("cancel", &[], "table.subscriptions_cancel"),
    ] {
        for into in [sandbox.target(&format!("{word}.sqlite")), server.target(&server.database())] {
            let arguments =
                ["--restore-subscriptions", word, "--select", "table:orders,", "--select", "datasource,credential"];
            let arguments: Vec<&str> = arguments.iter().map(|one| one.trim_end_matches(',')).collect();
            let plan = [&["plan", &archive, "--into", &into, "--create-schema-if-not-exist"][..], &arguments].concat();
            let plan = sandbox.json(&plan).expect(0).json();
            assert_eq!(plan["options"]["restore_subscriptions"], word);
            let notes = plan["findings"].as_array().expect("findings").iter().filter(|one| one["code"] == note);
            assert_eq!(notes.map(|one| one["object"]["name"].clone()).collect::<Vec<_>>(), ["orders"], "{plan}");
            restore(&sandbox, &archive, &into, &arguments);
            let now = back_up(&sandbox, &into, "now.tar");
            let found = now["table main.orders"]["subscriptions"].as_array().cloned().unwrap_or_default();
            let found: Vec<&str> = found.iter().filter_map(|one| one["state"].as_str()).collect();
            assert_eq!(found, states, "{word} {into}");
        }
    }
    // A table without its data source is refused, unless nothing is to be subscribed to.
    let alone = ["plan", &archive, "--into", "sqlite:new.sqlite", "--select", "table:orders"];
    sandbox.json(&alone).expect(3);
    sandbox.json(&[&alone[..], &["--restore-subscriptions", "cancel"]].concat()).expect(0);
}

#[test]
fn a_role_brings_its_members_and_a_graph_its_tables() {
    let sandbox = Sandbox::new();
    let archive = pack(&sandbox, "one");
    let select = [
        "--select",
        "role:kinds_readers",
        "--select",
        "graph",
        "--select",
        "table:orders",
        "--select",
        "resource_group",
    ];
    let more = ["--restore-subscriptions", "cancel"];
    let restored = restore(&sandbox, &archive, &sandbox.target("a.sqlite"), &[&select[..], &more].concat());
    let now = back_up(&sandbox, &sandbox.target("a.sqlite"), "now.tar");
    for name in ["role kinds_writers", "user kinds_ann", "table main.people", "graph main.knows"] {
        assert!(now.contains_key(name), "{name}: {:?}", now.keys());
    }
    assert!(restored.to_string().contains("plan.brought_along"), "{restored}");
    assert!(now["user kinds_ann"]["memberships"][0]["role"] == "kinds_writers");
    assert!(now["role kinds_readers"]["permissions"][0]["privilege"] == "SELECT");
}

#[test]
fn a_schema_is_restored_alone() {
    let server = Server::start();
    let sandbox = Sandbox::new();
    let archive = pack(&sandbox, "one");
    for into in [sandbox.target("a.sqlite"), server.target(&server.database())] {
        sandbox
            .json(&["restore", &archive, "--into", &into, "--select", "schema:main", "--select", "schema:spare*"])
            .expect(0);
        let now = back_up(&sandbox, &into, "now.tar");
        assert_eq!(now["schema main"], json!({"comment": "one"}), "{into}");
        assert_eq!(now["schema spare \"x\""], json!({"options": {"quota": "1"}}), "{into}");
    }
}

/// An archive of one object.
fn crafted(sandbox: &Sandbox, name: ObjectName, attributes: &Value) -> String {
    let out = sandbox.path("crafted.tar");
    let mut writer = Writer::create(&out, true).expect("an archive");
    writer.object(name, Vec::new()).expect("an object");
    writer.attributes(RawValue::from_string(attributes.to_string()).expect("JSON")).expect("attributes");
    let text = |text: &str| text.to_owned();
    let backup = Backup {
        name: text("crafted"),
        id: text("1"),
        created: text("2026-01-01T00:00:00Z"),
        position: None,
        source: text("test"),
        dialect: String::new(),
    };
    writer.finish(backup).expect("an archive");
    sandbox.text("crafted.tar")
}

#[test]
fn a_secret_that_is_not_sealed_is_refused_and_never_shown() {
    const SECRET: &str = "hunter2-hunter2-hunter2-hunter2";
    let sandbox = Sandbox::new();
    let credential = |secret: Value| json!({"type": "jdbc", "secret": secret});
    for attributes in [
        credential(json!(SECRET)),
        credential(json!({"sealed": SECRET})),
        credential(json!([SECRET])),
        json!({"type": "kafka", "options": {"sasl.password": SECRET}}),
        json!({"type": SECRET, "secret": {"sealed": SECRET, "key": "k", "plain": SECRET}}),
    ] {
        let archive = crafted(&sandbox, ObjectName::new("credential", Some("main"), "key"), &attributes);
        for command in ["plan", "restore"] {
            let said = sandbox.json(&[command, &archive, "--into", "sqlite:none.sqlite"]).expect(3);
            assert!(said.stdout.contains("definition.plain_secret"), "{said:?}");
            assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        }
        assert!(!sandbox.path("none.sqlite").exists());

        let folder = sandbox.path("folder");
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut document = attributes.clone();
        document["name"] = json!("key");
        std::fs::write(folder.join("credentials.json"), json!([document]).to_string()).expect("a file");
        let said =
            sandbox.json(&["pack", folder.to_str().expect("UTF-8"), "-o", &sandbox.text("packed.tar")]).expect(1);
        assert_eq!(said.code(), "definition.plain_secret");
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        assert!(!sandbox.path("packed.tar").exists());
    }
    for wrong in [json!(SECRET), json!([SECRET]), json!({"name": SECRET})] {
        std::fs::write(sandbox.path("folder").join("credentials.json"), wrong.to_string()).expect("a file");
        let folder = sandbox.text("folder");
        let said = sandbox.json(&["pack", &folder, "-o", &sandbox.text("packed.tar")]).expect(3);
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    }
    // What breaks a schema is named by its place, not by its value.
    let archive = crafted(
        &sandbox,
        ObjectName::new("datasource", Some("main"), "s"),
        &json!({"location": [SECRET], "options": {"a": {"b": SECRET}}}),
    );
    let said = sandbox.json(&["plan", &archive, "--into", "sqlite:none.sqlite"]).expect(3);
    assert!(said.stdout.contains("`/location` has another type") && said.stdout.contains("`/options/a`"), "{said:?}");
    assert!(said.stdout.contains("datasource main.s") && !said.stdout.contains("hunter2"), "{said:?}");
}

#[test]
fn sealed_secrets_are_in_the_archive_and_the_target_and_nowhere_else() {
    let server = Server::start();
    let (sandbox, database) = (Sandbox::new(), server.database());
    let archive = pack(&sandbox, "one");
    assert_eq!(objects(&archive)["credential main.käse 'key'"]["secret"]["sealed"], SEALED);
    let mut said = Vec::new();
    for into in [sandbox.target("a.sqlite"), server.target(&database)] {
        let into = into.as_str();
        let plan = sandbox.text("plan.json");
        let create = "--create-schema-if-not-exist";
        for arguments in [
            &["inspect", &archive][..],
            &["verify", &archive],
            &["plan", &archive, "--into", into, create, "-o", &plan],
            &["restore", &archive, "--into", into, create, "--stage", "beside"],
            &["plan", &archive, "--into", into, create, "--restore-policy", "replace"],
            &["restore", &archive, "--into", into, create],
            &["jobs", "--into", into],
            &["backup", "create", "--from", into, "-o", &sandbox.text("out.tar"), "--overwrite"],
            &["inspect", &sandbox.text("out.tar")],
        ] {
            for more in [&[][..], &["--json"]] {
                let outcome = sandbox.run(&[arguments, more].concat());
                assert!(!outcome.stdout.is_empty() || !outcome.stderr.is_empty());
                said.push(format!("{arguments:?}: {}{}", outcome.stdout, outcome.stderr));
                let _ = std::fs::read_to_string(&plan).map(|text| said.push(text));
                let _ = std::fs::remove_file(&plan);
            }
        }
    }
    for said in said {
        assert!(!said.contains(&SEALED[..20]), "{said}");
    }
    let kept = "SELECT count(*) FROM reinstate_objects WHERE instr(definition, 'c2VhbGVkLWJ5LXRoZS1zb3VyY2U') > 0";
    assert_eq!(sandbox.query("a.sqlite", kept), "Integer(2)");
    let jobs = "SELECT count(*) FROM reinstate_jobs WHERE instr(plan || coalesce(report, ''), 'c2VhbGVkLWJ5LXRoZS1zb3VyY2U') > 0";
    assert_eq!(sandbox.query("a.sqlite", jobs), "Integer(0)");
    let kept =
        "SELECT count(*)::text FROM reinstate.document WHERE contents::text LIKE '%c2VhbGVkLWJ5LXRoZS1zb3VyY2U%'";
    assert_eq!(server.value(&database, kept), "2");
}
