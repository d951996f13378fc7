//! Profiles: what may be done, as a contract writes it and as it is compiled.

use crate::command::{self, CommandEntry, CommandRules, EntryList, Judged, PathScope, ShellLine};
use crate::patch::{self, PatchedFile};
use crate::path::{Glob, PathRules, ResolvedPath, Workspace};
use crate::sql::{SqlReading, SqlRules, SqlSource};
use crate::{KindRefusal, PathMode, Refusal};

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
    /// The queries that may run.
    pub sql: Option<SqlSource>,
}

/// A compiled profile.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    read: PathRules,
    write: PathRules,
    commands: CommandRules,
    may_ask: bool,
    is_recursive: bool,
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
        joined(&mut self.sql, other.sql.as_ref(), add_sql);
    }

    /// Returns true if its rules are about paths, which are relative to a workspace.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        !self.read.is_empty() || !self.write.is_empty() || !self.run.is_empty() || !self.ask.is_empty()
    }
}

// === impl Profile ===

impl Profile {
    /// Compiles the rules. `like` must be resolved before, by [`ProfileSource::add`].
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
        let profile = Self { read, write, commands, may_ask, is_recursive, sql };
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

    /// Checks a path in the rules of its mode.
    pub(crate) fn check_path(&self, path: &ResolvedPath, mode: PathMode) -> Result<(), Refusal> {
        match mode {
            PathMode::Read => self.read.check(path),
            PathMode::Write => self.write.check(path),
            PathMode::Delete => self.write.check_below(path),
        }
    }

    /// Checks a pattern of paths to read.
    pub(crate) fn check_glob(&self, glob: &Glob) -> Result<(), Refusal> {
        if self.is_recursive { self.read.check_glob(glob) } else { self.read.check_glob_strict(glob) }
    }

    /// Judges each command of a line.
    pub(crate) fn judge_command(
        &self,
        line: &ShellLine,
        workspace: &Workspace,
        base: &ResolvedPath,
    ) -> Result<Judged, Refusal> {
        let (read, write, is_recursive) = (&self.read, &self.write, self.is_recursive);
        command::judge(line, &self.commands, &PathScope { workspace, base, read, write, is_recursive })
    }

    /// Checks each file of a patch.
    pub(crate) fn check_patch(
        &self,
        files: &[PatchedFile],
        workspace: &Workspace,
        base: &ResolvedPath,
    ) -> Result<(), KindRefusal> {
        patch::check(files, &self.read, &self.write, workspace, base)
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

/// Adds the rules of another profile, if it has any.
fn joined<T: Clone>(rules: &mut Option<T>, more: Option<&T>, add: fn(&mut T, &T)) {
    match (rules.as_mut(), more) {
        (Some(rules), Some(more)) => add(rules, more),
        (None, Some(more)) => *rules = Some(more.clone()),
        (_, None) => {}
    }
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

/// Returns the smaller limit; `None` is none.
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
