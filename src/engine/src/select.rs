//! Selects the contract of a request, by tenant, role, host and path.
//!
//! The most specific entry wins, whatever the order of the entries is. Fields count in this order: tenant, role, host, path. So an entry
//! with the caller's tenant wins against every entry without a tenant, even if that one has the caller's role. Of two path prefixes
//! the longer one wins. Two entries with equal fields are refused when the configuration loads.
//!
//! The time of a lookup depends on the length of the path and not on the number of entries: every step is a lookup by hash.
//!
//! A client chooses host and path. They tell its APIs apart, and no caller from another: only tenant and role are verified.

use std::collections::HashMap;

use callgate_contract::{Caller, Contract, ContractMatch};

use crate::gate::GateError;
use crate::path::{hides_a_slash, is_normal};

/// The reason for refusing an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// A field without text.
    #[error("`match.{0}` is empty, which no request has; leave it out to match every request")]
    Empty(&'static str),
    /// A text that no host has.
    #[error("`match.host` is `{0}`; give a name such as `llm.example`, without a scheme and a port")]
    Host(String),
    /// A text with which no path begins.
    #[error("`match.pathPrefix` is `{0}`; give whole segments in normal form, such as `/team-a`, without a query")]
    Prefix(String),
    /// Another entry matches just the same requests.
    #[error("`match` equals the `match` of an earlier entry; no request could tell the two apart")]
    Twice,
}

/// One step of a lookup: by a name, then by no name.
#[derive(Debug)]
struct Level<T> {
    named: HashMap<String, T>,
    rest: Option<T>,
}

/// Selects an entry by tenant, role, host and path prefix.
#[derive(Debug, Default)]
pub struct Selector {
    tenants: Level<Level<Level<Level<usize>>>>,
    reads_host: bool,
}

// === impl Level ===

impl<T> Default for Level<T> {
    fn default() -> Self {
        Self { named: HashMap::new(), rest: None }
    }
}

impl<T> Level<T> {
    /// Returns the matches, the more specific one first.
    fn of(&self, name: Option<&str>) -> impl Iterator<Item = &T> {
        name.and_then(|name| self.named.get(name)).into_iter().chain(&self.rest)
    }

    fn all(&self) -> impl Iterator<Item = &T> {
        self.named.values().chain(&self.rest)
    }
}

impl<T: Default> Level<T> {
    fn entry(&mut self, name: Option<String>) -> &mut T {
        match name {
            Some(name) => self.named.entry(name).or_default(),
            None => self.rest.get_or_insert_default(),
        }
    }
}

// === impl Selector ===

