//! Rows as lines of COPY text, in chunks.

use reinstate_plugin::{CHUNK, Failure};

use crate::convert::{self, Shape};
use crate::rows::{Rows, Value};

/// Rows that become lines.
pub(super) struct Lines<'a> {
    rows: Box<dyn Rows + 'a>,
    /// What each column's values must be.
    shapes: Vec<Shape>,
    names: &'a [String],
    row: Vec<Value>,
    /// Rows that were read.
    count: u64,
    is_over: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(rows: Box<dyn Rows + 'a>, shapes: Vec<Shape>, names: &'a [String]) -> Self {
        let row = vec![Value::Null; shapes.len()];
        Self { rows, shapes, names, row, count: 0, is_over: false }
    }

    /// The next lines, empty at the end.
    pub(super) fn chunk(&mut self) -> Result<Vec<u8>, Failure> {
        let mut lines = Vec::new();
        while lines.len() < CHUNK as usize && !self.is_over {
            self.is_over = !self.rows.next(&mut self.row)?;
            if !self.is_over {
                self.count += 1;
                self.line(&mut lines)?;
            }
        }
        Ok(lines)
    }

    fn line(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        for (at, (value, shape)) in self.row.iter().zip(&self.shapes).enumerate() {
            if at > 0 {
                out.push(b'\t');
            }
            convert::write(value, *shape, out)
                .map_err(|failure| failure.row(self.count).column(self.names.get(at).map_or("", String::as_str)))?;
        }
        out.push(b'\n');
        Ok(())
    }
}
