//! The embedded default target: one SQLite file.
//!
//! Objects are staged in the same file, in tables called `reinstate_stage_…`; the switch renames them in one transaction and renames
//! what they replace to `reinstate_kept_…`, for `undo`. The bookkeeping, in tables called `reinstate_…` too, is made by the first job
//! and removed by an abort that leaves it empty. A job that ends without a switch and that had created the file removes the file.
//!
//! How objects are called in the file is said in `name`, how columns are typed in `declared`, what is kept of objects that are no tables in
//! `contents`. Fail points: `sqlite.begin.created`, `sqlite.rows`, `sqlite.journal.before`, `sqlite.journal.after`, `sqlite.commit.before`,
//! `sqlite.commit.after`, `sqlite.rehearse`, `sqlite.switch.begin`, `sqlite.switch.record`, `sqlite.schema.written`, `sqlite.switch.done`,
//! `sqlite.undo.record`, `sqlite.discard.mark`, `sqlite.discard.some`, `sqlite.abort.some`, `sqlite.abort.end`, `sqlite.abort.file`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::backup::Writer;
use crate::error::{Error, Result};

use super::{Facts, Job, JobStatus, Stage, Switched, Target};

mod access;
mod connection;
mod contents;
mod ddl;
mod declared;
mod exchange;
mod export;
mod facts;
mod failure;
mod insert;
mod jail;
mod lease;
mod lock;
mod name;
mod parts;
mod rehearse;
mod removal;
mod rewrite;
mod rows;
mod snapshot;
mod stage;
mod store;
mod token;
mod turns;
mod work;

#[cfg(test)]
mod tests;

/// A SQLite file, whether it exists yet or not.
#[derive(Debug, Clone)]
pub struct SqliteTarget {
    path: PathBuf,
}

impl SqliteTarget {
    /// The target at that path. Nothing is opened or created yet.
    pub fn new(path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Error::new("usage", "A SQLite target needs a path: sqlite:PATH"));
        }
        let path = std::path::absolute(path)
            .map_err(|error| Error::new("target.not_found", format!("`{}` is not a path: {error}", path.display())))?;
        Ok(Self { path })
    }

    /// The file itself, whatever links lead to it now.
    fn file(&self) -> PathBuf {
        connection::resolve(&self.path)
    }
}

impl Target for SqliteTarget {
    fn location(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    fn inspect(&self) -> Result<Facts> {
        facts::inspect(&self.file())
    }

    fn export(&self, writer: &mut Writer) -> Result<Option<String>> {
        let path = self.file();
        let missing =
            || Error::new("target.not_found", format!("There is no SQLite file `{}` to back up", path.display()));
        export::export(&connection::reader(&path)?.ok_or_else(missing)?, writer)
    }

    fn begin(&self, job: &Job) -> Result<Box<dyn Stage>> {
        Ok(Box::new(stage::SqliteStage::begin(&self.file(), job)?))
    }

    fn resume(&self, job: &str) -> Result<Box<dyn Stage>> {
        Ok(Box::new(stage::SqliteStage::resume(&self.file(), job)?))
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        facts::jobs(&self.file())
    }

    fn abort(&self, job: &str) -> Result<()> {
        let path = self.file();
        let (_lock, pool, record) = stage::open_job(&path, job)?;
        if record.job.status != JobStatus::Interrupted {
            return Err(record.job.not_possible("be aborted"));
        }
        let lease = pool.lease();
        removal::sweep(&lease)?;
        stage::end(&lease, &path, &record, None)
    }

    fn undo(&self, job: &str) -> Result<Switched> {
        let (_lock, pool, record) = stage::open_job(&self.file(), job)?;
        if !matches!(record.job.status, JobStatus::Succeeded | JobStatus::Undone) {
            return Err(record.job.not_possible("be undone"));
        }
        let lease = pool.lease();
        let pause = Instant::now();
        let done = lease.write(|connection| {
            let status = exchange::undo(connection, record.seq, record.job.status)?;
            store::set_status(connection, record.seq, status)
        });
        stage::settle(&lease, &done);
        done.map(|()| Switched { pause: pause.elapsed(), attempts: 1 })
    }

    fn discard(&self, job: &str) -> Result<()> {
        let (_lock, pool, record) = stage::open_job(&self.file(), job)?;
        let lease = pool.lease();
        match record.job.status {
            JobStatus::Succeeded | JobStatus::Undone => removal::discard(&lease, &record),
            // One that was killed while it dropped things goes on; one that had finished finds nothing to do.
            JobStatus::Discarded => removal::sweep(&lease),
            _ => Err(record.job.not_possible("be discarded")),
        }
    }
}
