//! What clients ask before anything else: whether the server runs, and what it is.

use axum::http::uri::Authority;

use crate::error::{Error, Result};

use super::call::Call;
use super::record::{Map, Record, Value, map};

/// The version of the interface that is spoken: clients of another one warn.
const VERSION: &str = "7.2.3.13";

/// `/show/system/status`: whoever gets an answer has a server that runs.
pub(super) fn status() -> Record {
    let states = map([("system", r#"{"status":"running"}"#.to_owned())]);
    Record::of([("status_map", Value::Map(states)), ("info", Value::Map(Map::new()))])
}

/// `/show/system/properties`: one host. Without addresses of workers the client keeps the address that its user gave it.
pub(super) fn properties(call: &Call) -> Record {
    let properties = map([
        ("conf.enable_ha", "FALSE".to_owned()),
        ("conf.enable_httpd_proxy", "FALSE".to_owned()),
        ("conf.host0_public_urls", public_url(call)),
        ("conf.number_of_hosts", "1".to_owned()),
        ("conf.use_https", if call.door.tls { "TRUE" } else { "FALSE" }.to_owned()),
        ("version.gpudb_core_version", VERSION.to_owned()),
    ]);
    Record::of([("property_map", Value::Map(properties)), ("info", Value::Map(Map::new()))])
}

/// Scheme and host, without a port.
fn public_url(call: &Call) -> String {
    let said = call.door.public_url.as_deref().and_then(|url| url.split_once("://"));
    let (scheme, rest) = said.unwrap_or((if call.door.tls { "https" } else { "http" }, ""));
    let authority = match rest.split('/').next().unwrap_or_default() {
        "" => call.host.as_deref().unwrap_or("127.0.0.1"),
        authority => authority,
    };
    let host =
        authority.parse::<Authority>().map_or_else(|_| "127.0.0.1".to_owned(), |parsed| parsed.host().to_owned());
    format!("{scheme}://{host}")
}

/// `/admin/backup/begin` and `/admin/backup/end` hold the database's writes back while its files are copied. Nothing here copies files.
pub(super) fn files() -> Result<Record> {
    let message = "Writes are not held back for a copy of the database's files: /create/backup makes a consistent backup while it is used";
    Err(Error::new("target.unsupported", message))
}
