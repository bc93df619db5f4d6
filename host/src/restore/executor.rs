//! Carries a checked plan out: tasks side by side, then the rehearsal, then the switch.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::task::JoinSet;

use crate::cancel::Cancel;
use crate::check::CheckedPlan;
use crate::error::{Error, Result};
use crate::plan::{Action, Plan, Severity, Step};
use crate::plugin::{ObjectView, Surroundings};
use crate::target::{Counts, Stage, Unit};

use super::graph::{Graph, Task};
use super::object::{Context, Findings, Work};
use super::report::{Report, ReportedFinding};
use super::urgency::Phase;
use super::width::Width;
use super::{CancelOnDrop, Event, Restore, Watch, advice, blocking, internal};

/// A job that can start: the plan, its objects and an open stage.
pub(super) struct Execution {
    restore: Restore,
    plan: CheckedPlan,
    works: Vec<Option<Work>>,
    surroundings: Arc<Surroundings>,
    stage: Box<dyn Stage>,
    journal: BTreeMap<(u32, Unit), Counts>,
    width: Width,
}

impl Execution {
    /// Binds every step to its object and plugin.
    pub(super) fn new(
        restore: &Restore,
        plan: CheckedPlan,
        mut views: BTreeMap<u32, ObjectView>,
        surroundings: Surroundings,
        stage: Box<dyn Stage>,
        connections: Option<u64>,
    ) -> Result<Self> {
        let mut plugins = HashMap::new();
        let mut works = Vec::new();
        for step in &plan.plan().steps {
            if !step.action.restores() {
                works.push(None);
                continue;
            }
            let plugin = match plugins.get(&step.plugin) {
                Some(plugin) => Arc::clone(plugin),
                None => {
                    let plugin = restore.host.plugins.get(&step.plugin).ok_or_else(|| {
                        Error::new("plan.plugins_changed", format!("There is no plugin `{}` any more", step.plugin))
                    })?;
                    plugins.insert(step.plugin.clone(), Arc::clone(&plugin));
                    plugin
                }
            };
            let view = views.remove(&step.id).ok_or_else(|| {
                Error::new("plan.archive_changed", format!("The archive holds no {} any more", step.object))
            })?;
            works.push(Some(Work { step: Arc::new(step.clone()), view, plugin }));
        }
        let journal = stage.journal()?;
        let width = width(plan.plan(), connections);
        Ok(Self { restore: restore.clone(), plan, works, surroundings: Arc::new(surroundings), stage, journal, width })
    }
}

/// Runs the job to its end and says how it ended.
pub(super) async fn run(execution: Execution, watch: &Watch) -> Report {
    let Execution { restore, plan, works, surroundings, stage, journal, width } = execution;
    let plan = plan.plan().clone();
    let report = Arc::new(Mutex::new(Report::begin(&plan)));
    let cancel = Cancel::default();
    let context = Arc::new(Context {
        stage,
        archive: Arc::clone(&restore.archive),
        surroundings,
        verify_checksums: plan.options.checksum,
        watch: listening(watch, &report),
        cancel: cancel.clone(),
    });
    // When the caller drops this future, tasks that run on other threads must learn of it.
    let _guard = CancelOnDrop(cancel);
    let counts = committed(&plan, &journal);
    let graph = Graph::new(&plan.steps, &journal);
    let mut job = Running { context, works, graph, plan, report, counts, width, started: Instant::now() };
    job.announce();
    let outcome = match job.load(&watch.cancel).await {
        Ok(()) => job.switch().await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(report) => report,
        Err(error) => job.stop(error).await,
    }
}

/// What an earlier run of the job has committed of each step.
fn committed(plan: &Plan, journal: &BTreeMap<(u32, Unit), Counts>) -> Vec<Counts> {
    let mut by_step: HashMap<u32, Counts> = HashMap::new();
    for ((step, _), counts) in journal {
        add(by_step.entry(*step).or_default(), *counts);
    }
    plan.steps.iter().map(|step| by_step.get(&step.id).copied().unwrap_or_default()).collect()
}

fn add(sum: &mut Counts, counts: Counts) {
    sum.rows += counts.rows;
    sum.bytes += counts.bytes;
}

/// The caller's watch with the report as a second listener.
fn listening(watch: &Watch, report: &Arc<Mutex<Report>>) -> Watch {
    let (observer, report) = (Arc::clone(&watch.observer), Arc::clone(report));
    Watch {
        observer: Arc::new(move |event| {
            report.lock().unwrap_or_else(PoisonError::into_inner).fold(event);
            observer(event);
        }),
        cancel: watch.cancel.clone(),
        job: watch.job.clone(),
    }
}

/// A job that is being carried out.
struct Running {
    context: Arc<Context>,
    plan: Plan,
    works: Vec<Option<Work>>,
    graph: Graph,
    report: Arc<Mutex<Report>>,
    /// What is committed of each step.
    counts: Vec<Counts>,
    width: Width,
    started: Instant,
}

/// What a task says when it ends: for each of its steps, by position.
type Outcomes = Vec<(usize, Done)>;

