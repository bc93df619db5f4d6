//! Removing what nobody needs any more: stages, what was kept, and at last the bookkeeping.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::plan::Step;
use crate::target::JobStatus;

use super::catalog::{self, Item};
use super::connection::Connection;
use super::exchange::attempt;
use super::failure::failed;
use super::placement::{Placement, kept_schema, places, quoted, stage_schema};
use super::store::{self, Columns, Deferred, Phase, Record};
use super::{documents, ties, undo};

/// Objects that are dropped in one transaction: the server locks each, with its indexes, until the end, and has a limit.
const AT_ONCE: usize = 100;

/// The schemas of the target that the job has a stage for, with their numbers.
pub(crate) fn numbers(connection: &mut Connection, job: i64) -> Result<BTreeMap<String, u32>> {
    let rows = store::ask(connection, &format!("SELECT live, number FROM reinstate.stage WHERE job = {job}"))?;
    let number = |row| {
        let mut row = Columns::of(row);
        Ok((row.text(), row.number()?))
    };
    rows.into_iter().map(number).collect()
}

/// Removes everything staged for one step. Statements that ran at once stay until the job ends.
pub(crate) fn forget(connection: &mut Connection, job: i64, placement: &Placement, step: &Step) -> Result<()> {
    let places = places(step);
    let mut items = Vec::new();
    if let Some(schema) = &step.into.schema {
        let hidden = placement.hidden(schema);
        if placement.is_apart() || hidden != *schema {
            items = catalog::in_schemas(connection, [hidden.as_str()])?;
        }
    }
    items.retain(|item| places.iter().any(|(_, name)| *name == item.name));
    store::write(connection, |connection| {
        drop_items(connection, &items)?;
        documents::forget(connection, job, step.id)?;
        store::forget_deferred(connection, job, Some(step.id))?;
        store::clear_step(connection, job, step.id)
    })
}

fn drop_items(connection: &mut Connection, items: &[Item]) -> Result<()> {
    // Tables first: what they are built on goes without a cascade then.
    let drop = |item: &Item| format!("DROP {} IF EXISTS {} CASCADE", item.alter(), item.identity);
    let statements: Vec<String> = items.iter().rev().map(drop).collect();
    if statements.is_empty() {
        return Ok(());
    }
    connection.batch(&statements.join(";\n")).map_err(|fault| failed(&fault, "Could not drop what was staged"))
}

/// Drops schemas of ours with all that is in them, some objects at a time: killed in between, it can be done again.
pub(crate) fn drop_schemas(connection: &mut Connection, schemas: &[String], point: &str) -> Result<()> {
    let items = catalog::in_schemas(connection, schemas.iter().map(String::as_str))?;
    let mut rest = items.as_slice();
    while rest.len() > AT_ONCE {
        let (left, some) = rest.split_at(rest.len() - AT_ONCE);
        store::write(connection, |connection| drop_items(connection, some))?;
        failpoint::hit(point);
        rest = left;
    }
    failpoint::hit(point);
    let drop: Vec<String> =
        schemas.iter().map(|schema| format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(schema))).collect();
    if drop.is_empty() {
        return Ok(());
    }
    connection.batch(&drop.join(";\n")).map_err(|fault| failed(&fault, "Could not drop a schema of ours"))
}

/// Ends a job without a switch: its stage goes, and what it did at once. With a report it stays as failed, without one nothing
/// is left of it.
pub(crate) fn end(connection: &mut Connection, record: &Record, report: Option<&str>) -> Result<()> {
    let stages: Vec<String> =
        numbers(connection, record.seq)?.into_values().map(|number| stage_schema(&record.job.job, number)).collect();
    drop_schemas(connection, &stages, "postgres.abort.some")?;
    let foundations = store::foundations(connection, record.seq)?;
    foundations.iter().rev().try_for_each(|one| take_back(connection, one))?;
    store::write(connection, |connection| {
        clear(connection, record.seq)?;
        failpoint::hit("postgres.abort.end");
        match report {
            Some(report) => store::end_job(connection, record.seq, JobStatus::Failed, report),
            None => {
                store::delete_job(connection, record.seq)?;
                store::drop_if_empty(connection)
            }
        }
    })
}

