//! Stages beside the live objects.

use super::*;

const LIVE: &str = "CREATE TABLE t(id serial PRIMARY KEY, v text CHECK (v <> '')); INSERT INTO t(v) VALUES ('old');
    CREATE FUNCTION f(x integer) RETURNS text LANGUAGE sql AS $$ SELECT 'old' $$;
    CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE other(t_id integer REFERENCES t, d text DEFAULT f(1));
    INSERT INTO other VALUES (1); CREATE VIEW seen AS SELECT id, v FROM t;
    CREATE INDEX by_v ON t(v);";

fn steps() -> Vec<Step> {
    use Action::{Create, Replace};
    vec![
        step(1, Replace, name("table", "public.t"), &[]),
        step(2, Replace, name("sequence", "public.t_id_seq"), &[1]),
        step(3, Replace, name("user_defined_function", "public.f(integer)"), &[]),
        step(4, Replace, name("type", "public.mood"), &[]),
        step(5, Create, name("table", "public.n"), &[1, 4]),
        step(6, Replace, name("index", "public.by_v"), &[1]),
        step(7, Create, name("foreign_key", "public.n n_t_fkey"), &[1, 5]),
        step(8, Create, name("foreign_key", "public.n n_other_fkey"), &[5]),
        step(9, Create, name("schema", "fresh"), &[]),
        step(10, Create, name("view", "fresh.w"), &[1, 9]),
        step(11, Create, name("comment", "public.SCHEMA public"), &[]),
        step(12, Create, name("constraint", "public.t t_pkey"), &[1]),
    ]
}

fn scripts() -> Vec<Script<'static>> {
    let part = |qualified: &str| Scope::PartOf(name("table", qualified));
    vec![
        (1, "CREATE TABLE public.t (id integer NOT NULL, v text, CONSTRAINT c CHECK (v <> ''))", Scope::Itself, None),
        (1, "INSERT INTO public.t VALUES (1, 'new'), (2, 'new')", Scope::Itself, None),
        (
            2,
            "CREATE SEQUENCE public.t_id_seq; ALTER SEQUENCE public.t_id_seq OWNED BY public.t.id",
            Scope::Itself,
            None,
        ),
        (
            2,
            "ALTER TABLE ONLY public.t ALTER COLUMN id SET DEFAULT nextval('public.t_id_seq'::regclass)",
            part("public.t"),
            None,
        ),
        (3, "CREATE FUNCTION public.f(x integer) RETURNS text LANGUAGE sql AS $$ SELECT 'new' $$", Scope::Itself, None),
        (4, "CREATE TYPE public.mood AS ENUM ('happy')", Scope::Itself, None),
        (5, "CREATE TABLE public.n (t_id integer, m public.mood)", Scope::Itself, None),
        (5, "INSERT INTO public.n VALUES (2, 'happy')", Scope::Itself, None),
        (12, "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id)", part("public.t"), None),
        (6, "CREATE INDEX by_v ON public.t USING btree (v)", part("public.t"), None),
        (
            7,
            "ALTER TABLE ONLY public.n ADD CONSTRAINT n_t_fkey FOREIGN KEY (t_id) REFERENCES public.t(id)",
            part("public.n"),
            None,
        ),
        (9, "CREATE SCHEMA fresh", Scope::Database, Some("DROP SCHEMA fresh")),
        (10, "CREATE VIEW fresh.w AS SELECT t.id FROM public.t", Scope::Itself, None),
        (
            11,
            "COMMENT ON SCHEMA public IS 'restored'",
            Scope::Database,
            Some("COMMENT ON SCHEMA public IS 'standard public schema'"),
        ),
    ]
}

/// What anybody sees.
fn visible(place: &Place) -> Vec<String> {
    let mut seen = place.rows("SELECT v FROM t ORDER BY id");
    seen.extend(place.rows("SELECT f(1)"));
    seen.extend(place.rows("SELECT unnest(enum_range(NULL::mood))"));
    seen.extend(place.rows("SELECT id, v FROM seen ORDER BY 1"));
    seen.extend(place.rows("SELECT t_id, d FROM other"));
    seen.extend(place.rows("SELECT conname, conrelid::regclass, confrelid::regclass FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1"));
    seen.extend(place.rows("SELECT coalesce(obj_description('public'::regnamespace, 'pg_namespace'), '')"));
    seen.extend(place.rows("SELECT to_regclass('public.n'), to_regclass('fresh.w'), to_regclass('public.by_v')"));
    seen
}

