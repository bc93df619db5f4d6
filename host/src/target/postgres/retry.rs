//! Short transactions on live objects: they wait a little for locks, give way, and try again.

use std::time::Duration;

use crate::error::{Error, Result};

use super::connection::Connection;
use super::store;

/// How often it is tried.
const ATTEMPTS: u32 = 12;

/// How long one attempt waits for a lock; others wait behind it meanwhile.
const LOCK_TIMEOUT: &str = "2s";

/// The pause after the first attempt; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Does something again while someone else holds a lock; `work` is told how often it was tried.
pub(crate) fn retrying<T>(mut work: impl FnMut(u32) -> Result<T>) -> Result<T> {
    let mut pause = FIRST_PAUSE;
    for attempt in 1..ATTEMPTS {
        match work(attempt) {
            Err(error) if is_locked(&error) => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done,
        }
    }
    work(ATTEMPTS)
}

/// Does something in a transaction that waits for locks a little, and tries it again.
pub(crate) fn transaction<T>(
    connection: &mut Connection,
    mut work: impl FnMut(&mut Connection, u32) -> Result<T>,
) -> Result<T> {
    retrying(|attempt| {
        store::write(connection, |connection| {
            store::run(connection, &format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))?;
            work(connection, attempt)
        })
    })
}

fn is_locked(error: &Error) -> bool {
    matches!(error.code(), "target.locked" | "target.deadlock")
}
