//! Jobs: taken in once, queued, run, steered, and kept, whatever happens to the process.
//!
//! A job is a value ([`Job`]) that is written to the [`Store`] whenever it changes. What runs of it listens to the library's events; a job that
//! was running when the process ended goes on when the next one starts.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use crate::cancel::Cancel;
use crate::error::{Error, Result};

mod job;
mod places;
mod queue;
mod recorder;
mod runner;
mod steer;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use job::{ArchiveAt, BackupAt, BackupTask, Job, JobObject, LogEntry, Progress, RestoreTask, State, Task};
pub(crate) use places::Places;
pub(crate) use store::{Changed, Changes, Listing, StartKey, Store};

use queue::{Candidate, Queue};
use recorder::Recorder;
use steer::Busy;
use store::Known;

/// Who asked for a job, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The user's name.
    pub(crate) operator: String,
    /// Higher goes first; 0 is usual.
    pub(crate) priority: i32,
    /// Tell of its start and its end.
    pub(crate) notify: bool,
    /// What the same request is recognised by.
    pub(crate) key: Option<StartKey>,
}

/// Where a job is, for those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It runs for the first time.
    Started,
    /// It has ended, or stopped for somebody to look at it.
    Ended,
}

/// Gets a job at its start and at its end; returns at once.
pub(crate) type Listener = Arc<dyn Fn(&Arc<Job>, Moment) + Send + Sync>;

/// For how long a stop waits for jobs to come to a safe place; what needs longer goes on as after a kill.
const LAST_STEPS: Duration = Duration::from_secs(30);

/// For how long a job waits for somebody who is no job of ours: the lock of a process that was killed is free after two minutes.
const PATIENCE: Duration = Duration::from_secs(150);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// What somebody wants of a job that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Stop, and keep what is staged.
    Pause,
    /// Stop, and take away what is staged.
    Cancel,
    /// Stop because the process ends, and go on when the next one starts.
    Stop,
}

/// All jobs.
pub(crate) struct Jobs {
    store: Arc<Store>,
    places: Arc<Places>,
    inner: Mutex<Inner>,
    wake: Notify,
    listeners: Vec<Listener>,
}

struct Inner {
    /// Jobs that have not ended.
    open: HashMap<String, Arc<Live>>,
    queue: Queue,
    /// Jobs that have ended and are being undone or discarded.
    steered: HashSet<String>,
    /// No job is started any more.
    stopping: bool,
}

/// An open job.
pub(super) struct Live {
    job: RwLock<Arc<Job>>,
    /// The job's last number in the store; it moves whenever something changed.
    seq: watch::Sender<u64>,
    control: Mutex<Control>,
    /// Held while the job is written: what is older never comes later.
    writing: Mutex<()>,
}

#[derive(Default)]
struct Control {
    wish: Option<Wish>,
    cancel: Cancel,
    /// The run is over, and its end is being written: it hears no wish any more.
    ending: bool,
    /// Somebody takes it in, resumes or cancels it right now.
    busy: bool,
}

impl Live {
    fn new(job: Job, seq: u64) -> Self {
        Self {
            job: RwLock::new(Arc::new(job)),
            seq: watch::Sender::new(seq),
            control: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    fn job(&self) -> Arc<Job> {
        Arc::clone(&self.job.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the value without a word to the store.
    fn change(&self, change: impl FnOnce(&mut Job)) -> Arc<Job> {
        let mut job = self.job.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut job));
        Arc::clone(&job)
    }

    /// Writes the job with a change, and shows it once that is kept; the change is made twice, for figures move meanwhile.
    fn save(
        &self,
        store: &Store,
        change: impl Fn(&mut Job),
        changes: &Changes,
        report: Option<&str>,
    ) -> Result<Arc<Job>> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut job = Job::clone(&self.job());
        change(&mut job);
        let seq = store.write(&job, changes, report)?;
        let job = self.change(change);
        self.seq.send_replace(seq);
        Ok(job)
    }
}

/// A job that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Submitted {
    /// The job.
    pub(crate) job: Arc<Job>,
    /// The same request had started it before.
    pub(crate) known: bool,
}

