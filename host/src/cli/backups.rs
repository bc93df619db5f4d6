//! `reinstate repository …` and `reinstate backup …`.

use clap::ValueEnum as _;
use serde_json::json;

use crate::backup::Watch;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::repository::{Alteration, BackupDocument, BackupType, Change, NewSnapshot, Repository, Stored, Summary};
use crate::snapshot::{self, FileOptions};
use crate::text::{bytes, counted, escape};

use super::args::{
    AlterAction, AlterArgs, BackupCommand, CreateArgs, DropArgs, RepositoryArgs, RepositoryCommand, ShowContents,
    ShowType,
};
use super::commands::{short_name, written};
use super::environment;
use super::output::{explain, line, value};
use super::repositories::{self, Named};

/// Runs one of the commands about repositories.
pub(super) fn repository(command: RepositoryCommand, json: bool) -> Result<u8> {
    match command {
        RepositoryCommand::Add { name, url, repositories } => {
            let url = repositories::add(&name, &url, &repositories)?;
            if json {
                value(&json!({ "name": name, "url": url }));
            } else {
                line(&format!("The repository {name} is at {}", escape(&url)));
            }
        }
        RepositoryCommand::List { repositories } => {
            let known = repositories.known()?;
            if json {
                value(&known);
            } else if known.repositories.is_empty() {
                line("No repositories are known; name one with: reinstate repository add NAME URL");
            }
            for (name, url) in known.repositories.iter().filter(|_| !json) {
                line(&format!("{:<20}  {}", escape(name), escape(url)));
            }
        }
        RepositoryCommand::Remove { name, repositories } => {
            repositories.place(&name)?;
            repositories.change(|known| {
                known.repositories.remove(&name);
                Ok(())
            })?;
            if json {
                value(&json!({ "name": name, "status": "removed" }));
            } else {
                line(&format!("The name {name} is forgotten; what is at its place stays there"));
            }
        }
    }
    Ok(0)
}

/// Runs one of the commands about backups.
pub(super) fn backup(command: BackupCommand, json: bool) -> Result<u8> {
    match command {
        BackupCommand::Create(create) => match &create.to {
            Some(to) => create_snapshot(&create, to, json),
            None => create_file(*create, json),
        },
        BackupCommand::List { repository, repositories } => list(&repository, &repositories, json),
        BackupCommand::Show { backup, backup_type, show_contents, no_error_if_not_exists, repositories } => {
            match show(&backup, backup_type, show_contents, &repositories, json) {
                Err(error) if error.code() == "repository.not_found" && no_error_if_not_exists => {
                    if json {
                        value(&json!({ "backup_name": null }));
                    }
                    Ok(0)
                }
                other => other,
            }
        }
        BackupCommand::Verify { backup, repositories } => verify(&backup, &repositories, json),
        BackupCommand::Merge { backup, comment, dry_run, repositories } => {
            let named = Named::from(backup.as_str());
            let stored = opened(&named, &repositories)?.merge(named.whole()?, &comment, dry_run, &Cancel::default())?;
            stored_answer(&backup, &stored, dry_run, json);
            Ok(0)
        }
        BackupCommand::Purge { snapshot, dry_run, repositories } => {
            let named = Named::from(snapshot.as_str());
            let id = named.id()?.ok_or_else(|| {
                let shown = crate::text::quote(&format!("{}/{}", named.repository, named.backup)).into_owned();
                Error::new("usage", "Name the snapshot to purge: REPOSITORY/NAME@ID")
                    .next(format!("reinstate backup show {shown}"))
            })?;
            let change = opened(&named, &repositories)?.purge(named.one()?, id, dry_run)?;
            changed(&[change], dry_run, json);
            Ok(0)
        }
        BackupCommand::Drop(arguments) => drop_backups(&arguments, json),
        BackupCommand::Alter(arguments) => alter(&arguments, json),
    }
}

fn opened(named: &Named<'_>, repositories: &RepositoryArgs) -> Result<Repository> {
    Repository::open(&repositories.place(named.repository)?)
}

