//! Facts of real databases: what is named and how, what changes a fingerprint, who may do what, and how the server is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::connection::Connection;
use super::super::local_server::{LocalServer, run};
use super::super::store;
use super::inspect;
use crate::catalog::ObjectName;
use crate::target::{Existing, Facts};

/// One of every kind that fits into a few lines.
const SAMPLE: &str = r#"
CREATE ROLE owner1; CREATE ROLE "Odd ""role""" LOGIN; GRANT owner1 TO "Odd ""role""";
CREATE EXTENSION citext;
CREATE SCHEMA s; CREATE SCHEMA "Sch ema"; CREATE SCHEMA "reinstate_stage_r-1_1"; CREATE TABLE "reinstate_stage_r-1_1".hidden (a int);
CREATE TYPE s.mood AS ENUM ('a', 'b'); CREATE TYPE s.pair AS (x int, y s.mood); CREATE DOMAIN s.positive AS int CHECK (VALUE > 0);
CREATE TYPE s.span AS RANGE (subtype = float8);
CREATE TABLE s.parent (id serial PRIMARY KEY, name citext UNIQUE, mood s.mood, n s.positive CHECK (n < 100));
CREATE TABLE s.child (id int GENERATED ALWAYS AS IDENTITY, parent int REFERENCES s.parent, self int);
ALTER TABLE s.parent ADD CONSTRAINT late CHECK (id < 5000) NOT VALID;
ALTER TABLE s.child ADD PRIMARY KEY (id), ADD CONSTRAINT "self fk" FOREIGN KEY (self) REFERENCES s.child;
CREATE TABLE "Sch ema"."Ta ""ble" ("Col umn" s.parent);
CREATE INDEX parent_name ON s.parent (lower(name::text));
CREATE TABLE s.cut (a int) PARTITION BY RANGE (a); CREATE TABLE s.cut_1 PARTITION OF s.cut FOR VALUES FROM (1) TO (2);
CREATE VIEW s.names AS SELECT name FROM s.parent; CREATE MATERIALIZED VIEW s.counts AS SELECT count(*) FROM s.names;
CREATE FUNCTION s.twice(int, b s.mood DEFAULT 'a') RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION s.atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM s.parent; END;
CREATE PROCEDURE s.act(INOUT a int) LANGUAGE plpgsql AS $$ BEGIN a := 1; END $$;
CREATE FUNCTION s.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION s.add(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE s.total(numeric) (sfunc = s.add, stype = numeric);
CREATE TRIGGER "tr ig" BEFORE INSERT ON s.parent FOR EACH ROW EXECUTE FUNCTION s.fire();
CREATE RULE quiet AS ON DELETE TO s.names DO INSTEAD NOTHING;
ALTER TABLE s.parent ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON s.parent USING (id > 0);
CREATE FUNCTION s.eq(s.pair, s.pair) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR s.=== (leftarg = s.pair, rightarg = s.pair, function = s.eq);
CREATE OPERATOR s.=== (leftarg = s.pair, rightarg = int, function = s.eq2);
CREATE FUNCTION s.as_int(s.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE CAST (s.mood AS int) WITH FUNCTION s.as_int(s.mood);
CREATE COLLATION s.c (provider = libc, locale = 'C'); CREATE STATISTICS s.st ON id, mood FROM s.parent;
CREATE SEQUENCE s.free; CREATE TEXT SEARCH CONFIGURATION s.words (COPY = simple);
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER sv FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE s.far (a int) SERVER sv;
CREATE USER MAPPING FOR owner1 SERVER sv; CREATE PUBLICATION p FOR TABLE s.child;
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO owner1;
CREATE FUNCTION s.ev() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION s.ev();
SELECT lo_from_bytea(70001, 'x');
"#;

fn sample(server: &LocalServer, database: &str) {
    server.sql("postgres", &format!("CREATE DATABASE {database}"));
    let statements = SAMPLE.replace(
        "CREATE OPERATOR s.=== (leftarg = s.pair, rightarg = int, function = s.eq2);\n",
        "
        CREATE FUNCTION s.eq2(s.pair, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR s.=== (leftarg = s.pair, rightarg = int, function = s.eq2);\n",
    );
    server.sql(database, &statements);
}

fn facts(server: &LocalServer, user: &str, database: &str) -> Facts {
    inspect(&server.settings(user, database)).unwrap()
}

fn object<'a>(facts: &'a Facts, name: &str) -> &'a Existing {
    let found = facts.objects.iter().find(|(object, _)| object.to_string() == name);
    found
        .unwrap_or_else(|| {
            panic!("{name} is none of {:#?}", facts.objects.keys().map(ToString::to_string).collect::<Vec<_>>())
        })
        .1
}

fn dependents(facts: &Facts, name: &str) -> Vec<String> {
    object(facts, name).dependents.iter().map(ToString::to_string).collect()
}

/// The word of an archive's table of contents for a kind.
fn word(kind: &str) -> String {
    match kind {
        "user_defined_function" => "FUNCTION".to_owned(),
        "stored_procedure" => "PROCEDURE".to_owned(),
        "foreign_key" => "FK CONSTRAINT".to_owned(),
        "default_privileges" => "DEFAULT ACL".to_owned(),
        "large_object" => "BLOB".to_owned(),
        other => other.to_uppercase().replace('_', " "),
    }
}

/// Lines as `pg_restore -l` prints them, without numbers: `TABLE s parent postgres`.
fn listed(server: &LocalServer, database: &str) -> BTreeSet<String> {
    let archive = format!("{}/archive.{database}", server.socket());
    run(server.tool("pg_dump").args([
        "-Fc",
        "--schema-only",
        "-N",
        "reinstate_stage*",
        "-f",
        &archive,
        "-d",
        database,
    ]));
    let listed = run(server.tool("pg_restore").args(["-l", &archive]));
    let lines = listed.lines().filter(|line| !line.starts_with(';'));
    lines.filter_map(|line| Some(line.split_once("; ")?.1.splitn(3, ' ').nth(2)?.to_owned())).collect()
}

/// Compares the objects that are found with those that a dump lists. Returns the lines and objects that have no counterpart.
fn compare(server: &LocalServer, database: &str) -> (Vec<String>, Vec<String>) {
    let listed = listed(server, database);
    let facts = facts(server, "postgres", database);
    let lines: BTreeMap<String, &ObjectName> = facts
        .objects
        .keys()
        .map(|name| {
            // A line is a line, whatever is in names.
            let tag = name.name.replace('\n', " ");
            (format!("{} {} {tag}", word(&name.kind), name.schema.as_deref().unwrap_or("-")), name)
        })
        .collect();
    let fits = |line: &str| {
        lines
            .keys()
            .any(|known| line.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    };
    let not_objects = [
        "COMMENT",
        "ACL",
        "DEFAULT ",
        "TABLE ATTACH",
        "INDEX ATTACH",
        "SEQUENCE OWNED",
        "ROW SECURITY",
        "TABLE DATA",
        "DATABASE",
    ];
    let other =
        |line: &&String| !line.starts_with("DEFAULT ACL") && not_objects.iter().any(|word| line.starts_with(word));
    let missing = listed.iter().filter(|line| !other(line) && !fits(line)).cloned().collect();
    let is_listed = |line: &str| {
        listed
            .iter()
            .any(|listed| listed.strip_prefix(line).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    };
    // Dumps carry roles apart, and no large object without its bytes.
    let apart =
        |name: &ObjectName| matches!(name.kind.as_str(), "user" | "role" | "large_object" | "procedural_language");
    let unlisted = lines
        .iter()
        .filter(|(line, name)| !apart(name) && name.name != "public" && name.name != "plpgsql" && !is_listed(line));
    (missing, unlisted.map(|(line, _)| line.clone()).collect())
}

#[test]
fn objects_are_named_as_dumps_name_them() {
    let server = LocalServer::start("");
    sample(&server, "sample");
    let (missing, unlisted) = compare(&server, "sample");
    // An identity column's sequence is the column's own.
    assert_eq!(missing, ["SEQUENCE s child_id_seq postgres"]);
    assert_eq!(unlisted, Vec::<String>::new());
    let facts = facts(&server, "postgres", "sample");
    assert!(!facts.objects.keys().any(|name| name.to_string().contains("hidden") || name.kind == "aggregate" && name.name.contains("citext")));
    assert_eq!(facts.schemas, ["Sch ema", "public", "s"].map(str::to_owned).into());
    for name in [
        "user Odd \"role\"",
        "role owner1",
        "user postgres",
        "schema public",
        "check_constraint s.parent late",
        "large_object 70001",
    ] {
        object(&facts, name);
    }
    assert_eq!(facts.encoding.as_deref(), Some("UTF8"));
    assert_eq!(facts.identity.as_deref(), Some("postgres"));
    assert_eq!((facts.info.kind.as_str(), facts.info.dialect.as_str()), ("postgres", "postgresql"));
    assert!(facts.principals.contains("pg_monitor") && facts.principals.contains("owner1"));
    let available = facts.available.as_ref().unwrap();
    assert!(["extension:citext", "language:plpgsql"].iter().all(|name| available.contains(*name)));
    assert_eq!(facts.no_stage_database, None);
    assert!(facts.health.free_bytes.is_some_and(|free| free > 0));
    assert!(facts.health.free_connections.is_some_and(|free| (90..=97).contains(&free)), "{:?}", facts.health);
    assert_eq!(facts.health.not_writable, None);
    assert_eq!(facts.health.missing_right, None);

    for (name, expected) in [
        ("table s.parent", &["table Sch ema.Ta \"ble", "user_defined_function s.atomic()"][..]),
        ("view s.names", &["materialized_view s.counts"]),
        ("table s.child", &[]),
        ("table s.cut", &["table s.cut_1"]),
        ("user_defined_function s.fire()", &["trigger s.parent tr ig"]),
        ("user_defined_function s.add(numeric, numeric)", &["aggregate s.total(numeric)"]),
        ("sequence s.parent_id_seq", &["table s.parent"]),
        ("domain s.positive", &["table s.parent"]),
    ] {
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(dependents(&facts, name).into_iter().collect::<BTreeSet<_>>(), expected, "{name}");
    }
    let referrers: Vec<String> = object(&facts, "table s.parent").referrers.iter().map(ToString::to_string).collect();
    assert_eq!(referrers, ["table s.child"]);
    fingerprints(&server);
}

/// Each statement changes the fingerprints that are named, and no others.
fn fingerprints(server: &LocalServer) {
    let mut before = facts(server, "postgres", "sample");
    for (statement, changed) in [
        ("INSERT INTO s.parent (name, n) SELECT 'n' || g, 1 FROM generate_series(1, 1000) g", &[][..]),
        ("ANALYZE", &[]),
        ("VACUUM FULL s.parent", &[]),
        ("REINDEX TABLE s.parent", &[]),
        ("GRANT SELECT ON s.parent TO owner1", &[]),
        ("CREATE TABLE s.new (a int)", &["table s.new"]),
        ("ALTER TABLE s.new ADD b int", &["table s.new"]),
        ("ALTER TABLE s.new ALTER b SET DEFAULT 3", &["table s.new"]),
        ("ALTER TABLE s.new ALTER b SET DEFAULT 4", &["table s.new"]),
        ("ALTER TABLE s.new ALTER b TYPE bigint", &["table s.new"]),
        ("ALTER TABLE s.new RENAME b TO c", &["table s.new"]),
        ("ALTER TABLE s.new OWNER TO owner1", &["table s.new"]),
        ("ALTER TABLE s.new ADD CHECK (a > 0)", &["table s.new"]),
        ("CREATE INDEX new_a ON s.new (a)", &["table s.new", "index s.new_a"]),
        ("CREATE OR REPLACE VIEW s.names AS SELECT name FROM s.parent WHERE id > 1", &["view s.names"]),
        ("ALTER TYPE s.mood ADD VALUE 'c'", &["type s.mood"]),
        ("ALTER TYPE s.pair ADD ATTRIBUTE z int", &["type s.pair"]),
        ("ALTER DOMAIN s.positive DROP CONSTRAINT positive_check", &["domain s.positive"]),
        (
            "CREATE OR REPLACE FUNCTION s.add(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT $2 + $1'",
            &["user_defined_function s.add(numeric, numeric)"],
        ),
        (
            "CREATE OR REPLACE FUNCTION s.atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT max(id) FROM s.parent; END",
            &["user_defined_function s.atomic()"],
        ),
        ("ALTER SEQUENCE s.free INCREMENT 5", &["sequence s.free"]),
        ("SELECT nextval('s.free')", &[]),
        ("ALTER POLICY mine ON s.parent USING (id > 5)", &["table s.parent", "policy s.parent mine"]),
        ("ALTER TABLE s.parent DISABLE TRIGGER \"tr ig\"", &["table s.parent", "trigger s.parent tr ig"]),
        ("ALTER ROLE owner1 CREATEDB", &["role owner1"]),
        ("GRANT pg_monitor TO owner1", &["role owner1"]),
        ("DROP OPERATOR s.=== (s.pair, int)", &["operator s.==="]),
        (
            "ALTER TABLE s.new SET SCHEMA \"Sch ema\"",
            &["table s.new", "index s.new_a", "table Sch ema.new", "index Sch ema.new_a"],
        ),
    ] {
        server.sql("sample", statement);
        let after = facts(server, "postgres", "sample");
        let names: BTreeSet<&ObjectName> = before.objects.keys().chain(after.objects.keys()).collect();
        let mark =
            |facts: &Facts, name: &ObjectName| facts.objects.get(name).map(|existing| existing.fingerprint.clone());
        let differ = names.into_iter().filter(|name| mark(&before, name) != mark(&after, name));
        let differ: BTreeSet<String> = differ.map(ToString::to_string).collect();
        assert_eq!(differ, changed.iter().map(|name| (*name).to_owned()).collect(), "{statement}");
        before = after;
    }
}

#[test]
fn what_we_may_not_do_is_said() {
    let server = LocalServer::start("max_connections = 30");
    server.sql(
        "postgres",
        "CREATE ROLE boss CREATEDB CREATEROLE LOGIN; CREATE ROLE ana LOGIN CONNECTION LIMIT 5; CREATE ROLE team; CREATE ROLE other;
         GRANT team TO ana",
    );
    server.sql("postgres", "CREATE DATABASE shop OWNER boss");
    server.sql(
        "shop",
        "CREATE TABLE public.a (i int); CREATE SCHEMA theirs; CREATE SCHEMA ours AUTHORIZATION team; CREATE TABLE ours.b (i int);
         ALTER TABLE ours.b OWNER TO team; CREATE INDEX b_i ON ours.b (i); CREATE TABLE ours.c (i int)",
    );
    let ana = facts(&server, "ana", "shop");
    assert_eq!(ana.identity.as_deref(), Some("ana"));
    assert_eq!(ana.closed_schemas, ["public", "theirs"].map(str::to_owned).into());
    assert_eq!(object(&ana, "table ours.b").fixed, None);
    assert_eq!(object(&ana, "index ours.b_i").fixed, None);
    assert_eq!(
        object(&ana, "table public.a").fixed.as_deref(),
        Some("it belongs to postgres, and ana may not alter it")
    );
    assert_eq!(object(&ana, "role other").fixed.as_deref(), Some("ana may not alter it"));
    assert_eq!(ana.health.missing_right.as_deref(), Some("ana may not create schemas in database shop (CREATE)"));
    assert_eq!(ana.no_stage_database.as_deref(), Some("ana may not create databases (CREATEDB)"));
    assert_eq!(ana.health.free_bytes, None);
    assert!(ana.health.free_connections.is_some_and(|free| free <= 4), "{:?}", ana.health);

    let boss = facts(&server, "boss", "shop");
    assert_eq!((boss.health.missing_right.as_ref(), boss.no_stage_database.as_ref()), (None, None));
    assert_eq!(object(&boss, "role other").fixed, None);
    assert_eq!(boss.identity.as_deref(), Some("boss"));
    assert_eq!(object(&boss, "user postgres").fixed.as_deref(), Some("boss may not alter it"));
    let template = facts(&server, "boss", "postgres").no_stage_database.unwrap();
    assert!(template.contains("belongs to postgres"), "{template}");

    // A role that is taken on counts, not the one that logs in.
    let as_team = server.settings("postgres", "shop").location + "&role=team";
    let as_team = super::super::Settings::resolve(&as_team, &super::super::Environment::default()).unwrap();
    assert_eq!(inspect(&as_team).unwrap().identity.as_deref(), Some("team"));

    missing_databases(&server);
    bookkeeping(&server);
    server.sql("postgres", "ALTER DATABASE shop SET default_transaction_read_only = on");
    let read_only = facts(&server, "postgres", "shop").health.not_writable.unwrap();
    assert!(read_only.starts_with("default_transaction_read_only is on"), "{read_only}");
}

fn missing_databases(server: &LocalServer) {
    let new = facts(server, "boss", "new");
    assert!(new.objects.keys().all(|name| matches!(name.kind.as_str(), "user" | "role")), "{:?}", new.objects);
    assert_eq!((new.no_stage_database, new.encoding), (None, None));
    assert_eq!(new.schemas, ["public".to_owned()].into());
    assert!(new.available.unwrap().contains("extension:plpgsql"));
    let refused = inspect(&server.settings("ana", "new")).unwrap_err();
    assert_eq!(refused.code(), "target.not_found");
    assert!(refused.to_string().ends_with("and ana may not create it"), "{refused}");
    let nobody = inspect(&server.settings("nobody", "new")).unwrap_err();
    assert_eq!(nobody.code(), "target.no_right", "{nobody}");
}

/// Jobs are seen by the lock's holder, by their records and by the databases that they stage in.
fn bookkeeping(server: &LocalServer) {
    server.sql("postgres", "CREATE DATABASE \"shop_reinstate_r-000000000003\"");
    store::create(&mut server.connect("shop")).unwrap();
    server.sql(
        "shop",
        "INSERT INTO reinstate.job (job, status, started, backup_name, backup_id, archive, plan, settings)
         SELECT 'r-00000000000' || n, status, '', '', '', '', '', ''
         FROM (VALUES (1, 'running'), (2, 'running'), (4, 'succeeded')) AS jobs (n, status)",
    );
    let mut holder: Connection = server.connect("shop");
    holder.batch("SET application_name = 'reinstate r-000000000001'; SELECT pg_advisory_lock(1919248750, 0)").unwrap();
    let busy = facts(server, "postgres", "shop").health;
    assert_eq!(busy.busy.as_deref(), Some("r-000000000001"));
    assert_eq!(busy.interrupted, ["r-000000000002", "r-000000000003"]);
    drop(holder);
    // Someone else's records are closed to us, and are no error.
    let ana = facts(server, "ana", "shop").health;
    assert_eq!(ana.interrupted, ["r-000000000003"]);
    assert!(ana.missing_right.unwrap().contains("belongs to postgres, not to ana"));
    server.sql("shop", "UPDATE reinstate.version SET version = 99");
    assert!(facts(server, "postgres", "shop").health.unsupported_version.unwrap().contains("schema `reinstate`"));
    server.sql("shop", "DROP SCHEMA reinstate CASCADE");
}

#[test]
fn standbys_must_be_there_and_keep_up() {
    let primary = LocalServer::start("max_wal_senders = 5\nwal_level = replica");
    let health = |server: &LocalServer| facts(server, "postgres", "postgres").health;
    let standby = LocalServer::follow(&primary, "one");
    let well = health(&primary);
    assert_eq!((well.nodes_not_ready.len(), well.uncommitted.as_ref()), (0, None), "{well:?}");
    assert_eq!(health(&standby).not_writable.as_deref(), Some("the server is a standby, which is in recovery"));

    // Its receiver sleeps while the primary goes on.
    let receiver = |signal: &str| {
        let mut connection = standby.connect("postgres");
        let rows = connection.texts("SELECT pid FROM pg_stat_wal_receiver").unwrap();
        run(Command::new("kill").args([signal, rows[0][0].as_deref().unwrap()]));
    };
    receiver("-STOP");
    primary.sql("postgres", "CREATE TABLE filler AS SELECT g, repeat('x', 500) FROM generate_series(1, 4000) g");
    let behind = health(&primary).uncommitted.unwrap();
    assert!(behind.starts_with("standby one is ") && behind.ends_with("MiB behind"), "{behind}");
    receiver("-CONT");
    assert_eq!(health(&primary).uncommitted, None);

    standby.control("stop");
    let gone = health(&primary).nodes_not_ready;
    assert_eq!(gone, ["the standby of replication slot one, which is not connected"]);
    primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'one'");
    primary.sql("postgres", "SELECT pg_reload_conf()");
    let gone = health(&primary).nodes_not_ready;
    assert!(gone[1].starts_with("the standbys that commits wait for (one)"), "{gone:?}");
}

/// The folder of real dumps beside the repository, where it is.
fn real() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let places = [repository.join("../shared/data/pg"), repository.join("../../shared/data/pg")];
    places.into_iter().find(|place| place.is_dir())
}

#[test]
fn real_databases_are_named_as_their_dumps_name_them() {
    let Some(real) = real() else { return };
    let server = LocalServer::start("wal_level = logical");
    server.sql("postgres", "CREATE DATABASE torture");
    for script in ["torture", "torture_14plus", "torture_15plus"] {
        let file = real.join(format!("sources/{script}.sql"));
        run(server.tool("psql").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "torture", "-f"]).arg(file));
    }
    let (missing, unlisted) = compare(&server, "torture");
    assert_eq!(missing, ["SEQUENCE t alltypes_id_seq postgres", "SEQUENCE t gen_id_seq postgres"]);
    assert_eq!(unlisted, Vec::<String>::new());
    server.sql("postgres", "CREATE DATABASE pagila");
    run(server.tool("pg_restore").args(["-d", "pagila"]).arg(real.join("archives/pagila/pagila.pg15.tar")));
    assert_eq!(compare(&server, "pagila"), (Vec::new(), Vec::new()));
}
