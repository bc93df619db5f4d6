//! `/alter/backup` and `/drop/backup`: settings, purges and drops at once, merges as jobs.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::plan::request;
use crate::repository::{Alteration, BackupDocument, Change, Repository};
use crate::server::blocking;
use crate::server::config::Role;
use crate::server::jobs::Task;

use super::call::{Call, shown, succeeded};
use super::options::{Options, backup_name, kept_snapshots, snapshot_id};
use super::record::{Map, Record, Value, ids, map};

/// `/alter/backup`.
pub(super) async fn alter(call: &mut Call) -> Result<Record> {
    call.identity.needs(Role::Operator, "change backups")?;
    let name = backup_name(call.fields.text("backup_name"))?.to_owned();
    let options = Options::new(call.options(), &["comment", "dry_run"])?;
    let (dry_run, comment) = (options.flag("dry_run")?, options.text("comment").to_owned());
    let action = action(call.fields.text("action"), call.fields.text("value").trim(), &comment)?;
    let repository = call.repository("datasink_name")?;
    match action {
        Action::Merge => merge(call, repository, name, comment, dry_run).await,
        Action::Purge(id) if dry_run => {
            direct(call, repository, move |repository| purge(repository, &name, id, "", true)).await
        }
        Action::Purge(id) => {
            let work = move |repository: &Repository| purge(repository, &name, id, &comment, false);
            changed(call, repository, work).await
        }
        Action::Set(alteration) if dry_run => {
            direct(call, repository, move |repository| set(repository, &name, &alteration, true)).await
        }
        Action::Set(alteration) => {
            changed(call, repository, move |repository| set(repository, &name, &alteration, false)).await
        }
    }
}

enum Action {
    Set(Alteration),
    Purge(u64),
    Merge,
}

fn action(word: &str, value: &str, comment: &str) -> Result<Action> {
    let truth = || request::truth(value).map_err(|why| Error::new("usage", format!("The action `{word}`: {why}")));
    let mut alteration =
        Alteration { comment: (!comment.is_empty()).then(|| comment.to_owned()), ..Alteration::default() };
    match word {
        "merge" => return Ok(Action::Merge),
        "purge" => return snapshot_id(value).map(Action::Purge),
        // There the action alone means that it is to be done.
        "checksum" => alteration.checksum = Some(value.is_empty() || truth()?),
        "ddl_only" => alteration.ddl_only = Some(truth()?),
        "max_incremental_backups_to_keep" => alteration.max_incremental_backups_to_keep = Some(kept_snapshots(value)?),
        _ => {
            let known = "checksum, ddl_only, max_incremental_backups_to_keep, merge or purge";
            return Err(Error::new("usage", format!("`{}` is no action: {known}", shown(word))));
        }
    }
    Ok(Action::Set(alteration))
}

/// What writes nothing need not be done once only.
async fn direct(
    call: &Call,
    repository: String,
    work: impl FnOnce(&Repository) -> Result<Record> + Send + 'static,
) -> Result<Record> {
    let server = Arc::clone(&call.server);
    blocking(move || work(&server.places.repository(&repository)?)).await
}

async fn changed(
    call: &mut Call,
    repository: String,
    work: impl FnOnce(&Repository) -> Result<Record> + Send + 'static,
) -> Result<Record> {
    call.once(move |server| work(&server.places.repository(&repository)?)).await
}

fn purge(repository: &Repository, name: &str, id: u64, comment: &str, dry_run: bool) -> Result<Record> {
    let before = repository.backup(name)?;
    let change = repository.purge(name, id, dry_run)?;
    if !comment.is_empty() && !dry_run {
        let alteration = Alteration { comment: Some(comment.to_owned()), ..Alteration::default() };
        repository.alter(name, &alteration, false)?;
    }
    Ok(altered(&before, id, &change))
}

fn set(repository: &Repository, name: &str, alteration: &Alteration, dry_run: bool) -> Result<Record> {
    let before = repository.backup(name)?;
    let change = repository.alter(name, alteration, dry_run)?;
    Ok(altered(&before, 0, &change))
}

