//! What a server says of itself, of who we are and of the database.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;

use super::cells::{Cells, unexpected};

/// The number that a catalogue knows something by.
pub(super) type Oid = u32;

pub(super) const QUERY: &str = include_str!("server.sql");

/// The oldest version that can be restored into, as `server_version_num` writes it.
const OLDEST: u32 = 120_000;

/// A role.
pub(super) struct Role {
    pub(super) name: String,
    pub(super) can_login: bool,
    /// Whether what it owns is as good as ours.
    pub(super) is_ours: bool,
    /// Whether we may alter the role itself.
    pub(super) may_alter: bool,
    /// Whether it may do no more than we: see [`crate::facts::Facts::plain_roles`].
    pub(super) is_plain: bool,
    pub(super) mark: String,
}

/// A standby that is connected.
pub(super) struct Standby {
    pub(super) name: String,
    pub(super) state: String,
    /// Commits wait for it.
    pub(super) is_synchronous: bool,
}

/// The database that one is connected to.
#[derive(Default)]
pub(super) struct Database {
    pub(super) encoding: String,
    pub(super) may_create: bool,
    pub(super) is_ours: bool,
    pub(super) owner: String,
    pub(super) is_template: bool,
    /// Where its files are, when that is not the server's folder.
    pub(super) folder: Option<String>,
    pub(super) free_connections: Option<i64>,
}

/// A server.
#[derive(Default)]
pub(super) struct Server {
    pub(super) number: u32,
    pub(super) version: String,
    /// Who we are, and who we were before `SET ROLE`.
    pub(super) user: String,
    pub(super) session_user: String,
    pub(super) is_standby: bool,
    pub(super) reads_only: bool,
    pub(super) folder: Option<String>,
    /// The setting, where commits wait for standbys.
    pub(super) synchronous: Option<String>,
    pub(super) free_connections: i64,
    pub(super) may_create_databases: bool,
    pub(super) free_for_role: Option<i64>,
    /// Whose the schema `reinstate` is, when it is neither ours nor absent.
    pub(super) bookkeeper: Option<String>,
    pub(super) database: Database,
    pub(super) roles: HashMap<Oid, Role>,
    pub(super) available: BTreeSet<String>,
    pub(super) standbys: Vec<Standby>,
    /// Replication slots that wait for a standby.
    pub(super) waiting_slots: Vec<String>,
    /// Databases that may be those of jobs.
    pub(super) beside: Vec<String>,
}

impl Server {
    /// Reads the answer to [`QUERY`].
    pub(super) fn read(rows: Vec<Vec<Option<String>>>) -> Result<Self> {
        let mut server = Self::default();
        for row in rows {
            server.take(Cells::of(row))?;
        }
        if server.user.is_empty() { Err(unexpected("it does not say who we are")) } else { Ok(server) }
    }

    /// Why it cannot be restored into, where its version is the reason.
    pub(super) fn unsupported(&self) -> Option<String> {
        (self.number < OLDEST).then(|| "PostgreSQL 12 is the oldest version that can be restored into".to_owned())
    }

    /// Whether we are allowed everything that the owner may do.
    pub(super) fn owns(&self, owner: Oid) -> bool {
        self.roles.get(&owner).is_some_and(|role| role.is_ours)
    }

    fn take(&mut self, mut cells: Cells) -> Result<()> {
        match cells.text()?.as_str() {
            "server" => self.take_server(cells)?,
            "database" => {
                self.database = Database {
                    encoding: cells.text()?,
                    may_create: cells.flag()?,
                    is_ours: cells.flag()?,
                    owner: cells.text()?,
                    is_template: cells.flag()?,
                    folder: cells.optional(),
                    free_connections: cells.optional_number()?,
                }
            }
            "role" => {
                let (oid, name) = (cells.number()?, cells.text()?);
                let (can_login, is_ours, may_alter) = (cells.flag()?, cells.flag()?, cells.flag()?);
                let is_plain = cells.flag()?;
                self.roles.insert(oid, Role { name, can_login, is_ours, may_alter, is_plain, mark: cells.text()? });
            }
            "available" => drop(self.available.insert(cells.text()?)),
            "standby" => {
                self.standbys.push(Standby { name: cells.text()?, state: cells.text()?, is_synchronous: cells.flag()? })
            }
            "slot" => self.waiting_slots.push(cells.text()?),
            "beside" => self.beside.push(cells.text()?),
            other => return Err(unexpected(&format!("nobody asked for `{other}`"))),
        }
        Ok(())
    }

    fn take_server(&mut self, mut cells: Cells) -> Result<()> {
        self.number = cells.number()?;
        let version = cells.text()?;
        // Distributors write their own number behind it.
        self.version = version.split(' ').next().unwrap_or_default().to_owned();
        (self.user, self.session_user) = (cells.text()?, cells.text()?);
        (self.is_standby, self.reads_only) = (cells.flag()?, cells.flag()?);
        (self.folder, self.synchronous) = (cells.optional(), cells.optional());
        self.free_connections = cells.number()?;
        self.may_create_databases = cells.flag()?;
        self.free_for_role = cells.optional_number()?;
        self.bookkeeper = cells.optional();
        Ok(())
    }
}
