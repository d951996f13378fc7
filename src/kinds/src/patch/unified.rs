//! Git and unified patches.
//!
//! 1. A section begins with `diff --git`, or with `---` and `+++`. Its headers end at the first hunk.
//! 2. All names of a section agree after `strip` components are removed.
//! 3. Hunks follow, counted.
//! 4. Text between sections is skipped if no applier could take it for a header or for a patch of another form.

use super::header::{self, HeaderChange};
use super::name::{self, Name};
use super::{PatchOperation, PatchedFile, hunk, is_other_break, push, trim};
use crate::Refusal;

/// The lines of a patch, with one line of look-ahead.
pub(super) struct Lines<'a> {
    rest: std::iter::Peekable<std::str::SplitTerminator<'a, char>>,
    /// The number of the next line, from 1.
    number: usize,
}

/// Lists the files of a patch. `full` allows modes, renames and copies.
pub(super) fn read(text: &str, strip: usize, full: bool) -> Result<Vec<PatchedFile>, Refusal> {
    let mut lines = Lines { rest: text.split_terminator('\n').peekable(), number: 1 };
    let mut files = Vec::new();
    while let Some((number, line)) = lines.next() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            git_section(&mut files, &mut lines, names, (strip, full), number)?;
        } else if let Some(old) = line.strip_prefix("--- ") {
            let (old, new) = names(&mut lines, old, strip, number)?;
            plain_section(&mut files, old, new, number)?;
            hunk::read(&mut lines)?;
        } else if line.split(is_other_break).any(|piece| is_header_like(trim(piece))) {
            return Err(Refusal::line(
                number,
                "some applier takes the line for a header or for a patch of another form",
            ));
        }
    }
    if files.is_empty() {
        return Err(Refusal::whole("the patch names no file"));
    }
    Ok(files)
}

/// Reads the section after a `diff --git` line.
fn git_section<'a>(
    files: &mut Vec<PatchedFile>,
    lines: &mut Lines<'a>,
    pair: &'a str,
    (strip, full): (usize, bool),
    number: usize,
) -> Result<(), Refusal> {
    let header = header::read(pair, lines, strip, full, number)?;
    let mut has_hunks = false;
    if let Some((at, line)) = lines.peek()
        && let Some(old) = line.strip_prefix("--- ")
    {
        lines.next();
        let (old, new) = names(lines, old, strip, at)?;
        let is_one = matches!((old, new), (Name::File(old), Name::File(new)) if old == new);
        // A unified patch has no modes, so `/dev/null` alone says that a file is new or deleted.
        if !full && !is_one {
            let names_it = [old, new].contains(&Name::File(header.new)) && [old, new].contains(&Name::Null);
            if !names_it {
                return Err(Refusal::line(at, "the names of the file's headers disagree"));
            }
            plain_section(files, old, new, number)?;
            return hunk::read(lines);
        }
        if !header.agrees(old, new) {
            return Err(Refusal::line(at, "the names of the file's headers disagree"));
        }
        hunk::read(lines)?;
        has_hunks = true;
    }
    // GNU patch reads on in text after a header without hunks, and merges it with the next section.
    if !has_hunks && lines.peek().is_some_and(|(_, next)| !next.starts_with("diff --git ")) {
        return Err(Refusal::line(lines.number(), "text follows a header without hunks"));
    }
    match header.change {
        HeaderChange::None if has_hunks || header.has_mode => push(files, PatchOperation::Update, header.new, number),
        HeaderChange::None => Err(Refusal::line(number, "the section of the file holds no change")),
        HeaderChange::New => push(files, PatchOperation::Add, header.new, number),
        HeaderChange::Deleted => push(files, PatchOperation::Delete, header.new, number),
        HeaderChange::Rename => {
            push(files, PatchOperation::MoveFrom, header.old, number)?;
            push(files, PatchOperation::MoveTo, header.new, number)
        }
        HeaderChange::Copy => {
            push(files, PatchOperation::CopyFrom, header.old, number)?;
            push(files, PatchOperation::CopyTo, header.new, number)
        }
    }
}

/// Reads the name of `---`, and the `+++` line that must follow it.
fn names<'a>(
    lines: &mut Lines<'a>,
    old: &'a str,
    strip: usize,
    number: usize,
) -> Result<(Name<'a>, Name<'a>), Refusal> {
    let Some((at, new)) = lines.next().and_then(|(at, line)| Some((at, line.strip_prefix("+++ ")?))) else {
        return Err(Refusal::line(number, "no +++ line follows the --- line"));
    };
    Ok((name::with_stamp(old, strip, number)?, name::with_stamp(new, strip, at)?))
}

/// Adds the file of a section without a `diff --git` line.
fn plain_section(files: &mut Vec<PatchedFile>, old: Name<'_>, new: Name<'_>, number: usize) -> Result<(), Refusal> {
    match (old, new) {
        (Name::Null, Name::File(path)) => push(files, PatchOperation::Add, path, number),
        (Name::File(path), Name::Null) => push(files, PatchOperation::Delete, path, number),
        (Name::File(old), Name::File(new)) if old == new => push(files, PatchOperation::Update, new, number),
        _ => Err(Refusal::line(number, "the names of the file's headers disagree")),
    }
}

/// Tells if some applier could take a trimmed line for a header, or for the beginning of a patch of another form. GNU patch also skips
/// an indentation by `X`, and the `- ` of quoted messages.
pub(super) fn is_header_like(line: &str) -> bool {
    const STARTS: [&str; 18] = [
        "--- ",
        "+++",
        "***",
        "diff ",
        "Index:",
        "Prereq:",
        "@@",
        "GIT binary",
        "Binary files",
        "index ",
        "old mode",
        "new mode",
        "new file mode",
        "deleted file mode",
        "rename from",
        "rename to",
        "copy from",
        "copy to",
    ];
    let starts = |line: &str| STARTS.iter().any(|start| line.starts_with(start)) || is_command(line);
    let indented = line.trim_start_matches([' ', '\t', 'X']);
    let quoted = indented.trim_start_matches(['-', ' ', '\t', '>', 'X']);
    starts(line) || starts(indented) || quoted != indented && (starts(quoted) || quoted.starts_with("--"))
}

/// Tells if a line is one of an ed script or a normal diff: `1,2c3`, `5d`.
fn is_command(line: &str) -> bool {
    let after = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',');
    after.len() < line.len() && after.starts_with(|c: char| c.is_ascii_alphabetic())
}

// === impl Lines ===

impl<'a> Lines<'a> {
    /// Returns the next line with its number, and leaves it.
    pub(super) fn peek(&mut self) -> Option<(usize, &'a str)> {
        self.rest.peek().map(|line| (self.number, *line))
    }

    /// Returns the number of the next line.
    pub(super) fn number(&self) -> usize {
        self.number
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.rest.next()?;
        self.number += 1;
        Some((self.number - 1, line))
    }
}
