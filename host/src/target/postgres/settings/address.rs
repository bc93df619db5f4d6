//! Where a server may be: hosts and ports in the order of trying, each with its password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::parameters::Parameters;

/// Folders of local sockets: Debian's and the original default.
const FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

const PORT: u16 = 5432;

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// One place to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// A host's name, or the folder of a socket.
    pub(super) host: String,
    /// Where that host is, when it need not be looked up.
    pub(super) at: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) password: Option<Secret>,
}

impl Address {
    /// The folder of a local socket, where this is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        (self.at.is_none() && self.host.starts_with('/')).then(|| Path::new(&self.host))
    }

    /// What a file of passwords may call it.
    pub(super) fn names(&self) -> Vec<&str> {
        match self.folder() {
            Some(_) if FOLDERS.contains(&self.host.as_str()) => vec!["localhost", &self.host],
            _ => vec![&self.host],
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.folder() {
            Some(folder) => write!(f, "{}", folder.join(format!(".s.PGSQL.{}", self.port)).display()),
            None if self.host.contains(':') => write!(f, "[{}]:{}", self.host, self.port),
            None => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The addresses that the parameters name; without any, the local socket whose server is there, else `localhost`.
pub(super) fn list(parameters: &Parameters, there: &dyn Fn(&Path, u16) -> bool) -> Result<Vec<Address>> {
    let split = |name: &str| parameters.get(name).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let (hosts, numbers) = (split("host"), split("hostaddr"));
    let count = numbers.as_ref().or(hosts.as_ref()).map_or(1, Vec::len);
    let ports = ports(split("port").unwrap_or_default(), count)?;
    if let (Some(hosts), Some(numbers)) = (&hosts, &numbers)
        && hosts.len() != numbers.len()
    {
        let message = format!("The target has {} hosts and {} numeric addresses for them", hosts.len(), numbers.len());
        return Err(Error::new("usage", message));
    }
    ports
        .into_iter()
        .enumerate()
        .map(|(place, port)| {
            let pick = |list: &Option<Vec<&str>>| {
                list.as_ref().and_then(|list| list.get(place).copied()).unwrap_or("").to_owned()
            };
            let (mut host, number) = (pick(&hosts), pick(&numbers));
            let wrong =
                |_| Error::new("usage", format!("The parameter hostaddr wants a numeric address, not `{number}`"));
            let at = if number.is_empty() { None } else { Some(number.parse().map_err(wrong)?) };
            if host.starts_with('@') {
                return Err(Error::new(
                    "usage",
                    format!("The abstract socket `{host}` is not supported; name a folder"),
                ));
            }
            if host.is_empty() {
                host = if at.is_some() { number } else { default(port, there) };
            }
            Ok(Address { host, at, port, password: None })
        })
        .collect()
}

fn default(port: u16, there: &dyn Fn(&Path, u16) -> bool) -> String {
    let folder = FOLDERS.iter().find(|folder| there(&PathBuf::from(folder), port));
    (*folder.unwrap_or(&"localhost")).to_owned()
}

/// One port for all hosts, or one for each.
fn ports(given: Vec<&str>, hosts: usize) -> Result<Vec<u16>> {
    let port = |text: &&str| match text.parse() {
        _ if text.is_empty() => Ok(PORT),
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Error::new("usage", format!("The port `{text}` of the target is no number from 1 to 65535"))),
    };
    let ports = given.iter().map(port).collect::<Result<Vec<u16>>>()?;
    match ports.len() {
        0 => Ok(vec![PORT; hosts]),
        1 => Ok(vec![ports[0]; hosts]),
        count if count == hosts => Ok(ports),
        count => Err(Error::new("usage", format!("The target has {hosts} hosts and {count} ports for them"))),
    }
}
