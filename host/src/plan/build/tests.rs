//! Tables of cases for planning.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::ObjectName;
use crate::facts::Existing;
use crate::plan::Policy;
use crate::plan::fixture::{Sample, assert_findings, name, object, plugin, selectors};

fn order(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.object.to_string()).collect()
}

fn step<'a>(plan: &'a Plan, object: &str) -> &'a Step {
    plan.steps.iter().find(|step| step.object == name(object)).unwrap()
}

fn options(policy: Policy) -> Options {
    Options { restore_policy: policy, ..Options::default() }
}

#[test]
fn policies_decide_what_happens_to_a_taken_name() {
    for (policy, object, existing, action, aside, reason) in [
        (Policy::None, "table main.a", None, Action::Create, None, "The name is free"),
        (Policy::Replace, "table main.a", None, Action::Create, None, "The name is free"),
        (
            Policy::None,
            "table main.a",
            Some("table main.a"),
            Action::Create,
            None,
            "The name is taken by the existing table",
        ),
        (
            Policy::Replace,
            "view main.a",
            Some("view main.a"),
            Action::Replace,
            None,
            "Replaces the existing view, which is kept until discard",
        ),
        (
            Policy::Rename,
            "table main.a",
            Some("table main.a"),
            Action::Rename,
            Some("table before_abababab.a"),
            "The existing table is moved to before_abababab.a",
        ),
        (Policy::Rename, "user ana", Some("user ana"), Action::Rename, None, "The existing user cannot be moved aside"),
        (
            Policy::Replace,
            "table main.a",
            Some("view main.a"),
            Action::Create,
            None,
            "The name is taken by view main.a",
        ),
        (
            Policy::Replace,
            "table main.a",
            Some("table main.A"),
            Action::Create,
            None,
            "The name is taken by table main.A",
        ),
        (Policy::None, "role ana", Some("user ana"), Action::Create, None, "The name is free"),
    ] {
        let mut sample = Sample::of(&[object]);
        sample.options = options(policy);
        sample.exists(existing.as_slice());
        let plan = sample.plan();
        let step = step(&plan, object);
        assert_eq!((step.action, step.reason.as_str()), (action, reason), "{policy:?} {object} {existing:?}");
        assert_eq!(step.aside, aside.map(name));
        assert_eq!(step.existing.is_some(), existing == Some(object));
    }
}

#[test]
fn what_is_fixed_is_not_moved() {
    let mut sample = Sample::of(&["table main.a"]);
    sample.options = options(Policy::Rename);
    let fixed = Existing {
        fingerprint: "f".to_owned(),
        fixed: Some("it is a virtual table".to_owned()),
        ..Existing::default()
    };
    sample.facts.objects.insert(name("table main.a"), fixed);
    assert_eq!(step(&sample.plan(), "table main.a").aside, None);
}

#[test]
fn rows_are_added_to_what_is_there_and_to_nothing_else() {
    let mut sample = Sample::of(&["table main.a > table main.b", "table main.b", "view main.v > table main.a"]);
    sample.options = Options { rows_only: true, restore_policy: Policy::Replace, ..Options::default() };
    sample.options.exclude = crate::plan::fixture::selectors(&["table:b"]);
    sample.exists(&["table main.a"]);
    let plan = sample.plan();
    assert_eq!(order(&plan), ["table main.a"]);
    let step = step(&plan, "table main.a");
    assert_eq!((step.action, step.existing.as_deref(), step.parts), (Action::Fill, Some("f1"), 2));
    assert!(plan.findings.is_empty(), "{:?}", plan.findings);
    sample.facts.objects.clear();
    let plan = sample.plan();
    assert_eq!(plan.steps[0].reason, "There is no such table to add rows to");
}

