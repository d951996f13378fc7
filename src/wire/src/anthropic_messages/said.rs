//! A block of a stream without a call: what it amounts to when all its deltas have arrived.

use callgate_json::template::{Hole, Template, unescaped};
use callgate_json::{Map, Value};
use serde_json::json;

use super::block::{self, Kind};
use super::stream::unpadded;
use crate::ShapeError;
use crate::blocks::{Event, Said as Block, Taken};
use crate::checks::{exact_keys, text};
use crate::framing::Frame;
use crate::unknown;

/// A block without a call.
#[derive(Debug)]
pub struct Said {
    kind: Kind,
    block: Map<String, Value>,
    /// The pieces added up: text, thought, or the JSON text of an input.
    pieces: String,
}

// === impl Said ===

impl Said {
    pub(super) fn new(kind: Kind, block: Map<String, Value>) -> Said {
        Said { kind, block, pieces: String::new() }
    }

    /// Begins a block of which only deltas arrive.
    pub(super) fn implied(delta: &Map<String, Value>) -> Result<Said, ShapeError> {
        let (kind, start) = match text(delta, "type")? {
            "text_delta" | "citations_delta" => (Kind::Text, text_start()),
            "thinking_delta" | "signature_delta" => (Kind::Thinking, thinking_start()),
            "input_json_delta" => return Err(ShapeError::StrayCall),
            _ => return Err(ShapeError::UnknownPart),
        };
        Ok(Said::new(kind, start.as_object().cloned().unwrap_or_default()))
    }

    /// The block as a start without any text, if its deltas may follow in a further block.
    pub(super) fn start(&self) -> Option<Value> {
        match self.kind {
            Kind::Text => Some(text_start()),
            Kind::Thinking => Some(thinking_start()),
            Kind::Call | Kind::Provided | Kind::Compaction | Kind::Whole | Kind::Unknown => None,
        }
    }

    /// The member of a delta that is a text and nothing but added up.
    fn added_up(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Text => Some("text"),
            Kind::Thinking => Some("thinking"),
            Kind::Call | Kind::Provided | Kind::Compaction | Kind::Whole | Kind::Unknown => None,
        }
    }

    /// Adds a piece of that member.
    fn add(&mut self, piece: &str) -> Taken {
        self.pieces.push_str(piece);
        if piece.is_empty() { Taken::Nothing } else { Taken::More }
    }

    fn take(&mut self, delta: &Map<String, Value>, keys: &[&str]) -> Taken {
        let mut taken = Taken::Nothing;
        for (key, value) in keys.iter().filter_map(|key| Some((*key, delta.get(*key)?))) {
            self.block.insert(key.to_owned(), value.clone());
            if !value.is_null() && value != "" {
                taken = Taken::More;
            }
        }
        taken
    }
}

impl Block for Said {
    type Plain = Template<1>;

    /// Takes a delta. One whose kind does not fit the block is ignored, as the official SDKs do.
    fn delta(&mut self, delta: &Map<String, Value>) -> Result<Taken, ShapeError> {
        exact_keys(delta, &block::DELTA_MEMBERS)?;
        block::no_call(delta)?;
        Ok(match (self.kind, text(delta, "type")?) {
            (Kind::Text, "text_delta") => self.add(text(delta, "text")?),
            (Kind::Text, "citations_delta") => {
                let citation = delta.get("citation").cloned().unwrap_or_default();
                match self.block.get_mut("citations") {
                    Some(Value::Array(citations)) => citations.push(citation),
                    _ => drop(self.block.insert("citations".to_owned(), Value::Array(vec![citation]))),
                }
                Taken::More
            }
            (Kind::Thinking, "thinking_delta") => self.add(text(delta, "thinking")?),
            (Kind::Thinking, "signature_delta") => self.take(delta, &["signature"]),
            (Kind::Provided, "input_json_delta") => self.add(text(delta, "partial_json")?),
            (Kind::Compaction, "compaction_delta") => self.take(delta, &["content", "encrypted_content"]),
            (_, "input_json_delta") => return Err(ShapeError::StrayCall),
            (_, kind) => {
                unknown::no_part_of_call(kind, delta)?;
                Taken::Unknown
            }
        })
    }

    /// Learns from a delta of the block's own kind: one of another may have such a member, too, which is not added up.
    fn learn(&self, event: &Event) -> Option<Template<1>> {
        let member = self.added_up()?;
        let kind = event.delta().ok()?.get("type")?.as_str()?;
        if kind.strip_suffix("_delta") != Some(member) {
            return None;
        }
        Template::learn(unpadded(&event.data)?, &[(&["delta", member], Hole::Text)]).filter(|template| template.has(0))
    }

    fn fill(&mut self, plain: &Template<1>, frame: &Frame) -> Option<()> {
        let named = frame.event.as_deref().is_none_or(|name| name == "content_block_delta");
        let data = frame.data.as_deref().filter(|_| named)?;
        let [piece] = plain.fill(unpadded(data)?)?;
        self.add(&unescaped(piece)?);
        Some(())
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
