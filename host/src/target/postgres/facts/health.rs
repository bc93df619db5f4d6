//! How a server is: whether it can be written, by us, and whether its standbys keep up.

use std::path::Path;
use std::time::Duration;

use crate::error::Result;
use crate::target::Health;
use crate::text::bytes;

use super::super::connection::Connection;
use super::super::failure;
use super::super::settings::Settings;
use super::cells::Cells;
use super::server::Server;

/// A standby that keeps up is behind for milliseconds only; what is still missing after this time counts.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// What holds for the server as a whole.
pub(super) fn of_server(server: &Server, settings: &Settings) -> Health {
    Health {
        not_writable: not_writable(server),
        missing_right: None,
        free_bytes: free_bytes(server, settings),
        nodes_not_ready: not_ready(server),
        uncommitted: None,
        busy: None,
        interrupted: Vec::new(),
        unsupported_version: server.unsupported(),
        free_connections: free_connections(server),
    }
}

fn not_writable(server: &Server) -> Option<String> {
    if server.is_standby {
        return Some("the server is a standby, which is in recovery".to_owned());
    }
    server
        .reads_only
        .then(|| "default_transaction_read_only is on, for the server, the database or the role".to_owned())
}

/// Of the server's disk, when that is ours too: the server tells us its folder, and is reached without a network.
fn free_bytes(server: &Server, settings: &Settings) -> Option<u64> {
    let folder = server.database.folder.as_ref().or(server.folder.as_ref()).filter(|_| settings.is_local())?;
    let space = rustix::fs::statvfs(Path::new(folder)).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

fn free_connections(server: &Server) -> Option<u64> {
    let limits = [Some(server.free_connections), server.free_for_role, server.database.free_connections];
    limits.into_iter().flatten().min().map(|free| u64::try_from(free).unwrap_or(0))
}

fn not_ready(server: &Server) -> Vec<String> {
    let lagging = server.standbys.iter().filter(|standby| standby.state != "streaming");
    let mut nodes: Vec<String> =
        lagging.map(|standby| format!("standby {} ({})", standby.name, standby.state)).collect();
    nodes.extend(
        server
            .waiting_slots
            .iter()
            .map(|slot| format!("the standby of replication slot {slot}, which is not connected")),
    );
    if let Some(names) = &server.synchronous
        && !server.standbys.iter().any(|standby| standby.is_synchronous)
    {
        nodes.push(format!("the standbys that commits wait for ({names}), none of which is connected"));
    }
    nodes
}

/// Which standbys have not stored what was committed before this call. Those that are catching up get a moment.
pub(super) fn uncommitted(connection: &mut Connection) -> Result<Option<String>> {
    let begin = "SELECT pg_catalog.pg_current_wal_flush_lsn()";
    let failed = |fault| failure::failed(&fault, "Could not see how far the standbys are");
    let rows = connection.texts(begin).map_err(failed)?;
    let position = rows.into_iter().flatten().flatten().next().unwrap_or_default();
    let behind = format!(
        "SELECT COALESCE(NULLIF(s.application_name, ''), s.client_addr::text, s.pid::text), pg_catalog.pg_wal_lsn_diff('{position}', s.flush_lsn)
         FROM pg_catalog.pg_stat_replication s
         WHERE s.state = 'streaming' AND s.flush_lsn < '{position}'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots l WHERE l.active_pid = s.pid AND l.slot_type = 'logical')"
    );
    let tries = PATIENCE.as_millis() / PAUSE.as_millis();
    let mut standbys = Vec::new();
    for _ in 0..tries {
        standbys = connection.texts(&behind).map_err(failed)?;
        if standbys.is_empty() {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
    let words = standbys.into_iter().map(|row| {
        let mut cells = Cells::of(row);
        Ok(format!("standby {} is {} behind", cells.text()?, bytes(cells.number()?)))
    });
    Ok(Some(words.collect::<Result<Vec<_>>>()?.join(", ")))
}