fn ordered() -> Vec<Step> {
    let mut steps = steps();
    // The key comes before what refers to it.
    let key = steps.pop().unwrap();
    steps.insert(5, key);
    steps.retain(|step| step.id != 8);
    steps
}

fn undisturbed() -> (Place, Plan, Vec<String>) {
    let place = Place::with(LIVE);
    let plan = plan(StageKind::Beside, &ordered(), &[]);
    let before = visible(&place);
    (place, plan, before)
}

#[test]
fn objects_of_every_kind_are_exchanged_and_exchanged_again() {
    let (place, plan, before) = undisturbed();
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &plan.steps, &scripts()).unwrap();
    assert_eq!(visible(&place), before, "Nothing is seen before the switch");
    assert_eq!(stage.rehearse(&plan.steps).unwrap(), []);
    assert_eq!(visible(&place), before, "A rehearsal is taken back");
    assert_eq!(place.status("r-1"), Some(JobStatus::Running));
    finish(&*stage, &plan.steps).unwrap();
    drop(stage);
    let after = visible(&place);
    assert_eq!(
        after,
        [
            "new",
            "new",
            "new",
            "happy",
            "1|new",
            "2|new",
            "1|old",
            "n_t_fkey|n|t",
            "other_t_id_fkey|other|t",
            "restored",
            "n|fresh.w|by_v"
        ]
    );
    assert_eq!(place.rows("SELECT pg_get_serial_sequence('t', 'id'), nextval('t_id_seq')"), ["public.t_id_seq|1"]);
    place.sql("DELETE FROM t WHERE v = 'x'; INSERT INTO other(t_id) VALUES (2); DELETE FROM other WHERE t_id = 2");
    assert!(place.schemas().iter().all(|schema| !schema.starts_with("reinstate_stage_")), "{:?}", place.schemas());
    let target = place.target();
    assert_eq!(target.jobs().unwrap()[0].report.as_deref(), Some("attempts 1"));
    for (seen, status) in [(&before, JobStatus::Undone), (&after, JobStatus::Succeeded), (&before, JobStatus::Undone)] {
        target.undo("r-1").unwrap();
        assert_eq!(&visible(&place), seen);
        assert_eq!(place.status("r-1"), Some(status));
    }
    assert_eq!(place.rows("SELECT to_regnamespace('fresh')"), ["NULL"]);
    target.undo("r-1").unwrap();
    target.discard("r-1").unwrap();
    assert_eq!(visible(&place), after);
    assert_eq!(place.status("r-1"), Some(JobStatus::Discarded));
    assert_eq!(place.schemas(), ["fresh", "public", "reinstate"]);
    assert_eq!(code(target.undo("r-1")), "job.not_possible");
}

#[test]
fn what_is_undone_can_be_discarded() {
    let (place, plan, before) = undisturbed();
    restore(&place, &plan, "r-1", &scripts()).unwrap();
    place.target().undo("r-1").unwrap();
    place.target().discard("r-1").unwrap();
    assert_eq!(visible(&place), before);
    assert_eq!(place.schemas(), ["public", "reinstate"]);
}

#[test]
fn an_aborted_job_leaves_no_trace_and_a_failed_one_its_record() {
    let (place, plan, before) = undisturbed();
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &plan.steps, &scripts()).unwrap();
    assert_eq!(code(place.target().abort("r-1")), "target.busy");
    stage.interrupt().unwrap();
    assert_eq!(place.status("r-1"), Some(JobStatus::Interrupted));
    place.target().abort("r-1").unwrap();
    assert_eq!((visible(&place), place.schemas()), (before.clone(), vec!["public".to_owned()]));
    let stage = place.target().begin(&job("r-2", &plan)).unwrap();
    work(&*stage, &plan.steps, &scripts()).unwrap();
    stage.fail("why").unwrap();
    assert_eq!((visible(&place), place.status("r-2")), (before, Some(JobStatus::Failed)));
    assert_eq!(place.schemas(), ["public", "reinstate"]);
}