impl Jobs {
    /// Opens the jobs of an earlier process, and begins to run what waits. Blocks while their archives are looked at.
    pub(crate) fn start(
        store: Arc<Store>,
        places: Arc<Places>,
        width: usize,
        short_bytes: u64,
        listeners: Vec<Listener>,
    ) -> Result<Arc<Self>> {
        let mut inner = Inner {
            open: HashMap::new(),
            queue: Queue::new(width, short_bytes),
            steered: HashSet::new(),
            stopping: false,
        };
        for mut job in store.open_jobs()? {
            if job.state == State::Running {
                again(&store, &mut job)?;
            }
            let seq = store.seq(&job.id)?;
            if job.state == State::Queued {
                inner.queue.add(candidate(&job, places.size(&job.task)));
            }
            inner.open.insert(job.id.clone(), Arc::new(Live::new(job, seq)));
        }
        let jobs = Arc::new(Self { store, places, inner: Mutex::new(inner), wake: Notify::new(), listeners });
        tokio::spawn(Arc::clone(&jobs).dispatch());
        jobs.wake.notify_one();
        Ok(jobs)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where jobs are kept.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Takes a job in. The same key with the same request gives the job that is there already.
    ///
    /// Fails with `request.key_reused` for the same key with another request, and with `server.stopping`.
    pub(crate) async fn submit(self: &Arc<Self>, task: Task, asked: Asked) -> Result<Submitted> {
        let jobs = Arc::clone(self);
        super::blocking(move || jobs.take_in(task, &asked)).await
    }

    fn take_in(self: &Arc<Self>, task: Task, asked: &Asked) -> Result<Submitted> {
        if self.inner().stopping {
            return Err(Error::new("server.stopping", "The server is being stopped; ask again when it is back"));
        }
        if let Some(key) = &asked.key
            && let Some(known) = self.store.known(&asked.operator, &key.key)?
        {
            return self.known(key, &known);
        }
        let job = new_job(task, asked)?;
        let candidate = candidate(&job, self.places.size(&job.task));
        let live = Arc::new(Live::new(job, 0));
        let job = live.job();
        // Open before it is kept: whoever finds it by its key can wait for it.
        self.inner().open.insert(job.id.clone(), Arc::clone(&live));
        let mut busy = Busy::of(self, &live)?;
        let added = self.store.add(&job, asked.key.as_ref());
        if let Ok(None) = added {
            busy.candidate = Some(candidate);
            return Ok(Submitted { job, known: false });
        }
        self.inner().open.remove(&job.id);
        match (added?, &asked.key) {
            // The same request came twice at the same time.
            (Some(known), Some(key)) => self.known(key, &known),
            _ => Err(Error::new("host.internal", "A job was known by a key that it has not")),
        }
    }

    /// The job that a key stands for.
    fn known(&self, key: &StartKey, known: &Known) -> Result<Submitted> {
        if key.request != known.request {
            return Err(Error::new("request.key_reused", "The idempotency key was used for another request"));
        }
        Ok(Submitted { job: self.find(&known.job)?, known: true })
    }

    /// The job of that name; blocks for a job that has ended. Fails with `job.not_found`.
    pub(crate) fn find(&self, id: &str) -> Result<Arc<Job>> {
        if let Some(live) = self.live(id) {
            return Ok(live.job());
        }
        let found = self.store.job(id)?;
        found.map(Arc::new).ok_or_else(|| not_found(id))
    }

    /// The job, as [`Jobs::find`], for callers that may not block.
    pub(crate) async fn get(self: &Arc<Self>, id: &str) -> Result<Arc<Job>> {
        if let Some(live) = self.live(id) {
            return Ok(live.job());
        }
        let (jobs, id) = (Arc::clone(self), id.to_owned());
        super::blocking(move || jobs.find(&id)).await
    }

    /// Jobs, newest first; open ones as they are now. Blocks.
    pub(crate) fn list(&self, listing: &Listing) -> Result<Vec<Arc<Job>>> {
        let found = self.store.jobs(listing)?;
        Ok(found.into_iter().map(|job| self.live(&job.id).map_or_else(|| Arc::new(job), |live| live.job())).collect())
    }

    fn live(&self, id: &str) -> Option<Arc<Live>> {
        self.inner().open.get(id).map(Arc::clone)
    }

    /// A channel that moves whenever something of an open job changes; none for one that has ended.
    pub(crate) fn watch(&self, id: &str) -> Option<watch::Receiver<u64>> {
        self.live(id).map(|live| live.seq.subscribe())
    }

    /// Waits until the job has ended, or stopped for somebody to look at it.
    pub(crate) async fn wait(self: &Arc<Self>, id: &str) -> Result<Arc<Job>> {
        loop {
            let Some(mut changes) = self.watch(id) else { return self.get(id).await };
            let job = self.get(id).await?;
            if job.state.is_ended() || job.state == State::Interrupted {
                return Ok(job);
            }
            // An error means that the job left the table: it has ended.
            let _ = changes.changed().await;
        }
    }

    /// The report of a job that has ended, as JSON.
    pub(crate) fn report(&self, id: &str) -> Result<Option<Value>> {
        let found = self.store.report(id)?;
        Ok(found.and_then(|report| serde_json::from_str(&report).ok()))
    }

    /// How many jobs wait and how many run.
    pub(crate) fn load(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.queue.waiting(), inner.queue.running())
    }

