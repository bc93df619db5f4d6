//! One case: restores into one target, with what people do between them; run, compared with the model, and made smaller when it fails.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use reinstate::archive::{Archive, OpenOptions};
use reinstate::plan::{Options, Policy};
use reinstate::restore::{Host, Report, Restore, Status, Watch};
use reinstate::source::Location;
use reinstate::target::sqlite::SqliteTarget;
use reinstate::target::{JobStatus, Target};
use tokio::runtime::Runtime;

use super::change::{self, Change};
use super::database::{Body, Database};
use super::model::{self, Done, Expected, State};
use super::random::Random;
use super::reader::{self, Content};
use super::{options, reader::number_of_job, reader::remains};

/// What happens to the job of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    Plain,
    /// Taken back, that many times.
    Undo(usize),
    Discard,
    /// Stopped after that many events, then resumed or given up.
    Cancel {
        events: usize,
        resumed: bool,
    },
}

#[derive(Debug, Clone)]
pub struct Round {
    pub changes: Vec<Change>,
    pub archive: Database,
    pub options: Options,
    pub course: Course,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub rounds: Vec<Round>,
}

/// What cases came to, so that nobody has to believe that they test anything.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub restores: usize,
    pub refused: usize,
    pub failed: usize,
    pub stopped: usize,
    pub undone: usize,
    pub objects: usize,
    /// Objects that stayed as they were, tables put out of sight, and users given access.
    pub kept: usize,
    pub dropped: usize,
    pub granted: usize,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.restores += other.restores;
        self.refused += other.refused;
        self.failed += other.failed;
        self.stopped += other.stopped;
        self.undone += other.undone;
        self.objects += other.objects;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.granted += other.granted;
    }
}

impl Case {
    pub fn generate(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut rounds: Vec<Round> = Vec::new();
        for number in 0..1 + random.below(3) {
            let size = 1 + random.below(10);
            let earlier = rounds.last().map(|round| round.archive.clone());
            let archive = match earlier.clone() {
                // The same backup again, with or without some of its objects.
                Some(archive) if random.chance(50) => thinned(&mut random, archive),
                _ => Database::generate(&mut random, size),
            };
            let changes = earlier.map_or_else(Vec::new, |earlier| change::generate(&mut random, &earlier, &archive));
            let mut options = match number == 0 && random.chance(60) {
                true => Options { create_schema_if_not_exist: true, ..Options::default() },
                false => options::generate(&mut random, &archive),
            };
            // Otherwise this would come together too rarely.
            if changes.iter().any(|change| matches!(change, Change::Referrer(..))) && random.chance(60) {
                options.restore_policy = Policy::Replace;
                options.cascade_foreign_keys = random.chance(70);
            }
            let course = match random.below(10) {
                0 | 1 => Course::Undo(1 + random.below(3)),
                2 => Course::Discard,
                3 | 4 => Course::Cancel { events: random.below(12), resumed: random.chance(65) },
                _ => Course::Plain,
            };
            rounds.push(Round { changes, archive, options, course });
        }
        Self { rounds }
    }

