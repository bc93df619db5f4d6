//! Jobs: locks, abort without a trace, what inspect finds, files that are no targets.

use super::*;
use crate::target::Health;

#[test]
fn a_missing_target_is_empty_and_stays_missing() {
    let place = Place::new();
    let facts = place.facts();
    assert!(facts.objects.is_empty());
    assert_eq!(facts.schemas.into_iter().collect::<Vec<_>>(), ["main"]);
    assert_eq!(facts.health.not_writable, None);
    assert!(facts.health.free_bytes.is_some());
    assert_eq!(facts.info.forms, ["arrow"]);
    assert_eq!(
        facts.location,
        format!("sqlite:{}", place.path().canonicalize().unwrap_or_else(|_| place.path()).display())
    );
    assert!(place.target.jobs().unwrap().is_empty());
    assert_eq!(place.target.undo("r-1").unwrap_err().code(), "job.not_found");
    assert_eq!(place.files(), Vec::<String>::new());
    let nowhere = SqliteTarget::new(&place.folder.path().join("no/such/db")).unwrap();
    assert!(nowhere.inspect().unwrap().health.not_writable.unwrap().contains("does not exist"));
}

#[test]
fn what_is_no_sqlite_file_is_said_to_be_none() {
    let place = Place::new();
    for content in [&b"hello"[..], &[0; 5000], &[b'x'; 5000]] {
        std::fs::write(place.path(), content).unwrap();
        assert_eq!(place.target.inspect().unwrap_err().code(), "target.not_found");
        assert_eq!(place.target.begin(&a_job("r-1", "")).err().unwrap().code(), "target.not_found");
        assert_eq!(std::fs::read(place.path()).unwrap(), content);
    }
    let folder = SqliteTarget::new(place.folder.path()).unwrap();
    assert_eq!(folder.inspect().unwrap_err().code(), "target.not_found");
    std::fs::write(place.path(), b"").unwrap();
    assert!(place.facts().objects.is_empty(), "an empty file is an empty database");
    assert_eq!(place.files(), ["db.sqlite"]);
}

#[test]
fn inspecting_leaves_no_trace() {
    let place = Place::with(
        "PRAGMA journal_mode = wal; CREATE TABLE t(a); CREATE VIEW v AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5(a); CREATE TABLE [s.x](a)",
    );
    let facts = place.facts();
    assert_eq!(place.files(), ["db.sqlite"]);
    let names: Vec<_> = facts
        .objects
        .iter()
        .map(|(name, existing)| format!("{name}{}", if existing.fixed.is_some() { " fixed" } else { "" }))
        .collect();
    assert!(
        names.contains(&"table main.t".to_owned())
            && names.contains(&"view main.v".to_owned())
            && names.contains(&"table s.x".to_owned()),
        "{names:?}"
    );
    assert!(
        names.contains(&"table main.f fixed".to_owned()) && names.contains(&"table main.f_data fixed".to_owned()),
        "{names:?}"
    );
    // A log that another program left, or is still writing.
    let db = place.db();
    db.execute_batch("INSERT INTO t VALUES(1); CREATE TABLE u(a)").unwrap();
    let length = std::fs::metadata(place.folder.path().join("db.sqlite-wal")).unwrap().len();
    assert!(place.facts().objects.contains_key(&ObjectName::new("table", Some("main"), "u")));
    assert_eq!(std::fs::metadata(place.folder.path().join("db.sqlite-wal")).unwrap().len(), length);
}

/// A fingerprint changes with the definition and with nothing else.
#[test]
fn fingerprints_follow_definitions() {
    let place = Place::with("CREATE TABLE t(a)");
    let fingerprint = || place.facts().objects[&ObjectName::new("table", Some("main"), "t")].fingerprint.clone();
    let first = fingerprint();
    place.db().execute_batch("INSERT INTO t VALUES(1); VACUUM").unwrap();
    assert_eq!(fingerprint(), first);
    for change in
        ["CREATE INDEX i ON t(a)", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "ALTER TABLE t ADD b"]
    {
        let before = fingerprint();
        place.db().execute_batch(change).unwrap();
        assert_ne!(fingerprint(), before, "{change}");
    }
}

#[test]
fn one_restore_at_a_time() {
    let place = Place::with("CREATE TABLE t(a)");
    let stage = place.begin("r-1");
    assert_eq!(place.status("r-1"), JobStatus::Running);
    assert_eq!(place.facts().health.busy.as_deref(), Some("r-1"));
    let error = place.target.begin(&a_job("r-2", "")).err().unwrap();
    assert_eq!(error.code(), "target.busy");
    assert!(error.to_string().contains("r-1"), "{error}");
    for done in [
        place.target.abort("r-1"),
        place.target.undo("r-1").map(|_| ()),
        place.target.discard("r-1"),
        place.target.resume("r-1").map(|_| ()),
    ] {
        assert_eq!(done.unwrap_err().code(), "target.busy");
    }
    #[cfg(unix)]
    {
        let link = place.folder.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        assert_eq!(SqliteTarget::new(&link).unwrap().begin(&a_job("r-2", "")).err().unwrap().code(), "target.busy");
        std::fs::remove_file(link).unwrap();
    }
    stage.interrupt().unwrap();
    assert_eq!(place.files(), ["db.sqlite"]);
    place.target.abort("r-1").unwrap();
    assert_eq!(place.target.abort("r-1").unwrap_err().code(), "job.not_found");
}

