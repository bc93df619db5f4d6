//! How far a task is, in the vendor's figures: 0 while the archive is fetched, 10 before data, 75 after it, 100 at the end.
//!
//! All of it is made of what the store holds of a job and only grows there, so that it never goes backwards, be the server killed in between.

use serde_json::{Value, json};

use crate::error::codes;
use crate::server::jobs::{Job, State};

use super::tasks::{PortalTask, Sort};

/// What clients expect to read of an archive that cannot be restored.
const INVALID: &str = "The backup file is invalid.";
const BEFORE_DATA: f64 = 10.0;
const AFTER_DATA: u32 = 75;

/// A task, as clients read it.
pub(super) fn told(task: &PortalTask, job: &Job) -> Value {
    let status = status(job);
    json!({
        "isCompleted": status > RUNNING,
        "progress": percent(task.sort, job),
        "error": error(task.sort, job),
        "warning": (job.state == State::Undone).then_some("What was restored was taken back"),
        "link": (task.sort == Sort::Backup).then_some(""),
        "tenantId": tenant(task, job),
        "backupProgressEnum": task.sort as u8,
        "status": status,
        "taskId": task.id,
    })
}

/// The portal's number after a task: what is restored is another portal, but for a whole server's dump.
pub(super) fn tenant(task: &PortalTask, job: &Job) -> i32 {
    let moved = task.sort == Sort::Restore && !task.dump && is_done(job) && job.state != State::Undone;
    if moved { task.tenant.saturating_add(1) } else { task.tenant }
}

const CREATED: u8 = 0;
const RUNNING: u8 = 1;
const COMPLETED: u8 = 2;
const CANCELLED: u8 = 3;
const FAILED: u8 = 4;

fn status(job: &Job) -> u8 {
    match job.state {
        State::Queued if job.started.is_none() => CREATED,
        State::Queued | State::Running | State::Paused => RUNNING,
        State::Succeeded | State::Undone | State::Discarded => COMPLETED,
        State::Cancelled => CANCELLED,
        // Clients know no task that waits for somebody to mend something.
        State::Failed | State::Refused | State::Interrupted => FAILED,
    }
}

/// Whether nothing will come of it any more unless somebody else sees to it.
pub(super) fn is_over(job: &Job) -> bool {
    status(job) > RUNNING
}

fn is_done(job: &Job) -> bool {
    status(job) == COMPLETED
}