/// Forgets everything of a job but its record.
fn clear(connection: &mut Connection, job: i64) -> Result<()> {
    documents::abort(connection, job)?;
    store::forget_deferred(connection, job, None)?;
    store::clear_journal(connection, job)?;
    store::clear_exchanges(connection, job)?;
    store::run(connection, &format!("DELETE FROM reinstate.stage WHERE job = {job}"))
}

/// Takes back what a job did at once, unless others are built on it now.
fn take_back(connection: &mut Connection, one: &Deferred) -> Result<()> {
    store::write(connection, |connection| {
        store::run(connection, "SET LOCAL lock_timeout = '30s'")?;
        if let Some(statements) = &one.undo {
            let tolerated = ["2BP01", "42704", "42P01", "42883", "3F000", "42501", "55000"];
            attempt(connection, statements, &tolerated, "Could not take back what was done at once")?;
        }
        store::run(connection, &format!("DELETE FROM reinstate.deferred WHERE id = {}", one.id))
    })
}

/// Drops what the job's switch, or its undoing, had put out of sight. Undoing is no longer possible from the first commit on.
pub(crate) fn discard(connection: &mut Connection, record: &Record) -> Result<()> {
    let undone = record.job.status == JobStatus::Undone;
    let hidden = hidden(connection, record)?;
    let (deferred, foundations) =
        (store::deferred(connection, record.seq)?, store::foundations(connection, record.seq)?);
    free(connection, &hidden)?;
    store::write(connection, |connection| {
        documents::discard(connection, record.seq)?;
        // Roles of an undone switch own what is dropped below, and foundations are below it: they go last. Of a switch that stays, they stay.
        let over = deferred.iter().chain(&foundations).filter(|one| {
            let last = matches!(one.phase, Phase::Roles | Phase::Foundation);
            !(undone && last)
        });
        let over = over.map(|one| one.id);
        store::run(connection, &format!("DELETE FROM reinstate.deferred WHERE id = ANY({})", store::numbers(over)))?;
        store::clear_exchanges(connection, record.seq)?;
        failpoint::hit("postgres.discard.mark");
        store::set_status(connection, record.seq, JobStatus::Discarded)
    })?;
    sweep(connection, record)
}

/// Drops what a job that was discarded has left, whoever was killed before he had done so.
pub(crate) fn sweep(connection: &mut Connection, record: &Record) -> Result<()> {
    let hidden = hidden(connection, record)?;
    drop_schemas(connection, &hidden, "postgres.discard.some")?;
    let deferred = store::deferred(connection, record.seq)?;
    let foundations = store::foundations(connection, record.seq)?;
    foundations.iter().rev().try_for_each(|one| take_back(connection, one))?;
    store::write(connection, |connection| {
        undo::drop_roles(connection, &deferred)?;
        store::forget_deferred(connection, record.seq, None)?;
        store::run(connection, &format!("DELETE FROM reinstate.stage WHERE job = {}", record.seq))
    })
}

/// The schemas in which a job keeps things.
fn hidden(connection: &mut Connection, record: &Record) -> Result<Vec<String>> {
    let job = &record.job.job;
    let numbers = numbers(connection, record.seq)?;
    Ok(numbers.into_values().flat_map(|number| [stage_schema(job, number), kept_schema(job, number)]).collect())
}

/// Fails when something that stays is built on what is in these schemas: dropping them would drop it, too.
fn free(connection: &mut Connection, schemas: &[String]) -> Result<()> {
    let items = catalog::in_schemas(connection, schemas.iter().map(String::as_str))?;
    match ties::dependents(connection, &items)?.first() {
        Some(dependent) => {
            let what = crate::text::capital(&dependent.what);
            let message = format!("{what} is built on what would be discarded; drop it first");
            Err(Error::new("job.not_possible", message).state("The target is unchanged"))
        }
        None => Ok(()),
    }
}
