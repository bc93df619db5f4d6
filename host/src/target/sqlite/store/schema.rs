//! The bookkeeping tables themselves, views for people over them, and the schemas that jobs brought.

use rusqlite::{Connection, params};

use crate::error::{Error, Result};

use super::jobs::no_job;
use super::store;

/// Tables and views, by name, in the order in which they are created.
const SCHEMA: &[(&str, &str)] = &[
    (
        "reinstate_jobs",
        "CREATE TABLE reinstate_jobs(
  seq INTEGER PRIMARY KEY,
  job TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL, -- working, succeeded, failed, undone, discarded
  started TEXT NOT NULL,
  ended TEXT,
  backup_name TEXT NOT NULL,
  backup_id TEXT NOT NULL,
  archive TEXT NOT NULL,
  plan TEXT NOT NULL,
  settings TEXT NOT NULL,
  report TEXT,
  new_file INTEGER NOT NULL, -- the job created this file
  new_sequences INTEGER NOT NULL -- there was no sqlite_sequence before it
)",
    ),
    (
        "reinstate_journal",
        "CREATE TABLE reinstate_journal(
  job INTEGER NOT NULL,
  step INTEGER NOT NULL,
  unit TEXT NOT NULL, -- begin, end, whole, or a part's number
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(job, step, unit)
) WITHOUT ROWID",
    ),
    (
        "reinstate_objects",
        "CREATE TABLE reinstate_objects(
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  schema TEXT, -- that of its tables is main
  name TEXT NOT NULL,
  state TEXT NOT NULL, -- staged, live, kept (hidden for undo), dropping
  job INTEGER NOT NULL, -- the job that staged it, made it live or put it aside
  tables TEXT NOT NULL, -- suffixes of its tables and views, a JSON list
  definition TEXT -- JSON; absent for what reinstate did not restore
)",
    ),
    (
        "reinstate_blobs",
        "CREATE TABLE reinstate_blobs(
  object INTEGER NOT NULL,
  name TEXT NOT NULL,
  seq INTEGER NOT NULL, -- pieces, in order
  bytes BLOB NOT NULL,
  PRIMARY KEY(object, name, seq)
)",
    ),
    (
        "reinstate_exchanges",
        "CREATE TABLE reinstate_exchanges(
  job INTEGER NOT NULL,
  step INTEGER NOT NULL,
  role TEXT NOT NULL, -- in: the restored object, out: the one it replaced
  object INTEGER NOT NULL,
  aside_schema TEXT, -- where it stays visible when it gives way
  aside_name TEXT,
  parts TEXT NOT NULL, -- its rows of sqlite_schema, live and off, JSON
  fingerprint TEXT NOT NULL, -- of what is visible of it
  PRIMARY KEY(job, step, role)
)",
    ),
    (
        "reinstate_schemas",
        "CREATE TABLE reinstate_schemas(
  name TEXT PRIMARY KEY,
  job INTEGER NOT NULL
)",
    ),
    (
        "reinstate_users",
        "CREATE VIEW reinstate_users AS
SELECT kind, name, json_extract(definition, '$.principal.login') AS login,
  json_extract(definition, '$.principal.password_hash') AS password_hash,
  json_extract(definition, '$.principal.valid_until') AS valid_until,
  json_extract(definition, '$.principal.attributes') AS attributes
FROM reinstate_objects WHERE state = 'live' AND json_type(definition, '$.principal') = 'object'",
    ),
    (
        "reinstate_members",
        "CREATE VIEW reinstate_members AS
SELECT json_extract(m.value, '$.role') AS role, o.name AS member, json_extract(m.value, '$.admin') AS admin
FROM reinstate_objects AS o, json_each(o.definition, '$.principal.memberships') AS m WHERE o.state = 'live'",
    ),
    (
        "reinstate_permissions",
        "CREATE VIEW reinstate_permissions AS
SELECT o.kind AS grantee_kind, o.name AS grantee, json_extract(p.value, '$.privilege') AS privilege,
  json_extract(p.value, '$.on.kind') AS kind, json_extract(p.value, '$.on.schema') AS schema,
  json_extract(p.value, '$.on.name') AS name, json_extract(p.value, '$.grantable') AS grantable
FROM reinstate_objects AS o, json_each(o.definition, '$.principal.permissions') AS p WHERE o.state = 'live'",
    ),
    (
        "reinstate_tokens",
        "CREATE VIEW reinstate_tokens AS
SELECT o.name AS user, json_extract(t.value, '$.id') AS id, json_extract(t.value, '$.hash') AS hash,
  json_extract(t.value, '$.description') AS description, json_extract(t.value, '$.expires') AS expires
FROM reinstate_objects AS o, json_each(o.definition, '$.principal.tokens') AS t WHERE o.state = 'live'",
    ),
    (
        "reinstate_routines",
        "CREATE VIEW reinstate_routines AS
SELECT kind, schema, name, json_extract(definition, '$.routine.language') AS language,
  json_extract(definition, '$.routine.definition') AS definition,
  json_extract(definition, '$.routine.environment') AS environment,
  json_extract(definition, '$.routine.attributes') AS attributes
FROM reinstate_objects WHERE state = 'live' AND json_type(definition, '$.routine') = 'object'",
    ),
];

