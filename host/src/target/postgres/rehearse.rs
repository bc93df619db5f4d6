//! The switch in a transaction that is taken back, to find what would be wrong after it.

use crate::error::{Error, Result};
use crate::plan::{Finding, Severity};

use super::connection::Connection;
use super::store;
use super::switch::{Run, Switch};

/// Live objects are locked for no longer than this by a statement of the rehearsal, nor waited for.
const LIMITS: &str = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '1s'";

/// What the switch would find wrong. A target that is too busy to be locked for a moment is not rehearsed: the switch will see.
pub(crate) fn rehearse(connection: &mut Connection, switch: &Switch<'_>) -> Result<Vec<Finding>> {
    taken_back(connection, |connection| {
        store::run(connection, LIMITS)?;
        switch.perform(connection, Run::OneByOne).map(drop)
    })
}

/// Does something in a transaction that is taken back; its error is a finding.
pub(crate) fn taken_back(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<()>,
) -> Result<Vec<Finding>> {
    connection.cast("BEGIN");
    let done = work(connection);
    let ended = store::run(connection, "ROLLBACK");
    match done {
        Ok(()) => ended.map(|()| Vec::new()),
        Err(error) if matches!(error.code(), "target.locked" | "target.deadlock" | "target.timeout") => {
            ended.map(|()| Vec::new())
        }
        Err(error) if error.is_resumable() => Err(error),
        Err(error) => ended.map(|()| vec![finding(error)]),
    }
}

fn finding(error: Error) -> Finding {
    Finding {
        severity: Severity::Refusal,
        code: error.code().to_owned(),
        object: error.details().object.clone(),
        message: error.to_string(),
        fix: "Leave the object out, or mend what stands in its way".to_owned(),
    }
}
