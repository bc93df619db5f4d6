//! The embedded default target: one SQLite file.

mod export;

use std::path::Path;

use crate::error::Result;

use super::{Facts, Job, Stage, Switched, Target};

/// A SQLite file, whether it exists yet or not.
#[derive(Debug, Clone)]
pub struct SqliteTarget {}

impl SqliteTarget {
    /// The target at that path. Nothing is opened or created yet.
    pub fn new(path: &Path) -> Result<Self> {
        let _ = path;
        unimplemented!()
    }
}

impl Target for SqliteTarget {
    fn inspect(&self) -> Result<Facts> {
        unimplemented!()
    }
    fn begin(&self, job: &Job) -> Result<Box<dyn Stage>> {
        let _ = job;
        unimplemented!()
    }
    fn resume(&self, job: &str) -> Result<Box<dyn Stage>> {
        let _ = job;
        unimplemented!()
    }
    fn jobs(&self) -> Result<Vec<Job>> {
        unimplemented!()
    }
    fn abort(&self, job: &str) -> Result<()> {
        let _ = job;
        unimplemented!()
    }
    fn undo(&self, job: &str) -> Result<Switched> {
        let _ = job;
        unimplemented!()
    }
    fn discard(&self, job: &str) -> Result<()> {
        let _ = job;
        unimplemented!()
    }
}
