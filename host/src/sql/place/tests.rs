//! Cases of placing, and every statement of real dumps.

use super::*;
use crate::sql::samples;

/// `t` and `My Schema` go elsewhere; `t.moved` to a third schema.
struct Elsewhere;

impl Resolver for Elsewhere {
    fn knows(&self, schema: &str) -> bool {
        ["t", "My Schema", "same", "new"].contains(&schema)
    }

    fn object(&self, schema: &str, name: &str) -> String {
        match (schema, name) {
            ("t", "moved" | "===" | "*") => "m m".to_owned(),
            ("same", _) => "same".to_owned(),
            _ => format!("{schema}2"),
        }
    }

    fn schema(&self, schema: &str) -> String {
        format!("{schema}3")
    }
}

struct Identity;

impl Resolver for Identity {
    fn knows(&self, _: &str) -> bool {
        true
    }

    fn object(&self, schema: &str, _: &str) -> String {
        schema.to_owned()
    }

    fn schema(&self, schema: &str) -> String {
        schema.to_owned()
    }
}

/// `«t»` in the expectation is `t`'s place for objects, `‹t›` for the schema itself.
fn check(cases: &[(&str, &str)]) {
    for (statement, expected) in cases {
        let expected = expected.replace("«t»", "\"t2\"").replace("‹t›", "\"t3\"");
        let expected = if expected == "=" { (*statement).to_owned() } else { expected };
        assert_eq!(place(statement, &Elsewhere).unwrap(), expected, "{statement}");
    }
}

#[test]
fn qualified_names_are_placed() {
    check(&[
        (
            "CREATE TABLE t.a (x T . mood[], y \"t\".\"Mood\" DEFAULT t.f(1))",
            "CREATE TABLE «t».a (x «t» . mood[], y «t».\"Mood\" DEFAULT «t».f(1))",
        ),
        ("CREATE TABLE t.moved ()", "CREATE TABLE \"m m\".moved ()"),
        ("CREATE TABLE \"My Schema\".\"a.b\" (\"t.x\" int)", "CREATE TABLE \"My Schema2\".\"a.b\" (\"t.x\" int)"),
        ("CREATE TABLE U&\"\\0074\".a ()", "CREATE TABLE «t».a ()"),
        ("COMMENT ON COLUMN t.a.x IS 't.a'", "COMMENT ON COLUMN «t».a.x IS 't.a'"),
        ("ALTER SEQUENCE t.s OWNED BY t.a.id", "ALTER SEQUENCE «t».s OWNED BY «t».a.id"),
        (
            "ALTER TABLE ONLY t.b ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES t.moved(id)",
            "ALTER TABLE ONLY «t».b ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES \"m m\".moved(id)",
        ),
        (
            "CREATE TRIGGER x AFTER INSERT ON t.a FOR EACH ROW WHEN (new.x > 1) EXECUTE FUNCTION t.g('t.a')",
            "CREATE TRIGGER x AFTER INSERT ON «t».a FOR EACH ROW WHEN (new.x > 1) EXECUTE FUNCTION «t».g('t.a')",
        ),
        (
            "CREATE OPERATOR t.=== (FUNCTION = t.eq, COMMUTATOR = OPERATOR(t.===))",
            "CREATE OPERATOR \"m m\".=== (FUNCTION = «t».eq, COMMUTATOR = OPERATOR(\"m m\".===))",
        ),
        ("SELECT a OPERATOR(t.*) b", "SELECT a OPERATOR(\"m m\".*) b"),
        ("SELECT a OPERATOR(t.+) b", "SELECT a OPERATOR(«t».+) b"),
        (
            "ALTER OPERATOR FAMILY t.o USING btree ADD OPERATOR 1 t.<(t.x,t.x) , FUNCTION 1 (t.x, t.x) t.cmp(t.x,t.x)",
            "ALTER OPERATOR FAMILY «t».o USING btree ADD OPERATOR 1 «t».<(«t».x,«t».x) , FUNCTION 1 («t».x, «t».x) «t».cmp(«t».x,«t».x)",
        ),
        ("GRANT SELECT ON TABLE t.a TO t", "GRANT SELECT ON TABLE «t».a TO t"),
        (
            "CREATE FUNCTION t.f(a t.x DEFAULT 't.y') RETURNS SETOF t.a LANGUAGE sql AS $$ SELECT * FROM t.a $$",
            "CREATE FUNCTION «t».f(a «t».x DEFAULT 't.y') RETURNS SETOF «t».a LANGUAGE sql AS $$ SELECT * FROM t.a $$",
        ),
        (
            "CREATE FUNCTION t.f() RETURNS int BEGIN ATOMIC SELECT x FROM t.a; SELECT t.f(1); END",
            "CREATE FUNCTION «t».f() RETURNS int BEGIN ATOMIC SELECT x FROM «t».a; SELECT «t».f(1); END",
        ),
        (
            "CREATE INDEX i ON t.a USING gin (x t.ops, ((y)::t.z) COLLATE t.c)",
            "CREATE INDEX i ON «t».a USING gin (x «t».ops, ((y)::«t».z) COLLATE «t».c)",
        ),
        ("CREATE TABLE t.a (); CREATE TABLE t.b ();\n", "CREATE TABLE «t».a (); CREATE TABLE «t».b ();\n"),
        ("CREATE TABLE/* t.a */t.b () -- t.c", "CREATE TABLE/* t.a */«t».b () -- t.c"),
        ("CREATE VIEW other.v AS SELECT pg_catalog.now() FROM same.a", "="),
    ]);
}

