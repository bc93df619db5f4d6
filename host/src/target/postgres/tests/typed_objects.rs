//! Roles, routines, views, graphs and documents.

use super::Place;
use super::typed::{begin, create};
use crate::catalog::ObjectName;
use crate::plan::Action;
use crate::target::definition::{Membership, Permission, Principal, Routine, Token};
use crate::target::{Counts, Target, Unit};

fn principal(login: bool, hash: Option<&str>, attributes: &str) -> Principal {
    Principal { login, password_hash: hash.map(Into::into), valid_until: None, attributes: attributes.into() }
}

#[test]
fn roles_are_made_in_the_switch_and_an_undo_takes_them_back() {
    // Roles are the server's: nobody else's may have these names.
    let place = Place::with(
        "CREATE TABLE t (a int, b int); CREATE ROLE typed_readers; CREATE ROLE typed_old CREATEDB PASSWORD 'x' VALID UNTIL '2030-01-01';
         ALTER ROLE typed_old SET search_path TO \"$user\", \"Odd\"",
    );
    let before = "SELECT rolname, rolcanlogin, rolcreatedb, rolpassword, rolvaliduntil,
        (SELECT setconfig FROM pg_db_role_setting WHERE setrole = r.oid)
        FROM pg_authid r WHERE rolname ~ '^typed_(ann|old)$|^postgres$' ORDER BY 1";
    let state = place.rows(before);
    let hash = "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let on = |name: &str| Some(ObjectName::new("table", Some("public"), name));
    let permission = |privilege: &str, on| Permission { privilege: privilege.into(), on, grantable: false };
    let names = ["typed_ann", "typed_old", "postgres"];
    let mut steps: Vec<_> = (1..).zip(names).map(|(id, name)| create(id, "user", None, name)).collect();
    (steps[1].action, steps[2].action) = (Action::Replace, Action::Replace);
    let begun = begin(&place, "postgresql", &steps);
    for at in 0..names.len() {
        let mut work = begun.step(at, Unit::Whole);
        work.create_principal(principal(true, Some(hash), r#"{"quota": 5}"#)).unwrap();
        work.add_memberships(vec![Membership { role: "typed_readers".into(), admin: true }]).unwrap();
        work.add_permissions(vec![permission("SELECT (b)", on("t")), permission("admin", None)]).unwrap();
        let token = Token { id: "k".into(), hash: "h".into(), description: String::new(), expires: None };
        work.add_tokens(vec![token]).unwrap();
        let summary = work.principal_summary().unwrap().unwrap();
        assert_eq!((summary.memberships, summary.permissions, summary.tokens), (1, 2, 1));
        work.commit(Counts::default()).unwrap();
    }
    assert_eq!(place.rows(before), state, "nothing is seen before the switch");
    let job = begun.switch();
    assert_eq!(place.rows(before)[1], format!("typed_ann|t|f|{hash}|NULL|NULL"));
    assert_eq!(place.rows(before)[2], format!("typed_old|t|f|{hash}|infinity|NULL"));
    assert_eq!(place.rows(before)[0], state[0], "the role that restores is not altered");
    assert_eq!(place.rows("SELECT has_column_privilege('typed_ann', 't', 'b', 'SELECT')"), ["t"]);
    assert_eq!(place.rows("SELECT principal, hash FROM reinstate.token ORDER BY 1").len(), 3);
    place.sql("CREATE TABLE of_ann (a int); ALTER TABLE of_ann OWNER TO typed_ann");
    place.target().undo(&job).unwrap();
    assert_eq!(place.rows(before), state);
    assert_eq!(place.rows("SELECT count(*) FROM of_ann"), ["0"], "what a role made since stays");
    place.target().undo(&job).unwrap();
    assert_eq!(place.rows(before)[1], format!("typed_ann|t|f|{hash}|NULL|NULL"));
    place.target().undo(&job).unwrap();
    place.sql("REVOKE typed_readers FROM postgres; DROP ROLE typed_readers, typed_old");
}

#[test]
fn a_role_that_would_be_more_than_it_may_is_refused() {
    let place = Place::with("");
    for (name, hash, attributes, code) in [
        ("pg_x", None, "{}", "target.bad_definition"),
        ("public", None, "{}", "target.bad_definition"),
        (&*"n".repeat(64), None, "{}", "target.bad_definition"),
        ("typed_super", None, r#"{"superuser": true}"#, "sql.not_allowed"),
        ("typed_sha", Some("sha1$abc"), "{}", ""),
    ] {
        let begun = begin(&place, "postgresql", &[create(1, "user", None, name)]);
        let mut work = begun.open(Unit::Whole);
        let made = work.create_principal(principal(true, hash, attributes));
        assert_eq!(made.err().map(|error| error.code().to_owned()).unwrap_or_default(), code, "{name}");
        drop(work);
        begun.stage.fail("{}").unwrap();
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
    let place = Place::with("CREATE SCHEMA other");
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
    let steps: Vec<_> =
        (1..).zip(&cases).map(|(id, (kind, name, ..))| create(id, kind, Some("public"), name)).collect();
    let begun = begin(&place, "postgresql", &steps);
    for (at, (_, name, language, definition, _)) in cases.iter().enumerate() {
        let mut work = begun.step(at, Unit::Whole);
        let given = routine(language, definition);
        work.create_routine(given.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(work.routine().unwrap().unwrap(), given);
        work.commit(Counts::default()).unwrap();
    }
    begun.switch();
    assert_eq!(place.rows("SELECT nextval('seq'), f(3), 'a;'::mood, (SELECT a FROM mv)"), ["41|3|a;|1"]);
    assert_eq!(place.rows("SELECT proacl FROM pg_proc WHERE proname = 'f'"), ["{postgres=X/postgres}"]);
    let documents: Vec<&str> = cases.iter().filter(|case| !case.4).map(|case| case.1).collect();
    let objects = place.target().inspect().unwrap().objects;
    for name in documents {
        assert!(objects.keys().any(|known| known.name == name), "{name}");
    }
    for (kind, name, definition, code) in [
        (
            "user_defined_function",
            "x",
            "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "target.bad_definition",
        ),
        ("user_defined_function", "x", "CREATE TABLE x (a int)", "target.bad_definition"),
        (
            "user_defined_function",
            "x",
            "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP TABLE y",
            "sql.not_allowed",
        ),
        ("sequence", "x", "CREATE SEQUENCE x; DROP SCHEMA reinstate", "target.bad_definition"),
        ("sequence", "x", "CREATE SEQUENCE x; ALTER SEQUENCE other RESTART", "target.bad_definition"),
        (
            "user_defined_function",
            "x",
            "CREATE FUNCTION x() RETURNS int LANGUAGE c AS 'libc', 'system'",
            "sql.not_allowed",
        ),
    ] {
        let begun = begin(&place, "postgresql", &[create(1, kind, Some("public"), name)]);
        let mut work = begun.open(Unit::Whole);
        let language = if definition.contains("LANGUAGE c") { "c" } else { "sql" };
        assert_eq!(work.create_routine(routine(language, definition)).unwrap_err().code(), code, "{definition}");
        drop(work);
        begun.stage.fail("{}").unwrap();
    }
}

#[test]
fn documents_are_switched_undone_and_discarded() {
    let place = Place::with("");
    let seen =
        "SELECT schema, contents -> 'document' ->> 'v' FROM reinstate.document WHERE state = 'live' ORDER BY 1, 2";
    let put = |action: Action, text: &str| {
        let mut made = create(1, "dashboard", Some("s"), "sales");
        made.action = action;
        if action == Action::Rename {
            made.aside = Some(ObjectName::new("dashboard", Some("aside"), "sales"));
        }
        let begun = begin(&place, "postgresql", &[made]);
        let mut work = begun.open(Unit::Whole);
        work.put_document("{}").unwrap();
        work.put_document(text).unwrap();
        assert_eq!(work.document().unwrap().as_deref(), Some(text));
        work.append_blob("b", bytes::Bytes::new()).unwrap();
        work.append_blob("b", bytes::Bytes::from_static(b"abc")).unwrap();
        assert_eq!((work.blob_size("b").unwrap(), work.blob_size("c").unwrap()), (Some(3), None));
        work.commit(Counts::default()).unwrap();
        begun
    };
    place.sql("CREATE SCHEMA s; CREATE SCHEMA aside");
    put(Action::Create, r#"{"v": 1.0}"#).switch();
    let second = put(Action::Replace, r#"{"v": 2}"#).switch();
    assert_eq!(place.rows(seen), ["s|2"]);
    for expected in ["s|1.0", "s|2", "s|1.0", "s|2"] {
        place.target().undo(&second).unwrap();
        assert_eq!(place.rows(seen), [expected]);
    }
    place.target().discard(&second).unwrap();
    assert_eq!(place.rows("SELECT count(*) FROM reinstate.document"), ["1"]);
    assert_eq!(place.rows("SELECT count(DISTINCT (job, step)) FROM reinstate.blob"), ["1"]);
    let third = put(Action::Rename, r#"{"v": 3}"#).switch();
    assert_eq!(place.rows(seen), ["aside|2", "s|3"]);
    place.target().undo(&third).unwrap();
    assert_eq!(place.rows(seen), ["s|2"]);
    let fourth = put(Action::Replace, "{}");
    fourth.stage.fail("{}").unwrap();
    assert_eq!(place.rows("SELECT DISTINCT state FROM reinstate.document ORDER BY 1"), ["live", "undone"]);
    let begun = begin(&place, "postgresql", &[create(1, "dashboard", Some("s"), "x")]);
    let mut work = begun.open(Unit::Whole);
    assert_eq!(work.put_document("{").unwrap_err().code(), "target.bad_definition");
    assert_eq!(work.put_document(r#"{"a": "\u0000"}"#).unwrap_err().code(), "target.bad_value");
}

#[test]
fn a_view_is_one_query() {
    let place = Place::with("");
    let begun = begin(&place, "postgresql", &[create(1, "view", Some("public"), "v")]);
    for query in ["SELECT 1; SELECT 2", "DELETE FROM t", "SELECT 1)", ""] {
        let mut work = begun.open(Unit::Whole);
        assert_eq!(work.create_view(&[], query).unwrap_err().code(), "target.bad_definition", "{query}");
    }
    let mut work = begun.open(Unit::Whole);
    work.create_view(&["x".into()], "SELECT 1 AS a -- end").unwrap();
    assert_eq!(work.summarize("").unwrap().columns, ["x"]);
    work.commit(Counts::default()).unwrap();
    begun.switch();
    assert_eq!(place.rows("SELECT x FROM v"), ["1"]);
}