impl Selector {
    /// Reads the matches of entries, each with its contract.
    ///
    /// # Errors
    /// Names the first fault, and the entry: no request could match it, or an earlier entry matches the same requests.
    pub fn new<'e>(entries: impl IntoIterator<Item = (&'e [ContractMatch], &'e Contract)>) -> Result<Self, GateError> {
        let mut selector = Self::default();
        for (position, (matches, contract)) in entries.into_iter().enumerate() {
            let fault = |reason: GateError| GateError::Entry { position, reason: Box::new(reason) };
            for one in matches {
                if let Some(role) = one.role.as_ref().filter(|role| contract.role(role).is_none()) {
                    return Err(fault(GateError::MatchRole { role: role.clone() }));
                }
                selector.add(one, position).map_err(|reason| fault(reason.into()))?;
            }
        }
        Ok(selector)
    }

    /// Adds an entry for the contract at this position.
    fn add(&mut self, entry: &ContractMatch, position: usize) -> Result<(), MatchError> {
        for (field, value) in [
            ("tenant", &entry.tenant),
            ("role", &entry.role),
            ("host", &entry.host),
            ("pathPrefix", &entry.path_prefix),
        ] {
            if value.as_ref().is_some_and(String::is_empty) {
                return Err(MatchError::Empty(field));
            }
        }
        let host = match &entry.host {
            Some(host) if is_host(host) => Some(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()),
            Some(host) => return Err(MatchError::Host(host.clone())),
            None => None,
        };
        let prefix = match &entry.path_prefix {
            Some(prefix) if is_normal(prefix) && !hides_a_slash(prefix) && !prefix.contains('*') => {
                Some(prefix.trim_end_matches('/').to_owned()).filter(|prefix| !prefix.is_empty())
            }
            Some(prefix) => return Err(MatchError::Prefix(prefix.clone())),
            None => None,
        };
        self.reads_host |= host.is_some();
        let hosts = self.tenants.entry(entry.tenant.clone()).entry(entry.role.clone());
        let paths = hosts.entry(host);
        let taken = match prefix {
            Some(prefix) => paths.named.insert(prefix, position),
            None => paths.rest.replace(position),
        };
        if taken.is_some() { Err(MatchError::Twice) } else { Ok(()) }
    }

    /// Returns the position of the entry for a request; `authority` is its `:authority`.
    #[must_use]
    pub fn find(&self, caller: &Caller, authority: Option<&str>, path: &str) -> Option<usize> {
        let host = authority.filter(|_| self.reads_host).and_then(host_of);
        let paths = self.of_caller(caller).flat_map(|hosts| hosts.of(host.as_deref()));
        paths
            .flat_map(|paths| beginnings(path).filter_map(|prefix| paths.named.get(prefix)).chain(&paths.rest))
            .next()
            .copied()
    }

    /// Returns the positions of all contracts that requests of a caller may get.
    pub(crate) fn possible<'t>(&'t self, caller: &'t Caller) -> impl Iterator<Item = usize> + 't {
        let paths = self.of_caller(caller).flat_map(Level::all);
        paths.flat_map(Level::all).copied()
    }

    fn of_caller<'t>(&'t self, caller: &'t Caller) -> impl Iterator<Item = &'t Level<Level<usize>>> {
        self.tenants.of(Some(&caller.tenant)).flat_map(|roles| roles.of(Some(&caller.role)))
    }
}

/// Returns a path and its ends at a slash, the longest first.
fn beginnings(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(before, _)| before))
        .filter(|path| !path.is_empty())
}

