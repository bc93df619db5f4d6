//! Documents and blobs of kinds that PostgreSQL has no word for, in the schema `reinstate`.
//!
//! `reinstate.document` has a row for every object that a job stages through a typed capability and of which something must be known that the
//! server's catalog does not say; `reinstate.blob` has bytes that belong to it, `reinstate.loaded` the rows that a part brought.
//! A row is `staged` until the switch makes it `live`; what it replaces becomes `kept`, and an undo makes it `undone`. Everything here runs in a
//! transaction of the caller's.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::names::further_table;
use crate::plan::{Action, Step};
use crate::target::Unit;

use super::connection::Connection;
use super::contents::Contents;
use super::work::PostgresWork;
use super::{copy, failure, fragment, schemas};

const TABLES: &str = "
CREATE SCHEMA IF NOT EXISTS reinstate;
CREATE TABLE IF NOT EXISTS reinstate.document (
    job bigint NOT NULL,
    step bigint NOT NULL,
    kind text NOT NULL,
    schema text,
    name text NOT NULL,
    state text NOT NULL DEFAULT 'staged' CHECK (state IN ('staged', 'live', 'kept', 'undone')),
    contents json NOT NULL,
    -- The job whose switch put another object in its place.
    replaced_by bigint,
    -- Where that switch moved it, or where it was before.
    other_schema text,
    other_name text,
    PRIMARY KEY (job, step)
);
CREATE INDEX IF NOT EXISTS document_name ON reinstate.document (name);
CREATE TABLE IF NOT EXISTS reinstate.blob (
    job bigint NOT NULL,
    step bigint NOT NULL,
    name text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    bytes bytea NOT NULL,
    PRIMARY KEY (job, step, name, seq)
);
CREATE TABLE IF NOT EXISTS reinstate.loaded (
    job bigint NOT NULL,
    step bigint NOT NULL,
    part bigint NOT NULL,
    \"table\" text NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (job, step, part, \"table\")
);
CREATE OR REPLACE VIEW reinstate.token AS
    SELECT d.name AS principal, t ->> 'id' AS id, t ->> 'hash' AS hash, t ->> 'description' AS description,
           t ->> 'expires' AS expires
    FROM reinstate.document d, json_array_elements(d.contents -> 'principal' -> 'tokens') t
    WHERE d.state = 'live';
REVOKE ALL ON reinstate.document, reinstate.blob, reinstate.loaded, reinstate.token FROM PUBLIC";

/// Relations share their names, and so do users and roles; every other kind has names of its own.
const SAME_NAME: &str = "d.name = s.name AND coalesce(d.schema, '') = coalesce(s.schema, '')
    AND CASE WHEN d.kind IN ('table', 'view', 'materialized_view', 'sequence') THEN 'relation'
             WHEN d.kind IN ('user', 'role') THEN 'principal' ELSE d.kind END
      = CASE WHEN s.kind IN ('table', 'view', 'materialized_view', 'sequence') THEN 'relation'
             WHEN s.kind IN ('user', 'role') THEN 'principal' ELSE s.kind END";

/// Makes the schema's tables of documents, where they are not there.
pub(super) fn ensure(connection: &mut Connection) -> Result<()> {
    run(connection, TABLES, "Could not make the tables of the schema `reinstate`")
}

/// Makes the job's staged documents live, for these steps, and puts what they replace out of sight. Those of other steps are dropped.
pub(super) fn switch(connection: &mut Connection, job: i64, steps: &[Step]) -> Result<()> {
    let doing = "Could not switch the documents";
    let numbers: Vec<i64> = steps.iter().map(|step| i64::from(step.id)).collect();
    displace(connection, job, steps)?;
    let drop = "DELETE FROM reinstate.document WHERE job = $1 AND state = 'staged' AND NOT step = ANY ($2)";
    connection.rows(drop, &[&job, &numbers]).map_err(|fault| failure::failed(&fault, doing))?;
    let live = "UPDATE reinstate.document SET state = 'live' WHERE job = $1 AND state = 'staged'";
    connection.rows(live, &[&job]).map_err(|fault| failure::failed(&fault, doing))?;
    sweep(connection)
}

