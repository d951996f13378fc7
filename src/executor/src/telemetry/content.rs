//! The texts of calls in spans: redacted by the contract's rules, then cut.
//!
//! 1. A direction that the configuration does not list gives nothing.
//! 2. A text of over 256 KiB gives nothing: redaction takes time in proportion, on the executor's threads.
//! 3. The contract's `results` redacts it. A text that the contract refuses gives nothing.
//! 4. It is cut at the configured size, after redaction, so that no half of a redacted value remains.

use callgate_contract::Contract;
use callgate_redact::{Policy, RedactionCounter, Refused};

use super::settings::ContentSettings;

/// The maximum bytes of a text that is looked at.
const LOOKED_AT: usize = 256 << 10;
/// Ends a cut text.
const CUT: &str = "…";

/// Decides on the texts in spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content(ContentSettings);

// === impl Content ===

impl Content {
    pub(super) fn new(settings: ContentSettings) -> Self {
        Self(settings)
    }

    /// Returns a call's arguments for its span. The contract's exemptions are for results, so none applies.
    pub(super) fn arguments(&self, contract: &Contract, text: &str) -> Option<String> {
        if !self.0.arguments {
            return None;
        }
        self.shown(contract, text, |policy, counter| policy.text(text, counter))
    }

    /// Returns a call's result for its span.
    pub(super) fn result(&self, contract: &Contract, tool: &str, text: &str) -> Option<String> {
        if !self.0.results {
            return None;
        }
        self.shown(contract, text, |policy, counter| {
            policy.check_size(text.len())?;
            policy.result_text(Some(tool), text, counter)
        })
    }

    fn shown(
        &self,
        contract: &Contract,
        text: &str,
        redact: impl FnOnce(&Policy, &RedactionCounter) -> Result<Option<String>, Refused>,
    ) -> Option<String> {
        if text.len() > LOOKED_AT {
            return None;
        }
        let redacted = match contract.results() {
            Some(policy) => redact(policy, &RedactionCounter::default()).ok()?,
            None => None,
        };
        Some(cut(redacted.as_deref().unwrap_or(text), self.0.max_bytes))
    }
}

/// Cuts a text to `most` bytes, its mark included.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(CUT.len()));
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for (text, most, shown) in
            [("short", 5, "short"), ("longer", 5, "lo…"), ("aé", 3, "aé"), ("aéé", 4, "a…"), ("ééééé", 8, "éé…")]
        {
            let found = cut(text, most);
            assert_eq!(found, shown);
            assert!(found.len() <= most);
        }
    }
}
