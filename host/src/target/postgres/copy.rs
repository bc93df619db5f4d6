//! Rows into a table: one open COPY at a time, fed with what a part brings.
//!
//! Bytes in a form of PostgreSQL's own pass through as they are; Arrow batches become COPY text. The server checks every value against its
//! column, names row and column of what it does not take, and counts the rows.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, Result};
use crate::target::{Unit, ipc};

use super::arrow::Encoder;
use super::connection::CopyIn;
use super::placement::literal;
use super::tables::Relation;
use super::work::PostgresWork;
use super::{documents, failure, fragment, tables};

mod marker;

use marker::Marker;

/// Smaller pieces are gathered until a message holds so many bytes.
const MESSAGE_BYTES: usize = 256 << 10;
/// Larger pieces are cut into messages of so many bytes.
const MOST_BYTES: usize = 1 << 20;

/// How the bytes of a COPY are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Binary,
    /// Text that we spell ourselves.
    Arrow,
}

/// The COPY that is being fed, and what earlier ones of the unit counted.
#[derive(Default)]
pub(crate) struct Copying {
    open: Option<Open>,
    /// Rows that the server has counted and nobody was told of.
    untold: u64,
    /// Rows of the unit by table.
    rows: BTreeMap<String, u64>,
    relations: BTreeMap<String, Relation>,
}

struct Open {
    sink: CopyIn,
    table: String,
    columns: Vec<String>,
    form: Form,
    /// What is not sent yet.
    buffer: BytesMut,
    marker: Marker,
    /// Rows that were encoded here.
    encoded: u64,
}

pub(super) fn append(
    work: &mut PostgresWork,
    table: &str,
    columns: &[String],
    form: &str,
    batch: Bytes,
) -> Result<u64> {
    documents::writes(work)?;
    tables::suffix(work, table)?;
    match form {
        "arrow" => append_arrow(work, table, batch),
        "postgres-copy-text" => append_as_it_is(work, table, columns, Form::Text, batch),
        "postgres-copy-binary" if work.may_binary() => append_as_it_is(work, table, columns, Form::Binary, batch),
        _ => Err(Error::new(
            "target.unsupported",
            format!("Rows in the form `{}` cannot be taken; use `arrow`", form.escape_debug()),
        )),
    }
}

/// The counts come from the server once it has taken all rows.
fn append_as_it_is(work: &mut PostgresWork, table: &str, columns: &[String], form: Form, batch: Bytes) -> Result<u64> {
    open(work, table, columns, form)?;
    let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.as_mut()) else { return Err(lost()) };
    let pieces = match form {
        Form::Text => open.marker.pass(batch)?,
        _ => [batch, Bytes::new()],
    };
    pieces.into_iter().try_for_each(|piece| feed(work, piece))?;
    Ok(0)
}

fn append_arrow(work: &mut PostgresWork, table: &str, batch: Bytes) -> Result<u64> {
    let mut rows = 0;
    for batch in ipc::batches(batch)? {
        let names: Vec<String> = batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
        open(work, table, &names, Form::Arrow)?;
        let relation = relation(work, table)?;
        let encoder = Encoder::new(&batch, &relation)?;
        let mut at = 0;
        while at < batch.num_rows() {
            let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.as_mut()) else { return Err(lost()) };
            let before = open.encoded;
            let first = at;
            at = encoder.rows(at, before, MESSAGE_BYTES, &mut open.buffer)?;
            open.encoded += (at - first) as u64;
            flush(work, MESSAGE_BYTES)?;
        }
        rows += batch.num_rows() as u64;
    }
    Ok(rows)
}

/// The table as the server has it.
pub(super) fn relation(work: &mut PostgresWork, table: &str) -> Result<Relation> {
    let known = work.copy.as_ref().and_then(|copying| copying.relations.get(table));
    if let Some(relation) = known {
        return Ok(relation.clone());
    }
    close(work)?;
    let relation = tables::relation(work, table)?;
    work.copy.get_or_insert_default().relations.insert(table.to_owned(), relation.clone());
    Ok(relation)
}

/// Makes sure that a COPY of that table, those columns and that form is open.
fn open(work: &mut PostgresWork, table: &str, columns: &[String], form: Form) -> Result<()> {
    let current = work.copy.as_ref().and_then(|copying| copying.open.as_ref());
    if current.is_some_and(|open| open.table == table && open.columns == columns && open.form == form) {
        return Ok(());
    }
    close(work)?;
    let relation = relation(work, table)?;
    let names = relation.taken(columns, form == Form::Arrow)?;
    let freeze = relation.is_plain() && freezes(work);
    let place = tables::place(work, table)?;
    if freeze && matches!(work.unit, Unit::Part(_)) {
        work.batch(&format!("TRUNCATE ONLY {}", place.sql), &format!("Could not load table {}", place.live))?;
    }
    let list = if names.is_empty() { String::new() } else { format!(" ({})", fragment::idents(&names)?) };
    let spelled = if form == Form::Binary { "binary" } else { "text" };
    let frozen = if freeze { ", FREEZE" } else { "" };
    let encoding = work.encoding.as_deref().filter(|_| form == Form::Text);
    let encoded = encoding.map(|name| format!(", ENCODING {}", literal(name))).unwrap_or_default();
    let statement = format!("COPY {}{list} FROM STDIN WITH (FORMAT {spelled}{frozen}{encoded})", place.sql);
    let doing = format!("Could not load table {}", place.live);
    let sink = work.connection.copy_in(&statement).map_err(|fault| failure::failed(&fault, &doing))?;
    work.copy.get_or_insert_default().open = Some(Open {
        sink,
        table: table.to_owned(),
        columns: columns.to_vec(),
        form,
        buffer: BytesMut::new(),
        marker: Marker::default(),
        encoded: 0,
    });
    Ok(())
}

