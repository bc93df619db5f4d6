//! What people do with jobs: cancel, pause, resume, retry, undo, discard.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::target::Target;

use super::job::{Job, State, Task};
use super::queue::Candidate;
use super::{Asked, Changes, Jobs, Live, Moment, Submitted, Wish, candidate, log, not_found, runner};

/// Whose a job is while somebody steers it.
enum Held {
    /// Ours: it does not run, and nobody starts it meanwhile.
    Ours(Busy),
    /// It runs; where there was a wish, it has heard it.
    Run,
    /// Its run is over, and its end is being written.
    Ending,
    /// It has just left the table.
    Gone,
}

impl Jobs {
    /// Ends a job: what it staged is taken away, and the target is as it was. A job that runs ends at its next safe place, a moment after this returns.
    ///
    /// Fails with `job.not_possible` for one that has ended.
    pub(crate) async fn cancel(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let (jobs, id, by) = (Arc::clone(self), id.to_owned(), by.to_owned());
        undisturbed(async move {
            let (live, held) = jobs.hold(&id, "be cancelled", |_| Some(Wish::Cancel)).await?;
            match held {
                Some(busy) => jobs.end_now(&live, busy, &by).await,
                None => jobs.heard(&live, &format!("{by} cancels it")).await,
            }
        })
        .await
    }

    /// Cancels a job that does not run.
    async fn end_now(self: &Arc<Self>, live: &Arc<Live>, mut busy: Busy, by: &str) -> Result<Arc<Job>> {
        let job = live.job();
        // What never ran has nothing in its target, which need not be there for this.
        let left = if job.started.is_some() { runner::abort(&self.places, &job).await } else { Ok(None) };
        match left {
            Ok(None) => {
                let job = self.set(live, State::Cancelled, &format!("{by} cancelled it")).await?;
                busy.candidate = None;
                Ok(job)
            }
            Ok(Some(end)) => {
                let job = self.adopt(live, end).await?;
                busy.candidate = None;
                Err(not_possible(&job, "be cancelled"))
            }
            Err(error) => {
                // What it staged is still there: neither lost nor queued.
                let log = vec![log("error", &format!("{by} could not cancel it: {error}"))];
                let end = runner::End { state: State::Interrupted, report: None, error: Some(error.clone()) };
                self.put(live, end, Changes { log, ..Changes::default() }).await?;
                busy.candidate = None;
                Err(error)
            }
        }
    }

    /// Stops a restore for a while. One that runs stops at its next safe place, a moment after this returns.
    pub(crate) async fn pause(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let (jobs, id, by) = (Arc::clone(self), id.to_owned(), by.to_owned());
        undisturbed(async move {
            let wish = |job: &Job| matches!(job.task, Task::Restore(_)).then_some(Wish::Pause);
            let (live, held) = jobs.hold(&id, "be paused", wish).await?;
            let Some(mut busy) = held else { return jobs.heard(&live, &format!("{by} pauses it")).await };
            if live.job().state != State::Queued {
                return Err(not_possible(&live.job(), "be paused"));
            }
            let job = jobs.set(&live, State::Paused, &format!("{by} paused it")).await?;
            busy.candidate = None;
            Ok(job)
        })
        .await
    }

    /// Lets a paused or interrupted job go on.
    pub(crate) async fn resume(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let (jobs, id, by) = (Arc::clone(self), id.to_owned(), by.to_owned());
        undisturbed(async move {
            let (live, held) = jobs.hold(&id, "be resumed", |_| None).await?;
            let Some(mut busy) = held else { return Err(not_possible(&live.job(), "be resumed")) };
            if !matches!(live.job().state, State::Paused | State::Interrupted) {
                return Err(not_possible(&live.job(), "be resumed"));
            }
            let job = jobs.set(&live, State::Queued, &format!("{by} resumed it")).await?;
            let (places, task) = (Arc::clone(&jobs.places), job.task.clone());
            let size = crate::server::blocking(move || Ok(places.size(&task))).await?;
            busy.candidate = Some(candidate(&job, size));
            Ok(job)
        })
        .await
    }

