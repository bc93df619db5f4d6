//! A job's work beside the live objects.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Deserialize;

use crate::error::Result;
use crate::failpoint;
use crate::plan::{Finding, Step};
use crate::target::{Counts, Job, JobStatus, Stage, Switched, Unit, Work};

use super::connection::writer;
use super::contents::Contents;
use super::exchange;
use super::jail::Jail;
use super::lease::{Lease, Pool};
use super::lock::Lock;
use super::name;
use super::rehearse::rehearse;
use super::removal;
use super::store::{self, Record};
use super::turns::Turns;
use super::work::SqliteWork;

/// Bytes of batches that a unit keeps in memory before it takes the connection and streams.
const SPILL: usize = 32 << 20;

/// What all units of a job share. The connection is closed before the lock is given back.
pub(crate) struct Shared {
    /// The connection that writes.
    pub(crate) pool: Arc<Pool>,
    /// Where definitions are tried.
    pub(crate) jail: Mutex<Jail>,
    /// Whose part commits next.
    pub(crate) turns: Turns,
    /// Declared types are SQLite's own.
    pub(crate) exact: bool,
    /// The job's number.
    pub(crate) job: i64,
    /// Bytes of batches that a unit keeps in memory.
    pub(crate) spill: usize,
    contents: Mutex<HashMap<u32, Arc<Contents>>>,
    _lock: Lock,
}

/// The stage of one job in the file itself, in tables and rows that nobody is shown.
pub(crate) struct SqliteStage {
    shared: Arc<Shared>,
    record: Record,
    path: PathBuf,
}

/// What a plan says of its archive; all we need of it.
#[derive(Deserialize)]
struct PlanHead {
    archive: ArchiveHead,
}

#[derive(Deserialize)]
struct ArchiveHead {
    backup: BackupHead,
}

#[derive(Deserialize)]
struct BackupHead {
    dialect: String,
}

impl SqliteStage {
    /// Creates the file where it is missing and records the job.
    pub(crate) fn begin(path: &Path, job: &Job) -> Result<Self> {
        let lock = Lock::take(path, &job.job)?;
        let new_file = !path.exists();
        let begun = writer(path, new_file).and_then(|connection| {
            failpoint::hit("sqlite.begin.created");
            let pool = Pool::new(connection);
            let record = Self::record(&pool.lease(), job, new_file)?;
            Ok((pool, record))
        });
        let (pool, record) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                if new_file {
                    ["", "-wal", "-shm"]
                        .iter()
                        .for_each(|ending| drop(std::fs::remove_file(super::connection::beside(path, ending))));
                }
                return Err(error);
            }
        };
        Self::open(path, pool, record, lock)
    }

    fn record(lease: &Lease, job: &Job, new_file: bool) -> Result<Record> {
        lease.write(|connection| {
            store::create(connection)?;
            let sequences = super::snapshot::Snapshot::read(connection)?.find("sqlite_sequence").is_some();
            store::insert_job(connection, job, new_file, !sequences)
        })?;
        removal::sweep(lease)?;
        store::job(lease, &job.job)
    }

    /// Opens the stage of a job that was interrupted.
    pub(crate) fn resume(path: &Path, job: &str) -> Result<Self> {
        let (lock, pool, record) = open_job(path, job)?;
        if record.job.status != JobStatus::Interrupted {
            return Err(record.job.not_possible("be resumed"));
        }
        Self::open(path, pool, record, lock)
    }

    fn open(path: &Path, pool: Arc<Pool>, mut record: Record, lock: Lock) -> Result<Self> {
        record.job.status = JobStatus::Running;
        let exact = serde_json::from_str::<PlanHead>(&record.job.plan)
            .is_ok_and(|plan| plan.archive.backup.dialect == "sqlite");
        let turns = Turns::default();
        for (step, unit) in store::journal(&pool.lease(), record.seq)?.into_keys() {
            if let Unit::Part(part) = unit {
                turns.resume(step, part);
            }
        }
        let shared = Shared {
            pool,
            jail: Mutex::new(Jail::new()?),
            turns,
            exact,
            job: record.seq,
            spill: SPILL,
            contents: Mutex::default(),
            _lock: lock,
        };
        Ok(Self { shared: Arc::new(shared), record, path: path.to_owned() })
    }

    #[cfg(test)]
    pub(crate) fn set_spill(&mut self, bytes: usize) {
        Arc::get_mut(&mut self.shared).unwrap().spill = bytes;
    }
}