#[test]
fn what_runs_at_once_is_taken_back() {
    let place = Place::with("");
    let plan = plan(StageKind::Beside, &[step(1, Action::Create, name("extension", "hstore"), &[])], &[]);
    let script = ("CREATE EXTENSION hstore WITH SCHEMA public", Scope::Foundation, Some("DROP EXTENSION hstore"));
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &plan.steps, &[(1, script.0, script.1, script.2)]).unwrap();
    assert_eq!(place.rows("SELECT 1 FROM pg_extension WHERE extname = 'hstore'").len(), 1);
    drop(stage);
    place.target().abort("r-1").unwrap();
    assert_eq!(place.rows("SELECT 1 FROM pg_extension WHERE extname = 'hstore'").len(), 0);
    assert_eq!(place.schemas(), ["public"]);
}

#[test]
fn schemas_take_other_names_and_renamed_objects_stay_visible() {
    let place = Place::with("CREATE SCHEMA b; CREATE TABLE b.t(x integer PRIMARY KEY); INSERT INTO b.t VALUES (1)");
    let renaming = Step {
        into: name("table", "b.t"),
        aside: Some(name("table", "b_old.t")),
        ..step(1, Action::Rename, name("table", "a.t"), &[])
    };
    let view = Step { into: name("view", "b.v"), ..step(2, Action::Create, name("view", "a.v"), &[1]) };
    let plan = plan(StageKind::Beside, &[renaming, view], &[("a", "b")]);
    let scripts: [Script<'_>; 2] = [
        (1, "CREATE TABLE a.t (x integer PRIMARY KEY); INSERT INTO a.t VALUES (2)", Scope::Itself, None),
        (2, "CREATE VIEW a.v AS SELECT t.x FROM a.t", Scope::Itself, None),
    ];
    restore(&place, &plan, "r-1", &scripts).unwrap();
    let seen = || place.rows("SELECT x FROM b.t");
    assert_eq!(
        (seen(), place.rows("SELECT x FROM b_old.t"), place.rows("SELECT x FROM b.v")),
        (vec!["2".into()], vec!["1".into()], vec!["2".into()])
    );
    place.target().undo("r-1").unwrap();
    assert_eq!(seen(), ["1"]);
    assert_eq!(place.rows("SELECT to_regnamespace('b_old'), to_regclass('b.v')"), ["NULL|NULL"]);
    place.target().undo("r-1").unwrap();
    place.target().discard("r-1").unwrap();
    assert_eq!(place.rows("SELECT x FROM b_old.t"), ["1"], "What was moved is not what was put aside for undo");
}

#[test]
fn rows_are_added_in_the_switch() {
    let place = Place::with(
        "CREATE TABLE t(id integer GENERATED ALWAYS AS IDENTITY, v text, w text GENERATED ALWAYS AS (v || '!') STORED); INSERT INTO t(v) VALUES ('a')",
    );
    let plan = plan(StageKind::Beside, &[step(1, Action::Fill, name("table", "public.t"), &[])], &[]);
    let script: Script<'_> = (1, "INSERT INTO public.t(id, v) VALUES (7, 'b')", Scope::Itself, None);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &plan.steps, &[script]).unwrap();
    assert_eq!(place.rows("SELECT id, w FROM t"), ["1|a!"]);
    finish(&*stage, &plan.steps).unwrap();
    drop(stage);
    assert_eq!(place.rows("SELECT id, w FROM t ORDER BY 1"), ["1|a!", "7|b!"]);
    assert_eq!(code(place.target().undo("r-1")), "job.not_possible");
    place.target().discard("r-1").unwrap();
}

#[test]
fn a_failed_step_is_left_out() {
    let place = Place::with("");
    let steps = [
        step(1, Action::Create, name("table", "public.a"), &[]),
        step(2, Action::Create, name("table", "public.b"), &[]),
    ];
    let plan = plan(StageKind::Beside, &steps, &[]);
    let scripts: [Script<'_>; 3] = [
        (1, "CREATE TABLE public.a (x integer)", Scope::Itself, None),
        (2, "CREATE TABLE public.b (x integer)", Scope::Itself, None),
        (1, "COMMENT ON DATABASE postgres IS 'x'", Scope::Database, None),
    ];
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &steps, &scripts).unwrap();
    stage.forget(&steps[0]).unwrap();
    assert_eq!(stage.journal().unwrap().into_keys().collect::<Vec<_>>(), [(2, Unit::Whole)]);
    finish(&*stage, &steps[1..]).unwrap();
    assert_eq!(place.rows("SELECT to_regclass('a'), to_regclass('b')"), ["NULL|b"]);
}

