//! Verifies client certificates: signed by the authority, and with an identity on the list.
//!
//! The list is checked inside the handshake: TLS itself rejects a client that is not on it, before any request.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::settings::Identity;

/// The bytes of a stranger's names shown in a log line.
const NAMES_BYTES: usize = 256;

/// Verifies by the authority first, then by the list.
#[derive(Debug)]
pub(super) struct ListedVerifier {
    pub(super) authority: Arc<dyn ClientCertVerifier>,
    pub(super) allowed: Vec<Identity>,
}

/// The authority signed the certificate, but its identity is not on the list.
#[derive(Debug, thiserror::Error)]
#[error("the client is not in allowedClients: its certificate names {0}")]
pub(super) struct NotListed(String);

/// The names in a certificate.
#[derive(Debug, Default)]
struct CertificateNames {
    uris: Vec<String>,
    dns: Vec<String>,
}

// === impl ListedVerifier ===

impl ClientCertVerifier for ListedVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authority.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.authority.verify_client_cert(end_entity, intermediates, now)?;
        let names = CertificateNames::of(end_entity);
        if names.listed(&self.allowed).is_some() {
            return Ok(verified);
        }
        let refused = OtherError(Arc::new(NotListed(names.to_string())));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(refused)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authority.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authority.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.supported_verify_schemes()
    }
}

/// Returns the listed identity of a verified certificate.
pub(super) fn identity(certificate: &CertificateDer<'_>, allowed: &[Identity]) -> Option<Identity> {
    CertificateNames::of(certificate).listed(allowed).cloned()
}

// === impl CertificateNames ===

impl CertificateNames {
    /// Returns `None` for unreadable names: such a certificate is on no list.
    fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut names = Self::default();
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return names };
        let Ok(Some(extension)) = parsed.subject_alternative_name() else { return names };
        for name in &extension.value.general_names {
            if let GeneralName::URI(uri) = name {
                names.uris.push((*uri).to_owned());
            } else if let GeneralName::DNSName(dns) = name {
                names.dns.push((*dns).to_owned());
            }
        }
        names
    }

    fn listed<'a>(&self, allowed: &'a [Identity]) -> Option<&'a Identity> {
        allowed.iter().find(|identity| match identity {
            // An X.509-SVID has one URI. A certificate with more must not match any of them.
            Identity::Spiffe(id) => matches!(self.uris.as_slice(), [uri] if uri == id),
            Identity::Dns(name) => self.dns.iter().any(|dns| dns.eq_ignore_ascii_case(name)),
        })
    }
}

impl fmt::Display for CertificateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dns = self.dns.iter().map(|name| format!("dns:{name}"));
        let all = self.uris.iter().cloned().chain(dns).collect::<Vec<_>>().join(", ");
        if all.is_empty() {
            return f.write_str("no URI and no DNS name");
        }
        let printable: String = all.chars().filter(|c| !c.is_control()).take(NAMES_BYTES).collect();
        f.write_str(&printable)
    }
}
