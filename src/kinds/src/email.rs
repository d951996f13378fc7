//! E-mail addresses: one plain address, judged by a list of domains.
//!
//! Only `local@domain` is read, without a display name, quotes, comments or routes: programs disagree on these.

use crate::url::{HostPattern, UrlHost, is_name};
use crate::{Refusal, RuleError};
use std::fmt;

/// The longest local part, and the longest address, in bytes (RFC 5321).
const MOST_LOCAL_BYTES: usize = 64;
const MOST_BYTES: usize = 254;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    local: String,
    domain: UrlHost,
}

/// The domains that addresses may have. No entry allows nothing.
#[derive(Clone, Debug, Default)]
pub struct EmailRules {
    texts: Vec<String>,
    domains: Vec<HostPattern>,
}

// === impl EmailAddress ===

impl EmailAddress {
    /// Reads one address.
    ///
    /// # Errors
    ///
    /// The byte, and the reason.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        if text.len() > MOST_BYTES {
            return Err(Refusal::byte(MOST_BYTES, "is longer than 254 bytes"));
        }
        let (local, domain) = text.split_once('@').ok_or(Refusal::whole("is not of the form `name@domain`"))?;
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '\'' | '=' | '~' | '&' | '#');
        if let Some((at, _)) = local.char_indices().find(|(_, c)| !is_plain(*c)) {
            return Err(Refusal::byte(at, "has a character before `@` that mail programs read in different ways"));
        }
        if local.is_empty() || local.len() > MOST_LOCAL_BYTES {
            return Err(Refusal::byte(0, "has a name before `@` that is not 1 to 64 bytes long"));
        }
        if local.starts_with(['.', '-']) || local.ends_with('.') || local.contains("..") {
            return Err(Refusal::byte(0, "has a dot or a hyphen at a place where mail programs disagree"));
        }
        if !is_name(domain) {
            return Err(Refusal::byte(
                local.len() + 1,
                "has a domain that is not labels of letters, digits and inner hyphens",
            ));
        }
        Ok(Self { local: local.to_owned(), domain: UrlHost::Name(domain.to_ascii_lowercase()) })
    }

    /// Returns the part before `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Returns the domain, a name in lower case.
    #[must_use]
    pub fn domain(&self) -> &UrlHost {
        &self.domain
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

// === impl EmailRules ===

impl EmailRules {
    /// Compiles domains: a name, or `*.NAME` for one label before it.
    ///
    /// # Errors
    ///
    /// The first entry that has no meaning.
    pub fn compile(domains: &[String]) -> Result<Self, RuleError> {
        let read = |text: &str| match HostPattern::read(text)? {
            HostPattern::Exact(UrlHost::V4(_) | UrlHost::V6(_)) => Err("is an address; write a domain".to_owned()),
            pattern => Ok(pattern),
        };
        Ok(Self { texts: domains.to_vec(), domains: RuleError::each(domains, read)? })
    }

    /// Checks the domain of an address.
    ///
    /// # Errors
    ///
    /// No entry allows the domain.
    pub fn check(&self, address: &EmailAddress) -> Result<(), Refusal> {
        match self.allowed_by(address) {
            Some(_) => Ok(()),
            None => Err(Refusal::whole("domain outside the profile's domains")),
        }
    }

    /// Returns the first entry that allows the domain.
    #[must_use]
    pub fn allowed_by(&self, address: &EmailAddress) -> Option<&str> {
        let index = self.domains.iter().position(|domain| domain.matches(&address.domain))?;
        self.texts.get(index).map(String::as_str)
    }
}