/// How a task ended for one step.
enum Done {
    Begun,
    Part(Counts),
    Finished(Counts, Findings),
    Failed(Error),
}

impl Running {
    fn announce(&self) {
        let mut done = Counts::default();
        self.counts.iter().for_each(|counts| add(&mut done, *counts));
        self.context.emit(&Event::Started {
            job: self.context.stage.job().job.clone(),
            objects: self.plan.totals.objects,
            rows: self.plan.totals.rows,
            bytes: self.plan.totals.read_bytes,
            done,
        });
        for (at, step) in self.plan.steps.iter().enumerate() {
            if self.graph.is_finished(at) && step.action.restores() {
                self.staged(at);
            }
        }
    }

    /// Runs every task of the graph. Fails with what stops the whole job; with `keep_going`, failed objects do not.
    async fn load(&mut self, operator: &Cancel) -> Result<()> {
        let mut running = JoinSet::new();
        let mut stopped = None;
        loop {
            while running.len() < self.width.now() && stopped.is_none() {
                let Some(task) = self.next_task() else { break };
                self.spawn(&mut running, &task);
            }
            let Some(joined) = next(&mut running, operator, &self.context).await else { break };
            let outcomes = match joined {
                Ok(outcomes) => outcomes,
                Err(fault) => {
                    stop(&mut stopped, internal(fault), &self.context.cancel);
                    continue;
                }
            };
            for (at, done) in outcomes {
                if let Err(error) = self.settle(at, done).await {
                    stop(&mut stopped, error, &self.context.cancel);
                }
            }
        }
        match stopped {
            Some(error) => Err(error),
            None if operator.is_cancelled() => Err(operator.check().err().unwrap_or_else(cancelled)),
            None => Ok(()),
        }
    }

    /// The task that goes next, if one may start now.
    fn next_task(&mut self) -> Option<Task> {
        let task = self.graph.next(self.width.now());
        match task.as_ref().and_then(Task::step) {
            Some(at) => self.width.turn_to(self.graph.phase(at)),
            None => self.width.idle(),
        }
        task
    }

    fn spawn(&self, running: &mut JoinSet<Outcomes>, task: &Task) {
        let context = Arc::clone(&self.context);
        let work = |at: usize| self.works[at].clone();
        match *task {
            Task::Wholes(ref steps) => {
                let works: Vec<_> = steps.iter().filter_map(|&at| Some((at, work(at)?))).collect();
                running.spawn_blocking(move || {
                    works.into_iter().map(|(at, work)| (at, finished(&work, context.whole(&work)))).collect()
                });
            }
            Task::Begin(at) => spawn(running, at, work(at), move |work| {
                context.begin(work).map_or_else(|error| failed(work, error), |()| Done::Begun)
            }),
            Task::Part(at, part) => spawn(running, at, work(at), move |work| {
                context.part(work, part).map_or_else(|error| failed(work, error), Done::Part)
            }),
            Task::End(at) => spawn(running, at, work(at), move |work| finished(work, context.end(work))),
        }
    }

    /// Takes a task's outcome in; fails when it ends the job.
    async fn settle(&mut self, at: usize, done: Done) -> Result<()> {
        self.graph.ended(at);
        self.measure(at, &done);
        match done {
            Done::Begun => self.graph.begun(at),
            Done::Part(counts) => {
                add(&mut self.counts[at], counts);
                self.graph.part_done(at);
            }
            Done::Finished(counts, findings) => {
                add(&mut self.counts[at], counts);
                self.graph.finished(at);
                let found = findings.iter().map(ReportedFinding::from);
                self.report.lock().unwrap_or_else(PoisonError::into_inner).findings.extend(found);
                self.staged(at);
            }
            // The earlier part says why itself.
            Done::Failed(error) if error.code() == "restore.part_failed" => {}
            Done::Failed(error) => {
                if error.is_resumable() || !self.plan.options.keep_going {
                    return Err(error);
                }
                return self.give_up(at, error).await;
            }
        }
        Ok(())
    }

    /// Tells the width what was done. Rows are counted part by part, the building of indexes at its end.
    fn measure(&mut self, at: usize, done: &Done) {
        let bytes = match (done, self.graph.phase(at)) {
            (Done::Part(counts) | Done::Finished(counts, _), Phase::Rows) => counts.bytes,
            (Done::Finished(..), _) => self.graph.cost(at),
            _ => return,
        };
        self.width.observe(self.started.elapsed(), bytes);
    }

    /// Takes a failed object, and those that need it, out of the stage; the job goes on without them.
    async fn give_up(&mut self, at: usize, error: Error) -> Result<()> {
        let cause = self.plan.steps[at].into.clone();
        for (nth, at) in self.graph.failed(at).into_iter().enumerate() {
            let step = self.plan.steps[at].clone();
            let error = if nth == 0 {
                error.clone()
            } else {
                let message = format!("It needs {cause}, which could not be restored");
                Error::new("restore.dependency_failed", message).object(&step.into)
            };
            let error = advice::object_failed(error, &self.plan);
            self.context.emit(&Event::ObjectFailed { object: step.into.clone(), error });
            let context = Arc::clone(&self.context);
            blocking(move || context.stage.forget(&step)).await?;
        }
        Ok(())
    }

