//! Names with `*`: any run of characters, the empty one included. No other character is special.

use wildmatch::WildMatchPattern;

/// wildmatch needs a sign for "any one character". NUL serves, because no name holds one.
type Pattern = WildMatchPattern<'*', '\0'>;

/// A pattern over names.
#[derive(Clone, Debug)]
pub(crate) struct Glob(Pattern);

// === impl Glob ===

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(Pattern::new(pattern))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}
