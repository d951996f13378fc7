//! The texts that no path may be: those that two systems, programs or libraries read in two ways.

use super::Os;
use crate::{Refusal, characters};

/// The longest path, in bytes: `PATH_MAX` of Linux.
const MOST_BYTES: usize = 4096;

/// The longest name of a file, in bytes: `NAME_MAX` of Linux, and at most that of Windows.
const MOST_NAME_BYTES: usize = 255;

/// Percent-encoded bytes that a reader may decode to a separator, a dot, NUL, or a further `%`; and two that begin no UTF-8 character.
const ENCODED: [&[u8; 2]; 7] = [b"2e", b"2f", b"5c", b"00", b"25", b"c0", b"c1"];

/// Refuses a text for what it holds, before it is split.
///
/// # Errors
///
/// The byte, and the reason.
pub(super) fn check(text: &str, os: Os) -> Result<(), Refusal> {
    match text.as_bytes() {
        [b'~', ..] => return Err(Refusal::byte(0, "begins with `~`, which some programs replace by a home directory")),
        [b'$', ..] => return Err(Refusal::byte(0, "begins with `$`, which some programs replace by a variable")),
        _ => {}
    }
    check_ends(text)?;
    let mut percents = 0;
    for (at, c) in text.char_indices() {
        if let Some(reason) = strange(c) {
            return Err(Refusal::byte(at, reason));
        }
        match (c, os) {
            ('*' | '?', _) => return Err(Refusal::byte(at, "has a wildcard, and is not a pattern")),
            ('%', _) if is_encoded(text, at) => {
                return Err(Refusal::byte(at, "has a percent-encoded separator or dot"));
            }
            ('\\', Os::Posix) => {
                return Err(Refusal::byte(at, "has a backslash, which some programs read as a separator"));
            }
            (':', Os::Posix) => {
                return Err(Refusal::byte(at, "has `:`, which begins a drive, a scheme or a stream elsewhere"));
            }
            ('%', Os::Windows) if percents > 0 => {
                return Err(Refusal::byte(at, "has a name between two `%`, which Windows replaces by a variable"));
            }
            ('%', Os::Windows) => percents += 1,
            (':', Os::Windows) if at != 1 => return Err(Refusal::byte(at, "names a stream of a file")),
            ('<' | '>' | '"' | '|', Os::Windows) => {
                return Err(Refusal::byte(at, "has a character that no file name of Windows may have"));
            }
            ('\u{2026}' | '\u{fe13}' | '\u{fe55}' | '\u{ff1a}' | '\u{2236}' | '\u{a789}', Os::Windows) => {
                return Err(Refusal::byte(at, "has a character that Windows may map to dots or a colon"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses an empty text and one that is too long.
pub(super) fn check_length(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::whole("is an empty path"));
    }
    if text.len() > MOST_BYTES {
        return Err(Refusal::byte(MOST_BYTES, "is longer than 4,096 bytes"));
    }
    Ok(())
}

/// Refuses blanks at the ends: some programs and Windows drop them.
pub(super) fn check_ends(text: &str) -> Result<(), Refusal> {
    if text.starts_with(char::is_whitespace) {
        return Err(Refusal::byte(0, "begins with a blank"));
    }
    if text.ends_with(char::is_whitespace) {
        return Err(Refusal::byte(text.trim_end().len(), "ends with a blank"));
    }
    Ok(())
}

/// Refuses a name that is too long.
pub(super) fn check_name(name: &str, at: usize) -> Result<(), Refusal> {
    if name.len() > MOST_NAME_BYTES {
        return Err(Refusal::byte(at, "has a name of more than 255 bytes"));
    }
    Ok(())
}

/// Returns the reason to refuse a character in any path, if there is one.
///
/// Characters that file systems ignore when they compare names are Unicode's `Default_Ignorable_Code_Point`.
pub(crate) fn strange(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return match c {
            '\0' => Some("has a NUL"),
            c if c.is_ascii_control() => Some("has a control character"),
            _ => None,
        };
    }
    Some(match c {
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => "has a control character",
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "has a character that changes the direction of the text"
        }
        c if characters::is_invisible(c) => "has an invisible character",
        c if characters::is_blank(c) => "has a blank that is not the plain one",
        '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{fe68}' | '\u{ff0f}'
        | '\u{ff3c}' | '\u{2100}' | '\u{2101}' | '\u{2105}' | '\u{2106}' => {
            "has a character that some programs read as a separator"
        }
        '\u{2024}' | '\u{2025}' | '\u{fe30}' | '\u{fe52}' | '\u{ff0e}' => {
            "has a character that some programs read as dots"
        }
        '\u{f000}'..='\u{f0ff}' => "has a private character that some file systems map to another one",
        _ => return None,
    })
}

/// Returns true if a `%` of the text begins an encoded byte of [`ENCODED`].
pub(super) fn is_encoded(text: &str, at: usize) -> bool {
    let digits = text.as_bytes().get(at + 1..at + 3);
    digits.is_some_and(|digits| ENCODED.iter().any(|code| digits.eq_ignore_ascii_case(*code)))
}