/// Takes the lock and finds the job in an existing file.
pub(crate) fn open_job(path: &Path, job: &str) -> Result<(Lock, Arc<Pool>, Record)> {
    if !path.exists() {
        return Err(store::no_job(job));
    }
    let lock = Lock::take(path, job)?;
    let pool = Pool::new(writer(path, false)?);
    let lease = pool.lease();
    store::require(&lease, job)?;
    let record = store::job(&lease, job)?;
    drop(lease);
    Ok((lock, pool, record))
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, HashMap<u32, Arc<Contents>>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is staged of a step; read once while its parts are open.
    pub(crate) fn contents(&self, step: u32, lease: Option<&Lease>) -> Result<Arc<Contents>> {
        if let Some(contents) = self.cache().get(&step) {
            return Ok(Arc::clone(contents));
        }
        let id = store::staged_id(self.job, step);
        let json = match lease {
            Some(lease) => store::definition(lease, id)?,
            None => store::definition(&self.pool.lease(), id)?,
        };
        Ok(Arc::new(json.map_or_else(|| Ok(Contents::default()), |json| Contents::read(&json))?))
    }

    /// Keeps what is staged of a step while more of its units may come.
    pub(crate) fn keep(&self, step: u32, contents: &Arc<Contents>) {
        self.cache().insert(step, Arc::clone(contents));
    }

    /// Its last unit is committed.
    pub(crate) fn release(&self, step: u32) {
        self.cache().remove(&step);
    }
}

impl Stage for SqliteStage {
    fn job(&self) -> &Job {
        &self.record.job
    }

    fn journal(&self) -> Result<BTreeMap<(u32, Unit), Counts>> {
        store::journal(&self.shared.pool.lease(), self.record.seq)
    }

    fn open(&self, step: &Step, unit: Unit) -> Result<Box<dyn Work>> {
        name::check(&step.into)?;
        step.aside.as_ref().map_or(Ok(()), name::check)?;
        if let Unit::Part(part) = unit {
            self.shared.turns.open(step.id, part)?;
        }
        Ok(Box::new(SqliteWork::new(Arc::clone(&self.shared), step.clone(), unit)))
    }

    fn forget(&self, step: &Step) -> Result<()> {
        removal::forget(&self.shared.pool.lease(), self.record.seq, step.id, &step.tables)?;
        self.shared.turns.forget(step.id);
        self.shared.release(step.id);
        Ok(())
    }

    fn rehearse(&self, steps: &[Step]) -> Result<Vec<Finding>> {
        failpoint::hit("sqlite.rehearse");
        rehearse(&mut self.shared.pool.lease(), self.record.seq, steps)
    }

    fn switch(&self, steps: &[Step], report: &dyn Fn(Switched) -> String) -> Result<Switched> {
        let lease = self.shared.pool.lease();
        let pause = Instant::now();
        let switched = lease.write(|connection| {
            failpoint::hit("sqlite.switch.begin");
            if let Some(trouble) = exchange::switch(connection, self.record.seq, steps)?.into_iter().next() {
                return Err(trouble.into_error());
            }
            store::clear_journal(connection, self.record.seq)?;
            let report = report(Switched { pause: pause.elapsed(), attempts: 1 });
            store::end_job(connection, self.record.seq, JobStatus::Succeeded, &report)
        });
        settle(&lease, &switched);
        failpoint::hit("sqlite.switch.done");
        if switched.is_ok() {
            // The switch is done whatever becomes of this: what is left of steps that failed goes now or with the next job.
            let _ = removal::sweep(&lease);
        }
        switched.map(|()| Switched { pause: pause.elapsed(), attempts: 1 })
    }

    fn interrupt(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn fail(self: Box<Self>, report: &str) -> Result<()> {
        let lease = self.shared.pool.lease();
        end(&lease, &self.path, &self.record, Some(report))
    }
}

/// After a switch that was taken back, SQLite must not go by the schema it has read meanwhile.
pub(crate) fn settle<T>(lease: &Lease, done: &Result<T>) {
    lease.flush_prepared_statement_cache();
    if done.is_err() {
        let _ = lease.execute_batch("PRAGMA writable_schema = RESET");
    }
}

/// Ends a job without a switch: the file goes when the job created it, else the stage.
pub(crate) fn end(lease: &Lease, path: &Path, record: &Record, report: Option<&str>) -> Result<()> {
    lease.flush_prepared_statement_cache();
    if record.new_file && removal::remove_new_file(lease, path, record)? {
        return Ok(());
    }
    removal::clear_stage(lease, record.seq)?;
    removal::end_unswitched(lease, record, report)
}