fn create_file(create: CreateArgs, json: bool) -> Result<u8> {
    let Some(output) = create.output else {
        return Err(Error::new("usage", "Say where the backup goes: --to REPOSITORY/NAME or -o FILE"));
    };
    let target = environment::target(&create.from)?;
    let options = FileOptions {
        name: create.naming.name.unwrap_or_else(|| short_name(&target.location())),
        id: create.naming.id,
        overwrite: create.naming.overwrite,
        select: create.select,
        ddl_only: create.ddl_only,
        dry_run: create.dry_run,
    };
    let archive = snapshot::create_file(target.as_ref(), &output, &options, &Watch::default())?;
    if json {
        value(&archive);
    } else {
        written(if options.dry_run { "Would write" } else { "Wrote" }, &archive, &output);
    }
    Ok(0)
}

fn create_snapshot(create: &CreateArgs, to: &str, json: bool) -> Result<u8> {
    let named = Named::from(to);
    let name = named.whole()?;
    let place = create.repositories.place(named.repository)?;
    let target = environment::target(&create.from)?;
    let wanted = NewSnapshot {
        backup_type: match (create.incremental, create.differential) {
            (true, _) => BackupType::Incremental,
            (_, true) => BackupType::Differential,
            _ => BackupType::Full,
        },
        recreate: create.recreate,
        objects: create.select.iter().map(ToString::to_string).collect(),
        ddl_only: create.ddl_only,
        checksum: create.checksum,
        max_incremental_backups_to_keep: create.max_incremental_backups_to_keep,
        delete_intermediate_backups: create.delete_intermediate_backups,
        comment: create.comment.clone(),
        dry_run: create.dry_run,
    };
    let repository = if create.dry_run { Repository::for_dry_run(&place)? } else { Repository::create(&place)? };
    let written = snapshot::create(target.as_ref(), &repository, name, &wanted, &Watch::default())?;
    if json {
        value(&written);
    } else if let Some(stored) = &written.stored {
        stored_answer(to, stored, create.dry_run, false);
    }
    Ok(0)
}

fn stored_answer(backup: &str, stored: &Stored, dry_run: bool, json: bool) {
    if json {
        return value(stored);
    }
    let snapshot = &stored.snapshot;
    line(&format!(
        "{} {}@{} ({}): {}, {}, {}, of which {} stored",
        if dry_run { "Would make" } else { "Made" },
        escape(backup),
        snapshot.id,
        snapshot.backup_type.word(),
        counted(snapshot.objects, "object"),
        counted(snapshot.records, "row"),
        bytes(snapshot.bytes),
        bytes(snapshot.stored_bytes),
    ));
    removed(&stored.removed, dry_run);
}

fn removed(ids: &[u64], dry_run: bool) {
    if !ids.is_empty() {
        let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
        let word = if dry_run { "Would remove" } else { "Removed" };
        let noun = if ids.len() == 1 { "snapshot" } else { "snapshots" };
        line(&format!("{word} {noun} {}", ids.join(", ")));
    }
}

fn list(text: &str, repositories: &RepositoryArgs, json: bool) -> Result<u8> {
    let named = Named::from(text);
    let backups = opened(&named, repositories)?.backups(named.backup)?;
    if json {
        value(&json!({ "repository": named.repository, "backups": backups }));
        return Ok(0);
    }
    for backup in &backups {
        let newest = backup.find(None);
        line(&format!(
            "{:<24}  {:>16}  {:>12}  {}",
            escape(&backup.name),
            counted(backup.snapshots.len() as u64, "snapshot"),
            bytes(backup.stored_bytes()),
            newest.map_or_else(String::new, |newest| format!("@{} {}", newest.id, newest.created)),
        ));
    }
    if backups.is_empty() {
        line(&none_listed(&named));
    }
    Ok(0)
}

fn none_listed(named: &Named<'_>) -> String {
    let repository = escape(named.repository);
    if named.backup.is_empty() {
        format!(
            "The repository {repository} holds no backups yet; make one with: reinstate backup create --from TARGET --to {repository}/NAME"
        )
    } else {
        format!("The repository {repository} holds no backup whose name fits `{}`", escape(named.backup))
    }
}

