//! `backends`: the places of tools outside this executor.
//!
//! A contract names a backend; only this section has its address. So no address ever comes from a contract or a
//! request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use callgate_settings::{ConfigFile, FieldError, Seconds};
use reqwest::Url;
use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

/// The default maximum calls in flight to one backend.
const MAX_IN_FLIGHT: u32 = 64;
const MAX_IN_FLIGHT_MAX: u32 = 4096;
const RETRIES: u32 = 2;
const RETRIES_MAX: u32 = 10;
const FAILURES: u32 = 5;
const FAILURES_MAX: u32 = 1000;
const OPEN_FOR: Duration = Duration::from_secs(10);
const OPEN_FOR_MAX: Duration = Duration::from_secs(600);

/// Headers a call brings itself, and headers of its framing.
const OWN_HEADERS: [&str; 13] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "last-event-id",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
];
const OWN_PREFIXES: [&str; 3] = ["callgate-", "grpc-", "mcp-"];

/// Backends by the names in contracts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends(pub BTreeMap<String, Backend>);

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `http` or `https`, host, port, and for HTTP and MCP a path; no user, query or fragment.
    pub address: Url,
    /// Certificates of both sides; only with `https`.
    pub tls: Option<Tls>,
    /// Headers of every request, each with the file of its value.
    pub headers: Vec<(HeaderName, PathBuf)>,
    /// The maximum calls in flight, 1 to 4096; the others wait, and their waiting counts against their timeout.
    pub max_in_flight: u32,
    /// The circuit breaker.
    pub breaker: Breaker,
    /// The retries of a call to a tool with `effects: read`, 0 to 10.
    pub retries: u32,
}

