//! URLs: read as WHATWG's standard and RFC 3986 read them alike, and judged by a list of hosts.
//!
//! A text is accepted only in the form `scheme://host[:port][/path][?query][#fragment]`, of the characters that RFC 3986 allows. So no
//! reader has anything to repair, and all of them find the same host.
//!
//! Not covered: the addresses that a name resolves to, and redirects.

mod host;
mod resource;
mod rules;

pub use host::UrlHost;
pub(crate) use host::{HostPattern, is_name};
pub use resource::{ResourcePattern, ResourceUri};
pub use rules::HostRules;

use crate::Refusal;
use std::fmt;

/// The longest URL, in bytes.
const MOST_BYTES: usize = 8192;

/// A URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    host: UrlHost,
    port: Option<u16>,
    path: String,
    has_query: bool,
}

// === impl Url ===

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// The byte, and the reason.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(Refusal::whole("is not of the form `scheme://host/path`"))?;
        check_scheme(scheme)?;
        let authority_at = scheme.len() + 3;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if let Some(at) = authority.find('@') {
            return Err(Refusal::byte(authority_at + at, "has a user name before the host"));
        }
        let (host, port) = split_port(authority);
        let host_text = host;
        let host = UrlHost::read(host).map_err(|reason| Refusal::byte(authority_at, reason))?;
        let port = match port {
            Some(port) => Some(
                read_port(port)
                    .ok_or(Refusal::byte(authority_at + host_text.len(), "has a port that is not 1 to 65535"))?,
            ),
            None => None,
        };
        let path_end = tail.find(['?', '#']).unwrap_or(tail.len());
        let (path, after) = tail.split_at_checked(path_end).unwrap_or((tail, ""));
        let before_fragment = after.split('#').next().unwrap_or_default();
        if let Some(at) = path.find(['[', ']']) {
            return Err(Refusal::byte(authority_at + end + at, "has a bracket in its path; encode it"));
        }
        if after.split_once('#').is_some_and(|(_, fragment)| fragment.contains('#')) {
            return Err(Refusal::whole("has `#` in its fragment; encode it"));
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            host,
            port,
            path: if path.is_empty() { "/".into() } else { path.to_owned() },
            has_query: before_fragment.starts_with('?'),
        })
    }

    /// Returns the scheme in lower case, without `:`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> &UrlHost {
        &self.host
    }

    /// Returns the port, if the text has one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the path as it is written, from its first `/`. It is `/` if the text has none.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Url {
    /// Writes `https://host:8443/path`, and `?…` for a query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)?;
        if self.has_query { f.write_str("?\u{2026}") } else { Ok(()) }
    }
}

/// Refuses a text with characters that RFC 3986 does not allow, and a `%` that encodes nothing.
fn check_characters(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::whole("is an empty URL"));
    }
    if text.len() > MOST_BYTES {
        return Err(Refusal::byte(MOST_BYTES, "is longer than 8,192 bytes"));
    }
    for (at, byte) in text.bytes().enumerate() {
        let reason = match byte {
            b'\\' => "has a backslash, which some programs read as `/`",
            b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => "has a character that a URL must encode",
            b'%' if !is_encoded(text, at) => "has `%` without two hexadecimal digits",
            0x21..=0x7e => continue,
            0..=0x20 | 0x7f => "has a blank or a control character",
            0x80.. => "has a character that is not ASCII; write the host as its A-label, and encode the rest",
        };
        return Err(Refusal::byte(at, reason));
    }
    Ok(())
}

/// Returns true if two hexadecimal digits follow the byte.
fn is_encoded(text: &str, at: usize) -> bool {
    text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Refuses a text before `://` that cannot be a scheme.
fn check_scheme(scheme: &str) -> Result<(), Refusal> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.bytes().all(is_letter) && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(())
    } else {
        Err(Refusal::byte(0, "is not of the form `scheme://host/path`"))
    }
}

/// Splits an authority at the `:` of its port. That of an IPv6 address follows `]`.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rfind(':') {
        Some(at) if !authority.get(at..).unwrap_or_default().contains(']') => {
            (authority.get(..at).unwrap_or_default(), authority.get(at + 1..))
        }
        _ => (authority, None),
    }
}

/// Reads a port without a leading zero.
fn read_port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if is_plain { text.parse().ok() } else { None }
}
