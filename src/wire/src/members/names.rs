//! Lists of names from a request.

use crate::RequestError;

/// The maximum of different names in one list. Far above the needs of requests, it bounds the memory for a stranger's request.
pub(super) const MAX_NAMES: usize = 1024;

/// A list of different names.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameSet(Vec<String>);

// === impl NameSet ===

impl NameSet {
    pub(crate) fn add(&mut self, param: &'static str, name: &str) -> Result<(), RequestError> {
        if self.contains(name) {
            return Ok(());
        }
        if self.0.len() == MAX_NAMES {
            return Err(RequestError::Invalid { param, expected: "a list of at most 1,024 different names" });
        }
        self.0.push(name.to_owned());
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.0.retain(|name| keeps(name));
    }

    /// Takes out the names that fulfil a condition.
    pub(super) fn take(&mut self, is: impl Fn(&str) -> bool) -> NameSet {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|name| is(name));
        self.0 = kept;
        NameSet(taken)
    }
}
