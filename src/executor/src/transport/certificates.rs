//! The certificates of a port: read at start, and again on SIGHUP or when their files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::clients::ListedVerifier;
use super::error::CertificateError;
use super::settings::{Clients, Identity, Tls};
use super::{Port, provider};
use crate::telemetry::Metrics;

/// The certificates for new connections. Clones share them.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<CertificateState>);

#[derive(Debug)]
struct CertificateState {
    tls: Tls,
    port: Port,
    current: ArcSwap<ServerConfig>,
    /// The digest of the files at the last look, accepted or not: the same fault is reported once.
    seen: Mutex<[u8; 32]>,
    metrics: Metrics,
}

/// The files' contents and the TLS settings made from them.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
}

// === impl Certificates ===

impl Certificates {
    pub(super) fn read(tls: &Tls, port: Port, metrics: &Metrics) -> Result<Self, CertificateError> {
        let files = Files::read(tls)?;
        let (config, ends) = files.parse(tls, port)?;
        metrics.connections().certificate_ends(port.as_str(), ends);
        Ok(Self(Arc::new(CertificateState {
            tls: tls.clone(),
            port,
            current: ArcSwap::from_pointee(config),
            seen: Mutex::new(files.digest()),
            metrics: metrics.clone(),
        })))
    }

    /// Returns the TLS settings of the next connection.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.0.current.load_full()
    }

    /// Returns the allowed clients; empty if every client is allowed.
    pub(super) fn allowed(&self) -> &[Identity] {
        match &self.0.tls.clients {
            Clients::Anyone => &[],
            Clients::Listed { allowed, .. } => allowed,
        }
    }

    /// Returns the folders of the files.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let tls = &self.0.tls;
        let mut folders: Vec<_> = [Some(&tls.certificate), Some(&tls.key), authority(tls)]
            .into_iter()
            .flatten()
            .filter_map(|file| file.parent())
            .map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// Reads the files again if they changed. New certificates apply to new connections. Unusable ones are logged and
    /// change nothing. Blocks while it reads.
    pub fn reload(&self) {
        let shared = &self.0;
        let port = shared.port.as_str();
        // Held to the end: of two concurrent reads, the older pair must not replace the newer.
        let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Files::read(&shared.tls).and_then(|files| {
            let digest = files.digest();
            if *seen == digest {
                return Ok(None);
            }
            *seen = digest;
            files.parse(&shared.tls, shared.port).map(Some)
        });
        match read {
            Ok(None) => {}
            Ok(Some((config, ends))) => {
                shared.current.store(Arc::new(config));
                shared.metrics.connections().certificate_ends(port, ends);
                shared.metrics.reloads().certificates(true);
                tracing::info!(port, not_after = %time(ends), "new certificates are in use");
            }
            Err(reason) => {
                shared.metrics.reloads().certificates(false);
                tracing::error!(port, %reason, "new certificates cannot be used; the current ones stay in use");
            }
        }
    }
}

// === impl Files ===

impl Files {
    fn read(tls: &Tls) -> Result<Self, CertificateError> {
        let read = |file: &Path| {
            fs::read(file)
                .map_err(|error| CertificateError::Unreadable { file: file.to_owned(), reason: error.to_string() })
        };
        Ok(Self {
            certificate: read(&tls.certificate)?,
            key: read(&tls.key)?,
            authority: authority(tls).map(|file| read(file)).transpose()?.unwrap_or_default(),
        })
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for file in [&self.certificate, &self.key, &self.authority] {
            digest.update(Sha256::digest(file));
        }
        digest.finalize().into()
    }

    /// Returns the TLS settings made from the files, and the certificate's expiry.
    fn parse(&self, tls: &Tls, port: Port) -> Result<(ServerConfig, SystemTime), CertificateError> {
        let chain = certificates(&tls.certificate, &self.certificate)?;
        let ends = chain.first().and_then(not_after).ok_or_else(|| CertificateError::NoCertificate {
            file: tls.certificate.clone(),
            reason: "and its first one cannot be read".into(),
        })?;
        if ends < SystemTime::now() {
            return Err(CertificateError::Ended { certificate: tls.certificate.clone(), at: time(ends) });
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| CertificateError::NoKey { file: tls.key.clone(), reason: error.to_string() })?;
        let pair = |error: rustls::Error| CertificateError::Pair {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            reason: error.to_string(),
        };
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(pair)?;
        let builder = match &tls.clients {
            Clients::Anyone => builder.with_no_client_auth(),
            Clients::Listed { authority, allowed } => {
                builder.with_client_cert_verifier(self.clients(authority, allowed)?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = port.protocols();
        // A resumed session presents no certificate: one that has expired since would still count.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok((config, ends))
    }

    fn clients(&self, file: &Path, allowed: &[Identity]) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
        let wrong = |reason: String| CertificateError::Authority { file: file.to_owned(), reason };
        let mut roots = RootCertStore::empty();
        for root in certificates(file, &self.authority)? {
            roots.add(root).map_err(|error| wrong(error.to_string()))?;
        }
        let authority = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Arc::new(ListedVerifier { authority, allowed: allowed.to_vec() }))
    }
}

fn authority(tls: &Tls) -> Option<&PathBuf> {
    match &tls.clients {
        Clients::Anyone => None,
        Clients::Listed { authority, .. } => Some(authority),
    }
}

/// Returns all certificates of a PEM file; at least one.
fn certificates(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let wrong = |reason: String| CertificateError::NoCertificate { file: file.to_owned(), reason };
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("found none".into()));
    }
    Ok(found)
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| "a time that cannot be written".into(), |at| at.to_string())
}
