//! The hosts that URLs may name: `[docs.rs, "*.example.com", "localhost:8080"]`.

use super::{HostPattern, Url, UrlHost, read_port};
use crate::path::{NamePattern, Overlap};
use crate::{Refusal, RuleError};

/// The scheme that is allowed if no list says otherwise.
const DEFAULT_SCHEME: &str = "https";

/// The hosts, schemes and paths of URLs. No host allows nothing.
#[derive(Clone, Debug, Default)]
pub struct HostRules {
    texts: Vec<String>,
    hosts: Vec<(HostPattern, Option<u16>)>,
    /// Empty for `https` alone.
    schemes: Vec<String>,
    /// Empty for every path.
    paths: Vec<UrlPath>,
}

/// A path, and all below it if it ends in `/**`.
#[derive(Clone, Debug)]
pub(super) struct UrlPath {
    names: Vec<NamePattern>,
    is_tree: bool,
}

// === impl HostRules ===

impl HostRules {
    /// Compiles hosts: a name, `*.NAME` for one label before it, or an address; each with `:PORT` for that port alone.
    ///
    /// # Errors
    ///
    /// The first entry that has no meaning.
    pub fn compile(hosts: &[String]) -> Result<Self, RuleError> {
        Ok(Self { texts: hosts.to_vec(), hosts: RuleError::each(hosts, read_host)?, ..Self::default() })
    }

    /// Sets the schemes, such as `http`. Without them only `https` is allowed.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be a scheme, or whose URLs name no host.
    pub fn with_schemes(self, schemes: &[String]) -> Result<Self, RuleError> {
        Ok(Self { schemes: RuleError::each(schemes, read_scheme)?, ..self })
    }

    /// Sets the paths: `/api` is that path, and `/api/**` the path and all below it; `*`, `?` and `[…]` stand for parts of one name.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be a path.
    pub fn with_paths(self, paths: &[String]) -> Result<Self, RuleError> {
        Ok(Self { paths: RuleError::each(paths, UrlPath::read)?, ..self })
    }

    /// Checks scheme, host, port and path of a URL.
    ///
    /// # Errors
    ///
    /// The part that no entry allows.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        let is_allowed = match self.schemes.as_slice() {
            [] => url.scheme() == DEFAULT_SCHEME,
            schemes => schemes.iter().any(|scheme| scheme == url.scheme()),
        };
        if !is_allowed {
            return Err(Refusal::whole("scheme outside the profile's schemes"));
        }
        if self.allowed_by(url).is_none() {
            return Err(Refusal::whole(match url.host() {
                UrlHost::Name(_) => "host outside the profile's hosts",
                UrlHost::V4(_) | UrlHost::V6(_) => "an address, which the profile's hosts do not list",
            }));
        }
        if self.paths.is_empty() {
            return Ok(());
        }
        let names = split_path(url.path())?;
        if self.paths.iter().any(|path| path.matches(&names)) {
            Ok(())
        } else {
            Err(Refusal::whole("path outside the profile's paths of URLs"))
        }
    }

    /// Returns the first entry that allows host and port of the URL.
    #[must_use]
    pub fn allowed_by(&self, url: &Url) -> Option<&str> {
        let default = match url.scheme() {
            "https" | "wss" => Some(443),
            "http" | "ws" => Some(80),
            _ => None,
        };
        let given = url.port().or(default);
        let allows =
            |(host, port): &(HostPattern, Option<u16>)| host.matches(url.host()) && (port.is_none() || *port == given);
        self.texts.get(self.hosts.iter().position(allows)?).map(String::as_str)
    }
}

/// Reads a host with an optional port.
fn read_host(text: &str) -> Result<(HostPattern, Option<u16>), String> {
    if text.contains('/') {
        return Err("is a URL; write its host alone".into());
    }
    // An IPv6 address without brackets has several colons and no port.
    let is_bare = text.matches(':').count() > 1 && !text.starts_with('[');
    match super::split_port(text) {
        (host, Some(port)) if !is_bare => {
            Ok((HostPattern::read(host)?, Some(read_port(port).ok_or("has a port that is not 1 to 65535")?)))
        }
        _ => Ok((HostPattern::read(text)?, None)),
    }
}

