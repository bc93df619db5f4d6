//! The calls, one function each: what is asked, whether it may be, and what is answered.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::server::audit::About;
use crate::server::identity::Identity;
use crate::server::jobs::ArchiveAt;

use super::Portal;
use super::caller::Administrator;
use super::envelope::{Answer, Here, Refusal};
use super::history::{Record, Wanted};
use super::input::{NewSchedule, Params, Query, Said, StartBackup, StartRestore, StorageType, wrong};
use super::schedule::Schedule;
use super::scheduler::kept_as;
use super::storage::{self, Destination};
use super::tasks::{Sort, Started, new_id};
use super::times;

type At = State<Arc<Portal>>;

/// `POST startrestore`
pub(super) async fn start_restore(
    State(portal): At,
    here: Here,
    Administrator(asker): Administrator,
    Said(said): Said<StartRestore>,
) -> Answer {
    let wanted = said.backup_id.as_deref().ok_or_else(|| wrong("backupId is missing; it may be empty"))?;
    let (archive, record, dump) = match Uuid::parse_str(wanted) {
        Ok(id) => {
            let record = portal.work(move |portal| portal.record(&id.to_string())).await?;
            portal.admit_to(&asker, &record)?;
            if record.dump != said.dump {
                let it_is = if record.dump { "a whole server's dump" } else { "no dump of a whole server" };
                return Err(wrong(&format!("The backup is {it_is}: say dump = {}", record.dump)).into());
            }
            (record.archive(), Some(record.id), record.dump)
        }
        Err(_) => {
            let (storage, params, dump) = (said.storage_type, said.storage_params, said.dump);
            (portal.work(move |portal| portal.archive(storage, &params, dump)).await?, None, said.dump)
        }
    };
    if let ArchiveAt::Snapshot { repository, .. } = &archive {
        asker.repository(repository)?;
    }
    let started = portal.restore(&asker.user, archive, record, (dump, said.notify)).await?;
    Ok(told(&here, &started))
}

/// `GET getrestoreprogress`: of everybody, as the clients send no credentials with it.
pub(super) async fn restore_progress(State(portal): At, here: Here, query: Query) -> Answer {
    let dump = query.flag("Dump")?;
    Ok(here.answer(&portal.work(move |portal| portal.progress(Sort::Restore, dump)).await?))
}

/// `GET getbackuphistory`
pub(super) async fn history(
    State(portal): At,
    here: Here,
    Administrator(asker): Administrator,
    query: Query,
) -> Answer {
    let records = portal.records_of(asker, query.flag("Dump")?).await?;
    let told: Vec<Value> = records.iter().map(Record::told).collect();
    Ok(here.answer(&told.into()))
}

/// `POST startbackup`
pub(super) async fn start_backup(
    State(portal): At,
    here: Here,
    Administrator(asker): Administrator,
    Said(said): Said<StartBackup>,
) -> Answer {
    portal.admit_to_storage(&asker, said.storage_type, &said.storage_params).await?;
    let wanted = Wanted {
        id: new_id(),
        storage_type: said.storage_type,
        storage_params: said.storage_params,
        dump: said.dump,
        scheduled: false,
        operator: asker.user,
    };
    let started = portal.backup(wanted).await?;
    Ok(told(&here, &started))
}

/// `GET getbackupprogress`
pub(super) async fn backup_progress(State(portal): At, here: Here, _: Administrator, query: Query) -> Answer {
    let dump = query.flag("Dump")?;
    Ok(here.answer(&portal.work(move |portal| portal.progress(Sort::Backup, dump)).await?))
}

/// `POST cancelbackup`
pub(super) async fn cancel_backup(State(portal): At, here: Here, Administrator(asker): Administrator) -> Answer {
    Ok(here.answer(&portal.cancel_backup(&asker.user).await?.into()))
}

/// `DELETE deletebackup/{id}`
pub(super) async fn delete_backup(
    State(portal): At,
    here: Here,
    Administrator(asker): Administrator,
    Path(id): Path<String>,
) -> Answer {
    let id = Uuid::parse_str(&id).map_err(|_| wrong("A backup's id is a GUID"))?.to_string();
    let deleted = portal.work(move |portal| {
        let record = portal.record(&id)?;
        portal.admit_to(&asker, &record)?;
        if portal.restored_record()?.as_ref() == Some(&record.id) {
            return Err(Error::new("job.not_possible", "The backup is being restored; wait for the end"));
        }
        portal.remove(&record)
    });
    deleted.await?;
    Ok(here.answer(&true.into()))
}

/// `DELETE deletebackuphistory`: whole servers' dumps only where these are meant.
pub(super) async fn delete_history(
    State(portal): At,
    here: Here,
    Administrator(asker): Administrator,
    query: Query,
) -> Answer {
    let dump = query.flag("Dump")?.unwrap_or_default();
    let records = portal.records_of(asker, Some(dump)).await?;
    let deleted = portal.work(move |portal| {
        let in_use = portal.restored_record()?;
        records.iter().filter(|record| in_use.as_ref() != Some(&record.id)).try_for_each(|record| portal.remove(record))
    });
    deleted.await?;
    Ok(here.answer(&true.into()))
}

