//! One entry of path rules, read to routes.

use super::pattern::NamePattern;
use super::route::{MOST_SEGMENTS, Route, Segment};
use super::workspace::MOST_ROOT_NAMES;
use super::{Os, Workspace, braces, text};

/// The longest entry, in bytes.
const MOST_BYTES: usize = 1024;

/// The paths that a route begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The root of the file system.
    FileSystem,
    /// The root of the workspace.
    Workspace,
    /// The workspace, for a path in it; the root of the file system for others. Only entries that forbid have it.
    AnyDepth,
}

/// Reads an entry without its `!`. An entry that forbids is widened.
///
/// # Errors
///
/// The problem, as a sentence without the entry.
pub(super) fn read(entry: &str, is_forbidding: bool, workspace: &Workspace) -> Result<Vec<(Scope, Route)>, String> {
    check(entry, is_forbidding, workspace.os())?;
    let texts = braces::expand(entry).map_err(|(at, reason)| at_byte(at, reason))?;
    texts.iter().map(|text| read_route(text, is_forbidding, workspace)).collect()
}

/// Refuses characters that no entry may have.
fn check(entry: &str, is_forbidding: bool, os: Os) -> Result<(), String> {
    if entry.is_empty() {
        return Err("is empty; write `.` for the workspace".into());
    }
    if entry.len() > MOST_BYTES {
        return Err("is longer than 1,024 bytes".into());
    }
    text::check_ends(entry).map_err(|refusal| refusal.to_string())?;
    if entry.starts_with(['~', '$']) {
        return Err("begins with `~` or `$`; write the directory in full".into());
    }
    if let Some((at, reason)) = entry.char_indices().find_map(|(at, c)| Some((at, text::strange(c)?))) {
        return Err(at_byte(at, reason));
    }
    if is_forbidding && !entry.is_ascii() {
        return Err(
            "has letters that are not ASCII; a `!` entry is compared without case, which only ASCII letters allow"
                .into(),
        );
    }
    if os == Os::Posix && entry.contains(['\\', ':']) {
        return Err("has a backslash or `:`, which no path of `os: posix` may have".into());
    }
    Ok(())
}

/// Reads an alternative.
fn read_route(text: &str, is_forbidding: bool, workspace: &Workspace) -> Result<(Scope, Route), String> {
    let is_absolute = workspace.is_absolute(text);
    let has_separator = text.trim_end_matches(|c| workspace.is_separator(c)).contains(|c| workspace.is_separator(c));
    let mut names: Vec<&str> =
        text.split(|c| workspace.is_separator(c)).filter(|name| !name.is_empty() && *name != ".").collect();
    let mut segments = Vec::new();
    if is_absolute {
        let drive = drive(text, &mut names, workspace.os())?;
        segments.extend(drive.map(|name| drive_segment(&name, is_forbidding)));
    }
    if names.iter().any(|name| name.contains(':')) {
        return Err("has `:`, which names a stream; write the path of a file".into());
    }
    while names.last() == Some(&"**") {
        names.pop();
    }
    if is_forbidding && names.is_empty() {
        return Err("forbids everything; remove it, and the entries that it forbids".into());
    }
    let is_deep = names.first() == Some(&"**");
    let scope = match (is_absolute, is_forbidding && (is_deep || !has_separator)) {
        (true, _) => Scope::FileSystem,
        (false, true) => Scope::AnyDepth,
        (false, false) => Scope::Workspace,
    };
    if scope == Scope::AnyDepth && !is_deep {
        segments.push(Segment::AnyDepth);
    }
    for name in names {
        segments.push(read_segment(name, is_forbidding)?);
    }
    if segments.len() > MOST_SEGMENTS {
        return Err("has more than 127 directories".into());
    }
    // The names of any root stand before those of a relative entry.
    if scope == Scope::Workspace && segments.len() > MOST_SEGMENTS - MOST_ROOT_NAMES {
        return Err("has more than 63 directories".into());
    }
    Ok((scope, Route { segments }))
}

/// Returns the drive of an absolute entry, and removes it from the names.
fn drive(text: &str, names: &mut Vec<&str>, os: Os) -> Result<Option<String>, String> {
    if os == Os::Posix {
        return if text.starts_with("//") { Err("begins with `//`; write one `/`".into()) } else { Ok(None) };
    }
    let begin = text.as_bytes();
    match (begin.first(), begin.get(1), begin.get(2)) {
        (Some(letter), Some(b':'), Some(b'/' | b'\\')) if letter.is_ascii_alphabetic() => {
            names.remove(0);
            Ok(Some(format!("{}:", char::from(letter.to_ascii_uppercase()))))
        }
        _ => Err("is neither relative nor absolute with a drive, such as `C:\\work`".into()),
    }
}

/// Returns the segment of a drive.
fn drive_segment(name: &str, is_forbidding: bool) -> Segment {
    if is_forbidding {
        Segment::Pattern(NamePattern::name(name).widen().with_trail())
    } else {
        Segment::Name(name.to_owned())
    }
}

/// Reads a name, a pattern, or `**`.
fn read_segment(name: &str, is_forbidding: bool) -> Result<Segment, String> {
    if name == ".." {
        return Err("has `..`; write the directory that it leads to".into());
    }
    if name == "**" {
        return Ok(Segment::AnyDepth);
    }
    if name.contains("**") {
        return Err("has `**` beside other characters of a name; write it between two `/`".into());
    }
    if name.len() > 255 {
        return Err("has a name of more than 255 bytes".into());
    }
    let pattern = NamePattern::read(name, false).map_err(|(at, reason)| at_byte(at, reason))?;
    if !is_forbidding {
        if pattern.as_name().is_some() {
            return Ok(Segment::Name(name.to_owned()));
        }
        return if pattern.is_comparable() { Ok(Segment::Pattern(pattern)) } else { Err(TOO_LONG.into()) };
    }
    if name.ends_with(['.', ' ']) {
        return Err("has a name that ends in a dot or a blank; leave these out, they are ignored in comparisons".into());
    }
    if pattern.has_negation() {
        return Err("has a class with `!` or `^`; list the characters that it forbids".into());
    }
    let pattern = pattern.widen().with_trail();
    if pattern.is_comparable() { Ok(Segment::Pattern(pattern)) } else { Err(TOO_LONG.into()) }
}

/// The problem of a pattern that no other one can be compared with.
const TOO_LONG: &str = "has a pattern of more than 127 characters";

/// Returns the problem of a byte.
fn at_byte(at: usize, reason: &str) -> String {
    format!("byte {at}: {reason}")
}
