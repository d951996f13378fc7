//! A block of a stream without a call: the sum of its deltas.

use callgate_json::template::{Hole, unescaped};
use callgate_json::{Map, Value};
use serde_json::json;

use super::block::{self, MessagesBlock};
use super::stream::unpadded;
use crate::ShapeError;
use crate::checks::{exact_keys, text};
use crate::skeleton::blocks::{BlockEvent, Growth, TextBlock};
use crate::skeleton::fast_path::{FastPath, Holes};
use crate::unknown;

const DELTA: &str = "content_block_delta";

/// A block without a call.
#[derive(Debug)]
pub struct MessagesTextBlock {
    kind: MessagesBlock,
    block: Map<String, Value>,
    /// The pieces added up: text, thought, or the JSON text of an input.
    pieces: String,
}

// === impl MessagesTextBlock ===

impl MessagesTextBlock {
    pub(super) fn new(kind: MessagesBlock, block: Map<String, Value>) -> MessagesTextBlock {
        MessagesTextBlock { kind, block, pieces: String::new() }
    }

    /// Begins a block of which only deltas arrive.
    pub(super) fn implied(delta: &Map<String, Value>) -> Result<MessagesTextBlock, ShapeError> {
        let (kind, start) = match text(delta, "type")? {
            "text_delta" | "citations_delta" => (MessagesBlock::Text, text_start()),
            "thinking_delta" | "signature_delta" => (MessagesBlock::Thinking, thinking_start()),
            "input_json_delta" => return Err(ShapeError::StrayCall),
            _ => return Err(ShapeError::UnknownPart),
        };
        Ok(MessagesTextBlock::new(kind, start.as_object().cloned().unwrap_or_default()))
    }

    /// The block as a start without any text, if its deltas may follow in a further block.
    pub(super) fn start(&self) -> Option<Value> {
        match self.kind {
            MessagesBlock::Text => Some(text_start()),
            MessagesBlock::Thinking => Some(thinking_start()),
            MessagesBlock::Call
            | MessagesBlock::Provided
            | MessagesBlock::Compaction
            | MessagesBlock::Whole
            | MessagesBlock::Unknown => None,
        }
    }

    /// The member of a delta whose text is only added up.
    fn added_up(&self) -> Option<&'static str> {
        match self.kind {
            MessagesBlock::Text => Some("text"),
            MessagesBlock::Thinking => Some("thinking"),
            MessagesBlock::Call
            | MessagesBlock::Provided
            | MessagesBlock::Compaction
            | MessagesBlock::Whole
            | MessagesBlock::Unknown => None,
        }
    }

    /// Adds a piece to the sum.
    fn add(&mut self, piece: &str) -> Growth {
        self.pieces.push_str(piece);
        if piece.is_empty() { Growth::Nothing } else { Growth::More }
    }

    fn take(&mut self, delta: &Map<String, Value>, keys: &[&str]) -> Growth {
        let mut taken = Growth::Nothing;
        for (key, value) in keys.iter().filter_map(|key| Some((*key, delta.get(*key)?))) {
            self.block.insert(key.to_owned(), value.clone());
            if !value.is_null() && value != "" {
                taken = Growth::More;
            }
        }
        taken
    }
}

impl TextBlock for MessagesTextBlock {
    type FastPath = FastPath<1>;

    /// Takes a delta. One whose kind does not fit the block is ignored, as the official SDKs do.
    fn delta(&mut self, delta: &Map<String, Value>) -> Result<Growth, ShapeError> {
        exact_keys(delta, &block::DELTA_MEMBERS)?;
        block::no_call(delta)?;
        Ok(match (self.kind, text(delta, "type")?) {
            (MessagesBlock::Text, "text_delta") => self.add(text(delta, "text")?),
            (MessagesBlock::Text, "citations_delta") => {
                let citation = delta.get("citation").cloned().unwrap_or_default();
                match self.block.get_mut("citations") {
                    Some(Value::Array(citations)) => citations.push(citation),
                    _ => drop(self.block.insert("citations".to_owned(), Value::Array(vec![citation]))),
                }
                Growth::More
            }
            (MessagesBlock::Thinking, "thinking_delta") => self.add(text(delta, "thinking")?),
            (MessagesBlock::Thinking, "signature_delta") => self.take(delta, &["signature"]),
            (MessagesBlock::Provided, "input_json_delta") => self.add(text(delta, "partial_json")?),
            (MessagesBlock::Compaction, "compaction_delta") => self.take(delta, &["content", "encrypted_content"]),
            (_, "input_json_delta") => return Err(ShapeError::StrayCall),
            (_, kind) => {
                unknown::no_part_of_call(kind, delta)?;
                Growth::Unknown
            }
        })
    }

    /// Learns from a delta of the block's own kind: a delta of another kind may have such a member too, which is not added up.
    fn learn(&self, event: &BlockEvent) -> Option<FastPath<1>> {
        let member = self.added_up()?;
        let delta = event.delta().ok()?;
        if text(delta, "type").ok()?.strip_suffix("_delta") != Some(member) {
            return None;
        }
        let holes: Holes<1> =
            [(if member == "text" { &["delta", "text"] } else { &["delta", "thinking"] }, Hole::Text)];
        let learned = FastPath::learn(DELTA, unpadded(&event.data)?, &holes, &[text(delta, member).ok()?]);
        learned.filter(|learned| learned.has(0))
    }

    fn replay(&mut self, learned: &FastPath<1>, event: Option<&str>, data: &[u8]) -> Option<()> {
        let [piece] = learned.replay(event.unwrap_or(DELTA), unpadded(data)?)?;
        self.add(&unescaped(piece)?);
        Some(())
    }

    fn is_thought(&self) -> bool {
        self.block.get("type").and_then(Value::as_str).is_some_and(is_kind_of_thought)
    }

    fn whole(&self) -> Vec<Value> {
        let mut block = self.block.clone();
        if let Some(member) = self.added_up() {
            let before = block.get(member).and_then(Value::as_str).unwrap_or_default();
            let whole = Value::from(format!("{before}{}", self.pieces));
            block.insert(member.to_owned(), whole);
        } else if !self.pieces.is_empty()
            && let Ok(input) = callgate_json::read_nearest(self.pieces.as_bytes())
        {
            block.insert("input".to_owned(), input);
        }
        Some(Value::Object(block)).filter(says_something).into_iter().collect()
    }
}

/// Returns true for a thought of the model, in words or encrypted.
pub(super) fn is_thought(block: &Value) -> bool {
    block.get("type").and_then(Value::as_str).is_some_and(is_kind_of_thought)
}

fn is_kind_of_thought(kind: &str) -> bool {
    matches!(kind, "thinking" | "redacted_thinking")
}

/// Returns `true` if the API takes a block back: it refuses empty texts and empty thoughts.
pub(super) fn says_something(block: &Value) -> bool {
    let is = |key: &str, text: &str| block.get(key).is_some_and(|value| value == text);
    let lacks = |key: &str| block.get(key).is_none_or(|value| value.is_null() || value == "");
    !(is("type", "text") && is("text", "") || is("type", "thinking") && lacks("thinking") && lacks("signature"))
}

fn text_start() -> Value {
    json!({ "type": "text", "text": "" })
}

fn thinking_start() -> Value {
    json!({ "type": "thinking", "thinking": "", "signature": "" })
}
