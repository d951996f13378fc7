//! Patterns of model names, as in a contract's `models`: `*` stands for any run of characters.

use callgate_contract::matches_model;
use serde_json::json;

/// Returns Envoy's `HeaderMatcher` for a pattern, without the header's name, as JSON on one line.
pub(super) fn matcher(pattern: &str) -> String {
    let matcher = match pattern.split_once('*') {
        None => json!({ "exact": pattern }),
        Some(("", "")) => return r#""present_match": true"#.to_owned(),
        Some((prefix, "")) => json!({ "prefix": prefix }),
        Some(_) => json!({ "safe_regex": { "regex": regex(pattern) } }),
    };
    format!(r#""string_match": {matcher}"#)
}

/// Returns true if every name that `inner` matches is matched by `outer`. Errs towards false.
///
/// A `*` of `inner` is a character that no text of `outer` has, so only a `*` of `outer` matches it.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    matches_model(outer, inner)
}

fn regex(pattern: &str) -> String {
    let mut regex = String::with_capacity(pattern.len().saturating_mul(2));
    for c in pattern.chars() {
        match c {
            '*' => regex.push_str(".*"),
            c if c.is_ascii_alphanumeric() => regex.push(c),
            c => regex.extend(['\\', c]),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::{covers, matcher};

    #[test]
    fn a_pattern_becomes_the_simplest_matcher() {
        for (pattern, expected) in [
            ("gpt-5", r#""string_match": {"exact":"gpt-5"}"#),
            ("gpt-*", r#""string_match": {"prefix":"gpt-"}"#),
            ("*", r#""present_match": true"#),
            ("*gpt.5*", r#""string_match": {"safe_regex":{"regex":".*gpt\\.5.*"}}"#),
        ] {
            assert_eq!(matcher(pattern), expected);
        }
    }

    #[test]
    fn a_route_covers_a_pattern_only_if_it_matches_all_of_its_names() {
        for (outer, inner, covered) in [
            ("gpt-*", "gpt-5*", true),
            ("gpt-*", "gpt-*", true),
            ("*", "claude-*", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-5", "gpt-*", false),
            ("gpt-5*", "gpt-*", false),
            ("gpt-?", "gpt-*", false),
            ("*-mini", "gpt-*", false),
        ] {
            assert_eq!(covers(outer, inner), covered, "{outer} {inner}");
        }
    }
}
