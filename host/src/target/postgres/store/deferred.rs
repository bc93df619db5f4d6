//! Statements that wait for the switch, and what takes back those that did not.

use crate::error::Result;

use super::super::connection::Connection;
use super::super::placement::literal;
use super::{Columns, ask, maybe, run};

/// When statements run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// They ran with their unit; only what takes them back waits.
    Foundation,
    /// First in the switch: roles, which others name.
    Roles,
    /// Then what roles are given of each other: all of them are there.
    Memberships,
    /// Then schemas, which objects are moved to.
    Schemas,
    /// When the objects are where they will be.
    Last,
}

impl Phase {
    fn text(self) -> &'static str {
        match self {
            Self::Foundation => "foundation",
            Self::Roles => "roles",
            Self::Memberships => "memberships",
            Self::Schemas => "schemas",
            Self::Last => "last",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "foundation" => Self::Foundation,
            "roles" => Self::Roles,
            "memberships" => Self::Memberships,
            "schemas" => Self::Schemas,
            _ => Self::Last,
        }
    }
}

/// Statements of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deferred {
    pub(crate) id: i64,
    pub(crate) step: u32,
    pub(crate) phase: Phase,
    pub(crate) statements: String,
    pub(crate) undo: Option<String>,
}

/// The statement that keeps statements; it belongs into the unit's own transaction.
pub(crate) fn insert_deferred(job: i64, step: u32, phase: Phase, statements: &str, undo: Option<&str>) -> String {
    format!(
        "INSERT INTO reinstate.deferred(job, step, phase, statements, undo) VALUES ({job}, {step}, '{}', {}, {})",
        phase.text(),
        literal(statements),
        maybe(undo)
    )
}

/// What the job keeps for its switch, in the order in which it was kept.
pub(crate) fn deferred(connection: &mut Connection, job: i64) -> Result<Vec<Deferred>> {
    read(connection, &format!("job = {job} AND phase <> 'foundation'"))
}

/// What the job did at once.
pub(crate) fn foundations(connection: &mut Connection, job: i64) -> Result<Vec<Deferred>> {
    read(connection, &format!("job = {job} AND phase = 'foundation'"))
}

fn read(connection: &mut Connection, which: &str) -> Result<Vec<Deferred>> {
    let statement =
        format!("SELECT id, step, phase, statements, undo FROM reinstate.deferred WHERE {which} ORDER BY id");
    let deferred = |row| {
        let mut row = Columns::of(row);
        Ok(Deferred {
            id: row.number()?,
            step: row.number()?,
            phase: Phase::of(&row.text()),
            statements: row.text(),
            undo: row.maybe(),
        })
    };
    ask(connection, &statement)?.into_iter().map(deferred).collect()
}

/// Forgets what a job keeps, of all its steps or of one; not what it did at once.
pub(crate) fn forget_deferred(connection: &mut Connection, job: i64, step: Option<u32>) -> Result<()> {
    let step = step.map(|step| format!(" AND step = {step}")).unwrap_or_default();
    run(connection, &format!("DELETE FROM reinstate.deferred WHERE job = {job} AND phase <> 'foundation'{step}"))
}
