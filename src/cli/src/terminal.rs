//! Text that is safe on a terminal.

/// Escapes everything a terminal would act on or hide: control characters, changes of direction, spaces of no width.
pub(crate) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, c| {
        match c {
            // `escape_debug` would escape these, which are harmless.
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
    fn terminal_controls_and_hidden_characters_are_escaped() {
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
