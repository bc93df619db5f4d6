//! Days and times as PostgreSQL prints them in the style ISO.

const MICROSECONDS: i64 = 1_000_000;
const DAY: i64 = 86_400 * MICROSECONDS;

/// Days from 1970-01-01 to 2000-01-01, which PostgreSQL counts from.
const EPOCH: i64 = 10_957;

/// A `date`: days since 2000-01-01.
pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => {
            let (day, era) = day(days.into());
            format!("{day}{era}")
        }
    }
}

/// A `time`: microseconds since midnight. `None` beyond 24 hours.
pub(super) fn time(microseconds: i64) -> Option<String> {
    (0..=DAY).contains(&microseconds).then(|| clock(microseconds))
}

/// A `timestamp`: microseconds since the beginning of 2000; `zone` follows the time.
pub(super) fn timestamp(microseconds: i64, zone: &str) -> String {
    match microseconds {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        microseconds => {
            let (day, era) = day(microseconds.div_euclid(DAY));
            format!("{day} {}{zone}{era}", clock(microseconds.rem_euclid(DAY)))
        }
    }
}

fn clock(microseconds: i64) -> String {
    let (seconds, fraction) = (microseconds / MICROSECONDS, microseconds % MICROSECONDS);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

/// The day of the Gregorian calendar, and what is written behind it when it is before the year 1.
fn day(since_2000: i64) -> (String, &'static str) {
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, eras have 400 years.
    let days = since_2000 + EPOCH + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_printed_as_postgresql_does() {
        for (days, expected) in [
            (0, "2000-01-01"),
            (59, "2000-02-29"),
            (-1, "1999-12-31"),
            (-10_957, "1970-01-01"),
            (i32::MAX, "infinity"),
            (i32::MIN, "-infinity"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
            (-2_451_545, "4714-11-24 BC"),
            (2_921_940, "10000-01-01"),
        ] {
            assert_eq!(date(days), expected);
        }
        assert_eq!(time(DAY).as_deref(), Some("24:00:00"));
        assert_eq!(time(1_500_000).as_deref(), Some("00:00:01.5"));
        assert_eq!((time(-1), time(DAY + 1)), (None, None));
        assert_eq!(timestamp(0, "+00"), "2000-01-01 00:00:00+00");
        assert_eq!(timestamp(-1, ""), "1999-12-31 23:59:59.999999");
        assert_eq!(timestamp(-730_120 * DAY, "+00"), "0001-12-31 00:00:00+00 BC");
        assert_eq!((timestamp(i64::MAX, "+00"), timestamp(i64::MIN, "")), ("infinity".into(), "-infinity".into()));
        // No number is too large.
        assert!(timestamp(i64::MAX - 1, "").starts_with("294277"));
        assert!(timestamp(i64::MIN + 1, "").ends_with("BC"));
    }
}
