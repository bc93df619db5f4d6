//! The journal: a row for every committed unit.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, params};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::target::sqlite::lease::internal;
use crate::target::{Counts, Unit};

use super::store;

struct UnitText(Unit);

impl fmt::Display for UnitText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unit::Begin => f.write_str("begin"),
            Unit::Part(part) => part.fmt(f),
            Unit::End => f.write_str("end"),
            Unit::Whole => f.write_str("whole"),
            Unit::Verify => f.write_str("verify"),
        }
    }
}

impl FromStr for UnitText {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(match text {
            "begin" => Unit::Begin,
            "end" => Unit::End,
            "whole" => Unit::Whole,
            part => Unit::Part(
                part.parse().map_err(|_| Error::new("target.damaged", format!("The journal holds a unit `{part}`")))?,
            ),
        }))
    }
}

/// Records a unit.
pub(crate) fn write_journal(connection: &Connection, job: i64, step: u32, unit: Unit, counts: Counts) -> Result<()> {
    failpoint::hit("sqlite.journal.before");
    let sql = "INSERT INTO reinstate_journal(job, step, unit, rows, bytes) VALUES(?1, ?2, ?3, ?4, ?5)";
    let values = params![job, step, UnitText(unit).to_string(), number(counts.rows)?, number(counts.bytes)?];
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    failpoint::hit("sqlite.journal.after");
    Ok(())
}

fn number(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(|_| internal("A count is larger than SQLite's integers"))
}

/// What the job has committed.
pub(crate) fn journal(connection: &Connection, job: i64) -> Result<BTreeMap<(u32, Unit), Counts>> {
    type Line = (u32, String, i64, i64);
    let list = || {
        let mut statement =
            connection.prepare("SELECT step, unit, rows, bytes FROM reinstate_journal WHERE job = ?1")?;
        statement
            .query_map([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<rusqlite::Result<Vec<Line>>>()
    };
    let line = |(step, unit, rows, bytes): Line| {
        let UnitText(unit) = unit.parse()?;
        Ok(((step, unit), Counts { rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs() }))
    };
    store(list())?.into_iter().map(line).collect()
}

/// Removes the job's journal.
pub(crate) fn clear_journal(connection: &Connection, job: i64) -> Result<()> {
    store(connection.execute("DELETE FROM reinstate_journal WHERE job = ?1", [job]))?;
    Ok(())
}

/// Removes the journal of one step.
pub(crate) fn clear_step(connection: &Connection, job: i64, step: u32) -> Result<()> {
    store(connection.execute("DELETE FROM reinstate_journal WHERE job = ?1 AND step = ?2", params![job, step]))?;
    Ok(())
}
