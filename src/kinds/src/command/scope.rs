//! The paths that a line may use, and the check of one path.

use super::judged::{Extent, JudgedCommand, JudgedPath};
use crate::PathMode;
use crate::path::{Glob, PathRules, ResolvedPath, Workspace};
use crate::url::HostRules;

/// The maximum work of the checks of one line. A check costs 16, and 1 for every two bytes of its directory; so a line may check about
/// 12,000 paths in `/work/project`: words times directories times values.
const MOST_WORK: usize = 1 << 18;

/// The rules that hold for the paths and hosts of a line.
#[derive(Clone, Copy, Debug)]
pub struct PathScope<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The directory in which the line begins.
    pub base: &'a ResolvedPath,
    /// The paths that may be read.
    pub read: &'a PathRules,
    /// The paths that may be written and deleted.
    pub write: &'a PathRules,
    /// The hosts that programs such as `curl` may reach.
    pub hosts: &'a HostRules,
    /// Programs may walk, delete and move directories that may hold forbidden paths, and use names that they find. If not, this is
    /// refused unless no `!` entry can match below the directory.
    pub is_recursive: bool,
}

/// The use of a path by a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Reads the file, or lists the directory.
    Read,
    /// Reads all that lies below.
    Walk,
    /// Reads all that lies below, and writes it under other names.
    CopyTree,
    /// Makes or changes it.
    Write,
    /// Makes or changes all that lies below.
    WriteTree,
    /// Deletes it, if it is a file or an empty directory.
    Delete,
    /// Deletes it with all below.
    DeleteTree,
    /// Moves it with all below.
    Move,
}

/// The scope, and the number of checks that are left.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    pub(super) scope: PathScope<'a>,
    left: usize,
}

// === impl Use ===

impl Use {
    const fn mode(self) -> PathMode {
        match self {
            Self::Read | Self::Walk | Self::CopyTree => PathMode::Read,
            Self::Write | Self::WriteTree => PathMode::Write,
            Self::Delete | Self::DeleteTree | Self::Move => PathMode::Delete,
        }
    }

    /// Returns the reason to refuse a path: no entry allows it, or a `!` entry forbids it.
    fn reason(self, rules: &PathRules, path: &ResolvedPath) -> &'static str {
        match (self.mode(), rules.allowed_by(path).is_some()) {
            (PathMode::Read, false) => "reads outside the profile's paths",
            (PathMode::Read, true) => "reads a path that the profile forbids",
            (PathMode::Write, false) => "writes outside the profile's paths",
            (PathMode::Write, true) => "writes a path that the profile forbids",
            (PathMode::Delete, false) => "deletes outside the profile's paths",
            (PathMode::Delete, true) => "deletes a path that the profile forbids",
        }
    }

    /// Returns the reason to refuse a directory that may hold forbidden names. `None` is for the use of one file.
    const fn walk_reason(self) -> Option<&'static str> {
        match self {
            Self::Walk | Self::CopyTree => Some("walks a directory that may hold paths which the profile forbids"),
            Self::WriteTree => Some("changes all below a directory that may hold paths which the profile forbids"),
            Self::DeleteTree => {
                Some("deletes a directory that may hold paths which the profile forbids; name its files")
            }
            Self::Move => {
                Some("moves what may be a directory with paths that the profile forbids; copy the file, and delete it")
            }
            Self::Read | Self::Write | Self::Delete => None,
        }
    }

    /// Returns true if what lies below gets other names, or goes.
    const fn takes_all(self) -> bool {
        matches!(self, Self::CopyTree | Self::DeleteTree | Self::Move)
    }
}

// === impl Checker ===

impl<'a> Checker<'a> {
    pub(super) const fn new(scope: PathScope<'a>) -> Self {
        Self { scope, left: MOST_WORK }
    }

