//! Removing what nobody needs any more: stages, what was put aside, and at last the bookkeeping and the file itself.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::failpoint;
use crate::target::JobStatus;

use super::connection::beside;
use super::failure::failed;
use super::lease::Lease;
use super::name::{is_own, is_reserved, quote, staged, staged_by};
use super::parts::Part;
use super::snapshot::Snapshot;
use super::store::{self, Record, state};

/// Objects that go in one transaction; other writers get their turn in between.
const AT_ONCE: i64 = 100;

fn drop_table(connection: &Connection, table: &str) -> Result<()> {
    let sql = format!("DROP TABLE IF EXISTS {}", quote(table));
    connection.execute_batch(&sql).map_err(|error| failed(error, &format!("Could not drop `{table}`")))
}

/// Drops what a step staged, its journal included.
fn drop_staged(connection: &Connection, job: i64, step: u32, tables: &[String]) -> Result<()> {
    tables.iter().try_for_each(|table| drop_table(connection, table))?;
    store::delete_object(connection, store::staged_id(job, step))?;
    store::clear_step(connection, job, step)
}

/// Removes everything staged for one step with these further tables.
pub(crate) fn forget(lease: &Lease, job: i64, step: u32, suffixes: &[String]) -> Result<()> {
    let tables: Vec<String> = (0..=suffixes.len()).map(|place| staged(job, step, place)).collect();
    lease.write(|connection| drop_staged(connection, job, step, &tables))
}

/// Removes the job's whole stage, some objects at a time: killed in between, the job can still be resumed or aborted.
pub(crate) fn clear_stage(lease: &Lease, job: i64) -> Result<()> {
    let tables = staged_tables(lease, job)?;
    loop {
        let some = store::some_objects(lease, "job = ?1 AND state = 'staged'", [job], AT_ONCE)?;
        if some.is_empty() {
            return Ok(());
        }
        lease.write(|connection| {
            some.iter()
                .map(|row| store::staged_step(row.id))
                .try_for_each(|step| drop_staged(connection, job, step, tables.get(&step).map_or(&[], Vec::as_slice)))
        })?;
        failpoint::hit("sqlite.abort.some");
    }
}

/// The job's staged tables, by step.
fn staged_tables(connection: &Connection, job: i64) -> Result<HashMap<u32, Vec<String>>> {
    let mut tables: HashMap<u32, Vec<String>> = HashMap::new();
    for row in Snapshot::read(connection)?.rows().iter().filter(|row| row.kind == "table") {
        if let Some(step) = staged_by(&row.named.name, job) {
            tables.entry(step).or_default().push(row.named.name.clone());
        }
    }
    Ok(tables)
}

/// Ends a job whose stage is cleared, without a switch. With a report it stays as failed, without one nothing is left of it.
pub(crate) fn end_unswitched(lease: &Lease, record: &Record, report: Option<&str>) -> Result<()> {
    drop_new_sequences(lease, record)?;
    lease.write(|connection| {
        failpoint::hit("sqlite.abort.end");
        match report {
            Some(report) => {
                store::clear_journal(connection, record.seq)?;
                store::end_job(connection, record.seq, JobStatus::Failed, report)
            }
            None => {
                store::delete_job(connection, record.seq)?;
                store::drop_if_empty(connection).map(|_| ())
            }
        }
    })
}

/// `sqlite_sequence` appears with the first AUTOINCREMENT table and SQLite has no statement that drops it. When a job brought it and no such
/// table is left, it goes under another name.
fn drop_new_sequences(lease: &Lease, record: &Record) -> Result<()> {
    if !record.new_sequences {
        return Ok(());
    }
    lease.write(|connection| {
        let mut snapshot = Snapshot::read(connection)?;
        let automatic = |sql: &String| sql.to_ascii_uppercase().contains("AUTOINCREMENT");
        let needed = snapshot.rows().iter().any(|row| row.named.sql.as_ref().is_some_and(automatic));
        if needed || snapshot.find("sqlite_sequence").is_none() {
            return Ok(());
        }
        let name = staged(record.seq, 0, 0);
        let named = super::snapshot::Named {
            table: name.clone(),
            sql: Some(format!("CREATE TABLE {name}(name,seq)")),
            name: name.clone(),
        };
        let clash = |_| Error::new("host.internal", "The table `sqlite_sequence` cannot be dropped");
        snapshot.rename("table", "sqlite_sequence", named).map_err(clash)?;
        snapshot.write(connection)?;
        drop_table(connection, &name)
    })
}

