//! Own patterns: regular expressions that run in linear time.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// The maximum bytes of a compiled pattern.
const MOST_COMPILED: usize = 1 << 20;
/// The maximum bytes of a pattern's text.
const MOST_TEXT: usize = 1024;
/// The fewest bytes of a match.
const LEAST_MATCH: usize = 3;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

/// The fault of a text which is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression, or one with a back-reference or a look-around, which need more than linear time.
    #[error("expected a regular expression without back-references and look-around, which need more than linear time")]
    Syntax,
    /// Its matches may be shorter than three bytes.
    #[error(
        "expected a pattern whose matches have at least {LEAST_MATCH} characters; this one matches almost everywhere"
    )]
    Short,
    /// Too long, or too large when compiled.
    #[error("expected a pattern of at most {MOST_TEXT} bytes and 1 MiB when compiled; use smaller repetitions")]
    Large,
}

// === impl Pattern ===

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The reason why it is not used.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        if text.len() > MOST_TEXT {
            return Err(PatternError::Large);
        }
        let syntax = regex_syntax::parse(text).map_err(|_| PatternError::Syntax)?;
        if syntax.properties().minimum_len().is_none_or(|least| least < LEAST_MATCH) {
            return Err(PatternError::Short);
        }
        let regex = RegexBuilder::new(text).size_limit(MOST_COMPILED).build().map_err(|_| PatternError::Large)?;
        Ok(Pattern { regex })
    }

    /// Returns the matches in the text.
    pub(crate) fn ranges<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.find_iter(text).map(|found| found.range())
    }
}
