//! A job that works in a database of its own: the database takes the live one's name in the switch.
//!
//! What has become of such a job is said by the names of its databases, which change in one transaction: its record stands in the
//! database that it made, and that is a stage until it is called as the live one.

use std::sync::Mutex;

use crate::error::Result;
use crate::failpoint;
use crate::plan::Step;
use crate::target::{Job, JobStatus, Switched};

use super::connection::Connection;
use super::database::{self, Name};
use super::documents;
use super::exchange;
use super::head::Head;
use super::lock::Lock;
use super::placement::Placement;
use super::pool::{Durable, open};
use super::retry::retrying;
use super::settings::Settings;
use super::stage::PostgresStage;
use super::store::{self, Record};
use super::switch::{Run, run_phases};
use super::whole::{prepared_roles, unmake_roles};

/// What a stage in a database of its own is done with.
pub(crate) struct Apart {
    /// The live database, whether it exists or not.
    pub(super) live: Settings,
    /// A database from which others are renamed.
    pub(super) maintenance: Settings,
    /// What waits for the switch has been done in the stage, and only the names are left.
    pub(super) prepared: bool,
    /// The lock on the live database, where there is one. Its session ends before the names are exchanged.
    pub(super) here: Mutex<Option<Lock>>,
}

/// The locks of such a job: on the live database's name, and on the database itself where it exists.
pub(crate) fn locks(settings: &Settings, maintenance: &Settings, job: &str) -> Result<(Lock, Option<Lock>)> {
    let name = Lock::elsewhere(maintenance, job, settings.name())?;
    match Lock::here(settings, job) {
        Ok(here) => Ok((name, Some(here))),
        Err(error) if error.code() == "target.not_found" => Ok((name, None)),
        Err(error) => Err(error),
    }
}

impl PostgresStage {
    /// Creates the database and records the job in it.
    pub(super) fn begin_apart(settings: &Settings, job: &Job, head: Head) -> Result<Self> {
        let maintenance = database::maintenance(settings)?;
        let (mut lock, here) = locks(settings, &maintenance, &job.job)?;
        let live = settings.name();
        let name = Name::Stage(job.job.clone()).beside(live);
        sweep(settings, lock.connection(), live)?;
        failpoint::hit("postgres.begin");
        // Only one database at a time can be made of a template.
        retrying(|_| database::create(lock.connection(), &name, live))?;
        failpoint::hit("postgres.begin.done");
        let stage = settings.database(&name);
        let replaced = here.is_some();
        let recorded = record(&stage, job, live, replaced, &head);
        if recorded.is_err() {
            database::drop_database(lock.connection(), &name)?;
        }
        let apart = Apart { live: settings.clone(), maintenance, prepared: false, here: Mutex::new(here) };
        Ok(Self::open_apart(stage, recorded?, head, lock, apart))
    }

    /// Opens the stage of a job that was interrupted.
    pub(super) fn resume_apart(settings: &Settings, record: Record, lock: Lock, here: Option<Lock>) -> Result<Self> {
        let maintenance = database::maintenance(settings)?;
        let head = Head::of(&record.job.plan);
        let prepared = record.job.status == JobStatus::Succeeded;
        let stage = settings.database(&Name::Stage(record.job.job.clone()).beside(settings.name()));
        let apart = Apart { live: settings.clone(), maintenance, prepared, here: Mutex::new(here) };
        Ok(Self::open_apart(stage, record, head, lock, apart))
    }

    fn open_apart(stage: Settings, record: Record, head: Head, lock: Lock, apart: Apart) -> Self {
        let placement = Placement::new(&record.job.job, &head.steps, &head.map, None);
        Self::open(stage, record, head, lock, placement, Some(apart))
    }

    /// Does in the stage what has waited, in the open transaction.
    pub(super) fn prepare(&self, connection: &mut Connection, steps: &[Step], run: Run) -> Result<()> {
        run_phases(connection, self.record.seq, steps, run)?;
        documents::switch(connection, self.record.seq, steps)
    }

