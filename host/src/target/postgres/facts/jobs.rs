//! Which jobs are under way in a database, and which wait to be gone on with.

use std::collections::BTreeSet;

use crate::error::Result;

use super::super::connection::Connection;
use super::server::Server;

/// The jobs that are not over.
#[derive(Default)]
pub(super) struct Open {
    /// The one whose process holds the restore lock.
    pub(super) busy: Option<String>,
    /// The others.
    pub(super) interrupted: Vec<String>,
}

/// Sessions of ours are called so, with the job's name.
const SESSION: &str = "reinstate ";

/// Reads them from the database's own records, from the lock's holder and from the names of databases that were made beside it.
pub(super) fn read(connection: &mut Connection, server: &Server, database: &str) -> Result<Open> {
    let mut open: BTreeSet<String> = beside(server, database).collect();
    if server.has_jobs {
        let query = "SELECT job FROM reinstate.job WHERE status IN ('running', 'interrupted')";
        open.extend(super::read(connection, query)?.into_iter().flatten().flatten());
    }
    let busy = server.holder.as_ref().map(|session| match session.strip_prefix(SESSION) {
        Some(job) if !job.is_empty() => job.to_owned(),
        _ => "another restore".to_owned(),
    });
    open.retain(|job| busy.as_ref() != Some(job));
    // A holder that cannot be seen may be any of them.
    Ok(Open { busy, interrupted: open.into_iter().collect() })
}

/// Jobs whose stage is a database: `shop_reinstate_r-…` beside `shop`.
fn beside<'a>(server: &'a Server, database: &'a str) -> impl Iterator<Item = String> + 'a {
    let prefix = format!("{database}_reinstate_");
    server
        .beside
        .iter()
        .filter_map(move |name| name.strip_prefix(&prefix).filter(|job| job.starts_with("r-")).map(str::to_owned))
}
