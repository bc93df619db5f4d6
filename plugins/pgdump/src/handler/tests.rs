//! Objects of real dumps, as the layout reads them, planned for PostgreSQL and for SQLite.

use std::path::Path;

use reinstate_plugin::rows::copy_text::{self, Ending};
use reinstate_plugin::sql::Scope;
use reinstate_plugin::{Entry, Item, Severity};

use super::*;
use crate::layout::tests::{bytes, items, load, own, shared};

fn postgresql() -> Target {
    let mut target = Target::named("postgres", "postgresql");
    target.forms.push(crate::attributes::COPY_TEXT.to_owned());
    target
}

fn sqlite() -> Target {
    Target::named("sqlite", "sqlite")
}

fn object(item: &Item) -> Object {
    let entry = |payload: &reinstate_plugin::Payload| Entry {
        path: payload.path.clone(),
        form: payload.form.clone(),
        bytes: payload.bytes.unwrap_or(0),
        exact: payload.bytes.is_some(),
        rows: payload.rows,
    };
    let mut object = Object::new(item.name.clone(), &item.attributes);
    object.entries = item.payloads.iter().map(entry).collect();
    object
}

fn objects(archive: &str) -> Vec<Object> {
    items(&load(&own().join(archive))).iter().map(object).collect()
}

fn planned(object: &Object, target: &Target) -> Outlook {
    let nothing = |_: &str| Vec::new();
    if roles::is_role(object) {
        return roles::plan(object, target, nothing).unwrap();
    }
    let entry = Attributes::of(object).unwrap();
    if is_postgresql(target) {
        native::plan(object, &entry, target, nothing)
    } else {
        foreign::plan(object, &entry, target)
    }
    .unwrap()
}

fn refused(outlook: &Outlook) -> impl Iterator<Item = &Finding> {
    outlook.findings.iter().filter(|finding| finding.severity == Severity::Refusal)
}

fn refusals(outlook: &Outlook) -> Vec<&str> {
    refused(outlook).map(|finding| finding.message.as_str()).collect()
}

#[test]
fn no_object_of_a_real_dump_is_refused() {
    let own =
        ["torture.pg17.zstd.dump", "torture.pg18.schema-only.dump", "northwind.pg15.gzip.dir", "globals.pg18.sql"];
    for archive in own {
        for object in objects(archive) {
            for target in [postgresql(), sqlite()] {
                let outlook = planned(&object, &target);
                assert_eq!(refusals(&outlook), [""; 0], "{archive}: {}", object.source);
                assert!(outlook.findings.len() <= 3, "{:?}", outlook.findings);
            }
        }
    }
}

#[test]
fn every_shared_archive_can_be_planned() {
    let Some(shared) = shared() else { return };
    let folders = std::fs::read_dir(shared.join("archives")).unwrap().map(|folder| folder.unwrap().path());
    for archive in folders.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = archive.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        let statements = path.to_string_lossy().contains("inserts");
        let rows_only = path.to_string_lossy().contains("data-only");
        for object in items(&load(&path)).iter().map(object) {
            let object = Object { rows_only, ..object };
            assert_eq!(refusals(&planned(&object, &postgresql())), [""; 0], "{}: {}", path.display(), object.source);
            let foreign = planned(&object, &sqlite());
            let codes: Vec<_> = refused(&foreign).map(|finding| finding.code.as_str()).collect();
            // Of inherited columns, statements without names tell nothing.
            let inherits = statements && matches!(object.source.name.as_str(), "kid" | "typed");
            assert_eq!(codes, if inherits { &["pgdump.unknown_columns"][..] } else { &[] }, "{}", object.source);
        }
    }
}

/// The statements of the object of that kind and name, with their scope and what takes them back.
fn made(objects: &[Object], kind: &str, name: &str) -> Vec<(String, Scope, Option<String>)> {
    let object = objects.iter().find(|object| object.source.kind == kind && object.source.name == name);
    let object = object.unwrap_or_else(|| panic!("{kind} {name}"));
    native::statements(object, &Attributes::of(object).unwrap(), &postgresql()).unwrap()
}

fn table(name: &str) -> ObjectName {
    ObjectName { kind: "table".into(), schema: Some("t".into()), name: name.into() }
}

