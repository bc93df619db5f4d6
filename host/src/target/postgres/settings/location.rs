//! The URL that leads to the same place again, which an operator may see: everything but passwords.

use super::address::Address;
use super::parameters::Parameters;

/// Parameters that say which place it is and how safely it is reached; who tries for how long is left out.
const KEPT: &[&str] = &[
    "role",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "channel_binding",
    "target_session_attrs",
    "options",
    "passfile",
];

/// The URL of these parameters at these addresses.
pub(super) fn of(parameters: &Parameters, addresses: &[Address]) -> String {
    let mut query: Vec<(&str, String)> = Vec::new();
    let list = |part: &dyn Fn(&Address) -> String| addresses.iter().map(part).collect::<Vec<_>>().join(",");
    let with_port = |address: &Address| match address.port {
        5432 => host(address),
        port => format!("{}:{port}", host(address)),
    };
    let hosts = if addresses.iter().all(|address| address.folder().is_some()) {
        query.push(("host", list(&|address| address.host.clone())));
        if addresses.iter().any(|address| address.port != 5432) {
            query.push(("port", list(&|address| address.port.to_string())));
        }
        String::new()
    } else {
        list(&with_port)
    };
    if addresses.iter().any(|address| address.at.is_some_and(|at| at.to_string() != address.host)) {
        query.push(("hostaddr", list(&|address| address.at.map_or_else(String::new, |at| at.to_string()))));
    }
    query.extend(KEPT.iter().filter_map(|name| Some((*name, parameters.get(name)?.to_owned()))));
    let user = encoded(parameters.get("user").unwrap_or_default(), "");
    let database = encoded(parameters.get("dbname").unwrap_or_default(), "");
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value, "/:,"))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("postgres://{user}@{hosts}/{database}{query}")
}

fn host(address: &Address) -> String {
    if address.host.contains(':') { format!("[{}]", encoded(&address.host, ":")) } else { encoded(&address.host, "") }
}

/// Percent-encoded, but for what is unreserved and what `also` names. Letters beyond ASCII stay readable.
fn encoded(text: &str, also: &str) -> String {
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric() || "-._~".contains(letter) || also.contains(letter) || letter.is_alphanumeric()
    };
    let mut url = String::with_capacity(text.len());
    for letter in text.chars() {
        if plain(letter) {
            url.push(letter);
        } else {
            let mut bytes = [0; 4];
            url.extend(letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    url
}
