//! The interfaces that plugins import, one file each: what a call does to the one object, or archive, it was made for.

use wasmtime::component::Linker;

use super::grant::Interface;
use super::state::State;

pub(super) mod archive;
mod blobs;
mod definitions;
pub(super) mod entries;
pub(super) mod log;
mod principals;
mod routines;
mod sql;
mod tables;
mod types;

/// The full name of an interface, as the engine matches it (by semver) with what plugins import.
pub(super) fn full_name(interface: Interface) -> String {
    format!("reinstate:plugin/{interface}@0.2.0")
}

/// Links one interface.
pub(super) fn add_to_linker(interface: Interface, linker: &mut Linker<State>) -> wasmtime::Result<()> {
    match interface {
        Interface::Types => types::add_to_linker(linker),
        Interface::Entries => entries::add_to_linker(linker),
        Interface::Log => log::add_to_linker(linker),
        Interface::Tables => tables::add_to_linker(linker),
        Interface::Definitions => definitions::add_to_linker(linker),
        Interface::Principals => principals::add_to_linker(linker),
        Interface::Routines => routines::add_to_linker(linker),
        Interface::Blobs => blobs::add_to_linker(linker),
        Interface::Sql => sql::add_to_linker(linker),
        Interface::Archive => archive::add_to_linker(linker),
    }
}
