//! Definitions: what SQLite can have comes out as asked for; what tries to be something else is refused.

use crate::target::definition::{Check, Generated};

use super::*;

const MEAN: &[&str] = &[
    "1) CHECK (0",
    "1); DROP TABLE live; --",
    "1; ATTACH 'x' AS x",
    "load_extension('x')",
    "(SELECT count(*) FROM live)",
    "",
    "'",
    "1 /*",
    "a\0b",
    "sqlite_version(",
    "?1",
];

/// Tries a definition; what is refused leaves nothing.
fn try_table(place: &Place, definition: TableDefinition) -> Result<()> {
    let stage = place.begin("r-1");
    let step = a_step(1, "table", "t");
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    let done = work.create_table("", definition).and_then(|()| work.commit(Counts::default()));
    drop(stage);
    place.target.abort("r-1").unwrap();
    done
}

fn refused(place: &Place, definition: TableDefinition, what: &str) {
    let error = try_table(place, definition).unwrap_err();
    assert_eq!(error.code(), "target.bad_definition", "{what}: {error}");
}

#[test]
fn hostile_fragments_do_nothing() {
    let place = Place::with("CREATE TABLE live(a); INSERT INTO live VALUES(1);");
    let before = place.visible();
    for mean in MEAN {
        let change = |change: &dyn Fn(&mut TableDefinition)| {
            let mut definition = a_table();
            change(&mut definition);
            definition
        };
        refused(&place, change(&|table| table.columns[1].default = Some((*mean).into())), mean);
        refused(&place, change(&|table| table.checks.push(Check { name: None, expression: (*mean).into() })), mean);
        refused(
            &place,
            change(&|table| table.columns[1].generated = Some(Generated { expression: (*mean).into(), stored: false })),
            mean,
        );
        if mean.contains(['\0']) || mean.is_empty() {
            continue;
        }
        // Names and types are quoted, so they may look like anything.
        try_table(&place, change(&|table| table.columns[1].declared = (*mean).into())).unwrap();
        try_table(
            &place,
            change(&|table| table.checks.push(Check { name: Some((*mean).into()), expression: "1".into() })),
        )
        .unwrap();
    }
    assert_eq!(place.visible(), before);
}

#[test]
fn hostile_indexes_triggers_and_views_do_nothing() {
    let place = Place::with("CREATE TABLE live(a); INSERT INTO live VALUES(1);");
    let before = place.visible();
    let stage = place.begin("r-1");
    let step = a_step(1, "table", "t");
    for mean in MEAN {
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        work.create_table("", a_table()).unwrap();
        let mut condition = an_index("i", "name");
        condition.condition = Some((*mean).into());
        let mut term = an_index("i", mean);
        assert_eq!(work.create_indexes("", vec![term.clone()]).unwrap_err().code(), "target.bad_definition", "{mean}");
        term.columns[0].expression = true;
        assert_eq!(work.create_indexes("", vec![term]).unwrap_err().code(), "target.bad_definition", "{mean}");
        assert_eq!(work.create_indexes("", vec![condition]).unwrap_err().code(), "target.bad_definition", "{mean}");
        assert_eq!(work.create_view(&[], mean).unwrap_err().code(), "target.bad_definition", "{mean}");
    }
    for statement in [
        "DROP TABLE live",
        "CREATE TRIGGER other AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TRIGGER x AFTER INSERT ON live BEGIN SELECT 1; END",
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; DELETE FROM live",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN DROP TABLE live; END",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1",
    ] {
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        work.create_table("", a_table()).unwrap();
        assert_eq!(work.create_trigger("", "x", statement).unwrap_err().code(), "target.bad_definition", "{statement}");
    }
    for query in [
        "SELECT 1; DELETE FROM live",
        "DELETE FROM live",
        "PRAGMA writable_schema = ON",
        "INSERT INTO live VALUES(1) RETURNING a",
    ] {
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        assert_eq!(work.create_view(&[], query).unwrap_err().code(), "target.bad_definition", "{query}");
    }
    drop(stage);
    place.target.abort("r-1").unwrap();
    assert_eq!(place.visible(), before);
}

