//! What a restore did: a fold over its events.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalog::{Backup, ObjectName};
use crate::error::{Error, Kind};
use crate::plan::{Action, Finding, Plan, Severity, StageKind, Step};
use crate::target::Switched;

use super::Event;

/// How a restore ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Switched.
    Succeeded,
    /// Not switched.
    Failed,
    /// Not switched yet: it can be resumed.
    Interrupted,
    /// Not started.
    Refused,
}

impl Status {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
        }
    }
}

/// A finding, as reports show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedFinding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable code.
    pub code: String,
    /// The object it is about, as text.
    pub object: Option<String>,
    /// What was found.
    pub message: String,
    /// What can be done.
    pub fix: String,
}

impl From<&Finding> for ReportedFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            severity: finding.severity,
            code: finding.code.clone(),
            object: finding.object.as_ref().map(ToString::to_string),
            message: finding.message.clone(),
            fix: finding.fix.clone(),
        }
    }
}

/// What a restore did. The members' names are Kinetica's where it has one.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The job; absent when none was started.
    pub job: Option<String>,
    /// How it ended.
    pub status: Status,
    /// The backup's name.
    pub backup_name: String,
    /// The snapshot's id.
    pub backup_id: String,
    /// Bytes read from the archive, uncompressed.
    pub restored_bytes: u64,
    /// Entries read.
    pub restored_files: u64,
    /// Rows written.
    pub restored_records: u64,
    /// Name in the target to kind. Where objects of several kinds have one name, each of them is there as `NAME (KIND)`.
    pub restored_objects: BTreeMap<String, String>,
    /// Name that an existing object had, to the name it was moved to; several of one name as above.
    pub renamed_objects: BTreeMap<String, String>,
    /// Name in the target to kind, as above.
    pub failed_objects: BTreeMap<String, String>,
    /// Name to kind of tables that were put out of sight because they referred to what gave way.
    pub dropped_objects: BTreeMap<String, String>,
    /// What else there is to say, as texts: `backup_id`, `status`, and where there are such, `job`, `stage`, `error`, and `dropped_objects`
    /// as names parted by commas.
    pub info: BTreeMap<String, String>,
    /// Where the work was done until the switch.
    pub stage: Option<StageKind>,
    /// How long readers and writers waited in the switch, in microseconds.
    pub switch_microseconds: Option<u64>,
    /// How often the switch was tried: others may hold what it takes.
    pub switch_attempts: Option<u32>,
    /// What was found before and while restoring.
    pub findings: Vec<ReportedFinding>,
    /// Why it failed or was refused; with failed objects under `keep_going`, the first one's reason.
    pub error: Option<Error>,
}

impl Report {
    fn empty(backup: &Backup, status: Status) -> Self {
        Self {
            job: None,
            status,
            backup_name: backup.name.clone(),
            backup_id: backup.id.clone(),
            restored_bytes: 0,
            restored_files: 0,
            restored_records: 0,
            restored_objects: BTreeMap::new(),
            renamed_objects: BTreeMap::new(),
            failed_objects: BTreeMap::new(),
            dropped_objects: BTreeMap::new(),
            info: BTreeMap::new(),
            stage: None,
            switch_microseconds: None,
            switch_attempts: None,
            findings: Vec::new(),
            error: None,
        }
    }

    /// A restore that failed until its switch says otherwise.
    pub(super) fn begin(plan: &Plan) -> Self {
        let mut report = Self::empty(&plan.archive.backup, Status::Failed);
        report.stage = Some(plan.stage);
        report.findings = plan.findings.iter().map(ReportedFinding::from).collect();
        report
    }

    /// A restore whose preconditions were not met.
    pub(super) fn refused(plan: &Plan) -> Self {
        let mut report = Self::begin(plan);
        report.status = Status::Refused;
        report.error = Some(super::advice::refused(plan));
        report.told()
    }

    /// A restore that did not even get a plan.
    pub fn not_started(error: Error) -> Self {
        let nothing = Backup {
            name: String::new(),
            id: String::new(),
            created: String::new(),
            position: None,
            source: String::new(),
            dialect: String::new(),
        };
        let refused = matches!(error.kind(), Kind::Refused | Kind::Usage);
        let status = if refused { Status::Refused } else { Status::Failed };
        Self { error: Some(error), ..Self::empty(&nothing, status) }.told()
    }

    /// Takes one event in.
    pub(super) fn fold(&mut self, event: &Event) {
        match event {
            Event::Started { job, .. } => self.job = Some(job.clone()),
            Event::ObjectStaged { object, counts, files, .. } => {
                self.restored_records += counts.rows;
                self.restored_bytes += counts.bytes;
                self.restored_files += files;
                insert(&mut self.restored_objects, object);
            }
            Event::ObjectFailed { object, error } => {
                insert(&mut self.failed_objects, object);
                self.error.get_or_insert_with(|| error.clone());
            }
            _ => {}
        }
    }

    /// The report as it will be once the switch has happened.
    pub(super) fn switched(&self, steps: &[Step], switched: Switched) -> Self {
        let mut report = self.clone();
        report.status = Status::Succeeded;
        report.switch_microseconds = Some(u64::try_from(switched.pause.as_micros()).unwrap_or(u64::MAX));
        report.switch_attempts = Some(switched.attempts);
        let renamed = steps.iter().filter(|step| step.action == Action::Rename);
        report.renamed_objects = renames(renamed.filter_map(|step| Some((&step.into, step.aside.as_ref()?))));
        for step in steps.iter().filter(|step| step.action == Action::Drop) {
            insert(&mut report.dropped_objects, &step.into);
        }
        report.told()
    }