    fn staged(&self, at: usize) {
        let step = &self.plan.steps[at];
        self.context.emit(&Event::ObjectStaged {
            source: step.object.clone(),
            object: step.into.clone(),
            counts: self.counts[at],
            files: u64::from(step.parts),
        });
    }

    /// Rehearses the switch and does it.
    async fn switch(&mut self) -> Result<Report> {
        let steps: Vec<Step> = self.live_steps();
        let acts = |step: &Step| step.action != Action::Skip;
        if steps.is_empty() && self.plan.steps.iter().any(acts) {
            let first = self.report.lock().unwrap_or_else(PoisonError::into_inner).error.clone();
            return Err(first.unwrap_or_else(|| Error::new("restore.object_failed", "No object could be restored")));
        }
        self.context.emit(&Event::Rehearsing);
        let (context, rehearsed) = (Arc::clone(&self.context), steps.clone());
        let findings = blocking(move || context.stage.rehearse(&rehearsed)).await?;
        if let Some(wrong) = findings.iter().find(|finding| finding.severity == Severity::Refusal) {
            let error = Error::new(wrong.code.clone(), wrong.message.clone());
            return Err(match &wrong.object {
                Some(object) => error.object(object),
                None => error,
            });
        }
        self.context.cancel.check()?;
        self.context.emit(&Event::Switching);
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report.findings.extend(findings.iter().map(ReportedFinding::from));
        let context = Arc::clone(&self.context);
        blocking(move || {
            let done = |switched| report.switched(&steps, switched);
            let as_json = |switched| serde_json::to_string(&done(switched)).unwrap_or_default();
            let switched = context.stage.switch(&steps, &as_json)?;
            Ok(done(switched))
        })
        .await
    }

    fn live_steps(&self) -> Vec<Step> {
        let steps = self.plan.steps.iter().enumerate();
        steps
            .filter(|(at, step)| step.action != Action::Skip && self.graph.is_finished(*at))
            .map(|(_, step)| step.clone())
            .collect()
    }

    /// Ends the job without a switch: keeps the stage for `resume` or removes it, and says so.
    async fn stop(self, error: Error) -> Report {
        let resumable = error.is_resumable();
        let job = self.context.stage.job().job.clone();
        let error = advice::stopped(error, &job, &self.plan);
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner).failed(error);
        let Self { context, .. } = self;
        let Some(context) = Arc::into_inner(context) else { return report };
        let kept = serde_json::to_string(&report).unwrap_or_default();
        let ended =
            blocking(move || if resumable { context.stage.interrupt() } else { context.stage.fail(&kept) }).await;
        match ended {
            Ok(()) => report,
            Err(error) => report.failed(advice::cleanup_failed(error, &job, &self.plan)),
        }
    }
}

fn spawn(
    running: &mut JoinSet<Outcomes>,
    at: usize,
    work: Option<Work>,
    run: impl FnOnce(&Work) -> Done + Send + 'static,
) {
    if let Some(work) = work {
        running.spawn_blocking(move || vec![(at, run(&work))]);
    }
}

fn finished(work: &Work, result: Result<(Counts, Findings)>) -> Done {
    result.map_or_else(|error| failed(work, error), |(counts, findings)| Done::Finished(counts, findings))
}

fn failed(work: &Work, error: Error) -> Done {
    Done::Failed(error.object(&work.step.into))
}

/// Keeps the error that came first, except that a cancelled task never hides why it was cancelled.
fn stop(stopped: &mut Option<Error>, error: Error, cancel: &Cancel) {
    let hides = stopped.as_ref().is_none_or(|first| first.code() == "restore.cancelled");
    if hides {
        *stopped = Some(error);
    }
    cancel.cancel();
}

fn cancelled() -> Error {
    Error::new("restore.cancelled", "The job was stopped")
}

/// The next task that ends; meanwhile passes the operator's wish to stop on to the tasks, and to the target what keeps them waiting.
async fn next(
    running: &mut JoinSet<Outcomes>,
    operator: &Cancel,
    context: &Arc<Context>,
) -> Option<Result<Outcomes, tokio::task::JoinError>> {
    let tasks = &context.cancel;
    loop {
        if operator.is_cancelled() {
            tasks.cancel();
        }
        if tasks.is_cancelled() && !running.is_empty() {
            let context = Arc::clone(context);
            let told = blocking(move || {
                context.stage.cancel();
                Ok(())
            });
            // A thread that failed tells nobody; the tasks then end by themselves.
            let _ = told.await;
        }
        // The flag is looked at ten times a second: it is set from signal handlers and other threads, which wake nobody.
        match tokio::time::timeout(std::time::Duration::from_millis(100), running.join_next()).await {
            Ok(joined) => return joined,
            Err(_) => continue,
        }
    }
}

fn width(plan: &Plan, connections: Option<u64>) -> Width {
    match plan.options.width {
        0 => Width::found(std::thread::available_parallelism().map_or(2, std::num::NonZero::get), connections),
        width => Width::fixed(usize::try_from(width).unwrap_or(usize::MAX), connections),
    }
}
