//! Views.

use crate::error::Result;
use crate::target::Unit;

use super::work::PostgresWork;
use super::{documents, fragment, tables};

pub(super) fn create(work: &mut PostgresWork, columns: &[String], query: &str) -> Result<()> {
    documents::writes(work)?;
    let place = tables::place(work, "")?;
    if !matches!(work.unit, Unit::Begin | Unit::Whole) {
        return Err(fragment::bad(format!("View {} can only be made when the object begins", place.live)));
    }
    let text = fragment::statement(query);
    let refused = |why: String| fragment::bad(format!("The query of view {} cannot be used: {why}", place.live));
    let tokens = fragment::whole(text).map_err(refused)?;
    let begins = |word: &str| tokens.first().is_some_and(|token| token.is_word(word) || token.is_symbol('('));
    if !["SELECT", "WITH", "VALUES", "TABLE"].into_iter().any(begins) {
        return Err(refused("it is no query".to_owned()));
    }
    let list = if columns.is_empty() { String::new() } else { format!(" ({})", fragment::idents(columns)?) };
    let statement = format!("CREATE VIEW {}{list} AS {text}", place.sql);
    tables::run(work, &statement, &format!("PostgreSQL does not take view {}", place.live))?;
    documents::update(work, |contents| {
        contents.embodied = true;
        Ok(())
    })
}
