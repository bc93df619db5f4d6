//! The history of backups: what was made, where it is, and when it goes. A record is kept before its backup is begun, and is listed once that
//! has succeeded, as long as what it stands for is there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::repository::{BackupDocument, BackupType, Repository};
use crate::server::identity::Identity;
use crate::server::jobs::{ArchiveAt, BackupAt, State, Store};

use super::Portal;
use super::input::{Params, StorageType};
use super::storage::{self, Destination};
use super::times;

/// How long the portal's own store keeps a backup.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How files of whole servers are called, in place of a portal's name.
const WHOLE_SERVER: &str = "workspace";
/// What records are kept under.
const RECORDS: &str = "docspace record ";

/// A backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its task's id.
    pub(crate) id: String,
    pub(super) storage_type: StorageType,
    storage_params: Params,
    pub(super) dump: bool,
    /// It was made by a schedule.
    pub(super) scheduled: bool,
    pub(super) operator: String,
    created: String,
    expires: Option<String>,
    place: Place,
    /// Its job has succeeded.
    made: bool,
}

/// Where a backup is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    Snapshot { repository: String, backup: String, snapshot: Option<u64> },
    File { file: String },
}

/// What was read of repositories already, by repository and backup.
type Documents = HashMap<(String, String), Result<Option<BackupDocument>>>;

/// A backup that is to be.
pub(super) struct Wanted {
    pub(super) id: String,
    pub(super) storage_type: StorageType,
    pub(super) storage_params: Params,
    pub(super) dump: bool,
    pub(super) scheduled: bool,
    pub(super) operator: String,
}

impl Record {
    /// A file that somebody else has made.
    pub(crate) fn of_file(id: &str, file: String, operator: &str) -> Self {
        Self {
            id: id.to_owned(),
            storage_type: StorageType::Local,
            storage_params: Params::default(),
            dump: false,
            scheduled: false,
            operator: operator.to_owned(),
            created: Timestamp::now().to_string(),
            expires: None,
            place: Place::File { file },
            made: true,
        }
    }

    /// When it was asked for.
    pub(super) fn created(&self) -> Timestamp {
        times::kept(&self.created)
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.as_ref().is_some_and(|end| times::kept(end) <= now)
    }

    /// The repository that it is in.
    pub(super) fn repository(&self) -> Option<&str> {
        match &self.place {
            Place::Snapshot { repository, .. } => Some(repository),
            Place::File { .. } => None,
        }
    }

    /// What a restore of it restores. Its own words of what it holds count.
    pub(super) fn archive(&self) -> ArchiveAt {
        match self.place.clone() {
            Place::Snapshot { repository, backup, snapshot } => ArchiveAt::Snapshot { repository, backup, snapshot },
            Place::File { file } => ArchiveAt::File { file, dump: None },
        }
    }

    /// Whether it is that file.
    fn is_file(&self, path: &str) -> bool {
        matches!(&self.place, Place::File { file } if file == path)
    }

    fn file_name(&self) -> String {
        match &self.place {
            Place::Snapshot { backup, snapshot, .. } => {
                snapshot.map_or_else(|| backup.clone(), |id| format!("{backup}@{id}"))
            }
            Place::File { file } => {
                Path::new(file).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            }
        }
    }

    /// As clients read it.
    pub(super) fn told(&self) -> Value {
        json!({
            "id": self.id,
            "fileName": self.file_name(),
            "storageType": self.storage_type,
            "createdOn": times::written(self.created()),
            "expiresOn": self.expires.as_ref().map_or(times::NEVER.to_owned(), |end| times::written(times::kept(end))),
        })
    }
}

fn kept_as(id: &str) -> String {
    format!("{RECORDS}{id}")
}

/// Keeps a record, or what has become of it.
pub(crate) fn keep(store: &Store, record: &Record) -> Result<()> {
    store.keep(&kept_as(&record.id), record)
}

impl Portal {
    /// The record of a backup that is about to be started; one that was kept before stays as it is. Blocks.
    pub(super) fn record_for(&self, wanted: &Wanted, now: Timestamp) -> Result<Record> {
        if let Some(known) = self.store().kept::<Record>(&kept_as(&wanted.id))? {
            return Ok(known);
        }
        let destination = storage::destination(&self.settings, wanted.storage_type, &wanted.storage_params)?;
        let place = match destination {
            Destination::Backup { repository, backup } => Place::Snapshot { repository, backup, snapshot: None },
            Destination::Folder(folder) => {
                let whose = if wanted.dump { WHOLE_SERVER } else { &self.settings.alias };
                Place::File { file: new_file(&folder, whose, now)? }
            }
        };
        let lasts = wanted.storage_type == StorageType::DataStore;
        let record = Record {
            id: wanted.id.clone(),
            storage_type: wanted.storage_type,
            storage_params: wanted.storage_params.clone(),
            dump: wanted.dump,
            scheduled: wanted.scheduled,
            operator: wanted.operator.clone(),
            created: now.to_string(),
            expires: lasts.then(|| now.saturating_add(KEPT).map_or(now, |end| end).to_string()),
            place,
            made: false,
        };
        keep(self.store(), &record)?;
        Ok(record)
    }

