//! Listens to a job that runs: keeps its progress, its objects, its stages and its log, and writes them several times a second.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::plan::{Action, Plan};
use crate::restore::Event;

use super::job::{ArchiveAt, Job, JobObject, LogEntry, Progress, Stage, State, Task};
use super::store::{Changes, Store};
use super::{Live, runner};

/// How often what changed is written.
const FLUSH: Duration = Duration::from_millis(200);
/// Over how long a rate is taken.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// How far a job can be that has not switched.
const BEFORE_SWITCH: f64 = 0.99;
/// Lines of a job's log: a plugin that never stops talking must not fill the disk.
const MOST_LINES: usize = 20_000;

/// A stage of that name and state; it begins now where it runs.
pub(super) fn stage(name: &str, state: &str) -> Stage {
    let started = (state == "running").then(|| Timestamp::now().to_string());
    Stage { name: name.to_owned(), state: state.to_owned(), started, ended: None }
}

/// The listener of one run of a job.
pub(crate) struct Recorder {
    store: Arc<Store>,
    live: Arc<Live>,
    pending: Mutex<Pending>,
    /// Held while what is pending is written: what is older never comes later.
    flushing: Mutex<()>,
}

#[derive(Default)]
struct Pending {
    /// Figures of this run; those of the job never shrink.
    counted: Progress,
    /// The objects of the runs before.
    known: Vec<JobObject>,
    /// These are no objects any more.
    anew: bool,
    objects: Vec<JobObject>,
    /// Where the object of a name is.
    places: HashMap<ObjectName, usize>,
    dirty: BTreeSet<usize>,
    log: Vec<LogEntry>,
    lines: usize,
    changed: bool,
    /// Bytes that were done at moments of the last seconds.
    samples: Vec<(Instant, u64)>,
}