#[test]
fn schemas_themselves_are_placed() {
    check(&[
        ("CREATE SCHEMA t", "CREATE SCHEMA ‹t›"),
        (
            "CREATE SCHEMA IF NOT EXISTS \"My Schema\" AUTHORIZATION t",
            "CREATE SCHEMA IF NOT EXISTS \"My Schema3\" AUTHORIZATION t",
        ),
        ("ALTER SCHEMA t OWNER TO t", "ALTER SCHEMA ‹t› OWNER TO t"),
        ("COMMENT ON SCHEMA t IS 't'", "COMMENT ON SCHEMA ‹t› IS 't'"),
        ("GRANT USAGE ON SCHEMA t, x, T TO t", "GRANT USAGE ON SCHEMA ‹t›, x, ‹t› TO t"),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE t IN SCHEMA t GRANT SELECT ON TABLES TO t",
            "ALTER DEFAULT PRIVILEGES FOR ROLE t IN SCHEMA ‹t› GRANT SELECT ON TABLES TO t",
        ),
        (
            "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA t",
            "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA ‹t›",
        ),
        ("CREATE EXTENSION hstore SCHEMA t", "CREATE EXTENSION hstore SCHEMA ‹t›"),
        (
            "ALTER PUBLICATION p ADD TABLES IN SCHEMA t, \"My Schema\", TABLE t.a",
            "ALTER PUBLICATION p ADD TABLES IN SCHEMA ‹t›, \"My Schema3\", TABLE «t».a",
        ),
        ("ALTER TABLE t.a SET SCHEMA t", "ALTER TABLE «t».a SET SCHEMA ‹t›"),
        ("CREATE TABLE x.a (schema t)", "="),
        (
            "ALTER FUNCTION t.f() SET search_path TO 't', 'pg_temp', t",
            "ALTER FUNCTION «t».f() SET search_path TO 't3', 'pg_temp', ‹t›",
        ),
        (
            "CREATE FUNCTION t.f() RETURNS int LANGUAGE sql SET search_path = t, x AS 't'",
            "CREATE FUNCTION «t».f() RETURNS int LANGUAGE sql SET search_path = ‹t›, x AS 't'",
        ),
        ("CREATE FUNCTION x.f() RETURNS int LANGUAGE sql SET t.setting TO 'x' AS 't'", "="),
        ("ALTER TABLE x.a SET (t.fillfactor = 1)", "="),
        ("CREATE TABLE x.a () WITH (fillfactor='50', t.autovacuum_enabled='true')", "="),
    ]);
}

#[test]
fn literals_that_are_names_are_placed() {
    check(&[
        (
            "ALTER TABLE ONLY t.a ALTER COLUMN i SET DEFAULT nextval('t.s'::regclass)",
            "ALTER TABLE ONLY «t».a ALTER COLUMN i SET DEFAULT nextval('\"t2\".s'::regclass)",
        ),
        ("SELECT pg_catalog.setval('t.moved', 1, true)", "SELECT pg_catalog.setval('\"m m\".moved', 1, true)"),
        (
            "SELECT pg_catalog.setval(E'\"My Schema\".\"Seq \\\\ ''1\"', 1)",
            "SELECT pg_catalog.setval('\"My Schema2\".\"Seq \\ ''1\"', 1)",
        ),
        ("SELECT nextval(('t.s'::text)::regclass)", "SELECT nextval(('\"t2\".s'::text)::regclass)"),
        ("SELECT ('t.s'::text)::pg_catalog.regclass", "SELECT ('\"t2\".s'::text)::pg_catalog.regclass"),
        (
            "SELECT CAST('t.x[]' AS regtype), regclass 't.s'",
            "SELECT CAST('\"t2\".x[]' AS regtype), regclass '\"t2\".s'",
        ),
        ("SELECT 't.f(t.x,integer)'::regprocedure", "SELECT '\"t2\".f(\"t2\".x,integer)'::regprocedure"),
        ("SELECT 't.===(t.x,t.x)'::regoperator", "SELECT '\"m m\".===(\"t2\".x,\"t2\".x)'::regoperator"),
        ("SELECT 't'::regnamespace, 'x'::regnamespace", "SELECT '\"t3\"'::regnamespace, 'x'::regnamespace"),
        ("SELECT pg_get_serial_sequence('t.a', 'id')", "SELECT pg_get_serial_sequence('\"t2\".a', 'id')"),
        (
            "SELECT 't.s'::text, other.nextval('t.s'), 's'::regclass, 'pg_catalog.x'::regclass, 't.a b(c)'::t.regclass",
            "SELECT 't.s'::text, other.nextval('t.s'), 's'::regclass, 'pg_catalog.x'::regclass, 't.a b(c)'::«t».regclass",
        ),
        (
            "SELECT * FROM pg_catalog.pg_restore_relation_stats('version', '180006'::integer, 'schemaname', 't', 'relname', 'moved', 'relpages', '1'::integer)",
            "SELECT * FROM pg_catalog.pg_restore_relation_stats('version', '180006'::integer, 'schemaname', 'm m', 'relname', 'moved', 'relpages', '1'::integer)",
        ),
    ]);
}

