//! Who did what, when and from where: one line of JSON for every request that changes something or was refused. No bodies, no secrets.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;

use crate::error::{Error, Result};

/// The file of lines, which only grows.
pub(crate) struct Audit(Mutex<File>);

/// Who asks, once that is known: put into a request before it is handled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who(pub(crate) Arc<OnceLock<String>>);

/// What a handler did, put into its answer: a job's name, say.
#[derive(Debug, Clone)]
pub(crate) struct About(pub(crate) String);

/// A line.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    /// RFC 3339.
    pub(crate) time: String,
    /// Nobody where nobody was recognised.
    pub(crate) user: Option<&'a str>,
    /// From where.
    pub(crate) address: IpAddr,
    /// The method and the path, without a query.
    pub(crate) request: String,
    /// How it was answered.
    pub(crate) status: u16,
    /// What it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
}

impl Audit {
    /// Opens the file, and makes it where it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let failed = |error| Error::new("server.bad_config", format!("{} cannot be written: {error}", path.display()));
        Ok(Self(Mutex::new(options.open(path).map_err(failed)?)))
    }

    /// Adds a line.
    pub(crate) fn write(&self, entry: &Entry<'_>) {
        let Ok(mut line) = serde_json::to_vec(entry) else { return };
        line.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that is full must not keep anybody from restoring.
        let _ = file.write_all(&line);
    }
}
