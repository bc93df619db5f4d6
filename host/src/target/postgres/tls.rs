//! Encryption of connections, in `libpq`'s words (`sslmode` and its companions), by rustls.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

use super::settings::Parameters;

mod certificates;
#[cfg(test)]
mod tests;
mod verifier;

use verifier::Trust;

/// One way of connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Without encryption.
    Plain,
    /// Encrypted if the server can.
    Offered,
    /// Encrypted or not at all.
    Encrypted,
}

/// How connections are encrypted and whom they trust.
#[derive(Clone)]
pub(crate) struct Security {
    attempts: &'static [Attempt],
    /// Absent when no connection is encrypted.
    connector: Option<MakeRustlsConnect>,
    direct: bool,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security").field("attempts", &self.attempts).field("direct", &self.direct).finish()
    }
}

impl Security {
    /// Reads what the parameters and the user's `.postgresql` folder say; nothing is read when every address is a local
    /// socket, which is never encrypted.
    pub(crate) fn new(parameters: &Parameters, home: Option<&Path>, all_local: bool) -> Result<Self> {
        let files = Files { parameters, folder: home.map(|home| home.join(".postgresql")) };
        let mode = mode(parameters)?;
        let direct = parameters.choice("sslnegotiation", &["postgres", "direct"])? == "direct";
        if direct && matches!(mode, "disable" | "allow" | "prefer") {
            let message = format!("sslnegotiation=direct needs an sslmode of require or stricter, not {mode}");
            return Err(Error::new("usage", message));
        }
        let attempts: &[Attempt] = match mode {
            "disable" => &[Attempt::Plain],
            "allow" => &[Attempt::Plain, Attempt::Encrypted],
            "prefer" => &[Attempt::Offered, Attempt::Plain],
            _ => &[Attempt::Encrypted],
        };
        let connector = if all_local || mode == "disable" { None } else { Some(connector(mode, &files)?) };
        Ok(Self { attempts, connector, direct })
    }

    /// The ways to try, in their order.
    pub(crate) fn attempts(&self, local: bool) -> &'static [Attempt] {
        if local { &[Attempt::Plain] } else { self.attempts }
    }

    /// What encrypts connections; none where none is.
    pub(crate) fn connector(&self) -> Option<MakeRustlsConnect> {
        self.connector.clone()
    }

    /// Whether encryption starts without asking the server first (PostgreSQL 17 and later).
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }
}

/// The mode asked for. The system's authorities sign for anybody, so that with them the name must be looked at too.
fn mode(parameters: &Parameters) -> Result<&'static str> {
    let system = parameters.get("sslrootcert") == Some("system");
    if system && parameters.get("sslmode").is_none() {
        return Ok("verify-full");
    }
    let choices = ["prefer", "disable", "allow", "require", "verify-ca", "verify-full"];
    let mode = parameters.choice("sslmode", &choices)?;
    if system && mode != "verify-full" {
        let message = format!("sslrootcert=system needs sslmode=verify-full, not {mode}");
        return Err(Error::new("usage", message));
    }
    Ok(mode)
}

/// The files of the parameters, or their defaults in the user's folder.
struct Files<'a> {
    parameters: &'a Parameters,
    folder: Option<PathBuf>,
}

impl Files<'_> {
    /// The file that a parameter names, which must be there, or the default one where it is.
    fn find(&self, parameter: &str, default: &str) -> Option<PathBuf> {
        let named = self.parameters.get(parameter).map(PathBuf::from);
        named.or_else(|| self.folder.as_ref().map(|folder| folder.join(default)).filter(|file| file.exists()))
    }
}

fn connector(mode: &str, files: &Files<'_>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier::new(trust(mode, files)?, Arc::clone(&provider))?;
    let versions =
        match files.parameters.choice("ssl_min_protocol_version", &["TLSv1.2", "TLSv1", "TLSv1.1", "TLSv1.3"])? {
            "TLSv1.3" => vec![&TLS13],
            _ => vec![&TLS13, &TLS12],
        };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| Error::new("host.internal", format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let certificate = files.find("sslcert", "postgresql.crt");
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let key = files.find("sslkey", "postgresql.key").ok_or_else(|| {
                let message =
                    format!("The client certificate {} has no key; name it with sslkey", certificate.display());
                Error::new("usage", message)
            })?;
            let (chain, secret) = (certificates::chain(&certificate)?, certificates::key(&key)?);
            builder.with_client_auth_cert(chain, secret).map_err(|error| {
                let message = format!("The client certificate {} cannot be used: {error}", certificate.display());
                Error::new("usage", message)
            })?
        }
    };
    // A server that is spoken to directly wants to know what will be spoken.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

/// Whose certificates are taken. As in libpq, `require` looks at them when there is a file of authorities.
fn trust(mode: &str, files: &Files<'_>) -> Result<Trust> {
    let full = mode == "verify-full";
    if !matches!(mode, "require" | "verify-ca" | "verify-full") {
        return Ok(Trust::Anyone);
    }
    let revoked = match files.find("sslcrl", "root.crl") {
        Some(file) => certificates::revoked(&file)?,
        None => Vec::new(),
    };
    match files.find("sslrootcert", "root.crt") {
        Some(file) if file.as_os_str() != "system" => {
            Ok(Trust::Of { roots: certificates::chain(&file)?, revoked, full })
        }
        None if mode == "require" => Ok(Trust::Anyone),
        None if mode == "verify-ca" => Err(Error::new(
            "usage",
            "sslmode=verify-ca needs a file of authorities (sslrootcert); the system's are only safe with verify-full",
        )),
        _ => Ok(Trust::Of { roots: certificates::system()?, revoked, full: true }),
    }
}
