//! The output of a turn: calls, texts of ours, and the breaks between texts.
//!
//! Clients join the texts of all parts, so a text of ours gets a break before and after it. Of parallel calls only the first
//! carries the signature of the thought behind them, and the API refuses a conversation if the first call of a turn has none. If
//! that call is not released, the next one takes its signature over.

use callgate_json::{Map, Value};
use serde_json::json;

use super::message::{BESIDE, RawCall};
use super::pieces::Pieces;
use crate::checks::MAX_CALLS;
use crate::{Call, CallResult, Form, ShapeError};

const SIGNATURE: &str = "thoughtSignature";
/// Members of [`Call::extra`] beside the part's: the call came with an id; the signature of the call before it.
const WITH_ID: &str = "id";
const SIGNED_BEFORE: &str = "signedBefore";
/// The most bytes of signatures the calls of a turn may take over. A real one has a few thousand.
const MOST_TAKEN_OVER: usize = 1 << 20;

/// Reads calls of a turn, in order.
#[derive(Debug, Default)]
pub(super) struct CallReader {
    count: u32,
    signature: Option<Value>,
    /// The bytes of signatures for calls to take over.
    taken_over: usize,
    /// The call of which more follows.
    open: Option<OpenCall>,
    /// A call came in pieces.
    had_pieces: bool,
}

/// A call in pieces.
#[derive(Debug)]
struct OpenCall {
    position: u32,
    call: Call,
    pieces: Pieces,
}

/// The output of a turn so far, as far as later parts depend on it.
#[derive(Debug, Default)]
pub(super) struct WrittenTurn {
    shown: Shown,
    called: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Shown {
    #[default]
    Nothing,
    /// Text of the model.
    Text,
    /// Text of ours.
    Notice,
}

// === impl CallReader ===

impl CallReader {
    /// Returns the next call and its position. A call without an id is named after its position.
    ///
    /// # Errors
    /// [`ShapeError::TooMany`] if there are more than a turn can have.
    pub(super) fn read(&mut self, raw: &RawCall<'_>) -> Result<(u32, Call), ShapeError> {
        let position = self.count;
        if usize::try_from(position).is_ok_and(|position| position >= MAX_CALLS) {
            return Err(ShapeError::TooMany);
        }
        self.count = position.saturating_add(1);
        let beside = raw.part.iter().filter(|(key, value)| BESIDE.contains(&key.as_str()) && !value.is_null());
        let mut extra: Map<String, Value> = beside.map(|(key, value)| (key.clone(), value.clone())).collect();
        match extra.get(SIGNATURE) {
            Some(signature) => self.signature = Some(signature.clone()),
            None => extra.extend(self.signature_before().map(|signature| (SIGNED_BEFORE.to_owned(), signature))),
        }
        if !raw.id.is_empty() {
            extra.insert(WITH_ID.to_owned(), Value::Bool(true));
        }
        let id = if raw.id.is_empty() { format!("call_{position}") } else { raw.id.to_owned() };
        let (name, arguments) = (raw.name.to_owned(), raw.args.to_owned());
        Ok((position, Call { id, name, arguments, extra, ..Call::default() }))
    }

    /// Reads a call of a stream, which may come in pieces. Returns the whole call once it has ended.
    ///
    /// # Errors
    /// [`ShapeError`] as in [`CallReader::read`], for a piece of no call, and for a call that begins within another.
    pub(super) fn read_piece(&mut self, raw: &RawCall<'_>) -> Result<Option<(u32, Call)>, ShapeError> {
        let mut open = match self.open.take() {
            // An end after the end.
            None if self.had_pieces && raw.is_empty() => return Ok(None),
            None if !raw.is_piece() => return self.read(raw).map(Some),
            None if raw.name.is_empty() => {
                return Err(ShapeError::Type { at: "functionCall", expected: "begun with its name" });
            }
            None => {
                let (position, call) = self.read(raw)?;
                OpenCall { position, call, pieces: Pieces::default() }
            }
            Some(open) if open.is_continued_by(raw) => open,
            Some(_) => return Err(ShapeError::Type { at: "functionCall", expected: "ended before the next begins" }),
        };
        if let Some(signature) = raw.part.get(SIGNATURE).filter(|signature| !signature.is_null()) {
            self.signature = Some(signature.clone());
            open.call.extra.insert(SIGNATURE.to_owned(), signature.clone());
            open.call.extra.shift_remove(SIGNED_BEFORE);
        }
        raw.pieces.map_or(Ok(()), |pieces| open.pieces.add(pieces))?;
        self.had_pieces = true;
        if raw.goes_on {
            self.open = Some(open);
            return Ok(None);
        }
        Ok(Some(open.end(true)))
    }

    /// Returns the call that has not ended, at the end of the stream. Its arguments are no JSON.
    pub(super) fn unfinished(&mut self) -> Option<(u32, Call)> {
        self.open.take().map(|open| open.end(false))
    }

    /// Returns the bytes of the pieces so far.
    pub(super) fn held(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.pieces.bytes())
    }

    /// The signature of an earlier call for one without, unless the turn has copied too much already.
    fn signature_before(&mut self) -> Option<Value> {
        let length = self.signature.as_ref()?.as_str().map_or(0, str::len);
        self.taken_over = self.taken_over.saturating_add(length);
        self.signature.clone().filter(|_| self.taken_over <= MOST_TAKEN_OVER)
    }