    /// Runs the case; what differs from the model where something does.
    pub fn run(&self, host: &Arc<Host>, runtime: &Runtime) -> Result<Tally, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let run = AssertUnwindSafe(|| self.run_in(folder.path(), host, runtime));
        catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(format!("panic: {}", text.unwrap_or_else(|| format!("{:?}", panic.downcast_ref::<&str>()))))
        })
    }

    fn run_in(&self, folder: &Path, host: &Arc<Host>, runtime: &Runtime) -> Result<Tally, String> {
        let path = folder.join("target.sqlite");
        let (mut state, mut tally) = (State::default(), Tally::default());
        for (number, round) in self.rounds.iter().enumerate() {
            let mut scene = Scene { path: &path, host, runtime, tally: Tally::default() };
            let archive = folder.join(format!("{number}.tar"));
            let outcome = scene.round(round, &archive, &mut state);
            tally.add(scene.tally);
            match outcome {
                Ok(true) => {}
                Ok(false) => break,
                Err(difference) => return Err(format!("in restore {}: {difference}", number + 1)),
            }
        }
        Ok(tally)
    }

    /// The smallest case found that still fails, and how.
    pub fn shrunk(&self, host: &Arc<Host>, runtime: &Runtime, first: String) -> (Self, String) {
        let (mut smallest, mut difference, mut runs) = (self.clone(), first, 0);
        'again: loop {
            for candidate in smallest.smaller() {
                runs += 1;
                if runs > 400 {
                    break 'again;
                }
                if let Err(found) = candidate.run(host, runtime) {
                    (smallest, difference) = (candidate, found);
                    continue 'again;
                }
            }
            break;
        }
        (smallest, difference)
    }

    fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        let mut put = |at: usize, round: Round| {
            let mut case = self.clone();
            case.rounds[at] = round;
            smaller.push(case);
        };
        for (at, round) in self.rounds.iter().enumerate().rev() {
            for object in 0..round.archive.objects.len() {
                put(at, Round { archive: round.archive.without(object), ..round.clone() });
            }
            for change in 0..round.changes.len() {
                let mut round = round.clone();
                round.changes.remove(change);
                put(at, round);
            }
            for options in options::smaller(&round.options) {
                put(at, Round { options, ..round.clone() });
            }
            if round.course != Course::Plain {
                put(at, Round { course: Course::Plain, ..round.clone() });
            }
            for (number, object) in round.archive.objects.iter().enumerate() {
                let Body::Table(table) = &object.body else { continue };
                let mut without = Vec::new();
                if !table.rows.is_empty() {
                    let mut table = table.clone();
                    table.rows.truncate(table.rows.len() / 2);
                    without.push(table);
                }
                if !table.indexes.is_empty() {
                    without.push(super::kinds::table::Table { indexes: Vec::new(), ..table.clone() });
                }
                if !table.checks.is_empty() {
                    without.push(super::kinds::table::Table { checks: Vec::new(), ..table.clone() });
                }
                for table in without {
                    let mut round = round.clone();
                    round.archive.objects[number].body = Body::Table(table);
                    put(at, round);
                }
            }
        }
        let rounds = (0..self.rounds.len()).filter(|_| self.rounds.len() > 1).map(|at| {
            let mut case = self.clone();
            case.rounds.remove(at);
            case
        });
        rounds.chain(smaller).collect()
    }

    /// For people.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (number, round) in self.rounds.iter().enumerate() {
            let _ = writeln!(text, "restore {}:", number + 1);
            for change in &round.changes {
                let _ = writeln!(text, "  after {change:?}");
            }
            for object in &round.archive.objects {
                let needs: Vec<String> = object.needs(true).iter().map(ToString::to_string).collect();
                let _ = writeln!(text, "  {} needs {needs:?}", object.name);
                let shown = format!("{:?}", object.body);
                let _ = writeln!(text, "    {}", shown.chars().take(1500).collect::<String>());
            }
            let options = serde_json::to_value(&round.options).expect("JSON");
            let base = serde_json::to_value(Options::default()).expect("JSON");
            let set: Vec<_> = options
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, value)| base.get(name) != Some(value))
                .collect();
            let _ = writeln!(text, "  with {set:?}");
            let _ = writeln!(text, "  then {:?}", round.course);
        }
        text
    }
}

fn thinned(random: &mut Random, mut archive: Database) -> Database {
    for _ in 0..random.below(3) {
        if archive.objects.len() > 1 {
            let smaller = archive.without(random.below(archive.objects.len()));
            if !smaller.objects.is_empty() {
                archive = smaller;
            }
        }
    }
    archive
}

/// Where a case is run.
struct Scene<'a> {
    path: &'a Path,
    host: &'a Arc<Host>,
    runtime: &'a Runtime,
    tally: Tally,
}

