//! What a runnable plugin is made of; made when it is first needed.

use std::sync::Arc;

use super::PluginOptions;
use super::compile::{Origin, compile};
use super::component::Wasm;
use super::grant::Decision;
use super::guest::Guest;
use super::link::link;
use crate::error::Result;

/// A component, what it may use, and how it is compiled.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) wasm: Wasm,
    pub(super) origin: Origin,
    pub(super) decision: Decision,
    pub(super) options: PluginOptions,
}

impl Recipe {
    /// Compiles and links it; `who` names it in messages.
    pub(super) fn make(&self, who: Arc<str>) -> Result<Guest> {
        let component = compile(&self.wasm, self.origin, &self.options)?;
        let linked = link(&component, self.wasm.exports, &self.decision)?;
        Ok(Guest { who, limits: Arc::new(self.options.limits.clone()), linked })
    }
}
