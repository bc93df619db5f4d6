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
    /// Not started.
    Refused,
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
    /// Name in the target to kind.
    pub restored_objects: BTreeMap<String, String>,
    /// Name that an existing object had, to the name it was moved to.
    pub renamed_objects: BTreeMap<String, String>,
    /// Name in the target to kind.
    pub failed_objects: BTreeMap<String, String>,
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
        report
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
        Self { error: Some(error), ..Self::empty(&nothing, status) }
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
        for step in steps.iter().filter(|step| step.action == Action::Rename) {
            if let Some(aside) = &step.aside {
                report.renamed_objects.insert(step.into.qualified(), aside.qualified());
            }
        }
        report
    }

    /// The report of a job that ended without a switch: nothing was restored.
    pub(super) fn failed(&self, error: Error) -> Self {
        let mut report = self.clone();
        report.restored_objects.clear();
        report.status = Status::Failed;
        report.error = Some(error);
        report
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
            (Status::Failed, None) => 1,
        }
    }
}

/// Names are unique within a kind only; the second kind of one name says which it is.
fn insert(objects: &mut BTreeMap<String, String>, object: &ObjectName) {
    let name = object.qualified();
    let taken = objects.get(&name).is_some_and(|kind| *kind != object.kind);
    let key = if taken { format!("{name} ({})", object.kind) } else { name };
    objects.insert(key, object.kind.clone());
}
