//! Our bookkeeping: tables in the same file, so that rows and the record of having written them commit together.

use crate::error::Result;

use super::failure::failed;

mod exchanges;
mod jobs;
mod journal;
mod objects;
mod schema;

pub(crate) use exchanges::*;
pub(crate) use jobs::*;
pub(crate) use journal::*;
pub(crate) use objects::*;
pub(crate) use schema::*;

fn store<T>(result: rusqlite::Result<T>) -> Result<T> {
    result.map_err(|error| failed(error, "Could not read or write the bookkeeping"))
}
