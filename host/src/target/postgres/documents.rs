//! Documents and blobs of kinds that PostgreSQL has no word for, in the schema `reinstate`.

use crate::error::Result;

use super::store;
use super::work::PostgresWork;

pub(super) fn put(work: &mut PostgresWork, document: &str) -> Result<()> {
    let statement = store::put_document(work.job(), work.step.id, &work.step.into, document);
    work.batch(&statement, "Could not stage the document")
}

pub(super) fn get(work: &mut PostgresWork) -> Result<Option<String>> {
    let (job, step) = (work.job(), work.step.id);
    store::staged_document(&mut work.connection, job, step)
}

pub(super) fn append_blob(work: &mut PostgresWork, name: &str, bytes: bytes::Bytes) -> Result<()> {
    unimplemented!()
}

pub(super) fn blob_size(work: &mut PostgresWork, name: &str) -> Result<Option<u64>> {
    unimplemented!()
}
