//! Exchanging objects: some leave, others come in their place, and what stays is tied to what came. The same for a switch and its undoing.

use std::collections::BTreeSet;

use crate::error::{Error, Result};

use super::catalog::{self, Item};
use super::connection::{Connection, Fault};
use super::failure::failed;
use super::placement::quoted;
use super::store::{self, Severed};
use super::ties::{dependents, stands_in_the_way, ties};

/// An object on its way to another schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) item: Item,
    /// The schema it goes to.
    pub(crate) to: String,
    /// Its new name, where it gets one.
    pub(crate) name: Option<String>,
}

impl Move {
    fn statement(&self) -> String {
        let mut statement = String::new();
        let item = &self.item;
        let mut moved = item.clone();
        if item.schema != self.to {
            statement.push_str(&item.set_schema(&self.to));
            moved.identity = format!("{}.{}", quoted(&self.to), item.identity_in_schema());
        }
        if let Some(name) = self.name.as_ref().filter(|name| **name != item.name) {
            statement.push_str(&format!("ALTER {} {} RENAME TO {};\n", item.alter(), moved.identity, quoted(name)));
        }
        statement
    }

    /// How statements name the object when it has moved.
    fn there(&self) -> String {
        format!("{}.{}", quoted(&self.to), quoted(self.name.as_deref().unwrap_or(&self.item.name)))
    }
}

/// What leaves and what comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange {
    pub(crate) leaving: Vec<Move>,
    pub(crate) arriving: Vec<Move>,
}

impl Exchange {
    /// Tables that nobody may use while they are exchanged, in an order that is the same for everyone.
    fn tables(&self) -> BTreeSet<(i64, String)> {
        let tables = self.leaving.iter().filter(|one| one.item.is_table());
        tables.map(|one| (one.item.oid, one.item.identity.clone())).collect()
    }
}

/// Locks what leaves and tables that rows are added to. From here on others wait.
pub(crate) fn lock(connection: &mut Connection, exchange: &Exchange, filled: &[String]) -> Result<()> {
    let tables: Vec<String> = exchange.tables().into_iter().map(|(_, table)| format!("ONLY {table}")).collect();
    let mut statements = String::new();
    if !tables.is_empty() {
        statements = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE;\n", tables.join(", "));
    }
    if !filled.is_empty() {
        statements.push_str(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE;\n", filled.join(", ")));
    }
    connection.batch(&statements).map_err(|fault| failed(&fault, "Could not lock the live objects"))
}

/// Exchanges. `job` keeps the ties that what leaves loses; `superseded` is the code for what has changed meanwhile.
pub(crate) fn perform(
    connection: &mut Connection,
    job: i64,
    exchange: &Exchange,
    superseded: &'static str,
) -> Result<()> {
    let leaving: Vec<Item> = exchange.leaving.iter().map(|one| one.item.clone()).collect();
    let tables: Vec<i64> =
        exchange.arriving.iter().filter(|one| one.item.class == "pg_class").map(|one| one.item.oid).collect();
    let ties = ties(connection, &leaving)?;
    let dependents = dependents(connection, &leaving)?;
    let missing = dependents.iter().find(|dependent| dependent.tie.is_none());
    if let Some(dependent) = missing {
        let code = if superseded == "plan.target_changed" { "plan.cannot_replace" } else { superseded };
        return Err(stands_in_the_way(dependent, code));
    }
    let severed: Vec<Severed> = ties.iter().map(|tie| tie.severed.clone()).collect();
    store::record_severed(connection, job, &severed)?;
    let mut statements: Vec<String> = ties.into_iter().map(|tie| tie.cut).collect();
    statements.extend(dependents.iter().map(|dependent| dependent.cut.clone()));
    statements.extend(exchange.leaving.iter().map(Move::statement));
    statements.extend(exchange.arriving.iter().map(Move::statement));
    run(connection, &statements, |fault| moving(fault, superseded))?;
    let severed = store::take_severed(connection, job, &tables)?;
    let mut statements: Vec<String> = dependents.into_iter().filter_map(|dependent| dependent.tie).collect();
    statements.extend(severed.iter().filter_map(|severed| tied(severed, &exchange.arriving)));
    run(connection, &statements, |fault| failed(fault, "What stays cannot be built on what comes"))
}

fn run(connection: &mut Connection, statements: &[String], wrong: impl FnOnce(&Fault) -> Error) -> Result<()> {
    let statements: Vec<&str> =
        statements.iter().map(String::as_str).filter(|statement| !statement.is_empty()).collect();
    if statements.is_empty() {
        return Ok(());
    }
    connection.batch(&statements.join(";\n")).map_err(|fault| wrong(&fault))
}

/// A name that is taken, or an object that is gone, says that someone else was there.
fn moving(fault: &Fault, superseded: &'static str) -> Error {
    let error = failed(fault, "The objects cannot be exchanged");
    match fault.code().map(|code| code.code()) {
        Some("42P07" | "42710" | "42723" | "42704" | "42P01" | "42883" | "3F000") => {
            Error::new(superseded, error.to_string()).state("The target is unchanged")
        }
        _ => error,
    }
}

/// The statement that ties a table again that comes back.
fn tied(severed: &Severed, arriving: &[Move]) -> Option<String> {
    let table = arriving.iter().find(|one| one.item.class == "pg_class" && one.item.oid == severed.relation)?;
    Some(format!("{}{}{}", severed.before, table.there(), severed.after))
}

/// Creates the schemas that are missing; returns which.
pub(crate) fn create_schemas<'a>(
    connection: &mut Connection,
    wanted: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>> {
    let there = catalog::schemas(connection)?;
    let missing: BTreeSet<&str> = wanted.into_iter().filter(|schema| !there.contains(*schema)).collect();
    let statements: Vec<String> = missing.iter().map(|schema| format!("CREATE SCHEMA {}", quoted(schema))).collect();
    run(connection, &statements, |fault| failed(fault, "Could not create a schema"))?;
    Ok(missing.into_iter().map(str::to_owned).collect())
}

/// Runs statements and takes them back alone when they fail for one of these reasons; returns whether they ran.
pub(crate) fn attempt(connection: &mut Connection, statements: &str, tolerated: &[&str], doing: &str) -> Result<bool> {
    connection.cast("SAVEPOINT attempt");
    let done = connection.batch(statements);
    match done {
        Ok(()) => store::run(connection, "RELEASE SAVEPOINT attempt").map(|()| true),
        Err(fault) if fault.code().is_some_and(|code| tolerated.contains(&code.code())) => {
            store::run(connection, "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt").map(|()| false)
        }
        Err(fault) => Err(failed(&fault, doing)),
    }
}
