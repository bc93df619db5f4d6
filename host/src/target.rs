//! The live system that is restored into: what any target offers, and the backends in folders of their own.
//!
//! Every method blocks; the host calls them from threads that may. A platform implements [`Target`],
//! [`Stage`] and [`Work`] for its own system and hands it to [`crate::plan()`] and [`crate::apply()`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backup::Writer;
use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::{Finding, Step};

use crate::text::escape;

pub use crate::facts::{Existing, Facts, Health, TargetInfo};

pub mod definition;
mod ipc;
pub mod postgres;
pub mod sqlite;

use definition::{
    Index, Membership, Orphans, Permission, Principal, PrincipalSummary, Routine, Summary, TableDefinition, Token,
};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// A live process works on it.
    Running,
    /// Its process is gone, or it stopped on something that can be mended: `resume` or `abort`.
    Interrupted,
    /// Switched; `undo` and `discard` are possible.
    Succeeded,
    /// Ended without a switch; nothing is left of it but this record.
    Failed,
    /// What it had switched was switched back; `undo` again brings it back, `discard` drops it.
    Undone,
    /// What it had replaced is gone; nothing can be undone.
    Discarded,
}

/// A job, as the target keeps it: as a document, or in columns of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its name: `r-` and twelve letters and digits.
    pub job: String,
    /// Where it stands.
    pub status: JobStatus,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The backup's name.
    pub backup_name: String,
    /// The snapshot's id.
    pub backup_id: String,
    /// The archive it reads.
    pub archive: String,
    /// The checked plan, as JSON.
    pub plan: String,
    /// What `resume` must know beyond the plan (grants, limits), as JSON of the executor.
    pub settings: String,
    /// The report, as JSON, once the job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

impl Job {
    /// The error for a job that stands where `what` (`be resumed`, say) cannot be done with it.
    pub(crate) fn not_possible(&self, what: &str) -> Error {
        let status = match self.status {
            JobStatus::Running => "running",
            JobStatus::Interrupted => "interrupted",
            JobStatus::Succeeded => "succeeded",
            JobStatus::Failed => "failed",
            JobStatus::Undone => "undone",
            JobStatus::Discarded => "discarded",
        };
        Error::new("job.not_possible", format!("Job {} cannot {what}: it is {status}", self.job))
            .state("The target is unchanged")
    }
}

/// A piece of a step whose writes and journal row commit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// The object, empty.
    Begin,
    /// One part's rows.
    Part(u32),
    /// Indexes, constraints, triggers.
    End,
    /// All of it at once, for small objects.
    Whole,
    /// Reading back; never committed, no row in the journal.
    Verify,
}

/// What statements make or change, which decides when and where they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The object that is being restored: runs in the stage.
    Itself,
    /// Something that belongs to another object, by its name in the target: runs where that is; in the switch when this job
    /// does not restore it.
    PartOf(ObjectName),
    /// Something of the whole database: runs in the switch.
    Database,
    /// Something of the whole database that others are built on: runs at once; an abort takes it back.
    Foundation,
}

/// What a committed unit held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Rows written.
    pub rows: u64,
    /// Bytes read from the archive for it.
    pub bytes: u64,
}

/// What the switch did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Switched {
    /// How long nobody could read or write.
    pub pause: Duration,
    /// How often it was tried, the last time included.
    pub attempts: u32,
}

/// A live system that backups are restored into.
pub trait Target: Send + Sync {
    /// Where it is, as an operator writes it: `sqlite:PATH`.
    fn location(&self) -> String;

    /// Reads what is there. Writes nothing, not even to create a missing target.
    fn inspect(&self) -> Result<Facts>;

    /// Writes everything it holds, its own bookkeeping left out, into an archive; returns the source's position, where it has one. What the writer
    /// does not [want](Writer::wants) need not be read: it is left out in any case.
    fn export(&self, writer: &mut Writer) -> Result<Option<String>> {
        let _ = writer;
        unsupported("backups")
    }

    /// Takes the target's restore lock, records the job and opens an empty stage.
    fn begin(&self, job: &Job) -> Result<Box<dyn Stage>>;

    /// Takes the lock and opens the stage of an interrupted job again.
    fn resume(&self, job: &str) -> Result<Box<dyn Stage>>;

    /// Every job it knows, oldest first; empty when the target does not exist.
    fn jobs(&self) -> Result<Vec<Job>>;

    /// Removes everything an interrupted job left; the target is then as before the job.
    fn abort(&self, job: &str) -> Result<()>;

    /// Switches back what the job switched; of an undone job, switches it again.
    fn undo(&self, job: &str) -> Result<Switched>;

    /// Drops what the job's switch (or its undo) had put out of sight. What was moved aside to another name stays.
    fn discard(&self, job: &str) -> Result<()>;
}

/// A job's work beside the live objects. Nobody else sees it until [`Stage::switch`].
pub trait Stage: Send + Sync {
    /// The job.
    fn job(&self) -> &Job;

    /// Units that are committed, with what they held: where `resume` goes on.
    fn journal(&self) -> Result<BTreeMap<(u32, Unit), Counts>>;

    /// Opens one unit of a step. Several may be open at once, on several threads. Open the parts of a step in their order and never let one
    /// wait for a later one to be opened: a target may make a part wait until those before it have committed, and fails it with
    /// `restore.part_failed` when one of them was dropped. The error of the first part is then the cause.
    fn open(&self, step: &Step, unit: Unit) -> Result<Box<dyn Work>>;

    /// Stops what runs for open units right now, so that they fail soon instead of waiting for its end. The executor calls it again and
    /// again until none is open. A target whose operations are short does nothing.
    fn cancel(&self) {}

