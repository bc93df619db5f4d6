//! Walks over binary COPY without reading values: what it takes to count rows and to know that the stream is whole.

use super::{HEADER, TRAILER, bad, cut, header};
use crate::{CHUNK, Counts, Failure};

/// Hands the rows on as they are, and counts them. `width` is the number of columns.
///
/// Fails with `table.bad_copy` when they are no binary COPY of so many columns, with `table.rows_cut` when their end is missing.
pub fn pass(
    width: usize,
    mut read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut append: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut walk = Walk { state: State::Header, pending: Vec::new(), width, rows: 0 };
    let mut bytes = 0;
    loop {
        let chunk = read(CHUNK)?;
        if chunk.is_empty() {
            break;
        }
        bytes += chunk.len() as u64;
        walk.over(&chunk).map_err(|failure| failure.row(walk.rows + 1))?;
        append(&chunk)?;
    }
    if !matches!(walk.state, State::Ended) {
        return Err(cut(walk.rows + 1));
    }
    Ok(Counts { rows: walk.rows, bytes })
}

/// What a number before a field's bytes says: their length, or NULL.
pub(super) fn length(length: i32) -> Result<Option<usize>, Failure> {
    match length {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| bad("The length of a field is damaged")),
    }
}

pub(super) fn wrong_width(found: i16, width: usize) -> Failure {
    bad(format!("The row has {found} fields where there are {width} columns"))
}

/// What comes next.
#[derive(Clone, Copy)]
enum State {
    Header,
    /// The number of fields, or the trailer.
    Count,
    /// The length of a field; so many fields are left, this one included.
    Length(usize),
    /// Bytes to skip, and the fields left after them.
    Skip(usize, usize),
    Ended,
}

struct Walk {
    state: State,
    /// The beginning of a number that a chunk's end cut.
    pending: Vec<u8>,
    width: usize,
    rows: u64,
}

impl Walk {
    fn over(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let mut rest = chunk;
        while !rest.is_empty() {
            match self.state {
                State::Header => {
                    let Some(start) = self.number::<HEADER>(&mut rest) else {
                        return Ok(());
                    };
                    let length =
                        header(&start).ok_or_else(|| bad("The entry does not begin as binary COPY does"))??;
                    self.skip(length - HEADER, 0);
                }
                State::Count => {
                    let Some(count) = self.number::<2>(&mut rest) else {
                        return Ok(());
                    };
                    self.count(i16::from_be_bytes(count))?;
                }
                State::Length(left) => {
                    let Some(number) = self.number::<4>(&mut rest) else {
                        return Ok(());
                    };
                    self.skip(length(i32::from_be_bytes(number))?.unwrap_or(0), left - 1);
                }
                State::Skip(length, left) => {
                    let skipped = length.min(rest.len());
                    rest = &rest[skipped..];
                    self.skip(length - skipped, left);
                }
                State::Ended => return Err(bad("Bytes follow the end of the rows")),
            }
        }
        Ok(())
    }

    fn count(&mut self, count: i16) -> Result<(), Failure> {
        if count == TRAILER {
            self.state = State::Ended;
            return Ok(());
        }
        if usize::try_from(count) != Ok(self.width) {
            return Err(wrong_width(count, self.width));
        }
        self.rows += 1;
        self.skip(0, self.width);
        Ok(())
    }

    fn skip(&mut self, length: usize, left: usize) {
        self.state = match (length, left) {
            (0, 0) => State::Count,
            (0, left) => State::Length(left),
            (length, left) => State::Skip(length, left),
        };
    }

    /// Takes so many bytes; `None` when the rest of them comes with the next chunk.
    fn number<const N: usize>(&mut self, rest: &mut &[u8]) -> Option<[u8; N]> {
        if self.pending.is_empty()
            && let Some((number, after)) = rest.split_first_chunk::<N>()
        {
            *rest = after;
            return Some(*number);
        }
        let (taken, after) = rest.split_at(rest.len().min(N - self.pending.len()));
        self.pending.extend_from_slice(taken);
        *rest = after;
        let number = self.pending.as_slice().try_into().ok()?;
        self.pending.clear();
        Some(number)
    }
}
