//! What a plugin's memory and tables may grow to.

use wasmtime::ResourceLimiter;

use super::fault::Stop;

/// Counts what one instance has; growing beyond the limit stops it, so that the reason can be named.
#[derive(Debug)]
pub(super) struct Limiter {
    memory: usize,
    memory_limit: usize,
    elements: usize,
    element_limit: usize,
}

impl Limiter {
    pub(super) fn new(memory_limit: usize, element_limit: usize) -> Self {
        Self { memory: 0, memory_limit, elements: 0, element_limit }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // Several core modules of a component may have a memory each: the sum counts.
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_limit {
            return Err(Stop::Memory(wanted).into());
        }
        self.memory = wanted;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // Trap, as after a denial: a plugin that goes on without the memory only hides the reason.
        Err(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        if wanted > self.element_limit {
            return Err(Stop::Table(wanted).into());
        }
        self.elements = wanted;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        32
    }
}
