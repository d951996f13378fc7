//! `telemetry.otlp*`: the collector of spans, its protocol, headers and certificate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use callgate_settings::{ConfigFile, FieldError, SecretFile};
use reqwest::Url;
use reqwest::header::HeaderName;
use serde_saphyr::Spanned;

/// The path of spans below a base address (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
const TRACES: &str = "v1/traces";
const HEADERS_MAX: usize = 32;
/// Headers that the request itself needs.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const OWN_PREFIX: &str = "grpc-";

/// A collector of spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// With gRPC `http` or `https`, host and port. With HTTP the whole address of requests. No user, query or fragment.
    pub endpoint: Url,
    /// The protocol of requests.
    pub protocol: OtlpProtocol,
    /// Headers of every request, each with the place of its value.
    pub headers: Vec<(HeaderName, HeaderSource)>,
    /// With `https`, the CA of the collector's certificate: PEM. Without one, the system's authorities are trusted.
    pub authority: Option<PathBuf>,
}

/// The protocol of requests to a collector, with the words of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// `grpc`.
    Grpc,
    /// `http/protobuf`.
    HttpProtobuf,
}

/// The place of a header's value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// `file:PATH`.
    File(SecretFile),
    /// `env:NAME`.
    Environment(String),
}

// === impl Otlp ===

impl Otlp {
    /// Returns the names of the variables that hold values of headers.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().filter_map(|(_, source)| match source {
            HeaderSource::File(_) => None,
            HeaderSource::Environment(variable) => Some(variable.as_str()),
        })
    }
}

/// The fields of the section.
pub(super) struct OtlpFields {
    pub(super) endpoint: Option<Spanned<String>>,
    pub(super) protocol: Option<Spanned<String>>,
    pub(super) headers: BTreeMap<String, Spanned<String>>,
    pub(super) authority: Option<Spanned<String>>,
    pub(super) unencrypted: bool,
}

// === impl OtlpFields ===

impl OtlpFields {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<Option<Otlp>, FieldError> {
        let Some(written) = self.endpoint else {
            let others = [("otlpProtocol", &self.protocol), ("otlpCa", &self.authority)];
            let others = others.into_iter().filter_map(|(field, value)| Some((field, value.as_ref()?)));
            let header = self.headers.values().next().map(|value| ("otlpHeaders", value));
            return match others.chain(header).next() {
                Some((field, alone)) => {
                    let message = format!("telemetry.{field}: expected telemetry.otlp beside it");
                    Err(place.fault(alone.referenced, message))
                }
                None => Ok(None),
            };
        };
        let protocol = protocol(self.protocol.as_ref(), place)?;
        let endpoint = endpoint(&written, protocol, place)?;
        let fault = |message: &str| Err(place.fault(written.referenced, format!("telemetry.otlp: {message}")));
        if self.authority.is_some() && endpoint.scheme() != "https" {
            return fault("expected https:// together with telemetry.otlpCa, or http:// without it");
        }
        if self.headers.len() > HEADERS_MAX {
            return fault(&format!("expected at most {HEADERS_MAX} telemetry.otlpHeaders"));
        }
        let headers = self.headers.iter().map(|(name, value)| header(name, value, place));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        if !headers.is_empty() && endpoint.scheme() == "http" && !is_loopback(&endpoint) && !self.unencrypted {
            return fault(
                "otlpHeaders would be readable on the way to an http:// address that is not loopback; use https://, or set \
                 telemetry.otlpUnencrypted: true if the network is as trusted as this machine",
            );
        }
        let authority = self.authority.map(|file| place.folder.join(file.value));
        Ok(Some(Otlp { endpoint, protocol, headers, authority }))
    }
}

fn protocol(written: Option<&Spanned<String>>, place: &ConfigFile<'_>) -> Result<OtlpProtocol, FieldError> {
    let Some(written) = written else { return Ok(OtlpProtocol::Grpc) };
    match written.value.as_str() {
        "grpc" => Ok(OtlpProtocol::Grpc),
        "http/protobuf" => Ok(OtlpProtocol::HttpProtobuf),
        other => {
            let message = format!("telemetry.otlpProtocol: expected grpc or http/protobuf, found `{other}`");
            Err(place.fault(written.referenced, message))
        }
    }
}

