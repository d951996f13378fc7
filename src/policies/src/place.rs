//! Places in the text of a policy.

/// Returns `path:line:column` of a byte, both from 1.
pub(crate) fn place(path: &str, text: &str, offset: usize) -> String {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{path}:{line}:{column}")
}

/// Returns the start of the first of these words outside of comments.
///
/// A comment begins with `comment`. This is for a hint to the author: a word after a comment's sign in a string is overlooked.
pub(crate) fn find_outside_comments(text: &str, comment: &str, words: &[String]) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split_once(comment).map_or(line, |(code, _)| code);
        if let Some(at) = words.iter().filter_map(|word| code.find(word.as_str())).min() {
            return Some(start + at);
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_1() {
        for (offset, expected) in [(0, "p:1:1"), (2, "p:1:3"), (3, "p:2:1"), (5, "p:2:2"), (99, "p:2:3")] {
            assert_eq!(place("p", "ab\n\u{e9}b", offset), expected, "{offset}");
        }
    }

    #[test]
    fn words_in_comments_are_not_found() {
        let words = ["input.model".to_owned()];
        assert_eq!(find_outside_comments("a # input.model\n b input.model", "#", &words), Some(19));
        assert_eq!(find_outside_comments("# input.model", "#", &words), None);
    }
}
