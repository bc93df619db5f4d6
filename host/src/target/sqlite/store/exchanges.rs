//! What jobs exchanged, for undoing it.

use rusqlite::{Connection, Row, params};

use crate::catalog::ObjectName;
use crate::error::Result;

use super::store;

/// One side of an exchange of objects.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// The step.
    pub(crate) step: u32,
    /// Whether it is the restored object, not the one it replaced.
    pub(crate) incoming: bool,
    /// The object.
    pub(crate) object: i64,
    /// Where it stays visible when it gives way.
    pub(crate) aside: Option<ObjectName>,
    /// Its parts, as JSON.
    pub(crate) parts: String,
    /// Of what is visible of it.
    pub(crate) fingerprint: String,
}

/// Writes one side of an exchange, whether it is there or not.
pub(crate) fn put_exchange(connection: &Connection, job: i64, exchange: &Exchange) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO reinstate_exchanges(job, step, role, object, aside_schema, aside_name, parts, fingerprint) \
               VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Exchange { step, incoming, object, aside, parts, fingerprint } = exchange;
    let role = if *incoming { "in" } else { "out" };
    let schema = aside.as_ref().and_then(|aside| aside.schema.as_deref());
    let values = params![job, step, role, object, schema, aside.as_ref().map(|aside| &aside.name), parts, fingerprint];
    store(connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)))?;
    Ok(())
}

/// What the job exchanged, by step.
pub(crate) fn exchanges(connection: &Connection, job: i64) -> Result<Vec<Exchange>> {
    let exchange = |row: &Row<'_>| {
        let aside = row.get::<_, Option<String>>(4)?;
        let schema = row.get(3)?;
        Ok(Exchange {
            step: row.get(0)?,
            incoming: row.get::<_, String>(1)? == "in",
            object: row.get(2)?,
            aside: aside.map(|name| ObjectName { kind: String::new(), schema, name }),
            parts: row.get(5)?,
            fingerprint: row.get(6)?,
        })
    };
    let list = || {
        let sql = "SELECT step, role, object, aside_schema, aside_name, parts, fingerprint FROM reinstate_exchanges WHERE job = ?1 ORDER BY step, role";
        connection.prepare(sql)?.query_map([job], exchange)?.collect()
    };
    store(list())
}

/// Forgets the job's side of an exchange. What reinstate did not restore and nobody exchanges any more is no object of ours.
pub(crate) fn forget_exchange(connection: &Connection, job: i64, object: i64) -> Result<()> {
    store(connection.execute("DELETE FROM reinstate_exchanges WHERE job = ?1 AND object = ?2", params![job, object]))?;
    let sql = "DELETE FROM reinstate_objects WHERE id = ?1 AND state = 'live' AND definition IS NULL \
               AND NOT EXISTS (SELECT 1 FROM reinstate_exchanges WHERE object = ?1)";
    store(connection.execute(sql, [object]))?;
    Ok(())
}

/// Forgets sides of the job whose object has been dropped.
pub(crate) fn forget_lost_exchanges(connection: &Connection, job: i64) -> Result<()> {
    let sql = "DELETE FROM reinstate_exchanges WHERE job = ?1 AND object NOT IN (SELECT id FROM reinstate_objects)";
    store(connection.execute(sql, [job]))?;
    Ok(())
}