#[test]
fn what_changes_meanwhile_stops_the_switch() {
    let (place, plan, _) = undisturbed();
    for (meanwhile, expected) in [
        ("CREATE TABLE n()", "plan.target_changed"),
        ("DROP TABLE n; CREATE MATERIALIZED VIEW m AS SELECT * FROM t", "plan.cannot_replace"),
        ("DROP MATERIALIZED VIEW m; DROP FUNCTION f CASCADE", "plan.target_changed"),
    ] {
        let stage = place.target().begin(&job("r-1", &plan)).unwrap();
        work(&*stage, &plan.steps, &scripts()).unwrap();
        place.sql(meanwhile);
        let found = stage.rehearse(&plan.steps).unwrap();
        assert_eq!(found.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), [expected], "{meanwhile}");
        assert_eq!(code(stage.switch(&plan.steps, &|_| String::new())), expected, "{meanwhile}");
        stage.interrupt().unwrap();
        place.target().abort("r-1").unwrap();
    }
}

#[test]
fn later_jobs_are_undone_first() {
    let place = Place::with("CREATE TABLE t(x integer)");
    let plan = plan(StageKind::Beside, &[step(1, Action::Replace, name("table", "public.t"), &[])], &[]);
    for (named, value) in [("r-1", 1), ("r-2", 2)] {
        let script = format!("CREATE TABLE public.t (x integer); INSERT INTO public.t VALUES ({value})");
        restore(&place, &plan, named, &[(1, &script, Scope::Itself, None)]).unwrap();
    }
    let target = place.target();
    assert_eq!(code(target.undo("r-1")), "job.superseded");
    target.undo("r-2").unwrap();
    assert_eq!(place.rows("SELECT x FROM t"), ["1"]);
    target.undo("r-1").unwrap();
    assert_eq!(place.rows("SELECT x FROM t"), [""; 0]);
    assert_eq!(code(target.undo("r-2")), "job.superseded");
    target.undo("r-1").unwrap();
    target.undo("r-2").unwrap();
    assert_eq!(place.rows("SELECT x FROM t"), ["2"]);
    place.sql("CREATE VIEW v AS SELECT x FROM t");
    target.undo("r-2").unwrap();
    assert_eq!(place.rows("SELECT x FROM v"), ["1"], "A view that was made since sees what came back");
    place.sql("CREATE MATERIALIZED VIEW m AS SELECT x FROM t");
    assert_eq!(code(target.undo("r-2")), "job.superseded");
}

#[test]
fn one_job_at_a_time() {
    let place = Place::with("");
    let plan = plan(StageKind::Beside, &[], &[]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    for refused in [place.target().begin(&job("r-2", &plan)).map(drop), place.target().resume("r-1").map(drop)] {
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("target.busy", "Job r-1 is working on this target"));
    }
    assert_eq!(place.target().inspect().unwrap().health.busy.as_deref(), Some("r-1"));
    drop(stage);
    assert_eq!(place.target().inspect().unwrap().health.interrupted, ["r-1"]);
    place.target().resume("r-1").map(drop).unwrap();
    for refused in [place.target().abort("r-9"), place.target().undo("r-9").map(drop), place.target().discard("r-9")] {
        assert_eq!(code(refused), "job.not_found");
    }
}

