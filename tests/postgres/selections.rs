//! What users of pg_restore rely on: parts of an archive, other names, and lists that are edited.

use crate::scene::{Scene, northwind};
use crate::support::Outcome;
use crate::support::postgres::golden::lines_that_differ;

/// Two schemas with something of every kind that can be asked for.
const SOURCE: &str = "CREATE SCHEMA s; CREATE SCHEMA \"My Schema\";
    CREATE TABLE s.t (id serial PRIMARY KEY, v text DEFAULT 'x');
    INSERT INTO s.t (v) SELECT 'row ' || g FROM generate_series(1, 100) g;
    CREATE INDEX t_v ON s.t (v);
    CREATE TABLE \"My Schema\".\"My Table\" (\"A b\" int REFERENCES s.t (id), t s.t);
    INSERT INTO \"My Schema\".\"My Table\" SELECT g, ROW(g, 'x')::s.t FROM generate_series(1, 10) g;
    CREATE FUNCTION s.f(a integer, b text DEFAULT 'x') RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM s.t $$;
    CREATE FUNCTION s.atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM s.t t WHERE t.id > 0; END;
    CREATE FUNCTION s.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER tr BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.fires();
    CREATE VIEW \"My Schema\".v AS SELECT t.id, nextval('s.t_id_seq') IS NOT NULL AS n FROM s.t;
    COMMENT ON TABLE s.t IS 'a comment';
    DO $$ BEGIN CREATE ROLE owner_of_t; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    ALTER TABLE s.t OWNER TO owner_of_t; GRANT SELECT ON s.t TO PUBLIC;";

fn restored(options: &[&str]) -> (Scene, String) {
    let scene = Scene::new();
    let archive = scene.dump("source.dump", SOURCE, &[]);
    let database = scene.server.database();
    expect(&scene.restore(&database, &archive, &[&["--create-schema-if-not-exist"], options].concat()));
    (scene, database)
}

#[track_caller]
fn expect(outcome: &Outcome) {
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
}

#[track_caller]
fn same_definitions(scene: &Scene, ours: &str, theirs: &str, context: &str) {
    let (ours, theirs) = (scene.server.definitions(ours, &[]), scene.server.definitions(theirs, &[]));
    assert_eq!(lines_that_differ(&ours, &theirs), Vec::<String>::new(), "{context}");
}

fn relations(scene: &Scene, database: &str) -> String {
    let query = "SELECT coalesce(string_agg(c.oid::regclass::text || ' ' || relkind::text, ', ' ORDER BY 1), '') FROM (
        SELECT c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE nspname !~ '^pg_|^reinstate|^information_schema' ORDER BY c.oid::regclass::text) c";
    scene.server.value(database, query)
}

#[test]
fn one_table_comes_alone() {
    let (scene, database) =
        restored(&["-t", "s.t", "--no-owner", "--no-privileges", "--exclude", "default,sequence_owned_by"]);
    assert_eq!(relations(&scene, &database), "s.t r");
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM s.t"), "100");
}

#[test]
fn one_schema_comes_alone() {
    let (scene, database) = restored(&["-n", "s", "--no-owner"]);
    assert_eq!(relations(&scene, &database), "s.t r, s.t_id_seq S, s.t_pkey i, s.t_v i");
    assert_eq!(scene.server.value(&database, "SELECT s.atomic()"), "100");
    assert_eq!(scene.server.value(&database, "SELECT s.f(1)"), "100");
    assert_eq!(scene.server.value(&database, "INSERT INTO s.t DEFAULT VALUES RETURNING id"), "101");
    assert_eq!(scene.server.value(&database, "SELECT tgname FROM pg_trigger WHERE tgname = 'tr'"), "tr");
}

#[test]
fn a_function_comes_by_its_name() {
    let (scene, database) = restored(&["-P", "s.fires()", "--no-owner"]);
    assert_eq!(relations(&scene, &database), "");
    let functions =
        "SELECT string_agg(oid::regprocedure::text, ', ') FROM pg_proc WHERE pronamespace = 's'::regnamespace";
    assert_eq!(scene.server.value(&database, functions), "s.fires()");
}

#[test]
fn owners_privileges_and_comments_can_be_left_out() {
    let facts = "SELECT pg_get_userbyid(relowner), relacl IS NULL, obj_description(oid) FROM pg_class WHERE oid = 's.t'::regclass";
    let expected = |row: [Option<&str>; 3]| vec![row.map(|value| value.map(str::to_owned)).to_vec()];
    let (scene, database) = restored(&[]);
    assert_eq!(scene.server.query(&database, facts), expected([Some("owner_of_t"), Some("f"), Some("a comment")]));
    let (scene, database) = restored(&["--no-owner", "--no-privileges", "--no-comments"]);
    assert_eq!(scene.server.query(&database, facts), expected([Some("postgres"), Some("t"), None]));
}

