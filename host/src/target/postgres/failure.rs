//! What the server says went wrong, as errors: its SQLSTATE and words, the row and column, and whether it can be mended.

use tokio_postgres::error::DbError;

use crate::error::Error;

use super::connection::Fault;
use super::settings::Settings;

/// Why no connection was made.
pub(crate) fn connecting(fault: &Fault, settings: &Settings) -> Error {
    let location = &settings.location;
    let Some(said) = fault.as_db_error() else {
        return Error::new("target.not_reached", format!("{location} cannot be reached: {}", reason(fault)));
    };
    let (code, message) = (said.code().code(), said.message());
    let ours = match code {
        "28000" | "28P01" => "target.no_right",
        "3D000" => "target.not_found",
        "53300" => "target.connections_used_up",
        _ => "target.not_reached",
    };
    Error::new(ours, format!("{location} does not let us in: {message} (SQLSTATE {code})"))
}

/// Why something could not be done; `doing` is what, as `Could not …`.
pub(crate) fn failed(fault: &Fault, doing: &str) -> Error {
    let Some(said) = fault.as_db_error() else {
        let code = if fault.is_closed() || std::error::Error::source(fault).is_some() {
            "target.connection_lost"
        } else {
            "target.server_error"
        };
        return Error::new(code, format!("{doing}: {}", reason(fault)));
    };
    let mut message = format!("{doing}: {} (SQLSTATE {})", said.message(), said.code().code());
    if let Some(detail) = said.detail() {
        message = format!("{message}; {detail}");
    }
    placed(Error::new(code(said.code().code()), message), said)
}

/// The reason without the driver's own preamble.
fn reason(fault: &Fault) -> String {
    std::error::Error::source(fault).map_or_else(|| fault.to_string(), ToString::to_string)
}

/// Our code for a SQLSTATE.
fn code(state: &str) -> &'static str {
    match (&state[..2.min(state.len())], state) {
        (_, "53100") => "target.full",
        (_, "23503") => "target.foreign_key",
        (_, "42501") => "target.permission_denied",
        (_, "55P03" | "55006") => "target.locked",
        (_, "40P01" | "40001") => "target.deadlock",
        (_, "57014") => "target.timeout",
        (_, "25006") => "target.read_only",
        ("08" | "53", _) | (_, "57P01" | "57P02" | "57P03" | "57P05") => "target.connection_lost",
        ("22", _) => "target.bad_value",
        ("23", _) => "target.constraint",
        ("42" | "0A" | "2B" | "3F", _) => "target.bad_definition",
        ("58", _) => "target.io",
        _ => "target.server_error",
    }
}

/// Names row and column, which COPY tells in its context only: `COPY actor, line 3, column id: "x"`.
fn placed(error: Error, said: &DbError) -> Error {
    let context = said.where_().and_then(|context| context.lines().find(|line| line.starts_with("COPY ")));
    let (line, column) = context.map(copy_context).unwrap_or_default();
    let error = match line {
        Some(row) => error.row(row),
        None => error,
    };
    match column.or_else(|| said.column().map(str::to_owned)) {
        Some(column) => error.column(column),
        None => error,
    }
}

fn copy_context(context: &str) -> (Option<u64>, Option<String>) {
    let Some((_, rest)) = context.split_once(", line ") else { return (None, None) };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let column = rest
        .split_once(", column ")
        .map(|(_, column)| column.split_once(": ").map_or(column, |(name, _)| name).to_owned());
    (digits.parse().ok(), column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_context_names_row_and_column() {
        let cases = [
            ("COPY actor, line 3, column actor_id: \"x\"", (Some(3), Some("actor_id"))),
            ("COPY actor, line 12: \"1\ta\"", (Some(12), None)),
            ("COPY t, line 7, column a: b, column c: \"x\"", (Some(7), Some("a"))),
            ("SQL statement", (None, None)),
        ];
        for (context, (row, column)) in cases {
            assert_eq!(copy_context(context), (row, column.map(str::to_owned)), "{context}");
        }
    }
}
