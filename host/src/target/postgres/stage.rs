//! A job's work until its switch: beside the live objects, or in a database of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::failpoint;
use crate::plan::{Finding, StageKind, Step};
use crate::target::{Counts, Job, JobStatus, Stage, Switched, Unit, Work};

use super::analyze::analyze;
use super::apart::Apart;
use super::catalog;
use super::connection::Connection;
use super::exchange;
use super::head::Head;
use super::lock::Lock;
use super::placement::{Placement, literal, quoted, stage_schema};
use super::pool::Pool;
use super::rehearse::{rehearse, taken_back};
use super::removal;
use super::retry;
use super::settings::Settings;
use super::shared::Shared;
use super::store::{self, Record};
use super::switch::{Run, Switch};
use super::work::PostgresWork;
use super::{facts, meanwhile};

/// The stage of one job.
pub(crate) struct PostgresStage {
    pub(super) shared: Arc<Shared>,
    pub(super) record: Record,
    pub(super) head: Head,
    /// Present until the job's end; commits of its session are on the server's disk. In the database that is staged in, unless that is
    /// one of its own.
    pub(super) lock: Mutex<Lock>,
    /// Of a job that works in a database of its own.
    pub(super) apart: Option<Apart>,
    pub(super) settings: Settings,
}

impl PostgresStage {
    /// Records the job and opens an empty stage.
    pub(crate) fn begin(settings: &Settings, job: &Job) -> Result<Self> {
        let head = Head::of(&job.plan);
        if head.stage == StageKind::Database {
            return Self::begin_apart(settings, job, head);
        }
        match Lock::here(settings, &job.job) {
            Ok(lock) => Self::begin_beside(settings, job, head, lock),
            // There is nothing to stage beside.
            Err(error) if error.code() == "target.not_found" => Self::begin_apart(settings, job, head),
            Err(error) => Err(error),
        }
    }

    fn begin_beside(settings: &Settings, job: &Job, head: Head, mut lock: Lock) -> Result<Self> {
        let connection = lock.connection();
        failpoint::hit("postgres.begin");
        let record = store::write(connection, |connection| {
            store::create(connection)?;
            let record = store::insert_job(connection, job, None, true)?;
            for (schema, number) in head.target_schemas().into_iter().zip(1..) {
                create_stage(connection, &record, schema, number)?;
            }
            Ok(record)
        })?;
        failpoint::hit("postgres.begin.done");
        for discarded in store::jobs(connection)?.iter().filter(|known| known.job.status == JobStatus::Discarded) {
            removal::sweep(connection, discarded)?;
        }
        super::apart::sweep(settings, connection, settings.name())?;
        Self::open_beside(settings, record, head, lock)
    }

    /// Opens the stage of a job that was interrupted.
    pub(crate) fn resume_beside(settings: &Settings, record: Record, lock: Lock) -> Result<Self> {
        let head = Head::of(&record.job.plan);
        Self::open_beside(settings, record, head, lock)
    }

    fn open_beside(settings: &Settings, record: Record, head: Head, mut lock: Lock) -> Result<Self> {
        let stages = removal::numbers(lock.connection(), record.seq)?;
        let placement = Placement::new(&record.job.job, &head.steps, &head.map, Some(stages));
        let stage = Self::open(settings.clone(), record, head, lock, placement, None);
        stage.remember()?;
        Ok(stage)
    }

    pub(super) fn open(
        settings: Settings,
        mut record: Record,
        head: Head,
        lock: Lock,
        placement: Placement,
        apart: Option<Apart>,
    ) -> Self {
        record.job.status = JobStatus::Running;
        let pool = Pool::new(settings.clone(), &record.job.job);
        let shared = Arc::new(Shared::new(pool, placement, record.seq, &head));
        Self { shared, record, head, lock: Mutex::new(lock), apart, settings }
    }

    /// Knows what an earlier process has staged that no step says.
    pub(super) fn remember(&self) -> Result<()> {
        let placement = &self.shared.placement;
        let mut lock = self.lock();
        let numbers = placement.stages();
        let hidden: Vec<String> = numbers.values().map(|number| stage_schema(&self.record.job.job, *number)).collect();
        if hidden.is_empty() {
            return Ok(());
        }
        for item in catalog::in_schemas(lock.connection(), hidden.iter().map(String::as_str))? {
            let live = numbers.keys().zip(&hidden).find(|(_, stage)| **stage == item.schema).map(|(live, _)| live);
            if let Some(live) = live {
                placement.add(live, &item.name);
            }
            if item.relation == Some('p') {
                self.shared.add_partitioned(&item.schema, &item.name);
            }
        }
        Ok(())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lock> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something with a session whose commits are on disk, in the database that is staged in.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        match &self.apart {
            None => work(self.lock().connection()),
            Some(_) => work(&mut *self.shared.pool.lease()?),
        }
    }

