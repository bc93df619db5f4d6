//! One command after the other: which library call it is and what its answer looks like.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::archive::Archive;
use crate::backup::Written;
use crate::cancel::Cancel;
use crate::catalog::{self, Catalog};
use crate::error::{Error, Result};
use crate::pack::{self, PackOptions};
use crate::plugin;
use crate::restore::Settings;
use crate::target::Job;

use super::args::{Cli, Command, Naming, PluginArgs, PluginCommand, ReadArgs};
use super::output::{error, explain, line, value};
use crate::text::{bytes, count, counted, escape, quote};

use super::{backups, environment, restoring, serving};

/// Runs one command; returns the exit status.
pub(super) async fn run(cli: Cli) -> u8 {
    let json = cli.json;
    let result = match cli.command {
        Command::Restore { archive, dry_run: true, into, options, reading, plugins } => {
            restoring::plan(&archive, None, &into, options, &reading, &plugins, json).await
        }
        Command::Restore { archive, dry_run: false, into, options, reading, plugins } => {
            Ok(restoring::restore(&archive, &into, options, &reading, &plugins, json).await)
        }
        Command::Plan { archive, output, into, options, reading, plugins } => {
            restoring::plan(&archive, output, &into, options, &reading, &plugins, json).await
        }
        Command::Apply { plan, reading, plugins } => Ok(restoring::apply(&plan, &reading, &plugins, json).await),
        Command::Resume { job, into, reading, plugins } => {
            Ok(restoring::resume(&job, &into, &reading, &plugins, json).await)
        }
        Command::Inspect { archive, reading, plugins } => waiting(|| inspect(&archive, &reading, &plugins, json)),
        Command::Verify { archive, reading, plugins } => waiting(|| verify(&archive, &reading, &plugins, json)),
        Command::Pack { directory, output, schema, naming } => {
            waiting(|| pack_directory(&directory, &output, schema, naming, json))
        }
        Command::Backup { command } => waiting(|| backups::backup(command, json)).map_err(nothing_restored),
        Command::Repository { command } => waiting(|| backups::repository(command, json)).map_err(nothing_restored),
        Command::Serve(args) => serving::serve(args, json).await.map_err(nothing_restored),
        Command::HashPassword { token } => serving::hash(token, json).map_err(nothing_restored),
        Command::Jobs { into } => waiting(|| jobs(&into.location()?, json)),
        Command::Abort { job, into } => waiting(|| abort(&job, &into.location()?, json)),
        Command::Undo { job, into } => waiting(|| undo(&job, &into.location()?, json)),
        Command::Discard { job, into } => waiting(|| discard(&job, &into.location()?, json)),
        Command::Plugin { command } => waiting(|| plugins(command, json)),
        Command::Completions { shell } => completions(shell, json),
    };
    result.unwrap_or_else(|failure| {
        let failure = failure.state("The target is unchanged");
        error(&failure, json)
    })
}

/// Making backups and looking after them has no target.
fn nothing_restored(failure: Error) -> Error {
    failure.state("No database was changed")
}

/// Does what waits for disks and servers, on this thread.
fn waiting<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// What an archive holds. Plugins are loaded for foreign backups only.
fn catalog_of(archive: &Arc<Archive>, plugins: &PluginArgs) -> Result<Catalog> {
    if Catalog::is_own(archive) || archive.members().is_empty() {
        return Catalog::read(archive);
    }
    plugin::Plugins::load(&plugins.options(Settings::default())?)?.catalog(archive, &Cancel::default())
}

fn inspect(location: &str, reading: &ReadArgs, plugins: &PluginArgs, json: bool) -> Result<u8> {
    let archive = Arc::new(environment::archive(location, None, reading)?);
    let catalog = match catalog_of(&archive, plugins) {
        Ok(catalog) => catalog,
        Err(failure) if failure.code() == "catalog.unrecognised" => return Ok(unrecognised(&archive, &failure, json)),
        Err(failure) => return Err(failure.next(format!("reinstate verify {}", quote(location)))),
    };
    if json {
        value(&json!({
            "backup": catalog.backup,
            "digest": catalog.digest,
            "layout": catalog.layout,
            "objects": concealed(json!(catalog.objects)),
        }));
        return Ok(0);
    }
    let backup = &catalog.backup;
    line(&format!(
        "Backup {} ({}), taken {} from {}",
        escape(&backup.name),
        escape(&backup.id),
        escape(&backup.created),
        escape(&backup.source)
    ));
    if let Some(layout) = &catalog.layout {
        line(&format!("Read by the layout {layout}"));
    }
    for object in &catalog.objects {
        let rows: u64 = object.entries.iter().filter_map(|entry| entry.rows).sum();
        let size: u64 = object.entries.iter().map(|entry| entry.bytes).sum();
        let rows = if rows > 0 { counted(rows, "row") } else { String::new() };
        let size = if size > 0 { bytes(size) } else { String::new() };
        line(&format!("  {:<44} {rows:>18} {size:>12}", escape(&object.name.to_string())));
    }
    line(&format!("{}, digest {}", counted(catalog.objects.len() as u64, "object"), catalog.digest));
    Ok(0)
}

