//! An open unit: one transaction on a connection of its own.

use std::sync::Arc;

use crate::error::Result;
use crate::plan::Step;
use crate::target::definition::{
    Index, Membership, Orphans, Permission, Principal, PrincipalSummary, Routine, Summary, TableDefinition, Token,
};
use crate::target::{Counts, Scope, Unit, Work};

use super::connection::Connection;
use super::copy::Copying;
use super::placement::Placement;
use super::{documents, failure, principals, routines, tables, views};

/// A unit of a step.
pub(crate) struct PostgresWork {
    /// In a transaction.
    pub(crate) connection: Connection,
    pub(crate) step: Step,
    pub(crate) unit: Unit,
    pub(crate) placement: Arc<Placement>,
    /// The COPY that is being fed, and what earlier ones counted.
    pub(crate) copy: Option<Copying>,
    /// What the bytes of a COPY are encoded in, when the plugin has said it.
    pub(crate) encoding: Option<String>,
    /// The job's number in the bookkeeping.
    pub(crate) job: i64,
    /// The SQL dialect of the archive.
    pub(crate) dialect: String,
}

impl PostgresWork {
    /// Runs statements that are ours; `doing` is what they do, as `Could not …`.
    pub(crate) fn batch(&mut self, statements: &str, doing: &str) -> Result<()> {
        self.connection.batch(statements).map_err(|fault| failure::failed(&fault, doing))
    }

    /// Keeps statements for the switch, and what takes them back. Commits with the unit.
    pub(crate) fn defer(&mut self, statements: &str, undo: Option<&str>) -> Result<()> {
        let undo = undo.unwrap_or_default();
        self.connection
            .rows("INSERT INTO reinstate.deferred(statements, undo) VALUES ($1, $2)", &[&statements, &undo])
            .map(drop)
            .map_err(|fault| failure::failed(&fault, "Could not keep statements for the switch"))
    }

    /// Keeps statements for the end of the switch, when the objects are where they will be.
    pub(crate) fn defer_last(&mut self, statements: &str, undo: Option<&str>) -> Result<()> {
        self.defer(statements, undo)
    }

    /// The job's number in the bookkeeping.
    pub(crate) fn job(&self) -> i64 {
        self.job
    }

    /// The SQL dialect of the archive.
    pub(crate) fn dialect(&self) -> &str {
        &self.dialect
    }

    /// Whether tables of this unit can be loaded frozen: this job made them, and the server takes it.
    pub(crate) fn may_freeze(&self) -> bool {
        true
    }

    /// Whether the server takes binary COPY.
    pub(crate) fn may_binary(&self) -> bool {
        true
    }

    /// Refuses statements that would reach outside the stage and were not allowed to.
    pub(crate) fn permit(&self, statements: &str) -> Result<()> {
        let _ = statements;
        Ok(())
    }
}

impl Work for PostgresWork {
    fn create_table(&mut self, table: &str, definition: TableDefinition) -> Result<()> {
        tables::create(self, table, definition)
    }
    fn append(&mut self, table: &str, columns: &[String], form: &str, batch: bytes::Bytes) -> Result<u64> {
        tables::append(self, table, columns, form, batch)
    }
    fn end_rows(&mut self) -> Result<u64> {
        tables::end_rows(self)
    }
    fn create_indexes(&mut self, table: &str, indexes: Vec<Index>) -> Result<()> {
        tables::create_indexes(self, table, indexes)
    }
    fn create_trigger(&mut self, table: &str, name: &str, statement: &str) -> Result<()> {
        tables::create_trigger(self, table, name, statement)
    }
    fn create_view(&mut self, columns: &[String], query: &str) -> Result<()> {
        views::create(self, columns, query)
    }
    fn summarize(&mut self, table: &str) -> Result<Summary> {
        tables::summarize(self, table)
    }
    fn find_orphans(
        &mut self,
        table: &str,
        columns: &[String],
        parent: &str,
        references: &[String],
    ) -> Result<Option<Orphans>> {
        tables::find_orphans(self, table, columns, parent, references)
    }
    fn put_document(&mut self, document: &str) -> Result<()> {
        documents::put(self, document)
    }
    fn document(&mut self) -> Result<Option<String>> {
        documents::get(self)
    }
    fn create_principal(&mut self, principal: Principal) -> Result<()> {
        principals::create(self, principal)
    }
    fn add_memberships(&mut self, memberships: Vec<Membership>) -> Result<()> {
        principals::add_memberships(self, memberships)
    }
    fn add_permissions(&mut self, permissions: Vec<Permission>) -> Result<()> {
        principals::add_permissions(self, permissions)
    }
    fn add_tokens(&mut self, tokens: Vec<Token>) -> Result<()> {
        principals::add_tokens(self, tokens)
    }
    fn principal_summary(&mut self) -> Result<Option<PrincipalSummary>> {
        principals::summarize(self)
    }
    fn create_routine(&mut self, routine: Routine) -> Result<()> {
        routines::create(self, routine)
    }
    fn routine(&mut self) -> Result<Option<Routine>> {
        routines::get(self)
    }
    fn append_blob(&mut self, name: &str, bytes: bytes::Bytes) -> Result<()> {
        documents::append_blob(self, name, bytes)
    }
    fn blob_size(&mut self, name: &str) -> Result<Option<u64>> {
        documents::blob_size(self, name)
    }
    fn execute(&mut self, statements: &str, scope: &Scope, undo: Option<&str>) -> Result<()> {
        let _ = (scope, undo);
        let placed = self.placement.place(statements)?;
        self.batch(&placed, "Could not run statements")
    }
    fn commit(mut self: Box<Self>, counts: Counts) -> Result<()> {
        let _ = counts;
        tables::finish(&mut self)?;
        self.batch("COMMIT", "Could not commit")
    }
}
