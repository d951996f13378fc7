//! The `*** Begin Patch` form.
//!
//! 1. The first line is `*** Begin Patch`, the last one `*** End Patch`; a newline may follow.
//! 2. Between them stand sections. A marker at column 0 begins each; only the listed markers exist.
//! 3. A section of an added file has `+` lines. One of an updated file has `@@`, `+`, `-`, blank-led and empty lines.
//! 4. Any other line is refused, and so is a context line that is a marker after trimming: some appliers trim first.

use super::{PatchOperation, PatchedFile, is_other_break, push, trim};
use crate::Refusal;

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const END_OF_FILE: &str = "*** End of File";

/// The section that a line belongs to.
#[derive(Clone, Copy)]
enum Section {
    /// Before the first file, or after a deleted one: only a marker may follow.
    None,
    Add,
    /// `is_new` holds until the first line after the header: only there may `*** Move to:` stand.
    Update {
        is_new: bool,
    },
    /// After `*** End of File`.
    Ended,
}

/// Lists the files of a patch.
pub(super) fn read(text: &str) -> Result<Vec<PatchedFile>, Refusal> {
    if let Some(at) = text.find('\r') {
        return Err(Refusal::byte(at, "the patch holds a carriage return"));
    }
    let text = text.strip_suffix('\n').unwrap_or(text);
    let Some(body) = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_prefix('\n')) else {
        return Err(Refusal::line(1, "the first line is not *** Begin Patch"));
    };
    let Some(body) = body.strip_suffix(END) else {
        return Err(Refusal::line(text.split('\n').count(), "the last line is not *** End Patch"));
    };
    let mut files = Vec::new();
    let mut section = Section::None;
    for (number, line) in (2..).zip(body.split_terminator('\n')) {
        section = step(&mut files, section, line, number)?;
    }
    if files.is_empty() {
        return Err(Refusal::whole("the patch names no file"));
    }
    // `END` must begin its line.
    if !body.ends_with('\n') {
        return Err(Refusal::line(text.split('\n').count(), "the last line is not *** End Patch"));
    }
    Ok(files)
}

/// Reads one line, and returns the section that the next one belongs to.
fn step(files: &mut Vec<PatchedFile>, section: Section, line: &str, number: usize) -> Result<Section, Refusal> {
    if let Some(marker) = line.strip_prefix("*** ") {
        return header(files, section, line, marker, number);
    }
    // The first piece of a `+` or `-` line is text to every reader; a piece after a break, or a trimmed one, may be a marker.
    let mut pieces = line.split(is_other_break);
    let first = pieces.next().unwrap_or_default();
    if trim(first).starts_with("***") && trim(line).starts_with("*** ")
        || pieces.any(|piece| trim(piece).starts_with("*** "))
    {
        return Err(Refusal::line(number, "some appliers take this line for a marker"));
    }
    match (section, line.as_bytes().first()) {
        (Section::Add, Some(b'+')) => Ok(section),
        (Section::Update { .. }, None | Some(b' ' | b'+' | b'-')) => Ok(Section::Update { is_new: false }),
        (Section::Update { .. } | Section::Ended, Some(b'@')) if line == "@@" || line.starts_with("@@ ") => {
            Ok(Section::Update { is_new: false })
        }
        (Section::None | Section::Ended, _) => Err(Refusal::line(number, "a line stands outside a file's section")),
        (Section::Add, _) => Err(Refusal::line(number, "a line of an added file does not begin with +")),
        (Section::Update { .. }, _) => {
            Err(Refusal::line(number, "a line of an updated file begins with none of @@ + - and a blank"))
        }
    }
}

/// Reads a marker.
fn header(
    files: &mut Vec<PatchedFile>,
    section: Section,
    line: &str,
    marker: &str,
    number: usize,
) -> Result<Section, Refusal> {
    if let Some(path) = marker.strip_prefix("Add File: ") {
        push(files, PatchOperation::Add, name(path, number)?, number)?;
        return Ok(Section::Add);
    }
    if let Some(path) = marker.strip_prefix("Delete File: ") {
        push(files, PatchOperation::Delete, name(path, number)?, number)?;
        return Ok(Section::None);
    }
    if let Some(path) = marker.strip_prefix("Update File: ") {
        push(files, PatchOperation::Update, name(path, number)?, number)?;
        return Ok(Section::Update { is_new: true });
    }
    if let (Section::Update { is_new: true }, Some(path)) = (section, marker.strip_prefix("Move to: ")) {
        if let Some(source) = files.last_mut() {
            source.operation = PatchOperation::MoveFrom;
        }
        push(files, PatchOperation::MoveTo, name(path, number)?, number)?;
        return Ok(Section::Update { is_new: false });
    }
    match section {
        Section::Update { .. } if line == END_OF_FILE => Ok(Section::Ended),
        _ => Err(Refusal::line(number, "the marker is unknown, or stands in the wrong place")),
    }
}

/// Checks that every applier reads the same name.
fn name(path: &str, number: usize) -> Result<&str, Refusal> {
    if path.is_empty() || trim(path) != path {
        return Err(Refusal::line(number, "the name is empty, or a blank begins or ends it"));
    }
    let is_quoted = path.contains(['"', '`']) || path.starts_with('\'') || path.ends_with('\'');
    if is_quoted || path.contains(|c: char| c.is_control() || is_other_break(c)) {
        return Err(Refusal::line(number, "the name holds a quote or a control character"));
    }
    Ok(path)
}
