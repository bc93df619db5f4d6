//! Where statements that a plugin had a say in are tried before they come near the target: an empty database in memory.
//!
//! Here SQLite says whether it takes a definition, and what it understood is read back and compared with what was asked for. An
//! authorizer lets statements do nothing but create, so that what slips through the checks of fragments is caught here.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use crate::error::{Error, Result};

use super::ddl::Typed;
use super::failure::{failed, refused};
use super::name::fold;

/// A database in memory that is empty again after every trial.
pub(crate) struct Jail {
    connection: Connection,
}

/// What a statement must have created.
pub(crate) struct Trial<'a> {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: &'static str,
    /// Its name.
    pub(crate) name: &'a str,
    /// The statement.
    pub(crate) sql: &'a str,
}

impl Jail {
    /// Opens it.
    pub(crate) fn new() -> Result<Self> {
        let open = || {
            let mut connection = Connection::open_in_memory()?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            connection.authorizer(Some(creating_only))?;
            Ok(connection)
        };
        open()
            .map(|connection| Self { connection })
            .map_err(|error| failed(error, "Could not open a database in memory"))
    }

    /// Runs the statements one after another; each must be exactly one that creates what it says and nothing else. A table
    /// must come out as `typed` has it.
    pub(crate) fn try_all(&mut self, trials: &[Trial<'_>], typed: Option<&Typed<'_>>) -> Result<()> {
        let transaction = self.connection.transaction().map_err(|error| failed(error, "Could not begin a trial"))?;
        let mut created = Vec::new();
        for trial in trials {
            let doing = || format!("SQLite does not take {} `{}`", trial.kind, trial.name.escape_debug());
            transaction.execute(trial.sql, []).map_err(|error| refused(error, &doing()))?;
            created.push((trial.kind.to_owned(), fold(trial.name)));
            if everything(&transaction)? != created {
                return Err(Error::new(
                    "target.bad_definition",
                    format!("{}: its statement does something else", doing()),
                ));
            }
            if let (Some(typed), "table") = (typed, trial.kind) {
                compare(&transaction, trial.name, typed)?;
            }
        }
        transaction.rollback().map_err(|error| failed(error, "Could not end a trial"))
    }
}

fn everything(connection: &Connection) -> Result<Vec<(String, String)>> {
    let list = || {
        let sql =
            "SELECT type, lower(name) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid";
        connection
            .prepare_cached(sql)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()
    };
    list().map_err(|error| failed(error, "Could not read a trial back"))
}

/// Holds columns, types, keys and computed columns against what was asked for.
fn compare(connection: &Connection, table: &str, typed: &Typed<'_>) -> Result<()> {
    type Row = (String, String, bool, bool, i64, i64);
    let list = || {
        let sql = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)";
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        };
        connection.prepare_cached(sql)?.query_map([table], row)?.collect::<rusqlite::Result<Vec<Row>>>()
    };
    let rows = list().map_err(|error| failed(error, "Could not read a table back"))?;
    let definition = typed.definition;
    let key = |name: &str| {
        let columns = definition.primary_key.iter().flat_map(|key| &key.columns);
        columns.zip(1..).find(|(column, _)| column.eq_ignore_ascii_case(name)).map_or(0, |(_, place)| place)
    };
    let same = |(column, declared): (&crate::target::definition::Column, &String), row: &Row| {
        let hidden = column.generated.as_ref().map_or(0, |generated| if generated.stored { 3 } else { 2 });
        let place = key(&column.name);
        let not_null = row.2 != column.nullable || (place > 0 && row.2);
        // SQLite gives the types that it knows back in capitals.
        declared.eq_ignore_ascii_case(&row.1)
            && (&column.name, column.default.is_some(), place, hidden) == (&row.0, row.3, row.4, row.5)
            && not_null
    };
    let asked = definition.columns.iter().zip(&typed.types);
    match rows.len() == definition.columns.len() && asked.clone().zip(&rows).all(|(column, row)| same(column, row)) {
        true => Ok(()),
        false => {
            let odd = asked
                .zip(&rows)
                .find(|(column, row)| !same(*column, row))
                .map_or("its columns", |((column, _), _)| &column.name);
            let message = format!(
                "SQLite understands the definition of table `{}` differently: see `{}`",
                table.escape_debug(),
                odd.escape_debug()
            );
            Err(Error::new("target.bad_definition", message))
        }
    }
}

fn creating_only(context: AuthContext<'_>) -> Authorization {
    use AuthAction::*;
    let schema = |table: &str| table.starts_with("sqlite_");
    let allowed = match context.action {
        CreateTable { .. } | CreateIndex { .. } | CreateView { .. } | CreateTrigger { .. } => true,
        Insert { table_name } | Delete { table_name } | Update { table_name, .. } => schema(table_name),
        Read { .. } | Select | Reindex { .. } | Transaction { .. } | Savepoint { .. } | Recursive => true,
        Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        Pragma { pragma_name, .. } => pragma_name == "table_xinfo",
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}