/// Reads an address. Its faults do not repeat it: somebody may have written a key into it.
fn endpoint(written: &Spanned<String>, protocol: OtlpProtocol, place: &ConfigFile<'_>) -> Result<Url, FieldError> {
    let fault = |message: &str| place.fault(written.referenced, format!("telemetry.otlp: {message}"));
    let example = match protocol {
        OtlpProtocol::Grpc => "expected the collector's gRPC port, such as http://127.0.0.1:4317",
        OtlpProtocol::HttpProtobuf => "expected the collector's address, such as http://127.0.0.1:4318",
    };
    let mut url: Url = written.value.parse().map_err(|_| fault(example))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.port() == Some(0) {
        return Err(fault(example));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("expected no user and no password in the address; use telemetry.otlpHeaders"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fault("expected an address without query and fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    match protocol {
        OtlpProtocol::Grpc if !path.is_empty() => {
            Err(fault("expected no path with gRPC; set telemetry.otlpProtocol: http/protobuf if the collector has one"))
        }
        OtlpProtocol::Grpc => Ok(url),
        OtlpProtocol::HttpProtobuf => {
            if !path.ends_with(&format!("/{TRACES}")) {
                url.set_path(&format!("{path}/{TRACES}"));
            }
            Ok(url)
        }
    }
}

fn header(
    name: &str,
    value: &Spanned<String>,
    place: &ConfigFile<'_>,
) -> Result<(HeaderName, HeaderSource), FieldError> {
    let fault = |message: &str| place.fault(value.referenced, format!("telemetry.otlpHeaders.{name}: {message}"));
    let header: HeaderName = name.parse().map_err(|_| fault("expected the name of a header"))?;
    if OWN_HEADERS.contains(&header.as_str()) || header.as_str().starts_with(OWN_PREFIX) {
        return Err(fault("expected another header; this one is the executor's own"));
    }
    // The value is not repeated: it may be the secret itself.
    let expected = || fault("expected `file:` and a path, or `env:` and the name of a variable, that holds the value");
    let source = match value.value.strip_prefix("env:") {
        Some(variable) if !variable.is_empty() && !variable.contains(['=', '\0']) => {
            HeaderSource::Environment(variable.to_owned())
        }
        Some(_) => return Err(expected()),
        None => HeaderSource::File(SecretFile::resolve("telemetry.otlpHeaders", value, place).map_err(|_| expected())?),
    };
    Ok((header, source))
}

/// True if the address is on this machine. A name other than `localhost` may be anywhere.
fn is_loopback(address: &Url) -> bool {
    match address.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::telemetry::settings::TelemetrySection;

    use super::*;

    fn read(text: &str) -> Result<Otlp, String> {
        let section: TelemetrySection = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        section.resolve(&place).map(|telemetry| telemetry.otlp.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_http_address_gets_the_path_of_traces_once() {
        for (written, address) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://langfuse.example/api/public/otel", "https://langfuse.example/api/public/otel/v1/traces"),
            ("https://langfuse.example/api/public/otel/", "https://langfuse.example/api/public/otel/v1/traces"),
            (
                "https://langfuse.example/api/public/otel/v1/traces",
                "https://langfuse.example/api/public/otel/v1/traces",
            ),
            ("https://a.example/v1/traces/", "https://a.example/v1/traces/"),
            ("https://a.example/xv1/traces", "https://a.example/xv1/traces/v1/traces"),
        ] {
            let otlp = read(&format!("otlp: {written}\notlpProtocol: http/protobuf\n")).unwrap();
            assert_eq!((otlp.endpoint.as_str(), otlp.protocol), (address, OtlpProtocol::HttpProtobuf));
        }
    }

    #[test]
    fn a_grpc_address_is_the_default_and_has_no_path() {
        let otlp = read("otlp: https://collector:4317\notlpCa: ca.pem\n").unwrap();
        assert_eq!((otlp.endpoint.as_str(), otlp.protocol), ("https://collector:4317/", OtlpProtocol::Grpc));
        assert_eq!(otlp.authority, Some(PathBuf::from("/etc/callgate/ca.pem")));
        assert_eq!(read("otlp: https://collector:4317\n").unwrap().authority, None);
    }

    #[test]
    fn headers_come_from_files_and_from_the_environment() {
        let otlp = read("otlp: https://a.example\notlpHeaders: { Authorization: 'file:key', x-team: 'env:TEAM' }\n");
        let headers = otlp.unwrap().headers;
        let [(first, HeaderSource::File(file)), (second, HeaderSource::Environment(variable))] = headers.as_slice()
        else {
            panic!("{headers:?}");
        };
        assert_eq!((first.as_str(), file.path()), ("authorization", Path::new("/etc/callgate/key")));
        assert_eq!((second.as_str(), variable.as_str()), ("x-team", "TEAM"));
    }

    #[test]
    fn headers_leave_this_machine_only_with_tls_or_with_consent() {
        let text = |host: &str, more: &str| format!("otlp: http://{host}:4318\notlpHeaders: {{ a: 'env:A' }}\n{more}");
        for host in ["127.0.0.1", "localhost", "'[::1]'"] {
            let host = host.trim_matches('\'');
            read(&text(host, "")).unwrap();
        }
        for host in ["collector", "192.0.2.1", "localhost.example"] {
            assert!(read(&text(host, "")).unwrap_err().contains("readable on the way"));
            read(&text(host, "otlpUnencrypted: true\n")).unwrap();
        }
    }

    #[test]
    fn faults_are_named_and_repeat_no_secret() {
        for (text, expected) in [
            ("otlp: 127.0.0.1:4317\n", "1:7: telemetry.otlp: expected the collector's gRPC port"),
            ("otlp: 'http://'\n", "1:7: telemetry.otlp: expected the collector's gRPC port"),
            ("otlp: ftp://a\notlpProtocol: http/protobuf\n", "1:7: telemetry.otlp: expected the collector's address"),
            (
                "otlp: http://a\notlpProtocol: http/json\n",
                "2:15: telemetry.otlpProtocol: expected grpc or http/protobuf",
            ),
            (
                "otlp: https://a/api/otel\n",
                "1:7: telemetry.otlp: expected no path with gRPC; set telemetry.otlpProtocol",
            ),
            ("otlp: https://pk:sk-secret@a\n", "1:7: telemetry.otlp: expected no user and no password"),
            ("otlp: https://a?key=sk-secret\n", "1:7: telemetry.otlp: expected an address without query"),
            ("otlp: http://collector:4317\notlpCa: ca.pem\n", "1:7: telemetry.otlp: expected https:// together"),
            ("otlpCa: ca.pem\n", "1:9: telemetry.otlpCa: expected telemetry.otlp beside it"),
            ("otlpProtocol: grpc\n", "1:15: telemetry.otlpProtocol: expected telemetry.otlp beside it"),
            ("otlpHeaders: { a: 'env:A' }\n", "1:19: telemetry.otlpHeaders: expected telemetry.otlp beside it"),
            (
                "otlp: https://a\notlpHeaders: { a: sk-secret }\n",
                "2:19: telemetry.otlpHeaders.a: expected `file:` and a",
            ),
            ("otlp: https://a\notlpHeaders: { a: 'env:' }\n", "2:19: telemetry.otlpHeaders.a: expected `file:` and a"),
            ("otlp: https://a\notlpHeaders: { a: 'file:' }\n", "2:19: telemetry.otlpHeaders.a: expected `file:` and a"),
            ("otlp: https://a\notlpHeaders: { Host: 'env:A' }\n", "2:22: telemetry.otlpHeaders.Host: expected another"),
            (
                "otlp: https://a\notlpHeaders: { grpc-x: 'env:A' }\n",
                "2:24: telemetry.otlpHeaders.grpc-x: expected another",
            ),
            (
                "otlp: https://a\notlpHeaders: { 'a b': 'env:A' }\n",
                "2:23: telemetry.otlpHeaders.a b: expected the name",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("executor.yaml:{expected}")), "{error}");
            assert!(!error.contains("sk-secret"), "{error}");
        }
    }
}
