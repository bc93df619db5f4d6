//! What reaches outside is found however it is written; what archives are made of is not.

use std::path::Path;

use super::*;
use crate::sql::samples;

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = examine(text).into_iter().map(|reach| reach.code).collect();
    codes.dedup();
    codes
}

#[test]
fn the_table_is_sorted_and_holds_every_code() {
    assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(CODES.iter().all(|(code, meaning)| code.starts_with("sql.") && !meaning.ends_with('.')));
}

#[test]
fn what_reaches_outside_is_found() {
    let cases: &[(&str, &str)] = &[
        ("sql.alter_system", "ALTER SYSTEM SET archive_command = 'rm'"),
        ("sql.alter_system", "alter/**/system\nRESET ALL"),
        ("sql.alter_system", "CREATE VIEW v AS SELECT \"pg_reload_conf\"()"),
        ("sql.alter_system", "GRANT ALTER SYSTEM ON PARAMETER work_mem TO x"),
        ("sql.program", "COPY t FROM PROGRAM 'id'"),
        ("sql.program", "COPY/**/t(a)\nfrom--x\nprogram $$id$$"),
        ("sql.program", "COPY (SELECT 1) TO PROGRAM E'id'"),
        ("sql.program", "CREATE FOREIGN TABLE t (a text) SERVER s OPTIONS (\"program\" 'id')"),
        (
            "sql.program",
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY t FROM PROGRAM 'id'; END $$",
        ),
        ("sql.server_file", "COPY t FROM '/etc/passwd'"),
        ("sql.server_file", "COPY t TO E'/tmp/x' WITH (FORMAT csv)"),
        ("sql.server_file", "COPY t FROM $1"),
        ("sql.server_file", "CREATE VIEW v AS SELECT pg_catalog . PG_READ_FILE('/etc/passwd')"),
        ("sql.server_file", "CREATE VIEW v AS SELECT U&\"pg\\005fread_file\"('/etc/passwd')"),
        ("sql.server_file", "SELECT pg_catalog.lo_import('/etc/passwd')"),
        ("sql.server_file", "CREATE OPERATOR + (LEFTARG = oid, RIGHTARG = text, FUNCTION = lo_export)"),
        ("sql.server_file", "LOAD '/tmp/x.so'"),
        ("sql.server_file", "CREATE TABLESPACE s LOCATION '/tmp'"),
        ("sql.server_file", "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b"),
        ("sql.server_file", "CREATE FOREIGN TABLE t (a text) SERVER s OPTIONS (filename '/etc/passwd')"),
        ("sql.untrusted_language", "CREATE FUNCTION f() RETURNS int AS 'x', 'y' LANGUAGE c"),
        ("sql.untrusted_language", "CREATE FUNCTION f() RETURNS int LANGUAGE 'C' AS 'x'"),
        ("sql.untrusted_language", "CREATE FUNCTION f() RETURNS int LANGUAGE E'\\x63' AS 'x'"),
        ("sql.untrusted_language", "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE \"internal\" AS 'x'"),
        ("sql.untrusted_language", "CREATE PROCEDURE f() LANGUAGE plpython3u AS 'x'"),
        ("sql.untrusted_language", "CREATE TRUSTED PROCEDURAL LANGUAGE plperl HANDLER evil"),
        ("sql.untrusted_language", "CREATE LANGUAGE plperlu"),
        ("sql.superuser_role", "CREATE ROLE r SUPERUSER"),
        ("sql.superuser_role", "ALTER ROLE r WITH LOGIN \"superuser\""),
        ("sql.superuser_role", "CREATE USER r WITH BYPASSRLS"),
        ("sql.superuser_role", "ALTER ROLE r REPLICATION"),
        ("sql.superuser_role", "CREATE ROLE r IN ROLE pg_execute_server_program"),
        ("sql.superuser_role", "GRANT \"pg_read_server_files\" TO r"),
        ("sql.superuser_role", "GRANT a, pg_write_server_files TO r WITH ADMIN OPTION"),
        ("sql.superuser_role", "GRANT postgres TO r"),
        ("sql.superuser_role", "ALTER ROLE r SET session_preload_libraries TO 'x'"),
        ("sql.superuser_role", "GRANT SET ON PARAMETER log_min_messages TO r"),
        ("sql.event_trigger", "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()"),
        ("sql.security_definer", "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY/**/DEFINER AS 'SELECT 1'"),
        ("sql.security_definer", "ALTER FUNCTION f() EXTERNAL SECURITY DEFINER"),
        ("sql.anonymous_code", "DO 'BEGIN END'"),
        ("sql.anonymous_code", "CREATE VIEW v AS SELECT query_to_xml('SELECT 1', true, true, '')"),
        ("sql.session", "SET ROLE x"),
        ("sql.session", "SET SESSION AUTHORIZATION x"),
        ("sql.session", "SET SESSION ROLE x"),
        ("sql.session", "SET LOCAL statement_timeout = 1"),
        ("sql.session", "SET standard_conforming_strings = off"),
        ("sql.session", "SET \"Standard_Conforming_Strings\" TO 'off'"),
        ("sql.session", "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false)"),
        ("sql.session", "SELECT pg_catalog.set_config(E'standard\\x5fconforming_strings', $$off$$, false)"),
        ("sql.session", "SET search_path = evil, pg_catalog"),
        ("sql.session", "SET TRANSACTION READ ONLY"),
        ("sql.session", "RESET ALL"),
        ("sql.session", "BEGIN"),
        ("sql.session", "PREPARE TRANSACTION 'x'"),
        ("sql.session", "LISTEN x"),
        ("sql.session", "\\restrict x"),
        ("sql.session", "CREATE TABLE a ()\n\\! id"),
        ("sql.foreign_server", "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw"),
        ("sql.foreign_server", "CREATE USER MAPPING FOR x SERVER s"),
        ("sql.foreign_server", "CREATE FOREIGN DATA WRAPPER w"),
        ("sql.foreign_server", "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p"),
        ("sql.foreign_server", "IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b"),
        ("sql.extension_untrusted", "CREATE EXTENSION IF NOT EXISTS \"file_fdw\" WITH SCHEMA public"),
        ("sql.other_database", "CREATE DATABASE x"),
        ("sql.other_database", "ALTER DATABASE x SET a = 1"),
        ("sql.other_database", "DROP DATABASE x"),
        ("sql.other_database", "GRANT ALL ON DATABASE x TO y"),
        ("sql.unknown", "CALL f()"),
        ("sql.unknown", "VACUUM"),
        ("sql.unknown", "DROP SCHEMA public CASCADE"),
        ("sql.unknown", "DELETE FROM t"),
        ("sql.unknown", "WITH x AS (SELECT 1) SELECT * FROM x"),
        ("sql.unknown", "SELECT f()"),
        ("sql.unknown", "SELECT setval('s', 1)"),
        ("sql.unknown", "SELECT pg_catalog.setval('s', f())"),
        ("sql.unknown", "SELECT pg_catalog.setval('s', 1), evil()"),
        ("sql.unknown", "SELECT pg_catalog.setval('s', 1) FROM (SELECT evil())"),
        ("sql.unknown", "INSERT INTO t SELECT 1"),
        ("sql.unknown", "INSERT INTO t VALUES (evil())"),
        ("sql.unknown", "INSERT INTO t VALUES ((SELECT 1))"),
        ("sql.unknown", "INSERT INTO t VALUES (1) RETURNING evil()"),
        ("sql.unknown", "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = evil()"),
        ("sql.unknown", "CREATE TABLE t AS SELECT evil()"),
        ("sql.unknown", "CREATE TABLE t AS (SELECT evil())"),
        ("sql.unknown", "CREATE SCHEMA s CREATE VIEW v AS SELECT 1"),
        ("sql.unknown", "COPY t FROM stdin"),
        ("sql.unknown", "CREATE VIEW v AS SELECT U&\"d!0061\" UESCAPE '!' ()"),
        ("sql.unknown", "SELECT 'never ends"),
        ("sql.unknown", "SELECT (1"),
        ("sql.unknown", "\"create\" TABLE x ()"),
        ("sql.unknown", "1"),
    ];
    for (code, text) in cases {
        assert!(codes(text).contains(code), "{text}: {:?}", examine(text));
        assert!(CODES.iter().any(|(known, _)| known == code), "{code}");
    }
}

