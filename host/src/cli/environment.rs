//! What the command line takes from the environment: folders, targets, this program.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, OpenOptions};
use crate::error::{Error, Result};
use crate::plugin::{Limits, PluginOptions};
use crate::restore::Settings;
use crate::source::Credentials;
use crate::target::{self, Target, postgres};

use super::args::{PluginArgs, ReadArgs};

/// The target of `--into` or `--from`.
pub(super) fn target(location: &str) -> Result<Arc<dyn Target>> {
    target::open(location, &postgres()).map_err(|error| error.next("reinstate help"))
}

/// What the environment says of stores.
pub(super) fn credentials() -> Credentials {
    Credentials::among(variables())
}

fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// A target's location as it may be shown: without what could be a password. `TARGET` where it cannot be understood.
pub(super) fn shown(location: &str) -> String {
    if location.starts_with("sqlite:") {
        return location.to_owned();
    }
    target(location).map_or_else(|_| "TARGET".to_owned(), |target| target.location())
}

/// What `libpq` reads of a process's surroundings.
pub(super) fn postgres() -> postgres::Environment {
    let variables = variables().filter(|(name, _)| name.starts_with("PG"));
    postgres::Environment { variables: variables.collect(), home: std::env::home_dir(), user: user() }
}

/// The operating system's name of the user; what the login said where the system's list of users has none.
fn user() -> Option<String> {
    let said = || ["LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    named_user().or_else(said)
}

#[cfg(unix)]
fn named_user() -> Option<String> {
    let id = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').nth(2) == Some(id.as_str()))?;
    line.split(':').next().map(str::to_owned)
}

#[cfg(not(unix))]
fn named_user() -> Option<String> {
    None
}

/// Opens the archive of that name; of a repository's backup the snapshot `id` where the name has none.
pub(super) fn archive(location: &str, id: Option<&str>, reading: &ReadArgs) -> Result<Archive> {
    let mut options = OpenOptions { spool: reading.spool.clone(), ..OpenOptions::default() };
    if let Some(bytes) = reading.max_spool {
        options.limits.spool_bytes = bytes;
    }
    Archive::open(&reading.repositories.location(location, id)?, &options)
}

impl PluginArgs {
    /// The plugins asked for; those of an earlier run of a job where nothing is said now.
    pub(super) fn options(&self, earlier: Settings) -> Result<PluginOptions> {
        let limits = Limits {
            memory_bytes: usize::try_from(self.plugin_memory.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
            deadline: Duration::try_from_secs_f64(self.plugin_deadline)
                .map_err(|_| Error::new("usage", "--plugin-deadline wants a number of seconds"))?,
            ..Limits::default()
        };
        Ok(PluginOptions {
            folder: self.plugins.clone().or(earlier.folder),
            grants: if self.grant.is_empty() { earlier.grants } else { self.grant.clone() },
            cache: cache(),
            limits,
            compiler: std::env::current_exe().ok(),
        })
    }
}

/// Where compiled plugins are kept: the user's cache folder; nowhere when there is none.
pub(super) fn cache() -> Option<PathBuf> {
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("reinstate"))
}

/// Where an archive from standard input is kept while a job needs it.
pub(super) fn kept_spool(digest: &str) -> Result<PathBuf> {
    let folder = spools();
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::new("host.io", format!("{} cannot be created: {error}", folder.display())))?;
    Ok(folder.join(format!("{digest}.tar")))
}

/// Removes the archive at that place if it is one that [`kept_spool`] named.
pub(super) fn forget_spool(archive: &str) {
    let path = Path::new(archive);
    if path.parent() == Some(&spools()) {
        // Best effort: a file that stays takes space and nothing else.
        let _ = std::fs::remove_file(path);
    }
}

fn spools() -> PathBuf {
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
        .join("reinstate")
}

pub(super) fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
