//! Turns a checked component into machine code: remembered, from the cache, or compiled.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use wasmtime::component::Component;

use super::PluginOptions;
use super::cache::Cache;
use super::component::{Wasm, invalid};
use super::engine::engine;
use super::text::harmless;
use crate::catalog::Digest;
use crate::error::{Error, Result};

pub(super) mod child;

pub use child::compile_file;

/// Whose component it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Ours: compiled here.
    Bundled,
    /// Someone else's: compiled in a process that can be stopped.
    Foreign,
}

/// The machine code of a component.
pub(super) fn compile(wasm: &Wasm, origin: Origin, options: &PluginOptions) -> Result<Component> {
    if let Some(component) = remembered().get(&wasm.digest) {
        return Ok(component.clone());
    }
    let cache = options.cache.as_deref().and_then(Cache::open);
    let component = match cache.as_ref().and_then(|cache| cache.load(&wasm.digest)) {
        Some(component) => component,
        None => {
            let component = match &options.compiler {
                Some(compiler) if origin == Origin::Foreign => child::compile(wasm, compiler, &options.limits)?,
                _ => here(wasm)?,
            };
            if let Some(cache) = cache {
                cache.keep(&wasm.digest, &component);
            }
            component
        }
    };
    if origin == Origin::Bundled {
        remembered().insert(wasm.digest, component.clone());
    }
    Ok(component)
}

/// Our own plugins, once compiled, for the life of the process.
fn remembered() -> MutexGuard<'static, HashMap<Digest, Component>> {
    static COMPILED: LazyLock<Mutex<HashMap<Digest, Component>>> = LazyLock::new(Mutex::default);
    COMPILED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn here(wasm: &Wasm) -> Result<Component> {
    Component::from_binary(engine()?, &wasm.bytes).map_err(|error| uncompilable(&error))
}

fn uncompilable(error: &wasmtime::Error) -> Error {
    invalid(&format!("It cannot be compiled: {}", harmless(&format!("{error:#}"), 1000)))
}

/// Takes machine code back that this engine made.
///
/// Whoever calls it knows where the bytes come from: the engine believes nearly everything it is given.
#[allow(unsafe_code, reason = "The engine can only take machine code on trust; callers have checked its origin")]
pub(super) fn trust(code: &[u8]) -> Option<Component> {
    let engine = engine().ok()?;
    // SAFETY: the bytes are what `Component::serialize` gave: they carry a MAC under a key of this installation, or
    // were just written by our own compiler into a folder that only we can write to.
    unsafe { Component::deserialize(engine, code) }.ok()
}
