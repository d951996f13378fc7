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

use super::{
    BackendIdentity, BackendPace, BackendSettings, BackendTls, BackendsSettings, BreakerSettings, ProgramsSection,
};

/// The default maximum of concurrent calls of one backend.
pub(super) const MAX_IN_FLIGHT: u32 = 64;
const MAX_IN_FLIGHT_MAX: u32 = 4096;
pub(super) const RETRIES: u32 = 2;
const RETRIES_MAX: u32 = 10;
pub(super) const FAILURES: u32 = 5;
const FAILURES_MAX: u32 = 1000;
pub(super) const OPEN_FOR: Duration = Duration::from_secs(10);
const OPEN_FOR_MAX: Duration = Duration::from_secs(600);

/// Headers each call sets itself, or its framing needs.
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

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct BackendsSection(BTreeMap<String, BackendEntry>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BackendEntry {
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

/// The place and the name of one backend, for faults.
struct BackendField<'a> {
    place: &'a ConfigFile<'a>,
    name: &'a str,
}

// === impl BackendsSection ===

impl BackendsSection {
    /// Checks the section, and that of the programs.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, programs: ProgramsSection, place: &ConfigFile<'_>) -> Result<BackendsSettings, FieldError> {
        let programs = programs.resolve(place)?;
        if let Some((name, entry)) = self.0.iter().find(|(name, _)| programs.contains_key(*name)) {
            let message = format!("backends: expected another name than `{name}`, which stands in `programs` too");
            return Err(place.fault(entry.address.referenced, message));
        }
        let resolve = |(name, entry): (String, BackendEntry)| {
            let backend = entry.resolve(&BackendField { place, name: &name })?;
            Ok((name, backend))
        };
        Ok(BackendsSettings { addresses: self.0.into_iter().map(resolve).collect::<Result<_, _>>()?, programs })
    }
}

// === impl BackendEntry ===

impl BackendEntry {
    fn resolve(self, here: &BackendField<'_>) -> Result<BackendSettings, FieldError> {
        let at = self.address.referenced;
        check_name("backends", here.name, at, here.place)?;
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
        Ok(BackendSettings {
            address,
            tls,
            headers,
            pace: BackendPace {
                max_in_flight: here.number("maxInFlight", self.max_in_flight, 1..=MAX_IN_FLIGHT_MAX, MAX_IN_FLIGHT)?,
                breaker: BreakerSettings {
                    failures: here.number("breaker.failures", self.breaker.failures, 1..=FAILURES_MAX, FAILURES)?,
                    open_for,
                },
                retries: here.number("retries", self.retries, 0..=RETRIES_MAX, RETRIES)?,
            },
        })
    }
}

// === impl BackendField ===

impl BackendField<'_> {
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
        // Parsing an address resolves escapes and dot segments; the requested address must be the written one.
        let escaped = text.value.contains('%');
        if !plain || !usable || escaped || url.fragment().is_some() || !url.path().bytes().all(path) {
            return Err(wrong());
        }
        Ok(url)
    }

    fn tls(&self, tls: Spanned<TlsEntry>) -> Result<BackendTls, FieldError> {
        let TlsEntry { ca, certificate, key } = tls.value;
        let path = |text: String| self.place.folder.join(text);
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(BackendIdentity { certificate: path(certificate), key: path(key) }),
            (None, None) => None,
            (Some(_), None) => return Err(self.fault(tls.referenced, "tls.key", "expected one with the certificate")),
            (None, Some(_)) => {
                return Err(self.fault(tls.referenced, "tls.certificate", "expected one with the key"));
            }
        };
        Ok(BackendTls { ca: ca.map(path), identity })
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

/// Checks the name of a backend in a section.
pub(super) fn check_name(section: &str, name: &str, at: Location, place: &ConfigFile<'_>) -> Result<(), FieldError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !name.is_empty() && name.len() <= 63 && name.bytes().all(plain) {
        return Ok(());
    }
    let expected = "expected a name of 1 to 63 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`, as contracts can name it";
    Err(place.fault(at, format!("{section}: {expected}, found `{name}`")))
}

/// True if the address is on this machine. A name other than `localhost` may be anywhere.
fn is_loopback(address: &Url) -> bool {
    match address.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}
