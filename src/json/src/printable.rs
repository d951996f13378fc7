//! The printable form of a name chosen by a model or a caller.

/// Characters of a name that are shown.
const LENGTH: usize = 64;

/// Returns a name fit to stand between backticks in one line of text: at most 64 characters, each of them visible ASCII.
///
/// Every other character, and the backtick, becomes a `?`. Logs, errors, audit records and texts for the model use this form, so
/// a tool's name looks the same in all of them.
#[must_use]
pub fn printable(name: &str) -> String {
    name.chars().take(LENGTH).map(|c| if c.is_ascii_graphic() && c != '`' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_name_is_cut_and_keeps_visible_ascii_only() {
        assert_eq!(printable("create_order.v2"), "create_order.v2");
        assert_eq!(printable("a b`c\u{1b}\u{202e}\u{e9}"), "a?b?c???");
        assert_eq!(printable(&"\u{1f600}".repeat(65)), "?".repeat(64));
    }
}