    /// With `info` of what the rest says.
    fn told(mut self) -> Self {
        let dropped: Vec<&str> = self.dropped_objects.keys().map(String::as_str).collect();
        let dropped = (!dropped.is_empty()).then(|| dropped.join(", "));
        let said = [
            ("backup_id", Some(self.backup_id.clone())),
            ("status", Some(self.status.word().to_owned())),
            ("job", self.job.clone()),
            ("stage", self.stage.map(|stage| stage.word().to_owned())),
            ("error", self.error.as_ref().map(|error| format!("{}: {error}", error.code()))),
            ("dropped_objects", dropped),
        ];
        self.info = said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect();
        self
    }

    /// The report of a job that ended without a switch: nothing was restored.
    pub(super) fn failed(&self, error: Error) -> Self {
        let mut report = self.clone();
        report.restored_objects.clear();
        report.status = if error.is_resumable() { Status::Interrupted } else { Status::Failed };
        report.error = Some(error);
        report.told()
    }

    /// The process's exit status for it: 0, 1, 3, 4 (some objects failed) or 130.
    pub fn exit_status(&self) -> u8 {
        match (self.status, &self.error) {
            (Status::Succeeded, _) if self.failed_objects.is_empty() => 0,
            (Status::Succeeded, _) => 4,
            // An entry that is refused while it is read: by then something was started.
            (Status::Failed, Some(error)) if error.kind() == Kind::Refused => 1,
            (_, Some(error)) => error.kind().exit_status(),
            (Status::Refused, None) => 3,
            (Status::Failed | Status::Interrupted, None) => 1,
        }
    }
}

/// Names are unique within a kind only: where two kinds have one name, both say which they are, whichever came first.
pub(super) fn insert(objects: &mut BTreeMap<String, String>, object: &ObjectName) {
    let name = object.qualified();
    let with_kind = |kind: &str| format!("{name} ({kind})");
    match objects.get(&name) {
        Some(kind) if *kind == object.kind => {}
        Some(kind) => {
            let other = kind.clone();
            objects.remove(&name);
            objects.insert(with_kind(&other), other);
            objects.insert(with_kind(&object.kind), object.kind.clone());
        }
        None => {
            // Only the keys that begin so are looked at: this runs once for each of many objects.
            let begin = format!("{name} (");
            let mut like = objects.range(begin.clone()..).take_while(|(key, _)| key.starts_with(&begin));
            let others = like.any(|(key, kind)| *key == with_kind(kind));
            objects.insert(if others { with_kind(&object.kind) } else { name }, object.kind.clone());
        }
    }
}

/// Original to new name.
pub(super) fn renames<'a>(renamed: impl Iterator<Item = (&'a ObjectName, &'a ObjectName)>) -> BTreeMap<String, String> {
    let renamed: Vec<(&ObjectName, &ObjectName)> = renamed.collect();
    let mut keys = BTreeMap::new();
    renamed.iter().for_each(|(from, _)| insert(&mut keys, from));
    let key = |name: &ObjectName| {
        let plain = name.qualified();
        if keys.contains_key(&plain) { plain } else { format!("{plain} ({})", name.kind) }
    };
    renamed.iter().map(|(from, to)| (key(from), to.qualified())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        crate::plan::fixture::name(text)
    }

    #[test]
    fn names_of_several_kinds_do_not_hide_each_other() {
        let orders = [["table s.a", "graph s.a", "user b"], ["graph s.a", "user b", "table s.a"]];
        for order in orders {
            let mut objects = BTreeMap::new();
            order.iter().chain(&order).for_each(|text| insert(&mut objects, &name(text)));
            let told: Vec<String> = objects.iter().map(|(key, kind)| format!("{key}={kind}")).collect();
            assert_eq!(told, ["b=user", "s.a (graph)=graph", "s.a (table)=table"], "{order:?}");
        }
        let mut objects = BTreeMap::new();
        ["table a", "graph a", "user a"].iter().for_each(|text| insert(&mut objects, &name(text)));
        assert_eq!(objects.keys().collect::<Vec<_>>(), ["a (graph)", "a (table)", "a (user)"]);
    }

    #[test]
    fn renamed_objects_have_the_original_name_first() {
        let pairs = [("table s.a", "table old.a"), ("graph s.a", "graph old.a"), ("view s.v", "view old.v")];
        let pairs = pairs.map(|(from, to)| (name(from), name(to)));
        let found = renames(pairs.iter().map(|(from, to)| (from, to)));
        let told: Vec<String> = found.iter().map(|(from, to)| format!("{from} -> {to}")).collect();
        assert_eq!(told, ["s.a (graph) -> old.a", "s.a (table) -> old.a", "s.v -> old.v"]);
    }

    #[test]
    fn info_and_the_answer_say_the_same() {
        let mut report = Report::not_started(Error::new("archive.not_found", "There is none"));
        (report.backup_id, report.restored_records) = ("7".to_owned(), 3);
        let response = report.told().response();
        assert_eq!((response.backup_id, response.restored_records), (7, 3));
        assert_eq!(response.info["error"], "archive.not_found: There is none");
        assert_eq!(response.info["status"], "refused");
        assert_eq!(response.info["backup_id"], "7");
    }
}