/// The reply about a change: its figures are those of what is gone.
fn altered(before: &BackupDocument, id: u64, change: &Change) -> Record {
    let gone = before.snapshots.iter().filter(|snapshot| change.removed.contains(&snapshot.id));
    let records = gone.fold(0u64, |sum, snapshot| sum.saturating_add(snapshot.records));
    let info = map([
        ("removed_backup_ids", ids(change.removed.iter().copied())),
        ("remaining_bytes", change.total_bytes.to_string()),
        ("remaining_records", change.total_records.to_string()),
    ]);
    alteration(&change.backup_name, id, [change.freed_bytes, change.freed_files, records], info)
}

fn alteration(name: &str, id: u64, [bytes, files, records]: [u64; 3], info: Map) -> Record {
    Record::of([
        ("backup_name", name.into()),
        ("backup_id", Value::number(id)),
        ("total_bytes", Value::number(bytes)),
        ("total_files", Value::number(files)),
        ("total_number_of_records", Value::number(records)),
        ("info", Value::Map(info)),
    ])
}

async fn merge(call: &mut Call, repository: String, name: String, comment: String, dry_run: bool) -> Result<Record> {
    let backup = name.clone();
    if dry_run {
        let work = move |repository: &Repository| {
            let stored = repository.merge(&backup, &comment, true, &Cancel::default())?;
            Ok(merged(&backup, None, &serde_json::to_value(&stored).unwrap_or_default()))
        };
        return direct(call, repository, work).await;
    }
    let job = call
        .start("", move |server| {
            server.places.repository(&repository)?.backup(&backup)?;
            Ok(Task::Merge { repository, backup, comment })
        })
        .await?;
    let (job, report) = call.end(&job).await?;
    succeeded(&job)?;
    Ok(merged(&name, Some(&job.id), &report))
}

fn merged(name: &str, job: Option<&str>, stored: &Json) -> Record {
    let snapshot = &stored["snapshot"];
    let figure = |name: &str| snapshot[name].as_u64().unwrap_or_default();
    let info = map([
        ("job", job.unwrap_or_default().to_owned()),
        ("removed_backup_ids", ids(stored["removed"].as_array().into_iter().flatten().filter_map(Json::as_u64))),
    ]);
    alteration(name, figure("id"), [figure("stored_bytes"), figure("files"), figure("records")], info)
}

/// The only backup that a pattern fits.
fn only(repository: &Repository, pattern: &str) -> Result<Option<String>> {
    let found = repository.backups(pattern)?;
    if found.len() > 1 {
        let (pattern, all) = (shown(pattern), found.len());
        let message = format!("`{pattern}` is {all} backups; dropping several wants the option `delete_all_backups`");
        return Err(Error::new("repository.not_allowed", message));
    }
    Ok(found.into_iter().next().map(|document| document.name))
}

/// The error for a pattern that no backup's name fits.
pub(super) fn none_fits(pattern: &str) -> Error {
    Error::new("repository.not_found", format!("There is no backup whose name fits `{}`", shown(pattern)))
}

/// `/drop/backup`.
pub(super) async fn drop_backups(call: &mut Call) -> Result<Record> {
    call.identity.needs(Role::Operator, "drop backups")?;
    let options = Options::new(call.options(), &["delete_all_backups", "dry_run", "no_error_if_not_exists"])?;
    let (all, missing) = (options.flag("delete_all_backups")?, options.flag("no_error_if_not_exists")?);
    let dry_run = options.flag("dry_run")?;
    let pattern = call.fields.text("backup_name").to_owned();
    let repository = call.repository("datasink_name")?;
    let work = move |repository: &Repository| dropped(repository, &pattern, all, missing, dry_run);
    if dry_run { direct(call, repository, work).await } else { changed(call, repository, work).await }
}

fn dropped(repository: &Repository, pattern: &str, all: bool, missing: bool, dry_run: bool) -> Result<Record> {
    let is_pattern = pattern.is_empty() || pattern.ends_with('*');
    // One backup may be named by a pattern; several want the option.
    let only = if is_pattern && !all { only(repository, pattern)? } else { Some(pattern.to_owned()) };
    let changes = match only {
        Some(name) => repository.drop_backups(&name, all, missing, dry_run)?,
        None if missing => Vec::new(),
        None => return Err(none_fits(pattern)),
    };
    let freed = changes.iter().fold(0u64, |sum, change| sum.saturating_add(change.freed_bytes));
    let names = changes.into_iter().map(|change| change.backup_name);
    Ok(Record::of([
        ("backup_name", pattern.into()),
        ("backup_names", Value::texts(names)),
        ("info", Value::Map(map([("freed_bytes", freed.to_string())]))),
    ]))
}