/// Certificates of a connection, all PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The only CA of the backend's certificate; the system's CAs if not set.
    pub ca: Option<PathBuf>,
    /// The executor's own certificate.
    pub identity: Option<Identity>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and its intermediates.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The settings of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// The failures in a row that open it.
    pub failures: u32,
    /// The time it stays open; then one call tries the backend.
    pub open_for: Duration,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Section(BTreeMap<String, Entry>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    address: Spanned<String>,
    tls: Option<Spanned<TlsEntry>>,
    #[serde(default)]
    headers: BTreeMap<String, Spanned<String>>,
    max_in_flight: Option<Spanned<u32>>,
    #[serde(default)]
    breaker: BreakerEntry,
    retries: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TlsEntry {
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BreakerEntry {
    failures: Option<Spanned<u32>>,
    open_for: Option<Spanned<Seconds>>,
}

/// The place of faults of one backend, and its name in them.
struct Here<'a> {
    place: &'a ConfigFile<'a>,
    name: &'a str,
}

// === impl Section ===

impl Section {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<Backends, FieldError> {
        let resolve = |(name, entry): (String, Entry)| {
            let backend = entry.resolve(&Here { place, name: &name })?;
            Ok((name, backend))
        };
        Ok(Backends(self.0.into_iter().map(resolve).collect::<Result<_, _>>()?))
    }
}

// === impl Entry ===

impl Entry {
    fn resolve(self, here: &Here<'_>) -> Result<Backend, FieldError> {
        let at = self.address.referenced;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if here.name.is_empty() || here.name.len() > 63 || !here.name.bytes().all(plain) {
            let expected =
                "expected a name of 1 to 63 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`, as contracts can name it";
            return Err(here.place.fault(at, format!("backends: {expected}, found `{}`", here.name)));
        }
        let address = here.address(&self.address)?;
        let tls = match self.tls {
            None => None,
            Some(tls) if address.scheme() != "https" => {
                return Err(here.fault(tls.referenced, "tls", "expected none with an http:// address; write https://"));
            }
            Some(tls) => Some(here.tls(tls)?),
        };
        let headers = self.headers.into_iter().map(|(name, value)| here.header(&name, &value));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        if !headers.is_empty() && address.scheme() == "http" && !is_loopback(&address) {
            let expected = "would be readable on the way to an http:// address that is not loopback; use https://";
            return Err(here.fault(at, "headers", expected));
        }
        let open_for = match self.breaker.open_for {
            None => OPEN_FOR,
            Some(time) if !time.value.0.is_zero() && time.value.0 <= OPEN_FOR_MAX => time.value.0,
            Some(time) => return Err(here.fault(time.referenced, "breaker.openFor", "expected 1ms to 10m")),
        };
        Ok(Backend {
            address,
            tls,
            headers,
            max_in_flight: here.number("maxInFlight", self.max_in_flight, 1..=MAX_IN_FLIGHT_MAX, MAX_IN_FLIGHT)?,
            breaker: Breaker {
                failures: here.number("breaker.failures", self.breaker.failures, 1..=FAILURES_MAX, FAILURES)?,
                open_for,
            },
            retries: here.number("retries", self.retries, 0..=RETRIES_MAX, RETRIES)?,
        })
    }
}

// === impl Here ===

impl Here<'_> {
    fn fault(&self, at: Location, field: &str, message: impl AsRef<str>) -> FieldError {
        self.place.fault(at, format!("backends.{}.{field}: {}", self.name, message.as_ref()))
    }

    fn address(&self, text: &Spanned<String>) -> Result<Url, FieldError> {
        let expected = "expected an address such as http://127.0.0.1:9000 or https://orders.internal/api, \
                        without user, query and fragment";
        let wrong = || self.fault(text.referenced, "address", expected);
        let url: Url = text.value.parse().map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let usable = matches!(url.scheme(), "http" | "https") && url.has_host() && url.port() != Some(0);
        let path = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b);
        // Parsing an address undoes escapes and dot segments; the request must use the written one.
        let escaped = text.value.contains('%');
        if !plain || !usable || escaped || url.fragment().is_some() || !url.path().bytes().all(path) {
            return Err(wrong());
        }
        Ok(url)
    }

    fn tls(&self, tls: Spanned<TlsEntry>) -> Result<Tls, FieldError> {
        let TlsEntry { ca, certificate, key } = tls.value;
        let path = |text: String| self.place.folder.join(text);
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate: path(certificate), key: path(key) }),
            (None, None) => None,
            (Some(_), None) => return Err(self.fault(tls.referenced, "tls.key", "expected one with the certificate")),
            (None, Some(_)) => {
                return Err(self.fault(tls.referenced, "tls.certificate", "expected one with the key"));
            }
        };
        Ok(Tls { ca: ca.map(path), identity })
    }

    fn header(&self, name: &str, value: &Spanned<String>) -> Result<(HeaderName, PathBuf), FieldError> {
        let field = format!("headers.{name}");
        let fault = |message: &str| self.fault(value.referenced, &field, message);
        let header: HeaderName = name.parse().map_err(|_| fault("expected the name of a header"))?;
        let own = |name: &str| OWN_HEADERS.contains(&name) || OWN_PREFIXES.iter().any(|p| name.starts_with(p));
        if own(header.as_str()) {
            return Err(fault("expected another header; this one is the executor's own"));
        }
        match value.value.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok((header, self.place.folder.join(path))),
            // Not repeated: it may be the secret itself.
            Some(_) | None => Err(fault("expected `file:` and the path of a file that holds the whole value")),
        }
    }

    fn number(
        &self,
        field: &str,
        number: Option<Spanned<u32>>,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, FieldError> {
        match number {
            None => Ok(default),
            Some(n) if range.contains(&n.value) => Ok(n.value),
            Some(n) => {
                let message = format!("expected {} to {}, found {}", range.start(), range.end(), n.value);
                Err(self.fault(n.referenced, field, message))
            }
        }
    }
}

