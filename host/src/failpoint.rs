//! Named points at which a test kills this process, as a power cut would; compiled in only for tests.

/// Kills the process here when a test has armed the point with the action `return`.
pub(crate) fn hit(name: &str) {
    fail::fail_point!(name, |_| kill());
    let _ = name;
}

#[cfg(feature = "failpoints")]
fn kill() {
    use rustix::process::{Signal, getpid, kill_process};
    // Nothing runs after it: no destructor, no flush.
    let _ = kill_process(getpid(), Signal::KILL);
}
