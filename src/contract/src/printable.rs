//! Names from outside, made safe to print. This file has the only two rules; messages and records use them.

/// The maximum number of characters of a printed name.
const LONGEST_NAME: usize = 64;

/// Returns a name for a sentence, between backticks: at most 64 characters, with `?` in place of backticks and of all but
/// printable ASCII.
#[must_use]
pub fn name_in_sentence(name: &str) -> String {
    name.chars().take(LONGEST_NAME).map(|c| if c.is_ascii_graphic() && c != '`' { c } else { '?' }).collect()
}

/// Returns a name for a record: at most 64 characters, letters of every script included, with U+FFFD in place of control
/// characters and backticks.
#[must_use]
pub fn name_in_record(name: &str) -> String {
    name.chars().take(LONGEST_NAME).map(|c| if c.is_control() || c == '`' { '\u{fffd}' } else { c }).collect()
}
