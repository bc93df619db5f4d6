//! Reads back what is staged.

use crate::error::Result;
use crate::target::Unit;
use crate::target::definition::{Orphans, Summary};

use super::super::connection::Fault;
use super::super::fragment::{bad, ident};
use super::super::work::PostgresWork;
use super::super::{copy, failure};
use super::{Place, place};

/// The columns and the rows: as COPY counted them in this job, else by a scan.
pub(super) fn summarize(work: &mut PostgresWork, table: &str) -> Result<Summary> {
    let place = place(work, table)?;
    let relation = copy::relation(work, table)?;
    let columns = relation.names();
    if relation.kind == "v" {
        return Ok(Summary { columns, rows: 0 });
    }
    let known = match work.unit {
        Unit::Whole => Some(copy::loaded(work, table).unwrap_or_default()),
        _ => counted(work, table, &place)?,
    };
    let rows = match known {
        Some(rows) => rows,
        None => scanned(work, &place)?,
    };
    Ok(Summary { columns, rows })
}

/// What the parts of this step brought; `None` when they did not record it.
fn counted(work: &mut PostgresWork, table: &str, place: &Place) -> Result<Option<u64>> {
    let select = "SELECT sum(rows)::bigint FROM reinstate.loaded WHERE job = $1 AND step = $2 AND \"table\" = $3";
    let (job, step) = (work.job(), i64::from(work.step.id));
    let rows = work.connection.rows(select, &[&job, &step, &table]).map_err(|fault| unread(&fault, place))?;
    Ok(rows.first().and_then(|row| row.get::<_, Option<i64>>(0)).map(i64::unsigned_abs))
}

fn scanned(work: &mut PostgresWork, place: &Place) -> Result<u64> {
    let select = format!("SELECT count(*) FROM ONLY {}", place.sql);
    let rows = work.connection.rows(&select, &[]).map_err(|fault| unread(&fault, place))?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0)).unsigned_abs())
}

pub(super) fn find_orphans(
    work: &mut PostgresWork,
    table: &str,
    columns: &[String],
    parent: &str,
    references: &[String],
) -> Result<Option<Orphans>> {
    let (child, parent_place) = (place(work, table)?, place(work, parent)?);
    let references = if references.is_empty() { primary_key(work, &parent_place)? } else { references.to_vec() };
    for (names, table) in [(columns, table), (&references, parent)] {
        let known = copy::relation(work, table)?.names();
        if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
            let message = format!("The tables of {} have no column `{}`", work.step.into, unknown.escape_debug());
            return Err(bad(message));
        }
    }
    if columns.is_empty() || columns.len() != references.len() {
        return Err(bad(format!("{} columns cannot refer to {}", columns.len(), references.len())));
    }
    let select = orphans(&child, columns, &parent_place, &references)?;
    let rows = work.connection.rows(&select, &[]).map_err(|fault| unread(&fault, &child))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let rows = row.get::<_, i64>(0).unsigned_abs();
    let value = |at: usize| row.get::<_, Option<String>>(at + 1).unwrap_or_default();
    let pair =
        |(at, column): (usize, &String)| format!("{column} = {}", value(at).chars().take(80).collect::<String>());
    let example = columns.iter().enumerate().map(pair).collect::<Vec<_>>().join(", ");
    Ok((rows > 0).then_some(Orphans { rows, example }))
}

/// At most one row: how many rows of the child find nothing, and the columns of one of them.
fn orphans(child: &Place, columns: &[String], parent: &Place, references: &[String]) -> Result<String> {
    let mut matches = Vec::with_capacity(columns.len());
    let (mut given, mut examples) = (Vec::new(), Vec::new());
    for (column, reference) in columns.iter().zip(references) {
        let (column, reference) = (ident(column)?, ident(reference)?);
        matches.push(format!("p.{reference} = c.{column}"));
        given.push(format!("c.{column} IS NOT NULL"));
        examples.push(format!("c.{column}::text"));
    }
    Ok(format!(
        "SELECT count(*) OVER (), {} FROM {} AS c WHERE {} AND NOT EXISTS (SELECT FROM {} AS p WHERE {}) LIMIT 1",
        examples.join(", "),
        child.sql,
        given.join(" AND "),
        parent.sql,
        matches.join(" AND ")
    ))
}

/// The columns of its primary key, in the key's order.
fn primary_key(work: &mut PostgresWork, place: &Place) -> Result<Vec<String>> {
    let select = "SELECT a.attname::text FROM pg_catalog.pg_constraint k
        CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS c(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number
        WHERE k.contype = 'p' AND k.conrelid = $1::text::regclass ORDER BY c.place";
    let rows = work.connection.rows(select, &[&place.sql]).map_err(|fault| unread(&fault, place))?;
    if rows.is_empty() {
        return Err(bad(format!("Table {} has no primary key to refer to", place.live)));
    }
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn unread(fault: &Fault, place: &Place) -> crate::error::Error {
    failure::failed(fault, &format!("Could not read table {} back", place.live))
}
