//! Objects that are no tables, and what people see of them.

use crate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Routine, Token};

use super::*;

#[test]
fn principals_are_staged_and_shown_once_they_are_live() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let step = a_step(1, "user", "ann");
    let mut work = stage.open(&step, Unit::Whole).unwrap();
    assert_eq!(work.add_tokens(Vec::new()).unwrap_err().code(), "target.bad_definition");
    assert_eq!(work.principal_summary().unwrap(), None);
    let principal = |attributes: &str| Principal {
        login: true,
        password_hash: Some("SCRAM-SHA-256$x".into()),
        valid_until: None,
        attributes: attributes.into(),
    };
    assert_eq!(work.create_principal(principal("{")).unwrap_err().code(), "target.bad_definition");
    work.create_principal(principal("{\"mail\": \"a@b\"}")).unwrap();
    work.add_memberships(vec![Membership { role: "readers".into(), admin: true }]).unwrap();
    let on = Some(ObjectName::new("table", Some("main"), "t"));
    work.add_permissions(vec![
        Permission { privilege: "SELECT".into(), on, grantable: false },
        Permission { privilege: "admin".into(), on: None, grantable: false },
    ])
    .unwrap();
    work.add_tokens(vec![Token { id: "t1".into(), hash: "h".into(), description: "d".into(), expires: None }]).unwrap();
    work.commit(Counts::default()).unwrap();
    assert_eq!(place.text("SELECT count(*) FROM reinstate_users"), "0");
    let summary = stage.open(&step, Unit::Verify).unwrap().principal_summary().unwrap();
    assert_eq!(summary, Some(PrincipalSummary { memberships: 1, permissions: 2, tokens: 1 }));
    switch(&*stage, &[step]).unwrap();
    assert_eq!(place.text("SELECT * FROM reinstate_users"), "user|ann|1|SCRAM-SHA-256$x|NULL|{\"mail\":\"a@b\"}");
    assert_eq!(place.text("SELECT * FROM reinstate_members"), "readers|ann|1");
    assert_eq!(
        place.text("SELECT grantee, privilege, kind, name FROM reinstate_permissions"),
        "ann|SELECT|table|t\nann|admin|NULL|NULL"
    );
    assert_eq!(place.text("SELECT user, id, hash FROM reinstate_tokens"), "ann|t1|h");
    assert!(place.facts().objects.contains_key(&ObjectName::new("user", None, "ann")));
}

#[test]
fn routines_documents_and_blobs_are_replaced_and_brought_back() {
    let place = Place::new();
    let restore = |job: &str, text: &str, action: Action| {
        let stage = place.begin(job);
        let mut step = a_step(1, "stored_procedure", "p");
        step.action = action;
        step.existing = place.facts().objects.get(&step.into).map(|existing| existing.fingerprint.clone());
        let mut work = stage.open(&step, Unit::Begin).unwrap();
        let routine =
            Routine { language: "sql".into(), definition: text.into(), environment: None, attributes: String::new() };
        work.create_routine(routine).unwrap();
        work.commit(Counts::default()).unwrap();
        let mut work = stage.open(&step, Unit::Part(0)).unwrap();
        work.append_blob("wheel", bytes::Bytes::from_static(b"abc")).unwrap();
        work.append_blob("wheel", bytes::Bytes::from_static(b"de")).unwrap();
        assert_eq!(work.blob_size("wheel").unwrap(), Some(5));
        assert_eq!(work.blob_size("other").unwrap(), None);
        work.commit(Counts::default()).unwrap();
        assert_eq!(stage.open(&step, Unit::Verify).unwrap().routine().unwrap().unwrap().definition, text);
        switch(&*stage, &[step]).unwrap();
    };
    let shown = || place.text("SELECT definition FROM reinstate_routines");
    restore("r-1", "one", Action::Create);
    assert_eq!(shown(), "one");
    let first = place.facts().objects;
    restore("r-2", "two", Action::Replace);
    assert_eq!(shown(), "two");
    assert_ne!(place.facts().objects, first);
    assert_eq!(place.target.undo("r-1").unwrap_err().code(), "job.superseded");
    place.target.undo("r-2").unwrap();
    assert_eq!(shown(), "one");
    assert_eq!(place.facts().objects, first);
    place.target.undo("r-2").unwrap();
    place.target.discard("r-2").unwrap();
    assert_eq!(shown(), "two");
    assert_eq!(place.text("SELECT count(*), sum(length(bytes)) FROM reinstate_blobs"), "2|5");
    assert_eq!(place.target.undo("r-1").unwrap_err().code(), "job.superseded");
}

