//! One task's work on one object: a fresh instance of its plugin, and units that commit with their journal rows.

use std::sync::Arc;

use crate::archive::Archive;
use crate::cancel::Cancel;
use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::{Finding, Severity, Step};
use crate::plugin::{ObjectView, Plugin, Session, Surroundings};
use crate::target::{Counts, Stage, Unit};

use super::{Event, Watch};

/// How often a unit gives way to others that lock the same things in another order.
const YIELDS: u32 = 5;

/// What every task of a job shares.
pub(super) struct Context {
    pub(super) stage: Box<dyn Stage>,
    pub(super) archive: Arc<Archive>,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) verify_checksums: bool,
    pub(super) watch: Watch,
    /// Stops this job's tasks; set by the operator's flag and by the first failure.
    pub(super) cancel: Cancel,
}

/// One step with what it takes to do it.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) step: Arc<Step>,
    pub(super) view: ObjectView,
    pub(super) plugin: Arc<Plugin>,
}

/// What a finished object tells the report.
pub(super) type Findings = Vec<Finding>;

impl Context {
    /// The object, its parts and its end in one unit.
    pub(super) fn whole(&self, work: &Work) -> Result<(Counts, Findings)> {
        self.emit(&Event::ObjectStarted { object: work.step.into.clone() });
        let mut counts = Counts::default();
        let findings = self.unit(work, Unit::Whole, |session| {
            counts = Counts::default();
            session.begin()?;
            for part in 0..work.step.parts {
                let part = session.restore(part)?;
                counts.rows += part.rows;
                counts.bytes += part.bytes;
            }
            session.end()?;
            Ok((counts, verified(session.verify()?)?))
        })?;
        self.emit(&Event::Committed { object: work.step.into.clone(), counts });
        Ok((counts, findings))
    }

    /// The object, empty.
    pub(super) fn begin(&self, work: &Work) -> Result<()> {
        self.emit(&Event::ObjectStarted { object: work.step.into.clone() });
        self.unit(work, Unit::Begin, |session| {
            session.begin()?;
            Ok((Counts::default(), ()))
        })
    }

    /// One part.
    pub(super) fn part(&self, work: &Work, part: u32) -> Result<Counts> {
        let counts = self.unit(work, Unit::Part(part), |session| {
            let counts = session.restore(part)?;
            Ok((counts, counts))
        })?;
        self.emit(&Event::Committed { object: work.step.into.clone(), counts });
        Ok(counts)
    }

    /// The object's end, committed only when the plugin has read the stage back and found it right.
    pub(super) fn end(&self, work: &Work) -> Result<(Counts, Findings)> {
        let findings = self.unit(work, Unit::End, |session| {
            session.end()?;
            Ok((Counts::default(), verified(session.verify()?)?))
        })?;
        Ok((Counts::default(), findings))
    }

    /// Runs one unit in a fresh instance and commits it.
    /// One that has to give way to another unit is run again.
    fn unit<T>(&self, work: &Work, unit: Unit, mut run: impl FnMut(&mut Session) -> Result<(Counts, T)>) -> Result<T> {
        for attempt in 1..=YIELDS {
            match self.attempt(work, unit, &mut run) {
                Err(error) if error.code() == "target.deadlock" => {
                    std::thread::sleep(std::time::Duration::from_millis(10 << attempt));
                }
                done => return done,
            }
        }
        self.attempt(work, unit, &mut run)
    }

    fn attempt<T>(
        &self,
        work: &Work,
        unit: Unit,
        run: &mut impl FnMut(&mut Session) -> Result<(Counts, T)>,
    ) -> Result<T> {
        self.cancel.check()?;
        let mut session = work.plugin.session(
            work.view.clone(),
            self.surroundings.clone(),
            self.archive.clone(),
            self.verify_checksums,
            self.cancel.clone(),
        )?;
        session.give(self.stage.open(&work.step, unit)?);
        let result = run(&mut session);
        for line in session.log() {
            let object: ObjectName = work.step.into.clone();
            self.emit(&Event::Log { plugin: work.step.plugin.clone(), object, line });
        }
        let (counts, value) = result.map_err(|error| self.or_cancelled(error))?;
        let unit = session
            .take()
            .ok_or_else(|| Error::new("host.internal", "The plugin's session lost the unit it worked on"))?;
        unit.commit(counts).map_err(|error| self.or_cancelled(error))?;
        Ok(value)
    }

    /// What the target was told to stop fails with its own words for that, which are not the reason.
    fn or_cancelled(&self, error: Error) -> Error {
        match self.cancel.check() {
            Err(cancelled) if error.code() == "target.timeout" => cancelled,
            _ => error,
        }
    }

    pub(super) fn emit(&self, event: &Event) {
        (self.watch.observer)(event);
    }
}

/// Refusals among what verification found fail the object; the rest is reported.
fn verified(findings: Findings) -> Result<Findings> {
    match findings.iter().find(|finding| finding.severity == Severity::Refusal) {
        Some(wrong) => Err(Error::new(wrong.code.clone(), wrong.message.clone())),
        None => Ok(findings),
    }
}
