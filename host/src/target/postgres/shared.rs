//! What all units of a job share.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::error::Result;

use super::connection::Fault;
use super::failure::failed;
use super::head::Head;
use super::newcomers::Newcomers;
use super::placement::Placement;
use super::pool::{Lease, Pool};

/// What of COPY a server takes; engines that only speak PostgreSQL's protocol refuse some of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// `FREEZE`.
    pub(crate) freeze: bool,
    /// `FORMAT binary`.
    pub(crate) binary: bool,
}

/// The job's connections, names and numbers.
pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    pub(crate) placement: Arc<Placement>,
    /// The job's number in the bookkeeping.
    pub(crate) seq: i64,
    /// The SQL dialect of the archive.
    pub(crate) dialect: String,
    /// Codes of statements that may reach outside the stage.
    pub(crate) allow: BTreeSet<String>,
    /// Schemas that the job makes, by the archive's names and the target's.
    pub(crate) schemas: Vec<(String, String)>,
    /// Roles that the switch makes.
    pub(crate) newcomers: Newcomers,
    abilities: OnceLock<Abilities>,
    /// Partitioned tables, by the schema that they are in and their names: they take no frozen rows.
    partitioned: Mutex<HashSet<(String, String)>>,
}

impl Shared {
    pub(crate) fn new(pool: Arc<Pool>, placement: Placement, seq: i64, head: &Head) -> Self {
        Self {
            pool,
            placement: Arc::new(placement),
            seq,
            dialect: head.dialect.clone(),
            allow: head.allow.clone(),
            schemas: head.made_schemas(),
            newcomers: Newcomers::of(&head.steps),
            abilities: OnceLock::new(),
            partitioned: Mutex::default(),
        }
    }

    /// What the server takes; tried once a job. A server that cannot be asked is taken for a plain one.
    pub(crate) fn abilities(&self) -> Abilities {
        *self.abilities.get_or_init(|| {
            let tried = self.pool.lease().and_then(|mut lease| {
                let frozen = takes(&mut lease, "FREEZE true", Bytes::new())?;
                Ok(Abilities { freeze: frozen, binary: takes(&mut lease, "FORMAT binary", Bytes::from_static(EMPTY))? })
            });
            tried.unwrap_or(Abilities { freeze: false, binary: false })
        })
    }

    pub(crate) fn add_partitioned(&self, schema: &str, name: &str) {
        let mut partitioned = self.partitioned.lock().unwrap_or_else(PoisonError::into_inner);
        partitioned.insert((schema.to_owned(), name.to_owned()));
    }

    pub(crate) fn is_partitioned(&self, schema: &str, name: &str) -> bool {
        let partitioned = self.partitioned.lock().unwrap_or_else(PoisonError::into_inner);
        partitioned.contains(&(schema.to_owned(), name.to_owned()))
    }
}

/// No rows in binary form: signature, flags, no extension, end.
const EMPTY: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff";

/// Whether COPY takes an option, tried on a table that is taken back.
fn takes(lease: &mut Lease, option: &str, rows: Bytes) -> Result<bool> {
    lease.begin();
    let tried = try_copy(lease, option, rows);
    lease.rollback()?;
    match tried {
        Ok(()) => Ok(true),
        Err(fault) if fault.code().is_some_and(|code| matches!(code.code(), "0A000" | "42601" | "22023" | "55000")) => {
            Ok(false)
        }
        Err(fault) => Err(failed(&fault, "Could not try COPY")),
    }
}

fn try_copy(lease: &mut Lease, option: &str, rows: Bytes) -> Result<(), Fault> {
    lease.batch("CREATE TABLE reinstate.probe(x integer)")?;
    let mut copy = lease.copy_in(&format!("COPY reinstate.probe FROM STDIN ({option})"))?;
    if !rows.is_empty() {
        lease.feed(&mut copy, rows)?;
    }
    lease.finish(copy).map(drop)
}