    /// Where the job of a record writes to: the first snapshot of a backup is a full one, and others build on it. Blocks.
    pub(super) fn writes_to(&self, record: &Record) -> Result<BackupAt> {
        let (repository, backup) = match &record.place {
            Place::File { file } => return Ok(BackupAt::File { file: file.clone() }),
            Place::Snapshot { repository, backup, .. } => (repository, backup),
        };
        let found = self.document(repository, backup)?;
        let builds = found.as_ref().is_some_and(|document| !document.snapshots.is_empty());
        Ok(BackupAt::Snapshot {
            repository: repository.clone(),
            backup: backup.clone(),
            backup_type: if builds { BackupType::Incremental } else { BackupType::Full },
            recreate: found.is_some() && !builds,
            checksum: None,
            max_incremental_backups_to_keep: None,
            delete_intermediate_backups: false,
        })
    }

    fn document(&self, repository: &str, backup: &str) -> Result<Option<BackupDocument>> {
        let found = self.server.places.repository(repository).and_then(|repository| repository.backup(backup));
        match found {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.code() == "repository.not_found" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Backups that can be restored, newest first; what has gone is forgotten. Blocks.
    pub(super) fn history(&self) -> Result<Vec<Record>> {
        let now = Timestamp::now();
        let (mut found, mut documents) = (Vec::new(), Documents::new());
        for (_, record) in self.store().all_kept::<Record>(RECORDS)? {
            let Some(record) = self.settled(record)? else { continue };
            // A store that does not answer has not lost it.
            match self.is_there(&record, &mut documents) {
                Ok(true) if !record.has_expired(now) => found.push(record),
                Ok(false) => drop(self.store().forget(&kept_as(&record.id))?),
                _ => (),
            }
        }
        found.sort_by_key(|record| std::cmp::Reverse(record.created()));
        Ok(found)
    }

    /// The backup of that id. Fails with `request.not_found`. Blocks.
    pub(super) fn record(&self, id: &str) -> Result<Record> {
        let missing = || Error::new("request.not_found", format!("There is no backup {id}"));
        let record = self.store().kept::<Record>(&kept_as(id))?.ok_or_else(missing)?;
        let record = self.settled(record)?.filter(|record| !record.has_expired(Timestamp::now()));
        let record = record.ok_or_else(missing)?;
        if self.is_there(&record, &mut Documents::new())? { Ok(record) } else { Err(missing()) }
    }

    /// Whether the file is a backup that was made of a whole server, or of a portal; nothing for what was not made here. Blocks.
    pub(super) fn made_as(&self, file: &str) -> Result<Option<bool>> {
        let mut records = self.store().all_kept::<Record>(RECORDS)?.into_iter().map(|(_, record)| record);
        let made = records.find(|record| record.is_file(file)).map(|record| self.settled(record)).transpose()?;
        Ok(made.flatten().map(|record| record.dump))
    }

    /// The record once its backup is made; none while it is not, and one whose backup came to nothing is forgotten.
    fn settled(&self, record: Record) -> Result<Option<Record>> {
        if record.made {
            return Ok(Some(record));
        }
        let Some(job) = self.job(&record.operator, &record.id)? else { return Ok(None) };
        if !matches!(job.state, State::Succeeded) {
            if job.state.is_ended() {
                self.store().forget(&kept_as(&record.id))?;
            }
            return Ok(None);
        }
        let mut made = Record { made: true, ..record };
        if let Place::Snapshot { snapshot, .. } = &mut made.place {
            let report = self.server.jobs.report(&job.id)?;
            *snapshot =
                report.as_ref().and_then(|report| report.pointer("/stored/snapshot/id")).and_then(Value::as_u64);
        }
        keep(self.store(), &made)?;
        Ok(Some(made))
    }

    fn is_there(&self, record: &Record, documents: &mut Documents) -> Result<bool> {
        match &record.place {
            Place::File { file } => Ok(Path::new(file).is_file()),
            Place::Snapshot { snapshot: None, .. } => Ok(false),
            Place::Snapshot { repository, backup, snapshot } => {
                let key = (repository.clone(), backup.clone());
                let known = documents.entry(key).or_insert_with(|| self.document(repository, backup));
                let document = known.as_ref().map_err(Clone::clone)?;
                Ok(document.as_ref().is_some_and(|document| document.find(*snapshot).is_some()))
            }
        }
    }

    /// Removes a backup, and its record. Blocks.
    pub(super) fn remove(&self, record: &Record) -> Result<()> {
        match &record.place {
            Place::File { file } => remove_file(Path::new(file))?,
            Place::Snapshot { repository, backup, snapshot } => {
                if let Some(id) = snapshot {
                    let repository = Repository::open(&self.server.places.place(repository)?)?;
                    match repository.purge(backup, *id, false) {
                        Err(error) if error.code() != "repository.not_found" => return Err(error),
                        _ => (),
                    }
                }
            }
        }
        self.store().forget(&kept_as(&record.id)).map(drop)
    }

    /// Removes what has expired, forgets records whose job was never started, and keeps the newest of what a schedule has made. Nothing is
    /// being started meanwhile. Blocks.
    pub(super) fn tidy_history(&self, copies: impl Fn(bool) -> Option<u32>) -> Result<()> {
        let (now, in_use) = (Timestamp::now(), self.restored_record()?);
        let mut made = Vec::new();
        for (_, record) in self.store().all_kept::<Record>(RECORDS)? {
            if !record.made && self.job(&record.operator, &record.id)?.is_none() {
                self.store().forget(&kept_as(&record.id))?;
                continue;
            }
            made.extend(self.settled(record)?.filter(|record| in_use.as_ref() != Some(&record.id)));
        }
        made.iter().filter(|record| record.has_expired(now)).try_for_each(|record| self.remove(record))?;
        for dump in [false, true] {
            let Some(copies) = copies(dump).map(|copies| copies as usize) else { continue };
            let counts = |record: &&Record| record.scheduled && record.dump == dump;
            if made.iter().filter(counts).count() <= copies {
                continue;
            }
            // Only what is there yet counts: whoever removed a file by hand has no copy of it.
            let there = self.history()?;
            let mut surplus = there.iter().filter(counts).skip(copies);
            surplus.try_for_each(
                |record| if in_use.as_ref() == Some(&record.id) { Ok(()) } else { self.remove(record) },
            )?;
        }
        Ok(())
    }

    /// Fails with `request.forbidden` where the backup is in a repository that is none of theirs.
    pub(super) fn admit_to(&self, identity: &Identity, record: &Record) -> Result<()> {
        record.repository().map_or(Ok(()), |repository| identity.repository(repository))
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new("host.io", format!("{} cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// A name that is free: whose it is, and the time.
fn new_file(folder: &Path, whose: &str, now: Timestamp) -> Result<String> {
    let time = now.strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let named = |number: u32| -> PathBuf {
        let more = if number == 1 { String::new() } else { format!("_{number}") };
        folder.join(format!("{whose}_{time}{more}.tar"))
    };
    let free = (1..1000).map(named).find(|path| path.symlink_metadata().is_err());
    let text = free.and_then(|path| path.into_os_string().into_string().ok());
    text.ok_or_else(|| Error::new("host.io", format!("No file of {} has a free name", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-11-21T04:05:06.7Z".parse().unwrap();
        let mut names = Vec::new();
        for _ in 0..3 {
            let file = new_file(folder.path(), "shop", now).unwrap();
            std::fs::write(&file, "x").unwrap();
            names.push(Path::new(&file).file_name().unwrap().to_str().unwrap().to_owned());
        }
        let first = "shop_2026-11-21_04-05-06";
        assert_eq!(names, [format!("{first}.tar"), format!("{first}_2.tar"), format!("{first}_3.tar")]);
    }

    #[test]
    fn records_are_told_as_clients_read_them() {
        let mut record = Record::of_file("3fa85f64-5717-4562-b3fc-2c963f66afa6", "/b/good.tar.gz".to_owned(), "ana");
        "2026-01-01T00:00:00.5Z".clone_into(&mut record.created);
        let told = record.told();
        assert_eq!(
            told,
            json!({
                "id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "fileName": "good.tar.gz", "storageType": 3,
                "createdOn": "2026-01-01T00:00:00Z", "expiresOn": "0001-01-01T00:00:00",
            })
        );
        record.storage_type = StorageType::DataStore;
        record.expires = Some("2026-01-02T00:00:00Z".to_owned());
        record.place = Place::Snapshot { repository: "box".to_owned(), backup: "shop".to_owned(), snapshot: Some(4) };
        let told = record.told();
        assert_eq!((&told["fileName"], &told["expiresOn"]), (&json!("shop@4"), &json!("2026-01-02T00:00:00Z")));
        let now = |text: &str| text.parse().unwrap();
        assert!(!record.has_expired(now("2026-01-01T23:59:59Z")) && record.has_expired(now("2026-01-02T00:00:00Z")));
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap().told(), told);
    }
}