/// A table that this very transaction made, or that only this part fills, can be truncated and loaded frozen: nobody has seen it.
fn freezes(work: &PostgresWork) -> bool {
    let alone = match work.unit {
        Unit::Whole => true,
        Unit::Part(_) => work.step.parts == 1,
        _ => false,
    };
    alone && work.may_freeze()
}

fn feed(work: &mut PostgresWork, mut piece: Bytes) -> Result<()> {
    let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.as_mut()) else { return Err(lost()) };
    if !open.buffer.is_empty() || piece.len() < MESSAGE_BYTES / 4 {
        open.buffer.extend_from_slice(&piece);
        return flush(work, MESSAGE_BYTES);
    }
    while !piece.is_empty() {
        let message = piece.split_to(piece.len().min(MOST_BYTES));
        send(work, message)?;
    }
    Ok(())
}

/// Sends what is gathered once it is as much as that.
fn flush(work: &mut PostgresWork, least: usize) -> Result<()> {
    loop {
        let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.as_mut()) else { return Err(lost()) };
        if open.buffer.is_empty() || open.buffer.len() < least {
            return Ok(());
        }
        let length = open.buffer.len().min(MOST_BYTES);
        let message = open.buffer.split_to(length).freeze();
        send(work, message)?;
    }
}

fn send(work: &mut PostgresWork, message: Bytes) -> Result<()> {
    let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.as_mut()) else { return Err(lost()) };
    let sent = work.connection.feed(&mut open.sink, message);
    sent.map_err(|fault| failure::failed(&fault, &doing(work)))
}

/// Ends the rows of a part; gives those that the server counted and nobody was told of.
pub(super) fn end_rows(work: &mut PostgresWork) -> Result<u64> {
    close(work)?;
    Ok(work.copy.as_mut().map(|copying| std::mem::take(&mut copying.untold)).unwrap_or_default())
}

/// Rows that this unit loaded into the table so far.
pub(super) fn loaded(work: &PostgresWork, table: &str) -> Option<u64> {
    work.copy.as_ref().and_then(|copying| copying.rows.get(table)).copied()
}

/// Ends the COPY that is open, if one is. Nothing else can be said to the server before that.
pub(super) fn close(work: &mut PostgresWork) -> Result<()> {
    let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.as_mut()) else { return Ok(()) };
    let held = open.marker.rest();
    open.buffer.extend_from_slice(&held);
    flush(work, 0)?;
    let doing = doing(work);
    let Some(open) = work.copy.as_mut().and_then(|copying| copying.open.take()) else { return Err(lost()) };
    let counted = work.connection.finish(open.sink).map_err(|fault| failure::failed(&fault, &doing))?;
    if open.form == Form::Arrow && counted != open.encoded {
        let message = format!("{doing}: {} rows were sent and the server counted {counted}", open.encoded);
        return Err(Error::new("target.server_error", message));
    }
    let copying = work.copy.get_or_insert_default();
    copying.untold += if open.form == Form::Arrow { 0 } else { counted };
    *copying.rows.entry(open.table.clone()).or_default() += counted;
    record(work, &open.table, counted)
}

/// Keeps a part's count, so that a large table need not be scanned to know how many rows it has.
fn record(work: &mut PostgresWork, table: &str, counted: u64) -> Result<()> {
    let Unit::Part(part) = work.unit else { return Ok(()) };
    let insert = "INSERT INTO reinstate.loaded (job, step, part, \"table\", rows) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (job, step, part, \"table\") DO UPDATE SET rows = reinstate.loaded.rows + EXCLUDED.rows";
    let (job, step, part) = (work.job(), i64::from(work.step.id), i64::from(part));
    let counted = i64::try_from(counted).unwrap_or(i64::MAX);
    let done = work.connection.known(insert, &[&job, &step, &part, &table, &counted]);
    done.map(drop).map_err(|fault| failure::failed(&fault, "Could not record the rows of a part"))
}

fn doing(work: &PostgresWork) -> String {
    let table = work.copy.as_ref().and_then(|copying| copying.open.as_ref()).map(|open| open.table.as_str());
    format!("Could not load table {}", tables::live(work, table.unwrap_or_default()))
}

fn lost() -> Error {
    Error::new("host.internal", "The COPY that was being fed is gone")
}
