//! One object's way through its plugin: begin, restore each part, end, verify.

use std::sync::Arc;

use super::bindings::exports::reinstate::plugin::handler::Guest as Handler;
use super::bindings::reinstate::plugin::types::{self, Failure};
use super::capability::entries::{Entries, Source};
use super::guest::{Guest, Instance, Rest};
use super::outlook::finding;
use super::state::{Phase, State, Used};
use super::{LogLine, ObjectView, Surroundings, convert};
use crate::cancel::Cancel;
use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::Finding;
use crate::target::{Counts, Work};

/// One object's instance of a plugin.
pub struct Session {
    who: Arc<str>,
    /// Gone after a fault: an instance that trapped cannot be entered again.
    instance: Option<Instance>,
    /// Why it is gone.
    broken: Option<Error>,
    rest: Rest,
    cancel: Cancel,
    name: ObjectName,
    object: types::Object,
    target: types::Target,
    counts_rows: bool,
    text_bytes: usize,
}

impl Session {
    pub(super) fn start(
        guest: &Guest,
        counts_rows: bool,
        view: ObjectView,
        surroundings: &Surroundings,
        source: Arc<dyn Source>,
        verify_checksums: bool,
        cancel: Cancel,
    ) -> Result<Self> {
        let object = convert::object(&view, surroundings);
        let name = view.object.name.clone();
        let entries = Entries::new(source, view.object, verify_checksums);
        let mut state = State::new(Arc::clone(&guest.who), Arc::clone(&guest.limits), cancel.clone(), Some(entries));
        state.allow = Arc::new(surroundings.allow.clone());
        state.owners = Arc::new(surroundings.owners());
        let instance = guest.start(state).map_err(|error| error.object(&name))?;
        Ok(Self {
            who: Arc::clone(&guest.who),
            instance: Some(instance),
            broken: None,
            rest: Rest::default(),
            cancel,
            name,
            object,
            target: convert::target(surroundings),
            counts_rows,
            text_bytes: guest.limits.text_bytes,
        })
    }

    /// Hands it the open unit that its next calls write to.
    pub fn give(&mut self, work: Box<dyn Work>) {
        self.rest.work = Some(work);
    }

    /// Takes the unit back, to commit or drop it. `None` when none was given.
    pub fn take(&mut self) -> Option<Box<dyn Work>> {
        self.rest.work.take()
    }

    /// Creates the object.
    pub fn begin(&mut self) -> Result<()> {
        self.call(Phase::Begin, |handler, store, object, target| handler.call_begin(store, object, target)).map(drop)
    }

    /// Restores one part. Fails with `plugin.count_mismatch` when the plugin's count is not what it appended.
    pub fn restore(&mut self, part: u32) -> Result<Counts> {
        let (counts, mut used) = self.call(Phase::Restore(part), |handler, store, object, target| {
            handler.call_restore(store, object, target, part)
        })?;
        let ended = self.rest.work.as_deref_mut().map_or(Ok(0), Work::end_rows);
        let ended = ended.map_err(|error| self.place(error, Phase::Restore(part)))?;
        used.rows = used.rows.saturating_add(ended);
        self.compare(part, counts, used).map_err(|error| self.place(error, Phase::Restore(part)))
    }

    /// Finishes the object.
    pub fn end(&mut self) -> Result<()> {
        self.call(Phase::End, |handler, store, object, target| handler.call_end(store, object, target)).map(drop)
    }

    /// Reads the stage back; writes are refused meanwhile.
    pub fn verify(&mut self) -> Result<Vec<Finding>> {
        let (findings, _) =
            self.call(Phase::Verify, |handler, store, object, target| handler.call_verify(store, object, target))?;
        Ok(findings.into_iter().map(|one| finding(one, &self.name, self.text_bytes)).collect())
    }

    /// What it logged since the last time this was asked.
    pub fn log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.rest.log)
    }

    /// Calls an export; returns its result and what the call moved.
    fn call<T>(
        &mut self,
        phase: Phase,
        export: impl FnOnce(
            &Handler,
            &mut wasmtime::Store<State>,
            &types::Object,
            &types::Target,
        ) -> wasmtime::Result<Result<T, Failure>>,
    ) -> Result<(T, Used)> {
        self.cancel.check()?;
        let Some(instance) = self.instance.take() else { return Err(self.gone()) };
        let (object, target) = (&self.object, &self.target);
        let (instance, result) =
            instance.call(phase, &mut self.rest, |exports, store| export(exports.handler()?, store, object, target));
        let used = instance.as_ref().map(|instance| instance.state().used).unwrap_or_default();
        self.instance = instance;
        let result = result.map_err(|error| self.place(error, phase));
        if let (None, Err(error)) = (&self.instance, &result) {
            self.broken = Some(error.clone());
        }
        Ok((result?, used))
    }

    fn gone(&self) -> Error {
        let missing = || Error::new("host.internal", format!("{} has no instance", self.who));
        self.broken.clone().unwrap_or_else(missing)
    }

    /// Names the object, and the entry where the call was about one.
    fn place(&self, error: Error, phase: Phase) -> Error {
        let error = error.object(&self.name);
        let Phase::Restore(part) = phase else { return error };
        match self.object.entries.get(part as usize) {
            Some(entry) => error.entry(&entry.path),
            None => error,
        }
    }

    /// Holds the plugin's counts against what it did and what the archive says.
    fn compare(&self, part: u32, counts: types::Counts, used: Used) -> Result<Counts> {
        let mismatch =
            |what: String| Error::new("plugin.count_mismatch", format!("{} says part {part} holds {what}", self.who));
        // Rows that statements brought were not counted here.
        if self.counts_rows && !used.executed && counts.rows != used.rows {
            return Err(mismatch(format!("{} rows, and appended {}", counts.rows, used.rows)));
        }
        if counts.bytes != used.read_bytes {
            return Err(mismatch(format!("{} bytes, and read {}", counts.bytes, used.read_bytes)));
        }
        let expected = self.object.entries.get(part as usize).and_then(|entry| entry.rows);
        if let Some(expected) = expected.filter(|expected| *expected != counts.rows) {
            return Err(mismatch(format!("{} rows; the archive says {expected}", counts.rows)));
        }
        Ok(Counts { rows: counts.rows, bytes: counts.bytes })
    }
}
