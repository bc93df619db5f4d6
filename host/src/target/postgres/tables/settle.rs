//! What waits for rows: keys, numbering, partitions, references.
//!
//! A reference needs the key of the table it refers to. The plan lets that table end first, except where tables refer to each other in a circle:
//! there whoever ends last makes the references of all. An advisory lock keeps two of a circle from ending side by side, each unseen by the other.

use crate::error::Result;
use crate::target::Unit;
use crate::target::definition::{ForeignKey, Key};

use super::super::contents::{Contents, TableContents};
use super::super::fragment::{bad, ident, idents};
use super::super::work::PostgresWork;
use super::super::{documents, failure};
use super::{Place, called, cut, other, place, run};

/// What the advisory lock of circles is about: `reinstate` in bytes, as far as they fit.
const CIRCLES: i64 = 0x7265_696e_7374_6174;

/// Makes everything that the unit's object waited with. Does nothing before the object ends.
pub(super) fn settle(work: &mut PostgresWork) -> Result<()> {
    if !matches!(work.unit, Unit::End | Unit::Whole) {
        return Ok(());
    }
    if !work.step.needs_loaded.is_empty() {
        // Before anything is read: another one of the circle may be making this one's references.
        let lock = format!("SELECT pg_catalog.pg_advisory_xact_lock({CIRCLES})");
        work.connection
            .texts(&lock)
            .map(drop)
            .map_err(|fault| failure::failed(&fault, "Could not wait for tables that refer to this one"))?;
    }
    let Some(mut contents) = documents::load(work)? else { return Ok(()) };
    if contents.tables.values().all(TableContents::is_settled) {
        return Ok(());
    }
    for (table, waits) in &mut contents.tables {
        keys(work, table, waits)?;
    }
    let mut later = false;
    for (table, waits) in &mut contents.tables {
        let keys = std::mem::take(&mut waits.foreign_keys);
        for key in keys {
            if waits_for(work, &key)? {
                later = true;
                waits.foreign_keys.push(key);
            } else {
                let place = place(work, table)?;
                let parent = other(work, key.schema.as_deref(), &key.table)?;
                if parent.is_live {
                    refer_later(work, table, &parent.sql, &key)?;
                } else {
                    refer(work, &place.sql, &parent.sql, &place.live, &key)?;
                }
            }
        }
    }
    documents::store(work, &contents)?;
    if later || !work.step.needs_loaded.is_empty() { others(work) } else { Ok(()) }
}

fn keys(work: &mut PostgresWork, table: &str, waits: &mut TableContents) -> Result<()> {
    let place = place(work, table)?;
    let doing = |what: &str| format!("Could not make {what} of table {}", place.live);
    if let Some(key) = waits.primary_key.take() {
        let add = format!("ALTER TABLE {} ADD {}", place.sql, constraint("PRIMARY KEY", &key)?);
        run(work, &add, &doing("the primary key"))?;
    }
    for key in std::mem::take(&mut waits.uniques) {
        let add = format!("ALTER TABLE {} ADD {}", place.sql, constraint("UNIQUE", &key)?);
        run(work, &add, &doing("a unique constraint"))?;
    }
    if let Some((column, last)) = waits.numbered.take() {
        number(work, &place, &column, last)?;
    }
    if let Some((parent, bound)) = waits.partition.take() {
        let attach = format!("ALTER TABLE {parent} ATTACH PARTITION {} {bound}", place.sql);
        run(work, &attach, &doing("a partition"))?;
    }
    Ok(())
}

/// A PostgreSQL archive says where the numbering stood. Other systems number behind the largest number that is there or ever was.
fn number(work: &mut PostgresWork, place: &Place, column: &str, last: Option<i64>) -> Result<()> {
    let exact = last.is_some() && matches!(work.dialect(), "postgresql" | "postgres");
    let largest =
        if exact { "$3::bigint".to_owned() } else { format!("greatest(max({})::bigint, $3::bigint)", ident(column)?) };
    let from = if exact { String::new() } else { format!(" FROM {}", place.sql) };
    let number = format!(
        "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence($1::text, $2::text), n)
         FROM (SELECT {largest} AS n{from}) AS s WHERE n > 0"
    );
    let done = work.connection.rows(&number, &[&place.sql, &column, &last]);
    done.map(drop)
        .map_err(|fault| failure::failed(&fault, &format!("Could not make the numbering of table {}", place.live)))
}

fn constraint(what: &str, key: &Key) -> Result<String> {
    let name = key.name.as_deref().map(|name| ident(name).map(|name| format!("CONSTRAINT {name} "))).transpose()?;
    Ok(format!("{}{what} ({})", name.unwrap_or_default(), idents(&key.columns)?))
}

fn refer(work: &mut PostgresWork, table: &str, parent: &str, live: &str, key: &ForeignKey) -> Result<()> {
    let name = key.name.as_deref().map(ident).transpose()?;
    let add = reference(table, parent, name.as_deref(), key)?;
    run(work, &add, &format!("Could not make a foreign key of table {live}"))
}

