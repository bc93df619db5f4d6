//! Maps of options: each name known, each value understood. An option that is not obeyed is refused.

use crate::error::{Error, Result};
use crate::plan::request;

use super::call::shown;
use super::record::Map;

/// The options of a request.
pub(super) struct Options<'a>(&'a Map);

impl<'a> Options<'a> {
    /// Fails with `usage` where one of them has none of these names.
    pub(super) fn new(options: &'a Map, known: &[&str]) -> Result<Self> {
        match options.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self(options)),
            Some(name) => {
                let message = format!("There is no option `{}` here; there are {}", shown(name), known.join(", "));
                Err(Error::new("usage", message))
            }
        }
    }

    /// The option's text, empty where it is absent.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// Whether it is true; none where it is absent.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>> {
        let wrong = |why| Error::new("usage", format!("The option `{name}`: {why}"));
        self.0.get(name).map(|text| request::truth(text.trim()).map_err(wrong)).transpose()
    }

    /// Whether it is true; false where it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.truth(name)?.unwrap_or(false))
    }

    /// One of these words, the first where it is absent or empty.
    pub(super) fn word(&self, name: &str, words: &[&'static str]) -> Result<&'static str> {
        let text = self.text(name);
        let found = if text.is_empty() { words.first() } else { words.iter().find(|word| **word == text) };
        found.copied().ok_or_else(|| {
            let message = format!("The option `{name}`: `{}` is none of {}", shown(text), words.join(", "));
            Error::new("usage", message)
        })
    }
}

/// The id of a snapshot.
pub(super) fn snapshot_id(text: &str) -> Result<u64> {
    let wrong = || Error::new("usage", format!("`{}` is no id of a snapshot: they are numbers", shown(text)));
    text.trim().parse().map_err(|_| wrong())
}

/// A name that stands for one backup.
pub(super) fn backup_name(name: &str) -> Result<&str> {
    if name.is_empty() {
        return Err(Error::new("usage", "The request names no backup"));
    }
    crate::repository::check_name(name)?;
    Ok(name)
}