    /// Starts a job that has ended without success anew, as another one.
    pub(crate) async fn retry(self: &Arc<Self>, id: &str, asked: Asked) -> Result<Submitted> {
        let job = self.get(id).await?;
        if !matches!(job.state, State::Failed | State::Refused | State::Cancelled | State::Undone) {
            return Err(not_possible(&job, "be tried again"));
        }
        let (store, mut job) = (Arc::clone(&self.store), Job::clone(&job));
        let job = crate::server::blocking(move || store.attach_plan(&mut job).map(|()| job)).await?;
        self.submit(job.task, asked).await
    }

    /// Takes back what a restore switched; of an undone one, switches it again.
    pub(crate) async fn undo(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let (jobs, id, by) = (Arc::clone(self), id.to_owned(), by.to_owned());
        undisturbed(async move {
            let _steered = Steered::of(&jobs, &id)?;
            let job = jobs.get(&id).await?;
            let (state, words) = match job.state {
                State::Succeeded => (State::Undone, "took it back"),
                State::Undone => (State::Succeeded, "switched it again"),
                _ => return Err(not_possible(&job, "be undone")),
            };
            let act = |target: &dyn Target, id: &str| target.undo(id).map(drop);
            jobs.on_target(&job, "be undone", state, &format!("{by} {words}"), act).await
        })
        .await
    }

    /// Drops what a restore had replaced: it cannot be undone any more.
    pub(crate) async fn discard(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let (jobs, id, by) = (Arc::clone(self), id.to_owned(), by.to_owned());
        undisturbed(async move {
            let _steered = Steered::of(&jobs, &id)?;
            let job = jobs.get(&id).await?;
            if !matches!(job.state, State::Succeeded | State::Undone) {
                return Err(not_possible(&job, "be discarded"));
            }
            let words = format!("{by} dropped what it had replaced");
            let act = |target: &dyn Target, id: &str| target.discard(id);
            jobs.on_target(&job, "be discarded", State::Discarded, &words, act).await
        })
        .await
    }

    async fn on_target(
        self: &Arc<Self>,
        job: &Arc<Job>,
        what: &str,
        state: State,
        words: &str,
        act: impl FnOnce(&dyn Target, &str) -> Result<()> + Send + 'static,
    ) -> Result<Arc<Job>> {
        let Task::Restore(task) = &job.task else { return Err(not_possible(job, what)) };
        let (jobs, mut job) = (Arc::clone(self), Job::clone(job));
        let target = self.places.target(&task.target)?;
        let words = words.to_owned();
        crate::server::blocking(move || {
            let record = target.jobs()?.into_iter().find(|record| record.job == job.id);
            let record = record.ok_or_else(|| not_found(&job.id))?;
            // Somebody did it without us, or a process of ours that ended before it could say so: undoing twice would do it again.
            if runner::ended(&record).state != state {
                // The target's own lock keeps a restore that runs there out.
                act(target.as_ref(), &job.id)?;
            }
            job.state = state;
            jobs.store.write(&job, &Changes { log: vec![log("info", &words)], ..Changes::default() }, None)?;
            Ok(Arc::new(job))
        })
        .await
    }

    /// Takes hold of an open job that does not run, or tells one that runs what is wished of it (nothing is answered then).
    ///
    /// Fails with `job.not_found`, and with `job.not_possible` for one that has ended, or runs while there is no wish.
    async fn hold(
        self: &Arc<Self>,
        id: &str,
        what: &str,
        wish: impl Fn(&Job) -> Option<Wish>,
    ) -> Result<(Arc<Live>, Option<Busy>)> {
        loop {
            let live = match self.live(id) {
                Some(live) => live,
                None => return Err(not_possible(self.get(id).await?.as_ref(), what)),
            };
            let mut changes = live.seq.subscribe();
            let wish = wish(&live.job());
            match self.try_hold(&live, wish)? {
                Held::Ours(busy) => return Ok((live, Some(busy))),
                Held::Run if wish.is_some() => return Ok((live, None)),
                Held::Run => return Err(not_possible(&live.job(), what)),
                Held::Ending => drop(changes.changed().await),
                Held::Gone => {}
            }
        }
    }

