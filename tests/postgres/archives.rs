//! Every archive restores with the rows that its source had, and with the definitions that pg_restore brings.

use crate::scene::{Dump, Scene, dumps};
use crate::support::postgres::golden::{differences, lines_that_differ};

/// What this server does not take of a later one: generated columns that are not stored, and constraints that are not enforced.
const TOO_NEW: (&str, u32, &str) = ("torture", 18, "target.bad_definition");

/// What is the same whoever owns it.
const ROWS: [&str; 2] = ["tables", "sequences"];

fn options<'a>(dump: &Dump, globals: &'a Option<String>) -> Vec<&'a str> {
    let mut options = vec!["--allow", "all"];
    if let Some(globals) = globals {
        options.extend(["--globals", globals.as_str()]);
    }
    // The scripts of roles are those of the same servers; where one is missing, so are the owners.
    if dump.database == "torture" && globals.is_none() {
        options.extend(["--no-owner", "--no-privileges"]);
    }
    options
}

/// Restores it and compares it with what the source held.
fn restored(scene: &Scene, dump: &Dump, database: &str) {
    let globals = dump.globals();
    scene.restore(database, &dump.path, &options(dump, &globals)).expect(0);
    // As statements, pg_dump writes a negative zero as zero.
    if let Some(golden) = dump.golden().filter(|_| dump.is_whole() && !dump.how.contains("inserts")) {
        assert_eq!(differences(&golden, &scene.content(database), &ROWS), Vec::<String>::new(), "{:?}", dump.path);
    }
}

#[test]
fn whole_archives_restore_as_pg_restore_restores_them() {
    let scene = Scene::new();
    let whole = dumps().into_iter().filter(|dump| dump.is_of_this_server() && dump.is_whole());
    for dump in whole {
        let (ours, theirs) = (scene.server.database(), scene.server.database());
        restored(&scene, &dump, &ours);
        scene.server.pg_restore(&theirs, &dump.path, &[]);
        let context = format!("{:?}", dump.path);
        assert_eq!(differences(&scene.content(&ours), &scene.content(&theirs), &[]), Vec::<String>::new(), "{context}");
        let (ours, theirs) = (scene.server.definitions(&ours, &[]), scene.server.definitions(&theirs, &[]));
        assert_eq!(lines_that_differ(&ours, &theirs), Vec::<String>::new(), "{context}");
        assert_eq!(ours, theirs, "{context}: the order differs");
    }
}

#[test]
fn whole_archives_hold_what_the_source_held() {
    let scene = Scene::new();
    // The same server made these, so that nothing differs in how it writes definitions.
    for dump in
        dumps().into_iter().filter(|dump| dump.version == 15 && dump.is_whole() && !dump.how.contains("inserts"))
    {
        let Some(golden) = dump.golden() else { continue };
        let database = scene.server.database();
        restored(&scene, &dump, &database);
        // Rights on the database and its comment are its own.
        let held: Vec<_> = differences(&golden, &scene.content(&database), &[])
            .into_iter()
            .filter(|difference| !difference.starts_with("comments database"))
            .collect();
        assert_eq!(held, Vec::<String>::new(), "{:?}", dump.path);
    }
}