#[test]
fn sections_come_one_after_another() {
    let scene = Scene::new();
    let archive = scene.dump("source.dump", SOURCE, &[]);
    let (ours, theirs) = (scene.server.database(), scene.server.database());
    for section in ["pre-data", "data", "post-data"] {
        expect(&scene.restore(&ours, &archive, &["--section", section, "--create-schema-if-not-exist"]));
        scene.server.pg_restore(&theirs, &archive, &["--section", section]);
        same_definitions(&scene, &ours, &theirs, section);
        let count = "SELECT count(*) FROM s.t";
        assert_eq!(scene.server.value(&ours, count), scene.server.value(&theirs, count), "{section}");
    }
}

#[test]
fn schemas_take_other_names_wherever_they_are_named() {
    let scene = Scene::new();
    let archive = scene.dump("source.dump", SOURCE, &[]);
    let (ours, theirs) = (scene.server.database(), scene.server.database());
    let other = [
        "--create-schema-if-not-exist",
        "--target-schema-map",
        "s=it's \"new\"",
        "--target-schema-map",
        "My Schema=plain",
    ];
    expect(&scene.restore(&ours, &archive, &[&other[..], &["--stage", "beside"]].concat()));
    scene.server.pg_restore(&theirs, &archive, &[]);
    scene
        .server
        .sql(&theirs, "ALTER SCHEMA s RENAME TO \"it's \"\"new\"\"\"; ALTER SCHEMA \"My Schema\" RENAME TO plain");
    // Texts of functions are looked up when they run; every other name has changed with its schema.
    same_definitions(&scene, &ours, &theirs, "");
    assert_eq!(scene.server.value(&ours, "SELECT count(*) FROM plain.\"My Table\""), "10");
    assert_eq!(scene.server.value(&ours, "SELECT \"it's \"\"new\"\"\".atomic()"), "100");
}

#[test]
fn definitions_come_without_rows() {
    let scene = Scene::new();
    let archive = scene.dump("source.dump", SOURCE, &[]);
    let (ours, theirs) = (scene.server.database(), scene.server.database());
    expect(&scene.restore(&ours, &archive, &["--ddl-only", "--create-schema-if-not-exist"]));
    scene.server.pg_restore(&theirs, &archive, &["--schema-only"]);
    same_definitions(&scene, &ours, &theirs, "");
    assert_eq!(scene.server.value(&ours, "SELECT count(*) FROM s.t"), "0");
}

#[test]
fn a_plan_is_edited_and_applied() {
    let scene = Scene::new();
    let database = scene.server.database();
    let (target, archive, plan) = (scene.server.target(&database), northwind(), scene.sandbox.text("plan.json"));
    let archive = archive.to_str().expect("UTF-8");
    scene.sandbox.run(&["plan", archive, "--into", &target, "--no-owner", "-o", &plan]).expect(0);
    let mut edited: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&plan).expect("a plan")).expect("JSON");
    let steps = edited["steps"].as_array_mut().expect("steps");
    let us_states =
        |step: &serde_json::Value| step["object"]["name"].as_str().is_some_and(|name| name.contains("us_states"));
    assert!(steps.iter().any(us_states));
    steps.retain(|step| !us_states(step));
    std::fs::write(&plan, edited.to_string()).expect("a plan");
    scene.sandbox.json(&["apply", &plan]).expect(0);
    assert_eq!(
        scene.server.value(&database, "SELECT to_regclass('us_states') IS NULL AND to_regclass('orders') IS NOT NULL"),
        "t"
    );
}

