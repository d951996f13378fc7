//! The connection to the collector: OTLP over gRPC or over HTTP with protobuf.
//!
//! Only the configuration decides about it: variables such as `OTEL_EXPORTER_OTLP_HEADERS` and `HTTPS_PROXY` are not read, and
//! redirects are not followed. Headers may be secrets, so they are in no error and in no log.

mod client;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callgate_genai::langfuse;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use self::client::CollectorClient;
use super::export::EXPORT;
use super::settings::{HeaderSource, Otlp, OtlpProtocol};
use crate::backends::choose_cryptography;

const CONNECT: Duration = Duration::from_secs(3);
/// The maximum bytes of a certificate file; a larger file is not the intended one.
const FILE_BYTES: u64 = 1 << 20;

/// The reason spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The collector's address or authority cannot be used.
    #[error("telemetry.otlp: {endpoint} cannot be used: {reason}; correct the address or telemetry.otlpCa")]
    Endpoint {
        /// The configured address, which has no secret.
        endpoint: String,
        /// The library's reason.
        reason: String,
    },
    /// The value of a header cannot be read or sent.
    #[error("telemetry.otlpHeaders.{header}: {place} cannot be used: {reason}; correct it")]
    Header {
        /// The header.
        header: HeaderName,
        /// The file or the variable.
        place: String,
        /// The reason, without the value.
        reason: String,
    },
}

/// The client's words about the last failed request. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFault(Arc<Mutex<Option<String>>>);

// === impl LastFault ===

impl LastFault {
    fn put(&self, words: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes the exporter. It connects once there are spans to send. Needs a tokio runtime.
///
/// # Errors
/// The address, the authority or a header cannot be used. An unreachable collector is not an error.
pub(super) fn exporter(otlp: &Otlp, for_langfuse: bool, fault: LastFault) -> Result<SpanExporter, TraceError> {
    let wrong = |reason: String| TraceError::Endpoint { endpoint: otlp.endpoint.to_string(), reason };
    let headers = headers(otlp, for_langfuse)?;
    let authority = otlp.authority.as_deref().map(authority).transpose().map_err(wrong)?;
    let built = match otlp.protocol {
        OtlpProtocol::Grpc => {
            let metadata = MetadataMap::from_headers(headers);
            // The library adds headers of its own and of the environment; only the configured ones are sent.
            let only = move |mut request: tonic::Request<()>| {
                metadata.clone_into(request.metadata_mut());
                Ok(request)
            };
            let channel = channel(otlp, authority).map_err(wrong)?;
            SpanExporter::builder()
                .with_tonic()
                .with_channel(channel)
                .with_interceptor(only)
                .with_timeout(EXPORT)
                .build()
        }
        OtlpProtocol::HttpProtobuf => {
            let client = CollectorClient::new(otlp, authority, headers, fault).map_err(wrong)?;
            SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(otlp.endpoint.as_str())
                .with_http_client(client)
                .with_timeout(EXPORT)
                .build()
        }
    };
    built.map_err(|error| wrong(error.to_string()))
}

/// Reads the values of the headers.
fn headers(otlp: &Otlp, for_langfuse: bool) -> Result<HeaderMap, TraceError> {
    let mut headers = HeaderMap::new();
    if for_langfuse {
        headers.insert(langfuse::INGESTION_VERSION, HeaderValue::from_static(langfuse::INGESTION_VERSION_NOW));
    }
    for (header, source) in &otlp.headers {
        let (place, text) = match source {
            HeaderSource::File(file) => {
                (file.path().display().to_string(), file.read().map_err(|error| error.to_string()))
            }
            // The error of a text that is not Unicode has the text in it.
            HeaderSource::Environment(variable) => {
                let text = std::env::var(variable).map_err(|_| "the variable is not set, or is not text".to_owned());
                (format!("env:{variable}"), text)
            }
        };
        let wrong = |reason: String| TraceError::Header { header: header.clone(), place: place.clone(), reason };
        let text = text.map_err(wrong)?;
        let text = text.trim_ascii();
        let is_printable = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let mut value = HeaderValue::from_str(text)
            .ok()
            .filter(|_| is_printable)
            .ok_or_else(|| wrong("expected one line of printable ASCII".into()))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn authority(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES {
        return Err(format!("{} has more than {FILE_BYTES} bytes", path.display()));
    }
    std::fs::read(path).map_err(unreadable)
}

fn channel(otlp: &Otlp, authority: Option<Vec<u8>>) -> Result<Channel, String> {
    let mut endpoint = Channel::from_shared(otlp.endpoint.to_string())
        .map_err(|error| error.to_string())?
        .connect_timeout(CONNECT)
        .timeout(EXPORT);
    if otlp.endpoint.scheme() == "https" {
        choose_cryptography();
        let tls = match authority {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().trust_anchors(system_anchors()?),
        };
        endpoint = endpoint.tls_config(tls).map_err(|error| error.to_string())?;
    }
    Ok(endpoint.connect_lazy())
}

/// Returns the authorities that the system trusts.
fn system_anchors() -> Result<Vec<rustls::pki_types::TrustAnchor<'static>>, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        return Err("the system trusts no authority; name one in telemetry.otlpCa".into());
    }
    Ok(roots.roots)
}