#[test]
fn definitions_alone_and_rows_alone_make_a_whole() {
    let scene = Scene::new();
    let all = dumps();
    let find = |how: &str| all.iter().find(|dump| dump.version == 15 && dump.how == how);
    let (Some(definitions), Some(rows)) = (find("schema-only.dump"), find("data-only.tar")) else { return };
    let database = scene.server.database();
    let globals = definitions.globals();
    scene.restore(&database, &definitions.path, &options(definitions, &globals)).expect(0);
    assert_eq!(scene.server.value(&database, "SELECT count(*) FROM t.alltypes"), "0");
    // Its rows break a check that was never validated, and PostgreSQL takes none that are new.
    let not_valid = ["--exclude", "table:t.notvalid"];
    let arguments = [&["--allow", "all", "--data-only"][..], &not_valid].concat();
    scene.restore(&database, &rows.path, &arguments).expect(0);
    let golden = rows.golden().expect("what the source held");
    let mut found = differences(&golden, &scene.content(&database), &ROWS);
    // Triggers fire as for any rows, and views that keep theirs were filled by nobody.
    let known = ["\"notvalid\"", "\"audit\"", "\"mv\"", "\"mv2\""];
    found.retain(|difference| !known.iter().any(|table| difference.contains(table)));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn archives_of_later_servers_restore_unless_their_words_are_too_new() {
    let scene = Scene::new();
    for dump in dumps().into_iter().filter(|dump| !dump.is_of_this_server() && dump.is_whole()) {
        let database = scene.server.database();
        let (name, version, code) = TOO_NEW;
        if (&*dump.database, dump.version) != (name, version) {
            restored(&scene, &dump, &database);
            continue;
        }
        // Refused by name, and nothing is left of it.
        let (before, databases) = (scene.content(&database), scene.databases());
        let globals = dump.globals();
        let outcome = scene.restore(&database, &dump.path, &options(&dump, &globals)).expect(1);
        assert_eq!(outcome.code(), code, "{:?}: {outcome:#?}", dump.path);
        scene.nothing_is_left(&database, &databases);
        assert_eq!(differences(&before, &scene.content(&database), &[]), Vec::<String>::new());
    }
}

#[test]
fn archives_arrive_through_pipes() {
    let scene = Scene::new();
    for dump in dumps() {
        let piped = ["gzip.dump", "none.dump", "tar", "seekable.zstd.dump", "lz4.dump", "zstd.dump"]
            .contains(&dump.how.as_str());
        let readable = dump.is_of_this_server() || (dump.database == "torture" && dump.version == 17);
        if !piped || !readable {
            continue;
        }
        let database = scene.server.database();
        let globals = dump.globals();
        scene.restore_stream(&database, &dump.path, &options(&dump, &globals)).expect(0);
        if let Some(golden) = dump.golden() {
            assert_eq!(differences(&golden, &scene.content(&database), &ROWS), Vec::<String>::new(), "{:?}", dump.path);
        }
    }
}

#[test]
fn both_ways_of_staging_give_the_same() {
    let scene = Scene::new();
    // The torture database has columns of names of objects: rows beside the live objects name what is not there yet.
    let comparable = |dump: &Dump| dump.is_of_this_server() && dump.how.ends_with("dir") && dump.database != "torture";
    for dump in dumps().into_iter().filter(comparable) {
        let (beside, apart) = (scene.server.database(), scene.server.database());
        let globals = dump.globals();
        for (database, stage) in [(&beside, "beside"), (&apart, "database")] {
            let options = [&options(&dump, &globals)[..], &["--stage", stage, "--create-schema-if-not-exist"]].concat();
            let report = scene.restore(database, &dump.path, &options).expect(0).json();
            assert_eq!(report["stage"], stage);
        }
        let differ = differences(&scene.content(&beside), &scene.content(&apart), &[]);
        assert_eq!(differ, Vec::<String>::new(), "{:?}", dump.path);
        let (beside, apart) = (scene.server.definitions(&beside, &[]), scene.server.definitions(&apart, &[]));
        assert_eq!(lines_that_differ(&beside, &apart), Vec::<String>::new(), "{:?}", dump.path);
    }
}

#[test]
fn a_restore_writes_no_row_of_its_own_into_the_users_tables() {
    let scene = Scene::new();
    let database = scene.server.database();
    let report =
        scene.restore(&database, &crate::scene::northwind(), &["--allow", "all", "--no-owner"]).expect(0).json();
    let rows: u64 = golden_rows(&scene, &database);
    assert_eq!(report["restored_records"].as_u64(), Some(rows));
    // Frozen rows are written once: the first reader finds nothing to mark.
    scene.server.sql(&database, "CHECKPOINT");
    let wal = "SELECT pg_current_wal_insert_lsn()::text";
    let before = scene.server.value(&database, wal);
    let read = "SELECT count(*) FROM customers; SELECT count(*) FROM orders; SELECT count(*) FROM order_details";
    scene.server.query(&database, read);
    let written =
        scene.server.value(&database, &format!("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{before}')"));
    // What the server writes of its own accord meanwhile is far less than a table.
    assert!(written.parse::<i64>().expect("a number") < 8192, "{written} bytes");
}

fn golden_rows(scene: &Scene, database: &str) -> u64 {
    let content = scene.content(database);
    content["tables"].values().filter_map(|values| values[0].as_deref()?.parse::<u64>().ok()).sum()
}
