//! Which jobs are under way on a database, and which wait to be gone on with.

use std::collections::BTreeSet;

use crate::error::Result;

use super::super::connection::Connection;
use super::super::database::Name;
use super::super::lock::{Holder, holder_elsewhere, holder_here};
use super::super::store;
use super::server::Server;
use crate::target::{Health, JobStatus};

/// The jobs that are not over, and who works on one of them.
pub(super) struct Open {
    jobs: BTreeSet<String>,
    /// Whether some of them stage in a database of their own.
    pub(super) any_apart: bool,
    holder: Holder,
}

impl Open {
    /// Those whose stage is a database beside the one of that name.
    pub(super) fn apart(server: &Server, database: &str) -> Self {
        let stages = server.beside.iter().filter_map(|name| match Name::read(name, database) {
            Some(Name::Stage(job)) => Some(job),
            _ => None,
        });
        let jobs: BTreeSet<String> = stages.collect();
        Self { any_apart: !jobs.is_empty(), jobs, holder: Holder::Nobody }
    }

    /// Adds those that the database itself has a record of.
    pub(super) fn add_recorded(&mut self, connection: &mut Connection) -> Result<()> {
        let records = store::recorded(connection)?.into_iter().map(|record| record.job);
        self.jobs.extend(records.filter(|job| job.status == JobStatus::Interrupted).map(|job| job.job));
        Ok(())
    }

    /// Sees who holds the lock in the database.
    pub(super) fn see_holder(&mut self, connection: &mut Connection) -> Result<()> {
        self.holder = holder_here(connection)?;
        Ok(())
    }

    /// Sees who holds the lock on the database from where others are made.
    pub(super) fn see_holder_elsewhere(&mut self, maintenance: &mut Connection, database: &str) -> Result<()> {
        if self.holder == Holder::Nobody {
            self.holder = holder_elsewhere(maintenance, database)?;
        }
        Ok(())
    }

    /// Says it.
    pub(super) fn tell(mut self, health: &mut Health) {
        health.busy = match self.holder {
            Holder::Nobody => None,
            Holder::Job(job) => {
                self.jobs.remove(&job);
                Some(job)
            }
            Holder::Unknown => Some("another restore".to_owned()),
        };
        health.interrupted = self.jobs.into_iter().collect();
    }
}
