//! Text that a terminal shows as it is.

/// Text without anything that a terminal would act on or hide: control characters, changes of direction, spaces of no width.
pub(crate) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, c| {
        match c {
            // `escape_debug` would escape these, which stand for themselves.
            '"' | '\'' | '\\' => plain.push(c),
            _ => plain.extend(c.escape_debug()),
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_that_a_terminal_would_act_on_or_hide_is_shown_as_it_is() {
        for (text, shown) in [
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("line\nbreak", "line\\nbreak"),
            ("naïve \"Ünïcode\" 日本 😀", "naïve \"Ünïcode\" 日本 😀"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