#[test]
fn roles_come_with_the_switch() {
    let place = Place::with("");
    let role = format!("{}_role", place.database);
    let steps =
        [step(1, Action::Create, name("role", &role), &[]), step(2, Action::Create, name("table", "public.t"), &[])];
    let plan = plan(StageKind::Beside, &steps, &[]);
    let create = format!("CREATE ROLE {role}");
    let drop_it = format!("DROP ROLE {role}");
    let owner = format!("ALTER TABLE public.t OWNER TO {role}");
    let scripts: [Script<'_>; 3] = [
        (2, "CREATE TABLE public.t ()", Scope::Itself, None),
        (2, &owner, Scope::Database, None),
        (1, &create, Scope::Database, Some(&drop_it)),
    ];
    let there = || place.rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")).len();
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &steps, &scripts).unwrap();
    assert_eq!(there(), 0);
    finish(&*stage, &steps).unwrap();
    drop(stage);
    assert_eq!(place.rows("SELECT tableowner FROM pg_tables WHERE tablename = 't'"), std::slice::from_ref(&role));
    place.target().undo("r-1").unwrap();
    assert_eq!(there(), 1, "What is kept is the role's");
    place.target().undo("r-1").unwrap();
    place.target().undo("r-1").unwrap();
    place.target().discard("r-1").unwrap();
    assert_eq!(there(), 0);
}

#[test]
fn partitions_follow_their_table() {
    let place = Place::with(
        "CREATE TABLE p(x integer) PARTITION BY LIST (x); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1), (2)",
    );
    let one = plan(StageKind::Beside, &[step(1, Action::Replace, name("table", "public.p1"), &[])], &[]);
    // The partition alone: its place is taken by the new one, and taken back.
    let scripts: [Script<'_>; 2] = [
        (1, "CREATE TABLE public.p1 (x integer); INSERT INTO public.p1 VALUES (1), (1)", Scope::Itself, None),
        (
            1,
            "ALTER TABLE ONLY public.p ATTACH PARTITION public.p1 FOR VALUES IN (1)",
            Scope::PartOf(name("table", "public.p1")),
            Some("ALTER TABLE public.p DETACH PARTITION public.p1"),
        ),
    ];
    let count = || place.rows("SELECT count(*) FROM p");
    restore(&place, &one, "r-1", &scripts).unwrap();
    assert_eq!(count(), ["3"]);
    place.target().undo("r-1").unwrap();
    assert_eq!(count(), ["2"]);
    let whole = plan(StageKind::Beside, &[step(1, Action::Replace, name("table", "public.p"), &[])], &[]);
    restore(
        &place,
        &whole,
        "r-2",
        &[(1, "CREATE TABLE public.p (x integer) PARTITION BY LIST (x)", Scope::Itself, None)],
    )
    .unwrap();
    assert_eq!((count(), place.rows("SELECT to_regclass('p2')")), (vec!["0".into()], vec!["NULL".into()]));
    place.target().undo("r-2").unwrap();
    assert_eq!((count(), place.rows("SELECT to_regclass('p2')")), (vec!["2".into()], vec!["p2".into()]));
}

#[test]
fn parts_of_live_objects_are_made_in_the_switch() {
    let place = Place::with(
        "CREATE TABLE p(id integer PRIMARY KEY); CREATE TABLE t(x integer DEFAULT 1 REFERENCES p, CONSTRAINT c CHECK (x > 1));
         CREATE INDEX i ON t(x); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); CREATE POLICY y ON t FOR SELECT TO public USING (x > 1)",
    );
    let described = || {
        let mut all = place.rows("SELECT pg_get_indexdef('i'::regclass)");
        all.extend(place.rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't'::regclass ORDER BY 1",
        ));
        all.extend(place.rows("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal ORDER BY 1"));
        all.extend(place.rows("SELECT polname, polcmd, pg_get_expr(polqual, polrelid) FROM pg_policy"));
        all.extend(place.rows("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 't'::regclass"));
        all
    };
    let part = |id, action, kind, named| step(id, action, name(kind, named), &[]);
    let steps = [
        part(1, Action::Replace, "index", "public.i"),
        part(2, Action::Replace, "check_constraint", "public.t c"),
        part(3, Action::Create, "foreign_key", "public.t f"),
        part(4, Action::Replace, "trigger", "public.t g"),
        part(5, Action::Replace, "policy", "public.t y"),
        part(6, Action::Create, "default", "public.t x"),
    ];
    let on = || Scope::PartOf(name("table", "public.t"));
    let scripts: [Script<'_>; 6] = [
        (1, "CREATE INDEX i ON public.t USING btree (x DESC)", on(), None),
        (2, "ALTER TABLE public.t ADD CONSTRAINT c CHECK (x > 2)", on(), None),
        (3, "ALTER TABLE ONLY public.t ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES public.p(id)", on(), None),
        (4, "CREATE TRIGGER g AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.g()", on(), None),
        (5, "CREATE POLICY y ON public.t FOR ALL USING ((x > 3))", on(), None),
        (6, "ALTER TABLE ONLY public.t ALTER COLUMN x SET DEFAULT 7", on(), None),
    ];
    let before = described();
    restore(&place, &plan(StageKind::Beside, &steps, &[]), "r-1", &scripts).unwrap();
    let after = described();
    assert_eq!(after.iter().zip(&before).filter(|(after, before)| after == before).count(), 0, "{before:?} {after:?}");
    for expected in [&before, &after, &before] {
        place.target().undo("r-1").unwrap();
        assert_eq!(&described(), expected);
    }
}