/// Puts what the steps replace out of sight: the live rows of their names, whatever the policy. Where there is no such object the row is left
/// over from one that somebody dropped. What is renamed stays live under its other name.
fn displace(connection: &mut Connection, job: i64, steps: &[Step]) -> Result<()> {
    let steps = || steps.iter().filter(|step| step.action != Action::Skip);
    let aside = |step: &Step| step.aside.clone().filter(|_| step.action == Action::Rename);
    let kinds: Vec<&str> = steps().map(|step| step.into.kind.as_str()).collect();
    let schemas: Vec<Option<&str>> = steps().map(|step| step.into.schema.as_deref()).collect();
    let names: Vec<&str> = steps().map(|step| step.into.name.as_str()).collect();
    let other_schemas: Vec<Option<String>> = steps().map(|step| aside(step).and_then(|aside| aside.schema)).collect();
    let other_names: Vec<Option<String>> = steps().map(|step| aside(step).map(|aside| aside.name)).collect();
    let update = format!(
        "UPDATE reinstate.document d SET replaced_by = $6,
            state = CASE WHEN s.other_name IS NULL THEN 'kept' ELSE d.state END,
            schema = CASE WHEN s.other_name IS NULL THEN d.schema ELSE s.other_schema END,
            name = coalesce(s.other_name, d.name),
            other_schema = CASE WHEN s.other_name IS NULL THEN d.other_schema ELSE d.schema END,
            other_name = CASE WHEN s.other_name IS NULL THEN d.other_name ELSE d.name END
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
             s(kind, schema, name, other_schema, other_name)
         WHERE d.state = 'live' AND {SAME_NAME}"
    );
    connection
        .rows(&update, &[&kinds, &schemas, &names, &other_schemas, &other_names, &job])
        .map(drop)
        .map_err(|fault| failure::failed(&fault, "Could not put documents out of sight"))
}

/// Takes back what the job's switch did to documents; of an undone job, does it again.
pub(super) fn undo(connection: &mut Connection, job: i64) -> Result<()> {
    // What is on its way out goes first: two live rows never have one name, not even in between.
    let exchange = "UPDATE reinstate.document SET state = CASE
            WHEN job = $1 AND state = 'live' THEN 'undone'
            WHEN job = $1 AND state = 'undone' THEN 'live'
            WHEN replaced_by = $1 AND other_name IS NULL AND state = 'live' THEN 'kept'
            WHEN replaced_by = $1 AND other_name IS NULL AND state = 'kept' THEN 'live'
            ELSE state END,
            schema = CASE WHEN replaced_by = $1 AND other_name IS NOT NULL THEN other_schema ELSE schema END,
            name = CASE WHEN replaced_by = $1 AND other_name IS NOT NULL THEN other_name ELSE name END,
            other_schema = CASE WHEN replaced_by = $1 AND other_name IS NOT NULL THEN schema ELSE other_schema END,
            other_name = CASE WHEN replaced_by = $1 AND other_name IS NOT NULL THEN name ELSE other_name END
        WHERE job = $1 OR replaced_by = $1";
    connection
        .rows(exchange, &[&job])
        .map(drop)
        .map_err(|fault| failure::failed(&fault, "Could not switch the documents back"))
}

/// Drops the documents that the job's switch, or its undo, had put out of sight.
pub(super) fn discard(connection: &mut Connection, job: i64) -> Result<()> {
    let doing = "Could not drop kept documents";
    let drop = "DELETE FROM reinstate.document
        WHERE (replaced_by = $1 AND state = 'kept') OR (job = $1 AND state = 'undone')";
    connection.rows(drop, &[&job]).map_err(|fault| failure::failed(&fault, doing))?;
    let forget = "UPDATE reinstate.document SET replaced_by = NULL, other_schema = NULL, other_name = NULL
        WHERE replaced_by = $1";
    connection.rows(forget, &[&job]).map_err(|fault| failure::failed(&fault, doing))?;
    sweep(connection)
}

/// Drops what the job staged.
pub(super) fn abort(connection: &mut Connection, job: i64) -> Result<()> {
    remove(connection, job, None)
}

/// Drops what the job staged for one step.
pub(super) fn forget(connection: &mut Connection, job: i64, step: u32) -> Result<()> {
    remove(connection, job, Some(i64::from(step)))
}

fn remove(connection: &mut Connection, job: i64, step: Option<i64>) -> Result<()> {
    let doing = "Could not drop staged documents";
    for (table, staged) in [("loaded", ""), ("document", " AND state = 'staged'")] {
        let delete = format!(
            "DELETE FROM reinstate.{table} WHERE job = $1 AND ($2::bigint IS NULL OR step = $2::bigint){staged}"
        );
        connection.rows(&delete, &[&job, &step]).map_err(|fault| failure::failed(&fault, doing))?;
    }
    // A part may bring blobs before the object has a document.
    let delete = "DELETE FROM reinstate.blob b WHERE job = $1 AND ($2::bigint IS NULL OR step = $2::bigint)
        AND NOT EXISTS (SELECT FROM reinstate.document d WHERE d.job = b.job AND d.step = b.step)";
    connection.rows(delete, &[&job, &step]).map(drop).map_err(|fault| failure::failed(&fault, doing))
}

