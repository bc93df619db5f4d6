//! `types`: values only; it has no functions.

use wasmtime::component::{HasSelf, Linker};

use crate::plugin::bindings::reinstate::plugin::types::{self, Host};
use crate::plugin::state::State;

impl Host for State {}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
