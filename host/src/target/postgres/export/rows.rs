//! Rows as entries of COPY's own forms, read by several connections at once and written in order.
//!
//! Large tables are read page by page in pieces, each an entry or more; every piece is a stream of its own. What is read ahead is bounded.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::backup::Writer;
use crate::error::{Error, Result};

use super::super::connection::Connection;
use super::tables::Table;
use super::{Snapshot, failed, unwritable};

/// Pages that make a piece, 1 GiB of them: a table that is restored in one part is loaded frozen, which pays more than several connections do.
const PIECE_PAGES: i64 = if cfg!(test) { 4096 } else { 131_072 };
/// An entry ends once it is as long as that: what a restore that was stopped does again at most.
const ENTRY_BYTES: u64 = if cfg!(test) { 48 << 20 } else { 1 << 30 };
/// Rows go from connection to writer in batches of about that many bytes,
const BATCH_BYTES: usize = 256 << 10;
/// at most so many ahead of the writer for every piece.
const BATCHES_AHEAD: usize = 32;
/// More connections gain nothing: one thread compresses.
const CONNECTIONS: usize = 4;

/// Signature, flags, length of the extension (the server's `copyto.c`).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = b"\xff\xff";

/// Whole rows, without header or trailer.
struct Batch {
    bytes: Vec<u8>,
    rows: u64,
}

/// A piece of a table, and who waits for its rows.
struct Task {
    copy: String,
    binary: bool,
    rows: SyncSender<Result<Batch>>,
}

/// Writes the rows of the tables, each between its `begin` and its `end`, which learns how many entries there are.
pub(super) fn write(
    snapshot: &Snapshot,
    writer: &mut Writer,
    tables: &[&Table],
    mut begin: impl FnMut(&mut Writer, &Table) -> Result<()>,
    mut end: impl FnMut(&mut Writer, &Table, u64) -> Result<()>,
) -> Result<()> {
    let pieces: Vec<Vec<String>> = tables
        .iter()
        .map(|table| if writer.wants_rows(&table.name) { statements(table) } else { Vec::new() })
        .collect();
    let total: usize = pieces.iter().map(Vec::len).sum();
    let width = std::thread::available_parallelism().map_or(1, usize::from).min(CONNECTIONS).min(total);
    let (asked, tasks) = channel::<Task>();
    let tasks = Mutex::new(tasks);
    std::thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(|| read_all(snapshot, &tasks));
        }
        // Dropped at the end of this closure, whatever happens: the readers end.
        let mut ahead = Ahead::new(asked, tables, &pieces);
        for (table, pieces) in tables.iter().zip(&pieces) {
            let named = |error: Error| error.object(&table.name);
            begin(writer, table)?;
            let mut entries = 0;
            for _ in pieces {
                let rows = ahead.next(width)?;
                entries += write_piece(writer, table, &rows).map_err(named)?;
            }
            end(writer, table, entries)?;
        }
        Ok(())
    })
}

/// The pieces that are being read.
struct Ahead<'a> {
    asked: Sender<Task>,
    left: Box<dyn Iterator<Item = (bool, &'a String)> + 'a>,
    reading: VecDeque<Receiver<Result<Batch>>>,
}

impl<'a> Ahead<'a> {
    fn new(asked: Sender<Task>, tables: &'a [&'a Table], pieces: &'a [Vec<String>]) -> Self {
        let of_table = |(table, pieces): (&&'a Table, &'a Vec<String>)| {
            let binary = table.binary;
            pieces.iter().map(move |piece| (binary, piece))
        };
        Self { asked, left: Box::new(tables.iter().zip(pieces).flat_map(of_table)), reading: VecDeque::new() }
    }

    /// The rows of the next piece; those of the next few are asked for, too.
    fn next(&mut self, width: usize) -> Result<Receiver<Result<Batch>>> {
        while self.reading.len() <= width {
            let Some((binary, copy)) = self.left.next() else { break };
            let (rows, reading) = sync_channel(BATCHES_AHEAD);
            let task = Task { copy: copy.clone(), binary, rows };
            self.asked.send(task).map_err(|_| lost())?;
            self.reading.push_back(reading);
        }
        self.reading.pop_front().ok_or_else(lost)
    }
}

/// One COPY for each piece of the table.
fn statements(table: &Table) -> Vec<String> {
    if !table.has_rows || table.list.is_empty() {
        return Vec::new();
    }
    let options = format!("(FORMAT {}, ENCODING 'UTF8')", if table.binary { "binary" } else { "text" });
    let pages = table.pages.unwrap_or_default();
    if pages <= PIECE_PAGES {
        return vec![format!("COPY {} ({}) TO STDOUT {options}", table.sql, table.list)];
    }
    let piece = |first: i64| {
        // The last piece is open: pages that come behind it meanwhile have no rows of this snapshot, but are cheap to look at.
        let until = first + PIECE_PAGES;
        let until = if until < pages { format!(" AND ctid < '({until},0)'") } else { String::new() };
        format!(
            "COPY (SELECT {} FROM ONLY {} WHERE ctid >= '({first},0)'{until}) TO STDOUT {options}",
            table.list, table.sql
        )
    };
    (0..pages).step_by(PIECE_PAGES as usize).map(piece).collect()
}

