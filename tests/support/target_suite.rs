//! What every target must do, whatever it is: a job's stage, journal and lock, the switch and its undo.
//!
//! The cases stage documents and a user, which every target can keep, and look from outside, through handles of their own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reinstate::catalog::ObjectName;
use reinstate::error::Result;
use reinstate::plan::{Action, Step};
use reinstate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Token};
use reinstate::target::{Counts, Existing, Job, JobStatus, Stage, Target, Unit};

/// Opens the target in a folder; twice gives two handles of one target, as two processes have them.
type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Target>;

/// Runs every case against a target of its own.
#[allow(clippy::print_stderr, reason = "Tells which case a failure belongs to")]
pub fn run(open: Open<'_>) {
    let cases: [(&str, fn(&Subject<'_>)); 13] = [
        ("nothing is seen before the switch", nothing_is_seen_before_the_switch),
        ("looking creates nothing", looking_creates_nothing),
        ("what is not committed is gone", what_is_not_committed_is_gone),
        ("units commit apart and are read back", units_commit_apart_and_are_read_back),
        ("an interrupted job goes on", an_interrupted_job_goes_on),
        ("a forgotten step leaves nothing", a_forgotten_step_leaves_nothing),
        ("an aborted job leaves nothing", an_aborted_job_leaves_nothing),
        ("a failed job leaves its report", a_failed_job_leaves_its_report),
        ("one job at a time", one_job_at_a_time),
        ("a replaced object comes back and goes again", a_replaced_object_comes_back_and_goes_again),
        ("a renamed object stays visible", a_renamed_object_stays_visible),
        ("a job does what its status allows", a_job_does_what_its_status_allows),
        ("a user has what was added", a_user_has_what_was_added),
    ];
    for (name, case) in cases {
        // Shown when the case fails.
        eprintln!("{name}");
        case(&Subject { folder: tempfile::tempdir().expect("a folder"), open });
    }
}

struct Subject<'a> {
    folder: tempfile::TempDir,
    open: Open<'a>,
}

type Objects = BTreeMap<ObjectName, Existing>;

impl Subject<'_> {
    /// A new handle.
    fn target(&self) -> Arc<dyn Target> {
        (self.open)(self.folder.path())
    }

    fn begin(&self, job: &str) -> Box<dyn Stage> {
        self.target().begin(&record(job)).expect("a stage")
    }

    /// What anybody sees.
    fn objects(&self) -> Objects {
        self.target().inspect().expect("facts").objects
    }

    fn status(&self, job: &str) -> Option<JobStatus> {
        self.find(job).map(|job| job.status)
    }

    fn find(&self, job: &str) -> Option<Job> {
        self.target().jobs().expect("jobs").into_iter().find(|known| known.job == job)
    }

    /// A whole job that restores one document.
    fn restore(&self, job: &str, step: Step, document: &str) -> Objects {
        let stage = self.begin(job);
        put(stage.as_ref(), &step, document);
        stage.switch(&[step], &|_| "{}".to_owned()).expect("switched");
        drop(stage);
        self.objects()
    }
}

fn record(job: &str) -> Job {
    Job {
        job: job.to_owned(),
        status: JobStatus::Running,
        started: "2026-01-01T00:00:00Z".to_owned(),
        ended: None,
        backup_name: "backup".to_owned(),
        backup_id: "1".to_owned(),
        archive: "backup.tar".to_owned(),
        plan: r#"{"a": "plan"}"#.to_owned(),
        settings: r#"{"some": "settings"}"#.to_owned(),
        report: None,
    }
}

fn named(name: &str) -> ObjectName {
    ObjectName::new("dashboard", Some("main"), name)
}

fn step(id: u32, into: ObjectName) -> Step {
    Step {
        id,
        action: Action::Create,
        object: into.clone(),
        into,
        aside: None,
        reason: String::new(),
        plugin: "dashboards".to_owned(),
        parts: 2,
        rows: 0,
        bytes: 100,
        read_bytes: 100,
        tables: Vec::new(),
        needs: Vec::new(),
        needs_loaded: Vec::new(),
        locks: Vec::new(),
        principals: Vec::new(),
        existing: None,
    }
}

fn counts(bytes: u64) -> Counts {
    Counts { rows: 0, bytes }
}

/// Does a step whole.
fn put(stage: &dyn Stage, step: &Step, document: &str) {
    let mut work = stage.open(step, Unit::Whole).expect("a unit");
    work.put_document(document).expect("put");
    work.commit(counts(1)).expect("committed");
}

