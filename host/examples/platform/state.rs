//! What the platform keeps: one JSON file that is replaced as a whole, so that what is written together commits together.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use reinstate::catalog::ObjectName;
use reinstate::error::{Error, Result};
use reinstate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Token};
use reinstate::target::{Counts, Job, JobStatus, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The platform's objects, by name.
pub type Objects = BTreeMap<ObjectName, Document>;

/// One object: a document of any kind, or a user or role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// The document, for kinds that are kept as one.
    pub body: Option<Value>,
    /// The user or role.
    pub principal: Option<Principal>,
    /// Roles it is a member of.
    pub memberships: Vec<Membership>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

impl Document {
    /// Takes in what was written to it.
    pub fn add(&mut self, more: Document) {
        self.body = more.body.or(self.body.take());
        self.principal = more.principal.or(self.principal.take());
        self.memberships.extend(more.memberships);
        self.permissions.extend(more.permissions);
        self.tokens.extend(more.tokens);
    }

    /// Counts what it has, if it is a user or role.
    pub fn principal_summary(&self) -> Option<PrincipalSummary> {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.principal.as_ref().map(|_| PrincipalSummary {
            memberships: count(self.memberships.len()),
            permissions: count(self.permissions.len()),
            tokens: count(self.tokens.len()),
        })
    }
}

/// A job with its stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// What is known of it.
    pub job: Job,
    /// What is staged, by step.
    pub staged: BTreeMap<u32, Document>,
    /// Units that are committed.
    #[serde(with = "pairs")]
    pub journal: BTreeMap<(u32, Unit), Counts>,
    /// The version that is not live of every name the switch touched; `None` where there is nothing.
    #[serde(with = "pairs")]
    pub other: BTreeMap<ObjectName, Option<Document>>,
}

impl Record {
    /// A job that has staged nothing yet.
    pub fn new(job: Job) -> Self {
        Self { job, staged: BTreeMap::new(), journal: BTreeMap::new(), other: BTreeMap::new() }
    }

    /// Ends the job: nothing is staged any more.
    pub fn end(&mut self, status: JobStatus, report: String) {
        self.job.status = status;
        self.job.ended = Some(jiff::Timestamp::now().to_string());
        self.job.report = Some(report);
        self.staged.clear();
        self.journal.clear();
    }
}

/// Everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// What the platform's users see.
    #[serde(with = "pairs")]
    pub live: Objects,
    /// Restores, oldest first.
    pub records: Vec<Record>,
}

impl State {
    /// The job of that name.
    pub fn record(&mut self, job: &str) -> Result<&mut Record> {
        let found = self.records.iter_mut().find(|record| record.job.job == job);
        found.ok_or_else(|| Error::new("job.not_found", format!("The platform knows no job `{job}`")))
    }

    /// The job, if it has one of these statuses.
    pub fn record_that_is(&mut self, job: &str, allowed: &[JobStatus]) -> Result<&mut Record> {
        let record = self.record(job)?;
        if !allowed.contains(&record.job.status) {
            let status = format!("{:?}", record.job.status).to_lowercase();
            return Err(Error::new(
                "job.not_possible",
                format!("Job `{job}` is {status}; that cannot be done with it"),
            ));
        }
        Ok(record)
    }

    /// Exchanges what is live and what is not: the switch, its undo, and the undo's undo.
    pub fn exchange(&mut self, job: &str) -> Result<()> {
        let mut other = std::mem::take(&mut self.record(job)?.other);
        for (name, version) in &mut other {
            let live = self.live.remove(name);
            if let Some(version) = std::mem::replace(version, live) {
                self.live.insert(name.clone(), version);
            }
        }
        self.record(job)?.other = other;
        Ok(())
    }

    /// Whether a later job has switched one of the same objects.
    pub fn is_superseded(&self, job: &str) -> bool {
        let Some(at) = self.records.iter().position(|record| record.job.job == job) else { return false };
        let mine = &self.records[at].other;
        self.records[at + 1..].iter().any(|later| {
            later.job.status == JobStatus::Succeeded && later.other.keys().any(|name| mine.contains_key(name))
        })
    }
}

/// Where the state is.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// A folder that need not be there yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was written last; nothing when nothing was.
    pub fn read(&self) -> Result<State> {
        let path = self.folder.join("state.json");
        if !path.exists() {
            return Ok(State::default());
        }
        let text = fs::read(&path).map_err(|error| fault(&path, error))?;
        serde_json::from_slice(&text).map_err(|error| fault(&path, error))
    }

    /// Replaces what was written, all at once.
    pub fn write(&self, state: &State) -> Result<()> {
        let path = self.folder.join("state.json");
        let text = serde_json::to_vec_pretty(state).map_err(|error| fault(&path, error))?;
        let replace = || {
            let new = self.folder.join("state.json.new");
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        replace().map_err(|error| fault(&path, error))
    }

    /// Takes the restore lock, which the system gives back when the file is dropped or the process dies.
    pub fn lock(&self) -> Result<File> {
        let path = self.folder.join("lock");
        let open = || fs::create_dir_all(&self.folder).and_then(|()| File::create(&path));
        let file = open().map_err(|error| fault(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new("target.busy", "Another restore works on the platform; wait for its end"))
            }
            Err(TryLockError::Error(error)) => Err(fault(&path, error)),
        }
    }

    /// Whether someone holds the restore lock. Creates nothing.
    pub fn is_locked(&self) -> bool {
        File::open(self.folder.join("lock"))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn fault(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new("target.io", format!("{} cannot be read or written: {error}", path.display()))
}

/// Maps whose keys are not text, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(input: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(input)?.into_iter().collect())
    }
}
