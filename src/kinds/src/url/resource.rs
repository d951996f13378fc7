//! The URIs of resources that a server of tools may show: `file:///docs/**`, `note://*`, `https://docs.example.com/api/**`.
//!
//! A server decides by itself what a URI means, and many compare, decode or resolve it first. So a URI is read only if all of these agree:
//! ASCII, a scheme in small letters, no user name unless the pattern writes it, no dot segment, no empty segment, no encoded character that
//! need not be encoded, no query and no fragment.
//!
//! Not covered: links, and what the server does with a name.

use super::host::{HostPattern, UrlHost};
use super::rules::{UrlPath, split_path};
use super::{check_characters, check_scheme, read_port, split_port};
use crate::Refusal;
use crate::path::NamePattern;

/// Schemes whose authority is a host, and the port of each.
const WEB: [(&str, u16); 4] = [("http", 80), ("https", 443), ("ws", 80), ("wss", 443)];

/// A pattern of URIs. `*`, `?` and `[…]` stand for parts of one name, and `**` at the end for all below it.
#[derive(Clone, Debug)]
pub struct ResourcePattern {
    scheme: String,
    place: PlacePattern,
    path: UrlPath,
}

/// A URI that every reader reads alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceUri<'t> {
    scheme: &'t str,
    place: UriPlace<'t>,
    /// The names of the path. The authority of a scheme without hosts is its first name, because many servers read both as one.
    names: Vec<String>,
}

/// The authority of a pattern.
#[derive(Clone, Debug)]
enum PlacePattern {
    /// None: `urn:isbn:*`.
    Opaque,
    /// An empty one (`file:///docs`), or a name of the path.
    Named,
    /// A name with `@` or `:`, which a URI must write in the same way.
    Exact(String),
    /// A host, and the port.
    Host(HostPattern, u16),
}

/// The authority of a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
enum UriPlace<'t> {
    Opaque,
    Named,
    Exact(&'t str),
    Host(UrlHost, u16),
}

/// The parts of a text.
struct UriParts<'t> {
    scheme: &'t str,
    /// None without `//`.
    authority: Option<&'t str>,
    path: &'t str,
}

// === impl ResourceUri ===

impl<'t> ResourceUri<'t> {
    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// The reason why two readers could read it in different ways.
    pub fn read(text: &'t str) -> Result<Self, Refusal> {
        check_characters(text)?;
        check_encoding(text)?;
        if let Some(at) = text.find(['?', '#', '[', ']']) {
            return Err(Refusal::byte(at, "has a query, a fragment or a bracket, which no pattern names"));
        }
        let UriParts { scheme, authority, path } = split(text).map_err(Refusal::whole)?;
        let place = match (authority, web_port(scheme)) {
            (Some(authority), Some(default)) => {
                let (host, port) = read_authority(authority, default).map_err(Refusal::whole)?;
                UriPlace::Host(UrlHost::read(host).map_err(Refusal::whole)?, port)
            }
            (None, _) => UriPlace::Opaque,
            (Some(authority), None) if authority.contains(['@', ':']) => UriPlace::Exact(authority),
            (Some(_), None) => UriPlace::Named,
        };
        let path = match (&place, authority) {
            (UriPlace::Named, Some(authority)) if !authority.is_empty() => format!("/{authority}{path}"),
            (UriPlace::Opaque, _) => format!("/{path}"),
            _ if path.is_empty() => "/".to_owned(),
            _ => path.to_owned(),
        };
        let names = split_path(&path)?;
        if scheme == "file" {
            check_file(&names)?;
        }
        let names = names.into_iter().map(str::to_owned).collect();
        Ok(Self { scheme, place, names })
    }
}

// === impl ResourcePattern ===

