//! Objects, whatever their state, with their definitions and blobs.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::catalog::ObjectName;
use crate::error::Result;

use super::store;
use crate::target::sqlite::name::Dotted;

/// An object's state, as text in `reinstate_objects`.
pub(crate) mod state {
    pub(crate) const STAGED: &str = "staged";
    pub(crate) const LIVE: &str = "live";
    pub(crate) const KEPT: &str = "kept";
    pub(crate) const DROPPING: &str = "dropping";
}

/// The id of what a step stages: job and step in one number, so that nobody has to look it up.
pub(crate) fn staged_id(job: i64, step: u32) -> i64 {
    (job << 32) | i64::from(step)
}

/// The step that staged the object of that id.
pub(crate) fn staged_step(id: i64) -> u32 {
    (id & 0xffff_ffff) as u32
}

/// The id of what a step replaces, when reinstate did not know it before.
pub(crate) fn replaced_id(job: i64, step: u32) -> i64 {
    -staged_id(job, step) - 1
}

/// An object's row.
#[derive(Debug, Clone)]
pub(crate) struct ObjectRow {
    /// Its id.
    pub(crate) id: i64,
    /// Its name in the target.
    pub(crate) name: ObjectName,
    /// One of [`state`].
    pub(crate) state: String,
    /// The job that brought it into this state.
    pub(crate) job: i64,
    /// Suffixes of its tables and views.
    pub(crate) tables: Vec<String>,
}

fn object_row(row: &Row<'_>) -> rusqlite::Result<ObjectRow> {
    let name = ObjectName { kind: row.get(1)?, schema: row.get(2)?, name: row.get(3)? };
    let tables = serde_json::from_str(&row.get::<_, String>(6)?);
    let tables = tables
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(ObjectRow { id: row.get(0)?, name, state: row.get(4)?, job: row.get(5)?, tables })
}

/// Objects that fulfil the condition (`state = 'live'`), by id.
pub(crate) fn objects(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ObjectRow>> {
    some_objects(connection, condition, values, i64::MAX)
}

/// What is live, for reading names of the file.
pub(crate) fn dotted(live: &[ObjectRow]) -> Dotted {
    Dotted::of(live.iter().map(|row| (&row.name, row.tables.as_slice())))
}

/// As [`objects`], not more than `most`.
pub(crate) fn some_objects(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
    most: i64,
) -> Result<Vec<ObjectRow>> {
    let list = || {
        let sql = format!(
            "SELECT id, kind, schema, name, state, job, tables FROM reinstate_objects WHERE {condition} ORDER BY id LIMIT {most}"
        );
        connection.prepare(&sql)?.query_map(values, object_row)?.collect()
    };
    store(list())
}

/// Writes an object's row, whether it is there or not. The definition is left as it is when none is given.
pub(crate) fn put_object(connection: &Connection, object: &ObjectRow, definition: Option<&str>) -> Result<()> {
    let sql = "INSERT INTO reinstate_objects(id, kind, schema, name, state, job, tables, definition) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
               ON CONFLICT(id) DO UPDATE SET kind = ?2, schema = ?3, name = ?4, state = ?5, job = ?6, tables = ?7, definition = coalesce(?8, definition)";
    let ObjectRow { id, name, state, job, tables } = object;
    let tables = serde_json::Value::from(tables.clone()).to_string();
    let values = params![id, name.kind, name.schema, name.name, state, job, tables, definition];
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    Ok(())
}

/// An object's definition.
pub(crate) fn definition(connection: &Connection, id: i64) -> Result<Option<String>> {
    let read = || {
        connection
            .prepare_cached("SELECT definition FROM reinstate_objects WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()
    };
    Ok(store(read())?.flatten())
}

/// Removes an object's row and its blobs; its tables are the caller's to drop.
pub(crate) fn delete_object(connection: &Connection, id: i64) -> Result<()> {
    store(
        connection
            .prepare_cached("DELETE FROM reinstate_blobs WHERE object = ?1")
            .and_then(|mut statement| statement.execute([id])),
    )?;
    store(
        connection
            .prepare_cached("DELETE FROM reinstate_objects WHERE id = ?1")
            .and_then(|mut statement| statement.execute([id])),
    )?;
    Ok(())
}

/// Appends a piece to a blob.
pub(crate) fn append_blob(connection: &Connection, object: i64, name: &str, bytes: &[u8]) -> Result<()> {
    let sql = "INSERT INTO reinstate_blobs(object, name, seq, bytes) \
               SELECT ?1, ?2, coalesce(max(seq), 0) + 1, ?3 FROM reinstate_blobs WHERE object = ?1 AND name = ?2";
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params![object, name, bytes])))?;
    Ok(())
}

/// A blob's length; `None` when there is none.
pub(crate) fn blob_size(connection: &Connection, object: i64, name: &str) -> Result<Option<u64>> {
    let sql = "SELECT sum(length(bytes)) FROM reinstate_blobs WHERE object = ?1 AND name = ?2";
    let size = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params![object, name], |row| row.get::<_, Option<i64>>(0)));
    Ok(store(size)?.map(i64::unsigned_abs))
}

/// Jobs that have ended and have something staged.
pub(crate) fn jobs_with_leftovers(connection: &Connection) -> Result<Vec<i64>> {
    let list = || {
        let sql = "SELECT DISTINCT o.job FROM reinstate_objects AS o JOIN reinstate_jobs AS j ON j.seq = o.job WHERE o.state = 'staged' AND j.status <> 'working'";
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    store(list())
}

/// Some objects that are marked to be dropped, with the job that kept them and their parts as JSON.
pub(crate) fn dropping(connection: &Connection, most: i64) -> Result<Vec<(i64, i64, String)>> {
    let list = || {
        let sql = "SELECT o.id, o.job, coalesce(e.parts, '[]') FROM reinstate_objects AS o LEFT JOIN reinstate_exchanges AS e ON e.object = o.id AND e.job = o.job \
                   WHERE o.state = 'dropping' ORDER BY o.id LIMIT ?1";
        connection.prepare(sql)?.query_map([most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    };
    store(list())
}