/// What only shows when SQLite looks a statement's names up.
#[test]
fn the_rehearsal_finds_statements_that_reach_for_what_is_not_theirs() {
    let place = Place::new();
    let cases = [
        (
            "SELECT password_hash FROM reinstate_users",
            "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM reinstate_jobs; END",
        ),
        ("SELECT * FROM missing", "CREATE TRIGGER x AFTER UPDATE ON t BEGIN INSERT INTO missing VALUES(1); END"),
        ("SELECT load_extension('x')", "CREATE TRIGGER x BEFORE DELETE ON t BEGIN SELECT load_extension('x'); END"),
    ];
    for (query, trigger) in cases {
        let stage = place.begin("r-1");
        let steps = [a_step(1, "table", "t"), a_step(2, "view", "v")];
        let mut work = stage.open(&steps[0], Unit::Whole).unwrap();
        work.create_table("", a_table()).unwrap();
        work.create_trigger("", "x", trigger).unwrap();
        work.commit(Counts::default()).unwrap();
        let mut work = stage.open(&steps[1], Unit::Whole).unwrap();
        work.create_view(&[], query).unwrap();
        work.commit(Counts::default()).unwrap();
        let findings = stage.rehearse(&steps).unwrap();
        let found: Vec<_> =
            findings.iter().map(|finding| (finding.code.as_str(), finding.object.clone().unwrap().kind)).collect();
        assert_eq!(found.len(), 2, "{findings:?}");
        assert!(found.iter().all(|(code, _)| *code == "target.bad_definition"), "{findings:?}");
        stage.fail("{}").unwrap();
    }
    assert_eq!(place.files(), Vec::<String>::new());
}

#[test]
fn what_sqlite_lacks_is_refused() {
    let place = Place::with("CREATE TABLE live(a);");
    type Change = fn(&mut TableDefinition);
    let cases: &[(&str, Change)] = &[
        ("unknown option", |table| table.options.push("unlogged".into())),
        ("no columns", |table| table.columns.clear()),
        ("twice the same column", |table| table.columns.push(a_column("ID", "TEXT", ValueType::Text))),
        ("unknown collation", |table| table.columns[1].collation = Some("german".into())),
        ("default and computed", |table| {
            table.columns[1].default = Some("1".into());
            table.columns[1].generated = Some(Generated { expression: "id".into(), stored: false });
        }),
        ("unknown action", |table| {
            table.foreign_keys.push(ForeignKey { on_delete: "DROP TABLE".into(), ..a_reference("id", "t") })
        }),
        ("numbered text", |table| {
            table.columns[0].declared = "TEXT".into();
            table.options.push("without-rowid".into());
            table.primary_key = Some(Key { automatic: true, ..a_key(&["id"]) });
        }),
        ("numbered pair", |table| table.primary_key = Some(Key { automatic: true, ..a_key(&["id", "name"]) })),
        ("unknown key column", |table| table.uniques.push(a_key(&["missing"]))),
        ("NUL in a name", |table| table.columns[1].name = "a\0b".into()),
    ];
    for (what, change) in cases {
        let mut definition = a_table();
        change(&mut definition);
        refused(&place, definition, what);
    }
}

