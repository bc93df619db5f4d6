//! `archive`: a foreign backup as it is stored, at any place, for layouts.

use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker};

use crate::archive;
use crate::error::{Error, Result};
use crate::plugin::bindings::layouts::reinstate::plugin::archive::{Host, Member, add_to_linker as link};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::capability::full_name;
use crate::plugin::convert;
use crate::plugin::grant::Interface;
use crate::plugin::state::State;

/// The most that one read gives.
const READ_BYTES: u32 = 1 << 20;
/// How many times over a layout may read the archive, in calls that count as progress; a few bytes of a large chunk may be all
/// it wanted. One that reads on without an end runs into its deadline.
const TIMES: u64 = 16;
const FLOOR: u64 = 64 << 20;
/// What a read counts at least.
const READ_COST: u64 = 4 << 10;

/// The container that a layout reads, and how much it read so far.
pub(in crate::plugin) struct Container {
    archive: Arc<archive::Archive>,
    read: u64,
    /// Bytes that count as progress.
    most: u64,
}

impl Container {
    pub(in crate::plugin) fn new(archive: Arc<archive::Archive>) -> Self {
        let size = archive.members().iter().fold(0u64, |sum, member| sum.saturating_add(member.size));
        Self { archive, read: 0, most: size.saturating_mul(TIMES).saturating_add(FLOOR) }
    }

    /// `None` for a member that is not there: a layout may look for what is not.
    fn read(&mut self, member: &str, offset: u64, max: u32) -> Result<Option<Bytes>> {
        let Some(found) = self.archive.member(member) else { return Ok(None) };
        let mut bytes = Vec::new();
        let section = self.archive.section(found, offset, u64::from(max.min(READ_BYTES)));
        section?.read_to_end(&mut bytes).map_err(|error| {
            Error::new("archive.io", format!("The archive's {member} cannot be read: {error}")).entry(member)
        })?;
        self.read = self.read.saturating_add(READ_COST.max(bytes.len() as u64));
        Ok(Some(bytes.into()))
    }
}

impl Host for State {
    fn members(&mut self) -> wasmtime::Result<Vec<Member>> {
        self.call_or_stop(|state| {
            let members = state.container()?.archive.members();
            Ok(members.iter().map(|member| Member { path: member.path.clone(), size: member.size }).collect())
        })
    }

    fn read(&mut self, member: String, offset: u64, max: u32) -> Result<Vec<u8>, Failure> {
        self.read_member(&member, offset, max).map(Vec::from)
    }
}

impl State {
    fn container(&mut self) -> Result<&mut Container> {
        if !self.phase.is_of_layout() || self.container.is_none() {
            return Err(self.blame("plugin.out_of_scope", "asked for the archive"));
        }
        self.container.as_mut().ok_or_else(|| Error::new("host.internal", "A layout was called without an archive"))
    }

    fn read_member(&mut self, member: &str, offset: u64, max: u32) -> Result<Bytes, Failure> {
        let read = self.call(|state| {
            let container = state.container()?;
            let bytes = container.read(member, offset, max)?;
            if container.read <= container.most && bytes.as_ref().is_some_and(|bytes| !bytes.is_empty()) {
                state.progress();
            }
            Ok(bytes)
        })?;
        read.ok_or_else(|| {
            let member: String = member.escape_debug().take(300).collect();
            convert::failure(&Error::new("archive.entry_missing", format!("The archive has no member {member}")))
        })
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link::<_, HasSelf<State>>(linker, |state| state)?;
    // The generated `read` copies every chunk once more.
    linker.allow_shadowing(true);
    linker.instance(&full_name(Interface::Archive))?.func_wrap("read", read_directly)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn read_directly(
    mut store: StoreContextMut<'_, State>,
    (member, offset, max): (String, u64, u32),
) -> wasmtime::Result<(Result<Bytes, Failure>,)> {
    Ok((store.data_mut().read_member(&member, offset, max),))
}
