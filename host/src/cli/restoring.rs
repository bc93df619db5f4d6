//! The commands that restore: they plan, apply or resume, show the progress and the report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::archive::Archive;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::plan::{self, Plan};
use crate::plugin::Plugins;
use crate::restore::{self, Host, Report, ReportedFinding, Restore, Settings, Status, Watch};

use super::args::{Into, PluginArgs, ReadArgs};
use super::environment;
use super::options::PlanArgs;
use super::output::{explain, line, value};
use crate::text::{bytes, count, counted, escape, quote};

use super::progress::Progress;

/// `reinstate restore`
pub(super) async fn restore(
    archive: &str,
    into: &Into,
    options: PlanArgs,
    reading: &ReadArgs,
    plugins: &PluginArgs,
    json: bool,
) -> u8 {
    let prepared = async {
        let mut options = options.options()?;
        let reading = Reading {
            archive,
            id: options.backup_id.as_deref(),
            globals: options.globals.as_deref(),
            how: reading,
            keep: true,
        };
        let restore = restore_of(&reading, &into.location()?, plugins, Settings::default())?;
        options.globals = restore.globals.as_ref().map(|globals| globals.location());
        let plan = restore::plan(&restore, &options).await?;
        Ok((restore, plan))
    };
    match prepared.await {
        Ok((restore, plan)) => {
            let report = carry_out(&restore, Job::New(&plan), json).await;
            finish(&restore, report, json)
        }
        Err(error) => not_started(error, archive, &into.shown(), json),
    }
}

/// `reinstate plan`
pub(super) async fn plan(
    archive: &str,
    output: Option<PathBuf>,
    into: &Into,
    options: PlanArgs,
    reading: &ReadArgs,
    plugins: &PluginArgs,
    json: bool,
) -> Result<u8> {
    // A saved plan names its archive, so one that came on standard input must stay to be found.
    let mut options = options.options()?;
    let reading = Reading {
        archive,
        id: options.backup_id.as_deref(),
        globals: options.globals.as_deref(),
        how: reading,
        keep: output.is_some(),
    };
    let restore = restore_of(&reading, &into.location()?, plugins, Settings::default())?;
    options.globals = restore.globals.as_ref().map(|globals| globals.location());
    let plan = restore::plan(&restore, &options).await?;
    if let Some(path) = &output {
        std::fs::write(path, plan.to_json())
            .map_err(|error| Error::new("host.io", format!("{} cannot be written: {error}", path.display())))?;
    }
    if json {
        value(&plan);
    } else {
        line(plan::render(&plan).trim_end());
        if let Some(path) = output {
            line(&format!("Saved; apply it with: reinstate apply {}", path.display()));
        }
    }
    let refused = plan.findings.iter().any(|finding| finding.severity == plan::Severity::Refusal);
    Ok(if refused { 3 } else { 0 })
}

/// `reinstate apply`
pub(super) async fn apply(path: &std::path::Path, reading: &ReadArgs, plugins: &PluginArgs, json: bool) -> u8 {
    let plan = match read_plan(path) {
        Ok(plan) => plan,
        Err(error) => return not_started(error.next("reinstate help plan"), "", "", json),
    };
    let (archive, into) = (plan.archive.location.as_str(), plan.target.location.as_str());
    let reading = Reading { archive, id: None, globals: plan.options.globals.as_deref(), how: reading, keep: false };
    match restore_of(&reading, into, plugins, Settings::default()) {
        Ok(restore) => {
            let report = carry_out(&restore, Job::New(&plan), json).await;
            finish(&restore, report, json)
        }
        Err(error) => not_started(error, archive, into, json),
    }
}

fn read_plan(path: &std::path::Path) -> Result<Plan> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new("plan.invalid", format!("{} cannot be read: {error}", path.display())))?;
    Plan::from_json(&text)
}

/// `reinstate resume`
pub(super) async fn resume(job: &str, into: &Into, reading: &ReadArgs, plugins: &PluginArgs, json: bool) -> u8 {
    let prepared = || {
        let into = into.location()?;
        let target = environment::target(&into)?;
        let record = restore::find_job(target.as_ref(), job)?;
        let settings = serde_json::from_str(&record.settings).unwrap_or_default();
        let globals = Plan::from_json(&record.plan)?.options.globals;
        let reading =
            Reading { archive: &record.archive, id: None, globals: globals.as_deref(), how: reading, keep: false };
        restore_of(&reading, &into, plugins, settings)
    };
    match tokio::task::block_in_place(prepared) {
        Ok(restore) => {
            let report = carry_out(&restore, Job::Interrupted(job), json).await;
            finish(&restore, report, json)
        }
        Err(error) => not_started(error.next(format!("reinstate jobs --into {}", quote(&into.shown()))), "", "", json),
    }
}

/// Moves an archive from standard input to where a later process finds it.
fn keep_stream(archive: &Arc<Archive>, plugins: &Plugins) -> Result<()> {
    if archive.is_stream() {
        let digest = plugins.catalog(archive, &Cancel::default())?.digest.to_string();
        archive.keep_spool(&environment::kept_spool(&digest)?)?;
    }
    Ok(())
}

/// Which archives are read, and how.
struct Reading<'a> {
    archive: &'a str,
    /// Which snapshot, where the archive is a repository's backup without an id.
    id: Option<&'a str>,
    globals: Option<&'a str>,
    how: &'a ReadArgs,
    /// A later process must find them, also one from standard input.
    keep: bool,
}