#[test]
fn odd_names_are_names_like_any_other() {
    let names = [
        "a b",
        "\"",
        "[x]",
        "`",
        "'",
        "größe",
        "select",
        "a;b",
        "x--y",
        "1",
        "%s",
        "ẞ\u{1F600}",
        "Reinstate",
        "a\"b'c`d[e]",
    ];
    for name in names {
        let place = Place::new();
        let steps = [
            a_step(1, "table", name),
            with(
                Action::Create,
                Step { into: ObjectName::new("table", Some("s x"), name), ..a_step(2, "table", name) },
            ),
        ];
        let stage = place.begin("r-1");
        for step in &steps {
            let mut definition = a_table();
            definition.columns[1].name = name.into();
            definition.uniques = vec![Key { name: Some(name.into()), ..a_key(&[name]) }];
            definition.foreign_keys =
                vec![ForeignKey { columns: vec![name.into()], references: vec![name.into()], ..a_reference("", name) }];
            let mut work = stage.open(step, Unit::Whole).unwrap();
            work.create_table("", definition).unwrap();
            let rows = vec![
                ("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
                (name, Arc::new(StringArray::from(vec!["x"])) as ArrayRef),
            ];
            work.append("", &[], "arrow", stream(rows)).unwrap();
            work.create_indexes("", vec![an_index(&format!("by {name}"), name)]).unwrap();
            let trigger = format!(
                "CREATE TRIGGER {0} AFTER INSERT ON {0} BEGIN SELECT new.{0}; END",
                super::super::name::quote(name)
            );
            work.create_trigger("", name, &trigger).unwrap();
            work.commit(counts(1)).unwrap();
        }
        switch(&*stage, &steps).unwrap();
        drop(stage);
        let facts = place.facts();
        let table = |schema| ObjectName::new("table", Some(schema), name);
        assert!(
            facts.objects.contains_key(&table("main")) && facts.objects.contains_key(&table("s x")),
            "{name}: {:?}",
            facts.objects.keys()
        );
        assert!(facts.schemas.contains("s x"));
        assert_eq!(
            place.text(&format!(
                "SELECT {0} FROM {1}",
                super::super::name::quote(name),
                super::super::name::quote(&format!("s x.{name}"))
            )),
            "x"
        );
        let before = place.visible();
        restore(
            &place,
            "r-2",
            &with(
                Action::Replace,
                Step { existing: Some(facts.objects[&table("main")].fingerprint.clone()), ..a_step(1, "table", name) },
            ),
            0..3,
        );
        place.visible();
        place.target.undo("r-2").unwrap();
        assert_eq!(place.visible(), before, "{name}");
        place.target.undo("r-1").unwrap();
        assert_eq!(place.visible(), "", "{name}");
        place.target.undo("r-1").unwrap();
        assert_eq!(place.visible(), before, "{name}");
    }
}

#[test]
fn reserved_and_impossible_names_are_refused() {
    let place = Place::new();
    let stage = place.begin("r-1");
    for name in ["", "sqlite_x", "reinstate_jobs", "reinstate_kept_1_1_0", "a\0"] {
        assert!(
            stage
                .open(&a_step(1, "table", name), Unit::Whole)
                .is_err_and(|error| error.code() == "target.bad_definition"),
            "{name}"
        );
    }
    let mut work = stage.open(&a_step(1, "table", "t"), Unit::Whole).unwrap();
    work.create_table("", a_table()).unwrap();
    assert!(work.create_indexes("", vec![an_index("sqlite_autoindex_x_1", "id")]).is_err());
    assert!(work.create_indexes("", vec![an_index("i", "missing")]).is_err());
    assert!(work.create_table("", a_table()).is_err());
}

/// Every feature of a SQLite table, as another SQLite tool sees it afterwards.
#[test]
fn sqlite_tables_come_out_as_they_were() {
    let place = Place::new();
    let stage = place.target.begin(&a_job("r-1", "sqlite")).unwrap();
    let steps = [a_step(1, "table", "t"), a_step(2, "table", "u"), a_step(3, "table", "s")];
    let mut definition = a_table();
    definition.columns[0].nullable = false;
    definition.primary_key = Some(Key { name: Some("pk".into()), automatic: true, ..a_key(&["id"]) });
    definition.columns[1].collation = Some("NOCASE".into());
    definition
        .columns
        .push(Column { default: Some("CURRENT_TIMESTAMP".into()), ..a_column("at", "DATETIME", ValueType::Text) });
    definition.columns.push(Column {
        default: Some("1 + -- one\n1 -- two".into()),
        ..a_column("n", "numeric(5,2)", ValueType::Text)
    });
    definition.columns.push(Column {
        generated: Some(Generated { expression: "id * 2".into(), stored: true }),
        ..a_column("twice", "INT", ValueType::Integer)
    });
    definition.columns.push(Column {
        generated: Some(Generated { expression: "id + 1".into(), stored: false }),
        ..a_column("next", "", ValueType::Any)
    });
    definition.checks.push(Check { name: None, expression: "t.name <> ')'".into() });
    definition.foreign_keys.push(ForeignKey {
        deferred: true,
        references: vec!["id".into()],
        ..a_reference("twice", "t")
    });
    definition.foreign_keys.push(ForeignKey {
        name: Some("to_u".into()),
        on_update: "SET NULL".into(),
        ..a_reference("id", "u")
    });
    let mut work = stage.open(&steps[0], Unit::Whole).unwrap();
    work.create_table("", definition).unwrap();
    let mut partial = an_index("partial", "lower(name)");
    partial.columns[0].expression = true;
    partial.columns.push(IndexColumn {
        descending: true,
        collation: Some("RTRIM".into()),
        ..an_index("", "name").columns[0].clone()
    });
    (partial.unique, partial.condition) = (true, Some("t.id > 0 -- some".into()));
    work.create_indexes("", vec![partial, an_index("plain", "at")]).unwrap();
    work.create_trigger("", "tr", "create trigger tr after update of name on t when new.id > 0 begin update t set at = 'x' where id = new.id; end;").unwrap();
    let error = work
        .append("", &[], "arrow", stream(vec![("twice", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]))
        .unwrap_err();
    assert_eq!(error.code(), "plugin.bad_batch");
    work.commit(Counts::default()).unwrap();
    let mut without = a_table();
    without.columns[0].nullable = false;
    without.options = vec!["without-rowid".into()];
    stage_as(&*stage, &steps[1], without, 0..3);
    stage_as(
        &*stage,
        &steps[2],
        TableDefinition { options: vec!["strict".into(), "without-rowid".into()], ..a_table() },
        0..3,
    );
    switch(&*stage, &steps).unwrap();
    drop(stage);
    place.visible();
    assert_eq!(
        place.text("SELECT name, wr, strict FROM pragma_table_list WHERE name IN ('s', 't', 'u') ORDER BY 1"),
        "s|1|1\nt|0|0\nu|1|0"
    );
    assert_eq!(
        place.text("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo('t')"),
        "id|INTEGER|1|NULL|1|0\nname|TEXT|0|NULL|0|0\nat|DATETIME|0|CURRENT_TIMESTAMP|0|0\nn|numeric(5,2)|0|1 + -- one\n1 -- two|0|0\ntwice|INT|0|NULL|0|3\nnext||0|NULL|0|2"
    );
    assert_eq!(
        place.text(
            "SELECT \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list('t') ORDER BY id"
        ),
        "u|id|NULL|SET NULL|CASCADE\nt|twice|id|NO ACTION|CASCADE"
    );
    let db = place.db();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF; INSERT INTO t(name) VALUES('A'), ('b'); UPDATE t SET name = 'c' WHERE id = 1;",
    )
    .unwrap();
    assert_eq!(place.text("SELECT id, name, at = 'x', n, twice, next FROM t ORDER BY id"), "1|c|1|2|2|2\n2|b|0|2|4|3");
    assert_eq!(place.text("SELECT name, seq FROM sqlite_sequence"), "t|2");
    place.target.undo("r-1").unwrap();
    assert_eq!(place.visible(), "");
    assert_eq!(place.text("SELECT seq FROM sqlite_sequence"), "2");
    place.target.undo("r-1").unwrap();
    assert_eq!(place.text("SELECT name, seq FROM sqlite_sequence"), "t|2");
    place.db().execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO t(name) VALUES('d')").unwrap();
    assert_eq!(place.text("SELECT max(id) FROM t"), "3");
}

#[test]
fn foreign_types_keep_their_values_and_their_word_in_the_bookkeeping() {
    let place = Place::new();
    let step = a_step(1, "table", "t");
    let mut definition = a_table();
    definition.columns[1].declared = "numeric(5,2)[]".into();
    definition.primary_key = Some(Key { automatic: true, ..a_key(&["id"]) });
    definition.columns[0].declared = "bigint".into();
    let stage = place.target.begin(&a_job("r-1", "postgresql")).unwrap();
    stage_as(&*stage, &step, definition, 0..2);
    switch(&*stage, &[step]).unwrap();
    assert_eq!(place.text("SELECT type FROM pragma_table_info('t')"), "INTEGER\nTEXT");
    let declared = place
        .text("SELECT json_extract(definition, '$.tables.\"\".definition.columns[1].declared') FROM reinstate_objects");
    assert_eq!(declared, "numeric(5,2)[]");
}