#[test]
fn objects_are_made_where_they_belong() {
    let objects = objects("torture.pg18.schema-only.dump");
    let one = |kind: &str, name: &str| {
        let mut all = made(&objects, kind, name);
        assert_eq!(all.len(), 1, "{kind} {name}: {all:?}");
        all.remove(0)
    };
    let part_of = |name: &str| Scope::PartOf(table(name));
    let (text, scope, undo) = one("table", "circ");
    assert!(
        text.starts_with("CREATE TABLE t.circ (")
            && text.ends_with("ALTER TABLE \"t\".\"circ\" OWNER TO \"postgres\";")
    );
    assert_eq!((scope, undo), (Scope::Itself, None));
    let (text, scope, _) = one("user_defined_function", "mood2int(t.mood)");
    assert!(text.ends_with("ALTER FUNCTION t.mood2int(t.mood) OWNER TO \"postgres\";"), "{text}");
    assert_eq!(scope, Scope::Itself);
    for (kind, name, scope, owner) in [
        ("index", "at_brin", part_of("alltypes"), false),
        ("foreign_key", "a a_b_fk", part_of("a"), false),
        ("default", "gen s", part_of("gen"), false),
        ("trigger", "empty ctr", part_of("empty"), false),
        ("policy", "rls p ins", part_of("rls"), false),
        ("row_security", "rls", part_of("rls"), false),
        ("table_attach", "part_2023", part_of("part"), false),
        ("statistics", "exst", part_of("dropped"), true),
        ("sequence", "gen_id_seq", part_of("gen"), false),
        ("sequence", "lonely", Scope::Itself, true),
        ("publication", "pub0", Scope::Database, true),
        ("publication_table", "pub0 a", Scope::Database, false),
        ("cast", "CAST (t.mood AS integer)", Scope::Database, false),
        ("event_trigger", "evt", Scope::Database, true),
        ("extension", "citext", Scope::Foundation, false),
        ("type", "mood", Scope::Itself, true),
        ("operator", "===", Scope::Itself, true),
    ] {
        let (text, found, undo) = one(kind, name);
        assert_eq!(found, scope, "{kind} {name}");
        assert_eq!(text.contains(" OWNER TO "), owner, "{text}");
        let outside = matches!(scope, Scope::Database | Scope::Foundation);
        assert!(outside || undo.is_none(), "{kind} {name}: {undo:?}");
    }
    assert_eq!(one("event_trigger", "evt").2.as_deref(), Some("DROP EVENT TRIGGER evt;"));
    assert_eq!(one("extension", "citext").2.as_deref(), Some("DROP EXTENSION citext;"));
}

#[test]
fn a_schema_may_be_there_and_gets_its_owner_with_the_switch() {
    let all = made(&objects("torture.pg18.schema-only.dump"), "schema", "Weird Schema");
    assert_eq!(all[0].0, "CREATE SCHEMA IF NOT EXISTS \"Weird Schema\";");
    assert_eq!(all[0].1, Scope::Foundation);
    assert_eq!(
        (all[1].0.as_str(), &all[1].1),
        ("ALTER SCHEMA \"Weird Schema\" OWNER TO \"t_owner\";", &Scope::Database)
    );
    assert_eq!(all.len(), 2);
}

#[test]
fn names_of_schemas_follow_the_map_where_the_target_is_named() {
    let objects = objects("torture.pg18.schema-only.dump");
    let index = objects.iter().find(|object| object.source.name == "at_brin").unwrap();
    let target = Target { schema_map: vec![("t".into(), "u".into())], ..postgresql() };
    let made = native::statements(index, &Attributes::of(index).unwrap(), &target).unwrap();
    let expected = ObjectName { schema: Some("u".into()), ..table("alltypes") };
    assert_eq!(made[0].1, Scope::PartOf(expected));
    assert!(made[0].0.contains(" ON t.alltypes "), "Statements name schemas as the archive does");
}

