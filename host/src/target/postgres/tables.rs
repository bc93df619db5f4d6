//! The object's tables: created, filled by COPY, indexed.

use crate::error::Result;
use crate::target::definition::{Index, Orphans, Summary, TableDefinition};

use super::work::PostgresWork;

pub(super) fn create(work: &mut PostgresWork, table: &str, definition: TableDefinition) -> Result<()> {
    unimplemented!()
}

pub(super) fn append(
    work: &mut PostgresWork,
    table: &str,
    columns: &[String],
    form: &str,
    batch: bytes::Bytes,
) -> Result<u64> {
    unimplemented!()
}

pub(super) fn end_rows(work: &mut PostgresWork) -> Result<u64> {
    unimplemented!()
}

pub(super) fn create_indexes(work: &mut PostgresWork, table: &str, indexes: Vec<Index>) -> Result<()> {
    unimplemented!()
}

pub(super) fn create_trigger(work: &mut PostgresWork, table: &str, name: &str, statement: &str) -> Result<()> {
    unimplemented!()
}

pub(super) fn summarize(work: &mut PostgresWork, table: &str) -> Result<Summary> {
    unimplemented!()
}

pub(super) fn find_orphans(
    work: &mut PostgresWork,
    table: &str,
    columns: &[String],
    parent: &str,
    references: &[String],
) -> Result<Option<Orphans>> {
    unimplemented!()
}
