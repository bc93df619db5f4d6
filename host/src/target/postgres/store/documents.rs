//! Objects that PostgreSQL has no word for, as documents, with the tables that belong to them.

use crate::catalog::ObjectName;
use crate::error::Result;

use super::super::connection::Connection;
use super::super::placement::literal;
use super::{Columns, array, ask, maybe, numbers, run};

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) id: i64,
    pub(crate) job: i64,
    pub(crate) step: u32,
    /// `staged`, `live` or `kept`.
    pub(crate) state: String,
    pub(crate) name: ObjectName,
    pub(crate) tables: Owned,
}

/// Names of the tables, in the object's schema.
pub(crate) type Owned = Vec<String>;

/// Keeps the document that a step stages, in the place of what it had staged before. Belongs into the unit's own transaction.
pub(crate) fn put_document(job: i64, step: u32, name: &ObjectName, document: &str) -> String {
    format!(
        "INSERT INTO reinstate.documents(job, step, state, kind, schema, name, document) \
         VALUES ({job}, {step}, 'staged', {}, {}, {}, {}) ON CONFLICT (job, step) DO UPDATE SET document = excluded.document",
        literal(&name.kind),
        maybe(name.schema.as_deref()),
        literal(&name.name),
        literal(document)
    )
}

/// The document that a step has staged.
pub(crate) fn staged_document(connection: &mut Connection, job: i64, step: u32) -> Result<Option<String>> {
    let which = format!("job = {job} AND step = {step} AND state = 'staged'");
    let rows = ask(connection, &format!("SELECT document FROM reinstate.documents WHERE {which}"))?;
    Ok(rows.into_iter().flatten().flatten().next())
}

/// Documents that fit a condition.
pub(crate) fn documents(connection: &mut Connection, which: &str) -> Result<Vec<Document>> {
    let statement = format!(
        "SELECT id, job, step, state, kind, schema, name, pg_catalog.to_json(tables) FROM reinstate.documents WHERE {which} ORDER BY id"
    );
    let document = |row| {
        let mut row = Columns::of(row);
        Ok(Document {
            id: row.number()?,
            job: row.number()?,
            step: row.number()?,
            state: row.text(),
            name: ObjectName { kind: row.text(), schema: row.maybe(), name: row.text() },
            tables: serde_json::from_str(&row.text()).unwrap_or_default(),
        })
    };
    ask(connection, &statement)?.into_iter().map(document).collect()
}

/// Writes state, name and tables of a document.
pub(crate) fn set_document(connection: &mut Connection, document: &Document) -> Result<()> {
    let Document { id, state, name, tables, .. } = document;
    run(
        connection,
        &format!(
            "UPDATE reinstate.documents SET state = {}, schema = {}, name = {}, tables = {} WHERE id = {id}",
            literal(state),
            maybe(name.schema.as_deref()),
            literal(&name.name),
            array(tables.iter().map(String::as_str))
        ),
    )
}

/// Drops documents.
pub(crate) fn delete_documents(connection: &mut Connection, ids: &[i64]) -> Result<()> {
    run(connection, &format!("DELETE FROM reinstate.documents WHERE id = ANY({})", numbers(ids)))
}

/// Drops what a job, or one of its steps, has staged.
pub(crate) fn clear_documents(connection: &mut Connection, job: i64, step: Option<u32>) -> Result<()> {
    let step = step.map(|step| format!(" AND step = {step}")).unwrap_or_default();
    run(connection, &format!("DELETE FROM reinstate.documents WHERE job = {job} AND state = 'staged'{step}"))
}