    /// What has been changed in the live database since the job was planned.
    fn changed_meanwhile(&self) -> Result<Vec<Finding>> {
        let live = self.apart.as_ref().map_or(&self.settings, |apart| &apart.live);
        Ok(meanwhile::findings(&facts::inspect(live)?, &self.head.steps, self.apart.is_some()))
    }

    fn switch_of<'a>(&'a self, steps: &'a [Step]) -> Switch<'a> {
        Switch { job: &self.record.job.job, seq: self.record.seq, placement: &self.shared.placement, steps }
    }

    fn analyze(&self) -> Result<Vec<Finding>> {
        if self.head.skip_analyze {
            return Ok(Vec::new());
        }
        let stages = self.shared.placement.stages();
        let schemas: Vec<String> =
            stages.into_values().map(|number| stage_schema(&self.record.job.job, number)).collect();
        if schemas.is_empty() && self.apart.is_none() {
            return Ok(Vec::new());
        }
        analyze(&self.shared.pool, &schemas)
    }

    fn switch_beside(&self, steps: &[Step], report: &dyn Fn(Switched) -> String) -> Result<Switched> {
        let switch = self.switch_of(steps);
        let mut lock = self.lock();
        let mut switched = Switched::default();
        let mut pause = std::time::Instant::now();
        failpoint::hit("postgres.switch.begin");
        retry::transaction(lock.connection(), |connection, attempt| {
            pause = switch.perform(connection, Run::Together)?;
            switched.attempts = attempt;
            switch.finish(connection, pause, attempt, report)
        })?;
        switched.pause = pause.elapsed();
        failpoint::hit("postgres.switch.done");
        Ok(switched)
    }
}

/// Makes the stage schema for a schema of the target.
fn create_stage(connection: &mut Connection, record: &Record, schema: &str, number: u32) -> Result<()> {
    let stage = quoted(&stage_schema(&record.job.job, number));
    store::run(
        connection,
        &format!(
            "CREATE SCHEMA IF NOT EXISTS {stage}; INSERT INTO reinstate.stage(job, number, live) VALUES ({}, {number}, {}) \
             ON CONFLICT DO NOTHING",
            record.seq,
            literal(schema)
        ),
    )
}

impl Stage for PostgresStage {
    fn job(&self) -> &Job {
        &self.record.job
    }

    fn journal(&self) -> Result<BTreeMap<(u32, Unit), Counts>> {
        self.with(|connection| store::journal(connection, self.record.seq))
    }

    fn open(&self, step: &Step, unit: Unit) -> Result<Box<dyn Work>> {
        let placement = &self.shared.placement;
        // Steps of a plan are known; others are those of an embedding program.
        if self.head.steps.is_empty() {
            placement.stage(std::slice::from_ref(step));
        }
        if let Some(schema) = &step.into.schema {
            match placement.number(schema) {
                Some((number, true)) => {
                    self.with(|connection| create_stage(connection, &self.record, schema, number))?
                }
                None if self.head.steps.is_empty() => {
                    self.with(|connection| exchange::create_schemas(connection, [schema.as_str()]).map(drop))?;
                }
                _ => {}
            }
        }
        Ok(Box::new(PostgresWork::open(&self.shared, step, unit)?))
    }

    fn cancel(&self) {
        self.shared.pool.cancel();
    }

    fn forget(&self, step: &Step) -> Result<()> {
        self.with(|connection| removal::forget(connection, self.record.seq, &self.shared.placement, step))
    }

    fn rehearse(&self, steps: &[Step]) -> Result<Vec<Finding>> {
        failpoint::hit("postgres.rehearse");
        let mut findings = self.changed_meanwhile()?;
        if !findings.is_empty() {
            return Ok(findings);
        }
        findings.extend(self.analyze()?);
        findings.extend(match &self.apart {
            None => rehearse(self.lock().connection(), &self.switch_of(steps))?,
            Some(apart) if apart.prepared => Vec::new(),
            Some(_) => {
                let mut lease = self.shared.pool.lease()?;
                taken_back(&mut lease, |connection| self.prepare(connection, steps, Run::OneByOne))?
            }
        });
        Ok(findings)
    }

    fn switch(&self, steps: &[Step], report: &dyn Fn(Switched) -> String) -> Result<Switched> {
        match &self.apart {
            None => self.switch_beside(steps, report),
            Some(apart) => self.switch_apart(apart, steps, report),
        }
    }

    fn interrupt(self: Box<Self>) -> Result<()> {
        self.shared.pool.close();
        Ok(())
    }

    fn fail(self: Box<Self>, report: &str) -> Result<()> {
        self.shared.pool.close();
        match &self.apart {
            None => removal::end(self.lock().connection(), &self.record, Some(report)),
            Some(apart) => self.fail_apart(apart, report),
        }
    }
}
