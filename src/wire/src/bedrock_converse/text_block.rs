//! A block of a stream without a call, between its start and its stop: forwarded as it arrives, and kept.
//!
//! Images are not kept: a model does not take its own back.

use callgate_json::template::{Hole, unescaped};
use callgate_json::{Map, Value};
use serde_json::json;

use super::block;
use crate::ShapeError;
use crate::checks::text;
use crate::skeleton::blocks::{BlockEvent, Growth, TextBlock};
use crate::skeleton::fast_path::{FastPath, Holes};

/// The members that may differ between two deltas without a call: a text, and the padding to hide its length.
const HOLES: Holes<3> =
    [(&["delta", "text"], Hole::Text), (&["delta", "reasoningContent", "text"], Hole::Text), (&["p"], Hole::Text)];
const TEXT: usize = 0;
const REASONING: usize = 1;
const DELTA: &str = "contentBlockDelta";

/// A block so far. Most have one piece; a model that reasons and speaks in one block makes two.
#[derive(Debug, Default)]
pub struct ConverseTextBlock {
    pieces: Vec<TextPiece>,
}

#[derive(Debug)]
enum TextPiece {
    Text {
        text: String,
        citations: Vec<Value>,
    },
    Reasoning {
        text: String,
        signature: String,
        redacted: Option<Value>,
    },
    /// A tool of the provider: the start's `toolUse`, and the JSON text of the input.
    Used {
        start: Value,
        input: String,
    },
    /// The tool's result: the start's `toolResult`, and its content.
    Result {
        start: Value,
        content: Vec<Value>,
    },
    Image,
}

/// The kinds of deltas.
const DELTAS: [&str; 6] = ["text", "toolUse", "toolResult", "reasoningContent", "citation", "image"];

// === impl ConverseTextBlock ===

impl ConverseTextBlock {
    /// A block of a tool the provider ran.
    pub(super) fn used(start: &Value) -> ConverseTextBlock {
        ConverseTextBlock { pieces: vec![TextPiece::Used { start: start.clone(), input: String::new() }] }
    }

    /// A block of such a tool's result.
    pub(super) fn result(start: &Value) -> ConverseTextBlock {
        ConverseTextBlock { pieces: vec![TextPiece::Result { start: start.clone(), content: Vec::new() }] }
    }

    /// An image.
    pub(super) fn image() -> ConverseTextBlock {
        ConverseTextBlock { pieces: vec![TextPiece::Image] }
    }

    /// Begins a block from its first delta: texts have no start.
    pub(super) fn implied(delta: &Map<String, Value>) -> Result<ConverseTextBlock, ShapeError> {
        match block::only(delta, &DELTAS)? {
            Some(("toolUse", _)) => Err(ShapeError::StrayCall),
            Some(("toolResult" | "image", _)) => Err(ShapeError::UnknownPart),
            _ => Ok(ConverseTextBlock::default()),
        }
    }

