//! Times as DocSpace writes and reads them: ISO 8601, in UTC where nothing else is said.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};

/// What stands for a time that never comes, or never was.
pub(super) const NEVER: &str = "0001-01-01T00:00:00";

/// To the second.
pub(super) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time of a request: with an offset, or in UTC.
pub(super) fn read(text: &str) -> Result<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let civil = text.parse::<DateTime>().ok().and_then(|civil| civil.to_zoned(TimeZone::UTC).ok());
    civil.map(|zoned| zoned.timestamp()).ok_or_else(|| {
        let shown: String = text.escape_debug().take(100).collect();
        Error::new("usage", format!("`{shown}` is no time: it is written like 2026-01-31T12:00:00Z"))
    })
}

/// A time that we have kept ourselves.
pub(super) fn kept(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_clients_forms() {
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31T12:00:00.1234567Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31T12:00:00.000000+0200", Some("2026-01-31T10:00:00Z")),
            ("2026-01-31T12:00:00+02:00", Some("2026-01-31T10:00:00Z")),
            ("2026-01-31T12:00:00", Some("2026-01-31T12:00:00Z")),
            (" 2026-01-31 12:00:00 ", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31", Some("2026-01-31T00:00:00Z")),
            ("0001-01-01T00:00:00", Some("0001-01-01T00:00:00Z")),
            ("2026-02-30", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(read(text).ok().map(written).as_deref(), expected, "{text}");
        }
    }
}
