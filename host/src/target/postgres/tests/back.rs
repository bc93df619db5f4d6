//! There and back: a database is backed up, restored into another one, and backed up again. Both archives say the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::typed::create;
use super::{Place, finish, job, plan};
use crate::archive::{Archive, OpenOptions};
use crate::backup::Writer;
use crate::catalog::payload::Payload;
use crate::catalog::{Backup, Catalog, Object};
use crate::plan::StageKind;
use crate::source::Location;
use crate::target::definition::{Index, Principal, Routine, TableDefinition};
use crate::target::postgres::local_server::{LocalServer, run};
use crate::target::{Counts, Target, Unit, Work};

struct Exported {
    _folder: tempfile::TempDir,
    archive: Archive,
    catalog: Catalog,
}

fn exported(place: &Place) -> Exported {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.tar");
    let mut writer = Writer::create(&path, false).unwrap();
    let position = place.target().export(&mut writer).unwrap();
    assert!(position.as_ref().unwrap().contains('/'));
    let backup = Backup {
        name: "n".into(),
        id: "i".into(),
        created: "2024-01-01T00:00:00Z".into(),
        position,
        source: "postgres".into(),
        dialect: "postgresql".into(),
    };
    writer.finish(backup).unwrap();
    let archive = Archive::open(&Location::Path(path), &OpenOptions::default()).unwrap();
    let catalog = Catalog::read(&archive).unwrap();
    Exported { _folder: folder, archive, catalog }
}

fn attributes(object: &Object) -> Value {
    serde_json::from_str(object.attributes.get()).unwrap()
}

/// Members that the format lets be absent.
fn filled(mut value: Value, members: &[(&str, Value)]) -> Value {
    for (name, usual) in members {
        value.as_object_mut().unwrap().entry(*name).or_insert_with(|| usual.clone());
    }
    value
}

fn each(value: &mut Value, list: &str, members: &[(&str, Value)]) {
    for item in value[list].as_array_mut().unwrap() {
        *item = filled(item.take(), members);
    }
}

fn definition(attributes: &Value) -> TableDefinition {
    let lists = ["columns", "uniques", "checks", "foreign_keys", "options"].map(|name| (name, json!([])));
    let mut table = filled(attributes.clone(), &lists);
    each(&mut table, "uniques", &[("automatic", json!(false))]);
    each(&mut table, "foreign_keys", &[("references", json!([])), ("deferred", json!(false))]);
    if let Some(key) = table.get_mut("primary_key") {
        *key = filled(key.take(), &[("automatic", json!(false))]);
    }
    serde_json::from_value(table).unwrap()
}

fn indexes(attributes: &Value) -> Vec<Index> {
    let mut table = filled(attributes.clone(), &[("indexes", json!([]))]);
    each(&mut table, "indexes", &[("unique", json!(false))]);
    for index in table["indexes"].as_array_mut().unwrap() {
        each(index, "columns", &[("expression", json!(false)), ("descending", json!(false))]);
    }
    serde_json::from_value(table["indexes"].take()).unwrap()
}

/// Restores everything, in the order in which objects need each other: what the plugins do, without the sandbox.
fn restore(place: &Place, exported: &Exported) {
    let objects = &exported.catalog.objects;
    let mut steps = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        let mut step = create(at as u32, &object.name.kind, object.name.schema.as_deref(), &object.name.name);
        step.parts = object.entries.len() as u32;
        // Every foreign key may be part of a circle.
        step.needs_loaded = (0..objects.len() as u32).filter(|other| *other != at as u32).collect();
        steps.push(step);
    }
    let mut done = vec![false; objects.len()];
    let mut order = Vec::new();
    while order.len() < objects.len() {
        let before = order.len();
        for (at, object) in objects.iter().enumerate() {
            let position = |name: &crate::catalog::ObjectName| objects.iter().position(|other| other.name == *name);
            let ready = |name| position(name).is_none_or(|other| done[other]);
            if !done[at] && object.depends.iter().all(ready) {
                done[at] = true;
                order.push(at);
            }
        }
        if order.len() == before {
            // A circle: the first table goes first.
            let first = (0..objects.len()).find(|at| !done[*at] && objects[*at].name.kind == "table").unwrap();
            done[first] = true;
            order.push(first);
        }
    }
    let ordered: Vec<_> = order.iter().map(|at| steps[*at].clone()).collect();
    let mut plan = plan(StageKind::Beside, &ordered, &[]);
    plan.options.allow = ["all".to_owned()].into();
    let stage = place.target().begin(&job("r-thereandback", &plan)).unwrap();
    let open = |at: usize, unit: Unit| stage.open(&steps[at], unit).unwrap();
    let mut ends = Vec::new();
    for at in order {
        let object = &objects[at];
        let attributes = attributes(object);
        let mut begun = open(at, Unit::Begin);
        begin(&mut *begun, object, &attributes).unwrap_or_else(|error| panic!("{}: {error}", object.name));
        begun.commit(Counts::default()).unwrap();
        for (part, entry) in object.entries.iter().enumerate() {
            let mut work = open(at, Unit::Part(part as u32));
            let mut payload = Payload::open(&exported.archive, entry, true).unwrap();
            loop {
                let bytes = payload.next(100_000).unwrap();
                if bytes.is_empty() {
                    break;
                }
                work.append("", &[], &entry.form, bytes).unwrap();
            }
            let counted = work.end_rows().unwrap_or_else(|error| panic!("{}: {error}", object.name));
            assert_eq!(Some(counted), entry.rows, "{}", object.name);
            work.commit(Counts::default()).unwrap();
        }
        let circle = object.name.kind == "table" && attributes["foreign_keys"].is_array();
        if circle { ends.push(at) } else { end(open(at, Unit::End), object, &attributes) }
    }
    for at in ends {
        end(open(at, Unit::End), &objects[at], &attributes(&objects[at]));
    }
    finish(&*stage, &ordered).unwrap();
}

