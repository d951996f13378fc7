//! A profile as a contract writes it.

use crate::RuleError;
use crate::command::CommandEntry;
use crate::sql::SqlSource;
use crate::url::HostRules;

/// A profile as a contract writes it. An absent rule allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileSource {
    /// The profile whose entries this one has too.
    pub like: Option<String>,
    /// The paths that may be read.
    pub read: Vec<String>,
    /// The paths that may be written.
    pub write: Vec<String>,
    /// The commands that may run.
    pub run: Vec<CommandEntry>,
    /// The commands that a person must approve.
    pub ask: Vec<CommandEntry>,
    /// True if programs may walk directories that may hold forbidden paths; true by default.
    pub recursive: Option<bool>,
    /// The hosts that URLs may name. Rules of another profile stand beside these.
    pub hosts: Vec<HostSource>,
    /// The addresses of e-mail.
    pub email: Option<EmailSource>,
    /// The blocks of IP addresses.
    pub cidr: Vec<String>,
    /// The queries that may run.
    pub sql: Option<SqlSource>,
}

/// Rules of hosts as a contract writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSource {
    /// The hosts.
    pub names: Vec<String>,
    /// The schemes; `https` alone if there are none.
    pub schemes: Vec<String>,
    /// The paths; every path if there are none.
    pub paths: Vec<String>,
}

/// Rules of e-mail addresses as a contract writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailSource {
    /// The domains.
    pub domains: Vec<String>,
    /// The maximum number of addresses of one call.
    pub max: Option<u32>,
}

// === impl ProfileSource ===

impl ProfileSource {
    /// Adds the entries of another profile. Nothing of either is taken away: a `!` entry of one forbids for both.
    pub fn add(&mut self, other: &Self) {
        join(&mut self.read, &other.read);
        join(&mut self.write, &other.write);
        join(&mut self.run, &other.run);
        join(&mut self.ask, &other.ask);
        // One that refuses, refuses for both.
        self.recursive = least(self.recursive, other.recursive);
        add_hosts(&mut self.hosts, &other.hosts);
        joined(&mut self.email, other.email.as_ref(), add_email);
        join(&mut self.cidr, &other.cidr);
        joined(&mut self.sql, other.sql.as_ref(), add_sql);
    }

    /// Returns true if its rules are about paths, which are relative to a workspace.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        !self.read.is_empty() || !self.write.is_empty() || !self.run.is_empty() || !self.ask.is_empty()
    }
}

// === impl HostSource ===

impl HostSource {
    pub(crate) fn compile(&self) -> Result<HostRules, RuleError> {
        HostRules::compile(&self.names)?.with_schemes(&self.schemes)?.with_paths(&self.paths)
    }
}

/// Adds the rules of another profile, if it has any.
fn joined<T: Clone>(rules: &mut Option<T>, more: Option<&T>, add: fn(&mut T, &T)) {
    match (rules.as_mut(), more) {
        (Some(rules), Some(more)) => add(rules, more),
        (None, Some(more)) => *rules = Some(more.clone()),
        (_, None) => {}
    }
}

/// Joins the lists without schemes and paths to one, which stands first; the others stand beside it.
fn add_hosts(rules: &mut Vec<HostSource>, more: &[HostSource]) {
    let is_plain = |source: &HostSource| source.schemes.is_empty() && source.paths.is_empty();
    for source in more {
        match rules.iter_mut().find(|own| is_plain(own)).filter(|_| is_plain(source)) {
            Some(own) => join(&mut own.names, &source.names),
            None if is_plain(source) => rules.insert(0, source.clone()),
            None => join(rules, std::slice::from_ref(source)),
        }
    }
}

/// Joins the domains; the smaller limit holds.
fn add_email(rules: &mut EmailSource, more: &EmailSource) {
    join(&mut rules.domains, &more.domains);
    rules.max = least(rules.max, more.max);
}

/// Joins the lists; the smaller limit holds. Absent functions are the pure ones.
fn add_sql(rules: &mut SqlSource, more: &SqlSource) {
    join(&mut rules.statements, &more.statements);
    join(&mut rules.tables, &more.tables);
    if rules.functions.is_some() || more.functions.is_some() {
        let pure = || vec!["@pure".to_owned()];
        let functions = rules.functions.get_or_insert_with(pure);
        join(functions, &more.functions.clone().unwrap_or_else(pure));
    }
    rules.limit = least(rules.limit, more.limit);
}

/// Returns the smaller limit; `None` is unlimited.
fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Appends the entries that are not there.
fn join<T: Clone + PartialEq>(entries: &mut Vec<T>, more: &[T]) {
    for entry in more {
        if !entries.contains(entry) {
            entries.push(entry.clone());
        }
    }
}