impl Scene<'_> {
    /// Says whether there may be another restore after it.
    fn round(&mut self, round: &Round, archive: &Path, state: &mut State) -> Result<bool, String> {
        for change in &round.changes {
            change.apply(state, self.path);
        }
        self.same(&state.content(), "after the changes")?;
        round.archive.write(archive);
        let restore = self.restore(archive);
        let planned = self.runtime.block_on(reinstate::plan(&restore, &round.options));
        self.same(&state.content(), "after planning")?;
        let aside =
            planned.as_ref().ok().and_then(|plan| plan.steps.iter().find_map(|step| step.aside.clone()?.schema));
        let expected = model::restore(state, &round.archive, &round.options, aside.as_deref());
        self.tally.restores += 1;
        let plan = match (planned, &expected) {
            (Ok(plan), _) => plan,
            (Err(_), Expected::Refused(_)) => {
                self.tally.refused += 1;
                return Ok(true);
            }
            (Err(error), expected) => {
                return Err(format!("planning failed with {error:?}, expected {}", short(expected)));
            }
        };
        let before = state.content();
        let report = self.apply(&restore, &plan, round.course, &before)?;
        let Some(report) = report else { return self.same(&before, "after it was given up").map(|()| true) };
        self.judge(round, &expected, &report, &before)?;
        let Expected::Done(done) = expected else {
            return Ok(!matches!(expected, Expected::Failed(_)) || !round.options.keep_going);
        };
        self.tally.objects += done.restored.len();
        self.tally.kept += done.kept;
        self.tally.dropped += done.dropped.len();
        self.tally.granted += usize::from(done.granted.is_some());
        let after = done.state.content();
        let job = report.job.ok_or("a restore that succeeded has no job")?;
        *state = done.state;
        self.follow(&job, round.course, &before, &after, restore.target.as_ref())
    }

    fn restore(&self, archive: &Path) -> Restore {
        let archive = Archive::open(&Location::Path(archive.to_owned()), &OpenOptions::default()).expect("an archive");
        let target = SqliteTarget::new(self.path).expect("a target");
        Restore { host: Arc::clone(self.host), archive: Arc::new(archive), globals: None, target: Arc::new(target) }
    }

    /// Applies the plan, stopped and resumed where that is the course; no report where it was given up.
    fn apply(
        &mut self,
        restore: &Restore,
        plan: &reinstate::plan::Plan,
        course: Course,
        before: &Content,
    ) -> Result<Option<Report>, String> {
        let Course::Cancel { events, resumed } = course else {
            return Ok(Some(self.runtime.block_on(reinstate::apply(restore, plan, &Watch::default()))));
        };
        let report = self.runtime.block_on(async {
            let (watch, mut receiver) = Watch::channel();
            let cancel = watch.cancel.clone();
            if events == 0 {
                cancel.cancel();
            }
            let listener = tokio::spawn(async move {
                let mut seen = 0;
                while receiver.recv().await.is_some() {
                    seen += 1;
                    if seen == events {
                        cancel.cancel();
                    }
                }
            });
            let report = reinstate::apply(restore, plan, &watch).await;
            drop(watch);
            listener.await.expect("the listener ends");
            report
        });
        let code = report.error.as_ref().map(|error| error.code().to_owned());
        if code.as_deref() != Some("restore.cancelled") {
            return Ok(Some(report));
        }
        self.tally.stopped += 1;
        self.same(before, "after it was stopped")?;
        let jobs = restore.target.jobs().map_err(|error| format!("jobs: {error:?}"))?;
        let waiting = jobs.into_iter().find(|job| job.status == JobStatus::Interrupted);
        match (waiting, resumed) {
            (None, true) => Ok(Some(self.runtime.block_on(reinstate::apply(restore, plan, &Watch::default())))),
            (None, false) => Ok(None),
            (Some(job), true) => {
                Ok(Some(self.runtime.block_on(reinstate::resume(restore, &job.job, &Watch::default()))))
            }
            (Some(job), false) => {
                restore.target.abort(&job.job).map_err(|error| format!("abort: {error:?}"))?;
                self.nothing_of(&["reinstate_stage_"], "after it was given up")?;
                Ok(None)
            }
        }
    }

    fn judge(&mut self, round: &Round, expected: &Expected, report: &Report, before: &Content) -> Result<(), String> {
        let said = || {
            let findings: Vec<String> = report
                .findings
                .iter()
                .filter(|finding| format!("{:?}", finding.severity) == "Refusal")
                .map(|finding| format!("{} {}", finding.code, finding.message))
                .collect();
            format!("{:?} {:?} {findings:?} failed {:?}", report.status, report.error, report.failed_objects)
        };
        self.nothing_of(&["reinstate_stage_"], "after the restore")?;
        match (expected, report.status) {
            (Expected::Refused(_), Status::Refused) => {
                self.tally.refused += 1;
                self.same(before, "after it was refused")
            }
            (Expected::Failed(_), _) if round.options.keep_going => {
                self.tally.failed += 1;
                Ok(())
            }
            (Expected::Failed(_), Status::Refused | Status::Failed) => {
                self.tally.failed += 1;
                self.same(before, "after it failed")
            }
            (Expected::Done(done), Status::Succeeded) => {
                if !report.failed_objects.is_empty() {
                    return Err(format!("objects failed: {}", said()));
                }
                self.same(&done.state.content(), "after the restore")?;
                told(done, report)
            }
            (expected, _) => Err(format!("expected {}, got {}", short(expected), said())),
        }
    }

    /// What happens to the job once it has succeeded.
    fn follow(
        &mut self,
        job: &str,
        course: Course,
        before: &Content,
        after: &Content,
        target: &dyn Target,
    ) -> Result<bool, String> {
        match course {
            Course::Plain | Course::Cancel { .. } => return Ok(true),
            Course::Discard => {
                target.discard(job).map_err(|error| format!("discard: {error:?}"))?;
                self.same(after, "after it was discarded")?;
                let number = number_of_job(self.path, job);
                let own = ["kept", "undone"].map(|word| format!("reinstate_{word}_{number}_"));
                self.nothing_of(&own, "after it was discarded")?;
                if target.undo(job).is_ok() {
                    return Err("a discarded job was undone".to_owned());
                }
                return Ok(true);
            }
            Course::Undo(times) => {
                for time in 0..times {
                    target.undo(job).map_err(|error| format!("undo {}: {error:?}", time + 1))?;
                    self.tally.undone += 1;
                    self.same(if time % 2 == 0 { before } else { after }, &format!("after undo {}", time + 1))?;
                }
            }
        }
        Ok(false)
    }

    fn same(&self, expected: &Content, when: &str) -> Result<(), String> {
        let found = reader::read(self.path);
        if found == *expected { Ok(()) } else { Err(format!("{when}:\n{}", difference(expected, &found))) }
    }

    fn nothing_of(&self, prefixes: &[impl AsRef<str>], when: &str) -> Result<(), String> {
        let left = remains(self.path, prefixes);
        if left.is_empty() { Ok(()) } else { Err(format!("{when} there is still {left:?}")) }
    }
}