/// `GET getbackupschedule`
pub(super) async fn schedule(State(portal): At, here: Here, _: Administrator, query: Query) -> Answer {
    let dump = query.flag("Dump")?.unwrap_or_default();
    let schedule = portal.work(move |portal| portal.schedule(dump)).await?;
    Ok(here.answer(&schedule.map_or(Value::Null, |schedule| schedule.told())))
}

/// `POST createbackupschedule`: in place of the one before.
pub(super) async fn create_schedule(
    State(portal): At,
    here: Here,
    Administrator(asker): Administrator,
    Said(said): Said<NewSchedule>,
) -> Answer {
    let schedule = Schedule::new(&said, &asker.user, Timestamp::now())?;
    portal.admit_to_storage(&asker, schedule.storage_type, &schedule.storage_params).await?;
    let _held = portal.starting.lock().await;
    portal.work(move |portal| portal.store().keep(kept_as(schedule.dump), &schedule)).await?;
    Ok(here.answer(&true.into()))
}

/// `DELETE deletebackupschedule`
pub(super) async fn delete_schedule(State(portal): At, here: Here, _: Administrator, query: Query) -> Answer {
    let dump = query.flag("Dump")?.unwrap_or_default();
    let _held = portal.starting.lock().await;
    portal.work(move |portal| portal.store().forget(kept_as(dump))).await?;
    Ok(here.answer(&true.into()))
}

/// `GET getbackupscount`: nobody pays for backups here.
pub(super) async fn count(State(portal): At, here: Here, Administrator(asker): Administrator, query: Query) -> Answer {
    let from = query.get("from").map(times::read).transpose()?;
    let to = query.get("to").map(times::read).transpose()?;
    let records = match query.flag("paid")? {
        Some(true) => Vec::new(),
        _ => portal.records_of(asker, None).await?,
    };
    let times = records.iter().map(Record::created);
    let within = times.filter(|time| from.is_none_or(|from| *time >= from) && to.is_none_or(|to| *time <= to));
    Ok(here.answer(&within.count().into()))
}

/// `GET getservicestate`
pub(super) async fn service_state(here: Here, _: Administrator) -> Response {
    here.answer(&json!({"enabled": true}))
}

/// `GET backuptmp`
pub(super) async fn temporary_folder(State(portal): At, here: Here, _: Administrator) -> Answer {
    let folder = portal.work(Portal::temporary).await?;
    Ok(here.answer(&folder.to_string_lossy().into()))
}

/// What is no call.
pub(super) async fn not_found() -> Refusal {
    Error::new("request.not_found", "There is no such call").into()
}

/// A call by another method.
pub(super) async fn bad_method() -> Refusal {
    Error::new("request.bad_method", "The call has another method").into()
}

fn told(here: &Here, started: &Started) -> Response {
    let mut response = here.answer(&started.told);
    response.extensions_mut().insert(About(started.job.clone()));
    response
}

impl Portal {
    /// What is restored without a record: what the parameters say, or, from Local, what was uploaded where they say nothing that is there.
    fn archive(&self, storage: StorageType, params: &Params, dump: bool) -> Result<ArchiveAt> {
        let said = storage::archive(&self.settings, storage, params, dump);
        let says_nothing = match &said {
            Ok(_) => false,
            // A name alone, or a path of somebody's own computer, is none of the server's files.
            Err(error) => {
                params.get("filePath").is_none_or(|path| !path.starts_with('/')) || error.code() == "request.not_found"
            }
        };
        if storage == StorageType::Local && params.has("filePath") && says_nothing {
            return self.uploaded(dump)?.map_or(said, Ok);
        }
        match said? {
            ArchiveAt::File { file, dump: Some(dump) } => {
                let dump = match self.made_as(&file)? {
                    // What we made ourselves has no entry that says it: the history does.
                    Some(made) if made == dump => None,
                    // And what it is not cannot be restored as that.
                    Some(_) => Some(true),
                    None => Some(dump),
                };
                Ok(ArchiveAt::File { file, dump })
            }
            other => Ok(other),
        }
    }

    /// The backups that somebody may see, of whole servers or not.
    async fn records_of(self: &Arc<Self>, asker: Identity, dump: Option<bool>) -> Result<Vec<Record>> {
        let mut records = self.work(Self::history).await?;
        records.retain(|record| dump.is_none_or(|dump| record.dump == dump));
        records.retain(|record| record.repository().is_none_or(|repository| asker.sees_repository(repository)));
        Ok(records)
    }

    /// Whether there is such a place, and who asks may write there.
    pub(super) async fn admit_to_storage(
        self: &Arc<Self>,
        asker: &Identity,
        storage: StorageType,
        params: &Params,
    ) -> Result<()> {
        let params = params.clone();
        match self.work(move |portal| storage::destination(&portal.settings, storage, &params)).await? {
            Destination::Backup { repository, .. } => asker.repository(&repository),
            Destination::Folder(_) => Ok(()),
        }
    }
}
