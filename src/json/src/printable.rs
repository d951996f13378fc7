//! Names from outside, made safe to print. This file has the only two rules; messages and records use them.

/// The maximum number of characters of a printed name.
const LONGEST_NAME: usize = 128;

/// Returns a name for a sentence, between backticks: at most 128 characters, with `?` in place of backticks and of all but
/// printable ASCII.
#[must_use]
pub fn name_in_sentence(name: &str) -> String {
    name.chars().take(LONGEST_NAME).map(|c| if c.is_ascii_graphic() && c != '`' { c } else { '?' }).collect()
}

/// Returns a name for a record: at most 128 characters, letters of every script included, with U+FFFD in place of control
/// characters and backticks.
#[must_use]
pub fn name_in_record(name: &str) -> String {
    if name.len() <= LONGEST_NAME && name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'`') {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME).map(|c| if c.is_control() || c == '`' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{name_in_record, name_in_sentence};

    #[test]
    fn a_name_is_cut_and_safe_to_print() {
        for name in ["create_order.v2", "x"] {
            assert_eq!((name_in_sentence(name), name_in_record(name)), (name.to_owned(), name.to_owned()));
        }
        assert_eq!(name_in_sentence("a b`c\u{1b}\u{202e}\u{e9}"), "a?b?c???");
        assert_eq!(name_in_record("a b`c\u{1b}\u{e9}"), "a b\u{fffd}c\u{fffd}\u{e9}");
        let long = "\u{e9}".repeat(129);
        assert_eq!((name_in_sentence(&long), name_in_record(&long)), ("?".repeat(128), "\u{e9}".repeat(128)));
    }
}
