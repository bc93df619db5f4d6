//! Opening the file: for reading without leaving a trace, and for writing.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};

use super::failure::failed;

/// How long a statement waits for another program's lock.
const BUSY: Duration = Duration::from_secs(5);

/// Pages that gather in the write-ahead log before they go into the file: 64 MiB of the usual size.
const CHECKPOINT_PAGES: i32 = 16_384;

/// Longest value, row or statement: a fragment that builds texts must not fill the host's memory.
const LENGTH: i32 = 512 << 20;

/// The file itself, whatever links lead to it, so that all who restore into it meet at one lock.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => {
            folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
        }
        _ => path.to_owned(),
    }
}

/// A file beside the database, which SQLite (`-wal`, `-shm`, `-journal`) or we name after it.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Refuses what is no file. Its bytes are SQLite's to read: closing a descriptor of our own would drop the locks that other
/// connections of this process hold on it.
fn check_kind(path: &Path) -> Result<()> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_file() { Ok(()) } else { Err(not_sqlite(path, "is not a file")) }
}

fn not_sqlite(path: &Path, what: &str) -> Error {
    Error::new("target.not_found", format!("`{}` {what}; give the path of a SQLite file", path.display()))
}

fn unopened(path: &Path, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => not_sqlite(path, "is not a SQLite database"),
        _ => failed(error, &format!("Could not open `{}`", path.display())),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new("target.io", format!("`{}` cannot be read: {error}", path.display()))
}

/// Opens an existing file for reading; `None` when there is none. A reader of a file in WAL mode must keep `-wal` and `-shm` beside
/// it, and only one that could write removes them again; so it opens for writing where it may and forbids itself to.
pub(crate) fn reader(path: &Path) -> Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    check_kind(path)?;
    let had_wal = beside(path, "-wal").exists();
    let mut tried = Ok(None);
    for (flags, immutable) in [
        (OpenFlags::SQLITE_OPEN_READ_WRITE, false),
        (OpenFlags::SQLITE_OPEN_READ_ONLY, false),
        (OpenFlags::SQLITE_OPEN_READ_ONLY, true),
    ] {
        tried = open_for_reading(path, flags, immutable, had_wal).map(Some);
        match &tried {
            Err(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
                ) => {}
            _ => break,
        }
    }
    tried.map_err(|error| unopened(path, error))
}

fn open_for_reading(path: &Path, flags: OpenFlags, immutable: bool, had_wal: bool) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if immutable {
        Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    if had_wal {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// A file in a folder that we cannot write and that nobody has open: nothing can change it while we read.
fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?mode=ro&immutable=1"
}

/// Opens the file for writing. A new file gets a write-ahead log, so that its readers never wait; an existing one keeps its mode.
pub(crate) fn writer(path: &Path, create: bool) -> Result<Connection> {
    let failed = |error| unopened(path, error);
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    } else {
        check_kind(path)?;
    }
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&connection, create).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(Error::new("target.read_only", format!("`{}` cannot be written", path.display())));
    }
    Ok(connection)
}

fn prepare(connection: &Connection, create: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Foreign keys hold between live objects only; the rehearsal looks at them as a whole.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LENGTH)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    if create {
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" {
        // A power cut may take the last units with it, rows and journal alike; `resume` does them again.
        connection.pragma_update(None, "synchronous", "normal")?;
        // Every checkpoint waits for the disk, and the usual 1000 pages are no more than a unit of rows.
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    }
    connection.pragma_update(None, "cache_size", -32_768)?;
    Ok(())
}
