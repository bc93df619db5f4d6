//! Where a job's record is, and what its place says of it.

use crate::error::{Error, Result};
use crate::target::{Job, JobStatus};

use super::connection::Connection;
use super::database::{self, Name};
use super::lock::{self, Holder};
use super::settings::Settings;
use super::store::{self, Record};

/// A job's record and where it was found.
pub(crate) struct Located {
    pub(crate) record: Record,
    pub(crate) place: Place,
}

/// The database that has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The live one: the job works, or worked, beside its objects.
    Beside,
    /// The live one, which the job made.
    Live,
    /// The job's own, which is not live yet.
    Stage,
    /// The job's own, which is live no more.
    Kept,
    /// The live one has a copy: what the job did went out of sight with another database.
    Copied,
}

/// The live database, or `None` where there is none.
pub(crate) fn live(settings: &Settings) -> Result<Option<Connection>> {
    match Connection::open(settings) {
        Ok(connection) => Ok(Some(connection)),
        Err(error) if error.code() == "target.not_found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every job, where its record is.
pub(crate) fn all(settings: &Settings) -> Result<Vec<Located>> {
    let name = settings.name();
    let mut found = Vec::new();
    let live = live(settings)?;
    let mut connection = match live {
        Some(mut connection) => {
            for record in store::recorded(&mut connection)? {
                let place = place(&record);
                found.push(Located { record, place });
            }
            connection
        }
        None => match database::maintenance(settings) {
            Ok(maintenance) => Connection::open(&maintenance)?,
            Err(_) => return Ok(found),
        },
    };
    let mut discarded = Vec::new();
    for (database, what) in database::beside(&mut connection, name)? {
        let (job, place) = match what {
            Name::Stage(job) => (job, Place::Stage),
            Name::Kept(job) => (job, Place::Kept),
        };
        discarded.push((job.clone(), place));
        if found.iter().any(|known| known.record.job.job == job) {
            continue;
        }
        // A database that is being dropped or renamed right now is none.
        let Ok(mut inside) = Connection::open(&settings.database(&database)) else { continue };
        let own = store::recorded(&mut inside)?.into_iter().find(|record| record.job.job == job);
        found.extend(own.filter(|record| record.elsewhere.is_none()).map(|record| Located { record, place }));
    }
    for known in &mut found {
        let kept = (known.record.job.job.clone(), Place::Kept);
        known.settle(discarded.contains(&kept));
    }
    found.sort_by(|one, other| one.record.job.started.cmp(&other.record.job.started));
    Ok(found)
}

/// The job of that name, or `job.not_found`.
pub(crate) fn find(settings: &Settings, job: &str) -> Result<Located> {
    all(settings)?.into_iter().find(|known| known.record.job.job == job).ok_or_else(|| store::no_job(job))
}

/// Jobs as everybody may see them.
pub(crate) fn jobs(settings: &Settings) -> Result<Vec<Job>> {
    let mut found = all(settings)?;
    let working = |known: &Located| known.record.job.status == JobStatus::Interrupted;
    if found.iter().any(working) {
        let holder = holder(settings, &found)?;
        for known in found.iter_mut().filter(|known| working(known)) {
            if holder == Holder::Job(known.record.job.job.clone()) {
                known.record.job.status = JobStatus::Running;
            }
        }
    }
    Ok(found.into_iter().map(|known| known.record.job).collect())
}

/// Who works on the target.
fn holder(settings: &Settings, found: &[Located]) -> Result<Holder> {
    if let Some(mut live) = live(settings)? {
        let holder = lock::holder_here(&mut live)?;
        if holder != Holder::Nobody {
            return Ok(holder);
        }
    }
    if !found.iter().any(|known| known.place == Place::Stage) {
        return Ok(Holder::Nobody);
    }
    let mut maintenance = Connection::open(&database::maintenance(settings)?)?;
    lock::holder_elsewhere(&mut maintenance, settings.name())
}

fn place(record: &Record) -> Place {
    match (&record.elsewhere, &record.live) {
        (Some(_), _) => Place::Copied,
        (None, Some(_)) => Place::Live,
        (None, None) => Place::Beside,
    }
}

impl Located {
    /// Reads the job's status from where its record is. `kept` says whether there is a database that the job keeps.
    fn settle(&mut self, kept: bool) {
        let status = &mut self.record.job.status;
        match self.place {
            Place::Stage => *status = JobStatus::Interrupted,
            Place::Kept => *status = JobStatus::Undone,
            // It keeps the database that it replaced until that is discarded.
            Place::Live | Place::Copied if self.record.live.is_some() && *status == JobStatus::Succeeded => {
                if self.record.replaced && !kept {
                    *status = JobStatus::Discarded;
                }
            }
            Place::Beside | Place::Live | Place::Copied => {}
        }
    }

    /// Fails when what the job did is in a database that another job put out of sight.
    pub(crate) fn is_here(&self) -> Result<()> {
        let Some(elsewhere) = &self.record.elsewhere else { return Ok(()) };
        let message = format!(
            "What job {} did is in the database `{elsewhere}`, which a later job has replaced: undo that job first",
            self.record.job.job
        );
        Err(Error::new("job.superseded", message).state("The target is unchanged"))
    }
}
