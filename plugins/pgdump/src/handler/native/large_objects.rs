//! Large objects: made with the numbers they had, and written in chunks.
//!
//! They live outside schemas. They are written where the object is restored, in the unit's transaction: kept for the switch, their bytes
//! would make it long. Nobody knows their numbers before the rows that hold them are seen, and what takes them back is said.

use std::fmt::Write as _;

use reinstate_plugin::sql::{self, Scope};
use reinstate_plugin::{Counts, EntryReader, Failure, LeaveOut, Object};

use super::statements::Statements;
use crate::attributes::Attributes;
use crate::handler::leaves_out;
use crate::layout::sql::quote;

/// Makes them, empty, with their owner.
pub(super) fn create(object: &Object, entry: &Attributes) -> Option<Statements> {
    let owner = entry.owner.as_deref().filter(|owner| !owner.is_empty() && !leaves_out(object, LeaveOut::OWNERS));
    let (mut text, mut undo) = (String::new(), String::new());
    for large in &entry.large_objects {
        let oid = large.oid;
        let _ = writeln!(text, "SELECT pg_catalog.lo_create('{oid}');");
        if let Some(owner) = owner {
            let _ = writeln!(text, "ALTER LARGE OBJECT {oid} OWNER TO {};", quote(owner));
        }
        let _ = writeln!(undo, "SELECT pg_catalog.lo_unlink('{oid}');");
    }
    (!text.is_empty()).then_some(Statements { text, scope: Scope::Itself, undo: Some(undo) })
}

/// Writes the bytes of one.
pub(super) fn restore(object: &Object, entry: &Attributes, part: u32) -> Result<Counts, Failure> {
    let Some(large) = entry.large_objects.get(part as usize) else {
        return Err(super::no_such_part(object));
    };
    let mut reader = EntryReader::open(part);
    write(large.oid, || reader.next_chunk(), |text| sql::execute(text, &Scope::Itself, None))
}

fn write(
    oid: u32,
    mut next: impl FnMut() -> Result<Vec<u8>, Failure>,
    mut execute: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut bytes = 0;
    loop {
        let chunk = next()?;
        if chunk.is_empty() {
            return Ok(Counts { rows: 0, bytes });
        }
        execute(&put(oid, bytes, &chunk))?;
        bytes += chunk.len() as u64;
    }
}

fn put(oid: u32, offset: u64, chunk: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * chunk.len() + 80);
    let _ = write!(text, "SELECT pg_catalog.lo_put({oid}, {offset}, '\\x");
    for byte in chunk {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.push_str("');");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_chunk_by_chunk() {
        let mut chunks = [&b"\x00\xff"[..], b"a"].into_iter();
        let mut said = Vec::new();
        let counts = write(
            4_000_000_000,
            || Ok(chunks.next().unwrap_or_default().to_vec()),
            |text| {
                said.push(text.to_owned());
                Ok(())
            },
        );
        assert_eq!(counts.unwrap(), Counts { rows: 0, bytes: 3 });
        assert_eq!(
            said,
            [
                "SELECT pg_catalog.lo_put(4000000000, 0, '\\x00ff');",
                "SELECT pg_catalog.lo_put(4000000000, 2, '\\x61');"
            ]
        );
    }
}