fn code<T>(result: Result<T>) -> String {
    result.err().map(|error| error.code().to_owned()).unwrap_or_default()
}

fn nothing_is_seen_before_the_switch(subject: &Subject<'_>) {
    let step = step(3, named("a"));
    let stage = subject.begin("r-1");
    assert_eq!(stage.job().job, "r-1");
    put(stage.as_ref(), &step, r#"{"v": 1}"#);
    assert!(subject.objects().is_empty());
    assert!(stage.rehearse(std::slice::from_ref(&step)).expect("rehearsed").is_empty());
    assert!(subject.objects().is_empty(), "A rehearsal is taken back");
    assert_eq!(subject.status("r-1"), Some(JobStatus::Running));
    stage.switch(&[step], &|switched| format!("paused {}", switched.pause.is_zero())).expect("switched");
    drop(stage);
    assert_eq!(subject.objects().into_keys().collect::<Vec<_>>(), [named("a")]);
    let job = subject.find("r-1").expect("the job");
    assert_eq!(job.status, JobStatus::Succeeded);
    assert!(job.ended.is_some());
    assert!(job.report.expect("a report").starts_with("paused "));
}

fn looking_creates_nothing(subject: &Subject<'_>) {
    let target = subject.target();
    let facts = target.inspect().expect("facts");
    assert_eq!((facts.location, facts.objects.len()), (target.location(), 0));
    assert!(facts.info.forms.contains(&"arrow".to_owned()));
    assert!(facts.schemas.contains("main"));
    assert_eq!((facts.health.busy, facts.health.not_writable), (None, None));
    assert!(target.jobs().expect("jobs").is_empty());
    for refused in
        [target.resume("r-1").map(drop), target.abort("r-1"), target.undo("r-1").map(drop), target.discard("r-1")]
    {
        assert_eq!(code(refused), "job.not_found");
    }
    let left = std::fs::read_dir(subject.folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "Something was created");
}

fn what_is_not_committed_is_gone(subject: &Subject<'_>) {
    let step = step(0, named("a"));
    let stage = subject.begin("r-1");
    let mut work = stage.open(&step, Unit::Whole).expect("a unit");
    work.put_document(r#"{"v": 1}"#).expect("put");
    assert!(work.document().expect("read").is_some(), "A unit sees what it writes");
    drop(work);
    assert!(stage.journal().expect("a journal").is_empty());
    let mut work = stage.open(&step, Unit::Whole).expect("a unit");
    assert_eq!(work.document().expect("read"), None);
}

fn units_commit_apart_and_are_read_back(subject: &Subject<'_>) {
    let (one, two) = (step(7, named("a")), step(8, named("b")));
    let stage = subject.begin("r-1");
    stage.open(&one, Unit::Begin).expect("a unit").commit(counts(0)).expect("committed");
    drop(stage.open(&one, Unit::Part(0)).expect("a unit"));
    for number in [0, 1] {
        let mut part = stage.open(&one, Unit::Part(number)).expect("a unit");
        part.put_document(&format!(r#"{{"part": {number}}}"#)).expect("put");
        part.commit(counts(10)).expect("committed");
    }
    let mut end = stage.open(&one, Unit::End).expect("a unit");
    let document = end.document().expect("read").expect("a document");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&document).expect("JSON"), serde_json::json!({"part": 1}));
    end.commit(counts(0)).expect("committed");
    put(stage.as_ref(), &two, "{}");
    let expected = [
        ((7, Unit::Begin), counts(0)),
        ((7, Unit::Part(0)), counts(10)),
        ((7, Unit::Part(1)), counts(10)),
        ((7, Unit::End), counts(0)),
        ((8, Unit::Whole), counts(1)),
    ];
    assert_eq!(stage.journal().expect("a journal"), BTreeMap::from(expected));
}

fn an_interrupted_job_goes_on(subject: &Subject<'_>) {
    let steps = [step(0, named("a")), step(1, named("b"))];
    let stage = subject.begin("r-1");
    put(stage.as_ref(), &steps[0], r#"{"v": 1}"#);
    stage.interrupt().expect("interrupted");
    assert_eq!(subject.status("r-1"), Some(JobStatus::Interrupted));
    assert!(subject.objects().is_empty());
    assert_eq!(subject.target().inspect().expect("facts").health.interrupted, ["r-1"]);

    // A stage that is dropped is a process that died.
    drop(subject.target().resume("r-1").expect("a stage"));
    let kept = subject.find("r-1").expect("the job");
    assert_eq!((kept.status, kept.plan, kept.settings), (JobStatus::Interrupted, record("").plan, record("").settings));

    let stage = subject.target().resume("r-1").expect("a stage");
    assert_eq!(stage.job().job, "r-1");
    assert_eq!(subject.status("r-1"), Some(JobStatus::Running));
    assert_eq!(subject.target().inspect().expect("facts").health.busy.as_deref(), Some("r-1"));
    assert_eq!(stage.journal().expect("a journal"), BTreeMap::from([((0, Unit::Whole), counts(1))]));
    put(stage.as_ref(), &steps[1], r#"{"v": 2}"#);
    stage.switch(&steps, &|_| "{}".to_owned()).expect("switched");
    drop(stage);
    let resumed = subject.objects();
    assert_eq!(resumed.keys().cloned().collect::<Vec<_>>(), [named("a"), named("b")]);
    assert!(subject.target().inspect().expect("facts").health.interrupted.is_empty());
}

fn a_forgotten_step_leaves_nothing(subject: &Subject<'_>) {
    let steps = [step(0, named("a")), step(1, named("b"))];
    let stage = subject.begin("r-1");
    steps.iter().for_each(|step| put(stage.as_ref(), step, "{}"));
    stage.forget(&steps[0]).expect("forgotten");
    assert_eq!(stage.journal().expect("a journal").into_keys().collect::<Vec<_>>(), [(1, Unit::Whole)]);
    let mut work = stage.open(&steps[0], Unit::Whole).expect("a unit");
    assert_eq!(work.document().expect("read"), None);
    drop(work);
    stage.switch(&steps[1..], &|_| "{}".to_owned()).expect("switched");
    drop(stage);
    assert_eq!(subject.objects().into_keys().collect::<Vec<_>>(), [named("b")]);
}

fn an_aborted_job_leaves_nothing(subject: &Subject<'_>) {
    let before = subject.restore("r-1", step(0, named("a")), r#"{"v": 1}"#);
    let stage = subject.begin("r-2");
    put(stage.as_ref(), &replacing(0, "a", &before), r#"{"v": 2}"#);
    assert_eq!(code(subject.target().abort("r-2")), "target.busy", "It still works");
    stage.interrupt().expect("interrupted");
    subject.target().abort("r-2").expect("aborted");
    assert_eq!(subject.objects(), before);
    assert_eq!(subject.status("r-2"), None);
    assert_eq!(code(subject.target().abort("r-2")), "job.not_found");
    assert_eq!(subject.status("r-1"), Some(JobStatus::Succeeded));
}

fn a_failed_job_leaves_its_report(subject: &Subject<'_>) {
    // A target that the failed job had created may be gone with it.
    let before = subject.restore("r-0", step(0, named("b")), "{}");
    let stage = subject.begin("r-1");
    put(stage.as_ref(), &step(0, named("a")), "{}");
    stage.fail("what went wrong").expect("failed");
    let job = subject.find("r-1").expect("the job");
    assert_eq!((job.status, job.report.as_deref()), (JobStatus::Failed, Some("what went wrong")));
    assert!(job.ended.is_some());
    assert_eq!(subject.objects(), before);
    assert!(subject.target().inspect().expect("facts").health.interrupted.is_empty());
    // Nothing of it stands in the way of the next one.
    assert_eq!(subject.restore("r-2", step(0, named("a")), "{}").len(), 2);
}

fn one_job_at_a_time(subject: &Subject<'_>) {
    subject.restore("r-0", step(0, named("a")), "{}");
    let stage = subject.begin("r-1");
    let other = subject.target();
    for refused in [other.begin(&record("r-2")).map(drop), other.resume("r-1").map(drop), other.undo("r-0").map(drop)] {
        assert_eq!(code(refused), "target.busy");
    }
    assert_eq!(subject.status("r-2"), None);
    drop(stage);
    let stage = other.begin(&record("r-2")).expect("the lock is free");
    drop(stage);
    assert_eq!(
        (subject.status("r-1"), subject.status("r-2")),
        (Some(JobStatus::Interrupted), Some(JobStatus::Interrupted))
    );
}

/// A step that replaces what is there under its name.
fn replacing(id: u32, name: &str, objects: &Objects) -> Step {
    let existing = objects.get(&named(name)).map(|existing| existing.fingerprint.clone());
    assert!(existing.is_some());
    Step { action: Action::Replace, existing, ..step(id, named(name)) }
}

fn a_replaced_object_comes_back_and_goes_again(subject: &Subject<'_>) {
    let first = subject.restore("r-1", step(0, named("a")), r#"{"v": 1}"#);
    let second = subject.restore("r-2", replacing(0, "a", &first), r#"{"v": 2}"#);
    assert_ne!(first, second, "A fingerprint follows the definition");
    assert_eq!(code(subject.target().undo("r-1")), "job.superseded");
    for (status, expected) in
        [(JobStatus::Undone, &first), (JobStatus::Succeeded, &second), (JobStatus::Undone, &first)]
    {
        subject.target().undo("r-2").expect("switched back");
        assert_eq!(&subject.objects(), expected);
        assert_eq!(subject.status("r-2"), Some(status));
    }
    subject.target().undo("r-1").expect("nothing later stands in its way");
    assert!(subject.objects().is_empty());
    subject.target().undo("r-1").expect("switched again");
    subject.target().undo("r-2").expect("switched again");
    subject.target().discard("r-2").expect("discarded");
    assert_eq!(subject.objects(), second);
    assert_eq!(subject.status("r-2"), Some(JobStatus::Discarded));
}

fn a_renamed_object_stays_visible(subject: &Subject<'_>) {
    let before = subject.restore("r-1", step(0, named("a")), r#"{"v": 1}"#);
    let aside = ObjectName::new("dashboard", Some("main"), "a_old");
    let renaming = Step { action: Action::Rename, aside: Some(aside.clone()), ..replacing(0, "a", &before) };
    let after = subject.restore("r-2", renaming, r#"{"v": 2}"#);
    assert_eq!(after.keys().cloned().collect::<Vec<_>>(), [named("a"), aside.clone()]);
    subject.target().undo("r-2").expect("switched back");
    assert_eq!(subject.objects(), before);
    subject.target().undo("r-2").expect("switched again");
    assert_eq!(subject.objects(), after);
    subject.target().discard("r-2").expect("discarded");
    assert_eq!(subject.objects(), after, "What was moved is not what was put aside for undo");
}

fn a_job_does_what_its_status_allows(subject: &Subject<'_>) {
    let target = subject.target();
    let before = subject.restore("r-1", step(0, named("a")), "{}");
    assert_eq!(code(target.resume("r-1").map(drop)), "job.not_possible");
    assert_eq!(code(target.abort("r-1")), "job.not_possible");
    target.discard("r-1").expect("discarded");
    assert_eq!(code(target.undo("r-1")), "job.not_possible");
    subject.begin("r-2").fail("{}").expect("failed");
    subject.begin("r-3").interrupt().expect("interrupted");
    for job in ["r-2", "r-3"] {
        assert_eq!(code(target.undo(job)), "job.not_possible", "{job}");
        assert_eq!(code(target.discard(job)), "job.not_possible", "{job}");
    }
    assert_eq!(code(target.resume("r-2").map(drop)), "job.not_possible");
    assert_eq!(subject.objects(), before);
    let jobs: Vec<_> = target.jobs().expect("jobs").into_iter().map(|job| job.job).collect();
    assert_eq!(jobs, ["r-1", "r-2", "r-3"], "Oldest first");
}

fn a_user_has_what_was_added(subject: &Subject<'_>) {
    let user = ObjectName::new("user", None, "ann");
    let step = step(0, user.clone());
    let stage = subject.begin("r-1");
    let mut work = stage.open(&step, Unit::Whole).expect("a unit");
    assert_eq!(work.principal_summary().expect("read"), None);
    let principal = Principal {
        login: true,
        password_hash: Some("hash".to_owned()),
        valid_until: None,
        attributes: "{}".to_owned(),
    };
    work.create_principal(principal).expect("created");
    work.add_memberships(vec![Membership { role: "readers".to_owned(), admin: false }]).expect("added");
    let permission = |privilege: &str| Permission { privilege: privilege.to_owned(), on: None, grantable: false };
    work.add_permissions(vec![permission("admin")]).expect("added");
    work.add_permissions(vec![permission("backup"), permission("restore")]).expect("added");
    let token = Token { id: "t".to_owned(), hash: "h".to_owned(), description: String::new(), expires: None };
    work.add_tokens(vec![token]).expect("added");
    work.commit(counts(0)).expect("committed");
    let mut work = stage.open(&step, Unit::End).expect("a unit");
    let expected = PrincipalSummary { memberships: 1, permissions: 3, tokens: 1 };
    assert_eq!(work.principal_summary().expect("read"), Some(expected));
    drop(work);
    stage.switch(&[step], &|_| "{}".to_owned()).expect("switched");
    drop(stage);
    assert_eq!(subject.objects().into_keys().collect::<Vec<_>>(), [user]);
}