fn begin(work: &mut dyn Work, object: &Object, attributes: &Value) -> crate::error::Result<()> {
    match object.name.kind.as_str() {
        "table" => work.create_table("", definition(attributes)),
        "view" => {
            let columns: Vec<String> = serde_json::from_value(attributes["columns"].clone()).unwrap_or_default();
            work.create_view(&columns, attributes["query"].as_str().unwrap())
        }
        "user" | "role" => {
            let text = |name: &str| attributes[name].as_str().map(str::to_owned);
            work.create_principal(Principal {
                login: attributes["login"].as_bool().unwrap(),
                password_hash: text("password_hash"),
                valid_until: text("valid_until"),
                attributes: attributes["attributes"].to_string(),
            })?;
            let list = |name: &str| filled(attributes.clone(), &[(name, json!([]))])[name].take();
            work.add_memberships(serde_json::from_value(list("memberships")).unwrap())?;
            work.add_permissions(serde_json::from_value(list("permissions")).unwrap())
        }
        _ => {
            let inner = attributes.get("attributes").map_or("{}".to_owned(), ToString::to_string);
            work.create_routine(Routine {
                language: attributes["language"].as_str().unwrap().to_owned(),
                definition: attributes["definition"].as_str().unwrap().to_owned(),
                environment: None,
                attributes: inner,
            })
        }
    }
}

fn end(mut work: Box<dyn Work>, object: &Object, attributes: &Value) {
    let name = &object.name;
    if name.kind == "table" {
        work.create_indexes("", indexes(attributes)).unwrap_or_else(|error| panic!("{name}: {error}"));
        for piece in attributes["triggers"].as_array().into_iter().flatten() {
            let (called, statement) = (piece["name"].as_str().unwrap(), piece["statement"].as_str().unwrap());
            work.create_trigger("", called, statement).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let expected: u64 = object.entries.iter().map(|entry| entry.rows.unwrap()).sum();
        assert_eq!(work.summarize("").unwrap().rows, expected, "{name}");
    }
    work.commit(Counts::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// Everything an archive says, an object a line.
fn said(exported: &Exported) -> BTreeMap<String, String> {
    let line = |object: &Object| {
        let mut rows: Vec<String> = Vec::new();
        for entry in &object.entries {
            rows.push(format!("{} {:?} {}", entry.form, entry.rows, entry.sha256.unwrap()));
        }
        let depends: Vec<String> = object.depends.iter().map(ToString::to_string).collect();
        (object.name.to_string(), format!("{}\n{depends:?}\n{rows:?}", object.attributes.get()))
    };
    exported.catalog.objects.iter().map(line).collect()
}

/// A database on a server of the test's own, for roles are all databases'.
fn alone(server: &Arc<LocalServer>, database: &str, statements: &str) -> Place {
    server.sql("postgres", &format!("CREATE DATABASE {database} TEMPLATE template0"));
    let place = Place { server: Arc::clone(server), database: database.to_owned() };
    place.sql(statements);
    place
}

fn there_and_back(server: &Arc<LocalServer>, from: &Place, schemas: &str) -> Place {
    let first = exported(from);
    let into = alone(server, &format!("{}_into", from.database), schemas);
    // They are dropped, so that the restore makes them.
    let roles = from.rows("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND oid <> 10");
    for role in &roles {
        from.sql(&format!("DROP OWNED BY {role}"));
    }
    for role in &roles {
        from.sql(&format!("DROP ROLE {role}"));
    }
    restore(&into, &first);
    let second = exported(&into);
    let (first, second) = (said(&first), said(&second));
    for (name, before) in &first {
        assert_eq!(Some(before), second.get(name), "{name}");
    }
    assert_eq!(first.len(), second.len());
    into
}

#[test]
fn everything_a_database_can_have_comes_back() {
    let server = Arc::new(LocalServer::start(""));
    let from = alone(&server, "one", include_str!("features.sql"));
    let into = there_and_back(&server, &from, "CREATE SCHEMA \"Odd schema\"");
    // What the archive says alike must be alike.
    let checks = "SELECT nextval('shared'), (SELECT max(id) FROM parent), nextval(pg_get_serial_sequence('parent', 'id')),
        nextval(pg_get_serial_sequence('parent', 'always')), has_column_privilege('feature_ann', 'parent', 'label', 'UPDATE'),
        has_function_privilege('feature_writers', 'add(integer, integer)', 'EXECUTE'),
        has_schema_privilege('feature_readers', 'Odd schema', 'USAGE'),
        (SELECT count(*) FROM base), (SELECT count(*) FROM measured), (SELECT f FROM of_view)";
    assert_eq!(into.rows(checks), ["115|19|21|300|t|t|t|1|30|happy; very"]);
    assert_eq!(
        into.rows("SELECT proacl FROM pg_proc WHERE proname = 'add'"),
        ["{postgres=X/postgres,feature_readers=X/postgres}"]
    );
}

#[test]
fn real_databases_come_back() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/pg");
    let shared = ["../../shared", "../shared"].map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path));
    let server = Arc::new(LocalServer::start(""));
    let mut found = vec![("northwind", data.join("northwind.pg15.gzip.dir"))];
    if let Some(shared) = shared.iter().find(|shared| shared.join("data/pg").exists()) {
        for name in ["chinook", "netflix", "pagila"] {
            found.push((name, shared.join(format!("data/pg/archives/{name}/{name}.pg15.gzip.dump"))));
        }
    }
    for (name, dump) in found {
        let from = alone(&server, name, "");
        let readable = server.data().with_file_name(name);
        run(std::process::Command::new("cp").arg("-r").arg(&dump).arg(&readable));
        run(server.tool("pg_restore").args(["--no-owner", "-d", name]).arg(&readable));
        there_and_back(&server, &from, "");
    }
}

