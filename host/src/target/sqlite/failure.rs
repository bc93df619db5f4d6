//! SQLite's result codes as errors of ours.

use rusqlite::ErrorCode;

use crate::error::Error;

/// The error for something that failed while `doing` it (`Could not commit`). What is not about disk, locks or rows is a
/// fault of ours.
pub(crate) fn failed(error: rusqlite::Error, doing: &str) -> Error {
    coded(error, doing, "host.internal")
}

/// As [`failed`], where SQLite refuses what a definition says.
pub(crate) fn refused(error: rusqlite::Error, doing: &str) -> Error {
    coded(error, doing, "target.bad_definition")
}

fn coded(error: rusqlite::Error, doing: &str, otherwise: &'static str) -> Error {
    let code = error.sqlite_error_code().map_or(otherwise, |code| known(code).unwrap_or(otherwise));
    Error::new(code, format!("{doing}: {}{}", text(&error), hint(code)))
}

fn known(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::DiskFull => "target.full",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "target.locked",
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::FileLockingProtocolFailed => "target.io",
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => "target.read_only",
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => "target.damaged",
        ErrorCode::ConstraintViolation => "target.constraint",
        ErrorCode::TooBig => "target.bad_value",
        _ => return None,
    })
}

/// What has to happen before another try can go better.
fn hint(code: &str) -> &'static str {
    match code {
        "target.full" => "; free space on the target's disk first",
        "target.locked" => "; another program has to finish with the file first",
        "target.io" => "; the disk or its permissions have to be mended first",
        _ => "",
    }
}

/// SQLite's message alone, without the statement.
pub(crate) fn text(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// Whether a row broke a constraint.
pub(crate) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_become_codes() {
        for (number, code) in [
            (rusqlite::ffi::SQLITE_FULL, "target.full"),
            (rusqlite::ffi::SQLITE_BUSY, "target.locked"),
            (rusqlite::ffi::SQLITE_BUSY_SNAPSHOT, "target.locked"),
            (rusqlite::ffi::SQLITE_IOERR_WRITE, "target.io"),
            (rusqlite::ffi::SQLITE_READONLY, "target.read_only"),
            (rusqlite::ffi::SQLITE_CORRUPT, "target.damaged"),
            (rusqlite::ffi::SQLITE_ERROR, "host.internal"),
        ] {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(number), None);
            let error = failed(error, "Could not commit");
            assert_eq!(error.code(), code);
            assert_eq!(error.is_resumable(), matches!(code, "target.full" | "target.locked" | "target.io"));
        }
    }
}
