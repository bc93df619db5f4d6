//! `routines`: the function, procedure or environment that is being restored.

use wasmtime::component::{HasSelf, Linker};

use crate::plugin::bindings::reinstate::plugin::routines::{self, Host, Routine};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::state::{State, weight};
use crate::target::definition;

impl Host for State {
    fn create(&mut self, routine: Routine) -> Result<(), Failure> {
        let routine = definition::Routine::from(routine);
        self.write("routines.create", weight(&routine), |work| work.create_routine(routine))
    }

    fn get(&mut self) -> Result<Option<Routine>, Failure> {
        self.look(|work| Ok(work.routine()?.map(Into::into)))
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    routines::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