/// Reads pieces until there are none.
fn read_all(snapshot: &Snapshot, tasks: &Mutex<Receiver<Task>>) {
    let mut connection = None;
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        let read = match connection.take().map_or_else(|| snapshot.open(), Ok) {
            Ok(mut opened) => read_piece(&mut opened, &task).map(|()| connection = Some(opened)),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            // Nobody waits for it where the writer has stopped.
            let _ = task.rows.send(Err(error));
        }
    }
}

/// The server sends every row as a message of its own.
fn read_piece(connection: &mut Connection, task: &Task) -> Result<()> {
    let mut copy = connection.copy_out(&task.copy).map_err(|fault| failed(&fault))?;
    let mut batch = Batch { bytes: Vec::with_capacity(BATCH_BYTES), rows: 0 };
    let mut first = true;
    while let Some(message) = connection.next(&mut copy).map_err(|fault| failed(&fault))? {
        let mut bytes = &message[..];
        if task.binary {
            if std::mem::take(&mut first) {
                bytes = after_header(bytes).ok_or_else(cut)?;
            }
            batch.rows += binary_rows(&mut bytes).ok_or_else(cut)?;
        } else {
            batch.rows += text_rows(bytes).ok_or_else(cut)?;
        }
        batch.bytes.extend_from_slice(bytes);
        if batch.bytes.len() >= BATCH_BYTES {
            let full = std::mem::replace(&mut batch, Batch { bytes: Vec::with_capacity(BATCH_BYTES), rows: 0 });
            if task.rows.send(Ok(full)).is_err() {
                return Err(lost());
            }
        }
    }
    if batch.rows > 0 && task.rows.send(Ok(batch)).is_err() {
        return Err(lost());
    }
    Ok(())
}

fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&HEADER[..15])?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    rest.get(usize::try_from(u32::from_be_bytes(*length)).ok()?..)
}

/// Counts the rows, and takes the trailer off. `None` when the bytes are not whole rows.
fn binary_rows(bytes: &mut &[u8]) -> Option<u64> {
    let (mut at, mut rows) = (0, 0);
    while at < bytes.len() {
        let fields = i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        if fields == -1 {
            *bytes = &bytes[..at];
            return Some(rows);
        }
        at += 2;
        for _ in 0..fields {
            let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            at += 4 + usize::try_from(length.max(0)).ok()?;
        }
        rows += 1;
    }
    (at == bytes.len()).then_some(rows)
}

/// Line ends in values are written otherwise.
fn text_rows(bytes: &[u8]) -> Option<u64> {
    let whole = bytes.is_empty() || bytes.ends_with(b"\n");
    whole.then(|| memchr::memchr_iter(b'\n', bytes).count() as u64)
}

/// Writes what comes as one entry, or as more where it is long. Returns how many.
fn write_piece(writer: &mut Writer, table: &Table, rows: &Receiver<Result<Batch>>) -> Result<u64> {
    let form = if table.binary { "postgres-copy-binary" } else { "postgres-copy-text" };
    let mut entries = 0;
    let mut next = rows.recv().ok().transpose()?;
    while let Some(first) = next.take() {
        let mut entry = writer.entry(form)?;
        let (mut bytes, mut count) = (0, 0);
        let mut current = Some(first);
        if table.binary {
            entry.write_all(HEADER).map_err(unwritable)?;
        }
        while let Some(batch) = current {
            entry.write_all(&batch.bytes).map_err(unwritable)?;
            bytes += batch.bytes.len() as u64;
            count += batch.rows;
            next = rows.recv().ok().transpose()?;
            current = if bytes < ENTRY_BYTES { next.take() } else { None };
        }
        if table.binary {
            entry.write_all(TRAILER).map_err(unwritable)?;
        }
        entry.finish(Some(count))?;
        entries += 1;
    }
    Ok(entries)
}

fn cut() -> Error {
    Error::new("target.server_error", "The server cuts the rows of COPY in a way that is not understood")
}

fn lost() -> Error {
    Error::new("host.internal", "The rows of a table are no longer read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_rows_are_counted_and_anything_else_is_refused() {
        let row: &[u8] = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";
        let two = [row, row].concat();
        let ended = [row, TRAILER].concat();
        for (bytes, rows, left) in
            [(row, Some(1), 11), (&two, Some(2), 22), (&ended, Some(1), 11), (TRAILER, Some(0), 0)]
        {
            let mut rest = bytes;
            assert_eq!(binary_rows(&mut rest), rows);
            assert_eq!(rest.len(), left);
        }
        for end in 1..row.len() {
            assert_eq!(binary_rows(&mut &row[..end]), None, "{end}");
        }
        assert_eq!((text_rows(b"a\tb\nc\td\n"), text_rows(b""), text_rows(b"a")), (Some(2), Some(0), None));
        assert_eq!(after_header(&[HEADER, row].concat()), Some(row));
        assert_eq!(after_header(b"PGCOPY"), None);
    }
}