#[test]
fn what_the_operator_does_not_want_is_left_out() {
    let objects = objects("torture.pg17.zstd.dump");
    let count = |change: &dyn Fn(&mut Object), keep: &dyn Fn(&Object) -> bool| {
        let mut texts = Vec::new();
        for mut object in objects.clone() {
            change(&mut object);
            if keep(&object) {
                let made = native::statements(&object, &Attributes::of(&object).unwrap(), &postgresql()).unwrap();
                texts.extend(made.into_iter().map(|(text, ..)| text));
            }
        }
        texts
    };
    let all = |_: &Object| true;
    let owners = count(&|object| object.leave_out = LeaveOut::OWNERS, &all);
    assert!(!owners.iter().any(|text| text.contains(" OWNER TO ")));
    let kind = |kind: &'static str| move |object: &Object| object.source.kind == kind;
    assert!(!count(&|_| (), &kind("privileges")).is_empty() && !count(&|_| (), &kind("comment")).is_empty());
    assert!(count(&|object| object.leave_out = LeaveOut::PRIVILEGES, &kind("privileges")).is_empty());
    assert!(count(&|object| object.leave_out = LeaveOut::COMMENTS, &kind("comment")).is_empty());
    let rows = count(&|object| object.rows_only = true, &all);
    assert!(
        rows.iter().all(|text| ["SELECT ", "REFRESH ", "COMMENT ON LARGE", "GRANT ", "REVOKE ", "ALTER LARGE"]
            .iter()
            .any(|start| text.starts_with(start))),
        "{rows:?}"
    );
    assert!(rows.iter().any(|text| text.contains("lo_create")) && rows.iter().any(|text| text.contains("setval")));
    let definitions = count(&|object| object.definitions_only = true, &all);
    assert!(!definitions.iter().any(|text| text.contains("lo_create") || text.contains("setval(")));
}

#[test]
fn locks_and_roles_are_told() {
    let objects = objects("torture.pg18.schema-only.dump");
    let outlook = |kind: &str, name: &str| {
        let object = objects.iter().find(|object| object.source.kind == kind && object.source.name == name).unwrap();
        planned(object, &postgresql())
    };
    assert_eq!(outlook("foreign_key", "a a_b_fk").locks, [table("a"), table("b")]);
    assert_eq!(outlook("table_attach", "part_2023").locks, [table("part"), table("part_2023")]);
    assert_eq!(outlook("trigger", "empty ctr").locks, [table("empty")]);
    assert!(outlook("index", "at_brin").locks.is_empty());
    assert_eq!(outlook("schema", "Weird Schema").principals, ["t_owner"]);
    assert_eq!(outlook("default_privileges", "DEFAULT PRIVILEGES FOR TABLES").principals, ["t_owner", "t_reader"]);
    assert_eq!(outlook("user_mapping", "USER MAPPING t_reader SERVER srv0").principals, ["t_reader"]);
}

#[test]
fn storage_is_said_as_pg_restore_says_it() {
    let entry = |relkind, access_method: &str| Attributes {
        desc: "TABLE".into(),
        tag: "x".into(),
        definition: "CREATE TABLE t.x (\n    a integer\n);\n".into(),
        relkind,
        access_method: Some(access_method.into()),
        tablespace: Some("fast disk".into()),
        std_strings: true,
        ..Attributes::default()
    };
    let text = |relkind, method: &str| {
        let object = Object::new(table("x"), "{}");
        native::statements(&object, &entry(relkind, method), &postgresql()).unwrap().remove(0).0
    };
    assert_eq!(
        text(Some('r'), "columnar"),
        "SET LOCAL default_tablespace = \"fast disk\";\nSET LOCAL default_table_access_method = \"columnar\";\n\
         CREATE TABLE t.x (\n    a integer\n);"
    );
    assert!(!text(None, "heap").contains("access_method"));
    assert!(text(Some('p'), "columnar").ends_with("\nALTER TABLE \"t\".\"x\" SET ACCESS METHOD \"columnar\";"));
}

