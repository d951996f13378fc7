//! The files of policies.

use std::path::Path;

use crate::error::PolicyError;
use crate::message::{FileTexts, PolicyFile, PolicyText};
use crate::place::{find_outside_comments, place};
use crate::settings::{Language, PolicyFact, PolicySettings};

/// The most bytes of a policy's file.
pub const FILE_BYTES: u64 = 1 << 20;

/// The reader of policies' files. It returns at most [`FILE_BYTES`] of text, or the reason for a person.
pub struct PolicyFiles<'a>(Box<ReadFile<'a>>);

/// Reads a file, or says why not.
type ReadFile<'a> = dyn Fn(&Path) -> Result<String, String> + 'a;

// === impl PolicyFiles ===

impl<'a> PolicyFiles<'a> {
    /// Wraps a function that reads a file.
    pub fn new(read: impl Fn(&Path) -> Result<String, String> + 'a) -> Self {
        Self(Box::new(read))
    }

    /// Reads the files of one policy.
    pub(crate) fn source(&self, settings: &PolicySettings) -> Result<PolicyText, PolicyError> {
        let PolicySettings { name, language, timeout, facts } = settings;
        let read = |path: &Path| -> Result<PolicyFile, PolicyError> {
            let text = (self.0)(path).map_err(|reason| PolicyError::unreadable(name, path, reason))?;
            Ok(PolicyFile { path: path.display().to_string(), text })
        };
        let text = match language {
            Language::Rego { file, allow, data } => {
                let (module, data) = (read(file)?, data.as_deref().map(read).transpose()?);
                FileTexts::Rego { module, allow: allow.clone(), data }
            }
            Language::Cedar { file, entities } => {
                FileTexts::Cedar { policies: read(file)?, entities: entities.as_deref().map(read).transpose()? }
            }
        };
        let (file, root, comment) = match &text {
            FileTexts::Rego { module, .. } => (module, "input", "#"),
            FileTexts::Cedar { policies, .. } => (policies, "context", "//"),
        };
        for fact in PolicyFact::ALL.into_iter().filter(|fact| !facts.contains(fact)) {
            let words = [format!("{root}.{fact}"), format!("{root}[\"{fact}\""), format!("{root} has {fact}")];
            if let Some(offset) = find_outside_comments(&file.text, comment, &words) {
                return Err(PolicyError::Invalid {
                    policy: name.clone(),
                    at: place(&file.path, &file.text, offset),
                    reason: format!("`{root}.{fact}` is read; add `{fact}` to the policy's `facts`"),
                });
            }
        }
        let timeout_millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Ok(PolicyText { name: name.clone(), text, timeout_millis })
    }
}