impl ResourcePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn read(text: &str) -> Result<Self, String> {
        check_characters(text).map_err(|refusal| refusal.to_string())?;
        check_encoding(text).map_err(|refusal| refusal.to_string())?;
        let UriParts { scheme, authority, path } = split(text)?;
        let place = match (authority, web_port(scheme)) {
            (None, _) => PlacePattern::Opaque,
            (Some(authority), Some(default)) => {
                let (host, port) = read_authority(authority, default)?;
                PlacePattern::Host(HostPattern::read(host)?, port)
            }
            (Some(authority), None) if authority.contains(['@', ':']) => {
                if authority.contains(['*', '?', '[', ']']) {
                    return Err("has `@` or `:` beside `*` before its path; write this part in full".into());
                }
                PlacePattern::Exact(authority.to_owned())
            }
            (Some(_), None) => PlacePattern::Named,
        };
        let path = match (&place, authority) {
            (PlacePattern::Named, Some(authority)) if !authority.is_empty() => format!("/{authority}{path}"),
            (PlacePattern::Opaque, _) => format!("/{path}"),
            (_, _) if path.is_empty() => "/".to_owned(),
            _ => path.to_owned(),
        };
        let inner = path.strip_suffix("/**").unwrap_or(&path);
        if inner.trim_start_matches('/').split('/').rev().skip(1).any(str::is_empty) && inner != "/" {
            return Err("has an empty name in its path".into());
        }
        Ok(Self { scheme: scheme.to_owned(), place, path: UrlPath::read(&path)? })
    }

    /// Returns true if the pattern names the URI.
    #[must_use]
    pub fn matches(&self, uri: &ResourceUri<'_>) -> bool {
        let is_placed = match (&self.place, &uri.place) {
            (PlacePattern::Opaque, UriPlace::Opaque) | (PlacePattern::Named, UriPlace::Named) => true,
            (PlacePattern::Exact(pattern), UriPlace::Exact(authority)) => pattern == authority,
            (PlacePattern::Host(pattern, port), UriPlace::Host(host, given)) => port == given && pattern.matches(host),
            _ => false,
        };
        let names = || uri.names.iter().map(String::as_str).collect::<Vec<&str>>();
        is_placed && self.scheme == uri.scheme && self.path.matches(&names())
    }

    /// Returns true if the pattern may name a URI that a template (RFC 6570, such as `note://{id}`) makes. A template whose scheme or
    /// host is a variable has none.
    #[must_use]
    pub fn may_meet(&self, template: &str) -> bool {
        let Some((literal, variable)) = template.split_once('{') else {
            return ResourceUri::read(template).is_ok_and(|uri| self.matches(&uri));
        };
        if literal == "file://" {
            return self.scheme == "file";
        }
        // A variable may stand for the whole authority or path, so a letter takes its place.
        let literal = format!("{literal}x");
        let Ok(UriParts { scheme, authority, path }) = split(&literal) else { return false };
        let names = match (&self.place, authority) {
            _ if scheme != self.scheme => return false,
            (PlacePattern::Opaque, None) => path.to_owned(),
            (PlacePattern::Named, Some(authority)) => match (authority, path) {
                ("", path) => path.strip_prefix('/').unwrap_or_default().to_owned(),
                (authority, path) => format!("{authority}{path}"),
            },
            (PlacePattern::Exact(exact), Some(authority)) if authority == exact && !path.is_empty() => {
                path.strip_prefix('/').unwrap_or_default().to_owned()
            }
            (PlacePattern::Host(pattern, port), Some(authority)) if !path.is_empty() => {
                let host = web_port(scheme).and_then(|default| read_authority(authority, default).ok());
                let host = host.filter(|(_, given)| given == port).and_then(|(host, _)| UrlHost::read(host).ok());
                if !host.is_some_and(|host| pattern.matches(&host)) {
                    return false;
                }
                path.strip_prefix('/').unwrap_or_default().to_owned()
            }
            _ => return false,
        };
        // A variable that begins with one of these may be several names.
        let is_one_name = !variable.starts_with(['+', '/', '#', '.', ';', '?', '&']);
        let names = names.strip_suffix('x').unwrap_or(&names);
        let (whole, begun) = names.rsplit_once('/').map_or((None, names), |(whole, begun)| (Some(whole), begun));
        if begun.contains(['*', '?', '[']) {
            return false;
        }
        let whole: Vec<&str> = whole.map(|whole| whole.split('/').collect()).unwrap_or_default();
        let Ok(last) = NamePattern::read(&format!("{begun}*"), false) else { return false };
        self.path.may_begin(&whole, if is_one_name { Some(&last) } else { None })
    }
}

/// Splits a text at its scheme and its authority.
fn split(text: &str) -> Result<UriParts<'_>, &'static str> {
    let (scheme, rest) = text.split_once(':').ok_or("is not of the form `scheme:…`")?;
    check_scheme(scheme).map_err(|_| "is not of the form `scheme:…`")?;
    if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("has a scheme with capital letters");
    }
    if matches!(scheme, "data" | "javascript" | "blob" | "about" | "vbscript") {
        return Err("has a scheme whose URIs are contents or programs");
    }
    let (authority, path) = match rest.strip_prefix("//") {
        None if rest.starts_with('/') => return Err("has one `/` after its scheme, where some programs read two"),
        None if rest.is_empty() => return Err("has nothing after its scheme"),
        None => (None, rest),
        Some(rest) => {
            let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(at).unwrap_or((rest, ""));
            (Some(authority), path)
        }
    };
    match (scheme, authority) {
        ("file", None) => Err("is a file without `//`; write `file:///`"),
        ("file", Some(host)) if !host.is_empty() => Err("is a file of another host; write `file:///`"),
        (scheme, None) if web_port(scheme).is_some() => Err("has no host"),
        (scheme, Some("")) if scheme != "file" && path.is_empty() => Err("has nothing after its scheme"),
        _ => Ok(UriParts { scheme, authority, path }),
    }
}

fn web_port(scheme: &str) -> Option<u16> {
    WEB.iter().find(|(known, _)| *known == scheme).map(|(_, port)| *port)
}

/// Reads the host and the port of a scheme with hosts.
fn read_authority(authority: &str, default: u16) -> Result<(&str, u16), &'static str> {
    if authority.contains('@') {
        return Err("has a user name before the host");
    }
    match split_port(authority) {
        (host, None) => Ok((host, default)),
        (host, Some(port)) => Ok((host, read_port(port).ok_or("has a port that is not 1 to 65535")?)),
    }
}

/// Refuses the code of a character that need not be encoded (RFC 3986 §2.3): some readers decode it before they compare, and some do not.
fn check_encoding(text: &str) -> Result<(), Refusal> {
    for (at, _) in text.match_indices('%') {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        let byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            return Err(Refusal::byte(at, "encodes a character that need not be encoded"));
        }
    }
    Ok(())
}

/// Refuses names of files that Windows reads as a drive or a stream, but for a drive in front.
fn check_file(names: &[&str]) -> Result<(), Refusal> {
    for (at, name) in names.iter().enumerate() {
        let is_drive = at == 0 && matches!(name.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic());
        let has_colon = name.contains(':') || name.to_ascii_lowercase().contains("%3a");
        if has_colon && !is_drive {
            return Err(Refusal::whole("has a colon in a name of its path"));
        }
    }
    Ok(())
}
