//! A whole answer: the response of *Converse*.

use callgate_json::{Map, Value, span, splice};

use super::block::{self, Kind};
use super::events;
use crate::blocks::{Content, NAMES_CALLS, NO_CALLS, Start, Write, id, input};
use crate::checks::{add, exact_keys, text};
use crate::{AnswerError, Call, Earlier, Fate, Hold, ShapeError};

/// An answer that was read, and perhaps changed since.
///
/// Numbers that no double holds exactly are tolerated outside of calls: no decision rests on them, and they are passed on as
/// they came. A call's arguments are the very text of its `input`.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Vec<u8>,
    /// Without the turn's content, which [`Answer::content`] has.
    body: Map<String, Value>,
    content: Content,
    edits: Vec<splice::Edit>,
}

/// Members of an answer that are decided on.
const READ_MEMBERS: [&str; 3] = ["output", "stopReason", "usage"];
/// Members that can repeat the model's turn in its own words.
const REPEATS: [&str; 2] = ["additionalModelResponseFields", "trace"];
const WRITE: Write = Write { call: rewritten, text: text_block };

// === impl Answer ===

impl Answer {
    /// Reads an answer to a request that makes the provider run the tools `provided`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no content, a member of a wrong type, a block that was not asked for or
    /// could carry a call unseen, or a call outside of the content.
    pub fn read(provided: &[&str], text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(mut body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        exact_keys(&body, &READ_MEMBERS)?;
        block::no_call_but(&body, "output")?;
        crate::checks::text(&body, "stopReason")?;
        let texts = raw_content(text).map(span::items).unwrap_or_default();
        let mut content = Content::default();
        for (block, raw) in blocks(&body)?.iter().zip(texts) {
            let Value::Object(members) = block else {
                return Err(ShapeError::Type { at: "content[]", expected: "an object" }.into());
            };
            let text = String::from_utf8_lossy(raw).into_owned();
            match block::kind(members, provided)? {
                Kind::Call => {
                    let (call, mended) = read_call(members, &text, content.calls().len())?;
                    content.call(text, mended, call)?;
                }
                Kind::Said => content.say(text),
                Kind::Unknown => content.drop_block(),
            }
        }
        body.shift_remove("output");
        Ok(Answer { text: text.to_vec(), body, content, edits: Vec::new() })
    }

    /// The content, and the answer's members but `output`.
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
        let before = self.content.calls().len();
        if choice != 0 || before == 0 {
            return;
        }
        self.content.settle(fates, hold, &WRITE);
        if self.content.calls().len() < before {
            for member in REPEATS.into_iter().filter(|member| self.body.contains_key(*member)).collect::<Vec<_>>() {
                self.body.shift_remove(member);
                self.edit(member);
            }
        }
        if self.content.calls().is_empty() && self.body.get("stopReason").is_some_and(|reason| reason == NAMES_CALLS) {
            self.body.insert("stopReason".to_owned(), Value::from(NO_CALLS));
            self.edit("stopReason");
        }
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        self.content.said().filter(|_| choice == 0).collect()
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
        edits.extend(self.content.changed().map(|content| {
            let output = span::member(&self.text, "output").unwrap_or_default();
            let message = span::member(output, "message").unwrap_or_default();
            let message = with(message, "content", content);
            splice::Edit { member: "output", text: Some(with(output, "message", message)) }
        }));
        splice::write(&self.text, &self.body, &edits)
    }
}

/// The blocks of `output.message.content`.
fn blocks(body: &Map<String, Value>) -> Result<&[Value], ShapeError> {
    let object = |holder: &Map<String, Value>, key: &'static str| -> Result<(), ShapeError> {
        exact_keys(holder, &[key])?;
        block::no_call_but(holder, key)
    };
    let Some(Value::Object(output)) = body.get("output") else {
        return Err(ShapeError::Type { at: "output", expected: "an object" });
    };
    object(output, "message")?;
    let Some(Value::Object(message)) = output.get("message") else {
        return Err(ShapeError::Type { at: "output.message", expected: "an object" });
    };
    object(message, "content")?;
    text(message, "role")?;
    match message.get("content") {
        Some(Value::Array(content)) => Ok(content),
        _ => Err(ShapeError::Type { at: "output.message.content", expected: "an array" }),
    }
}

fn raw_content(text: &[u8]) -> Option<&[u8]> {
    span::member(span::member(span::member(text, "output")?, "message")?, "content")
}

/// Reads a call, and writes its block again if it lacks an identifier or spells its input as a text.
fn read_call(members: &Map<String, Value>, text: &str, position: usize) -> Result<(Call, Option<String>), ShapeError> {
    let Some(Value::Object(used)) = members.get("toolUse") else {
        return Err(ShapeError::Type { at: "content[].toolUse", expected: "an object" });
    };
    let Start { id: given, name, form, extra, .. } = block::read_use::<&str>(used, &[])?.start;
    let id = id(&given, position);
    let raw_use = span::member(text.as_bytes(), "toolUse").unwrap_or_default();
    let raw = span::member(raw_use, "input");
    let arguments = input(used.get("input"), raw).unwrap_or_else(|| "{}".to_owned());
    let mut edits = Vec::new();
    if given.is_empty() {
        edits.push(splice::Edit { member: "toolUseId", text: Some(Value::from(id.as_str()).to_string()) });
    }
    if !used.get("input").is_some_and(Value::is_object) && raw != Some(arguments.as_bytes()) {
        edits.push(splice::Edit { member: "input", text: Some(arguments.clone()) });
    }
    let mended = (!edits.is_empty()).then(|| {
        let used = String::from_utf8_lossy(&splice::write(raw_use, &Map::new(), &edits)).into_owned();
        with(text.as_bytes(), "toolUse", used)
    });
    Ok((Call { id, name, arguments, form, extra }, mended))
}

fn text_block(text: &str) -> String {
    events::text_block(text).to_string()
}

/// The block of a call, with other arguments where those say something else.
fn rewritten(text: &str, old: &Call, kept: &Call) -> String {
    if old.id != kept.id || old.name != kept.name {
        return events::call_block(kept);
    }
    if span::says(&old.arguments, &kept.arguments) {
        return text.to_owned();
    }
    let used = span::member(text.as_bytes(), "toolUse").unwrap_or_default();
    with(text.as_bytes(), "toolUse", with(used, "input", kept.arguments.clone()))
}

/// A JSON object with another text under a member.
pub(super) fn with(object: &[u8], member: &'static str, text: String) -> String {
    let edit = splice::Edit { member, text: Some(text) };
    String::from_utf8_lossy(&splice::write(object, &Map::new(), &[edit])).into_owned()
}