#[test]
fn a_schema_of_our_own_archives_comes_before_what_lives_in_it_and_stays_where_it_is() {
    let mut sample = Sample::of(&["table app.a", "schema app", "view main.v"]);
    sample.knows_dumps();
    let plan = sample.plan();
    assert_eq!(step(&plan, "table app.a").needs, [step(&plan, "schema app").id]);
    assert_eq!((step(&plan, "schema app").action, &plan.schemas[..]), (Action::Create, &["app".to_owned()][..]));
    assert!(sample.check().is_ok());
    sample.options.select = crate::plan::fixture::selectors(&["schema:app"]);
    assert_eq!(sample.plan().schemas, ["app"]);
    sample.facts.schemas.insert("app".to_owned());
    assert!(step(&sample.plan(), "schema app").reason.contains("what is said of it is kept"));
    sample.exists(&["schema app"]);
    for policy in [Policy::None, Policy::Replace, Policy::Rename] {
        sample.options.restore_policy = policy;
        let plan = sample.plan();
        let step = step(&plan, "schema app");
        assert_eq!(step.action, Action::Skip);
        assert_eq!(step.reason, "The target has the schema, which stays as it is");
    }
}

#[test]
fn schemas_that_are_objects_are_mapped_and_make_room() {
    let mut sample = Sample::of(&["schema app", "table app.a > schema app"]);
    sample.knows_dumps();
    sample.catalog.layout = Some("pgdump".to_owned());
    sample.options.target_schema_map = BTreeMap::from([("app".to_owned(), "copy".to_owned())]);
    sample.options.create_schema_if_not_exist = true;
    let plan = sample.plan();
    assert_eq!(step(&plan, "schema app").into, name("schema copy"));
    assert_eq!(step(&plan, "table app.a").into, name("table copy.a"));
    assert!(plan.schemas.is_empty());
    sample.options.select = crate::plan::fixture::selectors(&["table"]);
    assert_eq!(sample.plan().schemas, ["copy"]);
    assert!(sample.check().is_ok());
    (sample.options.create_schema_if_not_exist, sample.options.select) = (false, Vec::new());
    sample.facts.schemas.insert("copy".to_owned());
    sample.exists(&["schema copy"]);
    assert_eq!(step(&sample.plan(), "schema app").action, Action::Skip);
    assert!(sample.check().is_ok());
}

#[test]
fn the_role_that_restores_is_left_alone() {
    let mut sample = Sample::of(&["user ana", "role ana", "user bob"]);
    sample.options = options(Policy::Replace);
    sample.facts.identity = Some("ana".to_owned());
    sample.exists(&["user ana", "role ana", "user bob"]);
    let actions: Vec<Action> = sample.plan().steps.iter().map(|step| step.action).collect();
    assert_eq!(actions, [Action::Skip, Action::Skip, Action::Replace]);
    assert_eq!(sample.plan().steps[0].reason, "It runs this restore and stays as it is");
}

#[test]
fn the_generated_schema_is_new_and_always_the_same() {
    for (schemas, objects, expected) in [
        (&["main"][..], &["table main.a"][..], "before_abababab"),
        (&["main", "before_abababab"], &["table main.a"], "before_abababab_2"),
        (&["main", "BEFORE_abababab", "before_abababab_2"], &["table main.a"], "before_abababab_3"),
        (&["main"], &["table main.a", "table before_abababab.a"], "before_abababab_2"),
    ] {
        let mut sample = Sample::of(objects);
        sample.options = options(Policy::Rename);
        sample.exists(&["table main.a"]);
        sample.facts.schemas = schemas.iter().map(|schema| (*schema).to_owned()).collect();
        let plan = sample.plan();
        assert_eq!(step(&plan, "table main.a").aside.as_ref().unwrap().schema.as_deref(), Some(expected));
        assert!(plan.schemas.contains(&expected.to_owned()));
        assert_eq!(plan, sample.plan());
    }
}

#[test]
fn a_named_schema_takes_what_is_moved() {
    let mut sample = Sample::of(&["table main.a"]);
    sample.options = Options { renamed_objects_schema: Some("old".to_owned()), ..options(Policy::Rename) };
    sample.exists(&["table main.a"]);
    assert_eq!(step(&sample.plan(), "table main.a").aside, Some(name("table old.a")));
    assert_eq!(sample.plan().schemas, ["old"]);
    sample.facts.schemas.insert("OLD".to_owned());
    assert!(sample.plan().schemas.is_empty());
}

