//! Hosts: names of letters, digits and hyphens, and addresses in their plain form.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name, and the longest label, in bytes.
const MOST_NAME_BYTES: usize = 253;
const MOST_LABEL_BYTES: usize = 63;

/// Top-level names that no registry sells: `*` may stand before them.
const PRIVATE_ZONES: [&str; 5] = ["example", "internal", "local", "localhost", "test"];

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name in lower case, without a dot at its end.
    Name(String),
    /// An IPv4 address, written as four decimal numbers.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets and without a zone.
    V6(Ipv6Addr),
}

/// An entry of a list of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// This host.
    Exact(Host),
    /// `*.NAME`: the name with one label before it.
    Below(String),
}

// === impl Host ===

impl Host {
    /// Reads the host of a URL.
    ///
    /// # Errors
    ///
    /// The reason.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("has no host");
        }
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').and_then(|address| address.parse().ok());
            return address.map(Self::V6).ok_or("has brackets around a text that is not an IPv6 address");
        }
        if ends_as_number(text) {
            // The standard library reads four decimal numbers without leading zeros, and nothing else.
            return text
                .parse()
                .map(Self::V4)
                .map_err(|_| "has an IPv4 address that is not four plain decimal numbers");
        }
        read_name(text).map(Self::Name)
    }
}

impl fmt::Display for Host {
    /// Writes the name, the IPv4 address, or the IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Reads a name: labels of letters, digits and inner hyphens, between dots. Returns it in lower case.
///
/// # Errors
///
/// The reason.
fn read_name(text: &str) -> Result<String, &'static str> {
    if text.ends_with('.') {
        return Err("has a host that ends in a dot");
    }
    if text.len() > MOST_NAME_BYTES || !text.split('.').all(is_label) {
        return Err("has a host that is not labels of letters, digits and inner hyphens");
    }
    Ok(text.to_ascii_lowercase())
}

/// Returns true for a name that programs do not read as an IPv4 address.
pub(crate) fn is_name(text: &str) -> bool {
    !ends_as_number(text) && read_name(text).is_ok()
}

/// Returns true for a label.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= MOST_LABEL_BYTES
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns true if the last label is a number, decimal or hexadecimal: WHATWG reads such a host as an IPv4 address.
fn ends_as_number(text: &str) -> bool {
    let last = text.strip_suffix('.').unwrap_or(text).rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    is_decimal || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

// === impl HostPattern ===

impl HostPattern {
    /// Reads an entry.
    ///
    /// # Errors
    ///
    /// The problem, as a sentence without the entry.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err("has letters that are not ASCII; write the A-label, which begins with `xn--`".into());
        }
        let Some(zone) = text.strip_prefix("*.") else {
            return match text {
                "*" => Err("is every host; list the hosts".into()),
                _ if text.contains('*') => {
                    Err("has `*` in the middle; write `*.NAME` for one label before a name".into())
                }
                // An address is written with or without brackets.
                _ if text.starts_with('[') || !text.contains(':') => exact(Host::read(text).map_err(String::from)?),
                _ => exact(Host::read(&["[", text, "]"].concat()).map_err(String::from)?),
            };
        };
        let zone =
            if ends_as_number(zone) { Err("has `*` before an address; list the addresses") } else { read_name(zone) }?;
        if !zone.contains('.') && !PRIVATE_ZONES.contains(&zone.as_str()) {
            return Err("has `*` before a top-level name; list the names below it".into());
        }
        Ok(Self::Below(zone))
    }

    /// Returns true if the entry names the host.
    pub(crate) fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(exact), host) => exact == host,
            (Self::Below(zone), Host::Name(name)) => name.split_once('.').is_some_and(|(_, rest)| rest == zone),
            (Self::Below(_), Host::V4(_) | Host::V6(_)) => false,
        }
    }
}

/// Returns the entry of one host.
fn exact(host: Host) -> Result<HostPattern, String> {
    match host {
        Host::V6(address) if address.to_ipv4_mapped().is_some() => {
            Err("is an IPv4 address in the form of an IPv6 one; write the IPv4 address".into())
        }
        host => Ok(HostPattern::Exact(host)),
    }
}
