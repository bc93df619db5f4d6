//! The report as Kinetica's clients read it: numbers, and maps of texts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::plan::{Action, Plan, Severity};

use super::Report;
use super::report::{insert, renames};

/// The answer to `/restore/backup`, with its members in their order. Every map is one of texts to texts, as its encodings want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The backup's name.
    pub backup_name: String,
    /// The snapshot's id where it is a number, else 0: ours may be any text, which is in [`Response::info`] as `backup_id`.
    pub backup_id: i64,
    /// Bytes read from the archive, uncompressed.
    pub restored_bytes: i64,
    /// Entries read.
    pub restored_files: i64,
    /// Rows written.
    pub restored_records: i64,
    /// Name in the target to kind; `NAME (KIND)` where several kinds have the name.
    pub restored_objects: BTreeMap<String, String>,
    /// Original name to new name.
    pub renamed_objects: BTreeMap<String, String>,
    /// As the restored ones.
    pub failed_objects: BTreeMap<String, String>,
    /// As [`Report::info`].
    pub info: BTreeMap<String, String>,
}

impl Response {
    /// What a restore by the plan would answer, if all goes well.
    pub fn foreseen(plan: &Plan) -> Self {
        let restored = plan.steps.iter().filter(|step| step.action.restores());
        let mut restored_objects = BTreeMap::new();
        restored.for_each(|step| insert(&mut restored_objects, &step.into));
        let renamed = plan.steps.iter().filter(|step| step.action == Action::Rename);
        let warnings = plan.findings.iter().filter(|finding| finding.severity == Severity::Warning);
        let warnings: Vec<&str> = warnings.map(|finding| finding.message.as_str()).collect();
        let (backup, totals) = (&plan.archive.backup, &plan.totals);
        let info = [
            ("backup_id", backup.id.clone()),
            ("status", "planned".to_owned()),
            ("stage", plan.stage.word().to_owned()),
            ("warnings", warnings.join("; ")),
        ];
        let info = info.into_iter().filter(|(_, text)| !text.is_empty());
        Self {
            backup_name: backup.name.clone(),
            backup_id: backup.id.parse().unwrap_or_default(),
            restored_bytes: number(totals.read_bytes),
            restored_files: number(totals.parts),
            restored_records: if plan.options.ddl_only { 0 } else { number(totals.rows) },
            restored_objects,
            renamed_objects: renames(renamed.filter_map(|step| Some((&step.into, step.aside.as_ref()?)))),
            failed_objects: BTreeMap::new(),
            info: info.map(|(name, text)| (name.to_owned(), text)).collect(),
        }
    }
}

fn number(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

impl Report {
    /// The report in Kinetica's words. Figures that are too large for its numbers are the largest of these.
    pub fn response(&self) -> Response {
        Response {
            backup_name: self.backup_name.clone(),
            backup_id: self.backup_id.parse().unwrap_or_default(),
            restored_bytes: number(self.restored_bytes),
            restored_files: number(self.restored_files),
            restored_records: number(self.restored_records),
            restored_objects: self.restored_objects.clone(),
            renamed_objects: self.renamed_objects.clone(),
            failed_objects: self.failed_objects.clone(),
            info: self.info.clone(),
        }
    }
}
