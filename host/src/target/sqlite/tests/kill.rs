//! A real process is killed at every fail point; another one resumes, undoes or aborts, and nothing is lost or doubled.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use super::*;

const PATH: &str = "REINSTATE_TEST_PATH";
const POINT: &str = "REINSTATE_TEST_POINT";
const JOB: &str = "r-1";

fn steps(place: &SqliteTarget) -> Vec<Step> {
    let old = place
        .inspect()
        .unwrap()
        .objects
        .get(&ObjectName::new("table", Some("main"), "t"))
        .map(|existing| existing.fingerprint.clone());
    let replaced = |fingerprint| Step {
        existing: Some(fingerprint),
        action: Action::Replace,
        parts: 2,
        ..a_step(1, "table", "t")
    };
    vec![old.map_or_else(|| Step { parts: 2, ..a_step(1, "table", "t") }, replaced), a_step(2, "user", "ann")]
}

/// Does what the journal does not have yet.
fn work(stage: &dyn Stage, steps: &[Step]) -> Result<()> {
    let journal = stage.journal()?;
    let missing = |step: u32, unit| !journal.contains_key(&(step, unit));
    let unit = |unit, work: &dyn Fn(&mut dyn crate::target::Work) -> Result<()>| {
        if missing(1, unit) {
            let mut open = stage.open(&steps[0], unit)?;
            work(&mut *open)?;
            open.commit(counts(1))?;
        }
        Ok(())
    };
    unit(Unit::Begin, &|work| work.create_table("", a_table()))?;
    for part in 0..2 {
        let ids = i64::from(part) * 10..i64::from(part) * 10 + 10;
        unit(Unit::Part(part), &|work| work.append("", &[], "arrow", some_rows(ids.clone())).map(|_| ()))?;
    }
    unit(Unit::End, &|work| work.create_indexes("", vec![an_index("by_name", "name")]))?;
    if missing(2, Unit::Whole) {
        let mut open = stage.open(&steps[1], Unit::Whole)?;
        open.put_document("{}")?;
        open.commit(counts(0))?;
    }
    assert_eq!(stage.rehearse(steps)?, []);
    stage.switch(steps, &|_| "{}".to_owned()).map(|_| ())
}

/// The life of a job, in a process that dies somewhere in it.
#[test]
#[ignore = "Run by the test below, in a process of its own"]
fn victim() {
    let (path, point) = (std::env::var(PATH).unwrap(), std::env::var(POINT).unwrap());
    let (point, action) = point.split_once('=').unwrap();
    fail::cfg(point, action).unwrap();
    let target = SqliteTarget::new(Path::new(&path)).unwrap();
    let steps = steps(&target);
    work(&*target.begin(&a_job(JOB, "")).unwrap(), &steps).unwrap();
    target.undo(JOB).unwrap();
    target.undo(JOB).unwrap();
    target.discard(JOB).unwrap();
    let left = target.begin(&a_job("r-2", "")).unwrap();
    stage_table(&*left, &a_step(1, "table", "left"), 0..3);
    drop(left);
    target.abort("r-2").unwrap();
}

fn killed(place: &Place, point: &str) -> bool {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim
        .args(["--exact", "target::sqlite::tests::kill::victim", "--ignored"])
        .env(PATH, place.path())
        .env(POINT, point);
    let status = victim.output().unwrap().status;
    assert!(status.success() || status.signal() == Some(9), "{point}: {status}");
    !status.success()
}

/// Ends whatever the victim left.
fn mend(place: &Place, abort: bool) {
    let fresh = steps(&place.target);
    match place.target.jobs().unwrap().into_iter().find(|job| job.job == JOB).map(|job| job.status) {
        None => work(&*place.begin(JOB), &fresh).unwrap(),
        Some(JobStatus::Interrupted) if abort => place.target.abort(JOB).unwrap(),
        Some(JobStatus::Interrupted) => work(&*place.target.resume(JOB).unwrap(), &fresh).unwrap(),
        Some(JobStatus::Undone) => drop(place.target.undo(JOB).unwrap()),
        Some(JobStatus::Succeeded | JobStatus::Discarded) => {}
        Some(status) => panic!("{status:?}"),
    }
    if place.target.jobs().unwrap().iter().any(|job| job.job == "r-2") {
        place.target.abort("r-2").unwrap();
    }
}

#[test]
fn nothing_is_lost_or_doubled_wherever_the_process_dies() {
    let points = [
        "begin.created",
        "rows",
        "journal.before",
        "journal.after",
        "commit.before",
        "commit.after",
        "rehearse",
        "switch.begin",
        "switch.record",
        "schema.written",
        "switch.done",
        "undo.record",
        "discard.mark",
        "discard.some",
        "abort.some",
        "abort.end",
        "abort.file",
    ];
    for live in [None, Some("PRAGMA journal_mode = wal; CREATE TABLE t(a); INSERT INTO t VALUES(1);")] {
        let make = || live.map_or_else(Place::new, Place::with);
        let undisturbed = make();
        assert!(!killed(&undisturbed, "none=off"));
        let (before, after) = (if live.is_some() { make().visible() } else { String::new() }, undisturbed.visible());
        let mut kills = 0;
        for point in points {
            for (later, abort) in [(0, false), (1, false), (4, true), (7, false), (12, false)] {
                let place = make();
                if !killed(&place, &format!("sqlite.{point}={later}*off->return")) {
                    continue;
                }
                kills += 1;
                let aborted = abort
                    && place
                        .target
                        .jobs()
                        .unwrap()
                        .iter()
                        .any(|job| job.job == JOB && job.status == JobStatus::Interrupted);
                mend(&place, abort);
                if aborted && live.is_none() {
                    assert_eq!(place.files(), Vec::<String>::new(), "{point} {later}");
                } else {
                    assert_eq!(place.visible(), if aborted { &before } else { &after }.clone(), "{point} {later}");
                    assert!(
                        place.text("SELECT name FROM sqlite_schema WHERE name GLOB 'reinstate_stage_*'").is_empty(),
                        "{point} {later}"
                    );
                    // A lock that its holder could not remove is nobody's; the next holder takes it and removes it.
                    drop(place.target.begin(&a_job("r-3", "")).unwrap());
                    assert_eq!(place.files(), ["db.sqlite"], "{point} {later}");
                }
            }
        }
        assert!(kills > 25, "{kills} kills");
    }
}
