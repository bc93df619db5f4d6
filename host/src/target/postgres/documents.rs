//! Documents and blobs of kinds that PostgreSQL has no word for, in the schema `reinstate`.

use crate::error::Result;

use super::work::PostgresWork;

pub(super) fn put(work: &mut PostgresWork, document: &str) -> Result<()> {
    unimplemented!()
}

pub(super) fn get(work: &mut PostgresWork) -> Result<Option<String>> {
    unimplemented!()
}

pub(super) fn append_blob(work: &mut PostgresWork, name: &str, bytes: bytes::Bytes) -> Result<()> {
    unimplemented!()
}

pub(super) fn blob_size(work: &mut PostgresWork, name: &str) -> Result<Option<u64>> {
    unimplemented!()
}
