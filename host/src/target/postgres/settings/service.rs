//! The service file: sections of parameters under a name (`pg_service.conf`).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::Environment;
use super::parameters::Parameters;

/// Where Debian's and the original libpq look for services of the whole system.
const SYSTEM: [&str; 2] = ["/etc/postgresql-common", "/usr/local/pgsql/etc"];

/// Takes what the service says that nobody said before. Without a service nothing is done.
pub(super) fn fill(parameters: &mut Parameters, environment: &Environment) -> Result<()> {
    let variable = |name: &str| environment.variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let Some(service) = parameters.get("service").or_else(|| variable("PGSERVICE")).map(str::to_owned) else {
        return Ok(());
    };
    let named = parameters.get("servicefile").or_else(|| variable("PGSERVICEFILE")).map(PathBuf::from);
    let own = named.clone().or_else(|| environment.home.as_ref().map(|home| home.join(".pg_service.conf")));
    let system = match variable("PGSYSCONFDIR") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => SYSTEM.map(PathBuf::from).to_vec(),
    };
    let files = own.into_iter().chain(system.into_iter().map(|folder| folder.join("pg_service.conf")));
    for file in files {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.as_ref() != Some(&file) => continue,
            Err(error) => {
                let message = format!("The service file {} cannot be read: {error}", file.display());
                return Err(Error::new("usage", message));
            }
        };
        if let Some(section) = section(&text, &service, &file)? {
            let place = format!("The service {service} of {}", file.display());
            for (key, value) in section {
                parameters.put_missing(key, value, &place)?;
            }
            return Ok(());
        }
    }
    Err(Error::new("usage", format!("The service {service} is in no service file; look into ~/.pg_service.conf")))
}

/// The section's parameters, the first of each name; `None` when there is no such section.
fn section<'a>(text: &'a str, service: &str, file: &Path) -> Result<Option<Vec<(&'a str, &'a str)>>> {
    let mut found: Option<Vec<(&str, &str)>> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if name.strip_suffix(']') == Some(service) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(pairs) = &mut found else { continue };
        let wrong = |why: &str| {
            let message = format!("Line {} of the service file {} {why}", at + 1, file.display());
            Error::new("usage", message)
        };
        if line.starts_with("ldap") {
            return Err(wrong("asks a directory server, which is not supported here"));
        }
        let (key, value) = line.split_once('=').ok_or_else(|| wrong("is not KEY=VALUE"))?;
        if key == "service" || key == "servicefile" {
            return Err(wrong("names another service, which libpq does not allow"));
        }
        if pairs.iter().all(|(earlier, _)| *earlier != key) {
            pairs.push((key, value));
        }
    }
    Ok(found)
}
