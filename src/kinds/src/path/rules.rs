//! A profile's path rules: `[".", "!.git", "!@secrets"]`.
//!
//! - An entry without `!` is a path, absolute or relative to the workspace. It allows the path and all below it. Names are compared exactly.
//! - An entry with `!` forbids a path and all below it. Without `/` it is a name at any depth, as in `.gitignore`; with `/` in front of its
//!   end it is a path. Names are compared without case, and as [`fold`](super::fold) says.
//! - `*`, `?`, `[…]` and `{a,b}` stand for parts of one name, a leading dot included; `**` between two `/` is any number of directories.
//!
//! Not covered: links, mounts, and what a program reaches that walks a directory. [`PathRules::check_tree`] refuses the last.

use std::sync::Arc;

use super::forbidden::Forbidden;
use super::root::Root;
use super::route::{Component, Route, RouteReach, Segment, Strictness};
use super::{ResolvedPath, Workspace, entry, fold, sets, windows};
use crate::{Refusal, RuleError};

/// The reason to refuse a short name if anything is forbidden.
pub(super) const SHORT_NAME: &str = "has a name such as `NAME~1`, which can stand for one that the profile forbids";

/// The most entries of a list.
const MOST_ENTRIES: usize = 256;

/// Path rules, compiled for a workspace. No entry allows nothing; order does not matter. A copy shares the rules.
#[derive(Clone, Debug, Default)]
pub struct PathRules {
    rules: Arc<CompiledRules>,
    root: Root,
}

/// The rules, which know no root.
#[derive(Debug, Default)]
struct CompiledRules {
    entries: Vec<String>,
    allowed: Vec<Rule>,
    forbidden: Forbidden,
}

/// A route of an entry.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) entry: usize,
    pub(super) scope: entry::Scope,
    pub(super) route: Route,
}

// === impl PathRules ===

impl PathRules {
    /// Compiles entries: a path that is allowed with all below it, or `!` and a path, a name or a set (`@secrets`) that is not.
    ///
    /// # Errors
    ///
    /// The first entry that has no meaning.
    pub fn compile(entries: &[String], workspace: &Workspace) -> Result<Self, RuleError> {
        let mut rules = CompiledRules { entries: entries.to_vec(), ..CompiledRules::default() };
        if entries.len() > MOST_ENTRIES {
            return Err(RuleError { entry: MOST_ENTRIES, problem: "is one of more than 256 entries".into() });
        }
        for (entry, text) in entries.iter().enumerate() {
            rules.add(entry, text, workspace).map_err(|problem| RuleError { entry, problem })?;
        }
        Ok(Self { rules: Arc::new(rules), root: workspace.shared_root().clone() })
    }

    /// Returns the same rules at the root of another workspace of the same operating system.
    #[must_use]
    pub fn at(&self, workspace: &Workspace) -> Self {
        Self { rules: Arc::clone(&self.rules), root: workspace.shared_root().clone() }
    }

    /// Checks that an entry allows the path, and none forbids it.
    ///
    /// # Errors
    ///
    /// The path is outside the allowed ones, or a `!` entry forbids it.
    pub fn check(&self, path: &ResolvedPath) -> Result<(), Refusal> {
        if self.allowed_by(path).is_none() {
            return Err(Refusal::whole("path outside the profile's paths"));
        }
        self.check_forbidden(path)
    }

    /// Checks a directory that a program walks: `check`, and no `!` entry may match anything below it by name.
    ///
    /// # Errors
    ///
    /// As of [`check`](Self::check), or a forbidden path may lie below the directory.
    pub fn check_tree(&self, path: &ResolvedPath) -> Result<(), Refusal> {
        self.check(path)?;
        let names = folded(path);
        let forbidden = &self.rules.forbidden;
        if forbidden.has_names() || forbidden.routes().any(|rule| self.reach(rule, &names, path).goes_on) {
            return Err(Refusal::whole("a path that the profile forbids may lie below the directory"));
        }
        Ok(())
    }

