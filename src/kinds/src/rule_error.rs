//! The fault of an entry of a rule.

/// An entry that has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct RuleError {
    /// The position of the entry, counted from 0.
    pub entry: usize,
    /// The problem, as a sentence.
    pub problem: String,
}

// === impl RuleError ===

impl RuleError {
    /// Reads every entry, and tells the position of the first one that cannot be read.
    pub(crate) fn each<T>(entries: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Self> {
        let read = |(entry, text): (usize, &String)| read(text).map_err(|problem| Self { entry, problem });
        entries.iter().enumerate().map(read).collect()
    }
}
