//! A restore that is held up in its middle: the test holds the target's write lock meanwhile.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::support::{Outcome, Sandbox, finish};

/// For the whole of a test on a busy machine; nothing is expected to take as long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Held {
    /// The running job.
    pub(crate) job: String,
    child: Child,
    lock: Connection,
}

impl Held {
    /// Starts the binary and holds it up once its job has staged something.
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str], target: &Path) -> Self {
        let mut child = sandbox.command(arguments).spawn().expect("the binary starts");
        let lock = Connection::open(target).expect("a database");
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "it never began to write");
            if let Some(status) = child.try_wait().expect("a status") {
                panic!("it ended before it could be held up: {status}: {:#?}", finish(child));
            }
            if let Some(job) = running(&lock) {
                return Self { job, child, lock };
            }
        }
    }

    /// Sends a signal, and returns when it is delivered.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("a shell tool").success());
    }

    /// Lets it go on, and waits for its end.
    pub(crate) fn release(self) -> Outcome {
        drop(self.lock);
        finish(self.child)
    }

    /// Waits for its end without letting it go on.
    pub(crate) fn keep(self) -> (Outcome, Connection) {
        (finish(self.child), self.lock)
    }
}

/// Takes the write lock between two transactions of the restore. The job, once it has one and has staged a part of it;
/// without it the lock is given back.
fn running(lock: &Connection) -> Option<String> {
    lock.execute_batch("BEGIN IMMEDIATE").ok()?;
    let journal =
        "SELECT j.job FROM reinstate_journal JOIN reinstate_jobs AS j ON j.seq = reinstate_journal.job LIMIT 1";
    match lock.query_row(journal, [], |row| row.get(0)) {
        Ok(job) => Some(job),
        Err(_) => {
            lock.execute_batch("ROLLBACK").expect("given back");
            None
        }
    }
}
