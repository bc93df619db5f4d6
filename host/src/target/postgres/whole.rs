//! Undoing and discarding jobs that exchanged whole databases, and aborting them.

use crate::error::{Error, Result};
use crate::failpoint;
use crate::target::{JobStatus, Switched};

use super::apart::locks;
use super::connection::Connection;
use super::database::{self, Name};
use super::locate::{Located, Place, live};
use super::lock::Lock;
use super::retry::retrying;
use super::settings::Settings;
use super::store::{self, Deferred, Phase, Record};
use super::undo;

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
    let back = whole.place != Place::Kept;
    let deferred = roles(&settings.database(if back { &whole.live } else { &whole.kept }), whole.record)?;
    if !back {
        undo::make_roles(whole.lock.connection(), &deferred)?;
    }
    failpoint::hit("postgres.undo.record");
    let (renames, job) = (whole.renames(), &whole.record.job.job);
    let mut switched = Switched::default();
    retrying(|attempt| {
        switched.attempts = attempt;
        switched.pause = database::rename(whole.lock.connection(), &whole.maintenance, job, &renames)?;
        Ok(())
    })?;
    failpoint::hit("postgres.undo.done");
    if back {
        unmake_roles(whole.lock.connection(), &deferred);
    }
    Ok(switched)
}

/// What the job's switch did to roles, which belong to no database: it is written down in the one that the job made.
fn roles(made: &Settings, record: &Record) -> Result<Vec<Deferred>> {
    let mut connection = Connection::open(made)?;
    let of_roles = |one: &Deferred| matches!(one.phase, Phase::Roles | Phase::Memberships);
    Ok(store::deferred(&mut connection, record.seq)?.into_iter().filter(of_roles).collect())
}

/// Drops roles that the job made. Those that something is theirs of stay, and what cannot be dropped now stays, too: the names of the
/// databases say what has become of the job.
pub(super) fn unmake_roles(connection: &mut Connection, deferred: &[Deferred]) {
    let _ = store::write(connection, |connection| undo::drop_roles(connection, deferred));
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
    let undone = whole.place == Place::Kept;
    let made = if undone { roles(&settings.database(&whole.kept), whole.record)? } else { Vec::new() };
    if let Some(here) = &mut whole.here {
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
    database::drop_database(whole.lock.connection(), &whole.kept)?;
    unmake_roles(whole.lock.connection(), &made);
    Ok(())
}

/// The roles that a job has made when nothing but the names was left of its switch.
pub(super) fn prepared_roles(stage: &Settings, record: &Record) -> Result<Vec<Deferred>> {
    let mut connection = Connection::open(stage)?;
    let known = store::recorded(&mut connection)?.into_iter().find(|known| known.job.job == record.job.job);
    match known {
        Some(known) if known.job.status == JobStatus::Succeeded => roles(stage, record),
        _ => Ok(Vec::new()),
    }
}

/// Drops the database that an interrupted job had staged in.
pub(crate) fn abort(settings: &Settings, located: &Located) -> Result<()> {
    let mut whole = Whole::open(settings, located)?;
    let made = prepared_roles(&settings.database(&whole.stage), whole.record)?;
    failpoint::hit("postgres.abort.some");
    database::drop_database(whole.lock.connection(), &whole.stage)?;
    unmake_roles(whole.lock.connection(), &made);
    failpoint::hit("postgres.abort.end");
    // Someone may have made the live database meanwhile; it is none of ours.
    live(settings).map(drop)
}