    /// Removes everything staged for the step, its journal rows included.
    fn forget(&self, step: &Step) -> Result<()>;

    /// Does the whole switch for these steps, looks for what is wrong (references to missing rows, say), and takes it back. Findings name
    /// objects by [`Step::into`]. No unit may be open.
    fn rehearse(&self, steps: &[Step]) -> Result<Vec<Finding>>;

    /// Makes the steps' objects live, at once, and keeps what they replace. Records the job as succeeded, with `report`. What else was
    /// staged is removed. No unit may be open.
    fn switch(&self, steps: &[Step], report: &dyn Fn(Switched) -> String) -> Result<Switched>;

    /// Leaves the stage for `resume` and gives the lock back.
    fn interrupt(self: Box<Self>) -> Result<()>;

    /// Removes the stage, keeps the job's record as failed with this report, and gives the lock back. A target that the job itself had
    /// created is removed, and the record with it.
    fn fail(self: Box<Self>, report: &str) -> Result<()>;
}

/// The target at that place: `sqlite:PATH`, or `postgres://…` with what `libpq` would take from the environment.
///
/// Fails with `usage` where there can be none.
pub fn open(location: &str, environment: &postgres::Environment) -> Result<Arc<dyn Target>> {
    match location.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(Arc::new(sqlite::SqliteTarget::new(Path::new(path))?)),
        Some(("postgres" | "postgresql", _)) => {
            let settings = postgres::Settings::resolve(location, environment)?;
            Ok(Arc::new(postgres::PostgresTarget::new(settings)))
        }
        Some(("sqlite", _)) => Err(Error::new("usage", "sqlite: names no file; write sqlite:PATH")),
        // What was written is not repeated: it may be a URL with a password.
        other => {
            let scheme = other.map_or_else(String::new, |(scheme, _)| format!(" `{}:`", escape(scheme)));
            let message =
                format!("There is no kind of target{scheme}; targets are written sqlite:PATH or postgres://…");
            Err(Error::new("usage", message))
        }
    }
}

fn unsupported<T>(capability: &str) -> Result<T> {
    Err(Error::new("target.unsupported", format!("This target offers no {capability}")))
}

/// One open unit: the capabilities, each scoped to the step's object. Dropping it takes everything back.
///
/// A target implements what it offers; the rest answers `target.unsupported`.
/// `table` is a suffix as in [`Step::tables`]; the empty string is the table called like the object.
#[allow(unused_variables, reason = "The names document what an implementation gets")]
pub trait Work: Send {
    /// Creates an empty table.
    fn create_table(&mut self, table: &str, definition: TableDefinition) -> Result<()> {
        unsupported("tables")
    }
    /// Appends rows in a form that the target takes; `columns` in the order of the bytes, empty for all that take values. Returns
    /// how many more rows are counted than by earlier calls.
    fn append(&mut self, table: &str, columns: &[String], form: &str, batch: bytes::Bytes) -> Result<u64> {
        unsupported("tables")
    }
    /// Creates indexes.
    fn create_indexes(&mut self, table: &str, indexes: Vec<Index>) -> Result<()> {
        unsupported("tables")
    }
    /// Creates a trigger that fires from the switch on.
    fn create_trigger(&mut self, table: &str, name: &str, statement: &str) -> Result<()> {
        unsupported("triggers")
    }
    /// Creates a view, called like the object.
    fn create_view(&mut self, columns: &[String], query: &str) -> Result<()> {
        unsupported("views")
    }
    /// Reads back what is staged.
    fn summarize(&mut self, table: &str) -> Result<Summary> {
        unsupported("tables")
    }
    /// Counts rows whose columns match no row of another table of this object.
    fn find_orphans(
        &mut self,
        table: &str,
        columns: &[String],
        parent: &str,
        references: &[String],
    ) -> Result<Option<Orphans>> {
        unsupported("tables")
    }
    /// Stages the object's document (JSON).
    fn put_document(&mut self, document: &str) -> Result<()> {
        unsupported("definitions")
    }
    /// The staged document.
    fn document(&mut self) -> Result<Option<String>> {
        unsupported("definitions")
    }
    /// Creates the principal.
    fn create_principal(&mut self, principal: Principal) -> Result<()> {
        unsupported("principals")
    }
    /// Makes it a member of roles.
    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<()> {
        unsupported("principals")
    }
    /// Gives it permissions.
    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<()> {
        unsupported("principals")
    }
    /// Gives it tokens.
    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<()> {
        unsupported("principals")
    }
    /// Counts what is staged for the principal.
    fn principal_summary(&mut self) -> Result<Option<PrincipalSummary>> {
        unsupported("principals")
    }
    /// Creates the routine.
    fn create_routine(&mut self, routine: Routine) -> Result<()> {
        unsupported("routines")
    }
    /// The staged routine.
    fn routine(&mut self) -> Result<Option<Routine>> {
        unsupported("routines")
    }
    /// Appends to a blob.
    fn append_blob(&mut self, name: &str, bytes: bytes::Bytes) -> Result<()> {
        unsupported("blobs")
    }
    /// A staged blob's length in bytes.
    fn blob_size(&mut self, name: &str) -> Result<Option<u64>> {
        unsupported("blobs")
    }

    /// Runs statements; names of schemas in them are the archive's. `undo` takes back what they did outside the stage.
    fn execute(&mut self, statements: &str, scope: &Scope, undo: Option<&str>) -> Result<()> {
        unsupported("sql")
    }
    /// Ends the rows of a part before its counts are compared; returns how many more rows are counted than by `append`.
    fn end_rows(&mut self) -> Result<u64> {
        Ok(0)
    }

    /// Commits what was written together with the journal's row for the unit.
    fn commit(self: Box<Self>, counts: Counts) -> Result<()>;
}
