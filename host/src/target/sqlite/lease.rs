//! The one connection that writes, handed from thread to thread.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::failpoint;

use super::failure::failed;

/// Holds the connection while nobody uses it.
pub(crate) struct Pool {
    slot: Mutex<Option<Connection>>,
    returned: Condvar,
}

/// The connection, until it is dropped. A transaction that was not committed is taken back then.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
}

impl Pool {
    /// A pool of this one connection.
    pub(crate) fn new(connection: Connection) -> Arc<Self> {
        Arc::new(Self { slot: Mutex::new(Some(connection)), returned: Condvar::new() })
    }

    /// Waits for the connection.
    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        let mut slot = self.slot();
        loop {
            if let Some(connection) = slot.take() {
                return Lease { pool: Arc::clone(self), connection: Some(connection) };
            }
            slot = self.returned.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Connection>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Begins a transaction that may write.
    pub(crate) fn begin(&self) -> Result<()> {
        self.run("BEGIN IMMEDIATE").map_err(|error| failed(error, "Could not begin to write"))
    }

    /// Commits it. Fails with everything taken back.
    pub(crate) fn commit(&self) -> Result<()> {
        failpoint::hit("sqlite.commit.before");
        let done = self.run("COMMIT");
        if done.is_err() {
            self.rollback();
        }
        failpoint::hit("sqlite.commit.after");
        done.map_err(|error| failed(error, "Could not commit"))
    }

    /// Takes it back, if there is one.
    pub(crate) fn rollback(&self) {
        if !self.is_autocommit() {
            // An error that cannot be rolled back has rolled back by itself.
            let _ = self.run("ROLLBACK");
        }
    }

    /// Does something in a transaction of its own.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.begin()?;
        match work(self).and_then(|value| self.commit().map(|()| value)) {
            Ok(value) => Ok(value),
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only dropping takes it")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("only dropping takes it")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.rollback();
        *self.pool.slot() = self.connection.take();
        self.pool.returned.notify_one();
    }
}

/// For faults that only a caller of ours can make.
pub(crate) fn internal(message: impl Into<String>) -> Error {
    Error::new("host.internal", message)
}