/// Drops bytes and counts whose objects are gone, and counts that nobody asks for after the switch.
fn sweep(connection: &mut Connection) -> Result<()> {
    let statements = "DELETE FROM reinstate.blob b
            WHERE NOT EXISTS (SELECT FROM reinstate.document d WHERE d.job = b.job AND d.step = b.step);
        DELETE FROM reinstate.loaded l
            WHERE NOT EXISTS (SELECT FROM reinstate.document d
                              WHERE d.job = l.job AND d.step = l.step AND d.state = 'staged')";
    run(connection, statements, "Could not drop what documents left behind")
}

/// The live objects that are nothing but documents, each with a fingerprint that changes when it does. `reinstate.document` must be there.
pub(super) fn existing(connection: &mut Connection) -> Result<BTreeMap<ObjectName, String>> {
    let select = "SELECT kind, schema, name, md5(job || '/' || step || '/' || contents::text) FROM reinstate.document
        WHERE state = 'live' AND (contents ->> 'embodied') IS DISTINCT FROM 'true'";
    let rows = connection.rows(select, &[]).map_err(|fault| failure::failed(&fault, "Could not read the documents"))?;
    Ok(rows.iter().map(|row| (named(row, 0), row.get(3))).collect())
}

/// The job's documents in a state, by step.
pub(super) fn in_state(connection: &mut Connection, job: i64, state: &str) -> Result<Vec<(u32, ObjectName)>> {
    let select = "SELECT step, kind, schema, name FROM reinstate.document WHERE job = $1 AND state = $2 ORDER BY step";
    let rows = connection.rows(select, &[&job, &state]);
    let rows = rows.map_err(|fault| failure::failed(&fault, "Could not read the documents"))?;
    let step = |row: &tokio_postgres::Row| u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
    Ok(rows.iter().map(|row| (step(row), named(row, 1))).collect())
}

/// The job's documents that are live, by step.
pub(super) fn live(connection: &mut Connection, job: i64) -> Result<Vec<(u32, ObjectName)>> {
    in_state(connection, job, "live")
}

/// Tables of live objects that are more than a table.
pub(super) fn tables(connection: &mut Connection) -> Result<Vec<(ObjectName, String)>> {
    let select = "SELECT kind, schema, name, t FROM reinstate.document, json_object_keys(contents -> 'tables') t
        WHERE state = 'live'";
    let rows = connection.rows(select, &[]).map_err(|fault| failure::failed(&fault, "Could not read the documents"))?;
    let table = |row: &tokio_postgres::Row| {
        let (object, suffix): (ObjectName, String) = (named(row, 0), row.get(3));
        let table = if suffix.is_empty() { object.name.clone() } else { further_table(&object, &suffix) };
        (object, table)
    };
    Ok(rows.iter().map(table).collect())
}

/// A document that keeps the job's switch from being undone (or done again): one that was to come back and is gone, or another that has the
/// name by now.
pub(super) fn obstacle(connection: &mut Connection, job: i64, back: bool) -> Result<Option<ObjectName>> {
    let select = format!(
        "SELECT d.kind, d.schema, d.name FROM reinstate.document d
         WHERE d.replaced_by = $1 AND d.state <> CASE WHEN d.other_name IS NULL AND $2::bool THEN 'kept' ELSE 'live' END
         UNION ALL
         SELECT d.kind, d.schema, d.name FROM reinstate.document d JOIN (
             SELECT kind, schema, name FROM reinstate.document WHERE CASE WHEN $2::bool THEN replaced_by ELSE job END = $1
             AND state IN ('kept', 'undone')) s ON {SAME_NAME}
         WHERE d.state = 'live' AND d.job <> $1 AND d.replaced_by IS DISTINCT FROM $1"
    );
    let rows = connection.rows(&select, &[&job, &back]);
    let rows = rows.map_err(|fault| failure::failed(&fault, "Could not read the documents"))?;
    Ok(rows.first().map(|row| named(row, 0)))
}

/// The name in three columns from `at` on.
fn named(row: &tokio_postgres::Row, at: usize) -> ObjectName {
    let schema: Option<String> = row.get(at + 1);
    let (kind, name): (String, String) = (row.get(at), row.get(at + 2));
    ObjectName::new(kind, schema.as_deref(), name)
}

