//! PostgreSQL: real schemas, roles and functions; staged beside the live objects or in a database of its own.
//!
//! Beside: objects are made in schemas `reinstate_stage_JOB_N`; the switch moves them to the live schemas and what they replace to
//! `reinstate_kept_JOB_N`, in one transaction. In a database of its own, `LIVE_reinstate_JOB`: the switch exchanges the names of
//! the databases and keeps the former one as `LIVE_reinstate_kept_JOB`. The bookkeeping is the schema `reinstate` of the database that is staged in, made by
//! the first job and removed by an abort that leaves it empty.

use std::sync::Arc;

use crate::backup::Writer;
use crate::error::Result;

use super::{Facts, Job, JobStatus, Stage, Switched, Target};

mod analyze;
mod apart;
mod arrow;
mod catalog;
mod connection;
mod contents;
mod copy;
mod database;
mod documents;
mod exchange;
mod export;
mod facts;
mod failure;
mod fragment;
mod head;
mod locate;
mod lock;
mod meanwhile;
mod newcomers;
mod part;
mod placement;
mod pool;
mod principals;
mod rehearse;
mod removal;
mod retry;
mod routines;
mod schemas;
mod settings;
mod shared;
mod stage;
mod statement;
mod store;
mod switch;
mod tables;
mod ties;
mod tls;
mod undo;
mod views;
mod whole;
mod work;

#[cfg(test)]
mod local_server;
#[cfg(test)]
mod tests;

pub use settings::{Environment, Settings};

use locate::{Located, Place};
use lock::Lock;
use stage::PostgresStage;

/// A database of a PostgreSQL server.
pub struct PostgresTarget {
    settings: Arc<Settings>,
}

impl PostgresTarget {
    /// The database that the settings name; nothing is connected yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }

    /// Takes the lock on a job that works beside the live objects, and reads how it stands now.
    fn lock(&self, located: &Located) -> Result<(Lock, store::Record)> {
        let job = &located.record.job.job;
        let mut lock = Lock::here(&self.settings, job)?;
        store::require(lock.connection(), job)?;
        let record = store::find_job(lock.connection(), job)?;
        Ok((lock, record))
    }
}

impl Target for PostgresTarget {
    fn location(&self) -> String {
        self.settings.location.clone()
    }

    fn inspect(&self) -> Result<Facts> {
        facts::inspect(&self.settings)
    }

    fn export(&self, writer: &mut Writer) -> Result<Option<String>> {
        export::export(&self.settings, writer)
    }

    fn begin(&self, job: &Job) -> Result<Box<dyn Stage>> {
        Ok(Box::new(PostgresStage::begin(&self.settings, job)?))
    }

    fn resume(&self, job: &str) -> Result<Box<dyn Stage>> {
        let located = locate::find(&self.settings, job)?;
        let refused = |record: &store::Record| record.job.not_possible("be resumed");
        if located.place == Place::Stage {
            let maintenance = database::maintenance(&self.settings)?;
            let (lock, here) = apart::locks(&self.settings, &maintenance, job)?;
            return Ok(Box::new(PostgresStage::resume_apart(&self.settings, located.record, lock, here)?));
        }
        if located.place != Place::Beside {
            return Err(refused(&located.record));
        }
        let (lock, record) = self.lock(&located)?;
        if record.job.status != JobStatus::Interrupted {
            return Err(refused(&record));
        }
        Ok(Box::new(PostgresStage::resume_beside(&self.settings, record, lock)?))
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        locate::jobs(&self.settings)
    }

    fn abort(&self, job: &str) -> Result<()> {
        let located = locate::find(&self.settings, job)?;
        match located.place {
            Place::Stage => whole::abort(&self.settings, &located),
            Place::Beside => {
                let (mut lock, record) = self.lock(&located)?;
                if record.job.status != JobStatus::Interrupted {
                    return Err(record.job.not_possible("be aborted"));
                }
                removal::end(lock.connection(), &record, None)
            }
            Place::Live | Place::Kept | Place::Copied => Err(located.record.job.not_possible("be aborted")),
        }
    }

    fn undo(&self, job: &str) -> Result<Switched> {
        let located = locate::find(&self.settings, job)?;
        let possible = |record: &store::Record| match record.job.status {
            JobStatus::Succeeded | JobStatus::Undone => Ok(()),
            _ => Err(record.job.not_possible("be undone")),
        };
        match located.place {
            Place::Beside => {
                let (mut lock, record) = self.lock(&located)?;
                possible(&record)?;
                undo::undo(lock.connection(), &record)
            }
            _ => {
                possible(&located.record)?;
                located.is_here()?;
                whole::undo(&self.settings, &located)
            }
        }
    }

    fn discard(&self, job: &str) -> Result<()> {
        let located = locate::find(&self.settings, job)?;
        let refused = |record: &store::Record| Err(record.job.not_possible("be discarded"));
        match (located.place, located.record.job.status) {
            (Place::Beside, _) => {
                let (mut lock, record) = self.lock(&located)?;
                match record.job.status {
                    JobStatus::Succeeded | JobStatus::Undone => removal::discard(lock.connection(), &record),
                    // One that was killed while it dropped things goes on; one that had finished finds nothing to do.
                    JobStatus::Discarded => removal::sweep(lock.connection(), &record),
                    _ => refused(&record),
                }
            }
            (_, JobStatus::Succeeded | JobStatus::Undone | JobStatus::Discarded) => {
                if located.record.live.is_none() {
                    located.is_here()?;
                }
                whole::discard(&self.settings, &located)
            }
            _ => refused(&located.record),
        }
    }
}
