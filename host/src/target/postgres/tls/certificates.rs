//! Reads certificates, keys and revocation lists from PEM files.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::error::{Error, Result};

/// The certificates of a file; at least one.
pub(super) fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    all(file, "certificate")
}

/// The revocation lists of a file; at least one.
pub(super) fn revoked(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    all(file, "revocation list")
}

/// The private key of a file. One that others may read is refused, as libpq does.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>> {
    let bytes = read(file)?;
    if is_open_to_others(file) {
        let message = format!("The key {} may be read by others; run chmod 0600 on it", file.display());
        return Err(Error::new("usage", message));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let message =
            format!("{} holds no private key that can be used (without a passphrase): {error}", file.display());
        Error::new("usage", message)
    })
}

/// The certificates that the system trusts.
pub(super) fn system() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let message = format!("The system's certificate authorities cannot be read{why}; name a file with sslrootcert");
        return Err(Error::new("usage", message));
    }
    Ok(found.certs)
}

fn all<T: PemObject>(file: &Path, what: &str) -> Result<Vec<T>> {
    let bytes = read(file)?;
    let wrong = |why: String| Error::new("usage", format!("{} holds no {what} in PEM form{why}", file.display()));
    let found: Vec<T> =
        T::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|error| wrong(format!(": {error}")))?;
    if found.is_empty() { Err(wrong(String::new())) } else { Ok(found) }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Error::new("usage", format!("{} cannot be read: {error}", file.display())))
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    // A key that belongs to root may be read by its group.
    std::fs::metadata(file).is_ok_and(|metadata| {
        let allowed = if metadata.uid() == 0 { 0o740 } else { 0o700 };
        metadata.is_file() && metadata.permissions().mode() & 0o777 & !allowed != 0
    })
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}
