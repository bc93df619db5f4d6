//! What the host keeps for one instance of a plugin: the object it may reach, what it used, what went wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Limits;
use super::bindings::reinstate::plugin::types::Failure;
use super::capability::archive::Container;
use super::capability::entries::Entries;
use super::capability::log::Log;
use super::convert;
use super::fault::Stop;
use super::limiter::Limiter;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::sql::reach::Owners;
use crate::target::Work;

/// What the plugin was called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Describe,
    Plan,
    Begin,
    Restore(u32),
    End,
    Verify,
    /// A layout looks at an archive.
    Recognise,
    /// A layout reads an archive.
    Open,
    /// A layout gives objects.
    Objects,
}

impl Phase {
    /// Planning and verifying are pure.
    fn may_write(self) -> bool {
        matches!(self, Self::Begin | Self::Restore(_) | Self::End)
    }

    /// Layouts read the archive, and nothing else.
    pub(super) fn is_of_layout(self) -> bool {
        matches!(self, Self::Recognise | Self::Open | Self::Objects)
    }

    /// The fail points before and after the call; none for layouts, which are asked before there is anything to lose.
    pub(super) fn fail_points(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Describe => Some(("plugin.describe", "plugin.describe.done")),
            Self::Plan => Some(("plugin.plan", "plugin.plan.done")),
            Self::Begin => Some(("plugin.begin", "plugin.begin.done")),
            Self::Restore(_) => Some(("plugin.restore", "plugin.restore.done")),
            Self::End => Some(("plugin.end", "plugin.end.done")),
            Self::Verify => Some(("plugin.verify", "plugin.verify.done")),
            Self::Recognise | Self::Open | Self::Objects => None,
        }
    }
}

/// Completes `while it …`.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Describe => f.write_str("described itself"),
            Self::Plan => f.write_str("planned"),
            Self::Begin => f.write_str("began the object"),
            Self::Restore(part) => write!(f, "restored part {part}"),
            Self::End => f.write_str("finished the object"),
            Self::Verify => f.write_str("verified the object"),
            Self::Recognise => f.write_str("looked at the archive"),
            Self::Open => f.write_str("read the archive"),
            Self::Objects => f.write_str("listed the archive's objects"),
        }
    }
}

/// The data of one store.
pub(super) struct State {
    /// `Plugin NAME VERSION`, for messages.
    pub(super) who: Arc<str>,
    pub(super) limits: Arc<Limits>,
    pub(super) limiter: Limiter,
    pub(super) cancel: Cancel,
    pub(super) phase: Phase,
    /// The open unit, for the length of a call.
    pub(super) work: Option<Box<dyn Work>>,
    /// The object's entries; none while planning.
    pub(super) entries: Option<Entries>,
    /// The archive, for layouts.
    pub(super) container: Option<Container>,
    /// Codes of statements that may reach outside the stage.
    pub(super) allow: Arc<BTreeSet<String>>,
    /// With whose rights routines may run.
    pub(super) owners: Arc<Owners>,
    pub(super) log: Log,
    pub(super) used: Used,
    /// The first thing that the host refused or could not do in this call. It decides the call's result, whatever
    /// the plugin makes of the failure it was given.
    fault: Option<Error>,
    progressed: Instant,
    retained: usize,
}

/// What one call moved.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// Rows appended.
    pub(super) rows: u64,
    /// Bytes read from entries.
    pub(super) read_bytes: u64,
    /// Bytes appended, as rows or to blobs.
    pub(super) appended_bytes: u64,
    /// Whether statements were run, whose rows nobody counts.
    pub(super) executed: bool,
}

/// Appended bytes may exceed those read by this much: a column of empty fields grows from one byte to nine.
const GROWTH: u64 = 64;
const GROWTH_FLOOR: u64 = 64 << 20;
/// What a write costs the host at least, whatever it carries; ends a plugin that writes for ever.
pub(super) const WRITE_COST: usize = 64;
/// The same for a look at the stage, which may cost the target a scan.
const LOOK_COST: usize = 4096;

impl State {
    pub(super) fn new(who: Arc<str>, limits: Arc<Limits>, cancel: Cancel, entries: Option<Entries>) -> Self {
        Self {
            limiter: Limiter::new(limits.memory_bytes, limits.table_elements),
            log: Log::new(&limits),
            who,
            limits,
            cancel,
            phase: Phase::Describe,
            work: None,
            entries,
            container: None,
            allow: Arc::default(),
            owners: Arc::default(),
            used: Used::default(),
            fault: None,
            progressed: Instant::now(),
            retained: 0,
        }
    }

    /// Prepares for a call.
    pub(super) fn begin_call(&mut self, phase: Phase, work: Option<Box<dyn Work>>) {
        self.phase = phase;
        self.work = work;
        self.used = Used::default();
        self.fault = None;
        self.log.begin_call();
        if let Some(entries) = &mut self.entries {
            entries.rewind();
        }
        self.progressed = Instant::now();
    }

