//! PostgreSQL as a target, and the archives of pg_dump: what they hold arrives as pg_restore brings it, is exchanged at once, can be
//! undone, and survives whatever is killed on the way. The tests start servers of their own.

mod support;

#[path = "postgres/archives.rs"]
mod archives;
#[path = "postgres/failures.rs"]
mod failures;
#[path = "postgres/kill.rs"]
mod kill;
#[allow(dead_code, reason = "Other tests use the rest of it")]
#[path = "limits/mounts.rs"]
mod mounts;
#[path = "postgres/scene.rs"]
mod scene;
#[path = "postgres/selections.rs"]
mod selections;
#[path = "postgres/sqlite.rs"]
mod sqlite;
#[path = "postgres/switching.rs"]
mod switching;
#[path = "postgres/traces.rs"]
mod traces;

/// A test that needs what is not allowed here says so.
#[allow(clippy::print_stderr, reason = "Shown with --nocapture")]
fn skipped(reason: &str) {
    eprintln!("Skipped: {reason}");
}
