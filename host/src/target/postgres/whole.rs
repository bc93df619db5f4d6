//! Undoing and discarding jobs that exchanged whole databases, and aborting them.

use crate::error::{Error, Result};
use crate::failpoint;
use crate::target::{JobStatus, Switched};

use super::apart::locks;
use super::database::{self, Name};
use super::locate::{Located, Place, live};
use super::lock::Lock;
use super::retry::retrying;
use super::settings::Settings;
use super::store::{self, Record};

/// A job with its locks and the names of its databases.
struct Whole<'a> {
    record: &'a Record,
    place: Place,
    live: String,
    kept: String,
    /// Free while the job is not staged: a name in between.
    stage: String,
    maintenance: Settings,
    lock: Lock,
    here: Option<Lock>,
}

impl<'a> Whole<'a> {
    fn open(settings: &Settings, located: &'a Located) -> Result<Self> {
        let job = &located.record.job.job;
        let maintenance = database::maintenance(settings)?;
        let (lock, here) = locks(settings, &maintenance, job)?;
        let live = settings.name().to_owned();
        Ok(Self {
            record: &located.record,
            place: located.place,
            kept: Name::Kept(job.clone()).beside(&live),
            stage: Name::Stage(job.clone()).beside(&live),
            live,
            maintenance,
            lock,
            here,
        })
    }

    /// What changes its name, and to which.
    fn renames(&self) -> Vec<(String, String)> {
        let pair = |from: &String, to: &String| (from.clone(), to.clone());
        match (self.record.replaced, self.place) {
            (true, _) => {
                vec![pair(&self.live, &self.stage), pair(&self.kept, &self.live), pair(&self.stage, &self.kept)]
            }
            (false, Place::Kept) => vec![pair(&self.kept, &self.live)],
            (false, _) => vec![pair(&self.live, &self.kept)],
        }
    }
}

/// Gives the databases the names back that they had before the job's switch, or, of an undone job, after it.
pub(crate) fn undo(settings: &Settings, located: &Located) -> Result<Switched> {
    let mut whole = Whole::open(settings, located)?;
    not_superseded(&mut whole)?;
    // The rename's own transaction takes the place of the record's.
    whole.here = None;
    failpoint::hit("postgres.undo.record");
    let (renames, job) = (whole.renames(), &whole.record.job.job);
    let mut switched = Switched::default();
    retrying(|attempt| {
        switched.attempts = attempt;
        switched.pause = database::rename(whole.lock.connection(), &whole.maintenance, job, &renames)?;
        Ok(())
    })?;
    failpoint::hit("postgres.undo.done");
    Ok(switched)
}

/// Fails when jobs that came later have changed the database that would go out of sight.
fn not_superseded(whole: &mut Whole<'_>) -> Result<()> {
    let Some(here) = &mut whole.here else { return Ok(()) };
    let own = &whole.record.job;
    let later = store::recorded(here.connection())?.into_iter().find(|record| {
        let changed = matches!(record.job.status, JobStatus::Succeeded | JobStatus::Interrupted);
        changed && record.elsewhere.is_none() && record.job.job != own.job && record.job.started > own.started
    });
    match later {
        Some(later) => {
            let message =
                format!("Job {} has changed database `{}` since; it has to be undone first", later.job.job, whole.live);
            Err(Error::new("job.superseded", message).state("The target is unchanged"))
        }
        None => Ok(()),
    }
}

/// Drops the database that the job's switch, or its undoing, had put out of sight.
pub(crate) fn discard(settings: &Settings, located: &Located) -> Result<()> {
    let mut whole = Whole::open(settings, located)?;
    if let Some(here) = &mut whole.here {
        let undone = whole.place == Place::Kept;
        let record = whole.record;
        store::write(here.connection(), |connection| {
            failpoint::hit("postgres.discard.mark");
            if undone {
                // The record would go with the database.
                store::create(connection)?;
                let known = store::insert_job(connection, &record.job, None, true)?;
                return store::end_job(
                    connection,
                    known.seq,
                    JobStatus::Discarded,
                    record.job.report.as_deref().unwrap_or_default(),
                );
            }
            store::set_status(connection, record.seq, JobStatus::Discarded)
        })?;
    }
    failpoint::hit("postgres.discard.some");
    database::drop_database(whole.lock.connection(), &whole.kept)
}

/// Drops the database that an interrupted job had staged in.
pub(crate) fn abort(settings: &Settings, located: &Located) -> Result<()> {
    let mut whole = Whole::open(settings, located)?;
    failpoint::hit("postgres.abort.some");
    database::drop_database(whole.lock.connection(), &whole.stage)?;
    failpoint::hit("postgres.abort.end");
    // Someone may have made the live database meanwhile; it is none of ours.
    live(settings).map(drop)
}
