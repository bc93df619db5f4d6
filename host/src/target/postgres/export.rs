//! Writes a database into an archive: everything that the plugins of reinstate's own archives restore.
//!
//! One snapshot is shared by all connections. What has a word in the archive's format is written in it; what belongs to a table and has none goes along
//! with the table as a statement; types, domains, sequences, aggregates, materialized views and extensions are objects of their own, with the
//! statements that make them. Not kept is what changes nothing that a query could see (owners, storage parameters, tablespaces, statistics targets,
//! comments on what is no table). What would be lost otherwise is named, all at once, and refused.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::backup::Writer;
use crate::error::{Error, Result};

use super::connection::Connection;
use super::failure;
use super::settings::Settings;

mod catalog;
mod columns;
mod constraints;
mod definitions;
mod documents;
mod pieces;
mod roles;
mod rows;
mod schemas;
mod sequences;
mod tables;
mod unsupported;
mod views;

use catalog::Catalog;

/// What makes values the same text wherever they are written.
const SESSION: &str = "SET search_path TO pg_catalog; SET datestyle TO ISO; SET intervalstyle TO postgres;
    SET timezone TO 'UTC'; SET extra_float_digits TO 3; SET bytea_output TO hex; SET row_security TO off;
    SET statement_timeout TO 0; SET lock_timeout TO 0; SET idle_in_transaction_session_timeout TO 0;
    SET synchronize_seqscans TO off; SET client_encoding TO 'UTF8'";

/// The schemas of the database's own, by `pg_namespace n`.
const OWN: &str = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'reinstate')
    AND n.nspname !~ '^reinstate_(stage|kept)_r-'";

/// A connection in the snapshot.
struct Source {
    connection: Connection,
    /// `server_version_num`.
    version: i32,
    snapshot: Snapshot,
}

/// What others need to see the same.
#[derive(Clone)]
struct Snapshot {
    settings: Settings,
    name: String,
}

/// Writes everything the database holds, as it is in one moment. Returns the position in the write-ahead log.
pub(super) fn export(settings: &Settings, writer: &mut Writer) -> Result<Option<String>> {
    let (mut source, position) = Source::open(settings)?;
    let mut catalog = Catalog::read(&mut source)?;
    unsupported::refuse(&mut source)?;
    let restored = documents::read(&mut source)?;
    let owned: BTreeSet<_> = restored.iter().flat_map(documents::Restored::tables).collect();
    catalog.depend(&mut source)?;
    let sequences = sequences::read(&mut source, &mut catalog)?;
    schemas::write(&mut source, writer, &restored)?;
    definitions::write(&mut source, writer, &catalog, &sequences, &restored)?;
    let tables = tables::read(&mut source, &catalog, &sequences, &documents::subscriptions(&restored))?;
    let mine = |table: &&tables::Table| !owned.contains(&table.key());
    let written: Vec<&tables::Table> = tables.iter().filter(mine).collect();
    rows::write(
        &source.snapshot,
        writer,
        &written,
        |writer, table| table.begin(writer, &catalog),
        |writer, table, _| table.end(writer),
    )?;
    views::write(&mut source, writer, &catalog)?;
    roles::write(&mut source, writer, &catalog, &restored)?;
    documents::write(&mut source, writer, &restored, &tables)?;
    Ok(position)
}

impl Source {
    fn open(settings: &Settings) -> Result<(Self, Option<String>)> {
        let connection = Connection::open(settings)?;
        let snapshot = Snapshot { settings: settings.clone(), name: String::new() };
        let mut source = Self { connection, version: 0, snapshot };
        source.batch(SESSION)?;
        source.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let about = "SELECT current_setting('server_version_num')::int4,
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text";
        let rows = source.ask(about, &[])?;
        let position = rows.first().and_then(|row| row.get(1));
        source.version = rows.first().map_or(0, |row| row.get(0));
        let rows = source.ask("SELECT pg_export_snapshot()", &[])?;
        source.snapshot.name = rows.first().map_or_else(String::new, |row| row.get(0));
        Ok((source, position))
    }

    fn batch(&mut self, statements: &str) -> Result<()> {
        self.connection.batch(statements).map_err(|fault| failed(&fault))
    }

    fn ask(&mut self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.connection.rows(query, parameters).map_err(|fault| failed(&fault))
    }
}

impl Snapshot {
    /// Another connection that sees the same.
    fn open(&self) -> Result<Connection> {
        let mut connection = Connection::open(&self.settings)?;
        let snapshot = super::placement::literal(&self.name);
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {snapshot}");
        connection.batch(SESSION).and_then(|()| connection.batch(&begin)).map_err(|fault| failed(&fault))?;
        Ok(connection)
    }
}

fn failed(fault: &super::connection::Fault) -> Error {
    failure::failed(fault, "The database could not be read").state("No archive was written")
}

fn unsupported(what: &str) -> Error {
    Error::new("backup.unsupported", format!("{what}; an archive cannot carry that")).state("No archive was written")
}

fn unwritable(error: std::io::Error) -> Error {
    Error::new("host.io", format!("The archive could not be written: {error}")).state("No archive was written")
}
