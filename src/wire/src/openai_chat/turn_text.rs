//! A turn without its calls: its text, and the members of its message the API wants back.
//!
//! DeepSeek and OpenRouter refuse a further round without the reasoning of the turn before. GitHub Copilot, LiteLLM and Gemini's
//! compatible API keep signatures of thoughts there.

use std::borrow::Cow;

use callgate_json::{Item, Map, Value};

use crate::outlined::holds_something;

/// Members of a message for a further round. None of them can hold a call: a reader refuses a call there.
const KEPT: [&str; 8] = [
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "reasoning_text",
    "reasoning_opaque",
    "thinking_blocks",
    "provider_specific_fields",
    "extra_content",
];
/// Members of an item of a list, in pieces.
const PIECES: [&str; 4] = ["text", "summary", "thinking", "data"];

/// The text and the kept members of one choice so far.
#[derive(Debug, Default)]
pub(super) struct TurnText {
    pub(super) text: String,
    kept: Map<String, Value>,
}

// === impl TurnText ===

impl TurnText {
    /// Reads a whole message.
    pub(super) fn of(message: Item<'_>, text: &str) -> TurnText {
        let kept = kept(message).map(|(key, value)| (key.into_owned(), value.value()));
        TurnText { text: text.to_owned(), kept: kept.collect() }
    }

    /// Adds a delta with the text `text`.
    pub(super) fn add(&mut self, delta: Item<'_>, text: &str) {
        self.text.push_str(text);
        for (key, value) in kept(delta) {
            match (self.kept.get_mut(key.as_ref()), value.value()) {
                (Some(Value::String(text)), Value::String(piece)) => text.push_str(&piece),
                (Some(Value::Array(items)), Value::Array(pieces)) => pieces.iter().for_each(|piece| join(items, piece)),
                (Some(Value::Object(members)), Value::Object(others)) => members.extend(others),
                (None, Value::Array(pieces)) => {
                    let mut items = Vec::new();
                    pieces.iter().for_each(|piece| join(&mut items, piece));
                    self.kept.insert(key.into_owned(), Value::Array(items));
                }
                (_, value) => {
                    self.kept.insert(key.into_owned(), value);
                }
            }
        }
    }

    /// Adds a piece of a text member.
    pub(super) fn add_piece(&mut self, key: &str, piece: &str) {
        match self.kept.get_mut(key) {
            Some(Value::String(text)) => text.push_str(piece),
            _ if piece.is_empty() => {}
            _ => {
                self.kept.insert(key.to_owned(), Value::from(piece));
            }
        }
    }

    /// As [`ChatAnswer::said`](crate::Answer::said): the text, and an object with the members.
    pub(super) fn values(&self) -> Vec<Value> {
        let text = Some(Value::from(self.text.as_str())).filter(|_| !self.text.is_empty());
        let kept = Some(Value::Object(self.kept.clone())).filter(|_| !self.kept.is_empty());
        text.into_iter().chain(kept).collect()
    }
}

/// Returns true if a delta has no kept member but these.
pub(super) fn keeps_only(delta: Item<'_>, members: &[&str]) -> bool {
    kept(delta).all(|(key, _)| members.contains(&key.as_ref()))
}

fn kept(holder: Item<'_>) -> impl Iterator<Item = (Cow<'_, str>, Item<'_>)> {
    holder.members().filter(|(key, value)| KEPT.contains(&key.as_ref()) && holds_something(*value))
}

/// The text of a turn.
pub(super) fn text(said: &[Value]) -> String {
    said.iter().filter_map(Value::as_str).collect()
}

/// The members of a turn.
pub(super) fn members(said: &[Value]) -> Map<String, Value> {
    said.iter().filter_map(Value::as_object).flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Members with signed or encrypted thoughts.
const SIGNED: [&str; 3] = ["thinking_blocks", "reasoning_details", "reasoning_opaque"];

/// Puts the signed thoughts of the `first` round into the message of a further round in place of its own. The client could not send
/// those back: before them stand calls and results that it never sees, and some APIs sign a thought over all before it. Returns false
/// if nothing changes.
pub(super) fn sign_as(message: &mut Map<String, Value>, first: &Map<String, Value>) -> bool {
    let mut changed = false;
    for member in SIGNED {
        let mut items = first.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
        let whole = first.get(member).filter(|value| !value.is_array());
        changed |= message.contains_key(member) || first.contains_key(member);
        if let Some(Value::Array(own)) = message.shift_remove(member) {
            items.extend(own.into_iter().filter(|item| !is_signed(item)));
        }
        if let Some(value) =
            whole.cloned().or(Some(Value::Array(items)).filter(|list| list != &Value::Array(Vec::new())))
        {
            message.insert(member.to_owned(), value);
        }
    }
    changed
}

fn is_signed(item: &Value) -> bool {
    let has = |member: &str| item.get(member).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    has("signature") || has("data")
}

/// Adds an item to a list: the next piece of the item with the same type, index and id, else a new one.
fn join(items: &mut Vec<Value>, piece: &Value) {
    let same = |item: &Value| ["type", "index", "id"].iter().all(|key| item.get(*key) == piece.get(*key));
    let Some((Value::Object(item), Value::Object(piece))) = items.last_mut().filter(|item| same(item)).zip(Some(piece))
    else {
        return items.push(piece.clone());
    };
    for (key, value) in piece.iter().filter(|(_, value)| !value.is_null()) {
        match (item.get_mut(key), value) {
            (Some(Value::String(text)), Value::String(piece)) if PIECES.contains(&key.as_str()) => text.push_str(piece),
            // A signature comes last; it is empty until then.
            (Some(Value::String(_)), Value::String(piece)) if piece.is_empty() => {}
            _ => {
                item.insert(key.clone(), value.clone());
            }
        }
    }
}
