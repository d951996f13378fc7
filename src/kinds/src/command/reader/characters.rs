//! Characters that no line may contain, and the classes of the others.

use super::MAX_BYTES;
use crate::{Refusal, characters};

pub(super) const TOO_LONG: &str = "more than 64 KiB; shorten the line";

/// Refuses a line that is too long or contains a control character or an invisible one.
pub(super) fn check(line: &str) -> Result<(), Refusal> {
    if line.len() > MAX_BYTES {
        return Err(Refusal::whole(TOO_LONG));
    }
    for (at, character) in line.char_indices() {
        if let Some(reason) = refused_anywhere(character) {
            return Err(Refusal::byte(at, reason));
        }
    }
    Ok(())
}

/// Returns why a character is refused even in quotes.
fn refused_anywhere(character: char) -> Option<&'static str> {
    match character {
        '\n' | '\t' => None,
        '\r' => Some("a carriage return; end lines with a newline alone"),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => Some("a control character; write it as an escape of the program"),
        // Directions of text: a reviewer would see another order than the shell.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => {
            Some("a character that changes the direction of text; remove it")
        }
        '\u{2028}' | '\u{2029}' => Some("a Unicode line separator; use a newline"),
        _ => None,
    }
}

/// Returns why a character beyond ASCII is refused outside quotes: it is blank or invisible.
pub(super) fn refused_outside_quotes(character: char) -> Option<&'static str> {
    match character {
        c if characters::is_blank(c) => Some("a Unicode blank outside quotes; use an ASCII one"),
        c if characters::is_invisible(c) => Some("an invisible character outside quotes; remove it"),
        _ => None,
    }
}

/// Returns true for bytes that end an unquoted word.
pub(super) fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
}

/// Returns true for bytes that may begin a variable's name.
pub(super) fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// Returns true for bytes of a variable's name.
pub(super) fn continues_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns true for a variable's name.
pub(super) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(begins_name) && text.bytes().all(continues_name)
}

/// Returns true for bytes of unquoted words that mean only themselves, wherever they stand.
pub(super) fn is_ordinary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || !byte.is_ascii()
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b',' | b':' | b'@' | b'%' | b'+')
}
