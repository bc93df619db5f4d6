//! `/show/backup` and `/verify/backup`: what reads through a data source.

use crate::error::{Error, Result};
use crate::repository::{BackupDocument, Contents, Repository, Summary};
use crate::server::blocking;
use crate::server::config::Role;
use crate::server::jobs::{Places, Task};

use super::call::{Call, succeeded};
use super::change::none_fits;
use super::message::harmless;
use super::options::{Options, snapshot_id};
use super::record::{Map, Record, Value, map};

/// What of the snapshots is shown.
struct Wanted {
    id: Option<u64>,
    backup_type: &'static str,
    contents: &'static str,
    /// No backup of that name is no error.
    missing: bool,
}

/// The id of a snapshot of the backup, the newest where none is named. Fails with `repository.not_found`.
pub(super) fn snapshot_of(repository: &Repository, name: &str, id: Option<u64>) -> Result<u64> {
    let document = repository.backup(name)?;
    let none = || {
        let what = id.map_or_else(|| "no snapshots".to_owned(), |id| format!("no snapshot {id}"));
        Error::new("repository.not_found", format!("The backup {name} has {what}"))
    };
    document.find(id).map(|snapshot| snapshot.id).ok_or_else(none)
}

/// `/show/backup`.
pub(super) async fn show(call: &Call) -> Result<Record> {
    let known = ["backup_id", "backup_type", "no_error_if_not_exists", "show_contents"];
    let options = Options::new(call.options(), &known)?;
    let id = options.text("backup_id");
    let wanted = Wanted {
        id: (!id.is_empty()).then(|| snapshot_id(id)).transpose()?,
        backup_type: options.word("backup_type", &["all", "full", "incremental", "differential"])?,
        contents: options.word("show_contents", &["none", "object_names", "object_files"])?,
        missing: options.flag("no_error_if_not_exists")?,
    };
    let (repository, pattern) = (call.repository("datasource_name")?, call.fields.text("backup_name").to_owned());
    let server = std::sync::Arc::clone(&call.server);
    blocking(move || {
        let found = found(&server.places, &repository, &pattern).and_then(|found| match found {
            Some((repository, backups)) => shown(&repository, &pattern, backups, &wanted),
            None => Ok(record(&pattern, [vec![], vec![], vec![], vec![]])),
        });
        match found {
            Err(error) if wanted.missing && error.code() == "repository.not_found" => {
                Ok(record(&pattern, [vec![], vec![], vec![], vec![]]))
            }
            other => other,
        }
    })
    .await
}

/// The repository, and the backups there that a name stands for. Only "all" may be none: also where the first backup is yet to make the place.
fn found(places: &Places, repository: &str, pattern: &str) -> Result<Option<(Repository, Vec<BackupDocument>)>> {
    match places.repository(repository) {
        Err(error) if error.code() == "repository.not_found" && matches!(pattern, "" | "*") => Ok(None),
        opened => {
            let opened = opened?;
            let backups = backups(&opened, pattern)?;
            Ok(Some((opened, backups)))
        }
    }
}

fn backups(repository: &Repository, pattern: &str) -> Result<Vec<BackupDocument>> {
    if !pattern.is_empty() && !pattern.ends_with('*') {
        return Ok(vec![repository.backup(pattern)?]);
    }
    let found = repository.backups(pattern)?;
    if found.is_empty() && !matches!(pattern, "" | "*") {
        return Err(none_fits(pattern));
    }
    Ok(found)
}

fn shown(repository: &Repository, pattern: &str, backups: Vec<BackupDocument>, wanted: &Wanted) -> Result<Record> {
    let (mut backups_shown, mut snapshots, mut contents, mut deleted) = (vec![], vec![], vec![], vec![]);
    for document in backups {
        let name = &document.name;
        if let Some(id) = wanted.id {
            snapshot_of(repository, name, Some(id))?;
        }
        let fits = |summary: &&Summary| match wanted.id {
            Some(id) => summary.id == id,
            None => wanted.backup_type == "all" || summary.backup_type.word() == wanted.backup_type,
        };
        let fitting: Vec<&Summary> = document.snapshots.iter().filter(fits).collect();
        // Contents are those of the newest one, where none is named.
        if let (Some(newest), true) = (fitting.last(), wanted.contents != "none") {
            let objects = repository.contents(name, Some(newest.id))?;
            contents.extend(objects.iter().map(|object| content(name, newest.id, object, wanted.contents)));
        }
        snapshots.extend(fitting.iter().map(|summary| snapshot(name, summary)));
        deleted.extend(document.deleted.iter().map(|id| identified(name, *id)));
        backups_shown.push(description(&document));
    }
    Ok(record(pattern, [backups_shown, snapshots, contents, deleted]))
}

fn record(pattern: &str, [backups, snapshots, contents, deleted]: [Vec<Map>; 4]) -> Record {
    Record::of([
        ("backup_name", pattern.into()),
        ("backup_description", Value::maps(backups)),
        ("backup_ids", Value::maps(snapshots)),
        ("backup_contents", Value::maps(contents)),
        ("deleted_backup_ids", Value::maps(deleted)),
        ("info", Value::Map(Map::new())),
    ])
}

