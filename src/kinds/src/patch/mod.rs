//! Patches: every file that a patch touches, and how.
//!
//! A reader accepts only a patch that every applier of its format applies to the same files. For `git apply` and GNU patch, all names of
//! one file must agree, and the lines of each hunk are counted, so that a header inside a hunk is text and one after it is a header. For
//! the `*** Begin Patch` form, a line that a tolerant applier could take for a marker is refused.
//!
//! Not covered: the `.orig` and `.rej` files that GNU patch writes beside a file that does not match, links in the tree, and the
//! guess of `git apply` in a subdirectory. Run the applier at the directory that the contract names as base, with `-pN`.

mod codex;
mod header;
mod hunk;
mod name;
mod unified;

use crate::path::{PathRules, ResolvedPath, Workspace};
use crate::{KindRefusal, Refusal};

/// The maximum length of a patch, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The maximum number of names that a patch reports.
pub const MAX_FILES: usize = 1024;

/// The form of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchFormat {
    /// `*** Begin Patch`, as Codex and other agents write it.
    Codex,
    /// The output of `git diff`: `diff --git` with renames, copies and modes, and plain unified sections.
    Git,
    /// Unified sections: `---`, `+++`, `@@`. A `diff --git` line may stand before one, but no rename, copy or mode.
    Unified,
}

/// The operation of a patch on one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatchOperation {
    /// Creates the file. Some appliers replace an existing one.
    Add,
    /// Changes the file, or its mode.
    Update,
    /// Deletes the file.
    Delete,
    /// Removes the file under this name; a [`MoveTo`](Self::MoveTo) follows.
    MoveFrom,
    /// Writes the moved file under this name.
    MoveTo,
    /// Reads the file; a [`CopyTo`](Self::CopyTo) follows.
    CopyFrom,
    /// Writes the copy under this name.
    CopyTo,
}

/// A file that a patch touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchedFile {
    /// The operation.
    pub operation: PatchOperation,
    /// The path as the patch writes it, after `strip` leading components are removed.
    pub path: String,
    /// The line of the patch that begins the file's section, counted from 1.
    pub line: usize,
}

/// Lists the files that a patch touches, in its order. `strip` is the number of leading components that the applier removes from each
/// name (`-p`); it does not hold for [`PatchFormat::Codex`].
///
/// # Errors
///
/// Two appliers of the format could read the patch differently, or it is too large.
pub fn read(text: &str, format: PatchFormat, strip: usize) -> Result<Vec<PatchedFile>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::whole("the patch is over 1 MiB"));
    }
    if let Some(at) = text.find('\0') {
        return Err(Refusal::byte(at, "the patch holds a NUL"));
    }
    match format {
        PatchFormat::Codex => codex::read(text),
        PatchFormat::Git => unified::read(text, strip, true),
        PatchFormat::Unified => unified::read(text, strip, false),
    }
}

/// Checks each file of a patch: a copy's source by the rules of reading, a removed file by those of deletion, all others by those of
/// writing. Relative paths begin at `base`.
///
/// # Errors
///
/// A path is refused, or the rules do not allow it. The place is the line that begins the file's section.
pub fn check(
    files: &[PatchedFile],
    read: &PathRules,
    write: &PathRules,
    workspace: &Workspace,
    base: &ResolvedPath,
) -> Result<(), KindRefusal> {
    for file in files {
        let at = |refusal: Refusal| Refusal::line(file.line, refusal.reason);
        let path = workspace.resolve(&file.path, base).map_err(|refusal| KindRefusal::Unreadable(at(refusal)))?;
        let checked = match file.operation {
            PatchOperation::CopyFrom => read.check(&path),
            PatchOperation::Delete | PatchOperation::MoveFrom => write.check_below(&path),
            PatchOperation::Add | PatchOperation::Update | PatchOperation::MoveTo | PatchOperation::CopyTo => {
                write.check(&path)
            }
        };
        checked.map_err(|refusal| KindRefusal::Forbidden(at(refusal)))?;
    }
    Ok(())
}

/// Adds a file to a list of bounded length.
fn push(files: &mut Vec<PatchedFile>, operation: PatchOperation, path: &str, line: usize) -> Result<(), Refusal> {
    if files.len() >= MAX_FILES {
        return Err(Refusal::line(line, "the patch touches more than 1,024 files"));
    }
    files.push(PatchedFile { operation, path: path.to_owned(), line });
    Ok(())
}

/// Tells if a character ends a line for some readers, but not for all.
fn is_other_break(c: char) -> bool {
    matches!(c, '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Removes what some reader removes at the ends of a line.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}')
}
