//! `blobs`: files that belong to the object.

use wasmtime::component::{HasSelf, Linker};

use crate::plugin::bindings::reinstate::plugin::blobs::{self, Host};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::state::State;

impl Host for State {
    fn append(&mut self, name: String, bytes: Vec<u8>) -> Result<(), Failure> {
        let length = name.len() + bytes.len();
        self.call(|state| state.append("blobs.append", length, |work| work.append_blob(&name, bytes.into())))
    }

    fn size(&mut self, name: String) -> Result<Option<u64>, Failure> {
        self.look(|work| work.blob_size(&name))
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    blobs::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