/// Whether the job created the file and nobody else has put anything into it.
fn is_ours_alone(connection: &Connection, record: &Record) -> Result<bool> {
    if !record.new_file || store::jobs(connection)?.len() > 1 {
        return Ok(false);
    }
    let live = store::objects(connection, "state <> 'staged'", [])?;
    let foreign = |name: &str| !is_own(name) && !is_reserved(name);
    let snapshot = Snapshot::read(connection)?;
    Ok(live.is_empty() && !snapshot.rows().iter().any(|row| foreign(&row.named.table) || foreign(&row.named.name)))
}

/// Removes the file when the job created it and it holds nothing else. Nobody can write into it meanwhile.
pub(crate) fn remove_new_file(lease: &Lease, path: &Path, record: &Record) -> Result<bool> {
    lease.begin()?;
    let alone = is_ours_alone(lease, record);
    if matches!(alone, Ok(true)) {
        failpoint::hit("sqlite.abort.file");
        // The database first: a log without its database is nothing, a database without its log might be half of one.
        for ending in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(beside(path, ending));
        }
    }
    lease.rollback();
    Ok(alone? && !path.exists())
}

/// Drops what the job's switch, or its undoing, had put aside. Undoing is no longer possible from the first commit on.
pub(crate) fn discard(lease: &Lease, record: &Record) -> Result<()> {
    let undone = record.job.status == JobStatus::Undone;
    lease.write(|connection| {
        let kept: Vec<i64> = store::exchanges(connection, record.seq)?
            .iter()
            .filter(|side| side.incoming == undone && side.aside.is_none())
            .map(|side| side.object)
            .collect();
        for mut row in
            store::objects(connection, "id IN (SELECT object FROM reinstate_exchanges WHERE job = ?1)", [record.seq])?
        {
            if kept.contains(&row.id) && row.state == state::KEPT && row.job == record.seq {
                row.state = state::DROPPING.to_owned();
                store::put_object(connection, &row, None)?;
            } else {
                store::forget_exchange(connection, record.seq, row.id)?;
            }
        }
        store::forget_lost_exchanges(connection, record.seq)?;
        if undone {
            store::remove_schemas(connection, record.seq)?;
        }
        failpoint::hit("sqlite.discard.mark");
        store::set_status(connection, record.seq, JobStatus::Discarded)
    })?;
    sweep(lease)
}

/// Drops what is nobody's any more, whoever was killed before he had done so: objects that a discard marked, and what is still staged of
/// jobs that have ended.
pub(crate) fn sweep(lease: &Lease) -> Result<()> {
    for job in store::jobs_with_leftovers(lease)? {
        clear_stage(lease, job)?;
    }
    loop {
        let some = store::dropping(lease, AT_ONCE)?;
        if some.is_empty() {
            return Ok(());
        }
        lease.write(|connection| {
            for (id, job, parts) in &some {
                let parts: Vec<Part> = serde_json::from_str(parts).unwrap_or_default();
                let hidden = parts.iter().filter(|part| part.kind == "table").filter_map(|part| part.off.as_ref());
                hidden.filter(|off| is_own(&off.name)).try_for_each(|off| drop_table(connection, &off.name))?;
                // Other jobs' exchanges of it stay: they say that those jobs can no longer be undone.
                store::forget_exchange(connection, *job, *id)?;
                store::delete_object(connection, *id)?;
            }
            Ok(())
        })?;
        failpoint::hit("sqlite.discard.some");
    }
}
