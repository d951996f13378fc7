//! A whole answer: the *message object*.

use callgate_json::{Map, Value};
use serde_json::json;

use super::block::{self, Kind};
use crate::shape::{MAX_CALLS, add, exact_keys};
use crate::{AnswerError, Call, Earlier, Fate, Form, Hold, ShapeError, raw, splice};

/// An answer that was read, and perhaps changed since.
///
/// Numbers that no double holds exactly are tolerated outside of calls: no decision rests on them, and they are passed on as
/// they came. A call's arguments are the very text of its `input`.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Vec<u8>,
    body: Map<String, Value>,
    blocks: Vec<Block>,
    /// The calls among the blocks.
    calls: Vec<Call>,
    edits: Vec<splice::Edit>,
}

/// One block of `content`, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Said(String),
    Call(String),
}

/// What a block says.
pub(super) enum Told<'a> {
    Said(Value),
    Call(&'a Call),
}

/// Members of an answer that are decided on.
const READ_MEMBERS: [&str; 4] = ["type", "content", "stop_reason", "usage"];

// === impl Answer ===

impl Answer {
    /// Reads an answer to a request that makes the provider run the tools `provided`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no `content`, a member of a wrong type, a block of a kind that is not
    /// known or was not asked for, or a call outside of `content`.
    pub fn read(provided: &[&str], text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        exact_keys(&body, &READ_MEMBERS)?;
        if body.get("type").is_some_and(|kind| kind != "message") {
            return Err(ShapeError::Type { at: "type", expected: "`message`" }.into());
        }
        block::no_call_but(&body, "content")?;
        crate::shape::text(&body, "stop_reason")?;
        let Some(Value::Array(content)) = body.get("content") else {
            return Err(ShapeError::Type { at: "content", expected: "an array" }.into());
        };
        let raws = raw::items(raw::member(text, "content").unwrap_or_default());
        let (mut blocks, mut calls) = (Vec::with_capacity(raws.len()), Vec::new());
        for (value, raw) in content.iter().zip(raws) {
            let Value::Object(members) = value else {
                return Err(ShapeError::Type { at: "content[]", expected: "an object" }.into());
            };
            let text = String::from_utf8_lossy(raw).into_owned();
            if block::kind(members, provided)? == Kind::Call {
                calls.push(read_call(members, raw)?);
                blocks.push(Block::Call(text));
            } else {
                blocks.push(Block::Said(text));
            }
        }
        if calls.len() > MAX_CALLS {
            return Err(ShapeError::TooMany.into());
        }
        Ok(Answer { text: text.to_vec(), body, blocks, calls, edits: Vec::new() })
    }

    /// The message's members. Its `content` is as it was read.
    pub(super) fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// What the blocks say, in order.
    pub(super) fn told(&self) -> impl Iterator<Item = Told<'_>> {
        let mut calls = self.calls.iter();
        self.blocks.iter().filter_map(move |block| match block {
            Block::Said(text) => Some(Told::Said(value(text))),
            Block::Call(_) => calls.next().map(Told::Call),
        })
    }

    fn set_blocks(&mut self, blocks: Vec<Block>) {
        if blocks == self.blocks {
            return;
        }
        self.blocks = blocks;
        let texts: Vec<&str> = self.blocks.iter().map(Block::text).collect();
        let text = Some(format!("[{}]", texts.join(",")));
        self.edits.retain(|edit| edit.member != "content");
        self.edits.push(splice::Edit { member: "content", text });
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Answer for Answer {
    fn calls(&self) -> Vec<&[Call]> {
        vec![&self.calls]
    }

    /// Where calls were held to the end of the turn, they and what replaces them come after all else.
    fn settle(&mut self, choice: usize, fates: Vec<Fate>, hold: Hold) {
        if choice != 0 || self.calls.is_empty() {
            return;
        }
        let (mut blocks, mut last) = (Vec::with_capacity(self.blocks.len()), Vec::new());
        let mut settled = std::mem::take(&mut self.calls).into_iter().zip(fates);
        for old in &self.blocks {
            match old {
                Block::Said(_) => blocks.push(old.clone()),
                Block::Call(text) => {
                    let Some((call, fate)) = settled.next() else { continue };
                    let block = match fate {
                        Fate::Keep(kept) => {
                            let block = Block::Call(rewritten(text, &call, &kept));
                            self.calls.push(kept);
                            block
                        }
                        Fate::Tell(notice) => Block::Said(json!({ "type": "text", "text": notice }).to_string()),
                    };
                    match hold {
                        Hold::Call => blocks.push(block),
                        Hold::Turn => last.push(block),
                    }
                }
            }
        }
        blocks.extend(last);
        self.set_blocks(blocks);
        if self.calls.is_empty() && self.body.get("stop_reason").is_some_and(|reason| reason == NAMES_CALLS) {
            self.body.insert("stop_reason".to_owned(), Value::from(NO_CALLS));
            self.edit("stop_reason");
        }
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        let said = self.blocks.iter().filter_map(|block| match block {
            Block::Said(text) => Some(value(text)),
            Block::Call(_) => None,
        });
        said.filter(|block| choice == 0 && says_something(block)).collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        let before = earlier.iter().flat_map(|turn| &turn.said).map(|block| Block::Said(block.to_string()));
        let blocks = before.chain(self.blocks.iter().cloned()).collect();
        self.set_blocks(blocks);
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()).filter(|usage| usage.is_object()) {
            add(self.body.entry("usage").or_insert(Value::Null), usage);
            self.edit("usage");
        }
    }

    fn usage(&self) -> Option<&Value> {
        self.body.get("usage").filter(|usage| usage.is_object())
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

// === impl Block ===

impl Block {
    fn text(&self) -> &str {
        let (Block::Said(text) | Block::Call(text)) = self;
        text
    }
}

/// The reason for which a turn ends that ended in calls, and in none.
pub(super) const NAMES_CALLS: &str = "tool_use";
pub(super) const NO_CALLS: &str = "end_turn";

/// Whether the API takes a block back: it refuses texts that are empty.
pub(super) fn says_something(block: &Value) -> bool {
    let is = |key: &str, text: &str| block.get(key).is_some_and(|value| value == text);
    !(is("type", "text") && is("text", ""))
}

fn read_call(members: &Map<String, Value>, raw: &[u8]) -> Result<Call, ShapeError> {
    let named = block::named(members)?;
    let input = raw::member(raw, "input").ok_or(ShapeError::Type { at: "content[].input", expected: "an object" })?;
    Ok(Call {
        id: named.id.to_owned(),
        name: named.name.to_owned(),
        arguments: String::from_utf8_lossy(input).into_owned(),
        form: Form::Tool,
        extra: named.extra(),
    })
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

/// A call as a block of `content`. Its arguments are JSON.
pub(super) fn new_block(call: &Call) -> String {
    let mut members = Map::new();
    members.insert("type".to_owned(), Value::from(NAMES_CALLS));
    members.insert("id".to_owned(), Value::from(call.id.as_str()));
    members.insert("name".to_owned(), Value::from(call.name.as_str()));
    members.insert("input".to_owned(), Value::Null);
    members.extend(call.extra.clone());
    let text = Value::Object(members.clone()).to_string();
    let edit = splice::Edit { member: "input", text: Some(call.arguments.clone()) };
    String::from_utf8_lossy(&splice::write(text.as_bytes(), &members, &[edit])).into_owned()
}

/// The value of a text that was read before.
fn value(text: &str) -> Value {
    callgate_json::read_nearest(text.as_bytes()).unwrap_or_default()
}