    pub(super) fn switch_apart(
        &self,
        apart: &Apart,
        steps: &[Step],
        report: &dyn Fn(Switched) -> String,
    ) -> Result<Switched> {
        let live = apart.live.name().to_owned();
        let job = &self.record.job.job;
        let (stage, kept) = (Name::Stage(job.clone()).beside(&live), Name::Kept(job.clone()).beside(&live));
        failpoint::hit("postgres.switch.begin");
        let mut connection = open(&self.settings, job, Durable::AtOnce)?;
        if !apart.prepared {
            self.prepare_switch(apart, &mut connection, steps, &kept, report)?;
        }
        drop(connection);
        failpoint::hit("postgres.switch.prepared");
        let mut lock = self.lock();
        let replaces = database::exists(lock.connection(), &live)?;
        if replaces {
            database::copy_properties(lock.connection(), &live, &stage)?;
        }
        self.shared.pool.close();
        drop(apart.here.lock().map(|mut here| here.take()));
        let mut renames = vec![(stage, live.clone())];
        if replaces {
            renames.insert(0, (live, kept));
        }
        let mut switched = Switched::default();
        retrying(|attempt| {
            switched.attempts = attempt;
            switched.pause = database::rename(lock.connection(), &apart.maintenance, job, &renames)?;
            Ok(())
        })?;
        failpoint::hit("postgres.switch.done");
        // The switch is done whatever becomes of this: the report says how long it took.
        if let Ok(mut connection) = open(&apart.live, job, Durable::AtOnce) {
            let _ = store::write(&mut connection, |connection| {
                store::set_report(connection, job, &report(switched))?;
                store::clear_journal(connection, self.record.seq)
            });
        }
        Ok(switched)
    }

    /// Everything but the names. Jobs that the live database knows are known in the one that takes its place.
    fn prepare_switch(
        &self,
        apart: &Apart,
        connection: &mut Connection,
        steps: &[Step],
        kept: &str,
        report: &dyn Fn(Switched) -> String,
    ) -> Result<()> {
        let earlier = match Connection::open(&apart.live) {
            Ok(mut live) => store::recorded(&mut live)?,
            Err(error) if error.code() == "target.not_found" => Vec::new(),
            Err(error) => return Err(error),
        };
        store::write(connection, |connection| {
            self.prepare(connection, steps, Run::Together)?;
            store::copy_jobs(connection, &earlier, kept)?;
            failpoint::hit("postgres.switch.record");
            store::end_job(connection, self.record.seq, JobStatus::Succeeded, &report(Switched::default()))
        })
    }

    /// Drops the stage. The record of the failure goes to the live database, where there is one.
    pub(super) fn fail_apart(&self, apart: &Apart, report: &str) -> Result<()> {
        if let Some(here) = apart.here.lock().ok().as_mut().and_then(|here| here.as_mut()) {
            store::write(here.connection(), |connection| {
                store::create(connection)?;
                let record = store::insert_job(connection, &self.record.job, None, true)?;
                store::end_job(connection, record.seq, JobStatus::Failed, report)
            })?;
        }
        failpoint::hit("postgres.abort.end");
        let stage = Name::Stage(self.record.job.job.clone()).beside(apart.live.name());
        let made = prepared_roles(&self.settings, &self.record)?;
        let mut lock = self.lock();
        database::drop_database(lock.connection(), &stage)?;
        unmake_roles(lock.connection(), &made);
        Ok(())
    }
}

/// Makes the bookkeeping in a stage that was just created, and schemas that no step of the plan makes.
fn record(stage: &Settings, job: &Job, live: &str, replaced: bool, head: &Head) -> Result<Record> {
    let mut connection = open(stage, &job.job, Durable::AtOnce)?;
    let made = |schema: &&str| !head.steps.iter().any(|step| step.into.kind == "schema" && step.into.name == **schema);
    store::write(&mut connection, |connection| {
        store::create(connection)?;
        let schemas: Vec<&str> = head.target_schemas().into_iter().filter(made).collect();
        exchange::create_schemas(connection, schemas)?;
        store::insert_job(connection, job, Some(live), replaced)
    })
}

/// Drops stages that nobody can go on with: their job was killed before it was recorded, or has ended.
pub(super) fn sweep(settings: &Settings, connection: &mut Connection, live: &str) -> Result<()> {
    let ended: Vec<String> = match Connection::open(settings) {
        Ok(mut here) => store::recorded(&mut here)?.into_iter().map(|record| record.job.job).collect(),
        Err(_) => Vec::new(),
    };
    for (name, what) in database::beside(connection, live)? {
        let Name::Stage(job) = what else { continue };
        let mut stage = Connection::open(&settings.database(&name))?;
        let known = store::recorded(&mut stage)?.iter().any(|record| record.job.job == job);
        drop(stage);
        if !known || ended.contains(&job) {
            database::drop_database(connection, &name)?;
        }
    }
    Ok(())
}
