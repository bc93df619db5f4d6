//! What the target holds after an error, and the one command that is safe to run next.

use crate::error::{Error, Kind};
use crate::plan::{self, Options, Plan, Severity};
use crate::text::{self, quote};

const UNCHANGED: &str = "The target is unchanged";

/// An error before any job began.
pub fn before_start(error: Error, archive: &str, into: &str) -> Error {
    let (archive, into) = (quote(archive), quote(into));
    let next = match error.code().split('.').next() {
        Some("plan") => format!("reinstate plan {archive} --into {into}"),
        _ if error.code() == "catalog.unrecognised" => format!("reinstate inspect {archive}"),
        Some("archive" | "catalog") => format!("reinstate verify {archive}"),
        Some("plugin") => "reinstate plugin list".to_owned(),
        _ => format!("reinstate jobs --into {into}"),
    };
    error.state(format!("{UNCHANGED}: nothing was started")).next(next)
}

/// The error of a job that cannot go on because something has changed meanwhile: planning anew would not help it.
pub(super) fn cannot_resume(error: &Error, job: &str, into: &str) -> Error {
    Error::new(error.details().code.clone(), error.to_string())
        .state(format!("{UNCHANGED}; what job {job} has staged is kept beside the live objects"))
        .next(format!("reinstate abort {job} --into {}", quote(into)))
}

/// The error of a plan with refusals.
pub(super) fn refused(plan: &Plan) -> Error {
    let refusals: Vec<_> = plan.findings.iter().filter(|finding| finding.severity == Severity::Refusal).collect();
    let message = match refusals.as_slice() {
        [only] => only.message.clone(),
        many => {
            format!("{} preconditions are not met; the first: {}", many.len(), many.first().map_or("", |f| &f.message))
        }
    };
    let code = match refusals.as_slice() {
        [first, rest @ ..] if rest.iter().all(|finding| finding.code == first.code) => first.code.clone(),
        _ => "restore.refused".to_owned(),
    };
    let code = if crate::error::codes::kind(&code) == Kind::Refused { code } else { "restore.refused".to_owned() };
    let error = Error::new(code, message)
        .state(format!("{UNCHANGED}: nothing was started"))
        .next(format!("reinstate plan {}", arguments(plan)));
    match refusals.first().and_then(|finding| finding.object.as_ref()) {
        Some(object) => error.object(object),
        None => error,
    }
}

/// The error of one object that is left out while the job goes on.
pub(super) fn object_failed(error: Error, plan: &Plan) -> Error {
    let next = only_this(&error, plan);
    error.state("What the target held under this name is unchanged; the restore went on without it").next(next)
}

/// The error that ended a job before its switch.
pub(super) fn stopped(error: Error, job: &str, plan: &Plan) -> Error {
    let into = quote(&plan.target.location);
    if error.is_resumable() {
        return error
            .state(format!("{UNCHANGED}; what job {job} has staged is kept beside the live objects"))
            .next(format!("reinstate resume {job} --into {into}"));
    }
    let next = match error.code().split('.').next() {
        Some("archive" | "catalog") => format!("reinstate verify {}", quote(&plan.archive.location)),
        _ => without(&error, plan),
    };
    error.state(format!("{UNCHANGED}; the job's stage was removed")).next(next)
}

/// The error of a job whose stage could neither be kept in order nor be removed.
pub(super) fn cleanup_failed(error: Error, job: &str, plan: &Plan) -> Error {
    error
        .state(format!("{UNCHANGED}; parts of job {job}'s stage are left beside the live objects"))
        .next(format!("reinstate abort {job} --into {}", quote(&plan.target.location)))
}

/// What a plan of the same restore is asked for with.
fn arguments(plan: &Plan) -> String {
    asked(plan, &plan.options)
}

fn asked(plan: &Plan, options: &Options) -> String {
    format!("{} --into {}{}", quote(&plan.archive.location), quote(&plan.target.location), plan::flags(options))
}

/// Plans the restore without the object that failed.
fn without(error: &Error, plan: &Plan) -> String {
    match selector(error, plan) {
        Some(selector) => format!("reinstate plan {} --exclude {selector}", arguments(plan)),
        None => format!("reinstate plan {}", arguments(plan)),
    }
}

/// Plans the object that failed alone.
fn only_this(error: &Error, plan: &Plan) -> String {
    match selector(error, plan) {
        Some(selector) => {
            let alone = Options { select: Vec::new(), exclude: Vec::new(), ..plan.options.clone() };
            format!("reinstate plan {} --select {selector}", asked(plan, &alone))
        }
        None => format!("reinstate plan {}", arguments(plan)),
    }
}

/// The failed object, by its name in the archive.
fn selector(error: &Error, plan: &Plan) -> Option<String> {
    let object = error.details().object.as_ref()?;
    let step = plan.steps.iter().find(|step| step.into == *object)?;
    Some(text::selector(&step.object))
}