#[test]
fn what_reaches_outside_is_refused_until_it_is_allowed() {
    let scene = Scene::new();
    let definer = "CREATE FUNCTION public.mighty() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'";
    let archive = scene.dump("definer.dump", definer, &[]);
    let database = scene.server.database();
    let refused = scene.restore(&database, &archive, &[]).expect(3).json();
    let findings = refused["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["code"] == "sql.security_definer"), "{refused:#}");
    scene.restore(&database, &archive, &["--allow", "sql.program"]).expect(3);
    scene.restore(&database, &archive, &["--allow", "sql.security_definer"]).expect(0);
    assert_eq!(scene.server.value(&database, "SELECT mighty()"), "1");
}

#[test]
fn rights_of_a_role_that_may_do_no_more_need_not_be_allowed() {
    let scene = Scene::new();
    let statements = "CREATE ROLE plain; CREATE ROLE limited LOGIN IN ROLE plain;
        CREATE FUNCTION modest() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
        ALTER FUNCTION modest() OWNER TO plain; GRANT EXECUTE ON FUNCTION modest() TO limited";
    let archive = scene.dump("modest.dump", statements, &[]);
    let owner = "SELECT proowner::regrole FROM pg_proc WHERE proname = 'modest'";
    let database = scene.server.database();
    scene.restore(&database, &archive, &[]).expect(0);
    assert_eq!(scene.server.value(&database, owner), "plain");
    // The one that restores it will own it.
    let database = scene.server.database();
    scene.server.sql(&database, "GRANT ALL ON SCHEMA public TO limited");
    scene.server.sql(&database, &format!("GRANT CREATE ON DATABASE {database} TO limited"));
    let target = scene.server.target_as("limited", &database);
    let options = ["--no-owner", "--no-privileges", "--stage", "beside", "-P", "modest()"];
    scene.restore_to(&target, &archive, &options).expect(0);
    assert_eq!(scene.server.value(&database, owner), "limited");
    // A superuser's rights, or those of a role that has more than the restorer's, are told of.
    let database = scene.server.database();
    scene.restore(&database, &archive, &["--no-owner"]).expect(3);
    scene.server.sql(&database, "ALTER ROLE plain BYPASSRLS");
    scene.server.sql(&database, "GRANT ALL ON SCHEMA public TO limited");
    scene.server.sql(&database, &format!("GRANT CREATE ON DATABASE {database} TO limited"));
    let target = scene.server.target_as("limited", &database);
    let refused = scene.restore_to(&target, &archive, &["--stage", "beside", "-P", "modest()"]).expect(3).json();
    let findings = refused["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["code"] == "sql.security_definer"), "{refused:#}");
}

#[test]
fn our_own_archives_are_looked_at_in_the_plan_too() {
    let scene = Scene::new();
    let source = scene.server.database();
    scene.server.sql(&source, "CREATE FUNCTION mighty() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'");
    let archive = scene.sandbox.path("own.tar");
    let path = archive.to_str().expect("UTF-8");
    scene.sandbox.json(&["backup", "create", "--from", &scene.server.target(&source), "-o", path]).expect(0);
    let database = scene.server.database();
    let plan = scene.sandbox.json(&["plan", path, "--into", &scene.server.target(&database)]).expect(3).json();
    let findings = plan["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["code"] == "sql.security_definer"), "{plan:#}");
    scene.restore(&database, &archive, &["--allow", "sql.security_definer"]).expect(0);
    assert_eq!(scene.server.value(&database, "SELECT mighty()"), "1");
}

#[test]
fn roles_come_first_and_the_one_that_restores_is_not_changed() {
    let scene = Scene::new();
    let globals = scene.sandbox.path("globals.sql");
    let script = "--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n\nCREATE ROLE owner_of_t;\n\
         ALTER ROLE owner_of_t WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;\n\
         CREATE ROLE postgres;\nALTER ROLE postgres WITH NOSUPERUSER NOLOGIN;\nCREATE ROLE reader;\n\
         ALTER ROLE reader WITH LOGIN;\nGRANT owner_of_t TO reader;\n";
    let archive = scene.dump("source.dump", SOURCE, &[]);
    // Nothing owns it any more, so that the script has to make it.
    for database in scene.server.query("postgres", "SELECT datname FROM pg_database WHERE datname ~ '^db'") {
        let name = database[0].clone().expect("a name");
        scene.server.sql("postgres", &format!("DROP DATABASE {name}"));
    }
    scene.server.sql("postgres", "DROP ROLE owner_of_t");
    let database = scene.server.database();
    let options = ["--globals", globals.to_str().expect("UTF-8"), "--allow", "all", "--create-schema-if-not-exist"];
    std::fs::write(&globals, script).expect("a script");
    expect(&scene.restore(&database, &archive, &options));
    assert_eq!(
        scene.server.value(&database, "SELECT rolsuper AND rolcanlogin FROM pg_roles WHERE rolname = 'postgres'"),
        "t"
    );
    assert_eq!(scene.server.value(&database, "SELECT pg_has_role('reader', 'owner_of_t', 'member')"), "t");
    assert_eq!(
        scene.server.value(&database, "SELECT relowner::regrole FROM pg_class WHERE oid = 's.t'::regclass"),
        "owner_of_t"
    );
}