fn description(document: &BackupDocument) -> Map {
    let options = &document.options;
    let newest = document.find(None);
    map([
        ("backup_name", document.name.clone()),
        ("backup_id", newest.map_or_else(String::new, |newest| newest.id.to_string())),
        ("number_of_snapshots", document.snapshots.len().to_string()),
        ("total_bytes", document.stored_bytes().to_string()),
        ("last_created", newest.map_or_else(String::new, |newest| newest.created.clone())),
        ("objects", options.objects.join(" ")),
        ("checksum", options.checksum.to_string()),
        ("ddl_only", options.ddl_only.to_string()),
        ("max_incremental_backups_to_keep", options.max_incremental_backups_to_keep.to_string()),
        ("comment", document.comment.clone()),
    ])
}

fn snapshot(name: &str, summary: &Summary) -> Map {
    map([
        ("backup_name", name.to_owned()),
        ("backup_id", summary.id.to_string()),
        ("backup_type", summary.backup_type.word().to_owned()),
        ("base_backup_id", summary.base.map_or_else(String::new, |base| base.to_string())),
        ("created", summary.created.clone()),
        ("number_of_objects", summary.objects.to_string()),
        ("total_number_of_records", summary.records.to_string()),
        ("total_bytes", summary.bytes.to_string()),
        ("stored_bytes", summary.stored_bytes.to_string()),
        ("total_files", summary.files.to_string()),
        ("comment", summary.comment.clone()),
    ])
}

fn identified(name: &str, id: u64) -> Map {
    map([("backup_name", name.to_owned()), ("backup_id", id.to_string())])
}

fn content(name: &str, id: u64, object: &Contents, contents: &str) -> Map {
    let mut shown = identified(name, id);
    shown.extend(map([
        ("object_name", object.name.clone()),
        ("object_type", object.kind.clone()),
        ("total_number_of_records", object.rows.map_or_else(String::new, |rows| rows.to_string())),
        ("total_bytes", object.bytes.to_string()),
        ("total_files", object.files.len().to_string()),
        ("files", if contents == "object_files" { object.files.join(",") } else { String::new() }),
    ]));
    shown
}

/// `/verify/backup`: a job for each backup that the name stands for.
pub(super) async fn verify(call: &mut Call) -> Result<Record> {
    call.identity.needs(Role::Operator, "verify backups")?;
    let options = Options::new(call.options(), &["backup_id"])?;
    // Absent is all, and empty is the newest.
    let which = match call.options().get("backup_id").map(|_| options.text("backup_id")) {
        None | Some("-1") => Which::All,
        Some("") => Which::One(None),
        Some(id) => Which::One(Some(snapshot_id(id)?)),
    };
    let (repository, pattern) = (call.repository("datasource_name")?, call.fields.text("backup_name").to_owned());
    let names = {
        let (server, repository, pattern) = (std::sync::Arc::clone(&call.server), repository.clone(), pattern.clone());
        blocking(move || found(&server.places, &repository, &pattern)).await?
    };
    let names: Vec<String> = names.into_iter().flat_map(|(_, backups)| backups).map(|document| document.name).collect();
    let mut started = Vec::new();
    for name in &names {
        let (repository, backup) = (repository.clone(), name.clone());
        let job = call.start(name, move |server| {
            let snapshot = match which {
                Which::All => None,
                Which::One(id) => Some(snapshot_of(&server.places.repository(&repository)?, &backup, id)?),
            };
            Ok(Task::Verify { repository, backup, snapshot })
        });
        started.push(job.await?);
    }
    let (mut ids, mut errors) = (Vec::new(), Vec::new());
    for job in &started {
        let (job, report) = call.end(job).await?;
        succeeded(&job)?;
        let snapshots = || report["snapshots"].as_array().into_iter().flatten();
        ids.push(Value::numbers(snapshots().filter_map(|snapshot| snapshot["id"].as_u64())));
        errors.push(Value::texts(snapshots().flat_map(wrong)));
    }
    Ok(Record::of([
        ("backup_name", Value::Text(pattern)),
        ("backup_names", Value::texts(names)),
        ("backup_ids", Value::List(ids)),
        ("errors", Value::List(errors)),
        ("info", Value::Map(map([("job", call.about.join(","))]))),
    ]))
}

#[derive(Clone, Copy)]
enum Which {
    All,
    One(Option<u64>),
}

/// What is wrong with a snapshot, as texts.
fn wrong(snapshot: &serde_json::Value) -> Vec<String> {
    let errors = snapshot["errors"].as_array().into_iter().flatten();
    let text = |error: &serde_json::Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    errors
        .map(|error| harmless(&format!("{}: {}: {}", snapshot["id"], text(error, "code"), text(error, "message"))))
        .collect()
}
