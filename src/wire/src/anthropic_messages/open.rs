//! A block of a stream between its start and its stop.

use callgate_json::{Map, Value};

use super::block::{self, Kind};
use crate::shape::text;
use crate::{Delta, Form, ShapeError, raw};

/// A block that is no call: it goes on as it comes, and what it comes to is kept.
#[derive(Debug)]
pub(super) struct Said {
    kind: Kind,
    block: Map<String, Value>,
    /// What is added up: text, thought, or the JSON text of an input.
    pieces: String,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Called {
    slot: u32,
    /// The JSON text of an input that came whole with the start.
    whole: Option<String>,
    /// Whether a piece of an input came.
    pieces: bool,
}

// === impl Said ===

impl Said {
    pub(super) fn new(kind: Kind, block: Map<String, Value>) -> Said {
        Said { kind, block, pieces: String::new() }
    }

    /// The member of a delta that is a text and nothing but added up.
    pub(super) fn added_up(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Text => Some("text"),
            Kind::Thinking => Some("thinking"),
            Kind::Call | Kind::Provided | Kind::Compaction | Kind::Whole => None,
        }
    }

    /// Adds a piece of that member.
    pub(super) fn add(&mut self, piece: &str) {
        self.pieces.push_str(piece);
    }

    /// Takes a delta, which must be of a kind that fits the block.
    pub(super) fn delta(&mut self, delta: &Map<String, Value>) -> Result<(), ShapeError> {
        match (self.kind, text(delta, "type")?) {
            (Kind::Text, "text_delta") => self.add(text(delta, "text")?),
            (Kind::Text, "citations_delta") => {
                let citation = delta.get("citation").cloned().unwrap_or_default();
                match self.block.get_mut("citations") {
                    Some(Value::Array(citations)) => citations.push(citation),
                    _ => drop(self.block.insert("citations".to_owned(), Value::Array(vec![citation]))),
                }
            }
            (Kind::Thinking, "thinking_delta") => self.add(text(delta, "thinking")?),
            (Kind::Thinking, "signature_delta") => self.take(delta, "signature"),
            (Kind::Provided, "input_json_delta") => self.add(text(delta, "partial_json")?),
            (Kind::Compaction, "compaction_delta") => {
                self.take(delta, "content");
                self.take(delta, "encrypted_content");
            }
            (_, "input_json_delta") => return Err(ShapeError::StrayCall),
            _ => return Err(ShapeError::UnknownPart),
        }
        Ok(())
    }

    fn take(&mut self, delta: &Map<String, Value>, key: &str) {
        if let Some(value) = delta.get(key) {
            self.block.insert(key.to_owned(), value.clone());
        }
    }

    /// The block as a whole answer would have it.
    pub(super) fn whole(mut self) -> Value {
        if let Some(member) = self.added_up() {
            let before = self.block.get(member).and_then(Value::as_str).unwrap_or_default();
            let whole = Value::from(format!("{before}{}", self.pieces));
            self.block.insert(member.to_owned(), whole);
        } else if !self.pieces.is_empty()
            && let Ok(input) = callgate_json::read_nearest(self.pieces.as_bytes())
        {
            self.block.insert("input".to_owned(), input);
        }
        Value::Object(self.block)
    }
}

// === impl Called ===

impl Called {
    /// Begins a call from the block of its start; `raw` is the block's text.
    pub(super) fn start(slot: u32, members: &Map<String, Value>, raw: &[u8]) -> Result<(Called, Delta), ShapeError> {
        let named = block::named(members)?;
        let whole = match members.get("input") {
            None | Some(Value::Null) => None,
            Some(Value::Object(input)) if input.is_empty() => None,
            Some(Value::Object(_)) => {
                raw::member(raw, "input").map(|input| String::from_utf8_lossy(input).into_owned())
            }
            Some(_) => return Err(ShapeError::Type { at: "content_block.input", expected: "an object" }),
        };
        let delta = Delta::Fragment {
            choice: 0,
            slot,
            id: named.id.to_owned(),
            name: named.name.to_owned(),
            arguments: String::new(),
            form: Form::Tool,
            extra: named.extra(),
        };
        Ok((Called { slot, whole, pieces: false }, delta))
    }

    /// Takes a delta. An input that came whole and comes in pieces too could be read in two ways.
    pub(super) fn delta(&mut self, delta: &Map<String, Value>) -> Result<Option<Delta>, ShapeError> {
        if text(delta, "type")? != "input_json_delta" {
            return Err(ShapeError::UnknownPart);
        }
        let piece = text(delta, "partial_json")?;
        if piece.is_empty() {
            return Ok(None);
        }
        if self.whole.is_some() {
            return Err(ShapeError::StrayCall);
        }
        self.pieces = true;
        Ok(Some(self.arguments(piece.to_owned())))
    }

    /// The end of the call. No pieces at all are a call without arguments.
    pub(super) fn stop(mut self) -> Vec<Delta> {
        let end = Delta::CallEnd { choice: 0, slot: self.slot };
        if self.pieces {
            return vec![end];
        }
        let arguments = self.whole.take().unwrap_or_else(|| "{}".to_owned());
        vec![self.arguments(arguments), end]
    }

    fn arguments(&self, arguments: String) -> Delta {
        Delta::Fragment {
            choice: 0,
            slot: self.slot,
            id: String::new(),
            name: String::new(),
            arguments,
            form: Form::Tool,
            extra: Map::new(),
        }
    }
}