/// Returns true if requests there stay on this machine. A name other than `localhost` may be anywhere.
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

    use super::*;
    use crate::config::Config;

    fn parse(backends: &str) -> Result<Backends, String> {
        let text = format!("contracts: [a]\nbackends:\n{backends}");
        let config = Config::parse("executor.yaml", &text, Path::new("/etc/callgate"));
        config.map(|config| config.backends).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_alone_gets_the_defaults() {
        let backends = parse("  workers: { address: 'http://127.0.0.1:9000' }\n").unwrap();
        let backend = &backends.0["workers"];
        assert_eq!(backend.address.as_str(), "http://127.0.0.1:9000/");
        assert_eq!((backend.tls.clone(), backend.headers.len()), (None, 0));
        assert_eq!((backend.max_in_flight, backend.retries), (64, 2));
        assert_eq!(backend.breaker, Breaker { failures: 5, open_for: Duration::from_secs(10) });
    }

    #[test]
    fn a_full_backend_is_read() {
        let backends = parse(
            "  orders:\n    address: https://orders.internal:8443/api\n    tls: { ca: ca.pem, certificate: c.pem, key: /k.pem }\n    \
             maxInFlight: 7\n    breaker: { failures: 2, openFor: 500ms }\n    retries: 0\n    headers: { Authorization: 'file:/run/secrets/x' }\n",
        )
        .unwrap();
        let backend = &backends.0["orders"];
        assert_eq!(backend.address.as_str(), "https://orders.internal:8443/api");
        let tls = backend.tls.clone().unwrap();
        assert_eq!(tls.ca, Some("/etc/callgate/ca.pem".into()));
        assert_eq!(tls.identity, Some(Identity { certificate: "/etc/callgate/c.pem".into(), key: "/k.pem".into() }));
        assert_eq!((backend.max_in_flight, backend.retries), (7, 0));
        assert_eq!(backend.breaker, Breaker { failures: 2, open_for: Duration::from_millis(500) });
        assert_eq!(backend.headers, [(HeaderName::from_static("authorization"), "/run/secrets/x".into())]);
    }

    #[test]
    fn faults_name_the_place_and_what_was_expected() {
        for (backend, expected) in [
            ("{ addres: 'http://a:1' }", "executor.yaml:3:8: addres: unknown field; did you mean `address`?"),
            (
                "{ address: 'ftp://a:1' }",
                "executor.yaml:3:17: backends.b.address: expected an address such as http://127.0.0.1:9000 or \
                 https://orders.internal/api, without user, query and fragment",
            ),
            (
                "{ address: 'http://a:1', tls: { ca: x } }",
                "executor.yaml:3:36: backends.b.tls: expected none with an http:// address; write https://",
            ),
            (
                "{ address: 'https://a:1', tls: { certificate: x } }",
                "executor.yaml:3:37: backends.b.tls.key: expected one with the certificate",
            ),
            (
                "{ address: 'https://a:1', maxInFlight: 0 }",
                "executor.yaml:3:45: backends.b.maxInFlight: expected 1 to 4096, found 0",
            ),
            (
                "{ address: 'https://a:1', breaker: { openFor: 0s } }",
                "executor.yaml:3:52: backends.b.breaker.openFor: expected 1ms to 10m",
            ),
            (
                "{ address: 'https://a:1', headers: { host: 'file:x' } }",
                "executor.yaml:3:49: backends.b.headers.host: expected another header; this one is the executor's own",
            ),
        ] {
            assert_eq!(parse(&format!("  b: {backend}\n")).unwrap_err(), expected, "{backend}");
        }
    }

    #[test]
    fn only_plain_addresses_are_taken() {
        for address in [
            "a:1",
            "//a",
            "http://",
            "http://u@a",
            "http://u:p@a",
            "http://a/?q",
            "http://a/#f",
            "http://a/%2e",
            "unix:/x",
        ] {
            let error = parse(&format!("  b: {{ address: '{address}' }}\n")).unwrap_err();
            assert!(error.contains("backends.b.address: expected an address"), "{address}: {error}");
        }
    }

    #[test]
    fn a_secret_is_a_file_and_stays_off_the_open_network() {
        let error = parse("  b: { address: 'https://a', headers: { authorization: hunter2 } }\n").unwrap_err();
        assert!(error.contains("expected `file:` and the path") && !error.contains("hunter2"), "{error}");
        let error = parse("  b: { address: 'http://10.0.0.1', headers: { authorization: 'file:x' } }\n").unwrap_err();
        assert!(error.contains("backends.b.headers: would be readable on the way"), "{error}");
        for local in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            parse(&format!("  b: {{ address: '{local}', headers: {{ authorization: 'file:x' }} }}\n")).unwrap();
        }
    }
}