    /// Starts what may start, whenever something changed.
    async fn dispatch(self: Arc<Self>) {
        loop {
            self.wake.notified().await;
            while let Some(live) = self.next() {
                tokio::spawn(Arc::clone(&self).run(live));
            }
            if self.inner().stopping {
                return;
            }
        }
    }

    fn next(&self) -> Option<Arc<Live>> {
        let mut inner = self.inner();
        if inner.stopping {
            return None;
        }
        let next = inner.queue.next();
        self.say_what_they_wait_for(&inner);
        // What is queued is open: see `Busy`.
        inner.open.get(&next?).map(Arc::clone)
    }

    fn say_what_they_wait_for(&self, inner: &Inner) {
        for (id, why) in inner.queue.reasons() {
            if let Some(live) = inner.open.get(&id)
                && live.job().waits_for != why
            {
                live.change(|job| job.waits_for = why);
                live.seq.send_modify(|_| ());
            }
        }
    }

    async fn run(self: Arc<Self>, live: Arc<Live>) {
        let recorder = Recorder::new(Arc::clone(&self.store), Arc::clone(&live));
        if recorder.begin().await {
            self.tell(&live, Moment::Started);
        }
        let flushing = tokio::spawn(Arc::clone(&recorder).keep_flushing());
        let cancel = live.control().cancel.clone();
        // A task of its own: a panic there ends this job, and not the place that it has in the queue.
        let running = tokio::spawn(Arc::clone(&self).attempt(live.job(), Arc::clone(&recorder), cancel));
        let end = running.await.unwrap_or_else(|fault| {
            runner::End::failed(Error::new("host.internal", format!("The host itself failed: {fault}")))
        });
        flushing.abort();
        let end = self.after_wish(&live, end).await;
        self.settle(&live, &recorder, end).await;
    }

    /// Runs the job, again and again while somebody who is no job of ours stands in its way; meanwhile others have its place.
    async fn attempt(self: Arc<Self>, job: Arc<Job>, recorder: Arc<Recorder>, cancel: Cancel) -> runner::End {
        let since = Instant::now();
        let mut said = false;
        loop {
            let end = runner::run(&self.places, &job, &recorder, &cancel).await;
            let Some(error) = end.busy().filter(|_| since.elapsed() < PATIENCE) else { return end };
            if !std::mem::replace(&mut said, true) {
                recorder.log("info", "host", None, format!("{error}; waiting"));
            }
            // Whoever stops it while it waits stops it before it began: it can begin yet.
            if let Err(error) = cancel.check() {
                return runner::End::failed(error);
            }
            self.inner().queue.rest(&job.id, true);
            self.wake.notify_one();
            tokio::time::sleep(LOOK).await;
            self.inner().queue.rest(&job.id, false);
        }
    }

