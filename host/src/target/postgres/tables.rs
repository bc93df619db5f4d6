//! The object's tables: created, filled by COPY, indexed.
//!
//! A table is made in the stage with its columns, defaults and checks, so that a row that breaks a check is named. Keys wait for the rows, and
//! references for the rows and keys of the tables they refer to: they are made when the object ends ([`finish`]).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::names::further_table;
use crate::target::definition::{Index, Orphans, Summary, TableDefinition};

use super::placement::quoted;
use super::work::PostgresWork;
use super::{copy, failure, fragment};

mod create;
mod indexes;
mod pieces;
mod readback;
mod settle;
mod types;

/// A table of the unit's object.
pub(super) struct Place {
    /// The schema that it is in now.
    pub(super) schema: String,
    pub(super) name: String,
    /// Both, as SQL writes them.
    pub(super) sql: String,
    /// What it is called once it is live, for messages.
    pub(super) live: String,
}

/// A table as the server has it.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// `pg_class.relkind`.
    kind: String,
    columns: Vec<RelationColumn>,
}

#[derive(Debug, Clone)]
struct RelationColumn {
    name: String,
    category: Category,
    generated: bool,
}

/// What a column's values are, as far as it decides how they are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Boolean,
    Number,
    Bytes,
    /// `json` and `jsonb`.
    Document,
    Other,
}

impl Relation {
    /// An ordinary table: neither partitioned nor foreign.
    pub(super) fn is_plain(&self) -> bool {
        self.kind == "r"
    }

    /// The columns that rows are for: these, or all that take values.
    pub(super) fn taken(&self, columns: &[String], exactly: bool) -> Result<Vec<String>> {
        if columns.is_empty() && !exactly {
            return Ok(self.columns.iter().filter(|column| !column.generated).map(|c| c.name.clone()).collect());
        }
        let wrong = |name: &str, what: &str| {
            Error::new("plugin.bad_batch", format!("Column `{}` {what}", name.escape_debug())).column(name)
        };
        if columns.is_empty() && self.columns.iter().any(|column| !column.generated) {
            return Err(Error::new("plugin.bad_batch", "Rows have no columns"));
        }
        let mut seen = BTreeSet::new();
        for name in columns {
            match self.columns.iter().find(|column| column.name == *name) {
                None => return Err(wrong(name, "is none of the table's")),
                Some(column) if column.generated => return Err(wrong(name, "is computed and takes no values")),
                Some(_) if !seen.insert(name) => return Err(wrong(name, "is there twice")),
                Some(_) => {}
            }
        }
        Ok(columns.to_vec())
    }

