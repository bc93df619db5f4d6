//! Views.

use crate::error::Result;

use super::work::PostgresWork;

pub(super) fn create(work: &mut PostgresWork, columns: &[String], query: &str) -> Result<()> {
    unimplemented!()
}
