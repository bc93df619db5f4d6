//! What only PostgreSQL can show: rows that pass through, tables that give way with others, the role that is connected.

use serde_json::Value;

use crate::support::Sandbox;
use crate::support::postgres::Server;

const SOURCE: &str =
    "CREATE SCHEMA s; CREATE TABLE s.parent(id bigint PRIMARY KEY, what text, price numeric(8,2), at timestamptz);
    INSERT INTO s.parent SELECT i, 'row ' || i, i / 4.0, '2024-02-29 12:00+00'::timestamptz + i * interval '1 hour'
    FROM generate_series(1, 500) i;
    INSERT INTO s.parent VALUES (501, NULL, NULL, 'infinity');";

const CONTENT: &str = "SELECT md5(string_agg(p::text, ';' ORDER BY id)) FROM s.parent p";

fn step<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let steps = plan["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["into"]["name"] == name).unwrap_or_else(|| panic!("no {name}: {plan:#}"))
}

#[test]
fn rows_pass_through_or_are_decoded_and_are_the_same() {
    let server = Server::start();
    let (sandbox, source) = (Sandbox::new(), server.database());
    server.sql(&source, SOURCE);
    let archive = sandbox.text("archive.tar");
    sandbox.json(&["backup", "create", "--from", &server.target(&source), "-o", &archive]).expect(0);
    let wanted = server.value(&source, CONTENT);
    for policy in ["none", "replace", "rename"] {
        for (reingest, said) in [("=false", "pass through as postgres-copy-"), ("=true", "as --reingest asks for")] {
            let database = server.database();
            if policy != "none" {
                server
                    .sql(&database, "CREATE SCHEMA s; CREATE TABLE s.parent(id int); INSERT INTO s.parent VALUES (1)");
            }
            let (into, option) = (server.target(&database), format!("--reingest{reingest}"));
            let options = ["--select", "table", "--restore-policy", policy, &option];
            let plan = sandbox.json(&[&["plan", &archive, "--into", &into][..], &options].concat()).expect(0).json();
            let reason = step(&plan, "parent")["reason"].as_str().unwrap_or_default().to_owned();
            assert!(reason.contains(said), "{reason}");
            sandbox.json(&[&["restore", &archive, "--into", &into][..], &options].concat()).expect(0);
            assert_eq!(server.value(&database, CONTENT), wanted, "{policy} {reingest}");
        }
    }
    let plan = ["plan", &archive, "--into", &sandbox.target("x.sqlite"), "--select", "table"];
    let plan = sandbox.json(&plan).expect(0).json();
    assert!(step(&plan, "parent")["reason"].to_string().contains("which the target does not take"), "{plan:#}");
}

#[test]
fn tables_that_refer_to_what_gives_way_go_out_of_sight_and_come_back() {
    let server = Server::start();
    let (sandbox, source) = (Sandbox::new(), server.database());
    server.sql(&source, SOURCE);
    let archive = sandbox.text("archive.tar");
    sandbox.json(&["backup", "create", "--from", &server.target(&source), "-o", &archive]).expect(0);
    let live = "CREATE SCHEMA s; CREATE TABLE s.parent(id bigint PRIMARY KEY, old text); INSERT INTO s.parent VALUES (700, 'x');
        CREATE TABLE s.child(id serial PRIMARY KEY, parent bigint REFERENCES s.parent); INSERT INTO s.child(parent) VALUES (700);
        CREATE TABLE s.grandchild(child int REFERENCES s.child); INSERT INTO s.grandchild VALUES (1);";
    let tables = "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 's'";
    for (policy, cascade, status, expected) in [
        ("none", "=true", 3, "child,grandchild,parent"),
        // Its rows do not find theirs in what is restored.
        ("replace", "=false", 1, "child,grandchild,parent"),
        ("replace", "=true", 0, "parent"),
    ] {
        let database = server.database();
        server.sql(&database, live);
        let (into, option) = (server.target(&database), format!("--cascade-foreign-keys{cascade}"));
        let options = ["--select", "table", "--restore-policy", policy, &option];
        let outcome = sandbox.json(&[&["restore", &archive, "--into", &into][..], &options].concat());
        assert_eq!(outcome.status, Some(status), "{policy} {cascade}: {outcome:#?}");
        assert_eq!(server.value(&database, tables), expected, "{policy} {cascade}");
        if status == 1 {
            let said = outcome.json()["findings"].to_string();
            assert!(said.contains("table s.child") && said.contains("--cascade-foreign-keys"), "{said}");
        }
        if status == 0 {
            let report = outcome.json();
            assert_eq!(report["dropped_objects"]["s.child"], "table", "{report:#}");
            let job = report["job"].as_str().expect("a job");
            sandbox.json(&["undo", job, "--into", &into]).expect(0);
            assert_eq!(server.value(&database, tables), "child,grandchild,parent");
            server.sql(&database, "INSERT INTO s.child(parent) VALUES (700)");
            let keys =
                "SELECT count(*)::text FROM pg_constraint WHERE contype = 'f' AND connamespace = 's'::regnamespace";
            assert_eq!(server.value(&database, keys), "2");
            sandbox.json(&["undo", job, "--into", &into]).expect(0);
            assert_eq!(server.value(&database, tables), "parent");
            sandbox.json(&["discard", job, "--into", &into]).expect(0);
            assert_eq!(server.value(&database, tables), "parent");
        }
    }
}

#[test]
fn the_connected_role_stays_as_it_is_unless_named() {
    let server = Server::start();
    let sandbox = Sandbox::new();
    let folder = sandbox.path("folder");
    std::fs::create_dir_all(folder.join("tables")).expect("a folder");
    std::fs::write(folder.join("tables/things.csv"), "id,name\n1,a\n").expect("a file");
    let users = r#"[{"name": "operator", "login": true, "attributes": {"connection_limit": 3, "superuser": true}},
                    {"name": "other", "login": true, "attributes": {"connection_limit": 5}}]"#;
    std::fs::write(folder.join("users.json"), users).expect("a file");
    let archive = sandbox.pack(&folder, "archive.tar");
    server.sql("postgres", "CREATE ROLE operator LOGIN SUPERUSER; CREATE ROLE other LOGIN");
    let limit = |name: &str| {
        server.value("postgres", &format!("SELECT rolconnlimit::text FROM pg_roles WHERE rolname = '{name}'"))
    };
    for (options, expected) in [
        (&["--restore-policy", "replace", "--take-access"][..], ("-1", "-1")),
        (&["--restore-policy", "replace"], ("-1", "5")),
        (&["--restore-policy", "replace", "--allow", "sql.superuser_role,identity:operator"], ("3", "5")),
    ] {
        let database = server.database();
        let into = server.target_as("operator", &database);
        let outcome = sandbox.json(&[&["restore", &archive, "--into", &into][..], options].concat()).expect(0);
        assert_eq!((limit("operator").as_str(), limit("other").as_str()), expected, "{options:?}: {outcome:#?}");
        let owner = "SELECT tableowner::text FROM pg_tables WHERE tablename = 'things'";
        assert_eq!(server.value(&database, owner), "operator");
    }
}
