//! Headers of `git diff`: modes, renames and copies, which must agree with all names of the file.

use super::name::{self, Name};
use super::unified::Lines;
use crate::Refusal;

/// The headers of one file after its `diff --git` line.
pub(super) struct Header<'a> {
    /// The names of the `diff --git` line.
    pub(super) old: &'a str,
    pub(super) new: &'a str,
    pub(super) change: HeaderChange,
    /// The mode changes: the section may end without a hunk.
    pub(super) has_mode: bool,
}

/// The change that a header declares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderChange {
    None,
    New,
    Deleted,
    Rename,
    Copy,
}

/// The lines seen so far, each at most once.
#[derive(Default)]
struct HeaderLines<'a> {
    new_file: bool,
    deleted: bool,
    old_mode: bool,
    new_mode: bool,
    similarity: bool,
    rename: [Option<&'a str>; 2],
    copy: [Option<&'a str>; 2],
    index: Option<(bool, bool)>,
}

/// Reads the headers after `diff --git NAMES`, up to `---`, the next file or the end. `full` allows modes, renames and copies.
pub(super) fn read<'a>(
    names: &'a str,
    lines: &mut Lines<'a>,
    strip: usize,
    full: bool,
    number: usize,
) -> Result<Header<'a>, Refusal> {
    let Some((old, new)) = names.split_once(' ') else {
        return Err(Refusal::line(number, "the line names one file instead of two"));
    };
    let (old, new) = (name::file(old, strip, number)?, name::file(new, strip, number)?);
    let mut seen = HeaderLines::default();
    while let Some((number, line)) = lines.peek() {
        if line.is_empty() || line.starts_with("--- ") || line.starts_with("diff --git ") {
            break;
        }
        lines.next();
        seen.line(line, full, number)?;
    }
    let change = seen.change(number)?;
    let is_pair = matches!(change, HeaderChange::Rename | HeaderChange::Copy);
    if is_pair && strip > 1 {
        return Err(Refusal::line(number, "appliers strip the names of renames differently; use strip: 1"));
    }
    for pair in [seen.rename, seen.copy] {
        if let [Some(from), Some(to)] = pair
            && (name::file(from, 0, number)? != old || name::file(to, 0, number)? != new)
        {
            return Err(Refusal::line(number, "the names of the file's headers disagree"));
        }
    }
    if old != new && !is_pair || old == new && is_pair {
        return Err(Refusal::line(number, "the names of the file's headers disagree"));
    }
    Ok(Header { old, new, change, has_mode: seen.new_mode })
}

// === impl Header ===

impl Header<'_> {
    /// Checks that the names of `---` and `+++` agree with the header.
    pub(super) fn agrees(&self, old: Name<'_>, new: Name<'_>) -> bool {
        let expected_old = if self.change == HeaderChange::New { Name::Null } else { Name::File(self.old) };
        let expected_new = if self.change == HeaderChange::Deleted { Name::Null } else { Name::File(self.new) };
        old == expected_old && new == expected_new
    }
}

// === impl HeaderLines ===

impl<'a> HeaderLines<'a> {
    /// Reads one header.
    fn line(&mut self, line: &'a str, full: bool, number: usize) -> Result<(), Refusal> {
        let twice = Refusal::line(number, "a header stands twice");
        let once = |flag: &mut bool| if std::mem::replace(flag, true) { Err(twice) } else { Ok(()) };
        let name = |slot: &mut Option<&'a str>, text| if slot.replace(text).is_some() { Err(twice) } else { Ok(()) };
        if let Some(hashes) = line.strip_prefix("index ") {
            let Some(nulls) = index(hashes) else {
                return Err(Refusal::line(number, "the index line has an unknown form or mode"));
            };
            return if self.index.replace(nulls).is_some() { Err(twice) } else { Ok(()) };
        }
        if !full {
            return Err(Refusal::line(number, "a unified patch changes no mode and renames nothing; use format: git"));
        }
        if let Some(mode) = line.strip_prefix("new file mode ") {
            return plain(mode, number).and_then(|()| once(&mut self.new_file));
        }
        if let Some(mode) = line.strip_prefix("deleted file mode ") {
            return plain(mode, number).and_then(|()| once(&mut self.deleted));
        }
        if let Some(mode) = line.strip_prefix("old mode ") {
            return plain(mode, number).and_then(|()| once(&mut self.old_mode));
        }
        if let Some(mode) = line.strip_prefix("new mode ") {
            return plain(mode, number).and_then(|()| once(&mut self.new_mode));
        }
        if let Some(share) =
            line.strip_prefix("similarity index ").or_else(|| line.strip_prefix("dissimilarity index "))
        {
            let digits = share.strip_suffix('%').unwrap_or_default();
            if !(1..=3).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Refusal::line(number, "the similarity has an unknown form"));
            }
            return once(&mut self.similarity);
        }
        let ([rename_from, rename_to], [copy_from, copy_to]) = (&mut self.rename, &mut self.copy);
        for (prefix, slot) in
            [("rename from ", rename_from), ("rename to ", rename_to), ("copy from ", copy_from), ("copy to ", copy_to)]
        {
            if let Some(text) = line.strip_prefix(prefix) {
                return name(slot, text);
            }
        }
        Err(Refusal::line(number, "the header is unknown or of a binary patch"))
    }

    /// Returns the change that the headers declare together.
    fn change(&self, number: usize) -> Result<HeaderChange, Refusal> {
        let disagree = Refusal::line(number, "the headers of the file contradict each other");
        let pair = |names: [Option<&str>; 2]| match names {
            [Some(_), Some(_)] => Ok(true),
            [None, None] => Ok(false),
            _ => Err(disagree),
        };
        let change = match (self.new_file, self.deleted, pair(self.rename)?, pair(self.copy)?) {
            (false, false, false, false) => HeaderChange::None,
            (true, false, false, false) => HeaderChange::New,
            (false, true, false, false) => HeaderChange::Deleted,
            (false, false, true, false) => HeaderChange::Rename,
            (false, false, false, true) => HeaderChange::Copy,
            _ => return Err(disagree),
        };
        let has_modes = self.old_mode || self.new_mode;
        if self.old_mode != self.new_mode || has_modes && matches!(change, HeaderChange::New | HeaderChange::Deleted) {
            return Err(disagree);
        }
        // A hash of zeros says that the file does not exist.
        let nulls = (change == HeaderChange::New, change == HeaderChange::Deleted);
        if self.index.is_some_and(|found| found != nulls) {
            return Err(disagree);
        }
        Ok(change)
    }
}

/// Reads `HASH..HASH` or `HASH..HASH MODE`; returns which of the two hashes are zeros.
fn index(text: &str) -> Option<(bool, bool)> {
    let (hashes, mode) = text.split_once(' ').unwrap_or((text, "100644"));
    let (old, new) = hashes.split_once("..")?;
    let is_hash = |hash: &str| (4..=64).contains(&hash.len()) && hash.bytes().all(|b| b.is_ascii_hexdigit());
    let is_null = |hash: &str| hash.bytes().all(|b| b == b'0');
    (is_hash(old) && is_hash(new) && is_plain(mode)).then(|| (is_null(old), is_null(new)))
}

/// Checks that a mode is one of a plain file: no link, no submodule.
fn plain(mode: &str, number: usize) -> Result<(), Refusal> {
    if is_plain(mode) { Ok(()) } else { Err(Refusal::line(number, "the mode is not that of a plain file")) }
}

/// Tells if a mode is one of a plain file.
fn is_plain(mode: &str) -> bool {
    matches!(mode, "100644" | "100755")
}
