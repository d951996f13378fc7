//! Text events on the fast path.
//!
//! Servers count tokens in every event, and the last count is the turn's, so counts are read too: those that may differ are holes
//! and replace the counts before. All other members of `usageMetadata` are the same bytes.

use callgate_json::Value;
use callgate_json::template::{Hole, unescaped};

use super::message::{Candidate, Part, is_blank};
use crate::ChoiceIndex;
use crate::skeleton::fast_path::{FastPath, Holes};

const USAGE: &str = "usageMetadata";
/// Counts that grow from event to event.
const COUNTS: [&str; 4] = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"];
const HOLES: Holes<5> = [
    (&["candidates", "0", "content", "parts", "0", "text"], Hole::Text),
    (&[USAGE, COUNTS[0]], Hole::Number),
    (&[USAGE, COUNTS[1]], Hole::Number),
    (&[USAGE, COUNTS[2]], Hole::Number),
    (&[USAGE, COUNTS[3]], Hole::Number),
];

/// An event with one piece of text of one candidate, and no more.
#[derive(Debug)]
pub(super) struct TextEvent {
    pub(super) choice: ChoiceIndex,
    learned: FastPath<5>,
}

/// The news of such an event.
pub(super) struct TextNews<'d> {
    pub(super) text: String,
    /// Empty if the event has no such count, or has it in bytes that may not differ.
    counts: [&'d str; 4],
}

// === impl TextEvent ===

impl TextEvent {
    /// Learns from an event of this one candidate with unchanged bytes. Its part has nothing beside its text: only the texts of
    /// such parts are joined.
    pub(super) fn learn(data: &[u8], candidate: &Candidate<'_>) -> Option<TextEvent> {
        let [Part::Said { value: part, .. }] = candidate.parts.as_slice() else { return None };
        let is_text = part.as_object()?.keys().all(|key| key == "text" || key == "thought") && !is_blank(part);
        let text = part.get("text").and_then(Value::as_str)?;
        if !candidate.finish.is_empty() || !is_text {
            return None;
        }
        Some(TextEvent { choice: candidate.index, learned: FastPath::learn("", data, &HOLES, &[text])? })
    }

    /// Reads another event; `None` if it does not fit.
    pub(super) fn replay<'d>(&self, data: &'d [u8]) -> Option<TextNews<'d>> {
        let [text, counts @ ..] = self.learned.replay("", data)?;
        Some(TextNews { text: unescaped(text)?.into_owned(), counts })
    }
}

// === impl TextNews ===

impl TextNews<'_> {
    /// Puts the counts into the usage of the event before it.
    pub(super) fn count(&self, usage: &mut Value) {
        for (key, count) in COUNTS.iter().zip(self.counts) {
            if let (Some(known), Ok(count)) = (usage.get_mut(key), count.parse::<u64>()) {
                *known = Value::from(count);
            }
        }
    }
}
