//! Named places at which a test kills the process; without the feature `failpoints` they compile to nothing.
//!
//! A point that is set to `return` (`FAILPOINTS='switch.done=return'`) ends the process at once, as a power cut would:
//! no destructor runs, nothing is flushed.

/// Every point.
pub const POINTS: &[&str] = &[
    "plugin.begin",
    "plugin.begin.done",
    "plugin.describe",
    "plugin.describe.done",
    "plugin.end",
    "plugin.end.done",
    "plugin.plan",
    "plugin.plan.done",
    "plugin.restore",
    "plugin.restore.done",
    "plugin.verify",
    "plugin.verify.done",
    "postgres.abort.end",
    "postgres.abort.some",
    "postgres.begin",
    "postgres.begin.done",
    "postgres.discard.mark",
    "postgres.discard.some",
    "postgres.rehearse",
    "postgres.switch.begin",
    "postgres.switch.done",
    "postgres.switch.locked",
    "postgres.switch.moved",
    "postgres.switch.prepared",
    "postgres.switch.record",
    "postgres.switch.renamed",
    "postgres.undo.done",
    "postgres.undo.record",
    "postgres.unit.after",
    "postgres.unit.before",
    "repository.drop",
    "repository.pack",
    "repository.publish",
    "repository.published",
    "repository.sweep",
    "repository.table",
    "sqlite.abort.end",
    "sqlite.abort.file",
    "sqlite.abort.some",
    "sqlite.begin.created",
    "sqlite.commit.after",
    "sqlite.commit.before",
    "sqlite.discard.mark",
    "sqlite.discard.some",
    "sqlite.journal.after",
    "sqlite.journal.before",
    "sqlite.rehearse",
    "sqlite.rows",
    "sqlite.schema.written",
    "sqlite.switch.begin",
    "sqlite.switch.done",
    "sqlite.switch.record",
    "sqlite.undo.record",
];

/// Arms the points that the variable `FAILPOINTS` names, for the life of the process.
pub fn arm() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// Passes the place called `name`, or ends the process there when a test set it to `return`.
pub(crate) fn hit(name: &str) {
    debug_assert!(POINTS.contains(&name), "{name} is not in the list of points");
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name, |_| die());
}

#[cfg(feature = "failpoints")]
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}
