//! What `plugin list` and `plugin inspect` say.

use std::path::{Path, PathBuf};

use serde::Serialize;
use utoipa::ToSchema;

use super::component::Wasm;
use super::grant::{Decision, Interface};
use super::{PluginOptions, load};
use crate::catalog::Digest;
use crate::error::Result;
use crate::plan::KindDescription;

/// A plugin, as an operator sees it before granting anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Inspection {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its component.
    pub digest: Digest,
    /// Length of its component in bytes.
    pub component_bytes: u64,
    /// Its file; absent for our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub file: Option<PathBuf>,
    /// What it restores.
    pub kinds: Vec<KindDescription>,
    /// Whether it understands foreign backups; its kinds are then those of the archives it recognises, and no others.
    pub layout: bool,
    /// What it imports: its permissions.
    pub imports: Vec<Permission>,
    /// Interfaces it imports and was not granted.
    pub missing_grants: Vec<String>,
}

/// An interface that a plugin imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Permission {
    /// `tables`, `blobs`, ….
    pub interface: String,
    /// Whether it writes; what does not needs no grant.
    pub writes: bool,
    /// Whether the plugin may use it.
    pub granted: bool,
}

/// Looks at a component without granting more than the options say: describes it with everything else refused.
/// Fails with `plugin.invalid` or `plugin.not_granted` when it cannot run here at all.
pub fn inspect(path: &Path, options: &PluginOptions) -> Result<Inspection> {
    load::foreign(path, options).map(|plugin| plugin.inspection)
}

/// What an operator is told of the imports.
pub(super) fn permissions(wasm: &Wasm, decision: &Decision) -> Vec<Permission> {
    // Types have no functions: nothing to permit.
    let imports = wasm.imports.iter().filter(|interface| **interface != Interface::Types);
    imports.map(|interface| permission(*interface, decision.granted.contains(interface))).collect()
}

fn permission(interface: Interface, granted: bool) -> Permission {
    Permission { interface: interface.name().to_owned(), writes: interface.writes(), granted }
}
