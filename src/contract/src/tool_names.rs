//! Names of tools: exact ones, and globs such as `mcp__github__*` that stand for every name with that beginning.
//!
//! A call goes to the tool of its exact name, else to the glob with the longest beginning. The look-up costs one hash for each
//! length of a beginning, whatever the number of tools.

use crate::model::NameTable;

/// The maximum number of characters of a name.
pub(crate) const LONGEST: usize = 128;

/// The tools by their names.
#[derive(Debug, Default)]
pub(crate) struct ToolNames {
    exact: NameTable<usize>,
    globs: Beginnings,
}

/// Positions by the beginnings of names.
#[derive(Debug, Default)]
struct Beginnings {
    table: NameTable<usize>,
    /// The lengths of the beginnings, longest first.
    lengths: Vec<usize>,
}

/// Returns true for 1 to 128 of `A-Z`, `a-z`, `0-9`, `_`, `-`, `.`, `:` and `/`.
#[must_use]
pub fn is_tool_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Returns the beginning of a glob, and `None` for an exact name.
pub(crate) fn beginning(name: &str) -> Option<&str> {
    name.strip_suffix('*')
}

/// Returns true if some name matches both a pattern, with any number of `*`, and a glob of a tool, and another name matches the
/// glob alone.
pub(crate) fn takes_part_of(pattern: &str, glob: &str) -> bool {
    let Some(beginning) = beginning(glob) else { return false };
    let covers = crate::glob::Glob::new(pattern).matches(glob);
    let (literal, is_open) = pattern.split_once('*').map_or((pattern, false), |(literal, _)| (literal, true));
    !covers && (literal.starts_with(beginning) || is_open && beginning.starts_with(literal))
}

// === impl ToolNames ===

impl ToolNames {
    /// Notes the names in their order. A name with `*` at its end is a glob.
    pub(crate) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut found = Self::default();
        for (position, name) in names.into_iter().enumerate() {
            match beginning(name) {
                Some(beginning) => found.globs.insert(beginning, position),
                None => drop(found.exact.insert(name.to_owned(), position)),
            }
        }
        found
    }

    /// Returns the position of the tool that decides calls of a name.
    pub(crate) fn of_call(&self, name: &str) -> Option<usize> {
        let of_glob = || if is_tool_name(name) { self.globs.longest(name, name.len()) } else { None };
        self.exact.get(name).copied().or_else(of_glob)
    }

    /// Returns the position of the tool with this name or glob, as the contract writes it.
    pub(crate) fn as_written(&self, name: &str) -> Option<usize> {
        match beginning(name) {
            Some(beginning) => self.globs.table.get(beginning).copied(),
            None => self.exact.get(name).copied(),
        }
    }

    /// Returns the position of the tool that decides the calls of a name, or of all names of a glob but those of longer names.
    pub(crate) fn deciding(&self, name: &str) -> Option<usize> {
        match beginning(name) {
            Some(beginning) => self.globs.longest(beginning, beginning.len()),
            None => self.of_call(name),
        }
    }
}

// === impl Beginnings ===

impl Beginnings {
    fn insert(&mut self, beginning: &str, position: usize) {
        self.table.insert(beginning.to_owned(), position);
        let place = self.lengths.binary_search_by(|length| beginning.len().cmp(length));
        if let Err(place) = place {
            self.lengths.insert(place, beginning.len());
        }
    }

    /// Returns the position of the longest beginning of a name with at most `most` bytes.
    fn longest(&self, name: &str, most: usize) -> Option<usize> {
        let lengths = self.lengths.iter().filter(|length| **length <= most);
        lengths.filter_map(|length| name.get(..*length)).find_map(|beginning| self.table.get(beginning).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_wins_and_then_the_longest_beginning() {
        let names = ToolNames::new(["mcp__*", "mcp__github__*", "mcp__github__get_me", "read"]);
        for (name, position) in [
            ("read", Some(3)),
            ("reader", None),
            ("mcp__github__get_me", Some(2)),
            ("mcp__github__get_me2", Some(1)),
            ("mcp__github__", Some(1)),
            ("mcp__time__now", Some(0)),
            ("mcp__", Some(0)),
            ("mcp_", None),
            ("mcp__github__*", None),
            ("mcp__github__a b", None),
            ("mcp__\u{e9}", None),
            ("", None),
        ] {
            assert_eq!(names.of_call(name), position, "{name}");
        }
        assert_eq!(names.of_call(&format!("mcp__{}", "a".repeat(123))), Some(0));
        assert_eq!(names.of_call(&format!("mcp__{}", "a".repeat(124))), None, "names are bounded");
        assert_eq!(names.as_written("mcp__github__*"), Some(1));
        assert_eq!(names.as_written("mcp__g*"), None);
        assert_eq!(names.deciding("mcp__g*"), Some(0));
        assert_eq!(names.deciding("mcp__github__get_*"), Some(1));
    }

    #[test]
    fn a_pattern_takes_part_of_a_glob_unless_it_covers_it() {
        for (pattern, glob, is_part) in [
            ("mcp__*", "mcp__github__*", false),
            ("*", "mcp__*", false),
            ("mcp__github__*", "mcp__github__*", false),
            ("mcp__github__get_*", "mcp__github__*", true),
            ("mcp__github__get_me", "mcp__github__*", true),
            ("*_delete", "mcp__*", true),
            ("mcp__*_delete", "mcp__github__*", true),
            ("read*", "mcp__*", false),
            ("read", "read", false),
        ] {
            assert_eq!(takes_part_of(pattern, glob), is_part, "{pattern} of {glob}");
        }
    }
}