#[test]
fn nothing_hides_behind_a_harmless_statement() {
    let bad = "ALTER SYSTEM SET a = 1";
    let before = [
        "SELECT 1 FROM begin atomic;",
        "CREATE TABLE a (b text DEFAULT '\\');",
        "CREATE TABLE a (b text DEFAULT E'a'\n'\\'');",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS case; END;",
        "CREATE TABLE a () -- comment\r;",
        "CREATE TABLE a () /* /* */ */;",
        "COMMENT ON TABLE a IS $a$ ; $b$ ; $a$;",
        "COMMENT ON TABLE a IS U&'\\005c';",
    ];
    for text in before {
        assert!(codes(&format!("{text} {bad}")).contains(&"sql.alter_system"), "{text}");
    }
}

#[test]
fn what_archives_are_made_of_is_harmless() {
    let cases = [
        "",
        "-- ALTER SYSTEM\n",
        "SET statement_timeout = 0; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET xmloption = content",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "SELECT pg_catalog.setval('public.s', 42, true); SELECT pg_catalog.lo_create('1')",
        "SELECT * FROM pg_catalog.pg_restore_attribute_stats('version', '180006'::integer, 'schemaname', 't', 'inherited', 'f'::boolean, 'null_frac', '-0.5'::real, 'x', '{a}'::pg_catalog.text[])",
        "INSERT INTO t.a (b, \"c d\") OVERRIDING SYSTEM VALUE VALUES (1, 'x'), (-2.5, NULL), (DEFAULT, B'01') ON CONFLICT DO NOTHING",
        "INSERT INTO t.a DEFAULT VALUES",
        "CREATE TABLE t (a int GENERATED ALWAYS AS (b * 2) STORED, program text, \"ALTER SYSTEM\" int)",
        "CREATE FUNCTION f(security definer) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
        "CREATE ROLE r; ALTER ROLE r WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3",
        "CREATE ROLE postgres",
        "ALTER ROLE r SET statement_timeout TO '5min'; GRANT a TO b; GRANT pg_monitor TO b",
        "GRANT SELECT ON TABLE t.a TO pg_database_owner; REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public; COMMENT ON EXTENSION hstore IS 'ALTER SYSTEM'",
        "CREATE UNIQUE INDEX i ON t USING btree (a); ALTER TABLE ONLY t ADD CONSTRAINT c UNIQUE (a); ALTER TABLE t CLUSTER ON i",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 WITH NO DATA; REFRESH MATERIALIZED VIEW m",
        "CREATE OR REPLACE PROCEDURAL LANGUAGE plpgsql",
        "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA t GRANT SELECT ON TABLES TO b",
        "CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()",
    ];
    for text in cases {
        assert_eq!(examine(text), [], "{text}");
    }
}

