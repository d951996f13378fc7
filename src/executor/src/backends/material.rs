//! The parts of a backend's connections: certificates, keys and secret headers, read once from their files.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect;

use super::BackendError;
use super::settings::{BackendIdentity, BackendSettings};

/// The maximum size of a secret or certificate; a larger file is not the intended one.
const FILE_BYTES: u64 = 1 << 20;

/// The files of one backend.
pub(super) struct Material {
    pub(super) headers: HeaderMap,
    ca: Option<Vec<u8>>,
    /// Certificate and key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Names the field of one backend in an error.
struct MaterialReader<'a> {
    backend: &'a str,
}

// === impl Material ===

impl Material {
    pub(super) fn read(name: &str, backend: &BackendSettings) -> Result<Self, BackendError> {
        let reader = MaterialReader { backend: name };
        let mut headers = HeaderMap::new();
        for (header, path) in &backend.headers {
            let field = format!("headers.{header}");
            let bytes = reader.file(&field, path)?;
            let text = bytes.trim_ascii();
            let mut value = HeaderValue::from_bytes(text)
                .ok()
                .filter(|_| !text.is_empty())
                .ok_or_else(|| reader.unusable(&field, path, "expected one line of text".into()))?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let tls = backend.tls.as_ref();
        let ca = tls.and_then(|tls| tls.ca.as_deref()).map(|path| reader.file("tls.ca", path)).transpose()?;
        let identity = match tls.and_then(|tls| tls.identity.as_ref()) {
            None => None,
            Some(BackendIdentity { certificate, key }) => {
                Some((reader.file("tls.certificate", certificate)?, reader.file("tls.key", key)?))
            }
        };
        Ok(Self { headers, ca, identity })
    }

    /// Returns an HTTP client without redirects, proxies and retries of its own.
    pub(super) fn http(&self, name: &str, backend: &BackendSettings) -> Result<reqwest::Client, BackendError> {
        let unusable = |error: reqwest::Error| BackendError::Unusable {
            backend: name.to_owned(),
            field: "tls".into(),
            reason: error.to_string(),
        };
        let mut client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(super::CONNECT_TIMEOUT)
            .pool_max_idle_per_host(usize::try_from(backend.pace.max_in_flight).unwrap_or(usize::MAX));
        if let Some(ca) = &self.ca {
            client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(ca).map_err(unusable)?);
        } else if backend.address.scheme() == "http" {
            // The system's certificates are read only if needed: a small container has none.
            client = client.tls_certs_only([]);
        }
        if let Some((certificate, key)) = &self.identity {
            let both = [key.as_slice(), b"\n", certificate.as_slice()].concat();
            client = client.identity(reqwest::Identity::from_pem(&both).map_err(unusable)?);
        }
        client.build().map_err(unusable)
    }

    /// Returns the same for gRPC.
    pub(super) fn grpc(
        &self,
        name: &str,
        backend: &BackendSettings,
    ) -> Result<tonic::transport::Endpoint, BackendError> {
        use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

        let unusable = |error: tonic::transport::Error| BackendError::Unusable {
            backend: name.to_owned(),
            field: "tls".into(),
            reason: error.to_string(),
        };
        let mut endpoint = Endpoint::from_shared(backend.address.to_string()).map_err(unusable)?;
        if backend.address.scheme() == "https" {
            let mut tls = ClientTlsConfig::new();
            if let Some(ca) = &self.ca {
                tls = tls.ca_certificate(Certificate::from_pem(ca));
            }
            if let Some((certificate, key)) = &self.identity {
                tls = tls.identity(Identity::from_pem(certificate, key));
            }
            endpoint = endpoint.tls_config(tls).map_err(unusable)?;
        }
        Ok(endpoint
            .connect_timeout(super::CONNECT_TIMEOUT)
            .http2_keep_alive_interval(super::KEEP_ALIVE)
            .keep_alive_timeout(super::CONNECT_TIMEOUT)
            .http2_max_header_list_size(super::HEADER_BYTES)
            .tcp_nodelay(true))
    }
}

// === impl MaterialReader ===

impl MaterialReader<'_> {
    fn file(&self, field: &str, path: &Path) -> Result<Vec<u8>, BackendError> {
        let unreadable = |error: std::io::Error| self.unusable(field, path, error.to_string());
        if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES {
            return Err(self.unusable(field, path, format!("it has more than {FILE_BYTES} bytes")));
        }
        std::fs::read(path).map_err(unreadable)
    }

    fn unusable(&self, field: &str, path: &Path, reason: String) -> BackendError {
        let reason = format!("{} cannot be used: {reason}", path.display());
        BackendError::Unusable { backend: self.backend.to_owned(), field: field.to_owned(), reason }
    }
}

/// Makes ring the process's cryptography, unless another is chosen already.
pub(crate) fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may just have chosen: its choice stays.
        let _: Result<(), Arc<rustls::crypto::CryptoProvider>> =
            rustls::crypto::ring::default_provider().install_default();
    }
}
