//! `HOST:PORT`.

use std::net::IpAddr;

use minijinja::{Value, context};

use super::error::RenderError;

/// A host and a port for Envoy's clusters and listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name, or an IP address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads the value `given` of `option`: `name:port`, `1.2.3.4:port` or `[::1]:port`.
    pub(crate) fn read(option: &'static str, given: &str) -> Result<Self, RenderError> {
        let wrong = || RenderError::Option {
            option,
            given: given.to_owned(),
            expected: "HOST:PORT without a scheme".into(),
            example: "127.0.0.1:7070",
        };
        let (host, port) = given.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let address = Self { host: host.to_owned(), port };
        let name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) && !host.is_empty();
        if (name && bracketed.is_none()) || (bracketed.is_some() && address.is_ip()) {
            Ok(address)
        } else {
            Err(wrong())
        }
    }

    /// Reads an address that Envoy binds: an IP address and a port.
    pub(crate) fn read_bindable(option: &'static str, given: &str) -> Result<Self, RenderError> {
        let address = Self::read(option, given)?;
        if address.is_ip() {
            return Ok(address);
        }
        Err(RenderError::Option {
            option,
            given: given.to_owned(),
            expected: "IP:PORT, because Envoy binds no names".into(),
            example: "0.0.0.0:10000",
        })
    }

    /// Returns true if the host is an IP address, which needs no DNS.
    pub(crate) fn is_ip(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// Returns true if the host can only be this machine. `localhost` is reserved for it (RFC 6761 §6.3).
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Returns `host` or `host:port` for a `host` header; the scheme's own port is left out.
    pub(crate) fn authority(&self, tls: bool) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if tls { 443 } else { 80 } { host } else { format!("{host}:{port}", port = self.port) }
    }

    /// Returns the address for the templates.
    pub(crate) fn values(&self) -> Value {
        context! {
            host => self.host,
            port => self.port,
            is_ip => self.is_ip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn names_and_both_kinds_of_ip_address_are_read() {
        for (given, host, port, authority) in [
            ("api.openai.com:443", "api.openai.com", 443, "api.openai.com"),
            ("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1:8080"),
            ("[::1]:8080", "::1", 8080, "[::1]:8080"),
        ] {
            let address = Address::read("--upstream", given).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.authority(true), authority);
        }
    }

    #[test]
    fn a_url_a_bare_host_and_a_bare_ipv6_address_are_refused() {
        for given in
            ["https://api.openai.com", "http://a:80", "api.openai.com", "::1:80", ":80", "a:x", "a:70000", "a b:1"]
        {
            Address::read("--upstream", given).unwrap_err();
        }
    }
}
