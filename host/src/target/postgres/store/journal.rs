//! What units have committed.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::target::{Counts, Unit};

use super::super::connection::Connection;
use super::{Columns, ask, run};

/// A unit as a number: parts are their own.
fn number(unit: Unit) -> i64 {
    match unit {
        Unit::Part(part) => i64::from(part),
        Unit::Begin => -1,
        Unit::End => -2,
        Unit::Whole => -3,
        Unit::Verify => -4,
    }
}

fn unit(number: i64) -> Result<Unit> {
    Ok(match number {
        -1 => Unit::Begin,
        -2 => Unit::End,
        -3 => Unit::Whole,
        part => Unit::Part(u32::try_from(part).map_err(|_| {
            Error::new(
                "target.damaged",
                format!("The journal in schema `reinstate` names a unit {part} that there is not"),
            )
        })?),
    })
}

/// The statement that records a unit; it belongs into the unit's own transaction.
pub(crate) fn insert_unit(job: i64, step: u32, unit: Unit, counts: Counts) -> String {
    let Counts { rows, bytes } = counts;
    format!("INSERT INTO reinstate.unit VALUES ({job}, {step}, {}, {rows}, {bytes})", number(unit))
}

/// Every unit that is committed.
pub(crate) fn journal(connection: &mut Connection, job: i64) -> Result<BTreeMap<(u32, Unit), Counts>> {
    let rows = ask(connection, &format!("SELECT step, unit, rows, bytes FROM reinstate.unit WHERE job = {job}"))?;
    let entry = |row| {
        let mut row = Columns::of(row);
        let key = (row.number()?, unit(row.number()?)?);
        Ok((key, Counts { rows: row.number()?, bytes: row.number()? }))
    };
    rows.into_iter().map(entry).collect()
}

/// Forgets what one step has committed.
pub(crate) fn clear_step(connection: &mut Connection, job: i64, step: u32) -> Result<()> {
    run(connection, &format!("DELETE FROM reinstate.unit WHERE job = {job} AND step = {step}"))
}

/// Forgets what the job has committed.
pub(crate) fn clear_journal(connection: &mut Connection, job: i64) -> Result<()> {
    run(connection, &format!("DELETE FROM reinstate.unit WHERE job = {job}"))
}
