//! When backups are made by themselves: by the day, the week or the month, at a full hour, in UTC.
//!
//! The rules are those of the vendor's server, which writes a Quartz expression of them: days of a week are 1 (Sunday) to 7 (Saturday), and a
//! month without the day is passed over.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};

use super::input::{NewSchedule, Params, StorageType, or_default, wrong};
use super::times;

/// From one 31st to the next there are at most so many days.
const LONGEST_WAIT: usize = 63;
/// Copies that may be kept.
const MOST_COPIES: u32 = 30;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Period {
    #[default]
    Day,
    Week,
    Month,
}

/// At which hour of which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cron {
    #[serde(deserialize_with = "or_default")]
    period: Period,
    #[serde(deserialize_with = "or_default")]
    hour: i64,
    /// Of the week or of the month.
    #[serde(deserialize_with = "or_default")]
    day: i64,
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u8(*self as u8)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(value)? {
            Value::String(text) => text.to_ascii_lowercase(),
            other => other.to_string(),
        };
        match text.as_str() {
            "0" | "everyday" => Ok(Self::Day),
            "1" | "everyweek" => Ok(Self::Week),
            "2" | "everymonth" => Ok(Self::Month),
            _ => Err(serde::de::Error::custom("period is 0 for every day, 1 for every week, 2 for every month")),
        }
    }
}

impl Cron {
    /// Fails with `usage` for an hour or a day that there is not.
    fn check(&self) -> Result<()> {
        if !(0..=23).contains(&self.hour) {
            return Err(wrong("hour is a number from 0 to 23"));
        }
        match self.period {
            Period::Day => Ok(()),
            Period::Week if (1..=7).contains(&self.day) => Ok(()),
            Period::Week => Err(wrong("day is a number from 1, for Sunday, to 7")),
            Period::Month if (1..=31).contains(&self.day) => Ok(()),
            Period::Month => Err(wrong("day is a number from 1 to 31")),
        }
    }

    /// The first time after that one; none where time ends.
    fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let hour = i8::try_from(self.hour).ok().filter(|hour| (0..=23).contains(hour))?;
        let first = time.to_zoned(TimeZone::UTC).date();
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(LONGEST_WAIT);
        days.filter(|day| self.is_on(*day))
            .filter_map(|day| Some(day.at(hour, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp()))
            .find(|found| *found > time)
    }

    fn is_on(&self, day: Date) -> bool {
        match self.period {
            Period::Day => true,
            Period::Week => i64::from(day.weekday().to_sunday_one_offset()) == self.day,
            Period::Month => i64::from(day.day()) == self.day,
        }
    }
}

/// A schedule, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Schedule {
    pub(super) storage_type: StorageType,
    pub(super) storage_params: Params,
    cron: Cron,
    pub(super) backups_stored: u32,
    pub(super) dump: bool,
    /// Who made it, and in whose name backups are made.
    pub(super) operator: String,
    created: String,
    /// When it was last begun with.
    pub(super) last: Option<String>,
    /// The backup that is about to be started; a server that was killed between starts the same one.
    pub(super) pending: Option<String>,
}

impl Schedule {
    /// What a request asks for. Fails with `usage`.
    pub(super) fn new(asked: &NewSchedule, operator: &str, now: Timestamp) -> Result<Self> {
        let cron = asked.cron_params.ok_or_else(|| wrong("cronParams is missing"))?;
        cron.check()?;
        let backups_stored = asked.backups_stored.unwrap_or(1);
        if !(1..=MOST_COPIES).contains(&backups_stored) {
            return Err(Error::new("usage", format!("backupsStored is a number from 1 to {MOST_COPIES}")));
        }
        Ok(Self {
            storage_type: asked.storage_type,
            storage_params: asked.storage_params.clone(),
            cron,
            backups_stored,
            dump: asked.dump,
            operator: operator.to_owned(),
            created: now.to_string(),
            last: None,
            pending: None,
        })
    }