impl Recorder {
    pub(super) fn new(store: Arc<Store>, live: Arc<Live>) -> Arc<Self> {
        Arc::new(Self { store, live, pending: Mutex::default(), flushing: Mutex::default() })
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job runs; answers whether it does for the first time.
    pub(super) async fn begin(self: &Arc<Self>) -> bool {
        let first = self.live.job().started.is_none();
        self.live.change(|job| {
            job.state = State::Running;
            job.started.get_or_insert_with(|| Timestamp::now().to_string());
            (job.ended, job.error, job.waits_for) = (None, None, None);
        });
        self.pending().changed = true;
        let recorder = Arc::clone(self);
        // A store that fails now may do later: what counts is tried again, or fails the job.
        let _ = crate::server::blocking(move || {
            if !first {
                recorder.pending().known = recorder.store.objects(&recorder.live.job().id, 0, u32::MAX)?;
            }
            recorder.flush()
        })
        .await;
        first
    }

    /// Writes what changed, now.
    pub(super) async fn save(self: &Arc<Self>) -> Result<()> {
        let recorder = Arc::clone(self);
        crate::server::blocking(move || recorder.flush()).await
    }

    /// The archive is this one, from now on. Blocks until that is kept.
    pub(super) fn pin(&self, archive: &ArchiveAt) -> Result<()> {
        self.live.change(|job| {
            if let Task::Restore(restore) = &mut job.task {
                restore.archive = archive.clone();
            }
        });
        self.pending().changed = true;
        self.flush()
    }

    /// The next stage begins, which ends the one before.
    pub(super) fn stage(&self, name: &str) {
        let now = Timestamp::now().to_string();
        self.live.change(|job| {
            if let Some(last) = job.stages.last_mut().filter(|last| last.state == "running") {
                (last.state, last.ended) = ("succeeded".to_owned(), Some(now));
            }
            // A job that goes on goes through its stages again.
            job.stages.retain(|stage| stage.name != name);
            job.stages.push(stage(name, "running"));
        });
        self.pending().changed = true;
    }

    /// What a new plan says of the objects.
    pub(super) fn plan(&self, plan: &Plan) {
        let mut pending = self.pending();
        pending.known.clear();
        pending.anew = true;
        drop(pending);
        self.plan_again(plan);
    }

    /// What the plan that a run before had begun with says of the objects: they stand where they stood.
    pub(super) fn plan_again(&self, plan: &Plan) {
        let steps = plan.steps.iter().filter(|step| step.action != Action::Skip);
        let objects: Vec<JobObject> = steps
            .clone()
            .map(|step| JobObject {
                step: step.id,
                kind: step.into.kind.clone(),
                name: step.into.qualified(),
                action: format!("{:?}", step.action).to_lowercase(),
                state: "waiting".to_owned(),
                after: step.needs.clone(),
                rows: step.rows,
                rows_done: 0,
                bytes_done: 0,
                started: None,
                ended: None,
                error: None,
            })
            .collect();
        let mut pending = self.pending();
        let known: HashMap<u32, &JobObject> = pending.known.iter().map(|object| (object.step, object)).collect();
        let objects: Vec<JobObject> = objects.into_iter().map(|object| stands(object, &known)).collect();
        pending.places = steps.enumerate().map(|(at, step)| (step.into.clone(), at)).collect();
        pending.dirty = (0..objects.len()).collect();
        pending.objects = objects;
        pending.changed = true;
    }

    /// Takes an event in; called from any thread.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Started { objects, rows, bytes, done, .. } => {
                self.stage("stage");
                self.progress(|progress| {
                    (progress.objects, progress.rows, progress.bytes) = (*objects, *rows, *bytes);
                    // What an earlier run has committed is told again, with its objects.
                    (progress.objects_done, progress.objects_failed) = (0, 0);
                    (progress.rows_done, progress.bytes_done) = (done.rows, done.bytes);
                });
                self.log("info", "host", None, format!("{objects} objects to stage"));
            }
            Event::ObjectStarted { object } => self.object(object, |object| {
                object.state = "running".to_owned();
                object.started.get_or_insert_with(|| Timestamp::now().to_string());
            }),
            Event::Committed { object, counts } => {
                self.object(object, |object| {
                    object.rows_done += counts.rows;
                    object.bytes_done += counts.bytes;
                });
                self.progress(|progress| {
                    progress.rows_done += counts.rows;
                    progress.bytes_done += counts.bytes;
                });
            }
            Event::ObjectStaged { object, counts, .. } => {
                self.object(object, |object| {
                    (object.rows_done, object.bytes_done) = (counts.rows, counts.bytes);
                    "staged".clone_into(&mut object.state);
                    object.ended = Some(Timestamp::now().to_string());
                });
                self.progress(|progress| progress.objects_done += 1);
            }
            Event::ObjectFailed { object, error } => {
                self.object(object, |object| {
                    "failed".clone_into(&mut object.state);
                    object.ended = Some(Timestamp::now().to_string());
                    object.error = runner::told(error);
                });
                self.progress(|progress| progress.objects_failed += 1);
                self.log("error", "host", Some(object.to_string()), error.to_string());
            }
            Event::Log { plugin, object, line } => {
                let level = if line.level == "warn" { "warning" } else { line.level };
                self.log(level, plugin, Some(object.to_string()), line.message.clone());
            }
            Event::Rehearsing => self.stage("rehearse"),
            Event::Switching => self.stage("switch"),
        }
    }

    fn object(&self, name: &ObjectName, change: impl FnOnce(&mut JobObject)) {
        let mut pending = self.pending();
        let Some(&at) = pending.places.get(name) else { return };
        if let Some(object) = pending.objects.get_mut(at) {
            change(object);
            pending.dirty.insert(at);
            pending.changed = true;
        }
    }

    /// Changes figures.
    pub(super) fn progress(&self, change: impl FnOnce(&mut Progress)) {
        let mut pending = self.pending();
        change(&mut pending.counted);
        let counted = pending.counted;
        let job = self.live.change(|job| grow(&mut job.progress, &counted));
        let (now, bytes) = (Instant::now(), job.progress.bytes_done);
        if pending.samples.last().is_none_or(|(at, _)| now.duration_since(*at) > FLUSH) {
            pending.samples.retain(|(at, _)| now.duration_since(*at) <= RATE_WINDOW);
            pending.samples.push((now, bytes));
        }
        pending.changed = true;
    }

    /// Adds a line to the log.
    pub(super) fn log(&self, level: &str, source: &str, object: Option<String>, text: String) {
        let mut pending = self.pending();
        pending.lines += 1;
        let text = match pending.lines {
            lines if lines > MOST_LINES => return,
            MOST_LINES => "There is more, which is not kept".to_owned(),
            _ => text,
        };
        let (level, source) = (level.to_owned(), source.to_owned());
        pending.log.push(LogEntry { time: Timestamp::now().to_string(), level, source, object, text });
        pending.changed = true;
    }

    /// Writes what changed, again and again.
    pub(super) async fn keep_flushing(self: Arc<Self>) {
        loop {
            tokio::time::sleep(FLUSH).await;
            let recorder = Arc::clone(&self);
            // What cannot be written now is written with what comes next.
            let _ = crate::server::blocking(move || recorder.flush()).await;
        }
    }

    fn flush(&self) -> Result<()> {
        if !self.pending().changed && self.live.job().progress.rate.is_none() {
            return Ok(());
        }
        let rate = rate(&self.pending().samples);
        let change = |job: &mut Job| {
            job.progress.rate = rate;
            job.progress.seconds_left = seconds_left(&job.progress);
        };
        self.write(change, None)
    }

    fn write(&self, change: impl Fn(&mut Job), report: Option<&str>) -> Result<()> {
        let _turn = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = {
            let mut pending = self.pending();
            pending.changed = false;
            let dirty = std::mem::take(&mut pending.dirty);
            let objects = dirty.iter().filter_map(|at| pending.objects.get(*at).cloned()).collect();
            Changes { anew: std::mem::take(&mut pending.anew), objects, log: std::mem::take(&mut pending.log) }
        };
        let written = self.live.save(&self.store, change, &changes, report);
        if written.is_err() {
            let mut pending = self.pending();
            let places: Vec<usize> = (0..pending.objects.len()).collect();
            pending.dirty.extend(places);
            pending.log.splice(0..0, changes.log);
            pending.anew |= changes.anew;
            pending.changed = true;
        }
        written.map(drop)
    }

    /// No object runs without its job.
    fn stop_objects(&self) {
        let mut pending = self.pending();
        let Pending { objects, dirty, .. } = &mut *pending;
        dirty.extend(objects.iter_mut().enumerate().filter_map(|(at, object)| object.stop().then_some(at)));
    }

    /// Writes how the run ended. May be called again where it fails.
    pub(super) async fn end(self: &Arc<Self>, end: &runner::End) -> Result<()> {
        let (recorder, end) = (Arc::clone(self), end.clone());
        crate::server::blocking(move || {
            let now = Timestamp::now().to_string();
            recorder.stop_objects();
            // Its end and its report are there together, or neither is.
            recorder.write(|job| end.apply(job, &now), end.report.as_deref())
        })
        .await
    }
}