/// Returns the host of an authority in lower case (RFC 3986 §3.2), without user, port and the dot of the root.
fn host_of(authority: &str) -> Option<String> {
    if authority.contains('@') {
        return None;
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    Some(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase())
}

/// Returns true for a name, or an IP address, without a port.
fn is_host(text: &str) -> bool {
    let name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name(text) && text != ".",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tenant: &str, role: &str, host: &str, prefix: &str) -> ContractMatch {
        let given = |text: &str| (text != "*").then(|| text.to_owned());
        ContractMatch { tenant: given(tenant), role: given(role), host: given(host), path_prefix: given(prefix) }
    }

    fn table(entries: &[ContractMatch]) -> Selector {
        let mut table = Selector::default();
        for (position, entry) in entries.iter().enumerate() {
            table.add(entry, position).unwrap();
        }
        table
    }

    #[test]
    fn the_most_specific_entry_wins_in_any_order() {
        let entries = [
            entry("*", "*", "*", "*"),
            entry("*", "*", "*", "/v1"),
            entry("*", "*", "a.example", "*"),
            entry("*", "clerk", "*", "*"),
            entry("acme", "*", "*", "*"),
            entry("acme", "*", "*", "/v1/chat"),
            entry("acme", "clerk", "a.example", "/v1"),
        ];
        for reversed in [false, true] {
            let mut order: Vec<usize> = (0..entries.len()).collect();
            if reversed {
                order.reverse();
            }
            let mut table = Selector::default();
            for position in order {
                table.add(&entries[position], position).unwrap();
            }
            for (tenant, role, host, path, expected) in [
                ("globex", "guest", "b.example", "/other", 0),
                ("globex", "guest", "b.example", "/v1/chat", 1),
                ("globex", "guest", "a.example", "/v1/chat", 2),
                ("globex", "clerk", "a.example", "/v1/chat", 3),
                ("acme", "guest", "a.example", "/v1", 4),
                ("acme", "guest", "a.example", "/v1/chat/completions", 5),
                ("acme", "clerk", "a.example", "/v1/chat", 6),
                ("acme", "clerk", "b.example", "/v1/chat", 5),
                ("acme", "clerk", "b.example", "/v2", 4),
                ("ACME", "clerk", "b.example", "/v2", 3),
            ] {
                let found = table.find(&Caller::new(tenant, role), Some(host), path);
                assert_eq!(found, Some(expected), "{tenant} {role} {host} {path}");
            }
        }
    }

    #[test]
    fn a_prefix_is_whole_segments() {
        let table = table(&[entry("*", "*", "*", "/team-a/")]);
        let find = |path| table.find(&Caller::new("t", "r"), None, path).is_some();
        for path in ["/team-a", "/team-a/", "/team-a/v1/chat"] {
            assert!(find(path), "{path}");
        }
        for path in ["/team-ab", "/Team-a/v1", "/", "/v1/team-a", "/team-a%2Fv1", "/team-a.", ""] {
            assert!(!find(path), "{path}");
        }
    }

    #[test]
    fn a_host_matches_in_any_case_and_with_any_port() {
        let table = table(&[entry("*", "*", "LLM.example", "*"), entry("*", "*", "[::1]", "*")]);
        let find = |authority| table.find(&Caller::new("t", "r"), authority, "/");
        for authority in ["llm.example", "LLM.EXAMPLE:443", "llm.example.", "llm.example.:8080"] {
            assert_eq!(find(Some(authority)), Some(0), "{authority}");
        }
        assert_eq!(find(Some("[::1]:80")), Some(1));
        for authority in [None, Some(""), Some("user@llm.example"), Some("llm.example:x"), Some("xllm.example")] {
            assert_eq!(find(authority), None, "{authority:?}");
        }
    }

    #[test]
    fn equal_and_unmatchable_entries_are_refused() {
        let mut table = table(&[entry("acme", "*", "a.example", "/v1")]);
        let mut add = |entry: ContractMatch| table.add(&entry, 1);
        assert_eq!(add(entry("acme", "*", "A.example.", "/v1/")), Err(MatchError::Twice));
        assert_eq!(add(entry("", "*", "*", "*")), Err(MatchError::Empty("tenant")));
        assert_eq!(add(entry("*", "", "*", "*")), Err(MatchError::Empty("role")));
        for prefix in ["v1", "/v1//a", "/v1/../a", "/%76", "/a%2fb", "/v1?x", "/v1*"] {
            let refused = add(entry("*", "*", "*", prefix));
            assert_eq!(refused, Err(MatchError::Prefix(prefix.to_owned())));
        }
        for host in ["https://a.example", "a.example:443", "*.example", "a example", "."] {
            assert_eq!(add(entry("*", "*", host, "*")), Err(MatchError::Host(host.to_owned())));
        }
        assert_eq!(add(entry("*", "*", "*", "/")), Ok(()));
        assert_eq!(add(entry("*", "*", "*", "*")), Err(MatchError::Twice));
    }

    #[test]
    fn a_caller_may_get_the_contracts_of_any_host_and_path() {
        let table = table(&[
            entry("acme", "*", "*", "/v1"),
            entry("acme", "clerk", "a.example", "*"),
            entry("globex", "*", "*", "*"),
            entry("*", "*", "*", "*"),
        ]);
        let possible = |tenant, role| table.possible(&Caller::new(tenant, role)).collect::<Vec<_>>();
        assert_eq!(possible("acme", "clerk"), [1, 0, 3]);
        assert_eq!(possible("acme", "guest"), [0, 3]);
        assert_eq!(possible("other", "clerk"), [3]);
    }
}
