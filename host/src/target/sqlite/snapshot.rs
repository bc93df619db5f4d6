//! The whole of `sqlite_schema` in memory: what is there, and changes to it that are written all at once.
//!
//! `ALTER TABLE … RENAME` reads the whole schema for every table, and SQLite finds a row of `sqlite_schema` by reading all of them. A switch
//! of ten thousand tables must take one pass, so it writes the rows itself, by their row ids, as
//! <https://sqlite.org/lang_altertable.html> describes for changes that SQLite has no statement for; SQLite then reads its schema anew inside
//! the same transaction and refuses it when it does not hold together.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::failpoint;

use super::failure::{failed, refused};
use super::name::{fold, quote};

/// Name, table and statement of a row of `sqlite_schema`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// Its name.
    pub(crate) name: String,
    /// The table it belongs to; its own name for tables and views.
    pub(crate) table: String,
    /// Its statement; absent for the indexes of keys.
    pub(crate) sql: Option<String>,
}

/// A row of `sqlite_schema`.
#[derive(Debug, Clone)]
pub(crate) struct SchemaRow {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: String,
    /// What it is called.
    pub(crate) named: Named,
    rowid: i64,
}

/// The schema. Look first, change then: what belongs to a table is found as it was when the snapshot was read.
pub(crate) struct Snapshot {
    rows: Vec<SchemaRow>,
    places: HashMap<(bool, String), usize>,
    tables: HashMap<String, Vec<usize>>,
    changed: BTreeMap<usize, Option<Named>>,
    added: Vec<(String, Named)>,
}

/// Why a change cannot be made.
#[derive(Debug)]
pub(crate) enum Clash {
    /// The name that is to be changed is not there.
    Gone(String),
    /// The name that is to be given is taken.
    Taken(String),
}

/// Triggers have a name space of their own.
fn key(kind: &str, name: &str) -> (bool, String) {
    (kind == "trigger", fold(name))
}

impl Snapshot {
    /// Reads it.
    pub(crate) fn read(connection: &Connection) -> Result<Self> {
        let row = |row: &rusqlite::Row<'_>| {
            let text = |at| {
                row.get_ref(at).map(|value| value.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
            };
            let named =
                Named { name: text(2)?.unwrap_or_default(), table: text(3)?.unwrap_or_default(), sql: text(4)?.ok() };
            Ok(SchemaRow { rowid: row.get(0)?, kind: text(1)?.unwrap_or_default(), named })
        };
        let read = || {
            let mut statement =
                connection.prepare("SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")?;
            statement.query_map([], row)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().map_err(|error| failed(error, "Could not read the schema"))?;
        let mut places = HashMap::with_capacity(rows.len());
        let mut tables: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            places.insert(key(&row.kind, &row.named.name), place);
            tables.entry(fold(&row.named.table)).or_default().push(place);
        }
        Ok(Self { rows, places, tables, changed: BTreeMap::new(), added: Vec::new() })
    }

    /// Every row.
    pub(crate) fn rows(&self) -> &[SchemaRow] {
        &self.rows
    }

