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
    /// Programs may walk directories that may hold forbidden paths, and use names that they find. If not, a walk is refused unless no
    /// `!` entry can match below it.
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
    /// Deletes it with all below.
    Delete,
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
            Self::Write => PathMode::Write,
            Self::Delete => PathMode::Delete,
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Read | Self::Walk | Self::CopyTree => "reads outside the profile's paths",
            Self::Write => "writes outside the profile's paths",
            Self::Delete => "deletes outside the profile's paths",
        }
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
            return Err(how.reason());
        }
        match how {
            Use::Walk | Use::CopyTree if !scope.is_recursive => {
                rules
                    .check_tree(&path)
                    .map_err(|_| "walks a directory that may hold paths which the profile forbids")?;
            }
            // A forbidden path below would get a name that is not forbidden.
            Use::CopyTree => rules.check_below(&path).map_err(
                |_| "copies the whole of an allowed directory, or one that holds a path which the profile forbids",
            )?,
            Use::Delete => rules.check_below(&path).map_err(|refusal| refusal.reason)?,
            Use::Read | Use::Walk | Use::Write => {}
        }
        let extent = if matches!(how, Use::Walk | Use::CopyTree | Use::Delete) { Extent::Tree } else { Extent::One };
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
            if glob.directories().any(|directory| rules.check(directory).is_err()) {
                return Err(how.reason());
            }
            rules.check_glob_word(&glob).map_err(|refusal| refusal.reason)?;
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
                Use::Write | Use::Delete => {
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
