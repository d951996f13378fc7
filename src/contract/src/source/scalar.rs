//! Places inside of a string: from a line and a column of its value to those of the file.

use super::node::At;

// === impl At ===

impl At {
    /// Returns the place of a line and column (from 1, in characters) of the string `value`, which begins at this place.
    ///
    /// `None` if the text folds lines of the value together, as `>` and strings over several lines do, and for a value without a text.
    pub(crate) fn inside(&self, value: &str, line: u32, column: u32) -> Option<At> {
        let before = column.checked_sub(1)?;
        if let Some(style) = self.block() {
            return if style == '|' { self.inside_block(value, line, column) } else { None };
        }
        let mut letters = self.line_at(self.line)?.chars();
        letters.by_ref().take(index(self.column.checked_sub(1)?)?).for_each(drop);
        let rest = letters.as_str();
        let quoted = match letters.next().filter(|_| line == 1)? {
            '\'' => 1 + width(letters.as_str(), before, single)?,
            '"' => 1 + width(letters.as_str(), before, double)?,
            // A folded value differs from what the line has.
            _ if rest.starts_with(value) => before,
            _ => return None,
        };
        Some(At { column: self.column.checked_add(quoted)?, ..self.clone() })
    }

    /// Returns `|` or `>` if this place is the first letter of a block.
    fn block(&self) -> Option<char> {
        let before = index(self.column.checked_sub(1)?)?;
        let is_first = self.line_at(self.line)?.chars().take(before).all(|letter| letter == ' ');
        let lines = self.text.lines().take(index(self.line.checked_sub(1)?)?);
        let header = lines.filter(|line| !line.trim().is_empty()).last().filter(|_| is_first)?;
        let header = header.find(" #").and_then(|comment| header.get(..comment)).unwrap_or(header).trim_end();
        let is_indicator = |letter: char| letter == '-' || letter == '+' || letter.is_ascii_digit();
        let style = header.trim_end_matches(is_indicator).chars().next_back();
        style.filter(|style| matches!(style, '|' | '>'))
    }

    /// This place is the first letter of the block, so its empty lines come before.
    fn inside_block(&self, value: &str, line: u32, column: u32) -> Option<At> {
        let empty = value.lines().take_while(|line| line.is_empty()).count();
        let line_of_file = self.line.checked_add(line.checked_sub(1)?)?.checked_sub(u32::try_from(empty).ok()?)?;
        let wanted = value.lines().nth(index(line.checked_sub(1)?)?).unwrap_or_default();
        let indent = self.line_at(line_of_file)?.trim_end().strip_suffix(wanted.trim_end())?;
        let is_indent = indent.chars().all(|letter| letter == ' ');
        let column = u32::try_from(indent.len()).ok().filter(|_| is_indent)?.checked_add(column)?;
        Some(At { line: line_of_file, column, ..self.clone() })
    }

    fn line_at(&self, line: u32) -> Option<&str> {
        self.text.lines().nth(index(line.checked_sub(1)?)?)
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

/// Returns the written characters of so many characters of the value. `written` gives those of the next one.
fn width(mut rest: &str, characters: u32, written: impl Fn(&str) -> Option<usize>) -> Option<u32> {
    let mut sum = 0_u32;
    for _ in 0..characters {
        let next = written(rest)?;
        sum = sum.checked_add(u32::try_from(next).ok()?)?;
        rest = rest.char_indices().nth(next).map_or("", |(at, _)| rest.get(at..).unwrap_or_default());
    }
    Some(sum)
}

/// In single quotes, a quote is written twice.
fn single(rest: &str) -> Option<usize> {
    rest.chars().next().map(|letter| if letter == '\'' { 2 } else { 1 })
}

/// In double quotes, `\` escapes. JSON writes characters over U+FFFF as two escapes.
fn double(rest: &str) -> Option<usize> {
    let mut letters = rest.chars();
    Some(match (letters.next()?, letters.next()) {
        ('\\', Some('x')) => 4,
        ('\\', Some('u')) => {
            let is_first_half = matches!(rest.get(2..4)?.to_ascii_lowercase().as_str(), "d8" | "d9" | "da" | "db");
            if is_first_half { 12 } else { 6 }
        }
        ('\\', Some('U')) => 10,
        ('\\', Some(_)) => 2,
        ('\\', None) => return None,
        _ => 1,
    })
}

#[cfg(test)]
mod tests {
    use super::super::node::Node;

    /// The line and column in the file of a place in the string at `a`.
    fn place(text: &str, line: u32, column: u32) -> Option<(u32, u32)> {
        let file = if text.starts_with('{') { "a.json" } else { "a.yaml" };
        let document = super::super::read(file, text).map_err(|found| format!("{found:?}")).unwrap();
        let node: &Node = document.get("a").unwrap();
        node.at.inside(node.text().unwrap(), line, column).map(|at| (at.line, at.column))
    }

    #[test]
    fn columns_of_the_value_are_columns_of_the_file() {
        assert_eq!(place("a: one two", 1, 5), Some((1, 8)));
        assert_eq!(place("b: 1\na: \"one two\"", 1, 5), Some((2, 9)));
        assert_eq!(place("a: 'it''s two'", 1, 6), Some((1, 11)));
        assert_eq!(place("a: 'it''s'", 1, 5), Some((1, 10)), "behind the last character");
        assert_eq!(place("a: \"\\x41\\u00e9\\\"two\"", 1, 4), Some((1, 17)));
        assert_eq!(place("{\"a\": \"\\ud83d\\ude00two\"}", 1, 2), Some((1, 20)));
        assert_eq!(place("a: é two", 1, 3), Some((1, 6)));
    }

    #[test]
    fn lines_of_a_block_are_lines_of_the_file() {
        assert_eq!(place("b: 1\na: |\n  one\n    two\n", 2, 3), Some((4, 5)));
        assert_eq!(place("a: |-  # why\n\n  one\n", 2, 1), Some((3, 3)));
    }

    #[test]
    fn a_block_may_begin_with_a_quote() {
        assert_eq!(place("a: |-\n  'x' == y\n", 1, 8), Some((2, 10)));
        assert_eq!(place("a:\n  'x'' == y'\n", 1, 8), Some((2, 12)));
    }

    #[test]
    fn folded_lines_have_no_place() {
        assert_eq!(place("a: >\n  one\n  two\n", 1, 5), None);
        assert_eq!(place("a: one\n  two", 1, 5), None);
        assert_eq!(place("a: 'one\n  two'", 1, 6), None);
        assert_eq!(place("a: \"one\n\n  two\"", 2, 1), None);
    }
}
