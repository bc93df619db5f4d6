//! What a job's switch exchanged, and which ties between objects it cut.

use crate::error::Result;

use super::super::connection::Connection;
use super::super::placement::literal;
use super::{Columns, ask, maybe, numbers, run};

/// An object that a switch brought or put out of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchanged {
    /// The step that brought it, or because of which it gave way.
    pub(crate) step: Option<u32>,
    /// The switch brought it.
    pub(crate) incoming: bool,
    /// The catalog that the object is in, or `document`.
    pub(crate) class: String,
    /// Its number there.
    pub(crate) object: i64,
    /// Where it is, or would be, live.
    pub(crate) live: (Option<String>, String),
    /// Where it was moved to and stays visible.
    pub(crate) aside: Option<(Option<String>, String)>,
}

/// Records what a switch exchanges.
pub(crate) fn record(connection: &mut Connection, job: i64, exchanged: &[Exchanged]) -> Result<()> {
    if exchanged.is_empty() {
        return Ok(());
    }
    let row = |one: &Exchanged| {
        let aside = one.aside.as_ref();
        format!(
            "({job}, {}, {}, {}, {}, {}, {}, {}, {})",
            one.step.map_or_else(|| "NULL".to_owned(), |step| step.to_string()),
            one.incoming,
            literal(&one.class),
            one.object,
            maybe(one.live.0.as_deref()),
            literal(&one.live.1),
            maybe(aside.and_then(|(schema, _)| schema.as_deref())),
            maybe(aside.map(|(_, name)| name.as_str()))
        )
    };
    let rows: Vec<String> = exchanged.iter().map(row).collect();
    run(
        connection,
        &format!(
            "INSERT INTO reinstate.exchange(job, step, incoming, class, object, live_schema, live_name, aside_schema, aside_name) \
             VALUES {}",
            rows.join(", ")
        ),
    )
}

/// What the job's switch exchanged.
pub(crate) fn exchanges(connection: &mut Connection, job: i64) -> Result<Vec<Exchanged>> {
    let statement = format!(
        "SELECT coalesce(step, -1), incoming, class, object, live_schema, live_name, aside_schema, aside_name \
         FROM reinstate.exchange WHERE job = {job} ORDER BY id"
    );
    let exchanged = |row| {
        let mut row = Columns::of(row);
        let step: i64 = row.number()?;
        let (incoming, class, object) = (row.truth(), row.text(), row.number()?);
        let live = (row.maybe(), row.text());
        let aside = (row.maybe(), row.maybe());
        let aside = aside.1.map(|name| (aside.0, name));
        Ok(Exchanged { step: u32::try_from(step).ok(), incoming, class, object, live, aside })
    };
    ask(connection, &statement)?.into_iter().map(exchanged).collect()
}

/// Forgets what a job's switch exchanged and cut.
pub(crate) fn clear_exchanges(connection: &mut Connection, job: i64) -> Result<()> {
    run(
        connection,
        &format!("DELETE FROM reinstate.exchange WHERE job = {job}; DELETE FROM reinstate.severed WHERE job = {job}"),
    )
}

/// A tie that a table loses while it is out of sight: a foreign key to a table that stays, its place in a partitioned table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Severed {
    /// The table.
    pub(crate) relation: i64,
    /// The statement that ties it again, up to the table's name and behind it.
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Remembers ties.
pub(crate) fn record_severed(connection: &mut Connection, job: i64, severed: &[Severed]) -> Result<()> {
    for Severed { relation, before, after } in severed {
        let (before, after) = (literal(before), literal(after));
        run(
            connection,
            &format!(
                "INSERT INTO reinstate.severed(job, relation, before, after) VALUES ({job}, {relation}, {before}, {after})"
            ),
        )?;
    }
    Ok(())
}

/// Ties of these tables.
fn severed(connection: &mut Connection, job: i64, relations: &[i64]) -> Result<Vec<Severed>> {
    let statement = format!(
        "SELECT relation, before, after FROM reinstate.severed WHERE job = {job} AND relation = ANY({}) ORDER BY id",
        numbers(relations)
    );
    let severed = |row| {
        let mut row = Columns::of(row);
        Ok(Severed { relation: row.number()?, before: row.text(), after: row.text() })
    };
    ask(connection, &statement)?.into_iter().map(severed).collect()
}

/// Ties of these tables, which are forgotten.
pub(crate) fn take_severed(connection: &mut Connection, job: i64, relations: &[i64]) -> Result<Vec<Severed>> {
    let found = severed(connection, job, relations)?;
    let which = numbers(relations);
    run(connection, &format!("DELETE FROM reinstate.severed WHERE job = {job} AND relation = ANY({which})"))?;
    Ok(found)
}
