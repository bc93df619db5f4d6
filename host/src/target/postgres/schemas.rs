//! Schemas that are objects of their own: real ones, with the comment that their document has.

use serde::Deserialize;

use crate::error::Result;

use super::placement::{literal, quoted};
use super::work::PostgresWork;

/// What PostgreSQL itself has of a schema's document.
#[derive(Deserialize)]
struct Document {
    comment: Option<String>,
}

/// Makes the schema: at once in a database of the job's own, where objects are staged in it, else in the switch. An undo drops it when it is
/// empty, as it does with every schema that a switch made.
pub(super) fn create(work: &mut PostgresWork, document: &str) -> Result<()> {
    let schema = quoted(&work.step.into.name);
    let comment = serde_json::from_str::<Document>(document).ok().and_then(|document| document.comment);
    let comment = comment.map(|comment| format!(";\nCOMMENT ON SCHEMA {schema} IS {}", literal(&comment)));
    let statements = format!("CREATE SCHEMA IF NOT EXISTS {schema}{}", comment.unwrap_or_default());
    if work.placement.is_apart() {
        let doing = format!("Could not make {}", work.step.into);
        return work.batch(&statements, &doing);
    }
    work.defer(&statements, None)
}
