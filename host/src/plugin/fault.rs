//! Why a plugin stopped: one code for each reason, whatever shape the engine gives it.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use super::grant::Interface;
use super::state::State;
use super::text::harmless;
use crate::error::Error;

/// Reasons of our own to stop a plugin; they travel through the engine as errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// No progress within the deadline.
    Deadline,
    /// The operator stopped the job.
    Cancelled,
    /// It asked for this many bytes of memory.
    Memory(usize),
    /// It asked for this many table elements.
    Table(usize),
    /// It called a function of an interface that it was not granted.
    NotGranted(Interface),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Stop {}

/// The error behind what the engine returned. Errors come as [`Stop`], as [`Trap`], or as text.
pub(super) fn classify(error: &wasmtime::Error, state: &State) -> Error {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(*stop, state);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trapped(*trap, error, state);
    }
    // The reason is the last cause; before it come the backtrace and what was being done.
    let cause = error.root_cause().to_string();
    let (code, reason) = match plain_code(&cause) {
        code @ "plugin.hostcall_limit" => {
            (code, format!("it passed more than {} bytes in one call", state.limits.hostcall_bytes))
        }
        code => (code, harmless(&cause, state.limits.text_bytes)),
    };
    Error::new(code, format!("{} was stopped while it {}: {reason}", state.who, state.phase))
}

fn stopped(stop: Stop, state: &State) -> Error {
    let who = &state.who;
    let doing = state.phase;
    match stop {
        Stop::Cancelled => Error::new("restore.cancelled", "The job was stopped"),
        Stop::Deadline => {
            let seconds = state.limits.deadline.as_secs_f64();
            Error::new("plugin.deadline", format!("{who} made no progress for {seconds} s while it {doing}"))
        }
        Stop::Memory(wanted) => {
            let limit = state.limits.memory_bytes;
            let message = format!("{who} asked for {wanted} bytes of memory while it {doing}; {limit} is the limit");
            Error::new("plugin.memory_limit", message)
        }
        Stop::Table(wanted) => {
            let limit = state.limits.table_elements;
            let message = format!("{who} asked for tables of {wanted} elements while it {doing}; {limit} is the limit");
            Error::new("plugin.memory_limit", message)
        }
        Stop::NotGranted(interface) => Error::new(
            "plugin.not_granted",
            format!("{who} called the interface `{interface}`, which it was not granted, while it {doing}"),
        ),
    }
}

fn trapped(trap: Trap, error: &wasmtime::Error, state: &State) -> Error {
    let reason = match trap {
        Trap::StackOverflow => "it recursed too deeply".to_owned(),
        Trap::MemoryOutOfBounds => "it reached outside its memory (runaway recursion can look like this)".to_owned(),
        Trap::UnreachableCodeReached => {
            panic_message(state).unwrap_or_else(|| "it gave up without saying why".to_owned())
        }
        other => other.to_string(),
    };
    let place = place(error).map(|function| format!(" (in {function})")).unwrap_or_default();
    let text = harmless(&format!("{reason}{place}"), state.limits.text_bytes);
    Error::new("plugin.trap", format!("{} stopped with a fault while it {}: {text}", state.who, state.phase))
}

/// A panic ends in `unreachable`; its message was the last thing that was logged as an error.
fn panic_message(state: &State) -> Option<String> {
    state.log.last_error().map(str::to_owned)
}

/// The innermost function that has a name and is neither the panic machinery nor the export itself.
fn place(error: &wasmtime::Error) -> Option<String> {
    const MACHINERY: [&str; 6] = ["panic", "__rust", "std::", "core::", "alloc::", "reinstate:plugin/"];
    let trace = error.downcast_ref::<WasmBacktrace>()?.to_string();
    // Each frame is a line `0: 0x1234 - module!function`; only the printed form is demangled.
    let names = trace.lines().filter_map(|line| line.split_once(" - ")?.1.split_once('!').map(|(_, name)| name.trim()));
    let mut names = names.filter(|name| !name.starts_with("<wasm function"));
    let name = names.find(|name| !MACHINERY.iter().any(|word| name.contains(word)))?;
    // The last part of a Rust name is a digest of the crate.
    let path = name.rsplit_once("::h").filter(|(_, digest)| digest.len() == 16).map_or(name, |(path, _)| path);
    Some(path.to_owned())
}

/// The engine words these only as text.
fn plain_code(cause: &str) -> &'static str {
    if cause.contains("fuel allocated for hostcalls") {
        "plugin.hostcall_limit"
    } else if cause.contains("store handle limit exceeded") || cause.contains("cannot allocate another handle") {
        "plugin.handle_limit"
    } else {
        "plugin.bad_answer"
    }
}