#[test]
fn what_runs_at_once_may_need_a_schema_that_is_new() {
    let place = Place::with("");
    let steps = [
        step(1, Action::Create, name("schema", "app"), &[]),
        step(2, Action::Create, name("extension", "hstore"), &[1]),
        step(3, Action::Create, name("large_object", "LARGE OBJECTS"), &[]),
    ];
    let plan = plan(StageKind::Beside, &steps, &[]);
    let scripts: [Script<'_>; 4] = [
        (1, "CREATE SCHEMA IF NOT EXISTS app;", Scope::Foundation, Some("DROP SCHEMA app;")),
        (
            2,
            "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA app;",
            Scope::Foundation,
            Some("DROP EXTENSION hstore;"),
        ),
        (3, "SELECT pg_catalog.lo_create('77');", Scope::Itself, Some("SELECT pg_catalog.lo_unlink('77');")),
        (3, "SELECT pg_catalog.lo_put(77, 0, '\\x61');", Scope::Itself, None),
    ];
    let seen = || {
        place.rows("SELECT to_regnamespace('app'), to_regtype('app.hstore'), (SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata)")
    };
    let (none, all) = ([String::from("NULL|NULL|NULL")], [String::from("app|app.hstore|a")]);
    let stage = place.target().begin(&job("r-1", &plan)).unwrap();
    work(&*stage, &steps, &scripts).unwrap();
    drop(stage);
    place.target().abort("r-1").unwrap();
    assert_eq!(seen(), none);
    restore(&place, &plan, "r-2", &scripts).unwrap();
    assert_eq!(seen(), all);
    place.target().undo("r-2").unwrap();
    place.target().discard("r-2").unwrap();
    assert_eq!(seen(), none);
}

#[test]
fn a_table_cannot_be_built_on_one_that_stays() {
    let place = Place::with("CREATE TABLE p(x integer)");
    let steps = [step(1, Action::Create, name("table", "public.c"), &[])];
    let stage = place.target().begin(&job("r-1", &plan(StageKind::Beside, &steps, &[]))).unwrap();
    let script: Script<'_> = (1, "CREATE TABLE public.c () INHERITS (public.p)", Scope::Itself, None);
    assert_eq!(code(work(&*stage, &steps, &[script])), "target.unsupported");
}

#[test]
fn what_names_a_role_that_is_new_waits_for_it() {
    let place = Place::with("");
    let role = format!("{}_owner", place.database);
    let steps =
        [step(1, Action::Create, name("table", "public.t"), &[]), step(2, Action::Create, name("role", &role), &[])];
    let (create, drop_it) = (format!("CREATE ROLE {role}"), format!("DROP ROLE {role}"));
    let table = format!("CREATE TABLE public.t (x integer);\nALTER TABLE public.t OWNER TO {role};");
    let grant = format!("GRANT SELECT ON TABLE public.t TO {role}");
    let scripts: [Script<'_>; 3] = [
        (1, &table, Scope::Itself, None),
        (1, &grant, Scope::PartOf(name("table", "public.t")), None),
        (2, &create, Scope::Database, Some(&drop_it)),
    ];
    for kind in [StageKind::Beside, StageKind::Database] {
        let place = Place::with("");
        restore(&place, &plan(kind, &steps, &[]), "r-1", &scripts).unwrap();
        assert_eq!(place.rows("SELECT tableowner FROM pg_tables WHERE tablename = 't'"), std::slice::from_ref(&role));
        place.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}