    /// What the end of a run means, in the light of what somebody wanted.
    async fn after_wish(&self, live: &Live, end: runner::End) -> runner::End {
        let wish = {
            let mut control = live.control();
            control.ending = true;
            control.wish
        };
        let stopped = end.state == State::Interrupted;
        match wish {
            Some(Wish::Pause) if stopped => runner::End { state: State::Paused, error: None, ..end },
            Some(Wish::Stop) if stopped => runner::End { state: State::Queued, error: None, ..end },
            Some(Wish::Cancel) if stopped => match runner::abort(&self.places, &live.job()).await {
                Ok(None) => runner::End { state: State::Cancelled, error: None, ..end },
                Ok(Some(end)) => end,
                Err(error) => runner::End { state: State::Interrupted, error: Some(error), ..end },
            },
            _ => end,
        }
    }

    async fn settle(&self, live: &Arc<Live>, recorder: &Arc<Recorder>, end: runner::End) {
        let id = live.job().id.clone();
        let mut said = false;
        // A store that fails (a full disk) is tried again: a job must not be lost for it.
        while let Err(error) = recorder.end(&end).await {
            if !std::mem::replace(&mut said, true) {
                recorder.log("error", "host", None, error.to_string());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // Before its place is free: who stops the process waits for that, and it must not be forgotten.
        if end.state.is_ended() || end.state == State::Interrupted {
            self.tell(live, Moment::Ended);
        }
        {
            let mut inner = self.inner();
            *live.control() = Control::default();
            inner.queue.done(&id);
            if end.state.is_ended() {
                inner.open.remove(&id);
            }
        }
        // After it left the table: whoever wakes finds the end in the store.
        live.seq.send_modify(|seq| *seq += 1);
        self.wake.notify_one();
    }

    fn tell(&self, live: &Live, moment: Moment) {
        let job = live.job();
        self.listeners.iter().for_each(|listener| listener(&job, moment));
    }

    /// Stops every job at its next safe place; they go on when the next process starts. Returns when all have stopped, or cannot do so soon.
    pub(crate) async fn stop(&self) {
        {
            let mut inner = self.inner();
            inner.stopping = true;
            for live in inner.queue.running_ids().filter_map(|id| inner.open.get(id)) {
                let mut control = live.control();
                control.wish.get_or_insert(Wish::Stop);
                control.cancel.cancel();
            }
        }
        self.wake.notify_one();
        let stopped = async {
            while self.load().1 > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(LAST_STEPS, stopped).await;
    }
}

fn new_job(task: Task, asked: &Asked) -> Result<Job> {
    Ok(Job {
        id: crate::restore::new_job_name()?,
        task,
        state: State::Queued,
        operator: asked.operator.clone(),
        priority: asked.priority,
        notify: asked.notify,
        created: Timestamp::now().to_string(),
        started: None,
        ended: None,
        waits_for: None,
        progress: Progress::default(),
        stages: vec![recorder::stage("queue", "running")],
        error: None,
    })
}

/// A job whose process is gone waits again; what it committed is in its target.
fn again(store: &Store, job: &mut Job) -> Result<()> {
    job.state = State::Queued;
    (job.progress.rate, job.progress.seconds_left) = (None, None);
    if let Some(last) = job.stages.last_mut().filter(|last| last.state == "running") {
        "waiting".clone_into(&mut last.state);
    }
    let mut objects = store.objects(&job.id, 0, u32::MAX)?;
    objects.retain_mut(JobObject::stop);
    let log = vec![log("warning", "The server was ended while the job ran; it goes on")];
    store.write(job, &Changes { objects, log, ..Changes::default() }, None).map(drop)
}

fn candidate(job: &Job, size: Option<u64>) -> Candidate {
    Candidate {
        id: job.id.clone(),
        operator: job.operator.clone(),
        priority: job.priority,
        claim: job.claim(),
        size,
        begun: job.started.is_some(),
        rests: false,
    }
}

fn log(level: &str, text: &str) -> LogEntry {
    LogEntry {
        time: Timestamp::now().to_string(),
        level: level.to_owned(),
        source: "host".to_owned(),
        object: None,
        text: text.to_owned(),
    }
}

fn not_found(id: &str) -> Error {
    let id: String = id.escape_debug().take(100).collect();
    Error::new("job.not_found", format!("There is no job `{id}`"))
}
