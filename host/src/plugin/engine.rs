//! The one engine of the process, and the clock that interrupts plugins.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, Inlining, Strategy, WasmBacktraceDetails};

use crate::error::{Error, Result};

/// How often a running plugin can be interrupted.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The engine; compiled code of one cannot run in another, so there is one.
pub(super) fn engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Result<Engine>> = OnceLock::new();
    ENGINE.get_or_init(build).as_ref().map_err(Clone::clone)
}

fn build() -> Result<Engine> {
    let fault = |error: String| Error::new("host.internal", format!("The sandbox could not be started: {error}"));
    let engine = Engine::new(&config()).map_err(|error| fault(format!("{error:#}")))?;
    let clock = engine.clone();
    let started = thread::Builder::new().name("reinstate-clock".to_owned()).spawn(move || tick(&clock));
    started.map_err(|error| fault(error.to_string()))?;
    Ok(engine)
}

/// What code may be and how it is compiled: no threads, no second memory, nothing that is young.
fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        // Calls are synchronous; without it a call from host to guest costs a third.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(1 << 20)
        .async_stack_size(2 << 20)
        .compiler_inlining(Inlining::No)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_component_model(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_gc(false)
        .wasm_stack_switching(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .shared_memory(false);
    config
}

static RUNNING: Mutex<usize> = Mutex::new(0);
static WOKEN: Condvar = Condvar::new();

fn running() -> MutexGuard<'static, usize> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the clock going while a plugin runs; without any it sleeps.
pub(super) struct Clock(());

impl Clock {
    pub(super) fn start() -> Self {
        let mut running = running();
        *running += 1;
        if *running == 1 {
            WOKEN.notify_one();
        }
        Self(())
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        *running() -= 1;
    }
}

fn tick(engine: &Engine) {
    loop {
        drop(WOKEN.wait_while(running(), |running| *running == 0).unwrap_or_else(PoisonError::into_inner));
        thread::sleep(TICK);
        engine.increment_epoch();
    }
}