#[test]
fn a_view_in_another_dialect_is_a_document_whose_name_is_taken() {
    let place = Place::new();
    let name = ObjectName::new("view", Some("main"), "v");
    let restore = |job: &str, document: &str, action: Action| {
        let existing = place.facts().objects.get(&name).map(|existing| existing.fingerprint.clone());
        let step = Step { existing, ..with(action, a_step(1, "view", "v")) };
        let stage = place.begin(job);
        let mut work = stage.open(&step, Unit::Whole).unwrap();
        work.put_document(document).unwrap();
        work.commit(Counts::default()).unwrap();
        let done = stage.rehearse(std::slice::from_ref(&step)).unwrap();
        if done.is_empty() {
            stage.switch(&[step], &|_| "{}".to_owned()).map(|_| String::new()).unwrap()
        } else {
            done[0].code.clone()
        }
    };
    let shown = || place.text("SELECT definition ->> '$.document.v' FROM reinstate_objects WHERE state = 'live'");
    assert_eq!(restore("r-1", r#"{"v": 1}"#, Action::Create), "");
    let first = place.facts().objects;
    assert!(first.contains_key(&name));
    assert_eq!(restore("r-2", r#"{"v": 2}"#, Action::Create), "plan.target_changed");
    assert_eq!(restore("r-3", r#"{"v": 3}"#, Action::Replace), "");
    assert_eq!(shown(), "3");
    assert_ne!(place.facts().objects, first);
    place.target.undo("r-3").unwrap();
    assert_eq!((shown().as_str(), place.facts().objects), ("1", first));
    place.target.undo("r-3").unwrap();

    // Somebody writes the view in our dialect: that is what there is now.
    place.db().execute_batch("CREATE VIEW v AS SELECT 4 AS v").unwrap();
    assert_eq!(restore("r-4", r#"{"v": 5}"#, Action::Replace), "");
    assert_eq!((shown().as_str(), place.visible().as_str()), ("5", ""));
    place.target.undo("r-4").unwrap();
    assert_eq!(place.text("SELECT v FROM v"), "4");
}

#[test]
fn a_graph_is_one_object_with_tables_that_are_not_for_others() {
    let place = Place::new();
    let graph = |action| Step { tables: vec!["nodes".into(), "edges".into()], action, ..a_step(7, "graph", "g") };
    let stage_graph = |stage: &dyn Stage, step: &Step, ids: std::ops::Range<i64>| {
        let mut work = stage.open(step, Unit::Whole).unwrap();
        for table in ["edges", "nodes"] {
            work.create_table(table, a_table()).unwrap();
            work.append(table, &[], "arrow", some_rows(ids.clone())).unwrap();
        }
        work.put_document("{}").unwrap();
        work.commit(counts(2)).unwrap();
    };
    let stage = place.begin("r-1");
    stage_graph(&*stage, &graph(Action::Create), 0..2);
    switch(&*stage, &[graph(Action::Create)]).unwrap();
    drop(stage);
    let facts = place.facts();
    let nodes = ObjectName::new("table", Some("main"), "g_nodes");
    assert_eq!(facts.objects[&nodes].fixed.as_deref(), Some("It belongs to graph main.g"));
    assert_eq!(facts.objects[&ObjectName::new("graph", Some("main"), "g")].fixed, None);

    let stage = place.begin("r-2");
    let steal = with(Action::Replace, a_step(1, "table", "g_nodes"));
    stage_table(&*stage, &steal, 0..1);
    assert_eq!(stage.rehearse(&[steal]).unwrap()[0].code, "plan.target_changed");
    stage.fail("{}").unwrap();

    let before = place.visible();
    let stage = place.begin("r-3");
    let step = aside("old", graph(Action::Create));
    stage_graph(&*stage, &step, 5..9);
    switch(&*stage, &[step]).unwrap();
    drop(stage);
    assert_eq!(place.text("SELECT (SELECT count(*) FROM g_edges), (SELECT count(*) FROM \"old.g_nodes\")"), "4|2");
    assert!(place.facts().objects.contains_key(&ObjectName::new("graph", Some("old"), "g")));
    assert!(place.facts().objects.contains_key(&ObjectName::new("table", Some("old"), "g_edges")));
    place.target.undo("r-3").unwrap();
    assert_eq!(place.visible(), before);
    assert!(!place.facts().schemas.contains("old"));
}
