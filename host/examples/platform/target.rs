//! The platform as a target: what is there, jobs, and their switch.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use reinstate::catalog::Digest;
use reinstate::error::{Error, Result};
use reinstate::target::{Existing, Facts, Health, Job, JobStatus, Stage, Switched, Target, TargetInfo};

use super::stage::Staging;
use super::state::{Objects, Record, State, Store};

/// A platform that keeps everything as documents.
pub struct Platform {
    store: Arc<Store>,
}

impl Platform {
    /// The platform in that folder.
    pub fn new(folder: &Path) -> Self {
        Self { store: Arc::new(Store::new(folder)) }
    }

    /// What its users see.
    pub fn objects(&self) -> Result<Objects> {
        Ok(self.store.read()?.live)
    }

    /// What its users do all day: changes objects.
    pub fn edit(&self, change: impl FnOnce(&mut Objects)) -> Result<()> {
        self.locked(|state| {
            change(&mut state.live);
            Ok(())
        })
    }

    /// Changes a job that is known, under the restore lock.
    fn with_job(&self, job: &str, change: impl FnOnce(&mut State) -> Result<()>) -> Result<()> {
        // Before the lock is taken, which creates it: asking for a job that is unknown leaves no trace.
        self.store.read()?.record(job)?;
        self.locked(change)
    }

    /// Changes the state under the restore lock.
    fn locked(&self, change: impl FnOnce(&mut State) -> Result<()>) -> Result<()> {
        let _lock: File = self.store.lock()?;
        let mut state = self.store.read()?;
        change(&mut state)?;
        self.store.write(&state)
    }
}

impl Target for Platform {
    fn location(&self) -> String {
        format!("platform:{}", self.store.folder().display())
    }

    fn inspect(&self) -> Result<Facts> {
        let objects = self.objects()?;
        let health = Health {
            busy: self.jobs()?.into_iter().find(|job| job.status == JobStatus::Running).map(|job| job.job),
            interrupted: with_status(self.jobs()?, JobStatus::Interrupted),
            ..Health::default()
        };
        let existing = |document| {
            let text = serde_json::to_vec(document).map_err(|error| Error::new("target.io", error.to_string()))?;
            Ok(Existing { fingerprint: Digest::of(&text).to_string(), ..Existing::default() })
        };
        Ok(Facts {
            location: self.location(),
            info: TargetInfo {
                kind: "platform".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                dialect: String::new(),
                forms: vec!["arrow".to_owned()],
            },
            schemas: objects.keys().filter_map(|name| name.schema.clone()).chain(["main".to_owned()]).collect(),
            objects: objects
                .iter()
                .map(|(name, document)| Ok((name.clone(), existing(document)?)))
                .collect::<Result<_>>()?,
            principals: Default::default(),
            available: None,
            identity: None,
            memberships: Default::default(),
            grants_access: false,
            real_permissions: false,
            name_bytes: None,
            encoding: None,
            closed_schemas: Default::default(),
            no_stage_database: Some("A platform has one place for its objects".to_owned()),
            plain_roles: Default::default(),
            no_fill: Some("A platform replaces its objects whole".to_owned()),
            warnings: Vec::new(),
            health,
        })
    }

    fn begin(&self, job: &Job) -> Result<Box<dyn Stage>> {
        let lock = self.store.lock()?;
        let mut state = self.store.read()?;
        state.records.push(Record::new(job.clone()));
        self.store.write(&state)?;
        Ok(Box::new(Staging::new(Arc::clone(&self.store), lock, state, job.clone())))
    }

    fn resume(&self, job: &str) -> Result<Box<dyn Stage>> {
        self.store.read()?.record(job)?;
        let lock = self.store.lock()?;
        let mut state = self.store.read()?;
        // It says that it is running; who holds the lock knows that it is not.
        let job = state.record_that_is(job, &[JobStatus::Running])?.job.clone();
        Ok(Box::new(Staging::new(Arc::clone(&self.store), lock, state, job)))
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        let mut jobs: Vec<Job> = self.store.read()?.records.into_iter().map(|record| record.job).collect();
        let running = jobs.iter_mut().filter(|job| job.status == JobStatus::Running);
        if !self.store.is_locked() {
            running.for_each(|job| job.status = JobStatus::Interrupted);
        }
        Ok(jobs)
    }

    fn abort(&self, job: &str) -> Result<()> {
        self.with_job(job, |state| {
            state.record_that_is(job, &[JobStatus::Running])?;
            state.records.retain(|record| record.job.job != job);
            Ok(())
        })
    }

    fn undo(&self, job: &str) -> Result<Switched> {
        self.with_job(job, |state| {
            let status = state.record_that_is(job, &[JobStatus::Succeeded, JobStatus::Undone])?.job.status;
            if state.is_superseded(job) {
                let message = format!("A later job has changed objects of job `{job}`; undo that one first");
                return Err(Error::new("job.superseded", message));
            }
            state.exchange(job)?;
            let undone = status == JobStatus::Succeeded;
            state.record(job)?.job.status = if undone { JobStatus::Undone } else { JobStatus::Succeeded };
            Ok(())
        })?;
        // Readers see the old file or the new one and never wait.
        Ok(Switched::default())
    }

    fn discard(&self, job: &str) -> Result<()> {
        self.with_job(job, |state| {
            let record = state.record_that_is(job, &[JobStatus::Succeeded, JobStatus::Undone])?;
            record.other.clear();
            record.job.status = JobStatus::Discarded;
            Ok(())
        })
    }
}

fn with_status(jobs: Vec<Job>, status: JobStatus) -> Vec<String> {
    jobs.into_iter().filter(|job| job.status == status).map(|job| job.job).collect()
}