/// An object of a plan, where it stood when an earlier run had last said so.
fn stands(mut object: JobObject, known: &HashMap<u32, &JobObject>) -> JobObject {
    let same = |other: &&&JobObject| (&other.kind, &other.name) == (&object.kind, &object.name);
    if let Some(before) = known.get(&object.step).filter(same) {
        (object.rows_done, object.bytes_done) = (before.rows_done, before.bytes_done);
        object.started.clone_from(&before.started);
        if before.state == "staged" {
            object.state.clone_from(&before.state);
            object.ended.clone_from(&before.ended);
        }
    }
    object
}

/// Figures as they are shown: what is done never shrinks, and is whole only at the end.
fn grow(shown: &mut Progress, counted: &Progress) {
    (shown.objects, shown.rows, shown.bytes) = (counted.objects, counted.rows, counted.bytes);
    shown.objects_done = shown.objects_done.max(counted.objects_done);
    shown.objects_failed = shown.objects_failed.max(counted.objects_failed);
    shown.rows_done = shown.rows_done.max(counted.rows_done);
    shown.bytes_done = shown.bytes_done.max(counted.bytes_done);
    shown.fraction = shown.fraction.max(done(counted).min(BEFORE_SWITCH));
}

/// Bytes say more than objects, where there are any.
#[allow(clippy::cast_precision_loss, reason = "A share of the whole needs few digits")]
fn done(progress: &Progress) -> f64 {
    let share = |done: u64, all: u64| if all == 0 { 0.0 } else { done as f64 / all as f64 };
    let objects = share(progress.objects_done + progress.objects_failed, progress.objects);
    let share = if progress.bytes == 0 {
        objects
    } else {
        share(progress.bytes_done, progress.bytes).min(0.95) + objects * 0.05
    };
    share.clamp(0.0, 1.0)
}

#[allow(clippy::cast_precision_loss, reason = "A rate needs few digits")]
fn rate(samples: &[(Instant, u64)]) -> Option<f64> {
    let ((from, before), (to, after)) = (samples.first()?, samples.last()?);
    let seconds = to.duration_since(*from).as_secs_f64();
    // What has stood still for the whole window has no rate.
    let moves = after > before && to.elapsed() < RATE_WINDOW && seconds > 0.0;
    moves.then(|| (after - before) as f64 / seconds)
}

#[allow(clippy::cast_precision_loss, reason = "A forecast needs few digits")]
fn seconds_left(progress: &Progress) -> Option<f64> {
    let left = progress.bytes.checked_sub(progress.bytes_done)?;
    Some(left as f64 / progress.rate?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_bytes_and_objects() {
        let progress = |objects, objects_done, bytes, bytes_done| Progress {
            objects,
            objects_done,
            bytes,
            bytes_done,
            ..Progress::default()
        };
        for (given, expected) in [
            (progress(0, 0, 0, 0), 0.0),
            (progress(4, 1, 0, 0), 0.25),
            (progress(4, 0, 100, 50), 0.5),
            (progress(4, 4, 100, 100), 1.0),
            (progress(4, 2, 100, 100), 0.975),
        ] {
            assert!((done(&given) - expected).abs() < 1e-9, "{given:?}");
        }
    }

    #[test]
    fn a_rate_needs_two_moments() {
        let now = Instant::now();
        let earlier = now.checked_sub(Duration::from_secs(2)).unwrap();
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[(now, 5)]), None);
        assert_eq!(rate(&[(earlier, 5), (now, 5)]), None);
        assert_eq!(rate(&[(earlier, 0), (now, 10)]), Some(5.0));
        let progress = Progress { bytes: 30, bytes_done: 10, rate: Some(5.0), ..Progress::default() };
        assert_eq!(seconds_left(&progress), Some(4.0));
    }
}
