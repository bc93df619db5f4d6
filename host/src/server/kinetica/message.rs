//! What clients read of an error: one text, without the phrases by which they take a server for dead.

use serde_json::Value;

use crate::error::Error;
use crate::plan::{Plan, Severity};

/// Refusals that are told beside the first one.
const MOST_REFUSALS: usize = 10;

/// Phrases of the client's source by which it gives a server up, and what is said in their place.
const PHRASES: [(&str, &str); 11] = [
    ("Connection refused", "the connection was refused"),
    ("Connection reset", "the connection was reset"),
    ("Draining HA message queue", "the message queue is drained"),
    ("Kinetica is exiting", "the database is exiting"),
    ("Kinetica is offline", "the database is offline"),
    ("Query planner is not running", "the query planner does not run"),
    ("System is offline", "the system is off"),
    ("System shutting down", "the system shuts down"),
    ("Unavailable: Draining HA queue", "unavailable: the queue is drained"),
    ("Unexpected end of file from server", "the server ended too early"),
    ("system-limited-fatal", "limited by the system, fatally"),
];

/// The error as one text: code, message, what the target holds now.
pub(super) fn of(error: &Error) -> String {
    let details = error.details();
    let mut text = format!("{}: ", error.code());
    if let Some(object) = &details.object
        && !details.message.contains(&object.qualified())
    {
        text += &format!("{object}: ");
    }
    text += &details.message;
    if !details.state.is_empty() {
        text += &format!(". {}", details.state);
    }
    harmless(&text)
}

/// The text without any of the phrases.
pub(super) fn harmless(text: &str) -> String {
    PHRASES.iter().fold(text.to_owned(), |text, (phrase, other)| text.replace(phrase, other))
}

/// The error of a job, as it is kept with it.
pub(super) fn kept(error: Option<&Value>, otherwise: impl FnOnce() -> Error) -> Error {
    let text = |name: &str| error.and_then(|error| error.get(name)?.as_str()).unwrap_or_default().to_owned();
    if text("code").is_empty() {
        return otherwise();
    }
    Error::new(text("code"), text("message")).state(text("state"))
}

/// The error with the refusals that a report has beside the one that the error is about: a client sees nothing else of them.
pub(super) fn with_findings(error: Error, findings: &[Value]) -> Error {
    let refusals: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["severity"] == "refusal")
        .filter_map(|finding| finding["message"].as_str())
        .collect();
    with_refusals(error, &refusals)
}

/// Why a plan cannot be carried out, where it cannot.
pub(super) fn refused(plan: &Plan) -> Option<Error> {
    let refusals: Vec<_> = plan.findings.iter().filter(|finding| finding.severity == Severity::Refusal).collect();
    let first = refusals.first()?;
    let error = Error::new(first.code.clone(), first.message.clone()).state("The target is unchanged");
    let messages: Vec<&str> = refusals.iter().map(|finding| finding.message.as_str()).collect();
    Some(with_refusals(error, &messages))
}

fn with_refusals(error: Error, refusals: &[&str]) -> Error {
    let said = error.details().message.clone();
    let others: Vec<&str> = refusals.iter().copied().filter(|message| !said.contains(message)).collect();
    if others.is_empty() {
        return error;
    }
    let more = others.len().saturating_sub(MOST_REFUSALS);
    let mut message = format!("{said}; {}", others[..others.len() - more].join("; "));
    if more > 0 {
        message += &format!("; and {more} more");
    }
    Error::new(error.code().to_owned(), message).state(error.details().state.clone())
}