    /// Checks a path that a program deletes or moves away: `check`, an entry allows a directory above it, and no `!` entry names a path
    /// below it. An entry such as `!**/.cargo/config` names one below each `.cargo`. Forbidden names at any depth below it are not seen;
    /// [`check_tree`](Self::check_tree) refuses the directory for them.
    ///
    /// # Errors
    ///
    /// As of [`check`](Self::check), or the path is the workspace or the whole of an allowed entry, or holds a forbidden path.
    pub fn check_below(&self, path: &ResolvedPath) -> Result<(), Refusal> {
        self.check(path)?;
        if !self.is_below_allowed(path) {
            return Err(Refusal::whole("removes the whole of a directory that the profile allows"));
        }
        if self.holds_forbidden(path) {
            return Err(Refusal::whole("removes a directory that holds a path which the profile forbids"));
        }
        Ok(())
    }

    /// Checks a path whose files get another name below another directory: `check`, and no `!` entry names a path below it.
    ///
    /// # Errors
    ///
    /// As of [`check_below`](Self::check_below), but for the whole of an allowed entry.
    pub fn check_moved(&self, path: &ResolvedPath) -> Result<(), Refusal> {
        self.check(path)?;
        if self.holds_forbidden(path) {
            return Err(Refusal::whole("moves a directory that holds a path which the profile forbids"));
        }
        Ok(())
    }

    /// Returns the first entry that allows the path. A `!` entry may still forbid it.
    #[must_use]
    pub fn allowed_by(&self, path: &ResolvedPath) -> Option<&str> {
        let allows = |rule: &&Rule| self.allowed_reach(rule, path).end.is_some();
        self.entry(self.rules.allowed.iter().find(allows)?.entry)
    }

    /// Returns the first `!` entry that forbids the path.
    #[must_use]
    pub fn forbidden_by(&self, path: &ResolvedPath) -> Option<&str> {
        let names = folded(path);
        let mut routes = self.rules.forbidden.routes_of(&names);
        let route = routes.find(|rule| self.reach(rule, &names, path).end.is_some()).map(|rule| rule.entry);
        self.entry([self.named_in(&names, path), route].into_iter().flatten().min()?)
    }

    /// Returns true if a rule forbids the path, or names one below it.
    fn holds_forbidden(&self, path: &ResolvedPath) -> bool {
        let names = folded(path);
        self.named_in(&names, path).is_some()
            || self.rules.forbidden.routes_of(&names).any(|rule| holds(rule, self.reach(rule, &names, path)))
    }

    /// Returns the first entry that forbids one of the path's names at any depth. `names` are those of the path, folded.
    fn named_in(&self, names: &[String], path: &ResolvedPath) -> Option<usize> {
        self.rules.forbidden.named_in(names.get(self.scope_start(path)..).unwrap_or_default())
    }

    /// Returns true if any entry forbids something.
    #[must_use]
    pub fn has_forbidden(&self) -> bool {
        !self.rules.forbidden.is_empty()
    }

    /// Refuses a forbidden path, and one with a name that can stand for a forbidden one.
    fn check_forbidden(&self, path: &ResolvedPath) -> Result<(), Refusal> {
        if self.rules.forbidden.is_empty() {
            return Ok(());
        }
        if path.components().iter().skip(self.scope_start(path)).any(|name| windows::is_short_name(name)) {
            return Err(Refusal::whole(
                "has a name such as `NAME~1`, which can stand for one that the profile forbids",
            ));
        }
        match self.forbidden_by(path) {
            Some(_) => Err(Refusal::whole("the profile forbids this path")),
            None => Ok(()),
        }
    }

    /// Returns true if a rule forbids what the components stand for. They begin with those of `directory`.
    pub(super) fn forbids<'a, I: Iterator<Item = Component<'a>>>(
        &self,
        directory: &ResolvedPath,
        components: impl Fn() -> I,
        strictness: Strictness,
    ) -> bool {
        self.reaches(directory, components, strictness).any(|(_, reach)| reach.end.is_some())
    }

    /// Returns true if a rule forbids a path below what the components stand for: any path of a walk, else one that an entry names.
    pub(super) fn forbids_below<'a, I: Iterator<Item = Component<'a>>>(
        &self,
        directory: &ResolvedPath,
        components: impl Fn() -> I,
        is_walk: bool,
    ) -> bool {
        let mut reaches = self.reaches(directory, components, Strictness::Shell);
        reaches.any(|(rule, reach)| if is_walk { reach.goes_on } else { holds(rule, reach) && reach.end.is_none() })
    }