fn show(
    text: &str,
    backup_type: ShowType,
    contents: ShowContents,
    repositories: &RepositoryArgs,
    json: bool,
) -> Result<u8> {
    let named = Named::from(text);
    let repository = opened(&named, repositories)?;
    let (name, id) = (named.one()?, named.id()?);
    let mut backup = repository.backup(name)?;
    let chosen = backup.find(id).cloned();
    if named.id.is_some() && chosen.is_none() {
        let id = id.map_or_else(|| "s".to_owned(), |id| format!(" {id}"));
        return Err(Error::new("repository.not_found", format!("The backup {name} has no snapshot{id}")));
    }
    let fits = |summary: &Summary| match backup_type {
        ShowType::All => true,
        ShowType::Full => summary.backup_type == BackupType::Full,
        ShowType::Incremental => summary.backup_type == BackupType::Incremental,
        ShowType::Differential => summary.backup_type == BackupType::Differential,
    };
    backup.snapshots.retain(|summary| match (&chosen, named.id) {
        (Some(chosen), Some(_)) => summary.id == chosen.id,
        _ => fits(summary),
    });
    let objects = match (contents, &chosen) {
        (ShowContents::None, _) | (_, None) => None,
        (_, Some(chosen)) => Some(repository.contents(name, Some(chosen.id))?),
    };
    if json {
        value(&json!({ "backup": backup, "contents": objects }));
        return Ok(0);
    }
    show_backup(&backup);
    for object in objects.iter().flatten() {
        line(&format!("  {} {}", escape(&object.kind), escape(&object.name)));
        for file in object.files.iter().filter(|_| contents == ShowContents::ObjectFiles) {
            line(&format!("    {}", escape(file)));
        }
    }
    Ok(0)
}

fn show_backup(backup: &BackupDocument) {
    let options = &backup.options;
    let objects = if options.objects.is_empty() { "all objects".to_owned() } else { options.objects.join(" ") };
    let keep = match options.max_incremental_backups_to_keep {
        -1 => "all incremental snapshots are kept".to_owned(),
        0 => "no incremental snapshots are kept".to_owned(),
        1 => "the newest incremental snapshot is kept".to_owned(),
        keep => format!("the newest {keep} incremental snapshots are kept"),
    };
    let ddl = if options.ddl_only { ", definitions only" } else { "" };
    let checked = if options.checksum { ", read back when stored" } else { "" };
    line(&format!("Backup {}: {}{ddl}; {keep}{checked}", escape(&backup.name), escape(&objects)));
    if !backup.comment.is_empty() {
        line(&format!("  {}", escape(&backup.comment)));
    }
    for summary in &backup.snapshots {
        line(&format!(
            "  @{:<5} {:<12}  {}  {:>12}  {:>14}  {:>10} stored  {}",
            summary.id,
            summary.backup_type.word(),
            summary.created,
            counted(summary.objects, "object"),
            counted(summary.records, "row"),
            bytes(summary.stored_bytes),
            escape(&summary.comment)
        ));
    }
}

fn verify(text: &str, repositories: &RepositoryArgs, json: bool) -> Result<u8> {
    let named = Named::from(text);
    let which = named.id.map(|_| named.id()).transpose()?;
    let verified = opened(&named, repositories)?.verify(named.one()?, which, &Cancel::default())?;
    let wrong = verified.snapshots.iter().filter(|snapshot| !snapshot.errors.is_empty()).count();
    if json {
        value(&verified);
        return Ok(u8::from(wrong > 0));
    }
    for snapshot in &verified.snapshots {
        for error in &snapshot.errors {
            line(&format!("Snapshot {}/{}@{} is damaged", named.repository, verified.backup_name, snapshot.id));
            explain(error);
        }
    }
    line(&verdict(verified.snapshots.len() as u64, wrong as u64));
    Ok(u8::from(wrong > 0))
}

