//! A linked plugin, and its instances: started fresh, called under limits, dropped after any fault.

use std::sync::Arc;

use wasmtime::component::InstancePre;
use wasmtime::{Store, UpdateDeadline};

use super::bindings::exports::reinstate::plugin::handler::Guest as Handler;
use super::bindings::layouts::exports::reinstate::plugin::layout::Guest as Layout;
use super::bindings::layouts::{LayoutPlugin, LayoutPluginIndices};
use super::bindings::reinstate::plugin::types::Failure;
use super::bindings::{HandlerPlugin, HandlerPluginIndices};
use super::engine::Clock;
use super::fault::{self, classify};
use super::state::{Phase, State};
use super::text::{harmless, is_code};
use super::{Limits, LogLine};
use crate::error::{Error, Kind, Result, codes};
use crate::failpoint;
use crate::target::Work;

/// Ticks between two looks at deadline and cancellation.
const LOOK_TICKS: u64 = 2;

/// What all instances of a plugin share.
pub(super) struct Guest {
    pub(super) who: Arc<str>,
    pub(super) limits: Arc<Limits>,
    pub(super) linked: Linked,
}

/// A component with its imports, and where its exports are: those of a handler, of a layout, or of both.
pub(super) struct Linked {
    pub(super) pre: InstancePre<State>,
    pub(super) handler: Option<HandlerPluginIndices>,
    pub(super) layout: Option<LayoutPluginIndices>,
}

/// The exports of one instance.
pub(super) struct Exports {
    handler: Option<HandlerPlugin>,
    layout: Option<LayoutPlugin>,
}

impl Exports {
    pub(super) fn handler(&self) -> wasmtime::Result<&Handler> {
        let missing = || wasmtime::format_err!("it exports no handler");
        self.handler.as_ref().map(HandlerPlugin::reinstate_plugin_handler).ok_or_else(missing)
    }

    pub(super) fn layout(&self) -> wasmtime::Result<&Layout> {
        let missing = || wasmtime::format_err!("it exports no layout");
        self.layout.as_ref().map(LayoutPlugin::reinstate_plugin_layout).ok_or_else(missing)
    }
}

impl Linked {
    fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Exports> {
        let instance = self.pre.instantiate(&mut *store)?;
        let handler = self.handler.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        let layout = self.layout.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        Ok(Exports { handler, layout })
    }
}

/// One instance.
pub(super) struct Instance {
    store: Store<State>,
    exports: Exports,
}

/// What a call leaves behind, besides its result.
#[derive(Default)]
pub(super) struct Rest {
    /// The open unit, given back whatever happened.
    pub(super) work: Option<Box<dyn Work>>,
    /// What was logged.
    pub(super) log: Vec<LogLine>,
}

impl Rest {
    /// Keeps lines that nobody has taken yet, as far as the limit allows.
    fn keep(&mut self, lines: Vec<LogLine>, limit: usize) {
        let mut kept: usize = self.log.iter().map(|line| line.message.len()).sum();
        for line in lines {
            kept += line.message.len();
            if kept > limit {
                break;
            }
            self.log.push(line);
        }
    }
}

impl Guest {
    /// A fresh instance.
    pub(super) fn start(&self, state: State) -> Result<Instance> {
        let limits = Arc::clone(&state.limits);
        let mut store = Store::new(self.linked.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.handles);
        // Before anything runs: a start function can spin.
        store.set_epoch_deadline(LOOK_TICKS);
        store.epoch_deadline_callback(|store| match store.data().may_go_on() {
            Ok(()) => Ok(UpdateDeadline::Continue(LOOK_TICKS)),
            Err(stop) => Err(stop.into()),
        });
        let clock = Clock::start();
        let exports = self.linked.instantiate(&mut store).map_err(|error| classify(&error, store.data()))?;
        drop(clock);
        Ok(Instance { store, exports })
    }
}

impl Instance {
    /// Calls an export. The instance comes back unless it is broken; `rest` is filled either way.
    pub(super) fn call<T>(
        mut self,
        phase: Phase,
        rest: &mut Rest,
        export: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<Result<T, Failure>>,
    ) -> (Option<Self>, Result<T>) {
        let points = phase.fail_points();
        points.iter().for_each(|(before, _)| failpoint::hit(before));
        self.store.data_mut().begin_call(phase, rest.work.take());
        self.store.set_epoch_deadline(LOOK_TICKS);
        let clock = Clock::start();
        let answer = export(&self.exports, &mut self.store);
        drop(clock);
        let state = self.store.data_mut();
        let broken = answer.is_err();
        let result = settle(answer, state);
        rest.work = state.work.take();
        rest.keep(state.log.end_call(), self.store.data().limits.retained_bytes);
        points.iter().for_each(|(_, after)| failpoint::hit(after));
        ((!broken).then_some(self), result)
    }

    pub(super) fn state(&self) -> &State {
        self.store.data()
    }
}

/// The call's result: what the host refused or could not do comes first, whatever the plugin made of it.
fn settle<T>(answer: wasmtime::Result<Result<T, Failure>>, state: &mut State) -> Result<T> {
    let fault = state.take_fault();
    match (answer, fault) {
        // A plugin that ran into a limit or was stopped did not get to answer.
        (Err(error), fault) => Err(stopped(&error, fault, state)),
        (Ok(Ok(_)), Some(fault)) => Err(fault),
        (Ok(Err(failure)), Some(fault)) => Err(completed(fault, failure)),
        (Ok(Err(failure)), None) => Err(failed(failure, state)),
        (Ok(Ok(value)), None) => Ok(value),
    }
}

/// After a fault of the host's a plugin may panic for want of anything better: the fault is the reason.
fn stopped(error: &wasmtime::Error, fault: Option<Error>, state: &State) -> Error {
    let ours = error.downcast_ref::<fault::Stop>().is_some();
    match fault {
        Some(fault) if !ours => fault,
        _ => classify(error, state),
    }
}

/// The host's own error, with the place that only the plugin knows.
fn completed(mut error: Error, failure: Failure) -> Error {
    if failure.code != error.code() {
        return error;
    }
    if let Some(row) = failure.row {
        error = error.row(row);
    }
    if let Some(column) = failure.column {
        error = error.column(harmless(&column, 256));
    }
    error
}

/// The plugin's own failure.
fn failed(failure: Failure, state: &State) -> Error {
    let code = own_code(failure.code);
    let text = harmless(&failure.message, state.limits.text_bytes);
    let mut error = Error::new(code, format!("{}: {text}", state.who));
    if let Some(entry) = failure.entry {
        error = error.entry(harmless(&entry, 1024));
    }
    if let Some(row) = failure.row {
        error = error.row(row);
    }
    if let Some(column) = failure.column {
        error = error.column(harmless(&column, 256));
    }
    error
}

/// A plugin's code as it is; but it cannot speak for the host, whose codes decide whether a job is resumed or refused.
pub(super) fn own_code(code: String) -> String {
    match is_code(&code) && codes::kind(&code) == Kind::Failed {
        true => code,
        false => "restore.object_failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_have_codes_of_their_own_and_no_say_over_the_job() {
        let cases = [
            ("table.bad_value", "table.bad_value"),
            ("target.unsupported", "target.unsupported"),
            ("target.full", "restore.object_failed"),
            ("restore.cancelled", "restore.object_failed"),
            ("usage", "restore.object_failed"),
            ("Not a code", "restore.object_failed"),
            ("", "restore.object_failed"),
        ];
        for (given, expected) in cases {
            assert_eq!(own_code(given.to_owned()), expected, "{given}");
        }
    }
}