    /// Asked by the clock while the plugin runs.
    pub(super) fn may_go_on(&self) -> std::result::Result<(), Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if self.progressed.elapsed() >= self.limits.deadline {
            return Err(Stop::Deadline);
        }
        Ok(())
    }

    /// Renews the deadline.
    pub(super) fn progress(&mut self) {
        self.progressed = Instant::now();
    }

    /// What the host refused or could not do in this call.
    pub(super) fn take_fault(&mut self) -> Option<Error> {
        self.fault.take()
    }

    /// Carries out a call from the plugin. Its time is the host's, not the plugin's. What goes wrong is the plugin's
    /// answer, and is remembered.
    pub(super) fn call<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T, Failure> {
        let began = Instant::now();
        let done = self.cancel.check().and_then(|()| act(self));
        self.progressed += began.elapsed().min(self.progressed.elapsed());
        done.map_err(|error| {
            let failure = convert::failure(&error);
            self.fault.get_or_insert(error);
            failure
        })
    }

    /// As [`State::call`], for functions that have no failure to answer with: the plugin is stopped.
    pub(super) fn call_or_stop<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> wasmtime::Result<T> {
        self.call(act).map_err(|failure| wasmtime::format_err!("{}", failure.message))
    }

    /// A write: refused while the plugin plans or verifies, and charged with what it carries.
    pub(super) fn write<T>(
        &mut self,
        what: &str,
        bytes: usize,
        write: impl FnOnce(&mut dyn Work) -> Result<T>,
    ) -> Result<T, Failure> {
        self.call(|state| {
            state.may_write(what)?;
            state.retain(bytes.saturating_add(WRITE_COST))?;
            let done = write(state.work()?)?;
            state.progress();
            Ok(done)
        })
    }

    /// Appends bytes: not charged, since targets write them away, but bounded by what was read.
    pub(super) fn append<T>(
        &mut self,
        what: &str,
        bytes: usize,
        append: impl FnOnce(&mut dyn Work) -> Result<T>,
    ) -> Result<T> {
        self.may_write(what)?;
        self.grow(bytes)?;
        let done = append(self.work()?)?;
        self.progress();
        Ok(done)
    }

    /// Reads the stage back.
    pub(super) fn look<T>(&mut self, look: impl FnOnce(&mut dyn Work) -> Result<T>) -> Result<T, Failure> {
        self.call(|state| {
            state.retain(LOOK_COST)?;
            look(state.work()?)
        })
    }

    /// A fault of the plugin's.
    pub(super) fn blame(&self, code: &'static str, what: &str) -> Error {
        blame(&self.who, self.phase, code, what)
    }

    fn may_write(&self, what: &str) -> Result<()> {
        if self.phase.may_write() {
            return Ok(());
        }
        Err(self.blame("plugin.write_refused", &format!("tried to write ({what})")))
    }

    fn work(&mut self) -> Result<&mut dyn Work> {
        match self.work.as_deref_mut() {
            Some(work) => Ok(work),
            None if matches!(self.phase, Phase::Describe | Phase::Plan) || self.phase.is_of_layout() => {
                Err(blame(&self.who, self.phase, "plugin.out_of_scope", "asked for a stage"))
            }
            None => Err(Error::new("host.internal", "A plugin was called without an open unit")),
        }
    }

    /// Charges the plugin with what the host keeps or does for it.
    pub(super) fn retain(&mut self, bytes: usize) -> Result<()> {
        self.retained = self.retained.saturating_add(bytes);
        if self.retained > self.limits.retained_bytes {
            let what = format!("made the host keep more than {} bytes", self.limits.retained_bytes);
            return Err(self.blame("plugin.hostcall_limit", &what));
        }
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<()> {
        self.used.appended_bytes = self.used.appended_bytes.saturating_add((bytes + WRITE_COST) as u64);
        let most = self.used.read_bytes.saturating_mul(GROWTH).saturating_add(GROWTH_FLOOR);
        if self.used.appended_bytes > most {
            let what = format!("appended {} bytes after reading {}", self.used.appended_bytes, self.used.read_bytes);
            return Err(self.blame("plugin.hostcall_limit", &what));
        }
        Ok(())
    }
}

fn blame(who: &str, phase: Phase, code: &'static str, what: &str) -> Error {
    Error::new(code, format!("{who} {what} while it {phase}"))
}

/// What a definition takes, roughly: its length as JSON.
pub(super) fn weight(value: &impl Serialize) -> usize {
    struct Length(usize);
    impl io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    match serde_json::to_writer(&mut length, value) {
        Ok(()) => length.0,
        // Values of the interface always can be written; what cannot is not kept either.
        Err(_) => usize::MAX,
    }
}