/// A reference to a live table waits for the switch: until then nobody may notice what is staged.
fn refer_later(work: &mut PostgresWork, table: &str, parent: &str, key: &ForeignKey) -> Result<()> {
    let own = called(work, table);
    let name = match &key.name {
        Some(name) => ident(name)?,
        None => ident(&cut(&format!("{own}_{}", key.columns.join("_")), "_fkey"))?,
    };
    let schema = work.step.into.schema.as_deref().unwrap_or("public");
    let place = format!("{}.{}", ident(schema)?, ident(&own)?);
    let add = reference(&place, parent, Some(&name), key)?;
    work.permit(&add)?;
    work.defer_last(&add, Some(&format!("ALTER TABLE {place} DROP CONSTRAINT {name}")))
}

fn reference(table: &str, parent: &str, name: Option<&str>, key: &ForeignKey) -> Result<String> {
    let columns = if key.references.is_empty() { String::new() } else { format!(" ({})", idents(&key.references)?) };
    Ok(format!(
        "ALTER TABLE {table} ADD {}FOREIGN KEY ({}) REFERENCES {parent}{columns} ON UPDATE {} ON DELETE {}{}",
        name.map(|name| format!("CONSTRAINT {name} ")).unwrap_or_default(),
        idents(&key.columns)?,
        action(&key.on_update)?,
        action(&key.on_delete)?,
        if key.deferred { " DEFERRABLE INITIALLY DEFERRED" } else { "" }
    ))
}

fn action(word: &str) -> Result<&'static str> {
    let known = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];
    let found = known.into_iter().find(|known| word.eq_ignore_ascii_case(known));
    found.ok_or_else(|| bad(format!("A foreign key does `{}`, which nobody knows", word.escape_debug())))
}

/// Whether the table it refers to is of this job and has no keys yet.
fn waits_for(work: &mut PostgresWork, key: &ForeignKey) -> Result<bool> {
    if work.step.needs_loaded.is_empty() {
        return Ok(false);
    }
    let schema = key.schema.clone().or_else(|| work.step.into.schema.clone());
    let select = "SELECT contents::text FROM reinstate.document
        WHERE job = $1 AND step <> $2 AND kind = 'table' AND schema IS NOT DISTINCT FROM $3 AND name = $4
          AND state = 'staged'";
    let (job, step) = (work.job(), i64::from(work.step.id));
    let rows = work
        .connection
        .rows(select, &[&job, &step, &schema, &key.table])
        .map_err(|fault| failure::failed(&fault, "Could not look for the tables that are referred to"))?;
    let waits = |row: &tokio_postgres::Row| {
        Contents::read(row.get(0)).map(|contents| contents.tables.get("").is_some_and(|table| !table.has_keys()))
    };
    rows.first().map_or(Ok(false), waits)
}

/// Makes the references of other objects that waited for this one's keys. Those are the ones that refer to it: in a circle of three and more they
/// are not the ones that it refers to.
fn others(work: &mut PostgresWork) -> Result<()> {
    let select = "SELECT step, schema, name, contents::text FROM reinstate.document
        WHERE job = $1 AND step <> $2 AND kind = 'table' AND state = 'staged'
          AND EXISTS (SELECT FROM pg_catalog.json_array_elements(contents->'tables'->''->'foreign_keys') AS key
            WHERE key->>'table' = $3) FOR UPDATE";
    let (job, step) = (work.job(), i64::from(work.step.id));
    let doing = "Could not look for the tables that refer to this one";
    let rows = work
        .connection
        .rows(select, &[&job, &step, &work.step.into.name])
        .map_err(|fault| failure::failed(&fault, doing))?;
    let own = work.step.into.clone();
    for row in rows {
        let (other_step, schema, name): (i64, Option<String>, String) = (row.get(0), row.get(1), row.get(2));
        let mut contents = Contents::read(row.get(3))?;
        let Some(waits) = contents.tables.get_mut("").filter(|waits| waits.has_keys()) else { continue };
        let to_this =
            |key: &ForeignKey| key.table == own.name && key.schema.as_ref().or(schema.as_ref()) == own.schema.as_ref();
        let (mine, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut waits.foreign_keys).into_iter().partition(to_this);
        waits.foreign_keys = rest;
        if mine.is_empty() {
            continue;
        }
        let table = other(work, schema.as_deref(), &name)?.sql;
        let parent = place(work, "")?.sql;
        for key in &mine {
            refer(work, &table, &parent, &name, key)?;
        }
        let update = "UPDATE reinstate.document SET contents = $3::text::json WHERE job = $1 AND step = $2";
        let json = contents.write()?;
        work.connection.rows(update, &[&job, &other_step, &json]).map_err(|fault| failure::failed(&fault, doing))?;
    }
    Ok(())
}