#[test]
fn schemas_are_mapped_and_created_when_asked() {
    let mut sample = Sample::of(&["table main.a > table other.b", "table other.b", "user ana"]);
    sample.options.target_schema_map = BTreeMap::from([("main".to_owned(), "copy".to_owned())]);
    let plan = sample.plan();
    assert_eq!(step(&plan, "table main.a").into, name("table copy.a"));
    assert_eq!(step(&plan, "table other.b").into, name("table other.b"));
    assert_eq!(step(&plan, "user ana").into, name("user ana"));
    assert_eq!(plan.schemas, ["copy", "other"]);
    sample.options.create_schema_if_not_exist = false;
    assert!(sample.plan().schemas.is_empty());
}

#[test]
fn steps_are_in_order_and_keep_the_archives_where_they_may() {
    for (objects, expected) in [
        (&["table main.c", "table main.b", "table main.a"][..], &["table main.c", "table main.b", "table main.a"][..]),
        (
            &["view main.v > table main.b", "table main.a", "table main.b"],
            &["table main.a", "table main.b", "view main.v"],
        ),
        // Case, and tables taken for views, as the backup's own system would find them.
        (&["view main.v > table MAIN.B", "table main.b"], &["table main.b", "view main.v"]),
        (&["view main.v > table main.w", "view main.w"], &["view main.w", "view main.v"]),
        (&["table main.a > table main.a"], &["table main.a"]),
    ] {
        assert_eq!(order(&Sample::of(objects).plan()), expected);
    }
}

#[test]
fn edges_name_steps_by_number_and_cycles_come_in_two_phases() {
    let mut sample = Sample::of(&[
        "view main.v > table main.a",
        "table main.a > table main.b, table main.a, table main.c",
        "table main.b > table main.a",
        "table main.c",
    ]);
    sample.outlook("table main.a").dependencies = vec![name("table main.b"), name("table main.B")];
    let plan = sample.plan();
    assert_eq!(order(&plan), ["table main.c", "table main.a", "table main.b", "view main.v"]);
    let edges: Vec<(u32, &[u32], &[u32])> =
        plan.steps.iter().map(|step| (step.id, step.needs.as_slice(), step.needs_loaded.as_slice())).collect();
    assert_eq!(edges, [(1, &[][..], &[][..]), (2, &[1], &[3]), (3, &[], &[2]), (4, &[2], &[])]);
    assert!(plan.findings.is_empty());
}

#[test]
fn a_further_table_is_found_by_its_own_name() {
    let mut sample = Sample::of(&["view main.v > table main.g_nodes", "graph main.g"]);
    sample.outlook("graph main.g").tables = vec!["nodes".to_owned(), "edges".to_owned()];
    let plan = sample.plan();
    assert_eq!(step(&plan, "view main.v").needs, [step(&plan, "graph main.g").id]);
    assert_eq!(step(&plan, "graph main.g").tables, ["nodes", "edges"]);
}

#[test]
fn what_nothing_brings_is_found() {
    let objects = ["view main.v > table main.a, table main.zz", "table main.a", "user ana > table main.a, role r"];
    for (select, exclude, exists, expected) in [
        (&["view"][..], &[][..], &["table main.a", "table main.zz"][..], &[][..]),
        (
            &["view"],
            &[],
            &[],
            &[
                "Refusal plan.dependency_missing view main.v: View main.v needs table main.a, neither selected nor in the target [--select table:main.a]",
                "Refusal plan.dependency_missing view main.v: View main.v needs table main.zz, neither in the archive nor in the target [--exclude view:main.v]",
            ],
        ),
        (
            &[],
            &["*:a"],
            &["table main.ZZ", "role r"],
            &[
                "Refusal … view main.v … [Leave out --exclude '*:a']",
                "Warning … User ana refers to table main.a … [Leave out --exclude '*:a']",
            ],
        ),
        (&["user"], &[], &["role r"], &["Warning … User ana refers to table main.a … [--select table:main.a]"]),
    ] {
        let mut sample = Sample::of(&objects);
        sample.options.select = selectors(select);
        sample.options.exclude = selectors(exclude);
        sample.exists(exists);
        sample.finds(expected);
    }
}

