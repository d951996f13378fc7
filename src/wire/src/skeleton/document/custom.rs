//! The format of the input of a custom tool, whose input is free text.

use callgate_json::Span;

/// The most bytes of a grammar that is forwarded.
const MOST_GRAMMAR: usize = 64 * 1024;

/// Returns true for a known and bounded format of the input of a custom tool. `within` is the member with the grammar, in APIs that
/// have one.
pub(crate) fn is_known_format(format: Span<'_>, within: Option<&str>) -> bool {
    let members = format.pairs().count();
    match (format.get("type").and_then(Span::string).as_deref(), within) {
        (Some("text"), _) => members == 1,
        (Some("grammar"), Some(within)) => {
            members == 2
                && format.get(within).is_some_and(|grammar| is_known_grammar(grammar) && grammar.pairs().count() == 2)
        }
        (Some("grammar"), None) => members == 3 && is_known_grammar(format),
        _ => false,
    }
}

fn is_known_grammar(grammar: Span<'_>) -> bool {
    let text = |member: &str| grammar.get(member).and_then(Span::string);
    matches!(text("syntax").as_deref(), Some("lark" | "regex"))
        && text("definition").is_some_and(|definition| definition.len() <= MOST_GRAMMAR)
}