    /// Returns true if the block has no start, so its rest may follow in a further block.
    pub(super) fn may_be_split(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, TextPiece::Text { .. } | TextPiece::Reasoning { .. }))
    }

    /// Adds a delta. A part of a call's input is an error, because this block is not a call.
    fn add(&mut self, delta: &Map<String, Value>) -> Result<Growth, ShapeError> {
        let Some((kind, value)) = block::only(delta, &DELTAS)? else { return Ok(Growth::Nothing) };
        if !DELTAS.contains(&kind) {
            return block::unknown(kind, value).map(|()| Growth::Unknown);
        }
        match (kind, self.pieces.last_mut()) {
            ("toolUse", Some(TextPiece::Used { input, .. })) => {
                let Value::Object(used) = value else {
                    return Err(ShapeError::Type { at: "delta.toolUse", expected: "an object" });
                };
                input.push_str(text(used, "input")?);
                return block::no_call(used).map(|()| Growth::More);
            }
            ("toolUse", _) => return Err(ShapeError::StrayCall),
            ("toolResult", Some(TextPiece::Result { content, .. })) => match value {
                Value::Array(more) => content.extend(more.iter().cloned()),
                _ => return Err(ShapeError::Type { at: "delta.toolResult", expected: "an array" }),
            },
            ("image", Some(TextPiece::Image)) => {}
            ("toolResult" | "image", _)
            | (_, Some(TextPiece::Used { .. } | TextPiece::Result { .. } | TextPiece::Image)) => {
                return Err(ShapeError::UnknownPart);
            }
            ("text", _) => self.say(text(delta, "text")?),
            ("citation", _) => self.cite(value),
            _ => self.reason(value)?,
        }
        block::no_call_in(value)?;
        let is_empty = value == "" || value.as_object().is_some_and(|piece| piece.values().all(|text| text == ""));
        Ok(if is_empty { Growth::Nothing } else { Growth::More })
    }

    /// Adds a text.
    fn say(&mut self, piece: &str) {
        match self.pieces.last_mut() {
            Some(TextPiece::Text { text, .. }) => text.push_str(piece),
            _ => self.pieces.push(TextPiece::Text { text: piece.to_owned(), citations: Vec::new() }),
        }
    }

    fn cite(&mut self, citation: &Value) {
        match self.pieces.last_mut() {
            Some(TextPiece::Text { citations, .. }) => citations.push(citation.clone()),
            _ => self.pieces.push(TextPiece::Text { text: String::new(), citations: vec![citation.clone()] }),
        }
    }

    /// Adds a text of reasoning.
    fn think(&mut self, piece: &str) {
        if let Some(TextPiece::Reasoning { text, .. }) = self.pieces.last_mut() {
            text.push_str(piece);
        } else {
            let (signature, redacted) = (String::new(), None);
            self.pieces.push(TextPiece::Reasoning { text: piece.to_owned(), signature, redacted });
        }
    }

    fn reason(&mut self, delta: &Value) -> Result<(), ShapeError> {
        let Value::Object(delta) = delta else {
            return Err(ShapeError::Type { at: "delta.reasoningContent", expected: "an object" });
        };
        block::only(delta, &["text", "signature", "redactedContent"])?;
        self.think(text(delta, "text")?);
        if let Some(TextPiece::Reasoning { signature, redacted, .. }) = self.pieces.last_mut() {
            signature.push_str(text(delta, "signature")?);
            *redacted = delta.get("redactedContent").filter(|value| !value.is_null()).cloned().or(redacted.take());
        }
        Ok(())
    }
}

impl TextBlock for ConverseTextBlock {
    type FastPath = FastPath<3>;

    fn delta(&mut self, delta: &Map<String, Value>) -> Result<Growth, ShapeError> {
        self.add(delta)
    }

    fn learn(&self, event: &BlockEvent) -> Option<FastPath<3>> {
        let delta = event.delta().ok()?;
        let reasoning = delta.get("reasoningContent").and_then(|delta| delta.get("text")).and_then(Value::as_str);
        let texts = [text(delta, "text").ok()?, reasoning.unwrap_or_default()];
        let learned = FastPath::learn(DELTA, &event.data, &HOLES, &texts);
        learned.filter(|learned| learned.has(TEXT) || learned.has(REASONING))
    }

    fn replay(&mut self, learned: &FastPath<3>, event: Option<&str>, data: &[u8]) -> Option<()> {
        let [text, reasoning, _] = learned.replay(event.unwrap_or_default(), data)?;
        if learned.has(TEXT) {
            self.say(&unescaped(text)?);
        } else {
            self.think(&unescaped(reasoning)?);
        }
        Some(())
    }

    fn is_thought(&self) -> bool {
        matches!(self.pieces.first(), Some(TextPiece::Reasoning { .. }))
    }

    fn whole(&self) -> Vec<Value> {
        self.pieces.iter().filter_map(TextPiece::whole).collect()
    }
}

// === impl TextPiece ===

impl TextPiece {
    fn whole(&self) -> Option<Value> {
        Some(match self {
            TextPiece::Text { text, citations } if citations.is_empty() => json!({ "text": text }),
            TextPiece::Text { text, citations } => {
                json!({ "citationsContent": { "content": [{ "text": text }], "citations": citations } })
            }
            TextPiece::Reasoning { redacted: Some(redacted), .. } => {
                json!({ "reasoningContent": { "redactedContent": redacted } })
            }
            TextPiece::Reasoning { text, signature, .. } if signature.is_empty() => {
                json!({ "reasoningContent": { "reasoningText": { "text": text } } })
            }
            TextPiece::Reasoning { text, signature, .. } => {
                json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature } } })
            }
            TextPiece::Used { start, input } => {
                let input = callgate_json::read_nearest(input.as_bytes()).unwrap_or_else(|_| json!({}));
                json!({ "toolUse": with(start, "input", input) })
            }
            TextPiece::Result { start, content } => {
                json!({ "toolResult": with(start, "content", Value::from(content.clone())) })
            }
            TextPiece::Image => return None,
        })
    }
}

fn with(object: &Value, key: &str, value: Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(members) = &mut object {
        members.insert(key.to_owned(), value);
    }
    object
}
