//! Named places at which a test kills the process; without the feature `failpoints` they compile to nothing.
//!
//! A point that is set to `return` (`FAILPOINTS='sqlite.commit.before=5%return'`) ends the process at once, as a power
//! cut would: no destructor runs, nothing is flushed. The names of a module are listed where the module calls [`hit`].

/// Passes the place called `name`, or ends the process there when a test set it to `return`.
#[cfg(feature = "failpoints")]
pub fn hit(name: &'static str) {
    fail::fail_point!(name, |_| die());
}

/// Passes the place called `name`.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &'static str) {}

#[cfg(feature = "failpoints")]
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}