    /// Whether a backup is to be made: its time has come since the last one, be it that nobody was there then. What was missed is made up
    /// for once.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let since = times::kept(self.last.as_ref().unwrap_or(&self.created));
        self.pending.is_some() || self.cron.after(since).is_some_and(|due| due <= now)
    }

    /// As clients read it.
    pub(super) fn told(&self) -> Value {
        let last = self.last.as_ref().map_or(times::NEVER.to_owned(), |last| times::written(times::kept(last)));
        let path = self.storage_params.get("filePath").or_else(|| self.storage_params.get("folderId"));
        let params = match self.storage_type {
            StorageType::ThirdPartyConsumer => self.storage_params.clone(),
            _ => self.storage_params.clone().with("folderId", path.unwrap_or_default()),
        };
        json!({
            "storageType": self.storage_type,
            "storageParams": params,
            "cronParams": self.cron,
            "backupsStored": self.backups_stored,
            "lastBackupTime": last,
            "dump": self.dump,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(period: u8, hour: i64, day: i64) -> Cron {
        serde_json::from_value(json!({"period": period, "hour": hour, "day": day})).unwrap()
    }

    fn time(text: &str) -> Timestamp {
        times::read(text).unwrap()
    }

    #[test]
    fn times_follow_the_vendors_rules() {
        for (period, hour, day, after, expected) in [
            // Every day.
            (0, 2, 0, "2026-01-01T00:00:00", "2026-01-01T02:00:00Z"),
            (0, 2, 0, "2026-01-01T01:59:59.999", "2026-01-01T02:00:00Z"),
            (0, 2, 0, "2026-01-01T02:00:00", "2026-01-02T02:00:00Z"),
            (0, 23, 99, "2026-12-31T23:30:00", "2027-01-01T23:00:00Z"),
            (0, 0, 0, "2028-02-28T10:00:00", "2028-02-29T00:00:00Z"),
            // Every week: 2026-11-21 is a Saturday.
            (1, 4, 1, "2026-11-21T00:00:00", "2026-11-22T04:00:00Z"),
            (1, 4, 2, "2026-11-21T00:00:00", "2026-11-23T04:00:00Z"),
            (1, 4, 7, "2026-11-21T00:00:00", "2026-11-21T04:00:00Z"),
            (1, 4, 7, "2026-11-21T04:00:00", "2026-11-28T04:00:00Z"),
            (1, 0, 6, "2026-12-30T00:00:00", "2027-01-01T00:00:00Z"),
            // Every month; months without the day are passed over.
            (2, 5, 1, "2026-01-01T05:00:00", "2026-02-01T05:00:00Z"),
            (2, 5, 31, "2026-01-31T04:00:00", "2026-01-31T05:00:00Z"),
            (2, 5, 31, "2026-01-31T05:00:00", "2026-03-31T05:00:00Z"),
            (2, 5, 30, "2026-01-30T05:00:00", "2026-03-30T05:00:00Z"),
            (2, 5, 29, "2026-01-29T05:00:00", "2026-03-29T05:00:00Z"),
            (2, 5, 29, "2028-01-29T05:00:00", "2028-02-29T05:00:00Z"),
            (2, 5, 31, "2026-06-30T12:00:00", "2026-07-31T05:00:00Z"),
            (2, 5, 31, "2026-07-31T05:00:00", "2026-08-31T05:00:00Z"),
            (2, 23, 31, "2026-12-31T23:00:00", "2027-01-31T23:00:00Z"),
        ] {
            let found = cron(period, hour, day).after(time(after)).map(times::written);
            assert_eq!(found.as_deref(), Some(expected), "{period} {hour} {day} after {after}");
        }
        assert_eq!(cron(0, 2, 0).after(Timestamp::MAX), None);
    }

    #[test]
    fn what_there_is_not_is_refused() {
        for (period, hour, day, good) in [
            (0, 0, 0, true),
            (0, 23, -5, true),
            (0, 24, 0, false),
            (0, -1, 0, false),
            (1, 4, 1, true),
            (1, 4, 7, true),
            (1, 4, 0, false),
            (1, 4, 8, false),
            (2, 4, 1, true),
            (2, 4, 31, true),
            (2, 4, 0, false),
            (2, 4, 32, false),
            (2, i64::MAX, 1, false),
            (2, 4, i64::MIN, false),
        ] {
            assert_eq!(cron(period, hour, day).check().is_ok(), good, "{period} {hour} {day}");
        }
        for bad in [r#"{"period": 3}"#, r#"{"period": -1}"#, r#"{"period": "EveryYear"}"#, r#"{"hour": 2.5}"#] {
            assert!(serde_json::from_str::<Cron>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Cron>(r#"{"period": "EveryWeek", "day": 2}"#).unwrap(), cron(1, 0, 2));
    }

    fn asked(json: Value) -> NewSchedule {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn copies_are_one_to_thirty() {
        let now = time("2026-11-21T12:00:00");
        let cron = json!({"period": 0, "hour": 4, "day": 0});
        for (copies, expected) in
            [(json!(null), Some(1)), (json!(1), Some(1)), (json!(30), Some(30)), (json!(31), None), (json!(0), None)]
        {
            let asked = asked(json!({"backupsStored": copies, "cronParams": cron}));
            let found = Schedule::new(&asked, "ana", now).ok().map(|schedule| schedule.backups_stored);
            assert_eq!(found, expected, "{copies}");
        }
        assert!(Schedule::new(&asked(json!({"backupsStored": 3})), "ana", now).is_err());
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        let made = time("2026-11-21T12:00:00");
        let asked = asked(json!({"cronParams": {"period": 0, "hour": 4, "day": 0}}));
        let mut schedule = Schedule::new(&asked, "ana", made).unwrap();
        assert!(!schedule.is_due(made), "today's time has passed before it was made");
        assert!(!schedule.is_due(time("2026-11-22T03:59:59")));
        assert!(schedule.is_due(time("2026-11-22T04:00:00")));
        let later = time("2026-12-24T18:00:00");
        assert!(schedule.is_due(later));
        schedule.last = Some(later.to_string());
        assert!(!schedule.is_due(later) && !schedule.is_due(time("2026-12-25T03:00:00")));
        assert!(schedule.is_due(time("2026-12-25T04:00:00")));
        // A clock that was set back makes no second one.
        assert!(!schedule.is_due(time("2026-12-23T12:00:00")));
        schedule.pending = Some("x".to_owned());
        assert!(schedule.is_due(later));
    }

    #[test]
    fn schedules_are_told_as_clients_read_them() {
        let now = time("2026-11-21T12:00:00");
        let local = json!({
            "storageType": 3, "storageParams": [{"key": "filePath", "value": "/b"}], "backupsStored": 5,
            "cronParams": {"period": 1, "hour": 2, "day": 3}, "dump": true,
        });
        let mut schedule = Schedule::new(&asked(local), "ana", now).unwrap();
        schedule.last = Some(now.to_string());
        let told = schedule.told();
        assert_eq!(told["storageParams"]["folderId"], "/b");
        assert_eq!(told["cronParams"], json!({"period": 1, "hour": 2, "day": 3}));
        assert_eq!((&told["backupsStored"], &told["dump"], &told["storageType"]), (&json!(5), &json!(true), &json!(3)));
        assert_eq!(told["lastBackupTime"], "2026-11-21T12:00:00Z");
        let documents = json!({"storageType": "documents", "storageParams": {"folderId": 7}, "cronParams": {}});
        let told = Schedule::new(&asked(documents), "ana", now).unwrap().told();
        assert_eq!((&told["storageParams"]["folderId"], &told["lastBackupTime"]), (&json!("7"), &json!(times::NEVER)));
        let kept: Schedule = serde_json::from_value(serde_json::to_value(&schedule).unwrap()).unwrap();
        assert_eq!(kept, schedule);
    }
}