#[test]
fn abort_leaves_no_trace() {
    let live = "CREATE TABLE t(a); INSERT INTO t VALUES(1);";
    for existing in [None, Some(live)] {
        let place = existing.map_or_else(Place::new, Place::with);
        let before = if existing.is_some() { place.text("SELECT * FROM sqlite_schema") } else { String::new() };
        let stage = place.begin("r-1");
        let numbered = TableDefinition { primary_key: Some(Key { automatic: true, ..a_key(&["id"]) }), ..a_table() };
        stage_as(&*stage, &a_step(1, "table", "x"), numbered, 0..100);
        let mut work = stage.open(&a_step(2, "user", "ann"), Unit::Whole).unwrap();
        work.put_document("{}").unwrap();
        work.append_blob("b", bytes::Bytes::from_static(b"x")).unwrap();
        work.commit(Counts::default()).unwrap();
        assert_eq!(stage.rehearse(&[a_step(1, "table", "x"), a_step(2, "user", "ann")]).unwrap(), []);
        drop(stage);
        place.target.abort("r-1").unwrap();
        match existing {
            None => assert_eq!(place.files(), Vec::<String>::new()),
            Some(_) => {
                assert_eq!(place.files(), ["db.sqlite"]);
                assert_eq!(place.text("SELECT * FROM sqlite_schema"), before);
                assert_eq!(place.text("PRAGMA integrity_check"), "ok");
            }
        }
    }
}

#[test]
fn a_new_file_stays_when_somebody_else_uses_it() {
    let place = Place::new();
    let stage = place.begin("r-1");
    stage_table(&*stage, &a_step(1, "table", "x"), 0..10);
    place.db().execute_batch("CREATE TABLE mine(a)").unwrap();
    stage.fail("{}").unwrap();
    assert_eq!(place.text("SELECT name FROM sqlite_schema WHERE name NOT GLOB '*reinstate_*'"), "mine");
    assert_eq!(place.hidden(), "");
    assert_eq!(place.status("r-1"), JobStatus::Failed);
}

#[test]
fn a_failed_job_that_created_the_file_takes_it_away() {
    let place = Place::new();
    let stage = place.begin("r-1");
    stage_table(&*stage, &a_step(1, "table", "x"), 0..10);
    stage.fail("{}").unwrap();
    assert_eq!(place.files(), Vec::<String>::new());
}

#[test]
fn a_step_can_be_forgotten() {
    let place = Place::new();
    let stage = place.begin("r-1");
    let step = a_step(1, "table", "x");
    for rows in [10, 20] {
        stage_table(&*stage, &step, 0..rows);
        assert_eq!(stage.journal().unwrap().len(), 1);
        assert_eq!(stage.open(&step, Unit::Verify).unwrap().summarize("").unwrap().rows, rows as u64);
        stage.forget(&step).unwrap();
        assert!(stage.journal().unwrap().is_empty());
        assert_eq!(place.hidden(), "");
    }
    assert_eq!(stage.rehearse(&[step]).unwrap()[0].code, "target.bad_definition");
}

#[test]
fn health_says_what_cannot_be_written() {
    let place = Place::with("CREATE TABLE t(a)");
    let Health { not_writable, missing_right, uncommitted, nodes_not_ready, .. } = place.facts().health;
    assert_eq!((not_writable, missing_right, uncommitted, nodes_not_ready), (None, None, None, Vec::new()));
    let mut mode = std::fs::metadata(place.path()).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(place.path(), mode).unwrap();
    // Permissions do not hold for root.
    if std::fs::OpenOptions::new().write(true).open(place.path()).is_err() {
        assert!(place.facts().health.not_writable.is_some());
        assert_eq!(place.target.begin(&a_job("r-1", "")).err().unwrap().code(), "target.read_only");
    }
}

#[test]
fn tables_of_others_with_our_names_are_left_alone() {
    let place = Place::with("CREATE TABLE reinstate_jobs(a); INSERT INTO reinstate_jobs VALUES(1);");
    assert!(place.facts().health.unsupported_version.is_some());
    assert_eq!(place.target.begin(&a_job("r-1", "")).err().unwrap().code(), "target.unsupported");
    assert!(place.target.jobs().unwrap().is_empty());
    assert_eq!(place.text("SELECT * FROM reinstate_jobs"), "1");
}
