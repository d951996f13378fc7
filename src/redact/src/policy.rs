//! The policy on what tools return and people write: size, refusal, redaction, exemptions.

use callgate_provenance::Place;

use crate::counts::RedactionCounter;
use crate::json::JsonRedaction;
use crate::redactor::Redactor;

/// A compiled policy.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The rules.
    pub redactor: Redactor,
    /// The maximum bytes of one result, before redaction. Texts of a list of blocks count together, as JSON.
    pub max_bytes: Option<u64>,
    /// Places of results that stay as they are.
    pub exempt: Vec<Exemption>,
    /// True if the policy holds for the text of users too.
    pub users: bool,
}

/// Places of a tool's results that stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// The name of the tool.
    pub tool: String,
    /// The place in its results, with everything in it.
    pub at: Place,
}

/// The reason for refusing a text. It has nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The result is too large.
    #[error("the result has more than {most} bytes")]
    TooLarge {
        /// The maximum, in bytes.
        most: u64,
    },
    /// The text matches a pattern of `deny`.
    #[error("the text matches `deny` number {}", index + 1)]
    Denied {
        /// The pattern, counted from 0.
        index: usize,
    },
}

/// The members of content blocks with words of an API.
pub const BLOCK_WORDS: [&str; 12] = [
    "type",
    "id",
    "call_id",
    "tool_use_id",
    "role",
    "status",
    "mime_type",
    "mimeType",
    "media_type",
    "format",
    "signature",
    "encrypted_content",
];

// === impl Policy ===

impl Policy {
    /// Returns true if the policy asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.redactor.is_empty() && self.max_bytes.is_none()
    }

    /// Refuses a result that is too large. `bytes` is its length.
    ///
    /// # Errors
    /// [`Refused::TooLarge`].
    pub fn check_size(&self, bytes: usize) -> Result<(), Refused> {
        match self.max_bytes {
            Some(most) if u64::try_from(bytes).unwrap_or(u64::MAX) > most => Err(Refused::TooLarge { most }),
            _ => Ok(()),
        }
    }

    /// Redacts the text of a result of a tool: as JSON if it is a JSON array or object, as text otherwise. Returns `None` if nothing
    /// changes.
    ///
    /// # Errors
    /// [`Refused::Denied`].
    pub fn result_text(
        &self,
        tool: Option<&str>,
        text: &str,
        counter: &RedactionCounter,
    ) -> Result<Option<String>, Refused> {
        let exempt = self.exempt(tool);
        JsonRedaction::new(&self.redactor, counter, &exempt, &[]).string(text, "")
    }

    /// Redacts a result that is JSON. The text was checked. Returns `None` if nothing changes.
    ///
    /// # Errors
    /// [`Refused::Denied`].
    pub fn result_json(
        &self,
        tool: Option<&str>,
        json: &str,
        counter: &RedactionCounter,
    ) -> Result<Option<String>, Refused> {
        let exempt = self.exempt(tool);
        JsonRedaction::new(&self.redactor, counter, &exempt, &[]).value(json)
    }

    /// Redacts a content block of an API. The text was checked. The words of the API stay.
    ///
    /// # Errors
    /// [`Refused::Denied`].
    pub fn block(&self, json: &str, counter: &RedactionCounter) -> Result<Option<String>, Refused> {
        JsonRedaction::new(&self.redactor, counter, &[], &BLOCK_WORDS).value(json)
    }

    /// Redacts a text without exemptions. Returns `None` if nothing changes.
    ///
    /// # Errors
    /// [`Refused::Denied`].
    pub fn text(&self, text: &str, counter: &RedactionCounter) -> Result<Option<String>, Refused> {
        JsonRedaction::new(&self.redactor, counter, &[], &[]).string(text, "")
    }

    fn exempt(&self, tool: Option<&str>) -> Vec<&Place> {
        let Some(tool) = tool else { return Vec::new() };
        self.exempt.iter().filter(|exemption| exemption.tool == tool).map(|exemption| &exemption.at).collect()
    }
}
