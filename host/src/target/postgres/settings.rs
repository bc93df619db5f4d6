//! How a server is reached: a URL and what the usual places say beside it.
//!
//! The rules are those of `libpq` (<https://www.postgresql.org/docs/current/libpq-connect.html>): what the URL says goes before the
//! service file's section, that before the variables `PG*`, those before the defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;

use crate::error::{Error, Result};

use super::tls::Security;

mod address;
mod dial;
mod driver;
mod location;
mod parameters;
mod passfile;
mod service;
mod text;
#[cfg(test)]
mod tests;

use address::Address;
pub(super) use parameters::Parameters;

/// What `libpq` would read of a process's surroundings; the library itself reads nothing of them.
#[derive(Clone, Default)]
pub struct Environment {
    /// The variables `PG*`.
    pub variables: BTreeMap<String, String>,
    /// The user's home folder, for `.pgpass`, `.pg_service.conf` and `.postgresql/`.
    pub home: Option<PathBuf>,
    /// The operating system's name of the user.
    pub user: Option<String>,
}

impl fmt::Debug for Environment {
    /// Names the variables without their values: one of them is a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&String> = self.variables.keys().collect();
        f.debug_struct("Environment")
            .field("variables", &variables)
            .field("home", &self.home)
            .field("user", &self.user)
            .finish()
    }
}

/// How connections to one database are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the driver knows beside hosts and passwords: user, database, time-outs.
    pub(crate) config: Config,
    /// Where the server may be, in the order of trying.
    addresses: Vec<Address>,
    /// How connections are encrypted and the server's certificate is checked.
    security: Security,
    /// The role that every connection takes on (`SET ROLE`).
    pub(crate) role: Option<String>,
    /// What an operator may see: the URL without its password. It leads to the same place again.
    pub(crate) location: String,
    /// How long one attempt may take.
    patience: Option<Duration>,
    /// Why a file of passwords was not read.
    unread: Option<String>,
}

impl Settings {
    /// Understands `postgres://…`, `postgres:KEY=VALUE …` and `postgres:` alone (each also as `postgresql:`), and fills in
    /// what the environment says. Reads the files that these name: service file, passwords, certificates.
    pub fn resolve(url: &str, environment: &Environment) -> Result<Self> {
        resolve(url, environment, &|folder, port| folder.join(format!(".s.PGSQL.{port}")).exists())
    }

    /// The same server and user, another database: for stages, and for what cannot be done from within a database.
    pub(crate) fn database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    /// The database that connections are made to.
    pub(crate) fn name(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Whether every address is a socket of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.addresses.iter().all(|address| address.folder().is_some())
    }
}

/// `there` says whether a server listens in a folder, on a port.
fn resolve(url: &str, environment: &Environment, there: &dyn Fn(&Path, u16) -> bool) -> Result<Settings> {
    let mut parameters = text::parse(url)?;
    service::fill(&mut parameters, environment)?;
    parameters.fill_from_variables(&environment.variables)?;
    fill_defaults(&mut parameters, environment)?;
    let mut addresses = address::list(&parameters, there)?;
    let unread = passfile::fill(&mut addresses, &parameters, environment)?;
    let all_local = addresses.iter().all(|address| address.folder().is_some());
    Ok(Settings {
        config: driver::config(&parameters)?,
        security: Security::new(&parameters, environment.home.as_deref(), all_local)?,
        role: parameters.get("role").map(str::to_owned),
        location: location::of(&parameters, &addresses),
        patience: driver::patience(&parameters)?,
        addresses,
        unread,
    })
}

/// The user is the operating system's, the database is called like the user.
fn fill_defaults(parameters: &mut Parameters, environment: &Environment) -> Result<()> {
    if parameters.get("user").is_none() {
        let user = environment.user.as_deref().ok_or_else(|| {
            Error::new("usage", "No user is named; write postgres://USER@HOST/DATABASE or set PGUSER")
        })?;
        parameters.set("user", user);
    }
    if parameters.get("dbname").is_none() {
        let user = parameters.get("user").unwrap_or_default().to_owned();
        parameters.set("dbname", &user);
    }
    Ok(())
}