#[test]
fn what_was_created_may_be_dropped_again() {
    let made = "CREATE EXTENSION IF NOT EXISTS \"a b\" WITH SCHEMA t; CREATE OR REPLACE FUNCTION t.f(a int DEFAULT 1) RETURNS int LANGUAGE sql AS 'x';
        CREATE USER MAPPING FOR r SERVER s OPTIONS (a 'b'); CREATE CAST (t.a AS integer) WITH FUNCTION t.f(t.a);
        SELECT pg_catalog.lo_create('7'); CREATE EVENT TRIGGER e ON x EXECUTE FUNCTION f(); CREATE SCHEMA s";
    let cases = [
        ("DROP EXTENSION \"a b\";", true),
        ("DROP EXTENSION IF EXISTS \"a b\"; DROP SCHEMA S", true),
        ("DROP FUNCTION t.f(a integer)", true),
        ("DROP USER MAPPING IF EXISTS FOR r SERVER s", true),
        ("DROP CAST (t.a AS integer)", true),
        ("DROP EVENT TRIGGER e", true),
        ("SELECT pg_catalog.lo_unlink('7')", true),
        ("SELECT pg_catalog.lo_unlink(7)", true),
        ("SELECT pg_catalog.lo_unlink('8')", false),
        ("DROP EXTENSION \"a b\" CASCADE", false),
        ("DROP EXTENSION \"a b\", other", false),
        ("DROP EXTENSION other", false),
        ("DROP EXTENSION", false),
        ("DROP FUNCTION t.f(a integer), t.g(a integer)", false),
        ("DROP SCHEMA other", false),
        ("DROP SCHEMA s; DELETE FROM t", false),
        ("DROP", false),
        ("'", false),
    ];
    for (undo, allowed) in cases {
        assert_eq!(examine_undo(undo, made).is_empty(), allowed, "{undo}");
        assert!(!examine(undo).is_empty(), "{undo}");
    }
    assert!(!examine_undo("DROP SCHEMA s", "'").is_empty());
}

#[test]
fn messages_are_short_and_in_one_line() {
    let text = format!("CALL \"f\n{}\"()", "é".repeat(500));
    let [reach] = &examine(&text)[..] else { panic!("one is expected") };
    assert!(!reach.message.contains('\n') && reach.message.chars().count() < 200, "{}", reach.message);
}

#[test]
fn hostile_texts_take_linear_time() {
    for piece in ["GRANT a, ", "pg_read_file ", "COPY ", "CREATE ", "(", "ON ", "ROLE pg_x,", "$1 "] {
        let _ = examine(&piece.repeat(100_000));
        let _ = examine(&format!("GRANT {}", piece.repeat(100_000)));
        let _ = examine(&format!("CREATE FUNCTION f() AS $$ {} $$", piece.repeat(100_000)));
    }
}

#[test]
fn globals_of_real_servers_give_what_they_should() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/pg/archives");
    for version in [13, 15, 17, 18] {
        let Ok(text) = std::fs::read_to_string(root.join(format!("globals.pg{version}.sql"))) else { continue };
        let text = samples::without_commands(&text);
        let found = codes(&text);
        assert!(found.iter().all(|code| *code == "sql.superuser_role"), "{version}: {:?}", examine(&text));
    }
}

#[test]
fn real_dumps_reach_what_they_are_known_to() {
    // A wrapper, an event trigger, and routines with their owners' rights.
    let known = ["sql.event_trigger", "sql.foreign_server", "sql.security_definer"];
    for (archive, script) in samples::scripts() {
        let expected = match &archive {
            _ if archive.contains("torture") => &known[..],
            _ if archive.contains("pagila") => &known[2..],
            _ => &[],
        };
        assert!(codes(&script).iter().all(|code| expected.contains(code)), "{archive}: {:?}", examine(&script));
    }
}