fn percent(sort: Sort, job: &Job) -> u32 {
    let reached = |names: &[&str]| job.stages.iter().any(|stage| names.contains(&stage.name.as_str()));
    if is_done(job) {
        100
    } else if sort == Sort::Backup {
        if reached(&["work"]) { 10 } else { 0 }
    } else if reached(&["rehearse", "switch"]) {
        AFTER_DATA
    } else if reached(&["stage"]) {
        data(job.progress.fraction)
    } else {
        0
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Between 10 and 75")]
fn data(fraction: f64) -> u32 {
    let share = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
    (BEFORE_DATA + 65.0 * share).floor() as u32
}

/// Why it failed; empty when fine.
fn error(sort: Sort, job: &Job) -> String {
    if job.state == State::Cancelled && sort == Sort::Restore {
        return "The restore was cancelled".to_owned();
    }
    if status(job) != FAILED {
        return String::new();
    }
    let said = |field: &str| job.error.as_ref().and_then(|error| error.get(field)).and_then(Value::as_str);
    if sort == Sort::Restore && said("code").is_some_and(is_about_the_archive) {
        return INVALID.to_owned();
    }
    said("message").filter(|message| !message.is_empty()).unwrap_or("The task failed").to_owned()
}

/// Whether another archive could be restored: what plugins say of their own is about what they read.
fn is_about_the_archive(code: &str) -> bool {
    match code {
        "archive.io" | "archive.not_found" => false,
        "plugin.bad_batch" | "plugin.count_mismatch" | "plugin.verify_failed" | "plugin.missing_kind" => true,
        "target.bad_definition" | "target.bad_value" | "target.constraint" | "target.foreign_key" => true,
        _ => code.starts_with("archive.") || code.starts_with("catalog.") || !is_of_the_host(code),
    }
}

fn is_of_the_host(code: &str) -> bool {
    codes::ALL.iter().any(|(known, ..)| *known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(sort: Sort, dump: bool) -> PortalTask {
        PortalTask {
            id: "3fa85f64-5717-4562-b3fc-2c963f66afa6".to_owned(),
            sort,
            dump,
            operator: "ana".to_owned(),
            tenant: 7,
            begun: String::new(),
            record: None,
            before: None,
        }
    }

    fn job(state: State, stages: &[&str], fraction: f64) -> Job {
        let stages: Vec<Value> = stages.iter().map(|name| json!({"name": name, "state": "running"})).collect();
        let started = (stages.len() > 1).then_some("2026-01-01T00:00:00Z");
        let mut job: Job = serde_json::from_value(json!({
            "id": "r-1", "task": "verify", "repository": "box", "backup": "b", "state": state, "operator": "ana",
            "priority": 0, "notify": false, "created": "", "started": started, "progress": {},
            "stages": stages,
        }))
        .unwrap();
        job.progress.fraction = fraction;
        job
    }

    fn failed(code: &str, message: &str) -> Job {
        let error = Some(json!({"code": code, "message": message}));
        Job { error, ..job(State::Failed, &["queue", "plan", "stage"], 0.5) }
    }

    #[test]
    fn figures_are_the_vendors() {
        let (queue, plan, stage) = (&["queue"][..], &["queue", "plan"][..], &["queue", "plan", "stage"][..]);
        let switch = &["queue", "plan", "stage", "switch"][..];
        for (state, stages, fraction, progress, status, completed) in [
            (State::Queued, queue, 0.0, 0, 0, false),
            (State::Running, plan, 0.0, 0, 1, false),
            (State::Running, stage, 0.0, 10, 1, false),
            (State::Running, stage, 0.5, 42, 1, false),
            (State::Running, stage, 0.99, 74, 1, false),
            (State::Running, stage, f64::NAN, 10, 1, false),
            (State::Running, switch, 0.99, 75, 1, false),
            // A server that comes back goes through the stages again.
            (State::Queued, stage, 0.5, 42, 1, false),
            (State::Running, &["queue", "stage", "plan"], 0.5, 42, 1, false),
            (State::Paused, stage, 0.5, 42, 1, false),
            (State::Succeeded, switch, 1.0, 100, 2, true),
            (State::Undone, switch, 1.0, 100, 2, true),
            (State::Discarded, switch, 1.0, 100, 2, true),
            (State::Cancelled, stage, 0.5, 42, 3, true),
            (State::Failed, stage, 0.5, 42, 4, true),
            (State::Failed, switch, 0.99, 75, 4, true),
            (State::Refused, plan, 0.0, 0, 4, true),
            (State::Interrupted, stage, 0.5, 42, 4, true),
        ] {
            let told = told(&task(Sort::Restore, false), &job(state, stages, fraction));
            let found = (told["progress"].as_u64(), told["status"].as_u64(), told["isCompleted"].as_bool());
            assert_eq!(found, (Some(progress), Some(status), Some(completed)), "{state} {stages:?} {fraction}");
            assert_eq!((&told["backupProgressEnum"], &told["link"]), (&json!(1), &Value::Null));
        }
        let backup = told(&task(Sort::Backup, false), &job(State::Running, &["queue", "work"], 0.0));
        assert_eq!((&backup["progress"], &backup["backupProgressEnum"]), (&json!(10), &json!(0)));
        assert_eq!((&backup["link"], &backup["error"]), (&json!(""), &json!("")));
    }

    #[test]
    fn a_restored_portal_has_another_number() {
        for (sort, dump, state, expected) in [
            (Sort::Restore, false, State::Running, 7),
            (Sort::Restore, false, State::Failed, 7),
            (Sort::Restore, false, State::Succeeded, 8),
            (Sort::Restore, false, State::Undone, 7),
            (Sort::Restore, true, State::Succeeded, 7),
            (Sort::Backup, false, State::Succeeded, 7),
        ] {
            let told = told(&task(sort, dump), &job(state, &["queue"], 0.0));
            assert_eq!(told["tenantId"], expected, "{state} {dump}");
        }
    }

    #[test]
    fn errors_are_told_as_clients_know_them() {
        for (code, expected) in [
            ("archive.corrupt", INVALID),
            ("archive.dump_mismatch", INVALID),
            ("catalog.unrecognised", INVALID),
            ("target.foreign_key", INVALID),
            ("docspace.bad_row", INVALID),
            ("archive.io", "Why"),
            ("target.connection_lost", "Why"),
            ("request.forbidden", "Why"),
        ] {
            assert_eq!(error(Sort::Restore, &failed(code, "Why")), expected, "{code}");
        }
        assert_eq!(error(Sort::Backup, &failed("archive.corrupt", "Why")), "Why");
        assert_eq!(error(Sort::Restore, &failed("host.io", "")), "The task failed");
        assert_eq!(error(Sort::Restore, &job(State::Failed, &[], 0.0)), "The task failed");
        assert_eq!(error(Sort::Restore, &job(State::Cancelled, &[], 0.0)), "The restore was cancelled");
        assert_eq!(error(Sort::Backup, &job(State::Cancelled, &[], 0.0)), "");
        assert_eq!(error(Sort::Restore, &job(State::Succeeded, &[], 1.0)), "");
    }
}
