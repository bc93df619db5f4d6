//! Rows of a table, one after the other, whatever they are written in.

use reinstate_plugin::Failure;

use crate::fault::too_large;

/// Bytes of all values of a row.
const ROW: usize = 24 << 20;

/// A value as it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Value {
    /// NULL.
    #[default]
    Null,
    /// What stands there as text: a number, a time, a text.
    Text(Vec<u8>),
    /// What stands there as digits of bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The value as text; nothing for NULL, and for what is none.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Null => None,
            Self::Text(bytes) | Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    /// Its bytes.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Text(bytes) | Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// The rows of a table.
pub(crate) trait Rows {
    /// The next row, a value for each column; whether there was one. Failures name the row.
    fn next(&mut self, row: &mut [Value]) -> Result<bool, Failure>;
}

/// How much of a row there is already.
#[derive(Debug, Default)]
pub(crate) struct Room(usize);

impl Room {
    /// Takes room for so many bytes. Fails with `docspace.too_large`.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Failure> {
        self.0 = self.0.saturating_add(bytes);
        if self.0 > ROW {
            return Err(too_large(format!("The row is longer than {} MiB", ROW >> 20)));
        }
        Ok(())
    }
}
