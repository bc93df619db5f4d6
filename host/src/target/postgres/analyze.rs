//! Statistics of what was restored, taken before the switch: the first queries after it are planned well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::plan::Finding;

use super::failure::failed;
use super::pool::Pool;
use super::store::{Columns, array};

/// Connections that analyze side by side.
const WIDTH: usize = 4;
/// Small tables that go in one round trip.
const TOGETHER: usize = 50;
/// What is small, in bytes.
const SMALL: i64 = 1 << 20;

/// Analyzes all tables of these schemas, of every schema that is not the server's own when there are none. Partitions go with their
/// tables. What cannot be analyzed is a finding.
pub(crate) fn analyze(pool: &Arc<Pool>, schemas: &[String]) -> Result<Vec<Finding>> {
    let groups = groups(tables(pool, schemas)?);
    let next = AtomicUsize::new(0);
    let width = std::thread::available_parallelism().map_or(2, usize::from).min(WIDTH).min(groups.len());
    let results: Vec<Result<Vec<Finding>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..width).map(|_| scope.spawn(|| work(pool, &groups, &next))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(fault()))).collect()
    });
    let findings: Result<Vec<Vec<Finding>>> = results.into_iter().collect();
    findings.map(|findings| findings.into_iter().flatten().collect())
}

fn fault() -> Error {
    Error::new("host.internal", "A thread that analyzed tables failed")
}

/// Tables by name, the largest first.
fn tables(pool: &Arc<Pool>, schemas: &[String]) -> Result<Vec<(String, i64)>> {
    let mut lease = pool.lease()?;
    let which = match schemas {
        [] => "n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'reinstate')".to_owned(),
        some => format!("n.nspname = ANY({})", array(some.iter().map(String::as_str))),
    };
    let statement = format!(
        "SELECT c.oid::pg_catalog.regclass, coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS bytes FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND {which} ORDER BY 2 DESC"
    );
    let rows = lease.texts(&statement).map_err(|fault| failed(&fault, "Could not list the restored tables"))?;
    let table = |row| {
        let mut row = Columns::of(row);
        Ok((row.text(), row.number()?))
    };
    rows.into_iter().map(table).collect()
}

/// Tables that are analyzed with one statement.
fn groups(tables: Vec<(String, i64)>) -> Vec<Vec<String>> {
    let (small, large): (Vec<_>, Vec<_>) = tables.into_iter().partition(|(_, bytes)| *bytes < SMALL);
    let mut groups: Vec<Vec<String>> = large.into_iter().map(|(table, _)| vec![table]).collect();
    groups.extend(small.chunks(TOGETHER).map(|some| some.iter().map(|(table, _)| table.clone()).collect()));
    groups
}

fn work(pool: &Arc<Pool>, groups: &[Vec<String>], next: &AtomicUsize) -> Result<Vec<Finding>> {
    let mut lease = pool.lease()?;
    let mut findings = Vec::new();
    while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
        let tables = group.join(", ");
        if let Err(fault) = lease.batch(&format!("ANALYZE {tables}")) {
            let error = failed(&fault, &format!("Could not analyze {tables}"));
            if error.is_resumable() {
                return Err(error);
            }
            findings.push(Finding::warning(error.code(), error.to_string(), "Run ANALYZE after the restore"));
        }
    }
    Ok(findings)
}
