//! The whole switch in a transaction that is taken back, to find what would be wrong after it.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::plan::{Finding, Severity, Step};

use super::exchange;
use super::failure::{failed, text};
use super::lease::Lease;
use super::name::{fold, is_own, is_reserved, physical, quote};
use super::rewrite::{self, Event};
use super::snapshot::{Named, Snapshot};
use super::store;

/// What the switch of these steps would find wrong. The target is afterwards as it was.
pub(crate) fn rehearse(lease: &mut Lease, job: i64, steps: &[Step]) -> Result<Vec<Finding>> {
    lease.begin()?;
    let findings = exchange::switch(lease, job, steps).and_then(|troubles| {
        if troubles.is_empty() {
            look(lease, job, steps)
        } else {
            Ok(troubles.into_iter().map(exchange::Trouble::into_finding).collect())
        }
    });
    lease.flush_prepared_statement_cache();
    lease.rollback();
    // What SQLite knows of its schema is that of the switch.
    lease
        .execute_batch("PRAGMA writable_schema = RESET")
        .map_err(|error| failed(error, "Could not end the rehearsal"))?;
    match findings {
        // A schema that SQLite refuses is what a rehearsal is for.
        Err(error) if error.code() == "target.bad_definition" => Ok(vec![finding(
            "target.bad_definition",
            error.details().object.clone(),
            error.to_string(),
            "Leave the object out, or restore another version of it",
        )]),
        findings => findings,
    }
}

fn finding(code: &str, object: Option<ObjectName>, message: String, fix: &str) -> Finding {
    Finding { severity: Severity::Refusal, code: code.to_owned(), object, message, fix: fix.to_owned() }
}

/// Tables and views that the steps bring, by folded name.
type Restored<'a> = HashMap<String, &'a Step>;

fn look(connection: &mut Connection, job: i64, steps: &[Step]) -> Result<Vec<Finding>> {
    let snapshot = Snapshot::read(connection)?;
    let rows = store::objects(connection, "job = ?1 AND state = 'live'", [job])?;
    let tables: HashMap<i64, Vec<String>> = rows.into_iter().map(|row| (row.id, row.tables)).collect();
    // A user may be called like a view that is there: only what a step staged in the file is its own.
    let own = |step: &Step| tables.get(&store::staged_id(job, step.id)).cloned().unwrap_or_default();
    let restored: Restored<'_> = steps
        .iter()
        .filter(|step| step.action.restores())
        .flat_map(|step| own(step).into_iter().map(move |suffix| (fold(&physical(&step.into, &suffix)), step)))
        .collect();
    let mut findings = references(connection, &snapshot, &restored)?;
    findings.extend(statements(connection, &snapshot, &restored)?);
    Ok(findings)
}

/// Rows of restored tables that refer to nothing, and rows of other tables that refer to restored ones and no longer find them.
fn references(connection: &Connection, snapshot: &Snapshot, restored: &Restored<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mentions = |sql: &String| sql.to_ascii_uppercase().contains("REFERENCES");
    for row in snapshot
        .rows()
        .iter()
        .filter(|row| row.kind == "table" && !is_own(&row.named.name) && row.named.sql.as_ref().is_some_and(mentions))
    {
        let table = &row.named.name;
        let own = restored.get(&fold(table)).copied();
        let parents = parents(connection, table)?;
        let concerned = |parent: &String| own.is_some() || restored.contains_key(&fold(parent));
        if !parents.iter().any(concerned) {
            continue;
        }
        match orphans(connection, table, concerned) {
            Ok(None) => {}
            Ok(Some((rows, parent, example))) => {
                let step = own.or_else(|| restored.get(&fold(&parent)).copied());
                let message = format!(
                    "{rows} {} of table `{table}` would refer to rows that `{parent}` does not have, for example {example}",
                    if rows == 1 { "row" } else { "rows" }
                );
                findings.push(finding(
                    "target.foreign_key",
                    step.map(|step| step.into.clone()),
                    message,
                    match own {
                        Some(_) => "Restore the referenced table with it, from the same backup",
                        None => "Restore the table with it, from the same backup, or --cascade-foreign-keys",
                    },
                ));
            }
            Err(error) => {
                let step = own.or_else(|| parents.iter().find_map(|parent| restored.get(&fold(parent)).copied()));
                let message = format!("The foreign keys of table `{table}` cannot be checked: {}", text(&error));
                findings.push(finding(
                    "target.foreign_key",
                    step.map(|step| step.into.clone()),
                    message,
                    "Restore the referenced table with it, from the same backup",
                ));
            }
        }
    }
    Ok(findings)
}

