//! Roles, routines, views, graphs and documents.

use super::super::documents;
use super::server::{Server, rows, step};
use crate::catalog::ObjectName;
use crate::plan::Action;
use crate::target::definition::{Membership, Permission, Principal, Routine, Token};
use crate::target::{Counts, Unit, Work};

fn principal(login: bool, hash: Option<&str>, attributes: &str) -> Principal {
    Principal { login, password_hash: hash.map(Into::into), valid_until: None, attributes: attributes.into() }
}

/// What the switch will do: statements, or what takes them back in the opposite order.
fn deferred(server: &Server, undo: bool) {
    let mut connection = server.connect("d");
    let select = if undo {
        "SELECT undo FROM reinstate.deferred ORDER BY id DESC"
    } else {
        "SELECT statements FROM reinstate.deferred ORDER BY id"
    };
    for statements in rows(&mut connection, select) {
        connection.batch(&statements).unwrap_or_else(|fault| panic!("{statements}: {fault:?}"));
    }
}

#[test]
fn roles_are_made_in_the_switch_and_an_undo_takes_them_back() {
    let Some(server) = Server::start() else { return };
    server.database("d");
    let mut connection = server.connect("d");
    connection
        .batch(
            "CREATE TABLE t (a int, b int); CREATE ROLE readers; CREATE ROLE old CREATEDB PASSWORD 'x' VALID UNTIL '2030-01-01';
             ALTER ROLE old SET search_path TO \"$user\", \"Odd\"",
        )
        .unwrap();
    let before = "SELECT rolname, rolcanlogin, rolcreatedb, rolpassword, rolvaliduntil,
        (SELECT setconfig FROM pg_db_role_setting WHERE setrole = r.oid)
        FROM pg_authid r WHERE rolname !~ '^pg_' ORDER BY 1";
    let state = rows(&mut connection, before);
    let hash = "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let on = |name: &str| Some(ObjectName::new("table", Some("public"), name));
    let permission = |privilege: &str, on| Permission { privilege: privilege.into(), on, grantable: false };
    for (id, name) in [(1, "ann"), (2, "old"), (3, "postgres")] {
        let mut work = server.work("d", &step(id, "user", None, name), Unit::Whole, "postgresql");
        work.create_principal(principal(true, Some(hash), r#"{"quota": 5, "createrole": true}"#)).unwrap();
        work.add_memberships(vec![Membership { role: "readers".into(), admin: true }]).unwrap();
        work.add_permissions(vec![permission("SELECT (b)", on("t")), permission("admin", None)]).unwrap();
        let token = Token { id: "k".into(), hash: "h".into(), description: String::new(), expires: None };
        work.add_tokens(vec![token]).unwrap();
        let summary = work.principal_summary().unwrap().unwrap();
        assert_eq!((summary.memberships, summary.permissions, summary.tokens), (1, 2, 1));
        work.commit(Counts::default()).unwrap();
    }
    assert_eq!(rows(&mut connection, before), state, "nothing is seen before the switch");
    deferred(&server, false);
    assert_eq!(rows(&mut connection, before)[0], format!("ann|t|f|{hash}|∅|∅"));
    assert_eq!(rows(&mut connection, before)[1], format!("old|t|f|{hash}|infinity|∅"));
    assert_eq!(
        rows(&mut connection, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'postgres'"),
        ["t|t"]
    );
    assert_eq!(rows(&mut connection, "SELECT has_column_privilege('ann', 't', 'b', 'SELECT')"), ["t"]);
    documents::switch(&mut connection, 1, &[1, 2, 3].map(|id| step(id, "user", None, "x"))).unwrap();
    assert_eq!(rows(&mut connection, "SELECT principal, hash FROM reinstate.token ORDER BY 1").len(), 3);
    connection.batch("CREATE TABLE of_ann (a int); ALTER TABLE of_ann OWNER TO ann").unwrap();
    deferred(&server, true);
    assert_eq!(rows(&mut connection, before), state);
    assert_eq!(rows(&mut connection, "SELECT count(*) FROM of_ann"), ["0"], "what a role made since stays");
}

#[test]
fn a_hash_that_postgresql_does_not_know_is_no_password() {
    let Some(server) = Server::start() else { return };
    server.database("d");
    let mut work = server.work("d", &step(1, "user", None, "ann"), Unit::Whole, "postgresql");
    work.create_principal(principal(true, Some("sha1$abc"), "{}")).unwrap();
    work.commit(Counts::default()).unwrap();
    deferred(&server, false);
    assert_eq!(rows(&mut server.connect("d"), "SELECT rolpassword FROM pg_authid WHERE rolname = 'ann'"), ["∅"]);
    for name in ["pg_x", "public", &"n".repeat(64)] {
        let mut work = server.work("d", &step(2, "user", None, name), Unit::Whole, "postgresql");
        assert!(work.create_principal(principal(true, None, "{}")).is_err(), "{name}");
    }
}

fn routine(language: &str, definition: &str) -> Routine {
    Routine {
        language: language.into(),
        definition: definition.into(),
        environment: None,
        attributes: "{\"public\":false}".into(),
    }
}

#[test]
fn routines_run_where_the_server_has_their_language_and_are_documents_elsewhere() {
    let Some(server) = Server::start() else { return };
    server.database("d");
    let cases = [
        (
            "user_defined_function",
            "f(integer)",
            "sql",
            "CREATE OR REPLACE FUNCTION other.f(integer) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT $1; END",
            true,
        ),
        (
            "stored_procedure",
            "p",
            "plpgsql",
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM nothing_yet(); END $$;",
            true,
        ),
        ("type", "mood", "sql", "CREATE TYPE public.mood AS ENUM ('a;', 'b')", true),
        ("sequence", "seq", "sql", "CREATE SEQUENCE seq; ALTER SEQUENCE public.seq RESTART WITH 41", true),
        (
            "materialized_view",
            "mv",
            "sql",
            "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a; CREATE UNIQUE INDEX i ON mv (a)",
            true,
        ),
        ("user_defined_function", "py", "python", "CREATE FUNCTION py() ...", false),
        ("user_defined_function", "source", "sql", "SELECT 1", false),
        ("function_environment", "env", "python", "", false),
    ];
    let mut live = 0;
    for (id, (kind, name, language, definition, real)) in cases.into_iter().enumerate() {
        let mut work = server.work("d", &step(id as u32, kind, Some("public"), name), Unit::Whole, "postgresql");
        let given = routine(language, definition);
        work.create_routine(given.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(work.routine().unwrap().unwrap(), given);
        work.commit(Counts::default()).unwrap();
        live += usize::from(!real);
    }
    let mut connection = server.connect("d");
    assert_eq!(rows(&mut connection, "SELECT nextval('seq'), f(3), 'a;'::mood, (SELECT a FROM mv)"), ["41|3|a;|1"]);
    assert_eq!(rows(&mut connection, "SELECT proacl FROM pg_proc WHERE proname = 'f'"), ["{postgres=X/postgres}"]);
    let steps: Vec<_> = (0..8).map(|id| step(id, "x", None, "x")).collect();
    documents::switch(&mut connection, 1, &steps).unwrap();
    assert_eq!(documents::existing(&mut connection).unwrap().len(), live);
    for (kind, name, definition) in [
        ("user_defined_function", "f", "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        ("user_defined_function", "f", "CREATE TABLE f (a int)"),
        ("user_defined_function", "f", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP TABLE x"),
        ("sequence", "f", "CREATE SEQUENCE f; DROP SCHEMA reinstate"),
        ("sequence", "f", "CREATE SEQUENCE f; ALTER SEQUENCE other RESTART"),
    ] {
        let mut work = server.work("d", &step(9, kind, Some("public"), name), Unit::Whole, "postgresql");
        assert_eq!(work.create_routine(routine("sql", definition)).unwrap_err().code(), "target.bad_definition");
    }
}

#[test]
fn documents_are_switched_undone_and_discarded() {
    let Some(server) = Server::start() else { return };
    server.database("d");
    let put = |id: u32, text: &str| {
        let mut work = server.work("d", &step(id, "dashboard", Some("s"), "sales"), Unit::Whole, "postgresql");
        work.put_document("{}").unwrap();
        work.put_document(text).unwrap();
        assert_eq!(work.document().unwrap().as_deref(), Some(text));
        work.append_blob("b", bytes::Bytes::new()).unwrap();
        work.append_blob("b", bytes::Bytes::from_static(b"abc")).unwrap();
        assert_eq!((work.blob_size("b").unwrap(), work.blob_size("c").unwrap()), (Some(3), None));
        work.commit(Counts::default()).unwrap();
    };
    let mut connection = server.connect("d");
    let seen =
        "SELECT schema, contents -> 'document' ->> 'v' FROM reinstate.document WHERE state = 'live' ORDER BY 1, 2";
    put(1, r#"{"v": 1.0}"#);
    documents::switch(&mut connection, 1, &[step(1, "dashboard", Some("s"), "sales")]).unwrap();
    // A second job, which the units of this harness do not know of.
    put(2, r#"{"v": 2}"#);
    connection
        .batch("UPDATE reinstate.document SET job = 2 WHERE step = 2; UPDATE reinstate.blob SET job = 2 WHERE step = 2")
        .unwrap();
    let mut replace = step(2, "dashboard", Some("s"), "sales");
    replace.action = Action::Replace;
    documents::switch(&mut connection, 2, &[replace]).unwrap();
    assert_eq!(rows(&mut connection, seen), ["s|2"]);
    for expected in ["s|1.0", "s|2", "s|1.0", "s|2"] {
        documents::undo(&mut connection, 2).unwrap();
        assert_eq!(rows(&mut connection, seen), [expected]);
    }
    documents::discard(&mut connection, 2).unwrap();
    assert_eq!(rows(&mut connection, "SELECT count(*) FROM reinstate.document"), ["1"]);
    assert_eq!(rows(&mut connection, "SELECT DISTINCT job FROM reinstate.blob"), ["2"]);
    // Moved aside, and back.
    put(3, r#"{"v": 3}"#);
    let mut rename = step(3, "dashboard", Some("s"), "sales");
    (rename.action, rename.aside) = (Action::Rename, Some(ObjectName::new("dashboard", Some("aside"), "sales")));
    documents::switch(&mut connection, 1, &[rename]).unwrap();
    assert_eq!(rows(&mut connection, seen), ["aside|2", "s|3"]);
    documents::undo(&mut connection, 1).unwrap();
    assert_eq!(rows(&mut connection, seen), ["s|2"]);
    put(4, "{}");
    documents::abort(&mut connection, 1).unwrap();
    assert_eq!(rows(&mut connection, "SELECT DISTINCT state FROM reinstate.document ORDER BY 1"), ["live", "undone"]);
    let mut work = server.work("d", &step(5, "dashboard", Some("s"), "x"), Unit::Whole, "postgresql");
    assert_eq!(work.put_document("{").unwrap_err().code(), "target.bad_definition");
    assert_eq!(work.put_document(r#"{"a": "\u0000"}"#).unwrap_err().code(), "target.bad_value");
}

#[test]
fn a_view_is_one_query() {
    let Some(server) = Server::start() else { return };
    server.database("d");
    let view = step(1, "view", Some("public"), "v");
    let mut work = server.work("d", &view, Unit::Whole, "postgresql");
    work.create_view(&["x".into()], "SELECT 1 AS a -- end").unwrap();
    assert_eq!(work.summarize("").unwrap().columns, ["x"]);
    work.commit(Counts::default()).unwrap();
    for query in ["SELECT 1; SELECT 2", "DELETE FROM t", "SELECT 1)", ""] {
        let mut work = server.work("d", &view, Unit::Whole, "postgresql");
        assert_eq!(work.create_view(&[], query).unwrap_err().code(), "target.bad_definition", "{query}");
    }
}