/// Opens archives and target.
fn restore_of(reading: &Reading<'_>, into: &str, plugins: &PluginArgs, earlier: Settings) -> Result<Restore> {
    if reading.archive == "-" && reading.globals == Some("-") {
        let message = "Standard input holds one archive: give a file for the archive or for --globals";
        return Err(Error::new("usage", message).next("reinstate help restore"));
    }
    let archive = Arc::new(environment::archive(reading.archive, reading.id, reading.how)?);
    let globals =
        reading.globals.map(|location| environment::archive(location, None, reading.how)).transpose()?.map(Arc::new);
    let target = environment::target(into)?;
    let host = Host::new(&plugins.options(earlier)?)?;
    if reading.keep {
        keep_stream(&archive, &host.plugins)?;
        globals.iter().try_for_each(|globals| keep_stream(globals, &host.plugins))?;
    }
    Ok(Restore { host: Arc::new(host), archive, globals, target })
}

enum Job<'a> {
    New(&'a Plan),
    Interrupted(&'a str),
}

/// Runs the job with progress; the first signal stops it at the next safe place, the second at once.
async fn carry_out(restore: &Restore, job: Job<'_>, json: bool) -> Report {
    let progress = Arc::new(Progress::new());
    let cancel = Cancel::default();
    let shown = Arc::clone(&progress);
    let watch = Watch {
        observer: if json { Arc::new(|_| ()) } else { Arc::new(move |event| shown.show(event)) },
        cancel: cancel.clone(),
        job: None,
    };
    // From here on, before the job is recorded: a signal that came first would leave it without a word.
    let mut caught = Signals::catch();
    let signals = tokio::spawn(async move {
        caught.next().await;
        cancel.cancel();
        // Supervisors signal the process and then its group: two signals that mean one.
        tokio::time::sleep(SAME_SIGNAL).await;
        caught = Signals::catch();
        caught.next().await;
        // The journal makes this safe: what is committed is committed, the rest is done again.
        std::process::exit(130);
    });
    let report = match job {
        Job::New(plan) => restore::apply(restore, plan, &watch).await,
        Job::Interrupted(job) => restore::resume(restore, job, &watch).await,
    };
    signals.abort();
    progress.end();
    report
}

/// For how long after the first signal another one means the same.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// The signals that stop a restore. Without handlers they end the process as they always do.
struct Signals(Option<(Signal, Signal)>);

impl Signals {
    fn catch() -> Self {
        let interrupt = signal(SignalKind::interrupt()).ok();
        Self(interrupt.zip(signal(SignalKind::terminate()).ok()))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some((interrupt, terminate)) => {
                tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
            }
            None => std::future::pending().await,
        }
    }
}

/// Shows the report; a kept spool is not needed any more when nothing can be resumed.
fn finish(restore: &Restore, report: Report, json: bool) -> u8 {
    let resumable = report.error.as_ref().is_some_and(Error::is_resumable) && report.status != Status::Succeeded;
    if !resumable {
        let archives = std::iter::once(&restore.archive).chain(&restore.globals);
        archives.for_each(|archive| environment::forget_spool(&archive.location()));
    }
    show(restore, &report, json);
    report.exit_status()
}

fn not_started(error: Error, archive: &str, into: &str, json: bool) -> u8 {
    let report = Report::not_started(restore::advise_before_start(error, archive, into));
    if json {
        value(&report);
    } else if let Some(error) = &report.error {
        explain(error);
    }
    report.exit_status()
}

fn show(restore: &Restore, report: &Report, json: bool) {
    if json {
        return value(report);
    }
    show_findings(&report.findings);
    if report.status == Status::Succeeded {
        succeeded(restore, report);
    }
    if let Some(error) = &report.error {
        explain(error);
    }
}

/// Refusals one by one; of the rest one example for each code, for the plan shows them all.
fn show_findings(findings: &[ReportedFinding]) {
    let mut alike: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.severity != plan::Severity::Refusal) {
        *alike.entry(&finding.code).or_default() += 1;
    }
    for finding in findings {
        let number = alike.get_mut(finding.code.as_str()).map(std::mem::take);
        let more = match number.filter(|_| finding.severity != plan::Severity::Refusal) {
            Some(0) => continue,
            Some(number) if number > 1 => format!(" (and {} like this)", count(number - 1)),
            _ => String::new(),
        };
        let severity = format!("{:?}", finding.severity).to_lowercase();
        eprintln!("{severity}[{}]: {}{more}", finding.code, escape(&finding.message));
        if !finding.fix.is_empty() {
            eprintln!("  {:>6}: {}", "fix", escape(&finding.fix));
        }
    }
}

fn succeeded(restore: &Restore, report: &Report) {
    let job = report.job.as_deref().unwrap_or_default();
    let into = restore.target.location();
    line(&format!(
        "Restored {} ({}, {}) of backup {} into {}",
        counted(report.restored_objects.len() as u64, "object"),
        counted(report.restored_records, "row"),
        bytes(report.restored_bytes),
        escape(&report.backup_name),
        escape(&into),
    ));
    let pause = report.switch_microseconds.unwrap_or_default();
    let tries = match report.switch_attempts {
        Some(attempts @ 2..) => format!(" after {} attempts", count(attempts.into())),
        _ => String::new(),
    };
    line(&format!("Job {job}, switched in {}.{} ms{tries}", count(pause / 1000), pause % 1000 / 100));
    if report.stage == Some(plan::StageKind::Database) {
        line("It was staged in a database of its own, which has the live one's name now");
    }
    for (old, new) in &report.renamed_objects {
        line(&format!("Moved {} to {}", escape(old), escape(new)));
    }
    for (name, kind) in &report.dropped_objects {
        line(&format!("Put {kind} {} out of sight; undo brings it back", escape(name)));
    }
    if !report.failed_objects.is_empty() {
        line(&format!("{} failed", counted(report.failed_objects.len() as u64, "object")));
    }
    line(&format!("To take it back: reinstate undo {job} --into {}", escape(&quote(&into))));
}
