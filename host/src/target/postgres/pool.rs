//! The connections of a job's units: opened when they are needed, used again, given back clean.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_postgres::CancelToken;

use crate::error::{Error, Result};

use super::connection::Connection;
use super::failure::failed;
use super::placement::literal;
use super::settings::Settings;

/// What every connection of ours is set to, whatever the role or the database have as their defaults: what pg_restore sets,
/// and no limits on time. `maintenance_work_mem` is raised to what builds most indexes in memory, but to no more than twice the
/// server's own cache, so that a small server is not overrun.
const SESSION: &str = "SET search_path = '';
SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed';
SET standard_conforming_strings = on;
SET row_security = off; SET check_function_bodies = off; SET xmloption = content;
SET default_tablespace = ''; SET default_table_access_method = heap;
SET DateStyle = ISO; SET IntervalStyle = postgres; SET client_min_messages = warning;
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
 WHERE name IN ('transaction_timeout', 'idle_session_timeout');
SELECT pg_catalog.set_config('maintenance_work_mem', least(262144, s.setting::bigint * 16) || 'kB', false)
 FROM pg_catalog.pg_settings m, pg_catalog.pg_settings s WHERE m.name = 'maintenance_work_mem' AND s.name = 'shared_buffers'
 AND m.setting::bigint < least(262144, s.setting::bigint * 16);";

/// How often a server is asked that has no connection left, when none is ours.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// When the server must have a commit on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Before it answers: what switches and ends jobs.
    AtOnce,
    /// Soon: what a crash takes away is done again, for the journal goes with it.
    Soon,
}

/// Opens a connection of `job`, set as all of ours are.
pub(crate) fn open(settings: &Settings, job: &str, durable: Durable) -> Result<Connection> {
    let mut connection = Connection::open(settings)?;
    reset(&mut connection, job, durable)
        .map_err(|fault| failed(&fault, &format!("{} does not take our settings", settings.location)))?;
    Ok(connection)
}

fn reset(connection: &mut Connection, job: &str, durable: Durable) -> Result<(), super::connection::Fault> {
    connection.batch(&session(job, durable))
}

fn session(job: &str, durable: Durable) -> String {
    let commit = match durable {
        Durable::AtOnce => "on",
        Durable::Soon => "off",
    };
    format!("{SESSION} SET synchronous_commit = {commit}; SET application_name = {}", literal(&application(job)))
}

/// What the server's list of sessions says of a connection: the only place where other processes learn who holds the lock.
pub(crate) fn application(job: &str) -> String {
    format!("reinstate {job}")
}

/// Connections that nobody uses now, and how many there are.
#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    leased: usize,
    /// What stops the statements of those in use, by the numbers of their leases.
    running: BTreeMap<u64, CancelToken>,
    /// The number of the next lease.
    next: u64,
}

/// The connections of one job to one database.
pub(crate) struct Pool {
    settings: Settings,
    job: String,
    state: Mutex<State>,
    returned: Condvar,
}

impl Pool {
    /// A pool without connections.
    pub(crate) fn new(settings: Settings, job: &str) -> Arc<Self> {
        Arc::new(Self { settings, job: job.to_owned(), state: Mutex::default(), returned: Condvar::new() })
    }

    /// A connection. Where the server has none left, waits until another unit gives its own back.
    pub(crate) fn lease(self: &Arc<Self>) -> Result<Lease> {
        let mut tries = 0;
        loop {
            let mut state = self.state();
            // Counted before it is open: the server does so, too.
            state.leased += 1;
            if let Some(connection) = state.idle.pop() {
                return Ok(self.lend(state, connection));
            }
            drop(state);
            let error = match open(&self.settings, &self.job, Durable::Soon) {
                Ok(connection) => return Ok(self.lend(self.state(), connection)),
                Err(error) => error,
            };
            self.give(None, None);
            tries += 1;
            match error.code() {
                "target.connections_used_up" if self.wait() || tries < TRIES => {}
                // The job has begun: what cannot be reached now can be reached later.
                "target.not_reached" => return Err(Error::new("target.connection_lost", error.to_string())),
                _ => return Err(error),
            }
        }
    }

    /// Waits until a connection that is in use is given back; where none is, a moment for others to end theirs. Returns whether one
    /// was in use.
    fn wait(&self) -> bool {
        let state = self.state();
        if state.idle.is_empty() && state.leased == 0 {
            drop(state);
            std::thread::sleep(PAUSE);
            return false;
        }
        let waited = self.returned.wait_while(state, |state| state.idle.is_empty() && state.leased > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        true
    }

    /// Takes a connection back, or the place of one that is none any more.
    fn give(&self, lease: Option<u64>, connection: Option<Connection>) {
        let mut state = self.state();
        state.leased -= 1;
        if let Some(lease) = lease {
            state.running.remove(&lease);
        }
        state.idle.extend(connection.filter(|connection| !connection.is_closed()));
        drop(state);
        // Those that wait for a connection, and those that wait until nobody has one.
        self.returned.notify_all();
    }

    fn lend(self: &Arc<Self>, mut state: MutexGuard<'_, State>, connection: Connection) -> Lease {
        let number = state.next;
        state.next += 1;
        state.running.insert(number, connection.token());
        Lease { pool: Arc::clone(self), number, connection: Some(connection), open: false, changed: false }
    }

    /// Stops the statements that run on connections in use.
    pub(crate) fn cancel(&self) {
        let running: Vec<CancelToken> = self.state().running.values().cloned().collect();
        if !running.is_empty() {
            self.settings.stop(running);
        }
    }

    /// Closes what nobody uses.
    pub(crate) fn close(&self) {
        self.state().idle.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, until it is dropped: a transaction that was not committed is taken back then.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    number: u64,
    connection: Option<Connection>,
    /// A transaction has begun.
    open: bool,
    /// The session may be set otherwise than ours are.
    changed: bool,
}

impl Lease {
    /// Begins a transaction, with the next statement's round trip.
    pub(crate) fn begin(&mut self) {
        self.cast("BEGIN");
        self.open = true;
    }

    /// Runs the last statements of the transaction and commits it, in one round trip.
    pub(crate) fn commit(&mut self, last: &str, doing: &str) -> Result<()> {
        self.batch(&format!("{last}; COMMIT")).map_err(|fault| failed(&fault, doing))?;
        self.open = false;
        Ok(())
    }

    /// Takes the transaction back.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        self.batch("ROLLBACK").map_err(|fault| failed(&fault, "Could not take a transaction back"))?;
        self.open = false;
        Ok(())
    }

    /// Remembers that statements which are not ours ran: the session is set anew before others use it.
    pub(crate) fn mark_changed(&mut self) {
        self.changed = true;
    }
}

impl Deref for Lease {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "Only dropping takes it")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection")
    }
}

impl DerefMut for Lease {
    #[expect(clippy::expect_used, reason = "Only dropping takes it")]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.open {
            connection = match rolled_back(connection) {
                Some(connection) => connection,
                None => return self.pool.give(Some(self.number), None),
            };
        }
        if self.changed {
            connection.cast(&session(&self.pool.job, Durable::Soon));
        }
        self.pool.give(Some(self.number), Some(connection));
    }
}

/// Takes a transaction back now, for its locks stand in others' way. On a thread of its own: units may be dropped where
/// blocking is not allowed.
fn rolled_back(mut connection: Connection) -> Option<Connection> {
    let rollback = move || connection.batch("ROLLBACK").is_ok().then_some(connection);
    std::thread::Builder::new().spawn(rollback).ok()?.join().ok()?
}
