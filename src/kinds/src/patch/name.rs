//! Names in the headers of git and unified patches.

use crate::Refusal;

/// A name of a header, as the applier takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// `/dev/null`: the file does not exist on this side.
    Null,
    /// A file, after leading components are removed.
    File(&'a str),
}

/// Reads a name, and removes `strip` leading components.
pub(super) fn read(text: &str, strip: usize, number: usize) -> Result<Name<'_>, Refusal> {
    if text == "/dev/null" {
        return Ok(Name::Null);
    }
    file(text, strip, number).map(Name::File)
}

/// Reads the name of a file. Appliers disagree on blanks, quotes, backslashes, and empty or relative components.
pub(super) fn file(text: &str, strip: usize, number: usize) -> Result<&str, Refusal> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\')) {
        return Err(Refusal::line(number, "a name holds a blank, a quote or a backslash"));
    }
    if text.split('/').any(|component| matches!(component, "" | "." | "..")) {
        return Err(Refusal::line(number, "a name is absolute, or holds an empty component, . or .."));
    }
    let mut rest = text;
    for _ in 0..strip {
        let Some((_, below)) = rest.split_once('/') else {
            return Err(Refusal::line(number, "a name has fewer components than strip removes"));
        };
        rest = below;
    }
    Ok(rest)
}

/// Reads a name of `---` or `+++`, which a time stamp may follow after a tab.
pub(super) fn with_stamp(text: &str, strip: usize, number: usize) -> Result<Name<'_>, Refusal> {
    let Some((name, stamp)) = text.split_once('\t') else {
        return read(text, strip, number);
    };
    let is_plain = stamp.bytes().all(|b| b.is_ascii_alphanumeric() || b" :.+-,".contains(&b));
    // For GNU patch and git, a time stamp of the epoch says that the file does not exist.
    if !is_plain || stamp.contains("1970") || stamp.contains("1969") {
        return Err(Refusal::line(number, "the time stamp is of the epoch or of an unknown form"));
    }
    read(name, strip, number)
}
