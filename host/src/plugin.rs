//! Loading, inspecting, granting, limiting and calling plugins: the only module that names wasmtime.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::archive::Archive;
use crate::cancel::Cancel;
use crate::catalog::{Catalog, Object, ObjectName};
use crate::error::{Error, Result};
use crate::plan::{Outlook, PluginDescription, PluginIdentity};
use crate::sql::reach::Owners;
use crate::target::TargetInfo;

mod bindings;
mod bundled;
mod cache;
mod capability;
mod compile;
mod component;
mod convert;
mod describe;
mod engine;
mod fault;
mod grant;
mod guest;
mod inspect;
mod layout;
mod limiter;
mod link;
mod load;
mod outlook;
mod recipe;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod text;

use capability::entries::Source;
use guest::Guest;
use recipe::Recipe;

pub use compile::compile_file;
pub use inspect::{Inspection, Permission, inspect};
pub use session::Session;

/// What a plugin may use before it is stopped. Counted for each object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a component file.
    pub component_bytes: u64,
    /// Bytes of linear memory.
    pub memory_bytes: usize,
    /// Elements of tables (of functions).
    pub table_elements: usize,
    /// Bytes that one call may pass to the host.
    pub hostcall_bytes: usize,
    /// Handles.
    pub handles: usize,
    /// Bytes the host keeps for the plugin between calls (staged documents, log lines).
    pub retained_bytes: usize,
    /// Time without progress; a read, an append or any other write renews it.
    pub deadline: Duration,
    /// Log lines a call; bytes a line.
    pub log_lines: u32,
    /// Bytes of a log line or an error's text.
    pub text_bytes: usize,
    /// Time a foreign component may take to compile.
    pub compile_time: Duration,
    /// Memory the compiler may use for it.
    pub compile_bytes: u64,
}

/// Where plugins come from and what they may do.
#[derive(Debug, Clone, Default)]
pub struct PluginOptions {
    /// A folder of components beside our own.
    pub folder: Option<PathBuf>,
    /// Interfaces that plugins of the folder may import (`tables`, `blobs`, …); our own get what they import.
    pub grants: Vec<String>,
    /// Where compiled plugins are kept; nothing is kept when absent.
    pub cache: Option<PathBuf>,
    /// What they may use.
    pub limits: Limits,
    /// A program that compiles foreign components in a process of its own, called as `PROGRAM plugin compile IN OUT`.
    pub compiler: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes: 32 << 20,
            memory_bytes: 256 << 20,
            table_elements: 100_000,
            hostcall_bytes: 16 << 20,
            handles: 256,
            retained_bytes: 64 << 20,
            deadline: Duration::from_secs(60),
            log_lines: 1000,
            text_bytes: 4096,
            compile_time: Duration::from_secs(120),
            compile_bytes: 2 << 30,
        }
    }
}

/// An object as a plugin gets to see it.
#[derive(Debug, Clone)]
pub struct ObjectView {
    /// The object in the archive.
    pub object: Arc<Object>,
    /// Its name in the target.
    pub into: ObjectName,
    /// Leave rows out.
    pub definitions_only: bool,
    /// Leave everything but the rows out.
    pub rows_only: bool,
    /// What else is left out.
    pub leave_out: std::collections::BTreeSet<crate::plan::LeaveOut>,
}

/// What is the same for every object of a job.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The dialect of the archive's expressions.
    pub dialect: String,
    /// What plugins may know of the target.
    pub target: TargetInfo,
    /// Schemas with another name in the target.
    pub schema_map: Vec<(String, String)>,
    /// Codes of statements that may reach outside the stage.
    pub allow: std::collections::BTreeSet<String>,
    /// Roles with whose rights routines may run: see [`crate::target::Facts::plain_roles`].
    pub plain_roles: std::collections::BTreeSet<String>,
    /// The role that restores, where the target knows one.
    pub identity: Option<String>,
    /// What becomes of subscriptions to data sources.
    pub restore_subscriptions: crate::plan::Subscriptions,
}

/// A line a plugin logged.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// Escaped and cut.
    pub message: String,
}

/// The plugins of this host: our own and those of a folder.
pub struct Plugins {
    /// In order of their names.
    all: Vec<Arc<Plugin>>,
}

