//! A job's record: what the target keeps of it, and finding it again.

use crate::check::CheckedPlan;
use crate::error::{Error, Result};
use crate::target::{Job, JobStatus, Target};

use super::Settings;

/// Letters and digits that cannot be mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The record of a job that is about to begin.
pub(super) fn record(name: String, checked: &CheckedPlan, archive: &str, settings: &Settings) -> Result<Job> {
    let plan = checked.plan();
    Ok(Job {
        job: name,
        status: JobStatus::Running,
        started: jiff::Timestamp::now().to_string(),
        ended: None,
        backup_name: plan.archive.backup.name.clone(),
        backup_id: plan.archive.backup.id.clone(),
        archive: archive.to_owned(),
        plan: plan.to_json(),
        settings: serde_json::to_string(settings)
            .map_err(|error| Error::new("host.internal", format!("The settings cannot be written: {error}")))?,
        report: None,
    })
}

/// A name for a job: `r-` and twelve letters and digits.
pub fn name() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new("host.io", format!("The system gives no random bytes: {error}")))?;
    let letters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    Ok("r-".chars().chain(letters).collect())
}

/// The job of that name, if it can be resumed.
pub fn find(target: &dyn Target, job: &str) -> Result<Job> {
    let record = target
        .jobs()?
        .into_iter()
        .find(|known| known.job == job)
        .ok_or_else(|| Error::new("job.not_found", format!("The target knows no job `{job}`")))?;
    if record.status != JobStatus::Interrupted {
        let status = serde_json::to_string(&record.status).unwrap_or_default();
        return Err(Error::new(
            "job.not_possible",
            format!("Job `{job}` is {}; only an interrupted job can be resumed", status.trim_matches('"')),
        ));
    }
    Ok(record)
}
