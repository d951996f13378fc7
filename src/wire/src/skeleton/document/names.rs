//! The rules of APIs for names of tools.
//!
//! Sources: the API references of each provider, for the names of functions. Imitating servers take more.

/// A rule for names: letters and digits of ASCII, and some signs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameRule {
    /// The maximum number of bytes.
    pub(crate) longest: usize,
    /// The signs beside letters and digits.
    pub(crate) beside: &'static [u8],
    /// The first character is a letter or `_`.
    pub(crate) begins_plain: bool,
}

// === impl NameRule ===

impl NameRule {
    pub(crate) fn accepts(&self, name: &str) -> bool {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || self.beside.contains(&byte);
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        (1..=self.longest).contains(&name.len()) && name.bytes().all(is_known) && (begins || !self.begins_plain)
    }
}
