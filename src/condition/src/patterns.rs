//! Compiled patterns, shared by the conditions that use the same text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::Regex;

/// Compiled patterns by their texts. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Patterns(Arc<Mutex<HashMap<String, Arc<Regex>>>>);

// === impl Patterns ===

impl Patterns {
    /// Forgets every pattern. Conditions keep their own.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns a pattern that was compiled before, or compiles it.
    pub(crate) fn get(
        &self,
        text: &str,
        compile: impl FnOnce() -> Result<Regex, regex::Error>,
    ) -> Result<Arc<Regex>, regex::Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pattern) = known.get(text) {
            return Ok(Arc::clone(pattern));
        }
        let pattern = Arc::new(compile()?);
        known.insert(text.to_owned(), Arc::clone(&pattern));
        Ok(pattern)
    }
}
