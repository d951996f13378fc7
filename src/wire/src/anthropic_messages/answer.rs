//! A whole answer: the *message object*.

use callgate_json::{Map, Value, span, splice};
use serde_json::json;

use super::block::{self, Kind};
use super::said::says_something;
use crate::blocks::{Content, NAMES_CALLS, NO_CALLS, Start, Write, id, input};
use crate::checks::{add, exact_keys};
use crate::{AnswerError, Call, Earlier, Fate, Hold, ShapeError};

/// An answer that was read, and perhaps changed since.
///
/// Numbers that no double holds exactly are tolerated outside of calls: no decision rests on them, and they are passed on as
/// they came. A call's arguments are the very text of its `input`.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Vec<u8>,
    body: Map<String, Value>,
    content: Content,
    edits: Vec<splice::Edit>,
}

/// Members of an answer that are decided on.
const READ_MEMBERS: [&str; 4] = ["type", "content", "stop_reason", "usage"];
const WRITE: Write = Write { call: rewritten, text: text_block };

// === impl Answer ===

impl Answer {
    /// Reads an answer to a request that makes the provider run the tools `provided`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no `content`, a member of a wrong type, a block that was not asked for
    /// or could carry a call unseen, or a call outside of `content`.
    pub fn read(provided: &[&str], text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        exact_keys(&body, &READ_MEMBERS)?;
        if body.get("type").is_some_and(|kind| kind != "message") {
            return Err(ShapeError::Type { at: "type", expected: "`message`" }.into());
        }
        block::no_call_but(&body, "content")?;
        crate::checks::text(&body, "stop_reason")?;
        let Some(Value::Array(blocks)) = body.get("content") else {
            return Err(ShapeError::Type { at: "content", expected: "an array" }.into());
        };
        let raws = span::items(span::member(text, "content").unwrap_or_default());
        let mut content = Content::default();
        for (value, raw) in blocks.iter().zip(raws) {
            let Value::Object(members) = value else {
                return Err(ShapeError::Type { at: "content[]", expected: "an object" }.into());
            };
            let text = String::from_utf8_lossy(raw).into_owned();
            match block::kind(members, provided)? {
                Kind::Call => {
                    let (call, mended) = read_call(members, &text, content.calls().len())?;
                    content.call(text, mended, call)?;
                }
                Kind::Unknown => content.drop_block(),
                Kind::Text | Kind::Thinking | Kind::Provided | Kind::Compaction | Kind::Whole => content.say(text),
            }
        }
        Ok(Answer { text: text.to_vec(), body, content, edits: Vec::new() })
    }

    /// The content, and the message's other members.
    pub(super) fn into_parts(self) -> (Content, Map<String, Value>) {
        (self.content, self.body)
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Answer for Answer {
    fn calls(&self) -> Vec<&[Call]> {
        vec![self.content.calls()]
    }

    fn settle(&mut self, choice: usize, fates: Vec<Fate>, hold: Hold) {
        if choice != 0 || self.content.calls().is_empty() {
            return;
        }
        self.content.settle(fates, hold, &WRITE);
        if self.content.calls().is_empty() && self.body.get("stop_reason").is_some_and(|reason| reason == NAMES_CALLS) {
            self.body.insert("stop_reason".to_owned(), Value::from(NO_CALLS));
            self.edit("stop_reason");
        }
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        self.content.said().filter(|block| choice == 0 && says_something(block)).collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        self.content.prepend(earlier);
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()).filter(|usage| usage.is_object()) {
            add(self.body.entry("usage").or_insert(Value::Null), usage);
            self.edit("usage");
        }
    }

    fn usage(&self) -> Option<&Value> {
        self.body.get("usage").filter(|usage| usage.is_object())
    }

    fn write(&self) -> Vec<u8> {
        let mut edits = self.edits.clone();
        edits.extend(self.content.changed().map(|text| splice::Edit { member: "content", text: Some(text) }));
        splice::write(&self.text, &self.body, &edits)
    }
}

/// Reads a call, and writes its block again if it lacks an identifier or spells its input as a text.
fn read_call(members: &Map<String, Value>, text: &str, position: usize) -> Result<(Call, Option<String>), ShapeError> {
    let Start { id: given, name, form, extra, .. } = block::named(members)?;
    let id = id(&given, position);
    let raw = span::member(text.as_bytes(), "input");
    let arguments = input(members.get("input"), raw).unwrap_or_else(|| "{}".to_owned());
    let mut edits = Vec::new();
    if given.is_empty() {
        edits.push(splice::Edit { member: "id", text: Some(Value::from(id.as_str()).to_string()) });
    }
    if !members.get("input").is_some_and(Value::is_object) && raw != Some(arguments.as_bytes()) {
        edits.push(splice::Edit { member: "input", text: Some(arguments.clone()) });
    }
    let mended = (!edits.is_empty())
        .then(|| String::from_utf8_lossy(&splice::write(text.as_bytes(), &Map::new(), &edits)).into_owned());
    Ok((Call { id, name, arguments, form, extra }, mended))
}

fn text_block(text: &str) -> String {
    json!({ "type": "text", "text": text }).to_string()
}

/// The block of a call, with other arguments where they differ.
fn rewritten(text: &str, old: &Call, kept: &Call) -> String {
    if old == kept {
        return text.to_owned();
    }
    if old.id != kept.id || old.name != kept.name {
        return new_block(kept);
    }
    let edit = splice::Edit { member: "input", text: Some(kept.arguments.clone()) };
    String::from_utf8_lossy(&splice::write(text.as_bytes(), &Map::new(), &[edit])).into_owned()
}

/// A call as a block of `content`. Arguments that are not JSON are left out.
pub(super) fn new_block(call: &Call) -> String {
    let mut members = Map::new();
    members.insert("type".to_owned(), Value::from(NAMES_CALLS));
    members.insert("id".to_owned(), Value::from(call.id.as_str()));
    members.insert("name".to_owned(), Value::from(call.name.as_str()));
    members.insert("input".to_owned(), Value::Null);
    members.extend(call.extra.clone());
    let text = Value::Object(members.clone()).to_string();
    let is_json = callgate_json::read_nearest(call.arguments.as_bytes()).is_ok();
    let input = if is_json { call.arguments.clone() } else { "{}".to_owned() };
    let edit = splice::Edit { member: "input", text: Some(input) };
    String::from_utf8_lossy(&splice::write(text.as_bytes(), &members, &[edit])).into_owned()
}
