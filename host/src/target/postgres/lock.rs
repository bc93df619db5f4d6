//! One restore at a time for a database, across processes and machines.
//!
//! A session's advisory lock: the server gives it back when its holder's connection ends, however it ends. Who holds it is
//! said by the name of its session. Locks are a database's own, so that a job which exchanges whole databases takes a second
//! one, in the database from which it does that.

use std::time::Duration;

use crate::error::{Error, Result};

use super::connection::Connection;
use super::failure::failed;
use super::pool::{Durable, application, open};
use super::settings::Settings;

/// Says that the lock is ours: `rein` as a number.
const CLASS: u32 = 0x7265_696e;
/// The number of the lock on the database that one is connected to.
const HERE: u32 = 0;

/// A session that has just ended may hold its lock for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody.
    Nobody,
    /// This job.
    Job(String),
    /// Someone whose session we may not look at.
    Unknown,
}

/// The restore lock, and the session that holds it: commits of this session are on the server's disk when they return.
/// Dropping it gives the lock back.
pub(crate) struct Lock {
    connection: Option<Connection>,
}

impl Lock {
    /// Takes the lock on the database that the settings name, or fails with `target.busy`.
    pub(crate) fn here(settings: &Settings, job: &str) -> Result<Self> {
        Self::take(settings, job, HERE)
    }

    /// Takes the lock on another database by its name, from the database that the settings name.
    pub(crate) fn elsewhere(settings: &Settings, job: &str, database: &str) -> Result<Self> {
        Self::take(settings, job, number(database))
    }

    fn take(settings: &Settings, job: &str, number: u32) -> Result<Self> {
        let mut connection = open(settings, job, Durable::AtOnce)?;
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            let statement = format!("SELECT pg_catalog.pg_try_advisory_lock({}, {})", signed(CLASS), signed(number));
            let taken =
                connection.texts(&statement).map_err(|fault| failed(&fault, "Could not take the restore lock"))?;
            if taken.iter().flatten().flatten().any(|text| text == "t") {
                return Ok(Self { connection: Some(connection) });
            }
        }
        Err(held(&holder(&mut connection, number)?))
    }

    /// The session.
    #[expect(clippy::expect_used, reason = "Only dropping takes it")]
    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Lock {
    /// Waits until the server has given it back, so that the next one who asks is not refused. On a thread of its own: it may be dropped
    /// where blocking is not allowed.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let unlock = move || drop(connection.batch("ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()"));
        if let Ok(thread) = std::thread::Builder::new().spawn(unlock) {
            let _ = thread.join();
        }
    }
}

/// Who holds the lock on the database that the connection is in.
pub(crate) fn holder_here(connection: &mut Connection) -> Result<Holder> {
    holder(connection, HERE)
}

/// Who holds the lock on another database by its name.
pub(crate) fn holder_elsewhere(connection: &mut Connection, database: &str) -> Result<Holder> {
    holder(connection, number(database))
}

fn holder(connection: &mut Connection, number: u32) -> Result<Holder> {
    let statement = format!(
        "SELECT coalesce(a.application_name, '') FROM pg_catalog.pg_locks l \
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = {CLASS} AND l.objid = {number} \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    );
    let rows = connection.texts(&statement).map_err(|fault| failed(&fault, "Could not see who restores"))?;
    let Some(name) = rows.into_iter().flatten().flatten().next() else { return Ok(Holder::Nobody) };
    Ok(name.strip_prefix(&application("")).map_or(Holder::Unknown, |job| Holder::Job(job.to_owned())))
}

/// The error for a lock that someone else holds.
fn held(holder: &Holder) -> Error {
    let who = match holder {
        Holder::Job(job) => format!("Job {job}"),
        Holder::Nobody | Holder::Unknown => "Another restore".to_owned(),
    };
    Error::new("target.busy", format!("{who} is working on this target"))
}

/// A name as a number, the same on every machine and in every version (FNV-1a).
fn number(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

/// The number as the server's functions take it.
fn signed(number: u32) -> i32 {
    i32::from_ne_bytes(number.to_ne_bytes())
}