/// What verifying so many snapshots came to.
fn verdict(all: u64, wrong: u64) -> String {
    match (all, wrong) {
        (0, _) => "There are no snapshots to verify".to_owned(),
        (1, 0) => "The snapshot is whole".to_owned(),
        (1, _) => "The snapshot is damaged".to_owned(),
        (_, 0) => format!("All {} are whole", counted(all, "snapshot")),
        _ => format!("{wrong} of {} {} damaged", counted(all, "snapshot"), if wrong == 1 { "is" } else { "are" }),
    }
}

fn drop_backups(arguments: &DropArgs, json: bool) -> Result<u8> {
    let named = Named::from(arguments.backup.as_str());
    if named.id.is_some() {
        let message = "A whole backup is dropped; one snapshot of it goes with `reinstate backup purge`";
        return Err(Error::new("usage", message));
    }
    let DropArgs { delete_all_backups, no_error_if_not_exists, dry_run, .. } = *arguments;
    let repository = opened(&named, &arguments.repositories)?;
    let changes = repository.drop_backups(named.backup, delete_all_backups, no_error_if_not_exists, dry_run)?;
    if json {
        value(&changes);
        return Ok(0);
    }
    for change in &changes {
        line(&format!(
            "{} {}/{}: {}, {}",
            if dry_run { "Would drop" } else { "Dropped" },
            escape(named.repository),
            escape(&change.backup_name),
            counted(change.removed.len() as u64, "snapshot"),
            bytes(change.freed_bytes)
        ));
    }
    Ok(0)
}

fn alter(arguments: &AlterArgs, json: bool) -> Result<u8> {
    let named = Named::from(arguments.backup.as_str());
    let text = arguments.value.as_str();
    let wrong = |wanted: &str| Error::new("usage", format!("`{}` is not {wanted}", escape(text)));
    let flag = || text.parse::<bool>().map(Some).map_err(|_| wrong("true or false"));
    let mut alteration = Alteration::default();
    match arguments.action {
        AlterAction::Checksum => alteration.checksum = flag()?,
        AlterAction::DdlOnly => alteration.ddl_only = flag()?,
        AlterAction::MaxIncrementalBackupsToKeep => {
            let number = text.parse().map_err(|_| wrong("a number of snapshots"))?;
            alteration.max_incremental_backups_to_keep = Some(number);
        }
        AlterAction::Comment => alteration.comment = Some(text.to_owned()),
    }
    let repository = opened(&named, &arguments.repositories)?;
    let change = repository.alter(named.whole()?, &alteration, arguments.dry_run)?;
    if !json {
        let setting = arguments.action.to_possible_value();
        let setting = setting.as_ref().map_or("setting", clap::builder::PossibleValue::get_name);
        let done = if arguments.dry_run { "Would set" } else { "Set" };
        line(&format!("{done} {setting} of {} to {}", escape(&arguments.backup), escape(&crate::text::quote(text))));
    }
    if json || !change.removed.is_empty() {
        changed(&[change], arguments.dry_run, json);
    }
    Ok(0)
}

fn changed(changes: &[Change], dry_run: bool, json: bool) {
    if json {
        return changes.iter().for_each(value);
    }
    for change in changes {
        removed(&change.removed, dry_run);
        line(&format!(
            "{} {}; the backup {} {} {}",
            if dry_run { "Would free" } else { "Freed" },
            bytes(change.freed_bytes),
            escape(&change.backup_name),
            if dry_run { "would then take" } else { "now takes" },
            bytes(change.total_bytes),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_sentence() {
        for (all, wrong, expected) in [
            (0, 0, "There are no snapshots to verify"),
            (1, 0, "The snapshot is whole"),
            (1, 1, "The snapshot is damaged"),
            (2, 0, "All 2 snapshots are whole"),
            (2, 1, "1 of 2 snapshots is damaged"),
            (1200, 3, "3 of 1,200 snapshots are damaged"),
        ] {
            assert_eq!(verdict(all, wrong), expected);
        }
    }

    #[test]
    fn an_empty_list_says_what_to_do() {
        assert!(none_listed(&Named::from("store")).ends_with("--to store/NAME"));
        assert!(none_listed(&Named::from("store/sh*")).ends_with("whose name fits `sh*`"));
    }
}
