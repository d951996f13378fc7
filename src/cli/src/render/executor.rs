//! The executor's address, and TLS between Envoy and it.

use minijinja::{Value, context};

use super::address::Address;
use super::args::RenderArguments;
use super::error::RenderError;

/// The executor's default address.
const BESIDE: &str = "127.0.0.1:7070";

/// The executor, for Envoy's cluster.
pub(super) struct Executor {
    endpoint: Endpoint,
    /// `None`: plaintext.
    tls: Option<Tls>,
}

enum Endpoint {
    Tcp(Address),
    /// The socket's path.
    Unix(String),
}

struct Tls {
    ca: String,
    /// The name that the executor's certificate must have.
    name: String,
    /// Envoy's own certificate and key.
    client: Option<(String, String)>,
}

/// Returns an option that only makes sense with `--executor-ca`.
fn of_tls(arguments: &RenderArguments) -> Option<&'static str> {
    let options = [
        ("--executor-name", &arguments.executor_name),
        ("--executor-certificate", &arguments.executor_certificate),
        ("--executor-key", &arguments.executor_key),
    ];
    options.into_iter().find_map(|(option, given)| given.is_some().then_some(option))
}

// === impl Executor ===

impl Executor {
    /// Reads the options; `None` if no executor is needed or named.
    pub(super) fn read(arguments: &RenderArguments, needed: bool) -> Result<Option<Self>, RenderError> {
        let given = arguments.executor.as_deref();
        let Some(address) = given.or(needed.then_some(BESIDE)) else {
            let ca = arguments.executor_ca.is_some().then_some("--executor-ca");
            return match ca.or(of_tls(arguments)) {
                Some(option) => Err(RenderError::Useless { option, because: "no --executor" }),
                None => Ok(None),
            };
        };
        let endpoint = Endpoint::read(address)?;
        let tls = Tls::read(arguments, &endpoint)?;
        Ok(Some(Self { endpoint, tls }))
    }

    /// Returns the executor for the templates.
    pub(super) fn values(&self) -> Value {
        let (address, path) = match &self.endpoint {
            Endpoint::Tcp(address) => (Some(address), None),
            Endpoint::Unix(path) => (None, Some(path)),
        };
        context! {
            path => path,
            address => address.map(Address::values),
            // On loopback, nobody else can read the traffic.
            near => address.is_none_or(Address::is_loopback),
            tls => self.tls.as_ref().map(|tls| tls.values(address)),
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn read(given: &str) -> Result<Self, RenderError> {
        match given.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.to_owned())),
            Some(_) => Err(RenderError::option(
                "--executor",
                given,
                "unix: and an absolute path",
                "unix:/run/callgate/executor.sock",
            )),
            None => Address::read("--executor", given).map(Self::Tcp),
        }
    }

    /// Returns the default name in its certificate.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Tcp(address) => Some(&address.host),
            Self::Unix(_) => None,
        }
    }
}

// === impl Tls ===

impl Tls {
    fn read(arguments: &RenderArguments, endpoint: &Endpoint) -> Result<Option<Self>, RenderError> {
        let Some(ca) = arguments.executor_ca.clone() else {
            return match of_tls(arguments) {
                Some(because) => Err(RenderError::Missing { option: "--executor-ca", because }),
                None => Ok(None),
            };
        };
        let name = arguments.executor_name.as_deref().or(endpoint.name());
        let name = name.ok_or(RenderError::Missing { option: "--executor-name", because: "TLS on a Unix socket" })?;
        let client = match (arguments.executor_certificate.clone(), arguments.executor_key.clone()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(RenderError::Missing { option: "--executor-key", because: "--executor-certificate" });
            }
            (None, Some(_)) => {
                return Err(RenderError::Missing { option: "--executor-certificate", because: "--executor-key" });
            }
        };
        Ok(Some(Self { ca, name: name.to_owned(), client }))
    }

    /// Subject alternative names have types, and Envoy must know the type (RFC 5280 §4.2.1.6).
    fn values(&self, address: Option<&Address>) -> Value {
        let san_type = if self.name.contains("://") {
            "URI"
        } else if self.name.parse::<std::net::IpAddr>().is_ok() {
            "IP_ADDRESS"
        } else {
            "DNS"
        };
        // A server name is a DNS name (RFC 6066 §3).
        let asked = if san_type == "DNS" { Some(&self.name) } else { address.map(|address| &address.host) };
        let sni = asked.filter(|name| name.parse::<std::net::IpAddr>().is_err());
        context! {
            ca => self.ca,
            name => self.name,
            san_type => san_type,
            sni => sni,
            client => self.client.as_ref().map(|(certificate, key)| context! { certificate => certificate, key => key }),
        }
    }
}
