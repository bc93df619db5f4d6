//! `definitions`: the object's document.

use wasmtime::component::{HasSelf, Linker};

use crate::error::Error;
use crate::plugin::bindings::reinstate::plugin::definitions::{self, Host};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::state::State;

impl Host for State {
    fn put(&mut self, document: String) -> Result<(), Failure> {
        // Targets keep documents as JSON and may only find out when someone reads them.
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&document) {
            let message = format!("{} staged a document that is not JSON: {error}", self.who);
            return self.call(|_| Err(Error::new("plugin.bad_answer", message)));
        }
        self.write("definitions.put", document.len(), |work| work.put_document(&document))
    }

    fn get(&mut self) -> Result<Option<String>, Failure> {
        self.look(|work| work.document())
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    definitions::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