/// Reads a scheme.
fn read_scheme(text: &str) -> Result<String, String> {
    super::check_scheme(text).map_err(|_| "cannot be a scheme; write it without `:`, such as `https`")?;
    let scheme = text.to_ascii_lowercase();
    match scheme.as_str() {
        "file" | "data" | "javascript" | "blob" | "about" => Err("is a scheme of URLs without a host".into()),
        _ => Ok(scheme),
    }
}

/// Returns the names of a path.
///
/// # Errors
///
/// Programs resolve the path in different ways: it has dots, an empty name, parameters, or an encoded separator.
pub(super) fn split_path(path: &str) -> Result<Vec<&str>, Refusal> {
    let names: Vec<&str> = path.split('/').skip(1).collect();
    let inner = names.split_last().map_or(&[][..], |(_, inner)| inner);
    if inner.iter().any(|name| name.is_empty()) {
        return Err(Refusal::whole("has an empty name in its path"));
    }
    for name in &names {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.replace("%2e", ".").as_str(), "." | "..") {
            return Err(Refusal::whole("has a dot segment in its path"));
        }
        if lower.contains(';') {
            return Err(Refusal::whole("has a parameter in its path"));
        }
        if ["%2f", "%5c", "%25", "%3b", "%0", "%1", "%7f"].iter().any(|code| lower.contains(code)) {
            return Err(Refusal::whole("has an encoded separator, percent sign or control character in its path"));
        }
    }
    Ok(names)
}

// === impl UrlPath ===

impl UrlPath {
    /// Reads an entry.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix('/').ok_or("does not begin with `/`")?;
        if super::check_characters(text).is_err() || path.contains(['#', ';']) {
            return Err("has characters that no path of a URL may have; encode them".into());
        }
        let (path, is_tree) = match path.strip_suffix("**") {
            Some("") => ("", true),
            Some(path) => (path.strip_suffix('/').ok_or("has `**` beside other characters of a name")?, true),
            None => (path, false),
        };
        if path.contains("**") {
            return Err("has `**` before its end".into());
        }
        let names = if is_tree && path.is_empty() { Vec::new() } else { path.split('/').collect() };
        if names.iter().any(|name| matches!(*name, "." | "..")) {
            return Err("has a dot segment".into());
        }
        let read = |name: &str| match NamePattern::read(name, false) {
            Ok(pattern) if pattern.is_comparable() => Ok(pattern),
            Ok(_) => Err("has a name of more than 127 characters".to_owned()),
            Err((_, reason)) => Err(reason.to_owned()),
        };
        Ok(Self { names: names.into_iter().map(read).collect::<Result<_, _>>()?, is_tree })
    }

    /// Returns true if the entry names the path of these names.
    pub(super) fn matches(&self, names: &[&str]) -> bool {
        let is_deep_enough =
            if self.is_tree { names.len() >= self.names.len() } else { names.len() == self.names.len() };
        is_deep_enough && self.names.iter().zip(names).all(|(pattern, name)| pattern.matches(name))
    }

    /// Returns true if the entry may name a path that begins with these names. `next` is a pattern of one more name, which ends the path
    /// or is followed by others; without it anything may follow.
    pub(super) fn may_begin(&self, names: &[&str], next: Option<&NamePattern>) -> bool {
        let begins = self.names.iter().zip(names).all(|(pattern, name)| pattern.matches(name));
        let has_room = self.is_tree || self.names.len() > names.len();
        let meets = match (self.names.get(names.len()), next) {
            (Some(pattern), Some(next)) => pattern.overlap(next) != Overlap::Nothing,
            _ => true,
        };
        begins && has_room && meets
    }
}