#[test]
fn what_an_archive_cannot_carry_is_named_all_at_once() {
    let place = Place::with(
        "CREATE TABLE t (a int); CREATE POLICY p ON t TO postgres USING (true);
         CREATE PUBLICATION pub; CREATE COLLATION german (provider = libc, locale = 'C');
         CREATE VIEW v WITH (security_barrier) AS SELECT 1; SELECT lo_create(0)",
    );
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("out.tar"), false).unwrap();
    let error = place.target().export(&mut writer).unwrap_err();
    assert_eq!(error.code(), "backup.unsupported");
    for part in
        ["policy p of public.t", "publication pub", "collation public.german", "view public.v", "1 large objects"]
    {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn large_tables_are_read_in_pieces_side_by_side() {
    let place = Place::with(
        "CREATE TABLE wide (id int, text text, range int4range); ALTER TABLE wide ALTER text SET STORAGE PLAIN;
         INSERT INTO wide SELECT n, repeat('x', 4000) FROM generate_series(1, 18000) n;
         CREATE TABLE narrow (id int); INSERT INTO narrow SELECT generate_series(1, 400000);
         CREATE TABLE long (text text); INSERT INTO long SELECT repeat('y', 60000000) FROM generate_series(1, 2);",
    );
    let exported = exported(&place);
    let rows = |object: &Object| object.entries.iter().map(|entry| entry.rows.unwrap()).collect();
    let entries: BTreeMap<String, Vec<u64>> =
        exported.catalog.objects.iter().map(|object| (object.name.name.clone(), rows(object))).collect();
    assert_eq!(entries["narrow"], [400_000]);
    assert_eq!(entries["long"], [1, 1], "an entry ends where it is long");
    assert_eq!(entries["wide"].iter().sum::<u64>(), 18_000);
    assert!(entries["wide"].len() > 1, "{:?}", entries["wide"]);
}

#[test]
fn a_table_needs_what_it_refers_to_and_not_what_refers_to_it() {
    let place = Place::with(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a);
         CREATE TABLE x (id int PRIMARY KEY); CREATE TABLE y (id int PRIMARY KEY REFERENCES x);
         ALTER TABLE x ADD FOREIGN KEY (id) REFERENCES y",
    );
    let exported = exported(&place);
    let needs = |name: &str| {
        let object = exported.catalog.objects.iter().find(|object| object.name.name == name).unwrap();
        object.depends.iter().map(|other| other.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        ["a", "b", "x", "y"].map(needs),
        [vec![], vec!["a".to_owned()], vec!["y".to_owned()], vec!["x".to_owned()]]
    );
}
