//! The cells of a row that the server sent as text, taken one after the other.

use crate::error::{Error, Result};

/// What is left of a row.
pub(super) struct Cells(std::vec::IntoIter<Option<String>>);

impl Cells {
    pub(super) fn of(row: Vec<Option<String>>) -> Self {
        Self(row.into_iter())
    }

    /// The next cell, which may be null.
    pub(super) fn optional(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    pub(super) fn text(&mut self) -> Result<String> {
        self.optional().ok_or_else(|| unexpected("a value is missing"))
    }

    pub(super) fn flag(&mut self) -> Result<bool> {
        Ok(self.text()? == "t")
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        let text = self.text()?;
        text.parse().map_err(|_| unexpected(&format!("`{text}` is not a number")))
    }

    pub(super) fn optional_number<T: std::str::FromStr>(&mut self) -> Result<Option<T>> {
        let Some(text) = self.optional() else { return Ok(None) };
        text.parse().map(Some).map_err(|_| unexpected(&format!("`{text}` is not a number")))
    }
}

/// The server's catalogue is not as any PostgreSQL has it.
pub(super) fn unexpected(why: &str) -> Error {
    Error::new("target.server_error", format!("The server's catalogue cannot be understood: {why}"))
}
