//! Dates and times, as XML schemas and MySQL write them.
//!
//! Both are the words of the source's database, which keeps no offsets: .NET may write that of its own clock behind a time, and it
//! says nothing of the value.

/// Digits of a second that are kept.
const FRACTION: usize = 6;

/// Writes `2026-01-31 23:59:59.5`; nothing for what is no date and time.
pub(super) fn timestamp(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let text = text.trim();
    let (day, rest) = split(text, 10)?;
    check_day(day)?;
    let clock = match rest.as_bytes().first() {
        None => "00:00:00",
        Some(b'T' | b' ') => without_offset(&rest[1..])?,
        Some(_) => return None,
    };
    let (clock, fraction) = split(clock, 8)?;
    check_clock(clock)?;
    out.extend_from_slice(day.as_bytes());
    out.push(b' ');
    out.extend_from_slice(clock.as_bytes());
    if !fraction.is_empty() {
        let digits = fraction.strip_prefix('.').filter(|digits| is_number(digits) && digits.len() <= 9)?;
        let kept = digits[..digits.len().min(FRACTION)].trim_end_matches('0');
        if !kept.is_empty() {
            out.push(b'.');
            out.extend_from_slice(kept.as_bytes());
        }
    }
    Some(())
}

/// Writes `2026-01-31`, without the time that may stand behind it.
pub(super) fn date(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut whole = Vec::new();
    timestamp(text, &mut whole)?;
    out.extend_from_slice(whole.get(..10)?);
    Some(())
}

fn split(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at..)?))
}

fn without_offset(clock: &str) -> Option<&str> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some(clock);
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some(clock) };
    let (clock, offset) = split(clock, at)?;
    let is_offset = offset.len() == 6 && is_number(&offset[1..3]) && &offset[3..4] == ":" && is_number(&offset[4..]);
    is_offset.then_some(clock)
}

fn check_day(day: &str) -> Option<()> {
    let mut parts = day.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    };
    (year > 0 && (1..=12).contains(&month) && (1..=days).contains(&day) && parts.next().is_none()).then_some(())
}

fn check_clock(clock: &str) -> Option<()> {
    let mut parts = clock.split(':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    (hour < 24 && minute < 60 && second < 60 && parts.next().is_none()).then_some(())
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && is_number(text)).then(|| text.parse().ok()).flatten()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        let mut out = Vec::new();
        timestamp(text, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_way_to_write_a_time_becomes_one() {
        for (text, expected) in [
            ("2024-02-29T12:00:00", "2024-02-29 12:00:00"),
            ("2024-02-29 12:00:00", "2024-02-29 12:00:00"),
            ("2024-02-29T12:00:00.1234567+03:00", "2024-02-29 12:00:00.123456"),
            ("2024-02-29T12:00:00-11:00", "2024-02-29 12:00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00"),
            ("2024-02-29 12:00:00.100000", "2024-02-29 12:00:00.1"),
            ("2024-02-29 12:00:00.000", "2024-02-29 12:00:00"),
            (" 2024-02-29 ", "2024-02-29 00:00:00"),
        ] {
            assert_eq!(written(text).as_deref(), Some(expected), "{text}");
        }
        let mut out = Vec::new();
        assert!(date("2024-02-29 12:00:00", &mut out).is_some());
        assert_eq!(out, b"2024-02-29");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2023-02-29",
            "0000-00-00 00:00:00",
            "2024-13-01",
            "2024-1-1",
            "2024-02-29X12:00:00",
            "2024-02-29T24:00:00",
            "2024-02-29T12:00",
            "2024-02-29T12:00:00.",
            "2024-02-29T12:00:00+3",
            "2024-02-29T12:00:00,5",
            "２024-02-29",
            "-024-02-29",
            "2024-02-29T12:00:00.1234567890",
            "2024-02-29Tü2:00:00",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
