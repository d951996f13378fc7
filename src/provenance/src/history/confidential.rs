//! Confidential values in arguments: entities, and runs of words.
//!
//! A run has five words with a letter in each. Words of digits stand for nothing: a date with a time has five of them. A long number is an
//! [entity](crate::entities).

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::honest::{EntityKey, key};
use super::{History, PartData, Speaker};
use crate::{entities, normal};

/// The words in a row that are a copy.
const WORDS: usize = 5;

/// The entities and runs of words of confidential values that the user did not write.
#[derive(Debug, Default)]
pub(super) struct Confidential {
    entities: HashSet<EntityKey>,
    runs: HashSet<u64>,
}

// === impl History ===

impl History {
    /// Returns true if texts that leave the organisation hold something confidential that the user did not write: an entity, or five
    /// words in a row. The words may be split over the texts.
    #[must_use]
    pub fn leaks(&self, texts: &[&str]) -> bool {
        let confidential = self.confidential();
        if confidential.entities.is_empty() && confidential.runs.is_empty() {
            return false;
        }
        let all = texts.iter().map(|text| normal(text)).collect::<Vec<_>>();
        let has_entity = |text: &String| entities(text).iter().any(|one| confidential.entities.contains(&key(one)));
        all.iter().any(has_entity) || runs(&all.join(" ")).iter().any(|run| confidential.runs.contains(run))
    }

    fn confidential(&self) -> &Confidential {
        self.confidential.get_or_init(|| {
            let mut found = Confidential::default();
            let mut written = Confidential::default();
            for part in &self.parts {
                match &part.data {
                    PartData::Text { speaker: Speaker::User, text } => written.add(&normal(text)),
                    PartData::Result { .. } => {
                        let scalars = self.scalars(part);
                        for item in scalars.items().iter().filter(|item| item.is_confidential) {
                            found.add(scalars.text_of(item));
                        }
                    }
                    PartData::Text { .. } | PartData::Call { .. } => {}
                }
            }
            found.entities.retain(|entity| !written.entities.contains(entity));
            found.runs.retain(|run| !written.runs.contains(run));
            let bytes = found.runs.len().saturating_mul(16).saturating_add(found.entities.len().saturating_mul(96));
            self.bytes.set(self.bytes.get().saturating_add(bytes));
            found
        })
    }
}

// === impl Confidential ===

impl Confidential {
    fn add(&mut self, text: &str) {
        self.entities.extend(entities(text).iter().map(key));
        self.runs.extend(runs(text));
    }
}

/// Returns the hashes of all runs of words in a text in normal form. Words without a letter are left out, so digits between the words of a
/// copy do not break it.
fn runs(text: &str) -> Vec<u64> {
    let words: Vec<&str> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.contains(char::is_alphabetic))
        .collect();
    let hash = |run: &[&str]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    words.windows(WORDS).map(hash).collect()
}
