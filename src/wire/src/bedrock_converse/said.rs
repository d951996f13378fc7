//! A block of a stream that is no call, between its start and its stop: it goes on as it comes, and what it comes to is kept.
//!
//! Not kept are images: a model does not take its own back.

use callgate_json::template::{Hole, Template, unescaped};
use callgate_json::{Map, Value};
use serde_json::json;

use super::block;
use crate::ShapeError;
use crate::blocks::{Event, Said as Block, Taken};
use crate::checks::text;
use crate::framing::Frame;

/// A delta that carried a text and nothing else.
#[derive(Debug)]
pub enum Plain {
    /// Text.
    Text(Template<2>),
    /// Reasoning.
    Thought(Template<2>),
}

/// The parts that may differ between two deltas without a call: a text, and the padding that hides its length.
const TEXT: [(&[&str], Hole); 2] = [(&["delta", "text"], Hole::Text), PADDING];
const THOUGHT: [(&[&str], Hole); 2] = [(&["delta", "reasoningContent", "text"], Hole::Text), PADDING];
const PADDING: (&[&str], Hole) = (&["p"], Hole::Text);

/// A block so far. Most are of one piece; a model that reasons and speaks in one block makes two.
#[derive(Debug, Default)]
pub struct Said {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
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
    /// What it gave: the start's `toolResult`, and its content.
    Result {
        start: Value,
        content: Vec<Value>,
    },
    Image,
}

/// What a delta can be.
const DELTAS: [&str; 6] = ["text", "toolUse", "toolResult", "reasoningContent", "citation", "image"];

// === impl Said ===

impl Said {
    /// A block of a tool that the provider ran.
    pub(super) fn used(start: &Value) -> Said {
        Said { pieces: vec![Piece::Used { start: start.clone(), input: String::new() }] }
    }

    /// A block of what such a tool gave.
    pub(super) fn result(start: &Value) -> Said {
        Said { pieces: vec![Piece::Result { start: start.clone(), content: Vec::new() }] }
    }

    /// An image.
    pub(super) fn image() -> Said {
        Said { pieces: vec![Piece::Image] }
    }

    /// Begins a block from its first delta: texts have no start.
    pub(super) fn implied(delta: &Map<String, Value>) -> Result<Said, ShapeError> {
        match block::only(delta, &DELTAS)? {
            Some(("toolUse", _)) => Err(ShapeError::StrayCall),
            Some(("toolResult" | "image", _)) => Err(ShapeError::UnknownPart),
            _ => Ok(Said::default()),
        }
    }