fn short(expected: &Expected) -> String {
    match expected {
        Expected::Refused(why) => format!("a refusal ({why})"),
        Expected::Failed(why) => format!("a failure ({why})"),
        Expected::Done(_) => "success".to_owned(),
    }
}

/// The report names everything that was restored and moved.
fn told(done: &Done, report: &Report) -> Result<(), String> {
    for name in &done.restored {
        let alone = name.qualified();
        let beside = format!("{alone} ({})", name.kind);
        if ![alone, beside].iter().any(|key| report.restored_objects.contains_key(key)) {
            return Err(format!("the report does not name {name}: {:?}", report.restored_objects));
        }
    }
    for name in &done.dropped {
        let (alone, beside) = (name.qualified(), format!("{} ({})", name.qualified(), name.kind));
        if ![alone, beside].iter().any(|key| report.dropped_objects.contains_key(key)) {
            return Err(format!("the report does not say that {name} is out of sight: {:?}", report.dropped_objects));
        }
    }
    for (old, new) in &done.renamed {
        let alone = old.qualified();
        let beside = format!("{alone} ({})", old.kind);
        let told = report.renamed_objects.get(&beside).or_else(|| report.renamed_objects.get(&alone));
        if told != Some(&new.qualified()) {
            return Err(format!("the report does not say that {old} is {new} now: {:?}", report.renamed_objects));
        }
    }
    Ok(())
}

fn difference(expected: &Content, found: &Content) -> String {
    let mut text = String::new();
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for name in names {
        match (expected.get(name), found.get(name)) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => {
                let _ = writeln!(text, "  {name} differs");
                one.iter().filter(|line| !other.contains(line)).take(5).for_each(|line| {
                    let _ = writeln!(text, "    expected {line}");
                });
                other.iter().filter(|line| !one.contains(line)).take(5).for_each(|line| {
                    let _ = writeln!(text, "    found    {line}");
                });
                let _ = writeln!(text, "    {} lines expected, {} found", one.len(), other.len());
            }
            (Some(_), None) => _ = writeln!(text, "  {name} is missing"),
            (None, _) => _ = writeln!(text, "  {name} should not be there"),
        }
    }
    text
}