    /// One look under one lock: between it and what is done about it nobody else comes.
    fn try_hold(self: &Arc<Self>, live: &Arc<Live>, wish: Option<Wish>) -> Result<Held> {
        let id = &live.job().id;
        let mut inner = self.inner();
        if !inner.open.contains_key(id) {
            return Ok(Held::Gone);
        }
        if inner.queue.runs(id) {
            let mut control = live.control();
            if control.ending {
                return Ok(Held::Ending);
            }
            if let Some(wish) = wish {
                // Who cancels does not want it paused any more; who pauses does not take a cancel back.
                if control.wish != Some(Wish::Cancel) {
                    control.wish = Some(wish);
                }
                control.cancel.cancel();
            }
            return Ok(Held::Run);
        }
        let mut busy = Busy::of(self, live)?;
        busy.candidate = inner.queue.remove(id);
        Ok(Held::Ours(busy))
    }

    /// Writes into the log of a job that runs what somebody wished of it.
    async fn heard(self: &Arc<Self>, live: &Arc<Live>, words: &str) -> Result<Arc<Job>> {
        let (jobs, live, words) = (Arc::clone(self), Arc::clone(live), words.to_owned());
        crate::server::blocking(move || {
            // Nothing but the line: the job itself may end at this moment.
            jobs.store.log(&live.job().id, &[log("info", &words)])?;
            Ok(live.job())
        })
        .await
    }

    /// Sets the state of a job that does not run.
    async fn set(self: &Arc<Self>, live: &Arc<Live>, state: State, words: &str) -> Result<Arc<Job>> {
        let changes = Changes { log: vec![log("info", words)], ..Changes::default() };
        self.put(live, runner::End { state, report: None, error: None }, changes).await
    }

    /// Takes over how a job ended of which no process of ours knew.
    async fn adopt(self: &Arc<Self>, live: &Arc<Live>, end: runner::End) -> Result<Arc<Job>> {
        let words = format!("It had {} before", end.state);
        self.put(live, end, Changes { log: vec![log("info", &words)], ..Changes::default() }).await
    }

    async fn put(self: &Arc<Self>, live: &Arc<Live>, end: runner::End, changes: Changes) -> Result<Arc<Job>> {
        let (jobs, live) = (Arc::clone(self), Arc::clone(live));
        crate::server::blocking(move || {
            let now = Timestamp::now().to_string();
            let change = |job: &mut Job| {
                job.waits_for = None;
                end.apply(job, &now);
            };
            let job = live.save(&jobs.store, change, &changes, end.report.as_deref())?;
            if end.state.is_ended() {
                jobs.inner().open.remove(&job.id);
                // Whoever wakes now finds it in the store.
                live.seq.send_modify(|seq| *seq += 1);
                jobs.tell(&live, Moment::Ended);
            }
            Ok(job)
        })
        .await
    }
}

/// Does something to its end, also where the client that asked for it has gone.
async fn undisturbed<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(fault) => Err(Error::new("host.internal", format!("The host itself failed: {fault}"))),
    }
}

/// Keeps everybody else from an open job that does not run. At its end the job is queued, if it is to be.
pub(super) struct Busy {
    jobs: Arc<Jobs>,
    live: Arc<Live>,
    /// How the job waits in the queue afterwards.
    pub(super) candidate: Option<Candidate>,
}

impl Busy {
    pub(super) fn of(jobs: &Arc<Jobs>, live: &Arc<Live>) -> Result<Self> {
        if std::mem::replace(&mut live.control().busy, true) {
            return Err(by_two(&live.job().id));
        }
        Ok(Self { jobs: Arc::clone(jobs), live: Arc::clone(live), candidate: None })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut inner = self.jobs.inner();
        if let Some(candidate) = self.candidate.take()
            && inner.open.contains_key(&candidate.id)
        {
            inner.queue.add(candidate);
        }
        self.live.control().busy = false;
        drop(inner);
        self.jobs.wake.notify_one();
    }
}

/// Keeps everybody else from a job that has ended.
struct Steered(Arc<Jobs>, String);

impl Steered {
    fn of(jobs: &Arc<Jobs>, id: &str) -> Result<Self> {
        if !jobs.inner().steered.insert(id.to_owned()) {
            return Err(by_two(id));
        }
        Ok(Self(Arc::clone(jobs), id.to_owned()))
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        self.0.inner().steered.remove(&self.1);
    }
}

fn by_two(id: &str) -> Error {
    let id: String = id.escape_debug().take(100).collect();
    Error::new("job.not_possible", format!("Job {id} cannot be changed by two at the same time"))
}

fn not_possible(job: &Job, what: &str) -> Error {
    Error::new("job.not_possible", format!("Job {} cannot {what}: it is {}", job.id, job.state))
}