    /// Returns `true` if the block has no start, so that what remains of it may follow in a further block.
    pub(super) fn may_be_split(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text { .. } | Piece::Reasoning { .. }))
    }

    /// Adds a delta. A part of a call's input is an error, because this block is not a call.
    fn add(&mut self, delta: &Map<String, Value>) -> Result<Taken, ShapeError> {
        let Some((kind, value)) = block::only(delta, &DELTAS)? else { return Ok(Taken::Nothing) };
        if !DELTAS.contains(&kind) {
            return block::unknown(kind, value).map(|()| Taken::Unknown);
        }
        match (kind, self.pieces.last_mut()) {
            ("toolUse", Some(Piece::Used { input, .. })) => {
                let Value::Object(used) = value else {
                    return Err(ShapeError::Type { at: "delta.toolUse", expected: "an object" });
                };
                input.push_str(text(used, "input")?);
                return block::no_call(used).map(|()| Taken::More);
            }
            ("toolUse", _) => return Err(ShapeError::StrayCall),
            ("toolResult", Some(Piece::Result { content, .. })) => match value {
                Value::Array(more) => content.extend(more.iter().cloned()),
                _ => return Err(ShapeError::Type { at: "delta.toolResult", expected: "an array" }),
            },
            ("image", Some(Piece::Image)) => {}
            ("toolResult" | "image", _) | (_, Some(Piece::Used { .. } | Piece::Result { .. } | Piece::Image)) => {
                return Err(ShapeError::UnknownPart);
            }
            ("text", _) => self.say(text(delta, "text")?),
            ("citation", _) => self.cite(value),
            _ => self.reason(value)?,
        }
        block::no_call_in(value)?;
        let is_empty = value == "" || value.as_object().is_some_and(|piece| piece.values().all(|text| text == ""));
        Ok(if is_empty { Taken::Nothing } else { Taken::More })
    }

    /// Adds a text.
    fn say(&mut self, piece: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text { text, .. }) => text.push_str(piece),
            _ => self.pieces.push(Piece::Text { text: piece.to_owned(), citations: Vec::new() }),
        }
    }

    fn cite(&mut self, citation: &Value) {
        match self.pieces.last_mut() {
            Some(Piece::Text { citations, .. }) => citations.push(citation.clone()),
            _ => self.pieces.push(Piece::Text { text: String::new(), citations: vec![citation.clone()] }),
        }
    }

    /// Adds a text of reasoning.
    fn think(&mut self, piece: &str) {
        if let Some(Piece::Reasoning { text, .. }) = self.pieces.last_mut() {
            text.push_str(piece);
        } else {
            let (signature, redacted) = (String::new(), None);
            self.pieces.push(Piece::Reasoning { text: piece.to_owned(), signature, redacted });
        }
    }

    fn reason(&mut self, delta: &Value) -> Result<(), ShapeError> {
        let Value::Object(delta) = delta else {
            return Err(ShapeError::Type { at: "delta.reasoningContent", expected: "an object" });
        };
        block::only(delta, &["text", "signature", "redactedContent"])?;
        self.think(text(delta, "text")?);
        if let Some(Piece::Reasoning { signature, redacted, .. }) = self.pieces.last_mut() {
            signature.push_str(text(delta, "signature")?);
            *redacted = delta.get("redactedContent").filter(|value| !value.is_null()).cloned().or(redacted.take());
        }
        Ok(())
    }
}

impl Block for Said {
    type Plain = Plain;

    fn delta(&mut self, delta: &Map<String, Value>) -> Result<Taken, ShapeError> {
        self.add(delta)
    }

    fn learn(&self, event: &Event) -> Option<Plain> {
        let learn = |holes| Template::learn(&event.data, holes).filter(|template| template.has(0));
        learn(&TEXT).map(Plain::Text).or_else(|| learn(&THOUGHT).map(Plain::Thought))
    }

    fn fill(&mut self, plain: &Plain, frame: &Frame) -> Option<()> {
        let is_delta = frame.event.as_deref() == Some("contentBlockDelta");
        let data = frame.data.as_deref().filter(|_| is_delta)?;
        match plain {
            Plain::Text(template) => self.say(&unescaped(template.fill(data)?[0])?),
            Plain::Thought(template) => self.think(&unescaped(template.fill(data)?[0])?),
        }
        Some(())
    }

    fn whole(&self) -> Vec<Value> {
        self.pieces.iter().filter_map(Piece::whole).collect()
    }
}

// === impl Piece ===

impl Piece {
    fn whole(&self) -> Option<Value> {
        Some(match self {
            Piece::Text { text, citations } if citations.is_empty() => json!({ "text": text }),
            Piece::Text { text, citations } => {
                json!({ "citationsContent": { "content": [{ "text": text }], "citations": citations } })
            }
            Piece::Reasoning { redacted: Some(redacted), .. } => {
                json!({ "reasoningContent": { "redactedContent": redacted } })
            }
            Piece::Reasoning { text, signature, .. } if signature.is_empty() => {
                json!({ "reasoningContent": { "reasoningText": { "text": text } } })
            }
            Piece::Reasoning { text, signature, .. } => {
                json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature } } })
            }
            Piece::Used { start, input } => {
                let input = callgate_json::read_nearest(input.as_bytes()).unwrap_or_else(|_| json!({}));
                json!({ "toolUse": with(start, "input", input) })
            }
            Piece::Result { start, content } => {
                json!({ "toolResult": with(start, "content", Value::from(content.clone())) })
            }
            Piece::Image => return None,
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
