//! Whom a connection trusts: anyone, or servers whose certificate one of some authorities signed.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::{Error, Result};

/// Whose certificates are taken.
pub(super) enum Trust {
    /// Anyone's: the connection is encrypted, and with whom is not known.
    Anyone,
    /// Those of these authorities.
    Of {
        roots: Vec<CertificateDer<'static>>,
        revoked: Vec<CertificateRevocationListDer<'static>>,
        /// Only when the certificate is that of the host.
        full: bool,
    },
}

/// A verifier that trusts so.
pub(super) fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let signed = match trust {
        Trust::Anyone => None,
        Trust::Of { roots, revoked, full } => Some(Signed::new(roots, revoked, full, Arc::clone(&provider))?),
    };
    Ok(Arc::new(Verifier { signed, provider }))
}

/// Holds the server to the key in its certificate.
#[derive(Debug)]
struct Verifier {
    /// Which certificates it takes; every one where nothing is said.
    signed: Option<Signed>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.signed {
            Some(signed) => signed.verify(certificate, between, host, ocsp, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes certificates with a chain to an authority.
#[derive(Debug)]
struct Signed {
    chain: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
    full: bool,
}

impl Signed {
    fn new(
        roots: Vec<CertificateDer<'static>>,
        revoked: Vec<CertificateRevocationListDer<'static>>,
        full: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self> {
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(roots.iter().cloned());
        if usable == 0 {
            return Err(Error::new("usage", "The file of sslrootcert holds no certificate that can be an authority"));
        }
        let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider);
        if !revoked.is_empty() {
            builder = builder.with_crls(revoked).only_check_end_entity_revocation().allow_unknown_revocation_status();
        }
        let unusable =
            |error| Error::new("usage", format!("The authorities or revocation lists cannot be used: {error}"));
        Ok(Self { chain: builder.build().map_err(unusable)?, roots, full })
    }

    /// A certificate that the operator gave as an authority is trusted as itself too: that is how servers with a certificate
    /// that they signed themselves are verified.
    fn is_given(&self, certificate: &CertificateDer<'_>) -> bool {
        self.roots.iter().any(|root| root.as_ref() == certificate.as_ref())
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.is_given(certificate) {
            if self.full {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, host)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match self.chain.verify_server_cert(certificate, between, host, ocsp, now) {
            // The chain is looked at before the name, so that only the name is wrong.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.full => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }
}