#[test]
fn dumps_that_cannot_be_read_as_they_are_are_refused() {
    let refused = |entry: Attributes, form: &str| -> Vec<String> {
        let mut object = Object::new(table("x"), "{}");
        object.entries.push(Entry { path: "x".into(), form: form.into(), bytes: 1, exact: true, rows: None });
        let outlook = native::plan(&object, &entry, &postgresql(), |_| Vec::new()).unwrap();
        outlook.findings.into_iter().map(|finding| finding.code).collect()
    };
    let entry = || Attributes {
        desc: "TABLE".into(),
        definition: "CREATE TABLE t.x ();".into(),
        std_strings: true,
        encoding: "UTF8".into(),
        ..Attributes::default()
    };
    let text = crate::attributes::COPY_TEXT;
    assert_eq!(refused(entry(), text), [""; 0]);
    assert_eq!(refused(Attributes { encoding: "LATIN1".into(), ..entry() }, text), ["pgdump.encoding"]);
    assert_eq!(refused(Attributes { encoding: "LATIN1".into(), ..entry() }, "bytes"), [""; 0]);
    let escapes = Attributes { std_strings: false, definition: "CREATE '\\'".into(), ..entry() };
    assert_eq!(refused(escapes, text), ["pgdump.escape_strings"]);
    let path =
        Attributes { search_path: Some("t, pg_catalog".into()), definition: "CREATE TABLE x ();".into(), ..entry() };
    assert_eq!(refused(path, text), ["pgdump.search_path"]);
    assert_eq!(refused(Attributes { desc: "PROPERTY GRAPH".into(), ..entry() }, text), ["pgdump.unknown_entry"]);
    assert_eq!(refused(Attributes { definition: String::new(), ..entry() }, text), ["pgdump.no_definition"]);
    assert_eq!(refused(Attributes { row_statements: true, ..entry() }, "sql"), ["pgdump.row_statements"]);
}

/// Rows of the archive's tables, decoded for SQLite, are as many as those that are handed on to PostgreSQL.
fn decode_all(path: &Path) -> usize {
    let archive = load(path);
    let mut tables = 0;
    for item in items(&archive).iter().filter(|item| item.name.kind == kinds::TABLE) {
        let object = object(item);
        let entry = Attributes::of(&object).unwrap();
        let outlook = planned(&object, &sqlite());
        // A table without columns has rows in the dump, and is kept as a document.
        let is_document = outlook.findings.iter().any(|finding| finding.message.contains("kept as a document"));
        if is_document || refused(&outlook).next().is_some() {
            continue;
        }
        for (part, payload) in item.payloads.iter().enumerate() {
            let bytes = bytes(&archive, payload);
            let source = || {
                let mut chunks = bytes.chunks(100_000);
                move |_| Ok(chunks.next().unwrap_or_default().to_vec())
            };
            let target = sqlite();
            let decoded = foreign::decode(&object, &entry, &target, part as u32, source(), |_, _| Ok(()));
            let decoded = decoded.unwrap_or_else(|failure| panic!("{}: {failure:?}", item.name));
            if payload.form == crate::attributes::COPY_TEXT {
                let passed = copy_text::pass(Ending::Marked, source(), |_| Ok(())).unwrap();
                assert_eq!(decoded, passed, "{}", item.name);
            }
            tables += 1;
        }
    }
    tables
}

#[test]
fn rows_of_real_dumps_are_decoded() {
    assert!(decode_all(&own().join("torture.pg17.zstd.dump")) > 20);
    assert!(decode_all(&own().join("northwind.pg15.gzip.dir")) > 5);
    for archive in ["torture.pg15.inserts.dump", "torture.pg18.inserts.dump", "torture.pg13.tar"] {
        if let Some(shared) = shared() {
            assert!(decode_all(&shared.join("archives/torture").join(archive)) > 20);
        }
    }
}

#[test]
fn hostile_attributes_never_panic() {
    for object in objects("torture.pg18.schema-only.dump").iter().chain(&objects("globals.pg18.sql")) {
        for cut in 0..40 {
            let mut object = object.clone();
            if let Ok(mut entry) = Attributes::of(&object) {
                let cut = |text: &mut String| {
                    let at = (0..=text.len() * cut / 40).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                    text.truncate(at);
                };
                cut(&mut entry.definition);
                cut(&mut entry.drop);
                entry.parts_of_it.iter_mut().for_each(cut);
                entry.copy.iter_mut().for_each(cut);
                object.attributes = serde_json::to_string(&entry).unwrap();
            }
            for target in [postgresql(), sqlite()] {
                planned(&object, &target);
            }
        }
    }
    let bad = Object::new(table("x"), "{\"desc\": 1}");
    assert_eq!(Attributes::of(&bad).unwrap_err().code, "pgdump.bad_attributes");
}