    pub(super) fn any(&self) -> bool {
        self.count > 0
    }
}

// === impl OpenCall ===

impl OpenCall {
    fn is_continued_by(&self, raw: &RawCall<'_>) -> bool {
        let same = |text: &str, own: &str| text.is_empty() || text == own;
        same(raw.name, &self.call.name) && same(raw.id, &self.call.id) && raw.args == "{}"
    }

    fn end(self, is_over: bool) -> (u32, Call) {
        let form = if self.pieces.is_unclear() { Form::Unclear } else { self.call.form };
        (self.position, Call { arguments: self.pieces.into_text(is_over), form, ..self.call })
    }
}

// === impl WrittenTurn ===

impl WrittenTurn {
    /// Notes a part of the model; whether a break belongs before it, if it `shows` text.
    pub(super) fn text(&mut self, shows: bool) -> bool {
        shows && std::mem::replace(&mut self.shown, Shown::Text) == Shown::Notice
    }

    /// A part with a text of ours.
    pub(super) fn notice(&mut self, text: &str) -> Value {
        let between = if self.shown == Shown::Nothing { "" } else { "\n\n" };
        self.shown = Shown::Notice;
        json!({ "text": format!("{between}{text}") })
    }

    /// A part with a call.
    pub(super) fn call(&mut self, call: &Call) -> Value {
        let first = !std::mem::replace(&mut self.called, true);
        let mut function = Map::new();
        if has_id(call) {
            function.insert("id".to_owned(), Value::from(call.id.as_str()));
        }
        function.insert("name".to_owned(), Value::from(call.name.as_str()));
        let args = callgate_json::read(call.arguments.as_bytes()).ok().filter(Value::is_object);
        function.insert("args".to_owned(), args.unwrap_or_else(|| json!({})));
        let mut part = Map::new();
        part.insert("functionCall".to_owned(), Value::Object(function));
        part.extend(call.extra.iter().filter(|(key, _)| BESIDE.contains(&key.as_str())).map(owned));
        if first && let Some(signature) = call.extra.get(SIGNED_BEFORE) {
            part.insert(SIGNATURE.to_owned(), signature.clone());
        }
        Value::Object(part)
    }

    /// Notes a call with its own part. Returns false if it cannot keep the part, because it takes a signature over.
    pub(super) fn call_as_it_is(&mut self, call: &Call) -> bool {
        let takes_over = !self.called && call.extra.contains_key(SIGNED_BEFORE);
        self.called |= !takes_over;
        !takes_over
    }

    /// Returns true if it shows text.
    pub(super) fn shows(&self) -> bool {
        self.shown != Shown::Nothing
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Returns true if a call came with its id; else the id is ours and is not written.
fn has_id(call: &Call) -> bool {
    call.extra.contains_key(WITH_ID)
}

/// A part with the result of a call. `response` is an object by the API's reference: another result is wrapped.
pub(super) fn response(result: &CallResult) -> Value {
    let content = callgate_json::read(result.content.as_bytes());
    let content = content.unwrap_or_else(|_| Value::from(result.content.as_str()));
    let response = match content {
        Value::Object(members) if !result.failed || members.contains_key("error") => Value::Object(members),
        other if result.failed => json!({ "error": other }),
        other => json!({ "result": other }),
    };
    let mut function = Map::new();
    if has_id(&result.call) {
        function.insert("id".to_owned(), Value::from(result.call.id.as_str()));
    }
    function.insert("name".to_owned(), Value::from(result.call.name.as_str()));
    function.insert("response".to_owned(), response);
    json!({ "functionResponse": function })
}

/// A part that begins a new paragraph.
pub(super) fn paragraph_break() -> Value {
    json!({ "text": "\n\n" })
}

/// Returns true if a part of an answer is a call.
pub(super) fn is_call(part: &Value) -> bool {
    part.get("functionCall").is_some_and(|call| !call.is_null())
}

/// The text a part of an answer shows.
pub(super) fn shown(part: &Value) -> &str {
    if part.get("thought") == Some(&Value::Bool(true)) {
        return "";
    }
    part.get("text").and_then(Value::as_str).unwrap_or_default()
}

/// Appends the parts of a later turn. A break stands before its first text if there was text.
pub(super) fn append(parts: &mut Vec<Value>, after_text: bool, later: Vec<Value>) {
    let mut wanted = after_text;
    for part in later {
        if wanted && !shown(&part).is_empty() {
            parts.push(paragraph_break());
            wanted = false;
        }
        parts.push(part);
    }
}

/// Appends a part to the turn. Texts of one kind in a row become one.
pub(super) fn join(said: &mut Vec<Value>, part: &Value) {
    let kind = |part: &Value| {
        let members = part.as_object()?;
        let plain = members.keys().all(|key| key == "text" || key == "thought");
        (plain && members.get("text").is_some_and(Value::is_string)).then(|| members.get("thought").cloned())
    };
    if let Some(last) = said.last_mut()
        && kind(part).is_some()
        && kind(last) == kind(part)
        && let (Some(Value::String(before)), Some(text)) = (last.get_mut("text"), part.get("text"))
    {
        before.push_str(text.as_str().unwrap_or_default());
        return;
    }
    said.push(part.clone());
}
