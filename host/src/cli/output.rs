//! Answers: text for people, or one JSON value; and the exit status that goes with each.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::text::escape;

/// Prints what clap has to say; help and version are answers, the rest is misuse.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody is left to tell when standard output is closed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let problem = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = Error::new("usage", crate::text::capital(problem.trim_end_matches('.')))
            .state("Nothing was done")
            .next("reinstate help");
        value(&json!({ "error": error }));
    } else {
        let _ = error.print();
    }
    ExitCode::from(2)
}

/// Prints one JSON value on standard output.
pub(super) fn value(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&text),
        Err(error) => eprintln!("The answer cannot be written as JSON: {error}"),
    }
}

/// Prints a line on standard output; a reader that went away is no fault of ours.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints an error and gives its exit status.
pub(super) fn error(error: &Error, json: bool) -> u8 {
    if json {
        value(&json!({ "error": error }));
    } else {
        explain(error);
    }
    error.kind().exit_status()
}

/// An error for people, on standard error.
pub(super) fn explain(error: &Error) {
    let details = error.details();
    eprintln!("error[{}]: {}", details.code, escape(&details.message));
    let place = [
        details.object.as_ref().map(|object| ("object", object.to_string())),
        details.entry.clone().map(|entry| ("entry", entry)),
        details.row.map(|row| ("row", row.to_string())),
        details.column.clone().map(|column| ("column", column)),
        (!details.state.is_empty()).then(|| ("now", details.state.clone())),
        (!details.next.is_empty()).then(|| ("next", details.next.clone())),
    ];
    for (word, text) in place.into_iter().flatten() {
        eprintln!("  {word:>6}: {}", escape(&text));
    }
}