#[test]
fn a_dependency_is_looked_for_under_its_mapped_name() {
    let mut sample = Sample::of(&["view main.v > table main.a", "table main.a"]);
    sample.options.select = selectors(&["view"]);
    sample.options.target_schema_map = BTreeMap::from([("main".to_owned(), "copy".to_owned())]);
    sample.exists(&["table main.a"]);
    assert_eq!(sample.plan().findings.len(), 1);
    sample.exists(&["table copy.a"]);
    assert!(sample.plan().findings.is_empty());
}

#[test]
fn plugins_speak_of_their_own_object_only() {
    let mut sample = Sample::of(&["table main.a", "table main.b"]);
    sample.outlook("table main.a").findings =
        vec![Finding::warning("table.odd", "Odd", "none").about(&name("table main.b"))];
    assert_findings(&sample.findings(), &["Warning table.odd table main.a: Odd [none]"]);
}

#[test]
fn an_unknown_kind_is_a_step_that_does_nothing() {
    let sample = Sample::of(&["widget main.w", "table main.a > widget main.w"]);
    let plan = sample.plan();
    let step = step(&plan, "widget main.w");
    assert_eq!((step.action, step.plugin.as_str()), (Action::Skip, ""));
    assert_eq!(plan.totals.objects, 1);
    assert_eq!(plan.plugins.iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>(), ["tables"]);
}

#[test]
fn totals_and_parts() {
    let mut sample = Sample::of(&["table main.a", "table main.b", "view main.v"]);
    let totals = sample.plan().totals;
    assert_eq!(totals, Totals { objects: 3, parts: 4, rows: 30, read_bytes: 200, target_bytes: 300 });
    sample.options.ddl_only = true;
    assert_eq!((sample.plan().totals.parts, sample.plan().totals.read_bytes), (0, 0));
    for object in ["table main.a", "table main.b"] {
        (sample.outlook(object).rows, sample.outlook(object).bytes) = (u64::MAX, u64::MAX);
    }
    assert_eq!((sample.plan().totals.rows, sample.plan().totals.target_bytes), (u64::MAX, u64::MAX));
}

#[test]
fn payloads_that_are_no_rows_belong_to_the_definition() {
    let mut environment = object(0, "table main.env");
    for entry in &mut environment.entries {
        (entry.form, entry.rows) = ("bytes".to_owned(), None);
    }
    environment.name = name("function_environment env");
    let mut sample = Sample::from_objects(vec![environment, object(1, "table main.a")]);
    sample.plugins.push(plugin("functions", &[("function_environment", false)]));
    sample.options.ddl_only = true;
    let plan = sample.plan();
    assert_eq!(plan.steps.iter().map(|step| step.parts).collect::<Vec<_>>(), [2, 0]);
}

#[test]
fn a_hundred_thousand_objects() {
    const COUNT: usize = 100_000;
    let named = |at: usize| ObjectName::new("table", Some("main"), format!("t{at}"));
    let objects = (0..COUNT).map(|at| {
        let mut object = object(at, "view main.x");
        object.name = named(at);
        // Chains against the archive's order, and a ring of ten in every thousand.
        object.depends = match at % 1000 {
            0..9 => vec![named(at + 1)],
            9 => vec![named(at - 9)],
            _ if at + 1 < COUNT => vec![named(at + 1)],
            _ => Vec::new(),
        };
        object
    });
    let mut sample = Sample::from_objects(objects.collect());
    sample.options = options(Policy::Rename);
    sample.facts.objects = (0..COUNT / 2).map(|at| (named(at * 2), crate::plan::fixture::existing("f"))).collect();
    let plan = sample.plan();
    let mut places = vec![0; COUNT + 1];
    for (place, step) in plan.steps.iter().enumerate() {
        places[step.id as usize] = place;
    }
    assert!(plan.steps.iter().all(|step| step.needs.iter().all(|id| places[*id as usize] < places[step.id as usize])));
    assert_eq!(plan.steps.iter().filter(|step| !step.needs_loaded.is_empty()).count(), COUNT / 100);
    assert_eq!(plan.steps.iter().filter(|step| step.action == Action::Rename).count(), COUNT / 2);
    let checked = sample.check_plan(plan).unwrap();
    let adopted = crate::plan::adopt(Plan::from_json(&checked.plan().to_json()).unwrap(), checked.plan()).unwrap();
    assert_eq!(&adopted, checked.plan());
}
