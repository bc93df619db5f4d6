//! One restore at a time for a file, across processes.
//!
//! The lock is on a file beside the database, never on the database itself: closing any descriptor of it would drop SQLite's own
//! locks. The system gives the lock back when its holder dies, however it dies. The file holds the job's name and is removed by
//! its holder; who locks a file that was removed meanwhile tries again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

use super::connection::beside;

const ENDING: &str = "-reinstate.lock";

/// Someone may be looking whether the lock is held, which takes it for a moment.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// The restore lock; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody.
    Nobody,
    /// This job.
    Job(String),
    /// Someone who has not said yet.
    Unknown,
}

impl Lock {
    /// Takes the lock of the database at `path` for `job`, or fails with `target.busy`.
    pub(crate) fn take(path: &Path, job: &str) -> Result<Self> {
        let path = beside(path, ENDING);
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    let lock = Self { path, file };
                    return lock.sign(job).map_err(|error| io(&lock.path, &error)).map(|()| lock);
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(io(&path, &error)),
            }
        }
        Err(held(&holder_of(&path)))
    }

    fn sign(&self, job: &str) -> std::io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(job.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is still locked; who waits for it sees that it is gone from its place.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Error::new(
            "target.read_only",
            format!("`{}` cannot be created: {error}; the target's folder must be writable", path.display()),
        ),
        _ => io(path, &error),
    })
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    let code = if error.kind() == std::io::ErrorKind::StorageFull { "target.full" } else { "target.io" };
    Error::new(code, format!("The lock `{}` cannot be taken: {error}", path.display()))
}

fn held(holder: &Holder) -> Error {
    let who = match holder {
        Holder::Job(job) => format!("Job {job}"),
        Holder::Nobody | Holder::Unknown => "Another restore".to_owned(),
    };
    Error::new("target.busy", format!("{who} is working on this target"))
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Who holds the lock of the database at `path`. Creates nothing.
pub(crate) fn holder(path: &Path) -> Holder {
    holder_of(&beside(path, ENDING))
}

fn holder_of(path: &Path) -> Holder {
    let Ok(mut file) = File::open(path) else { return Holder::Nobody };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut job = String::new();
            match file.read_to_string(&mut job) {
                Ok(length) if length > 0 => Holder::Job(job),
                _ => Holder::Unknown,
            }
        }
        _ => Holder::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_no_trace_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        assert_eq!(holder(&path), Holder::Nobody);
        let lock = Lock::take(&path, "r-1").unwrap();
        assert_eq!(holder(&path), Holder::Job("r-1".into()));
        assert_eq!(Lock::take(&path, "r-2").unwrap_err().code(), "target.busy");
        drop(lock);
        assert_eq!(holder(&path), Holder::Nobody);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        Lock::take(&path, "r-2").unwrap();
    }

    #[test]
    fn a_lock_file_that_a_dead_process_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        std::fs::write(beside(&path, ENDING), "r-1").unwrap();
        assert_eq!(holder(&path), Holder::Nobody);
        let _lock = Lock::take(&path, "r-2").unwrap();
        assert_eq!(holder(&path), Holder::Job("r-2".into()));
    }
}
