//! Tables: what the server's catalog says of each, in the archive's words.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::backup::Writer;
use crate::backup::attributes::{Column, Table as Attributes, raw};
use crate::catalog::ObjectName;
use crate::error::Result;

use super::super::placement::quoted;
use super::catalog::{Catalog, Key};
use super::columns::Found;
use super::sequences::{Numbering, Sequence};
use super::{OWN, Source, columns, constraints, pieces, sequences};

/// A table.
pub(super) struct Table {
    key: Key,
    pub(super) name: ObjectName,
    /// `"schema"."name"`.
    pub(super) sql: String,
    pub(super) attributes: Attributes,
    /// The columns that take values, as SQL lists them.
    pub(super) list: String,
    /// All of them have a binary form that readers know.
    pub(super) binary: bool,
    /// Pages of rows; `None` where rows cannot be read by pages, or are in other tables.
    pub(super) pages: Option<i64>,
    /// It has rows of its own: it is not a partitioned one.
    pub(super) has_rows: bool,
}

/// What a table is beside its columns.
struct Shape {
    unlogged: bool,
    partitioned: Option<String>,
    partition: Option<String>,
    pages: Option<i64>,
    has_rows: bool,
}

impl Table {
    /// Schema and name.
    pub(super) fn key(&self) -> (String, String) {
        (self.name.schema.clone().unwrap_or_default(), self.name.name.clone())
    }

    /// Begins the archive's object.
    pub(super) fn begin(&self, writer: &mut Writer, catalog: &Catalog) -> Result<()> {
        writer.object(self.name.clone(), catalog.depends(self.key))
    }

    /// Ends it, after its rows.
    pub(super) fn end(&self, writer: &mut Writer) -> Result<()> {
        writer.attributes(raw(&self.attributes)?)
    }
}

/// Reads all tables.
pub(super) fn read(
    source: &mut Source,
    catalog: &Catalog,
    sequences: &[Sequence],
    subscriptions: &BTreeMap<&ObjectName, Vec<Value>>,
) -> Result<Vec<Table>> {
    let mut columns = columns::read(source)?;
    let mut constraints = constraints::read(source)?;
    let mut pieces = pieces::read(source)?;
    let shapes = shapes(source)?;
    let numberings = sequences::numberings(sequences);
    let mut tables = Vec::new();
    for item in catalog.of("table") {
        let oid = item.key.1;
        let Some(shape) = shapes.get(&oid) else { continue };
        let found = columns.remove(&oid).unwrap_or_default();
        let constraints = constraints.remove(&oid).unwrap_or_default();
        let pieces = pieces.remove(&oid).unwrap_or_default();
        let (list, binary) = listed(&found);
        let mut attributes = Attributes {
            primary_key: constraints.primary_key,
            uniques: constraints.uniques,
            checks: constraints.checks,
            foreign_keys: constraints.foreign_keys,
            indexes: pieces.indexes,
            triggers: constraints.pieces,
            options: options(shape),
            subscriptions: subscriptions.get(&item.name).cloned().unwrap_or_default(),
            ..Attributes::default()
        };
        attributes.columns =
            found.into_iter().map(|found| numbered(&item.sql, oid, found, &numberings, &mut attributes)).collect();
        attributes.triggers.extend(pieces.statements);
        tables.push(Table {
            key: item.key,
            name: item.name.clone(),
            sql: item.sql.clone(),
            attributes,
            list,
            binary,
            pages: shape.pages,
            has_rows: shape.has_rows,
        });
    }
    Ok(tables)
}

fn shapes(source: &mut Source) -> Result<HashMap<u32, Shape>> {
    let query = format!(
        "SELECT c.oid, c.relpersistence = 'u', pg_get_partkeydef(c.oid),
            CASE WHEN c.relispartition THEN (SELECT format('%I.%I ', m.nspname, p.relname) FROM pg_inherits h
                JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace m ON m.oid = p.relnamespace WHERE h.inhrelid = c.oid)
                || pg_get_expr(c.relpartbound, c.oid) END,
            CASE WHEN c.relkind = 'r' AND a.amname = 'heap' AND $1 >= 140000 THEN
                pg_relation_size(c.oid) / current_setting('block_size')::bigint END,
            c.relkind = 'r'
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am a ON a.oid = c.relam
        WHERE c.relkind IN ('r', 'p') AND {OWN}"
    );
    let version = source.version;
    let shape = |row: &tokio_postgres::Row| Shape {
        unlogged: row.get(1),
        partitioned: row.get(2),
        partition: row.get(3),
        pages: row.get(4),
        has_rows: row.get(5),
    };
    Ok(source.ask(&query, &[&version])?.iter().map(|row| (row.get(0), shape(row))).collect())
}

fn options(shape: &Shape) -> Vec<String> {
    let unlogged = shape.unlogged.then(|| "unlogged".to_owned());
    let partitioned = shape.partitioned.as_ref().map(|by| format!("partition by {by}"));
    let partition = shape.partition.as_ref().map(|of| format!("partition of {of}"));
    unlogged.into_iter().chain(partitioned).chain(partition).collect()
}

/// The columns that take values, and whether all of them have a binary form.
fn listed(columns: &[Found]) -> (String, bool) {
    let taking = || columns.iter().filter(|found| found.column.generated.is_none());
    let names: Vec<String> = taking().map(|found| quoted(&found.column.name)).collect();
    (names.join(", "), taking().all(|found| found.binary))
}

/// The column, with its numbering where it has one: as the automatic primary key, or as a statement.
fn numbered(
    table: &str,
    oid: u32,
    found: Found,
    numberings: &HashMap<(u32, i16), Numbering<'_>>,
    attributes: &mut Attributes,
) -> Column {
    let mut column = found.column;
    let Some(numbering) = numberings.get(&(oid, found.number)) else { return column };
    let sequence = numbering.sequence;
    let words = if sequence.always() { "ALWAYS" } else { "BY DEFAULT" };
    let piece = |what: String| pieces::of_column(table, &column.name, &what);
    match &mut attributes.primary_key {
        Some(key) if numbering.plain && key.columns == [column.name.clone()] => {
            key.automatic = true;
            attributes.last_number = sequence.last_number();
            if sequence.always() {
                attributes.triggers.push(piece("SET GENERATED ALWAYS".to_owned()));
            }
            column.default = None;
        }
        _ => {
            let add = format!("ADD GENERATED {words} AS IDENTITY ({})", sequence.words());
            attributes.triggers.extend([piece(add), piece(sequence.restart())]);
        }
    }
    column
}