/// Members of attributes that are nobody's business: what is sealed, and what passwords and tokens are compared with.
const CONCEALED: [&str; 3] = ["sealed", "password_hash", "hash"];

/// The value without what only the target is to see.
fn concealed(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| match value {
                    Value::String(_) if CONCEALED.contains(&name.as_str()) => (name, json!("…")),
                    value => (name, concealed(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(concealed).collect()),
        plain => plain,
    }
}

/// An archive that no layout knows still has members to show.
fn unrecognised(archive: &Archive, failure: &Error, json: bool) -> u8 {
    let members = archive.members();
    if json {
        let members: Vec<_> = members.iter().map(|m| json!({ "path": m.path, "bytes": m.size })).collect();
        value(&json!({ "members": members, "error": failure }));
    } else {
        for member in members {
            line(&format!("  {:<60} {:>12}", escape(&member.path), bytes(member.size)));
        }
        explain(failure);
    }
    failure.kind().exit_status()
}

fn verify(location: &str, reading: &ReadArgs, plugins: &PluginArgs, json: bool) -> Result<u8> {
    let next = |failure: Error| failure.next(format!("reinstate inspect {}", quote(location)));
    let archive = Arc::new(environment::archive(location, None, reading).map_err(next)?);
    let catalog = catalog_of(&archive, plugins).map_err(next)?;
    let wrong = catalog::verify(&archive, &catalog, &mut |_| (), &Cancel::default())?;
    let entries: usize = catalog.objects.iter().map(|object| object.entries.len()).sum();
    if json {
        let status = if wrong.is_empty() { "verified" } else { "damaged" };
        value(
            &json!({ "status": status, "backup": catalog.backup, "digest": catalog.digest, "entries": entries, "errors": wrong }),
        );
    } else {
        wrong.iter().for_each(explain);
        line(&format!(
            "{} of {} are {}",
            count((entries - wrong.len()) as u64),
            counted(entries as u64, "payload"),
            // Foreign backups have no digests to compare with; their streams have sums of their own, and ends.
            if catalog.layout.is_none() { "as the manifest says" } else { "whole" }
        ));
    }
    Ok(u8::from(!wrong.is_empty()))
}

fn pack_directory(directory: &Path, output: &Path, schema: Option<String>, naming: Naming, json: bool) -> Result<u8> {
    let options = PackOptions { name: naming.name, id: naming.id, schema, overwrite: naming.overwrite };
    let packed = pack::pack(directory, output, &options)?;
    if json {
        value(&packed);
    } else {
        written("Wrote", &packed.written, output);
        for file in &packed.ignored {
            line(&format!("Left out: {}", escape(file)));
        }
    }
    Ok(0)
}

/// `shop` of `sqlite:data/shop.sqlite` and of `postgres://ana@host/shop?sslmode=require`.
pub(super) fn short_name(location: &str) -> String {
    let path = location.split_once(':').map_or(location, |(_, path)| path);
    let path = if path.starts_with("//") { path.split('?').next().unwrap_or_default() } else { path };
    Path::new(path).file_stem().map_or_else(|| path.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

pub(super) fn written(verb: &str, archive: &Written, output: &Path) {
    line(&format!(
        "{verb} {}: {}, {}, {} in {}",
        output.display(),
        counted(archive.objects, "object"),
        counted(archive.rows, "row"),
        bytes(archive.bytes),
        bytes(archive.archive_bytes)
    ));
}

fn jobs(into: &str, json: bool) -> Result<u8> {
    let jobs = environment::target(into)?.jobs()?;
    if json {
        value(&jobs.iter().map(listed).collect::<Vec<_>>());
        return Ok(0);
    }
    for job in &jobs {
        let status = format!("{:?}", job.status).to_lowercase();
        line(&format!(
            "{}  {status:<11}  {}  {} ({})",
            job.job,
            job.started,
            escape(&job.backup_name),
            escape(&job.backup_id)
        ));
    }
    if jobs.is_empty() {
        line(&format!("{} knows no jobs", escape(&environment::shown(into))));
    }
    Ok(0)
}

/// What a list shows of a job: not the plan, the settings and the report, which may be large.
fn listed(job: &Job) -> serde_json::Value {
    json!({
        "job": job.job,
        "status": job.status,
        "started": job.started,
        "ended": job.ended,
        "backup_name": job.backup_name,
        "backup_id": job.backup_id,
        "archive": job.archive,
    })
}

/// What can be run when a job cannot do what was asked.
fn look(into: &str) -> impl Fn(Error) -> Error {
    move |failure| failure.next(format!("reinstate jobs --into {}", quote(&environment::shown(into))))
}

fn abort(job: &str, into: &str, json: bool) -> Result<u8> {
    environment::target(into)?.abort(job).map_err(look(into))?;
    if json {
        value(&json!({ "job": job, "status": "aborted" }));
    } else {
        line(&format!("Job {job} is gone; {} is as it was before", escape(&environment::shown(into))));
    }
    Ok(0)
}

fn undo(job: &str, into: &str, json: bool) -> Result<u8> {
    let target = environment::target(into)?;
    let switched = target.undo(job).map_err(look(into))?;
    let now = target.jobs()?.into_iter().find(|known| known.job == job).map(|known| known.status);
    if json {
        value(&json!({ "job": job, "status": now, "switch_microseconds": switched.pause.as_micros() as u64 }));
    } else {
        let word = match now {
            Some(crate::target::JobStatus::Succeeded) => "switched again",
            _ => "taken back",
        };
        let into = environment::shown(into);
        let next = format!("reinstate discard {job} --into {}", escape(&quote(&into)));
        line(&format!("Job {job} is {word}; the other version is kept until: {next}"));
    }
    Ok(0)
}

fn discard(job: &str, into: &str, json: bool) -> Result<u8> {
    environment::target(into)?.discard(job).map_err(look(into))?;
    if json {
        value(&json!({ "job": job, "status": "discarded" }));
    } else {
        line(&format!("What job {job} had put aside is gone; it cannot be undone any more"));
    }
    Ok(0)
}

fn plugins(command: PluginCommand, json: bool) -> Result<u8> {
    match command {
        PluginCommand::List { plugins } => list(&plugins, json),
        PluginCommand::Inspect { file, plugins } => {
            let inspection = plugin::inspect(&file, &plugins.options(Settings::default())?)?;
            show_plugins(&[inspection], json, true);
            Ok(0)
        }
        PluginCommand::Compile { input, output } => {
            plugin::compile_file(&input, &output, &plugin::Limits::default())?;
            Ok(0)
        }
    }
}

fn list(arguments: &PluginArgs, json: bool) -> Result<u8> {
    let plugins = plugin::Plugins::load(&arguments.options(Settings::default())?)?;
    show_plugins(&plugins.inspections(), json, false);
    Ok(0)
}

fn show_plugins(plugins: &[plugin::Inspection], json: bool, single: bool) {
    match (json, single, plugins) {
        (true, true, [only]) => value(only),
        (true, ..) => value(&plugins),
        _ => plugins.iter().for_each(show_plugin),
    }
}

fn show_plugin(plugin: &plugin::Inspection) {
    let kinds: Vec<&str> = plugin.kinds.iter().map(|kind| kind.name.as_str()).collect();
    let place = plugin.file.as_ref().map_or("our own".to_owned(), |file| file.display().to_string());
    line(&escape(&format!("{} {} ({place})", plugin.name, plugin.version)));
    if plugin.layout {
        line("  reads     foreign backups");
    }
    if !kinds.is_empty() {
        let only = if plugin.layout { " (of the backups it reads)" } else { "" };
        line(&escape(&format!("  restores  {}{only}", kinds.join(", "))));
    }
    let imports: Vec<String> = plugin
        .imports
        .iter()
        .map(|import| format!("{}{}", import.interface, if import.granted { "" } else { " (not granted)" }))
        .collect();
    line(&format!("  imports   {}", imports.join(", ")));
    line(&format!("  component {}, sha256 {}", bytes(plugin.component_bytes), plugin.digest));
    if !plugin.missing_grants.is_empty() {
        line(&format!("  needs     --grant {}", plugin.missing_grants.join(",")));
    }
}

fn completions(shell: clap_complete::Shell, json: bool) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "reinstate", &mut script);
    let script = String::from_utf8_lossy(&script);
    if json {
        value(&json!({ "shell": shell.to_string(), "script": script }));
    } else {
        line(script.trim_end());
    }
    Ok(0)
}