    /// The table, view or index of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&SchemaRow> {
        self.places.get(&key("", name)).and_then(|&place| self.rows.get(place))
    }

    /// A table or view with everything that belongs to it.
    pub(crate) fn of_table(&self, table: &str) -> impl Iterator<Item = &SchemaRow> {
        self.tables.get(&fold(table)).into_iter().flatten().map(|&place| &self.rows[place])
    }

    /// Gives something another name, table and statement.
    pub(crate) fn rename(&mut self, kind: &str, from: &str, to: Named) -> Result<(), Clash> {
        let place = self.places.remove(&key(kind, from)).ok_or_else(|| Clash::Gone(from.to_owned()))?;
        self.occupy(kind, &to.name, place)?;
        self.changed.insert(place, Some(to));
        Ok(())
    }

    /// Takes a view or trigger out.
    pub(crate) fn remove(&mut self, kind: &str, name: &str) -> Result<(), Clash> {
        let place = self.places.remove(&key(kind, name)).ok_or_else(|| Clash::Gone(name.to_owned()))?;
        self.changed.insert(place, None);
        Ok(())
    }

    /// Puts a view or trigger in.
    pub(crate) fn insert(&mut self, kind: &str, named: Named) -> Result<(), Clash> {
        self.occupy(kind, &named.name, usize::MAX)?;
        self.added.push((kind.to_owned(), named));
        Ok(())
    }

    fn occupy(&mut self, kind: &str, name: &str, place: usize) -> Result<(), Clash> {
        match self.places.insert(key(kind, name), place) {
            None => Ok(()),
            Some(_) => Err(Clash::Taken(name.to_owned())),
        }
    }

    /// Writes the changes inside the open transaction and lets SQLite read its schema anew.
    pub(crate) fn write(&self, connection: &Connection) -> Result<()> {
        connection.flush_prepared_statement_cache();
        let written = self.write_rows(connection);
        // Whatever happened, nobody may write the schema afterwards; and SQLite forgets what it knew of it.
        let reset = connection.execute_batch("PRAGMA writable_schema = RESET");
        written.and(reset).map_err(|error| failed(error, "Could not write the schema"))?;
        failpoint::hit("sqlite.schema.written");
        let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        read.map_err(|error| match refused(error, "SQLite cannot read the schema after the switch") {
            error if error.code() == "target.damaged" => Error::new("target.bad_definition", error.to_string()),
            error => error,
        })
    }

    fn write_rows(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute_batch("PRAGMA writable_schema = ON")?;
        {
            let mut update =
                connection.prepare("UPDATE sqlite_schema SET name = ?2, tbl_name = ?3, sql = ?4 WHERE rowid = ?1")?;
            let mut delete = connection.prepare("DELETE FROM sqlite_schema WHERE rowid = ?1")?;
            let mut insert = connection
                .prepare("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES(?1, ?2, ?3, 0, ?4)")?;
            for (&place, named) in &self.changed {
                let rowid = self.rows[place].rowid;
                match named {
                    Some(Named { name, table, sql }) => update.execute(params![rowid, name, table, sql])?,
                    None => delete.execute([rowid])?,
                };
            }
            for (kind, Named { name, table, sql }) in &self.added {
                insert.execute(params![kind, name, table, sql])?;
            }
        }
        self.carry_over(connection)?;
        let version: i32 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        connection.pragma_update(None, "schema_version", version.wrapping_add(1))
    }

    /// Numbers that SQLite gave (`sqlite_sequence`) and its statistics go with the tables.
    fn carry_over(&self, connection: &Connection) -> rusqlite::Result<()> {
        let moved: HashMap<String, &str> = self.moved().map(|(old, new)| (fold(old), new)).collect();
        for (table, columns) in
            [("sqlite_sequence", &["name"][..]), ("sqlite_stat1", &["tbl", "idx"]), ("sqlite_stat4", &["tbl", "idx"])]
        {
            if self.find(table).is_some() {
                columns.iter().try_for_each(|column| rename_values(connection, table, column, &moved))?;
            }
        }
        Ok(())
    }

    fn moved(&self) -> impl Iterator<Item = (&str, &str)> {
        self.changed
            .iter()
            .filter_map(|(&place, named)| Some((self.rows[place].named.name.as_str(), named.as_ref()?.name.as_str())))
    }
}

fn rename_values(
    connection: &Connection,
    table: &str,
    column: &str,
    moved: &HashMap<String, &str>,
) -> rusqlite::Result<()> {
    let (table, column) = (quote(table), quote(column));
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
    let rows: Vec<_> = connection
        .prepare(&format!("SELECT rowid, {column} FROM {table}"))?
        .query_map([], row)?
        .collect::<Result<_, _>>()?;
    let mut update = connection.prepare(&format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1"))?;
    for (rowid, value) in rows {
        if let Some(new) = value.and_then(|value| moved.get(&fold(&value)).copied()) {
            update.execute(params![rowid, new])?;
        }
    }
    Ok(())
}
