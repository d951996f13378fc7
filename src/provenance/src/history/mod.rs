//! The history of a conversation: its texts, calls and results, and the search of values in them.
//!
//! 1. A [`HistoryBuilder`] takes the parts in their order and [links](link) each result to its call.
//! 2. A content is read, and brought into normal form, when the first search needs it.
//! 3. [`History::find`] searches a value once over all parts. Rules about sources ask the [`Finding`].
//!
//! The cost is linear in the bytes of the conversation for each value that is searched.

mod confidential;
mod find;
mod honest;
mod link;

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::sync::Arc;

pub use find::{Finding, ResultSource, Sighting, SightingPlace, ValueSource};
pub use link::HistoryBuilder;

use crate::content::Content;
use crate::output::{ToolOutput, Trust};
use crate::scalars::Scalars;
use confidential::Confidential;
use honest::EntityKey;

/// The author of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The operator: system and developer messages.
    System,
    /// The user.
    User,
    /// The model. Its words are never a source.
    Model,
    /// Somebody else. The text is untrusted.
    Unknown,
}

/// The history of a conversation.
#[derive(Debug, Default)]
pub struct History {
    parts: Vec<HistoryPart>,
    trusts_users: bool,
    is_partial: bool,
    /// The bytes of everything read so far.
    bytes: Cell<usize>,
    honest: OnceCell<HashSet<EntityKey>>,
    confidential: OnceCell<Confidential>,
}

#[derive(Debug)]
struct HistoryPart {
    data: PartData,
    scalars: OnceCell<Scalars>,
}

#[derive(Debug)]
enum PartData {
    Text { speaker: Speaker, text: String },
    Call { tool: String, arguments: String },
    Result { link: Link, content: Content },
}

/// The call of a result.
#[derive(Debug, Clone)]
enum Link {
    /// The only result of a call.
    Call { part: usize, tool: String, output: Option<Arc<ToolOutput>> },
    /// It has no call, or is one of several results of a call.
    None,
}

// === impl History ===

impl History {
    /// Returns true if an outsider may have written a part of the conversation.
    #[must_use]
    pub fn is_tainted(&self) -> bool {
        self.parts.iter().any(|part| self.taints(part))
    }

    /// Returns true if a summary stands in place of earlier parts. What is found in the other parts is there. But nobody can say what
    /// is not in the conversation.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Returns the user's last words: the texts since the model's last one, without those that came with results before it.
    #[must_use]
    pub fn last_user_text(&self) -> String {
        let mut texts = Vec::new();
        for part in self.parts.iter().rev() {
            match &part.data {
                PartData::Text { speaker: Speaker::User, text } => texts.push(text.as_str()),
                PartData::Text { speaker: Speaker::Model, .. } | PartData::Call { .. } if !texts.is_empty() => break,
                _ => {}
            }
        }
        texts.reverse();
        texts.join("\n")
    }

    /// Returns the tools that were called, one for each call.
    pub fn called(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match &part.data {
            PartData::Call { tool, .. } => Some(tool.as_str()),
            PartData::Text { .. } | PartData::Result { .. } => None,
        })
    }

    /// Returns the bytes that it takes, about. They grow with the first searches.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn taints(&self, part: &HistoryPart) -> bool {
        match &part.data {
            PartData::Call { .. } | PartData::Text { speaker: Speaker::System | Speaker::Model, .. } => false,
            PartData::Text { speaker: Speaker::User, text } => !self.trusts_users && !text.trim().is_empty(),
            PartData::Text { speaker: Speaker::Unknown, text } => !text.trim().is_empty(),
            PartData::Result { link, content } => {
                let trusts_all = matches!(link, Link::Call { output: Some(output), .. } if output.trusts_all());
                !trusts_all && (content.is_opaque() || self.scalars(part).has_untrusted())
            }
        }
    }

    /// Returns the scalars of a part. They are read once.
    fn scalars<'h>(&self, part: &'h HistoryPart) -> &'h Scalars {
        part.scalars.get_or_init(|| {
            let scalars = match &part.data {
                PartData::Text { speaker, text } => {
                    let is_trusted = match speaker {
                        Speaker::System => true,
                        Speaker::User => self.trusts_users,
                        Speaker::Model | Speaker::Unknown => false,
                    };
                    Scalars::of_text(text, if is_trusted { Trust::Trusted } else { Trust::Untrusted })
                }
                PartData::Call { arguments, .. } => match callgate_json::read_by_value(arguments.as_bytes()) {
                    Ok(arguments) => Scalars::of_arguments(&arguments),
                    Err(_) => Scalars::of_text(arguments, Trust::Untrusted),
                },
                PartData::Result { link, content } => {
                    let output = match link {
                        Link::Call { output, .. } => output.as_deref(),
                        Link::None => None,
                    };
                    Scalars::of_result(&content.read(output), output)
                }
            };
            self.bytes.set(self.bytes.get().saturating_add(scalars.bytes()));
            scalars
        })
    }
}
