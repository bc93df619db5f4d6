//! Functions and procedures.

use crate::error::Result;
use crate::target::definition::Routine;

use super::work::PostgresWork;

pub(super) fn create(work: &mut PostgresWork, routine: Routine) -> Result<()> {
    unimplemented!()
}

pub(super) fn get(work: &mut PostgresWork) -> Result<Option<Routine>> {
    unimplemented!()
}