/// The tables that a table's foreign keys refer to, as they are written.
pub(crate) fn parents(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let list = || {
        connection
            .prepare_cached("SELECT \"table\" FROM pragma_foreign_key_list(?1)")?
            .query_map([table], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()
    };
    list().map_err(|error| failed(error, "Could not read the foreign keys"))
}

type Orphans = (u64, String, String);

/// How many rows refer to nothing, the first one's parent, and that row.
fn orphans(
    connection: &Connection,
    table: &str,
    concerned: impl Fn(&String) -> bool,
) -> rusqlite::Result<Option<Orphans>> {
    let mut statement = connection.prepare(&format!("PRAGMA foreign_key_check({})", quote(table)))?;
    let mut rows = statement.query([])?;
    let mut found: Option<(u64, String, Option<i64>, i64)> = None;
    while let Some(row) = rows.next()? {
        let parent: String = row.get(2)?;
        if concerned(&parent) {
            match &mut found {
                Some((count, ..)) => *count += 1,
                None => found = Some((1, parent, row.get(1)?, row.get(3)?)),
            }
        }
    }
    let example = |(count, parent, rowid, key)| Ok((count, parent, example(connection, table, rowid, key)?));
    found.map(example).transpose()
}

/// The referring columns of one row, as text.
fn example(connection: &Connection, table: &str, rowid: Option<i64>, key: i64) -> rusqlite::Result<String> {
    let sql = "SELECT \"from\" FROM pragma_foreign_key_list(?1) WHERE id = ?2 ORDER BY seq";
    let columns: Vec<String> = connection
        .prepare(sql)?
        .query_map(rusqlite::params![table, key], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let Some(rowid) = rowid else { return Ok(format!("by {}", columns.join(", "))) };
    let values: Vec<String> = columns.iter().map(|column| format!("quote({})", quote(column))).collect();
    let sql = format!("SELECT {} FROM {} WHERE rowid = ?1", values.join(", "), quote(table));
    connection.query_row(&sql, [rowid], |row| {
        let pair =
            |(at, column)| Ok(format!("{column} = {}", row.get::<_, String>(at)?.chars().take(80).collect::<String>()));
        columns.iter().enumerate().map(pair).collect::<rusqlite::Result<Vec<_>>>().map(|pairs| pairs.join(", "))
    })
}

/// Views and triggers that SQLite cannot make sense of, or that reach for what is not theirs.
fn statements(connection: &mut Connection, snapshot: &Snapshot, restored: &Restored<'_>) -> Result<Vec<Finding>> {
    guard(connection, Some(theirs_only))?;
    let mut findings = Vec::new();
    for row in snapshot.rows() {
        let Some(step) = restored.get(&fold(&row.named.table)) else { continue };
        let statement = match row.kind.as_str() {
            "view" => Some(format!("SELECT * FROM {} LIMIT 0", quote(&row.named.name))),
            "trigger" => firing(connection, &row.named),
            _ => continue,
        };
        if let Some(error) = statement.and_then(|sql| connection.prepare(&sql).err()) {
            let message = format!("SQLite does not take {} `{}`: {}", row.kind, row.named.name, text(&error));
            findings.push(finding(
                "target.bad_definition",
                Some(step.into.clone()),
                message,
                "Restore what it reads as well, or leave it out",
            ));
        }
    }
    guard(connection, None)?;
    Ok(findings)
}

fn guard(connection: &mut Connection, hook: Option<fn(AuthContext<'_>) -> Authorization>) -> Result<()> {
    connection.authorizer(hook).map_err(|error| failed(error, "Could not guard the rehearsal"))
}

/// A statement that would fire the trigger; it is prepared, never run.
fn firing(connection: &Connection, trigger: &Named) -> Option<String> {
    let table = quote(&trigger.table);
    Some(match rewrite::event(trigger.sql.as_deref()?)? {
        Event::Delete => format!("DELETE FROM {table}"),
        Event::Insert => format!("INSERT INTO {table} DEFAULT VALUES"),
        Event::Update => {
            let mut list = connection.prepare_cached("SELECT name FROM pragma_table_info(?1)").ok()?;
            let columns: Vec<String> =
                list.query_map([&trigger.table], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()?;
            let same: Vec<String> = columns.iter().map(|column| format!("{0} = {0}", quote(column))).collect();
            format!("UPDATE {table} SET {}", same.join(", "))
        }
    })
}

fn theirs_only(context: AuthContext<'_>) -> Authorization {
    use AuthAction::*;
    let ours = |table: &str| is_own(table);
    let allowed = match context.action {
        Read { table_name, .. } => !ours(table_name),
        Insert { table_name } | Delete { table_name } | Update { table_name, .. } => {
            !ours(table_name) && !is_reserved(table_name)
        }
        Select | Recursive => true,
        Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        Pragma { pragma_name, .. } => pragma_name == "table_info",
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}
