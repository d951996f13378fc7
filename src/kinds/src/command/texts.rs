//! Checks words by their sorts: paths by the profile's paths, URLs by its hosts, and others by their form.

use super::judge::{Judge, Surroundings};
use super::judged::JudgedCommand;
use super::options::SortedWord;
use super::scope::Use;
use super::sorts;
use super::value::{Fault, Value};
use crate::path::ResolvedPath;
use crate::url::Url;

pub(super) const OPEN_PATH: &str = "a path that the line does not show";
pub(super) const OPEN: &str = "a word that the line does not show, where the program's model needs one";
const PATTERN: &str = "a pattern where one word must stand; quote it or write it out";
const SPLIT: &str = "text that may become several words; quote it";

/// The use of the files that operands name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileUse {
    /// As the sort of the operand says.
    Plain,
    /// Directories are walked.
    Walk,
    /// Directories are walked, and copied.
    Copy,
    /// Files that are read are changed in place.
    Edit,
}

// === impl Judge ===

impl Judge<'_> {
    /// Checks a word by its sort.
    pub(super) fn item(
        &mut self,
        item: &SortedWord<'_>,
        files: FileUse,
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<(), Fault> {
        let given = item.given;
        let fail = |reason| given.fault(reason);
        let uses: &[Use] = match item.sort {
            "r" if files == FileUse::Copy => &[Use::CopyTree],
            "r" | "o" if files == FileUse::Walk => &[Use::Walk],
            "r" if files == FileUse::Edit && item.is_operand => &[Use::Write],
            "r" | "o" | "L" | "y" | "q" | "t" | "g" => &[Use::Read],
            "w" if files == FileUse::Walk => &[Use::WriteTree],
            "w" => &[Use::Write],
            "d" if files == FileUse::Walk => &[Use::DeleteTree],
            "d" => &[Use::Delete],
            "v" => &[Use::Read, Use::Move],
            "G" if files == FileUse::Walk => &[Use::WriteTree],
            "G" => &[Use::Write],
            _ => &[],
        };
        let is_text = matches!(item.sort, "x" | "t");
        match given.value {
            Value::Pattern(_) | Value::Found { .. } if !item.is_listed => Err(fail(PATTERN)),
            Value::Pattern(pattern) if matches!(item.sort, "r" | "w" | "d" | "v" | "o" | "x") => {
                let uses = if uses.is_empty() { &[Use::Read] } else { uses };
                uses.iter().try_for_each(|how| self.checker.pattern(pattern, *how, place.bases, out)).map_err(fail)
            }
            Value::Found { .. } if matches!(item.sort, "r" | "w" | "d" | "v" | "o" | "x") => {
                uses.iter().try_for_each(|how| self.checker.found(*how, place.found, out)).map_err(fail)
            }
            // The commands at its other end are judged as well.
            Value::Stream if matches!(item.sort, "r" | "w" | "x") && files != FileUse::Edit => Ok(()),
            Value::Stream => Err(fail("a pipe of the shell where the program's model needs a name")),
            Value::Open { is_one, .. } if item.sort == "x" => {
                out.is_unknown = true;
                if is_one || item.is_listed { Ok(()) } else { Err(fail(SPLIT)) }
            }
            Value::Open { .. } if !uses.is_empty() && !is_text => Err(fail(OPEN_PATH)),
            Value::Pattern(_) | Value::Found { .. } | Value::Open { .. } => Err(fail(OPEN)),
            Value::One(_) | Value::Any(_) => {
                for text in sorts::texts(&given.value).unwrap_or_default() {
                    self.text(item.sort, text, uses, place.bases, out).map_err(fail)?;
                }
                Ok(())
            }
        }
    }

    /// Checks a known text by its sort.
    fn text(
        &mut self,
        sort: &str,
        text: &str,
        uses: &[Use],
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        match sort {
            "x" => Ok(()),
            "r" | "w" | "d" | "v" => uses.iter().try_for_each(|how| self.checker.path(text, *how, bases, out)),
            "t" | "o" | "L" | "y" | "q" => match sorts::path_in(sort, text)? {
                Some(path) if path != text && sort == "o" => self.checker.path(path, Use::Walk, bases, out),
                Some(path) => uses.iter().try_for_each(|how| self.checker.path(path, *how, bases, out)),
                None => Ok(()),
            },
            "g" | "G" => {
                let (path, is_from_root) = sorts::revision_path(text)?;
                if text.contains(':') && sort == "G" {
                    return Err("a revision of git that is not read");
                }
                if is_from_root {
                    let root = [self.checker.scope.workspace.root()];
                    return self.checker.path(if path.is_empty() { "." } else { path }, Use::Read, &root, out);
                }
                if sorts::has_parent(path) {
                    return uses.iter().try_for_each(|how| self.checker.path(path, *how, bases, out));
                }
                for one in sorts::revisions(path) {
                    let workspace = self.checker.scope.workspace;
                    let is_path = bases.iter().all(|base| workspace.resolve(one, base).is_ok());
                    if is_path || !sorts::is_revision(one) {
                        uses.iter().try_for_each(|how| self.checker.path(one, *how, bases, out))?;
                    }
                }
                Ok(())
            }
            "u" => self.url(text, out),
            _ => sorts::check(sort, text),
        }
    }

    /// Checks a URL, and notes its host.
    fn url(&mut self, text: &str, out: &mut JudgedCommand) -> Result<(), &'static str> {
        let url = Url::read(text).map_err(|refusal| refusal.reason)?;
        self.checker.scope.hosts.check(&url).map_err(|refusal| refusal.reason)?;
        let host = url.host().to_string();
        if !out.hosts.contains(&host) {
            out.hosts.push(host);
        }
        Ok(())
    }
}