/// What is kept of the unit's object; `None` before anything is.
pub(super) fn load(work: &mut PostgresWork) -> Result<Option<Contents>> {
    copy::close(work)?;
    if work.unit == Unit::Whole && !work.documented {
        // Nobody else writes it: most objects have nothing that is kept, and are spared the question.
        return Ok(None);
    }
    let select = "SELECT contents::text FROM reinstate.document WHERE job = $1 AND step = $2";
    let key = (work.job(), i64::from(work.step.id));
    let rows = work.connection.known(select, &[&key.0, &key.1]).map_err(|fault| failed(work, &fault))?;
    rows.first().map(|row| Contents::read(row.get(0))).transpose()
}

/// Keeps this of the unit's object. Commits with the unit.
pub(super) fn store(work: &mut PostgresWork, contents: &Contents) -> Result<()> {
    writes(work)?;
    copy::close(work)?;
    work.documented = true;
    let insert = "INSERT INTO reinstate.document (job, step, kind, schema, name, contents)
        VALUES ($1, $2, $3, $4, $5, $6::text::json)
        ON CONFLICT (job, step) DO UPDATE SET contents = EXCLUDED.contents";
    let (job, step, json) = (work.job(), i64::from(work.step.id), contents.write()?);
    let into = work.step.into.clone();
    let done = work.connection.known(insert, &[&job, &step, &into.kind, &into.schema, &into.name, &json]);
    done.map(drop).map_err(|fault| failed(work, &fault))
}

/// Changes what is kept of the unit's object.
pub(super) fn update<T>(work: &mut PostgresWork, change: impl FnOnce(&mut Contents) -> Result<T>) -> Result<T> {
    let mut contents = load(work)?.unwrap_or_default();
    let value = change(&mut contents)?;
    store(work, &contents)?;
    Ok(value)
}

/// Refuses to write where the stage is only read back.
pub(super) fn writes(work: &PostgresWork) -> Result<()> {
    match work.unit {
        Unit::Verify => Err(Error::new("plugin.write_refused", "Nothing can be written while the stage is read back")),
        _ => Ok(()),
    }
}

pub(super) fn put(work: &mut PostgresWork, document: &str) -> Result<()> {
    let document = RawValue::from_string(document.to_owned())
        .map_err(|error| fragment::bad(format!("The document of {} is not JSON: {error}", work.step.into)))?;
    if document.get().contains("\\u0000") || document.get().contains('\0') {
        // Such a text is JSON, but nothing in PostgreSQL can read it.
        let message = format!("The document of {} has a text with a byte of zero", work.step.into);
        return Err(Error::new("target.bad_value", message));
    }
    let is_schema = work.step.into.kind == "schema";
    if is_schema {
        schemas::create(work, document.get())?;
    }
    update(work, |contents| {
        contents.embodied |= is_schema;
        contents.document = Some(document);
        Ok(())
    })
}

pub(super) fn get(work: &mut PostgresWork) -> Result<Option<String>> {
    Ok(load(work)?.and_then(|contents| contents.document).map(|document| document.get().to_owned()))
}

pub(super) fn append_blob(work: &mut PostgresWork, name: &str, bytes: bytes::Bytes) -> Result<()> {
    writes(work)?;
    copy::close(work)?;
    let insert = "INSERT INTO reinstate.blob (job, step, name, bytes) VALUES ($1, $2, $3, $4)";
    let (job, step) = (work.job(), i64::from(work.step.id));
    let done = work.connection.known(insert, &[&job, &step, &name, &bytes.as_ref()]);
    done.map(drop).map_err(|fault| failed(work, &fault))
}

pub(super) fn blob_size(work: &mut PostgresWork, name: &str) -> Result<Option<u64>> {
    copy::close(work)?;
    let select = "SELECT sum(length(bytes))::bigint FROM reinstate.blob WHERE job = $1 AND step = $2 AND name = $3";
    let (job, step) = (work.job(), i64::from(work.step.id));
    let rows = work.connection.rows(select, &[&job, &step, &name]).map_err(|fault| failed(work, &fault))?;
    Ok(rows.first().and_then(|row| row.get::<_, Option<i64>>(0)).map(i64::unsigned_abs))
}

fn run(connection: &mut Connection, statements: &str, doing: &str) -> Result<()> {
    connection.batch(statements).map_err(|fault| failure::failed(&fault, doing))
}

fn failed(work: &PostgresWork, fault: &super::connection::Fault) -> Error {
    failure::failed(fault, &format!("Could not keep what is known of {}", work.step.into))
}
