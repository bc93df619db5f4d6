//! `/create/backup`: a backup is a job, and the reply is about the snapshot that it made; with `dry_run`, about the one that it would make.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::backup::Watch;
use crate::error::{Error, Result};
use crate::plan::request;
use crate::repository::{BackupType, NewSnapshot, Repository};
use crate::server::blocking;
use crate::server::config::Role;
use crate::server::jobs::{BackupAt, BackupTask, Task};
use crate::snapshot;

use super::call::{Call, shown, succeeded};
use super::options::{Options, backup_name, kept_snapshots};
use super::record::{Map, Record, Value, ids, map};

const CREATE: [&str; 8] = [
    "block_table_mutations",
    "checksum",
    "comment",
    "ddl_only",
    "delete_intermediate_backups",
    "dry_run",
    "max_incremental_backups_to_keep",
    "recreate",
];

/// Makes a snapshot.
pub(super) async fn create(call: &mut Call) -> Result<Record> {
    call.identity.needs(Role::Operator, "make backups")?;
    let name = backup_name(call.fields.text("backup_name"))?.to_owned();
    let (wanted, objects) = wanted(call)?;
    let (repository, target) = (call.repository("datasink_name")?, call.target()?);
    if wanted.dry_run {
        let server = Arc::clone(&call.server);
        return blocking(move || {
            let into = Repository::for_dry_run(&server.places.place(&repository)?)?;
            allowed(&into, &name, &wanted)?;
            let target = server.places.target(&target)?;
            let written = snapshot::create(target.as_ref(), &into, &name, &wanted, &Watch::default())?;
            Ok(made(&name, None, &serde_json::to_value(&written.stored).unwrap_or_default()))
        })
        .await;
    }
    let (to, backup) = (repository.clone(), name.clone());
    let job = call
        .start("", move |server| {
            allowed(&Repository::create(&server.places.place(&to)?)?, &backup, &wanted)?;
            let to = BackupAt::Snapshot {
                repository: to,
                backup,
                backup_type: wanted.backup_type,
                recreate: wanted.recreate,
                checksum: wanted.checksum,
                max_incremental_backups_to_keep: wanted.max_incremental_backups_to_keep,
                delete_intermediate_backups: wanted.delete_intermediate_backups,
            };
            let (ddl_only, comment) = (wanted.ddl_only, wanted.comment);
            Ok(Task::Backup(BackupTask { target, to, objects, ddl_only, comment }))
        })
        .await?;
    let (job, report) = call.end(&job).await?;
    succeeded(&job)?;
    Ok(made(&name, Some(&job.id), report.get("stored").unwrap_or(&Json::Null)))
}

/// What the request wants of the new snapshot, and its selectors.
fn wanted(call: &Call) -> Result<(NewSnapshot, Vec<String>)> {
    let options = Options::new(call.options(), &CREATE)?;
    let wrong = |message: &str| Err(Error::new("usage", message));
    let backup_type = backup_type(call.fields.text("backup_type"))?;
    let map = call.fields.map("backup_objects_map");
    let is_full = backup_type == BackupType::Full;
    // Nothing blocks anybody: a backup reads one state of the database, whoever changes it meanwhile.
    options.flag("block_table_mutations")?;
    let keep = match options.text("max_incremental_backups_to_keep") {
        "" => None,
        text => Some(kept_snapshots(text)?),
    };
    let wanted = NewSnapshot {
        backup_type,
        recreate: options.flag("recreate")?,
        objects: if is_full { selectors(map)? } else { Vec::new() },
        ddl_only: options.flag("ddl_only")?,
        checksum: options.truth("checksum")?,
        max_incremental_backups_to_keep: keep,
        delete_intermediate_backups: options.flag("delete_intermediate_backups")?,
        comment: options.text("comment").to_owned(),
        dry_run: options.flag("dry_run")?,
    };
    if !is_full && (!map.is_empty() || wanted.ddl_only) {
        return wrong(
            "`backup_objects_map` and `ddl_only` go with a full backup; the others take those of the full one",
        );
    }
    if !is_full && wanted.recreate {
        return wrong("The option `recreate` goes with a full backup");
    }
    if wanted.delete_intermediate_backups && backup_type != BackupType::Differential {
        return wrong("The option `delete_intermediate_backups` goes with a differential backup");
    }
    let objects = wanted.objects.clone();
    Ok((wanted, objects))
}

fn selectors(map: &Map) -> Result<Vec<String>> {
    let selectors = request::objects("backup_objects_map", map)?;
    Ok(selectors.iter().map(ToString::to_string).collect())
}

fn backup_type(word: &str) -> Result<BackupType> {
    match word {
        "full" => Ok(BackupType::Full),
        "incremental" => Ok(BackupType::Incremental),
        "differential" => Ok(BackupType::Differential),
        _ => {
            let message = format!("`{}` is no type of backup: full, incremental or differential", shown(word));
            Err(Error::new("usage", message))
        }
    }
}

/// Whether a snapshot of that type may be made, in the interface's words; the repository's rules are the same.
fn allowed(into: &Repository, name: &str, wanted: &NewSnapshot) -> Result<()> {
    let exists = match into.backup(name) {
        Ok(_) => true,
        Err(error) if error.code() == "repository.not_found" => false,
        Err(error) => return Err(error),
    };
    match (exists, wanted.backup_type) {
        (true, BackupType::Full) if !wanted.recreate => Err(Error::new(
            "repository.backup_exists",
            format!("There is a backup {name} already: add an incremental or differential snapshot, or say `recreate`"),
        )),
        (false, BackupType::Incremental | BackupType::Differential) => {
            let message = format!("There is no backup {name}: its first snapshot is a full one");
            Err(Error::new("repository.not_found", message))
        }
        _ => Ok(()),
    }
}

/// The reply about a new snapshot, from what was stored.
fn made(name: &str, job: Option<&str>, stored: &Json) -> Record {
    let snapshot = &stored["snapshot"];
    let figure = |name: &str| Value::number(snapshot[name].as_u64().unwrap_or_default());
    let info = map([
        ("job", job.unwrap_or_default().to_owned()),
        ("backup_type", snapshot["type"].as_str().unwrap_or_default().to_owned()),
        ("removed_backup_ids", ids(stored["removed"].as_array().into_iter().flatten().filter_map(Json::as_u64))),
    ]);
    Record::of([
        ("backup_name", name.into()),
        ("backup_id", figure("id")),
        ("copied_bytes", figure("stored_bytes")),
        ("copied_files", figure("files")),
        ("copied_records", figure("records")),
        ("total_number_of_records", figure("records")),
        ("info", Value::Map(info)),
    ])
}
