//! PostgreSQL: real schemas, roles and functions; staged beside the live objects or in a database of its own.

use std::sync::Arc;

use crate::error::{Error, Result};

use super::{Facts, Job, Stage, Switched, Target};

mod arrow;
mod connection;
mod contents;
mod copy;
mod documents;
mod export;
mod facts;
mod failure;
mod fragment;
mod placement;
mod principals;
mod routines;
mod settings;
mod tables;
mod tls;
mod views;
mod work;

#[cfg(test)]
mod local_server;
#[cfg(test)]
mod typed_tests;

pub use settings::{Environment, Settings};

/// A database of a PostgreSQL server.
pub struct PostgresTarget {
    settings: Arc<Settings>,
}

impl PostgresTarget {
    /// The database that the settings name; nothing is connected yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl Target for PostgresTarget {
    fn location(&self) -> String {
        self.settings.location.clone()
    }

    fn inspect(&self) -> Result<Facts> {
        facts::inspect(&self.settings)
    }

    fn begin(&self, _: &Job) -> Result<Box<dyn Stage>> {
        not_yet()
    }

    fn resume(&self, _: &str) -> Result<Box<dyn Stage>> {
        not_yet()
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        not_yet()
    }

    fn abort(&self, _: &str) -> Result<()> {
        not_yet()
    }

    fn undo(&self, _: &str) -> Result<Switched> {
        not_yet()
    }

    fn discard(&self, _: &str) -> Result<()> {
        not_yet()
    }
}

// INTEGRATOR: the `impl` of branch `pg` takes the place of this one; `inspect` stays.
fn not_yet<T>() -> Result<T> {
    Err(Error::new("target.unsupported", "This build only inspects PostgreSQL"))
}