    pub(super) fn category(&self, name: &str) -> Category {
        self.columns.iter().find(|column| column.name == name).map_or(Category::Other, |column| column.category)
    }

    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

/// Refuses tables that the plan does not give the object.
pub(super) fn suffix(work: &PostgresWork, table: &str) -> Result<()> {
    if table.is_empty() || work.step.tables.iter().any(|known| known == table) {
        return Ok(());
    }
    Err(fragment::bad(format!("The plan gives {} no table `{}`", work.step.into, table.escape_debug())))
}

/// Where the object's table is now.
pub(super) fn place(work: &PostgresWork, table: &str) -> Result<Place> {
    suffix(work, table)?;
    let name = called(work, table);
    let schema = schema(work);
    let sql = format!("{}.{}", fragment::ident(&schema)?, fragment::ident(&name)?);
    Ok(Place { schema, name, sql, live: live(work, table) })
}

/// The schema that the unit's object is in until the switch.
pub(super) fn schema(work: &PostgresWork) -> String {
    match &work.step.into.schema {
        Some(_) => work.placement.schema_of(&work.step.into),
        None => "public".to_owned(),
    }
}

/// Another table of the target, where it is now.
struct Parent {
    /// Schema and name, as SQL writes them.
    sql: String,
    /// This job does not stage it.
    is_live: bool,
}

/// The table that a foreign key names: its schema in the target, the object's own when absent.
fn other(work: &PostgresWork, named: Option<&str>, name: &str) -> Result<Parent> {
    let own = work.step.into.schema.as_deref().unwrap_or("public");
    let stage = schema(work);
    let live = named.unwrap_or(own);
    let is_own = |table: &String| called(work, table) == name;
    let mine = live == own && (name == work.step.into.name || work.step.tables.iter().any(is_own));
    let now = if mine { stage.clone() } else { work.placement.schema_of(&ObjectName::new("table", Some(live), name)) };
    // Where nothing is staged beside what is live, everything has its own name.
    let is_live = !mine && stage != own && now == live;
    Ok(Parent { sql: format!("{}.{}", fragment::ident(&now)?, fragment::ident(name)?), is_live })
}

/// A name with that end, within what the server keeps.
fn cut(name: &str, end: &str) -> String {
    let mut length = name.len().min(63_usize.saturating_sub(end.len()));
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    format!("{}{end}", &name[..length])
}

fn called(work: &PostgresWork, table: &str) -> String {
    if table.is_empty() { work.step.into.name.clone() } else { further_table(&work.step.into, table) }
}

/// What the object's table is called once it is live, for messages.
pub(super) fn live(work: &PostgresWork, table: &str) -> String {
    match &work.step.into.schema {
        Some(schema) => format!("{schema}.{}", called(work, table)),
        None => called(work, table),
    }
}

/// Lets names without a schema mean those of the object's own: in the stage, else those that are live.
fn own_names(work: &PostgresWork) -> String {
    let live = work.step.into.schema.as_deref().unwrap_or("public");
    format!("SET LOCAL search_path TO {}, {}", quoted(&schema(work)), quoted(live))
}

/// Runs one statement that the archive had a hand in: exactly one, allowed to do what it does, in the names that hold now.
pub(super) fn run(work: &mut PostgresWork, statement: &str, doing: &str) -> Result<()> {
    work.permit(statement)?;
    let placed = work.placement.place(statement)?;
    let names = own_names(work);
    work.batch(&names, doing)?;
    work.connection.rows(&placed, &[]).map(drop).map_err(|fault| failure::failed(&fault, doing))
}

/// Reads a table of the object from the server's catalog.
pub(super) fn relation(work: &mut PostgresWork, table: &str) -> Result<Relation> {
    let select = "SELECT c.relkind::text, a.attname::text, coalesce(b.typname, t.typname)::text, t.typcategory::text,
            a.attgenerated <> ''
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
        WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";
    let place = place(work, table)?;
    let doing = format!("Could not look at table {}", place.live);
    let rows = work.connection.known(select, &[&place.schema, &place.name]);
    let rows = rows.map_err(|fault| failure::failed(&fault, &doing))?;
    let Some(first) = rows.first() else {
        return Err(fragment::bad(format!("Table `{}` was not created", place.live.escape_debug())));
    };
    let column = |row: &tokio_postgres::Row| {
        let name: Option<String> = row.get(1);
        let category = category(row.get::<_, Option<&str>>(2)?, row.get::<_, Option<&str>>(3)?);
        Some(RelationColumn { name: name?, category, generated: row.get::<_, Option<bool>>(4)? })
    };
    Ok(Relation { kind: first.get(0), columns: rows.iter().filter_map(column).collect() })
}

fn category(name: &str, category: &str) -> Category {
    match (name, category) {
        ("bytea", _) => Category::Bytes,
        ("json" | "jsonb", _) => Category::Document,
        (_, "B") => Category::Boolean,
        (_, "N") => Category::Number,
        _ => Category::Other,
    }
}

pub(super) fn create(work: &mut PostgresWork, table: &str, definition: TableDefinition) -> Result<()> {
    create::create(work, table, definition)
}

pub(super) fn append(
    work: &mut PostgresWork,
    table: &str,
    columns: &[String],
    form: &str,
    batch: Bytes,
) -> Result<u64> {
    copy::append(work, table, columns, form, batch)
}

pub(super) fn end_rows(work: &mut PostgresWork) -> Result<u64> {
    copy::end_rows(work)
}

/// Makes what waited for the rows: keys, references, numbering. Called when the object ends, before its unit commits; does nothing where
/// nothing waits.
pub(super) fn finish(work: &mut PostgresWork) -> Result<()> {
    copy::close(work)?;
    settle::settle(work)
}

pub(super) fn create_indexes(work: &mut PostgresWork, table: &str, indexes: Vec<Index>) -> Result<()> {
    finish(work)?;
    indexes::create(work, table, &indexes)
}

pub(super) fn create_trigger(work: &mut PostgresWork, table: &str, name: &str, statement: &str) -> Result<()> {
    finish(work)?;
    pieces::create(work, table, name, statement)
}

pub(super) fn summarize(work: &mut PostgresWork, table: &str) -> Result<Summary> {
    finish(work)?;
    readback::summarize(work, table)
}

pub(super) fn find_orphans(
    work: &mut PostgresWork,
    table: &str,
    columns: &[String],
    parent: &str,
    references: &[String],
) -> Result<Option<Orphans>> {
    copy::close(work)?;
    readback::find_orphans(work, table, columns, parent, references)
}