    /// Counts one check. It reads the names of the directory again, so a long one costs more.
    fn count(&mut self, directory: &ResolvedPath) -> Result<(), &'static str> {
        let bytes: usize = directory.components().iter().map(|name| name.len() + 1).sum();
        let cost = 16 + bytes / 2;
        self.left = self.left.checked_sub(cost).ok_or("more paths than are checked for one line; split the line")?;
        Ok(())
    }

    /// Checks a path in each directory in which the command may run, and notes it.
    pub(super) fn path(
        &mut self,
        text: &str,
        how: Use,
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        for base in bases {
            self.count(base)?;
            let path = self.scope.workspace.resolve(text, base).map_err(|refusal| refusal.reason)?;
            self.resolved(path, how, out)?;
        }
        Ok(())
    }

    /// Checks a resolved path, and notes it.
    pub(super) fn resolved(
        &mut self,
        path: ResolvedPath,
        how: Use,
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        let scope = &self.scope;
        let rules = if how.mode() == PathMode::Read { scope.read } else { scope.write };
        if rules.check(&path).is_err() {
            return Err(how.reason(rules, &path));
        }
        if let (false, Some(reason)) = (scope.is_recursive, how.walk_reason()) {
            rules.check_tree(&path).map_err(|_| reason)?;
        }
        match how {
            // A forbidden path below would get a name that is not forbidden.
            Use::CopyTree => rules.check_below(&path).map_err(
                |_| "copies the whole of an allowed directory, or one that holds a path which the profile forbids",
            )?,
            Use::Move => {
                rules.check_below(&path).map_err(|refusal| refusal.reason)?;
                scope.read.check_moved(&path).map_err(|refusal| refusal.reason)?;
            }
            Use::Delete | Use::DeleteTree => rules.check_below(&path).map_err(|refusal| refusal.reason)?,
            Use::Read | Use::Walk | Use::Write | Use::WriteTree => {}
        }
        let extent = if how.walk_reason().is_some() { Extent::Tree } else { Extent::One };
        note(out, JudgedPath { path, mode: how.mode(), extent });
        Ok(())
    }

    /// Checks the names that match a pattern: its literal directory, and that no forbidden name can match.
    pub(super) fn pattern(
        &mut self,
        pattern: &str,
        how: Use,
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        for base in bases {
            self.count(base)?;
            let glob = Glob::read_word(pattern, self.scope.workspace, base).map_err(|refusal| refusal.reason)?;
            let rules = if how.mode() == PathMode::Read { self.scope.read } else { self.scope.write };
            if let Some(directory) = glob.directories().find(|directory| rules.check(directory).is_err()) {
                return Err(how.reason(rules, directory));
            }
            rules.check_glob_word(&glob, self.scope.is_recursive).map_err(|refusal| refusal.reason)?;
            if how.takes_all() {
                rules.check_glob_below(&glob, self.scope.is_recursive).map_err(|refusal| refusal.reason)?;
                if rules.empties(&glob) {
                    return Err("takes all of a directory that the profile allows; name what is in it");
                }
            }
            if how == Use::Move {
                self.scope.read.check_glob_below(&glob, true).map_err(|refusal| refusal.reason)?;
            }
            if let (Use::Walk | Use::WriteTree, false) = (how, self.scope.is_recursive) {
                rules.check_glob_below(&glob, false).map_err(|refusal| refusal.reason)?;
            }
            for path in glob.directories() {
                note(out, JudgedPath { path: path.clone(), mode: how.mode(), extent: Extent::Pattern });
            }
        }
        Ok(())
    }

    /// Checks paths that another program finds below directories.
    pub(super) fn found(
        &mut self,
        how: Use,
        below: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        for path in below {
            self.count(path)?;
            let scope = &self.scope;
            match how {
                Use::Read | Use::Walk | Use::CopyTree if scope.is_recursive => {}
                Use::Read | Use::Walk | Use::CopyTree => {
                    scope
                        .read
                        .check_tree(path)
                        .map_err(|_| "uses paths that are not in the line, and the profile forbids some")?;
                }
                Use::Write | Use::WriteTree | Use::Delete | Use::DeleteTree | Use::Move => {
                    scope.write.check_tree(path).map_err(
                        |_| "changes paths that are not in the line, and the profile may forbid some; name them",
                    )?;
                }
            }
            note(out, JudgedPath { path: path.clone(), mode: how.mode(), extent: Extent::Tree });
        }
        Ok(())
    }
}

/// Notes a path once.
fn note(out: &mut JudgedCommand, path: JudgedPath) {
    // The same paths often follow each other; looking further back would cost more than it saves.
    if !out.paths.iter().rev().take(16).any(|own| *own == path) {
        out.paths.push(path);
    }
}
