//! A restore's work beside the live objects: documents and journal rows that are written together.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use reinstate::error::{Error, Result};
use reinstate::plan::{Action, Finding, Step};
use reinstate::target::definition::{Membership, Permission, Principal, PrincipalSummary, Token};
use reinstate::target::{Counts, Job, JobStatus, Stage, Switched, Unit, Work};

use super::state::{Document, Record, State, Store};

/// An open stage. Dropping it leaves the job for `resume` and gives the lock back.
pub struct Staging {
    job: Job,
    desk: Arc<Desk>,
}

/// What the stage's open units share.
struct Desk {
    store: Arc<Store>,
    job: String,
    state: Mutex<State>,
    /// Held as long as anyone works.
    _lock: File,
}

impl Staging {
    /// The stage of a job whose record is in the state.
    pub fn new(store: Arc<Store>, lock: File, state: State, job: Job) -> Self {
        let desk = Desk { store, job: job.job.clone(), state: Mutex::new(state), _lock: lock };
        Self { job, desk: Arc::new(desk) }
    }
}

impl Desk {
    /// Looks at the job's record.
    fn look<T>(&self, look: impl FnOnce(&mut Record) -> T) -> Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.record(&self.job).map(look)
    }

    /// Changes the state and writes it; a change that cannot be written did not happen.
    fn change(&self, change: impl FnOnce(&mut State) -> Result<()>) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = state.clone();
        change(&mut changed)?;
        self.store.write(&changed)?;
        *state = changed;
        Ok(())
    }
}

impl Stage for Staging {
    fn job(&self) -> &Job {
        &self.job
    }

    fn journal(&self) -> Result<BTreeMap<(u32, Unit), Counts>> {
        self.desk.look(|record| record.journal.clone())
    }

    fn open(&self, step: &Step, unit: Unit) -> Result<Box<dyn Work>> {
        let staged = self.desk.look(|record| record.staged.get(&step.id).cloned().unwrap_or_default())?;
        Ok(Box::new(Open { desk: Arc::clone(&self.desk), step: step.id, unit, staged, new: Document::default() }))
    }

    fn forget(&self, step: &Step) -> Result<()> {
        self.desk.change(|state| {
            let record = state.record(&self.job.job)?;
            record.staged.remove(&step.id);
            record.journal.retain(|(other, _), _| *other != step.id);
            Ok(())
        })
    }

    fn rehearse(&self, _: &[Step]) -> Result<Vec<Finding>> {
        // Documents refer to nothing that the platform would check.
        Ok(Vec::new())
    }

    fn switch(&self, steps: &[Step], report: &dyn Fn(Switched) -> String) -> Result<Switched> {
        let switched = Switched::default();
        self.desk.change(|state| {
            for step in steps {
                let existing = state.live.get(&step.into).cloned();
                let record = state.record(&self.job.job)?;
                let staged = record.staged.remove(&step.id).unwrap_or_default();
                record.other.insert(step.into.clone(), Some(staged));
                if let (Action::Rename, Some(aside)) = (step.action, &step.aside) {
                    record.other.insert(aside.clone(), existing);
                }
            }
            state.exchange(&self.job.job)?;
            state.record(&self.job.job)?.end(JobStatus::Succeeded, report(switched));
            Ok(())
        })?;
        Ok(switched)
    }

    fn interrupt(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn fail(self: Box<Self>, report: &str) -> Result<()> {
        self.desk.change(|state| {
            state.record(&self.job.job)?.end(JobStatus::Failed, report.to_owned());
            Ok(())
        })
    }
}

/// One open unit: what it writes is held back until it commits.
struct Open {
    desk: Arc<Desk>,
    step: u32,
    unit: Unit,
    /// What earlier units of the step have committed.
    staged: Document,
    new: Document,
}

impl Open {
    fn seen(&self) -> Document {
        let mut seen = self.staged.clone();
        seen.add(self.new.clone());
        seen
    }
}

impl Work for Open {
    fn put_document(&mut self, document: &str) -> Result<()> {
        let body = serde_json::from_str(document)
            .map_err(|error| Error::new("target.bad_definition", format!("The document is not JSON: {error}")))?;
        self.new.body = Some(body);
        Ok(())
    }

    fn document(&mut self) -> Result<Option<String>> {
        Ok(self.seen().body.map(|body| body.to_string()))
    }

    fn create_principal(&mut self, principal: Principal) -> Result<()> {
        self.new.principal = Some(principal);
        Ok(())
    }

    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<()> {
        self.new.memberships.extend(memberships);
        Ok(())
    }

    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<()> {
        self.new.permissions.extend(permissions);
        Ok(())
    }

    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<()> {
        self.new.tokens.extend(tokens);
        Ok(())
    }

    fn principal_summary(&mut self) -> Result<Option<PrincipalSummary>> {
        Ok(self.seen().principal_summary())
    }

    fn commit(self: Box<Self>, counts: Counts) -> Result<()> {
        let Self { desk, step, unit, new, .. } = *self;
        desk.change(|state| {
            let record = state.record(&desk.job)?;
            record.staged.entry(step).or_default().add(new);
            record.journal.insert((step, unit), counts);
            Ok(())
        })
    }
}