/// One plugin; compiled and linked when it is first called.
pub struct Plugin {
    /// How messages name it.
    who: Arc<str>,
    inspection: Inspection,
    recipe: Recipe,
    /// Made when it is first called.
    guest: OnceLock<Result<Guest>>,
    /// It writes rows, so that its counts of rows can be compared with what it appended.
    counts_rows: bool,
}

impl Surroundings {
    fn owners(&self) -> Owners {
        Owners::new(self.identity.as_deref(), &self.plain_roles)
    }
}

impl Plugins {
    /// Loads our own plugins and those of the folder, and asks each what it restores.
    /// Fails when a file of the folder is no plugin, or two plugins restore one kind.
    pub fn load(options: &PluginOptions) -> Result<Self> {
        Ok(Self { all: load::all(options)?.into_iter().map(Arc::new).collect() })
    }

    /// What they are, in order of their names.
    pub fn descriptions(&self) -> Vec<PluginDescription> {
        self.all.iter().map(|plugin| plugin.description()).collect()
    }

    /// The plugin of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Plugin>> {
        self.all.iter().find(|plugin| plugin.inspection.name == name).cloned()
    }

    /// What an archive holds: by its manifest where it has one, else by the first layout, in order of their names, that recognises it.
    ///
    /// Fails with `catalog.unrecognised` when none does, and with the layout's own failure when it cannot read what it recognised.
    pub fn catalog(&self, archive: &Arc<Archive>, cancel: &Cancel) -> Result<Catalog> {
        if Catalog::is_own(archive) {
            return Catalog::read(archive);
        }
        layout::read(self.all.iter().filter(|plugin| plugin.inspection.layout), archive, cancel)
    }

    /// What an operator is told of each, in order of their names.
    pub fn inspections(&self) -> Vec<Inspection> {
        self.all.iter().map(|plugin| plugin.inspection.clone()).collect()
    }
}

impl Plugin {
    /// Asks for the outlook of many objects; pure. One answer for each, in order.
    pub fn plan(&self, objects: &[ObjectView], surroundings: &Surroundings, cancel: &Cancel) -> Result<Vec<Outlook>> {
        outlook::plan(self.guest()?, objects, surroundings, cancel)
    }

    /// A fresh instance for one object. `verify_checksums` compares entries' digests while they are read.
    /// Fails with `plugin.not_granted` when it lacks something it imports.
    pub fn session(
        &self,
        view: ObjectView,
        surroundings: Arc<Surroundings>,
        archive: Arc<Archive>,
        verify_checksums: bool,
        cancel: Cancel,
    ) -> Result<Session> {
        self.session_over(view, &surroundings, archive, verify_checksums, cancel)
    }

    fn session_over(
        &self,
        view: ObjectView,
        surroundings: &Surroundings,
        source: Arc<dyn Source>,
        verify_checksums: bool,
        cancel: Cancel,
    ) -> Result<Session> {
        self.check_grants().map_err(|error| error.object(&view.object.name))?;
        Session::start(self.guest()?, self.counts_rows, view, surroundings, source, verify_checksums, cancel)
    }

    /// What it is, as planning sees it.
    pub fn description(&self) -> PluginDescription {
        let Inspection { name, version, digest, kinds, missing_grants, layout, .. } = self.inspection.clone();
        PluginDescription { identity: PluginIdentity { name, version, digest }, kinds, missing_grants, layout }
    }

    fn guest(&self) -> Result<&Guest> {
        let made = self.guest.get_or_init(|| self.recipe.make(Arc::clone(&self.who)));
        made.as_ref().map_err(Clone::clone)
    }

    fn check_grants(&self) -> Result<()> {
        let missing = &self.inspection.missing_grants;
        if missing.is_empty() {
            return Ok(());
        }
        let flags: Vec<_> = missing.iter().map(|interface| format!("--grant {interface}")).collect();
        let message = format!(
            "{} imports {}, which it was not granted; look at it with `plugin inspect`, and allow it with {}",
            self.who,
            missing.join(", "),
            flags.join(" ")
        );
        Err(Error::new("plugin.not_granted", message))
    }
}
