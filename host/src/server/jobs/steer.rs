//! What people do with jobs: cancel, pause, resume, retry, undo, discard.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};

use super::job::{Job, State, Task};
use super::{Asked, Changes, Jobs, Live, Submitted, Wish, candidate, log, not_found, runner};

impl Jobs {
    /// Ends a job: what it staged is taken away, and the target is as it was. A job that runs ends at its next safe place, a moment after this returns.
    ///
    /// Fails with `job.not_possible` for one that has ended.
    pub(crate) async fn cancel(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let live = self.open(id, "be cancelled").await?;
        if self.inner().queue.remove(id) || live.job().state != State::Running {
            // A queued job may have run before the server was stopped.
            let _busy = Busy::of(&live)?;
            if let Err(error) = runner::abort(&self.places, &live.job()).await {
                // What it staged is still there: neither lost nor queued.
                self.set(&live, State::Interrupted, &format!("{by} could not cancel it: {error}")).await?;
                return Err(error);
            }
            return self.set(&live, State::Cancelled, &format!("{by} cancelled it")).await;
        }
        self.wish(&live, Wish::Cancel, &format!("{by} cancels it")).await
    }

    /// Stops a restore for a while. One that runs stops at its next safe place, a moment after this returns.
    pub(crate) async fn pause(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let live = self.open(id, "be paused").await?;
        if self.inner().queue.remove(id) {
            return self.set(&live, State::Paused, &format!("{by} paused it")).await;
        }
        let job = live.job();
        let possible = job.state == State::Running && matches!(job.task, Task::Restore(_));
        if !possible {
            return Err(not_possible(&job, "be paused"));
        }
        self.wish(&live, Wish::Pause, &format!("{by} pauses it")).await
    }

    /// Lets a paused or interrupted job go on.
    pub(crate) async fn resume(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let live = self.open(id, "be resumed").await?;
        if !matches!(live.job().state, State::Paused | State::Interrupted) {
            return Err(not_possible(&live.job(), "be resumed"));
        }
        let busy = Busy::of(&live)?;
        let job = self.set(&live, State::Queued, &format!("{by} resumed it")).await?;
        drop(busy);
        let (jobs, task) = (Arc::clone(self), job.task.clone());
        let size = crate::server::blocking(move || Ok(jobs.places.size(&task))).await?;
        self.inner().queue.add(candidate(&job, size));
        self.wake.notify_one();
        Ok(job)
    }

    /// Starts a job that has ended without success anew, as another one.
    pub(crate) async fn retry(self: &Arc<Self>, id: &str, asked: Asked) -> Result<Submitted> {
        let job = self.get(id).await?;
        if !matches!(job.state, State::Failed | State::Refused | State::Cancelled | State::Undone) {
            return Err(not_possible(&job, "be tried again"));
        }
        self.submit(job.task.clone(), asked).await
    }

    /// Takes back what a restore switched; of an undone one, switches it again.
    pub(crate) async fn undo(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let job = self.get(id).await?;
        let (state, words) = match job.state {
            State::Succeeded => (State::Undone, "took it back"),
            State::Undone => (State::Succeeded, "switched it again"),
            _ => return Err(not_possible(&job, "be undone")),
        };
        self.on_target(&job, "be undone", state, &format!("{by} {words}"), |target, id| target.undo(id).map(drop)).await
    }

    /// Drops what a restore had replaced: it cannot be undone any more.
    pub(crate) async fn discard(self: &Arc<Self>, id: &str, by: &str) -> Result<Arc<Job>> {
        let job = self.get(id).await?;
        if !matches!(job.state, State::Succeeded | State::Undone) {
            return Err(not_possible(&job, "be discarded"));
        }
        let words = format!("{by} dropped what it had replaced");
        self.on_target(&job, "be discarded", State::Discarded, &words, |target, id| target.discard(id)).await
    }

    async fn on_target(
        self: &Arc<Self>,
        job: &Arc<Job>,
        what: &str,
        state: State,
        words: &str,
        act: impl FnOnce(&dyn crate::target::Target, &str) -> Result<()> + Send + 'static,
    ) -> Result<Arc<Job>> {
        let Task::Restore(task) = &job.task else { return Err(not_possible(job, what)) };
        let (jobs, id) = (Arc::clone(self), job.id.clone());
        let target = self.places.target(&task.target)?;
        let words = words.to_owned();
        crate::server::blocking(move || {
            // The target's own lock keeps a restore that runs there, and another one of these, out.
            act(target.as_ref(), &id)?;
            let mut job = jobs.store.job(&id)?.ok_or_else(|| not_found(&id))?;
            job.state = state;
            jobs.store.write(&job, &Changes { log: vec![log("info", &words)], ..Changes::default() }, None)?;
            Ok(Arc::new(job))
        })
        .await
    }

    /// An open job. Fails with `job.not_found`, and with `job.not_possible` for one that has ended.
    async fn open(self: &Arc<Self>, id: &str, what: &str) -> Result<Arc<Live>> {
        match self.live(id) {
            Some(live) => Ok(live),
            None => Err(not_possible(self.get(id).await?.as_ref(), what)),
        }
    }

    async fn wish(self: &Arc<Self>, live: &Arc<Live>, wish: Wish, words: &str) -> Result<Arc<Job>> {
        {
            let mut control = live.control();
            // Who cancels does not want it paused any more; who pauses does not take a cancel back.
            if control.wish != Some(Wish::Cancel) {
                control.wish = Some(wish);
            }
            control.cancel.cancel();
        }
        let (jobs, live, words) = (Arc::clone(self), Arc::clone(live), words.to_owned());
        crate::server::blocking(move || {
            let job = live.job();
            jobs.store.write(&job, &Changes { log: vec![log("info", &words)], ..Changes::default() }, None)?;
            Ok(job)
        })
        .await
    }

    /// Sets the state of a job that does not run.
    async fn set(self: &Arc<Self>, live: &Arc<Live>, state: State, words: &str) -> Result<Arc<Job>> {
        let (jobs, live, words) = (Arc::clone(self), Arc::clone(live), words.to_owned());
        crate::server::blocking(move || {
            let job = live.change(|job| {
                job.state = state;
                job.waits_for = None;
                job.ended = state.is_ended().then(|| Timestamp::now().to_string());
            });
            let changes = Changes { log: vec![log("info", &words)], ..Changes::default() };
            let seq = jobs.store.write(&job, &changes, None)?;
            if state.is_ended() {
                jobs.inner().open.remove(&job.id);
                jobs.tell(&live, super::Moment::Ended);
            }
            live.seq.send_replace(seq);
            Ok(job)
        })
        .await
    }
}

/// Keeps two people from doing two things with one job at the same time.
struct Busy(Arc<Live>);

impl Busy {
    fn of(live: &Arc<Live>) -> Result<Self> {
        let mut control = live.control();
        if std::mem::replace(&mut control.busy, true) {
            return Err(not_possible(&live.job(), "be changed by two at the same time"));
        }
        drop(control);
        Ok(Self(Arc::clone(live)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.control().busy = false;
    }
}

fn not_possible(job: &Job, what: &str) -> Error {
    Error::new("job.not_possible", format!("Job {} cannot {what}: it is {}", job.id, job.state))
}
