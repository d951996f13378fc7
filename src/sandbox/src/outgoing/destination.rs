//! The server of a request as the guest names it, and the servers a contract grants.

use std::net::{IpAddr, Ipv6Addr};

use hyper::Uri;
use hyper::http::uri::Scheme;

use super::OutgoingGrant;

/// A server requests may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) to: Origin,
    /// True if the name may resolve to private addresses.
    pub(super) private: bool,
    /// True if the guest's own credentials are sent.
    pub(super) authorization: bool,
}

/// A host and a port. Two are equal if their spelling is, apart from case and the ways to write one IPv6 address. A
/// grant of a name does not grant its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// A host, as it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A name in lower case; also an IPv4 address in an unusual spelling.
    Name(String),
    /// An address.
    Address(IpAddr),
}

// === impl Destination ===

impl Destination {
    pub(super) fn granted(grant: &OutgoingGrant) -> Self {
        let to = Origin { host: Host::read(&grant.host), port: grant.port };
        Self { to, private: grant.private, authorization: grant.authorization }
    }
}

// === impl Origin ===

impl Origin {
    /// Returns the server of a request for `uri`; `None` if it is ambiguous.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?;
        let host = authority.host();
        // The library ignores some ports (a too large one, say); such a URI must not get the scheme's own. And `user@`
        // is a credential, which does not belong in an address.
        let port = match authority.as_str().strip_prefix(host)? {
            "" if uri.scheme() == Some(&Scheme::HTTP) => 80,
            "" => 443,
            port => port.strip_prefix(':').filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?,
        };
        (port > 0 && !host.is_empty()).then(|| Self { host: Host::read(host), port })
    }
}

// === impl Host ===

impl Host {
    fn read(text: &str) -> Self {
        let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let address = match bracketed {
            Some(inner) => inner.parse::<Ipv6Addr>().map(IpAddr::V6),
            None => text.parse(),
        };
        address.map_or_else(|_| Self::Name(text.to_ascii_lowercase()), Self::Address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Option<(String, u16)> {
        let origin = Origin::of(&uri.parse().unwrap())?;
        let host = match origin.host {
            Host::Name(name) => name,
            Host::Address(address) => format!("<{address}>"),
        };
        Some((host, origin.port))
    }

    #[test]
    fn a_request_is_for_a_host_and_a_port_and_a_scheme_has_a_default_port() {
        for (uri, host, port) in [
            ("http://api.example.com/x", "api.example.com", 80),
            ("https://API.Example.com/x", "api.example.com", 443),
            ("https://api.example.com:8443", "api.example.com", 8443),
            ("http://127.0.0.1:8080/", "<127.0.0.1>", 8080),
            ("http://[::1]/", "<::1>", 80),
            ("https://[0:0::0:1]:1/", "<::1>", 1),
        ] {
            assert_eq!(read(uri), Some((host.to_owned(), port)), "{uri}");
        }
    }

    #[test]
    fn another_spelling_of_an_address_is_a_name_and_resolved_as_one() {
        for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.000.000.001"] {
            assert_eq!(read(&format!("http://{host}/")), Some((host.to_owned(), 80)), "{host}");
        }
    }

    #[test]
    fn an_address_that_is_not_clear_is_refused() {
        for uri in ["http://user@host/", "http://user:word@host:80/", "http://host:0/", "http://host:99999/", "/x"] {
            assert_eq!(read(uri), None, "{uri}");
        }
    }
}