    /// Compares what the components stand for with each rule that forbids.
    fn reaches<'a, I: Iterator<Item = Component<'a>>>(
        &self,
        directory: &ResolvedPath,
        components: impl Fn() -> I,
        strictness: Strictness,
    ) -> impl Iterator<Item = (&Rule, RouteReach)> {
        self.rules.forbidden.all().map(move |rule| {
            let start = if rule.scope == entry::Scope::AnyDepth { self.scope_start(directory) } else { 0 };
            (rule, rule.route.reach(self.before(rule, true), components().skip(start), strictness))
        })
    }

    /// Returns true if an entry allows a directory above the one.
    pub(super) fn is_below_allowed(&self, directory: &ResolvedPath) -> bool {
        let is_below = self.rules.allowed.iter().any(|rule| {
            let end = self.allowed_reach(rule, directory).end;
            end.is_some_and(|end| end < directory.components().len())
        });
        is_below && !self.root.path().is_within(directory)
    }

    /// Returns the first absolute entry that allows a path which begins with such components, or that such a path leads to.
    pub(super) fn absolute_over<'a, I: Iterator<Item = Component<'a>>>(
        &self,
        components: impl Fn() -> I,
    ) -> Option<usize> {
        let mut absolute = self.rules.allowed.iter().filter(|rule| rule.scope == entry::Scope::FileSystem);
        let over = absolute.find(|rule| rule.route.reach(&[], components(), Strictness::Possible).goes_on);
        over.map(|rule| rule.entry)
    }

    /// Returns the segments that come before those of a rule.
    fn before(&self, rule: &Rule, is_forbidding: bool) -> &[Segment] {
        if rule.scope == entry::Scope::Workspace { self.root.segments(is_forbidding) } else { &[] }
    }

    /// Compares a path with a rule that allows.
    fn allowed_reach(&self, rule: &Rule, path: &ResolvedPath) -> RouteReach {
        rule.route.reach_names(self.before(rule, false), path.components())
    }

    /// Compares a path with a rule that forbids.
    fn reach(&self, rule: &Rule, names: &[String], path: &ResolvedPath) -> RouteReach {
        let start = if rule.scope == entry::Scope::AnyDepth { self.scope_start(path) } else { 0 };
        rule.route.reach_names(self.before(rule, true), names.get(start..).unwrap_or_default())
    }

    /// Returns the number of components that names at any depth are not compared with: those of the root that the model cannot choose,
    /// for a path in it.
    fn scope_start(&self, path: &ResolvedPath) -> usize {
        if path.is_within(self.root.path()) { self.root.fixed() } else { 0 }
    }

    /// Returns the text of an entry.
    fn entry(&self, entry: usize) -> Option<&str> {
        self.rules.entries.get(entry).map(String::as_str)
    }
}

// === impl CompiledRules ===

impl CompiledRules {
    /// Adds an entry.
    fn add(&mut self, entry: usize, text: &str, workspace: &Workspace) -> Result<(), String> {
        let (is_forbidding, text) = text.strip_prefix('!').map_or((false, text), |text| (true, text));
        let set;
        let texts = if text.starts_with('@') {
            if !is_forbidding {
                return Err("names a set without `!`; a set can only be forbidden".into());
            }
            set = sets::path_set(text).ok_or("names no set; known: @secrets, @agents, @hooks")?;
            set.entries
        } else {
            &[text][..]
        };
        for text in texts {
            for (scope, route) in entry::read(text, is_forbidding, workspace)? {
                let rule = Rule { entry, scope, route };
                if is_forbidding { self.forbidden.push(rule) } else { self.allowed.push(rule) }
            }
        }
        Ok(())
    }
}

/// Returns true if the rule names a path below the compared one, and not only a name at any depth.
fn holds(rule: &Rule, reach: RouteReach) -> bool {
    match rule.scope {
        entry::Scope::FileSystem | entry::Scope::Workspace => reach.goes_on,
        entry::Scope::AnyDepth => reach.has_begun,
    }
}

/// Returns the folded names of a path.
pub(super) fn folded(path: &ResolvedPath) -> Vec<String> {
    path.components().iter().map(|name| fold::fold(name)).collect()
}