#[test]
fn columns_of_tables_that_are_called_like_a_schema_stay() {
    check(&[
        (
            "CREATE VIEW t.v AS SELECT t.a, t.f(t.b), t.c::t.d FROM t.x t WHERE (t.e = 1)",
            "CREATE VIEW «t».v AS SELECT t.a, «t».f(t.b), t.c::«t».d FROM «t».x t WHERE (t.e = 1)",
        ),
        (
            "CREATE VIEW t.v AS SELECT t.a FROM (t.t JOIN same.u ON ((t.a = u.b)))",
            "CREATE VIEW «t».v AS SELECT t.a FROM («t».t JOIN same.u ON ((t.a = u.b)))",
        ),
        ("CREATE VIEW t.v AS SELECT t.x.a FROM t.x", "CREATE VIEW «t».v AS SELECT «t».x.a FROM «t».x"),
        (
            "CREATE VIEW t.v AS SELECT t.n FROM t.f(1) t(n), LATERAL t.g(t.n) z",
            "CREATE VIEW «t».v AS SELECT t.n FROM «t».f(1) t(n), LATERAL «t».g(t.n) z",
        ),
        (
            "CREATE VIEW t.v AS SELECT 1 FROM ( SELECT x.y FROM same.x) t WHERE (t.y IS DISTINCT FROM t.z)",
            "CREATE VIEW «t».v AS SELECT 1 FROM ( SELECT x.y FROM same.x) t WHERE (t.y IS DISTINCT FROM t.z)",
        ),
        (
            "CREATE VIEW t.v AS SELECT EXTRACT(year FROM t.ts) FROM same.x t",
            "CREATE VIEW «t».v AS SELECT EXTRACT(year FROM t.ts) FROM same.x t",
        ),
        (
            "CREATE RULE r AS ON UPDATE TO t.v DO INSTEAD UPDATE t.a SET x = new.x WHERE (a.y = old.y)",
            "CREATE RULE r AS ON UPDATE TO «t».v DO INSTEAD UPDATE «t».a SET x = new.x WHERE (a.y = old.y)",
        ),
        (
            "CREATE POLICY p ON t.t USING ((EXISTS ( SELECT 1 FROM t.b WHERE (b.x = t.y))))",
            "CREATE POLICY p ON «t».t USING ((EXISTS ( SELECT 1 FROM «t».b WHERE (b.x = t.y))))",
        ),
        (
            "CREATE TABLE t.t (a t.x, CONSTRAINT c CHECK (t.f(a) AND (a > 0)))",
            "CREATE TABLE «t».t (a «t».x, CONSTRAINT c CHECK («t».f(a) AND (a > 0)))",
        ),
        (
            "CREATE VIEW t.v AS WITH t AS ( SELECT 1 AS a) SELECT t.a FROM t",
            "CREATE VIEW «t».v AS WITH t AS ( SELECT 1 AS a) SELECT t.a FROM t",
        ),
        ("SELECT (x).t.a, y[1].t.b", "="),
    ]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    for text in ["CREATE TABLE 't", "a)", "SELECT U&\"d!0061t\" UESCAPE '!'", "1x"] {
        assert!(place(text, &Elsewhere).is_err(), "{text}");
    }
}

#[test]
fn hostile_statements_take_linear_time() {
    let pieces =
        ["(t.a=", "t.a.", "OPERATOR(t.", "'t.a'::", "nextval(", "FROM t.a,", "SELECT(", "pg_restore_relation_stats("];
    for piece in pieces {
        let _ = place(&piece.repeat(50_000), &Elsewhere);
        let closed = format!("{}{}", piece.repeat(20_000), ")".repeat(20_000));
        let _ = place(&closed, &Elsewhere);
    }
}

#[test]
fn statements_of_real_dumps_stay_as_they_are() {
    for (archive, script) in samples::scripts() {
        assert_eq!(place(&script, &Identity).unwrap(), script, "{archive}");
        for statement in crate::sql::split(&script).unwrap() {
            assert_eq!(place(statement, &Identity).unwrap(), statement, "{archive}");
        }
    }
}
