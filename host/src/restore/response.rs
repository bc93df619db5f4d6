//! The report as Kinetica's clients read it: numbers, and maps of texts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;

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

impl Report {
    /// The report in Kinetica's words. Figures that are too large for its numbers are the largest of these.
    pub fn response(&self) -> Response {
        let number = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
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
