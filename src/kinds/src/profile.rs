//! Profiles: what may be done, compiled.

use crate::cidr::{CidrBlock, CidrRules};
use crate::command::{self, CommandRules, EntryList, Judged, PathScope, ShellLine};
use crate::email::{EmailAddress, EmailRules};
use crate::patch::{self, PatchedFile};
use crate::path::{Glob, PathRules, ResolvedPath, RootPattern, Workspace};
use crate::sql::{SqlReading, SqlRules};
use crate::url::{HostRules, Url};
use crate::{KindRefusal, PathMode, ProfileSource, Refusal, RuleError};

/// A compiled profile.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    read: PathRules,
    write: PathRules,
    commands: CommandRules,
    may_ask: bool,
    is_recursive: bool,
    hosts: Vec<HostRules>,
    email: EmailRules,
    max_addresses: Option<u32>,
    cidr: CidrRules,
    sql: Option<SqlRules>,
}

/// A fault of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ProfileFault {
    /// The field of the profile, such as `read`.
    pub field: &'static str,
    /// The position of the entry in the field, counted from 0; `None` for the field as a whole.
    pub entry: Option<usize>,
    /// The problem, as a sentence.
    pub problem: String,
}

// === impl Profile ===

impl Profile {
    /// Compiles the rules. `like` must be resolved before, by [`ProfileSource::add`]. The root of the workspace does not matter: values are
    /// judged at the root of the workspace that [`judge`](crate::judge) gets.
    ///
    /// # Errors
    ///
    /// Every entry that has no meaning.
    pub fn compile(source: &ProfileSource, workspace: &Workspace) -> Result<Self, Vec<ProfileFault>> {
        let mut faults = Vec::new();
        let mut paths = |field: &'static str, entries: &[String]| {
            PathRules::compile(entries, workspace).unwrap_or_else(|error| {
                faults.push(ProfileFault { field, entry: Some(error.entry), problem: error.problem });
                PathRules::default()
            })
        };
        let (read, write) = (paths("read", &source.read), paths("write", &source.write));
        let sql = source.sql.as_ref().map(|source| {
            SqlRules::compile(source).unwrap_or_else(|mut found| {
                faults.append(&mut found);
                SqlRules::default()
            })
        });
        let commands = CommandRules::compile(&source.run, &source.ask).unwrap_or_else(|found| {
            faults.extend(found.into_iter().map(|fault| ProfileFault {
                field: field(fault.list),
                entry: Some(fault.entry),
                problem: fault.problem,
            }));
            CommandRules::default()
        });
        let (may_ask, is_recursive) = (!source.ask.is_empty(), source.recursive.unwrap_or(true));
        let mut one = |field: &'static str, error: RuleError| {
            faults.push(ProfileFault { field, entry: Some(error.entry), problem: error.problem });
        };
        let hosts = source.hosts.iter().filter_map(|source| source.compile().map_err(|error| one("hosts", error)).ok());
        let hosts = hosts.collect();
        let domains = source.email.as_ref().map(|source| source.domains.as_slice()).unwrap_or_default();
        let email = EmailRules::compile(domains).unwrap_or_else(|error| {
            one("email/domains", error);
            EmailRules::default()
        });
        let cidr = CidrRules::compile(&source.cidr).unwrap_or_else(|error| {
            one("cidr", error);
            CidrRules::default()
        });
        let max_addresses = source.email.as_ref().and_then(|source| source.max);
        let profile = Self { read, write, commands, may_ask, is_recursive, hosts, email, max_addresses, cidr, sql };
        if faults.is_empty() { Ok(profile) } else { Err(faults) }
    }

    /// Returns true if a person may have to approve a value.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        self.may_ask
    }

    /// Returns the warnings about entries that allow more than it seems.
    #[must_use]
    pub fn warnings(&self) -> Vec<ProfileFault> {
        let warning = |fault: &command::EntryFault| ProfileFault {
            field: field(fault.list),
            entry: Some(fault.entry),
            problem: fault.problem.clone(),
        };
        self.commands.warnings().iter().map(warning).collect()
    }

    /// Returns the first entry that allows paths of more than one workspace of a pattern: its field and its position.
    #[must_use]
    pub fn crossing(&self, pattern: &RootPattern) -> Option<(&'static str, usize)> {
        let of = |field, rules| Some((field, pattern.crossed_by(rules)?));
        of("read", &self.read).or_else(|| of("write", &self.write))
    }

    /// Checks a path in the rules of its mode.
    pub(crate) fn check_path(&self, path: &ResolvedPath, mode: PathMode, workspace: &Workspace) -> Result<(), Refusal> {
        match mode {
            PathMode::Read => self.read.at(workspace).check(path),
            PathMode::Write => self.write.at(workspace).check(path),
            PathMode::Delete => {
                let write = self.write.at(workspace);
                // The tool may delete a directory.
                if !self.is_recursive {
                    write.check_tree(path)?;
                }
                write.check_below(path)
            }
        }
    }

    /// Checks a pattern of paths to read.
    pub(crate) fn check_glob(&self, glob: &Glob, workspace: &Workspace) -> Result<(), Refusal> {
        let read = self.read.at(workspace);
        if self.is_recursive { read.check_glob(glob) } else { read.check_glob_strict(glob) }
    }

    /// Judges each command of a line.
    pub(crate) fn judge_command(
        &self,
        line: &ShellLine,
        workspace: &Workspace,
        base: &ResolvedPath,
    ) -> Result<Judged, Refusal> {
        let (read, write) = (&self.read.at(workspace), &self.write.at(workspace));
        let none = HostRules::default();
        // Lists without schemes and paths are one, and stand first.
        let hosts = self.hosts.first().unwrap_or(&none);
        let scope = PathScope { workspace, base, read, write, hosts, is_recursive: self.is_recursive };
        command::judge(line, &self.commands, &scope)
    }

    /// Checks each file of a patch.
    pub(crate) fn check_patch(
        &self,
        files: &[PatchedFile],
        workspace: &Workspace,
        base: &ResolvedPath,
    ) -> Result<(), KindRefusal> {
        patch::check(files, &self.read.at(workspace), &self.write.at(workspace), workspace, base)
    }

    /// Checks a URL: one list of hosts allows all of it.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        let mut refusal = Refusal::whole("host outside the profile's hosts");
        for rules in &self.hosts {
            match rules.check(url) {
                Ok(()) => return Ok(()),
                Err(found) => refusal = found,
            }
        }
        Err(refusal)
    }

    /// Checks an e-mail address.
    pub(crate) fn check_email(&self, address: &EmailAddress) -> Result<(), Refusal> {
        self.email.check(address)
    }

    /// Checks a block of IP addresses.
    pub(crate) fn check_cidr(&self, block: &CidrBlock) -> Result<(), Refusal> {
        self.cidr.check(block)
    }

    /// Returns the maximum number of e-mail addresses of one call.
    #[must_use]
    pub fn max_addresses(&self) -> Option<u32> {
        self.max_addresses
    }

    /// Checks a query.
    pub(crate) fn check_sql(&self, query: &SqlReading) -> Result<(), Refusal> {
        let rules = self.sql.as_ref().ok_or(Refusal::whole("the profile has no `sql`"))?;
        rules.check(query)
    }
}

/// Returns the field of a list of commands.
const fn field(list: EntryList) -> &'static str {
    match list {
        EntryList::Run => "run",
        EntryList::Ask => "ask",
    }
}