/// Whether bookkeeping is there, and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bookkeeping {
    /// No job has been here.
    Absent,
    /// As this version makes it.
    Present,
    /// Something else has these names.
    Foreign,
}

/// Looks for the bookkeeping tables.
pub(crate) fn bookkeeping(connection: &Connection) -> Result<Bookkeeping> {
    let mut found = 0;
    let mut statement = store(connection.prepare("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'reinstate%'"))?;
    let mut rows = store(statement.query([]))?;
    while let Some(row) = store(rows.next())? {
        let (name, sql): (String, Option<String>) = store(row.get(0).and_then(|name| Ok((name, row.get(1)?))))?;
        if let Some((_, own)) = SCHEMA.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name)) {
            if sql.as_deref() != Some(own) {
                return Ok(Bookkeeping::Foreign);
            }
            found += 1;
        }
    }
    Ok(match found {
        0 => Bookkeeping::Absent,
        found if found == SCHEMA.len() => Bookkeeping::Present,
        _ => Bookkeeping::Foreign,
    })
}

/// Fails unless the bookkeeping is there, naming the job that was asked for.
pub(crate) fn require(connection: &Connection, job: &str) -> Result<()> {
    match bookkeeping(connection)? {
        Bookkeeping::Present => Ok(()),
        Bookkeeping::Absent => Err(no_job(job)),
        Bookkeeping::Foreign => Err(foreign()),
    }
}

/// The error for tables that have our names and are not ours.
pub(crate) fn foreign() -> Error {
    Error::new(
        "target.unsupported",
        "The file's `reinstate_` tables were made by another version or another program; use that version",
    )
}

/// Creates the bookkeeping tables where they are missing.
pub(crate) fn create(connection: &Connection) -> Result<()> {
    match bookkeeping(connection)? {
        Bookkeeping::Present => Ok(()),
        Bookkeeping::Foreign => Err(foreign()),
        Bookkeeping::Absent => SCHEMA.iter().try_for_each(|(_, sql)| store(connection.execute_batch(sql))),
    }
}

/// Drops the bookkeeping tables when no job is left.
pub(crate) fn drop_if_empty(connection: &Connection) -> Result<bool> {
    let jobs: i64 = store(connection.query_row("SELECT count(*) FROM reinstate_jobs", [], |row| row.get(0)))?;
    if jobs > 0 {
        return Ok(false);
    }
    for (name, sql) in SCHEMA.iter().rev() {
        let what = if sql.starts_with("CREATE VIEW") { "VIEW" } else { "TABLE" };
        store(connection.execute_batch(&format!("DROP {what} {name}")))?;
    }
    Ok(true)
}

/// Records schemas that the job brought; those that are known stay with the job that brought them.
pub(crate) fn add_schema(connection: &Connection, job: i64, name: &str) -> Result<()> {
    store(connection.execute("INSERT OR IGNORE INTO reinstate_schemas(name, job) VALUES(?1, ?2)", params![name, job]))?;
    Ok(())
}

/// Forgets the schemas that the job brought, but for those where something lives.
pub(crate) fn remove_schemas(connection: &Connection, job: i64) -> Result<()> {
    let sql = "DELETE FROM reinstate_schemas WHERE job = ?1 AND name NOT IN (SELECT schema FROM reinstate_objects WHERE state = 'live' AND schema IS NOT NULL)";
    store(connection.execute(sql, [job]))?;
    Ok(())
}

/// Every recorded schema.
pub(crate) fn schemas(connection: &Connection) -> Result<Vec<String>> {
    let list = || connection.prepare("SELECT name FROM reinstate_schemas")?.query_map([], |row| row.get(0))?.collect();
    store(list())
}
