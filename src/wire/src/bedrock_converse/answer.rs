//! A whole answer: the response of *Converse*.

use callgate_json::{Map, Value};

use super::{block, events};
use crate::shape::{MAX_CALLS, add, exact_keys, text};
use crate::{AnswerError, Call, Earlier, Fate, Form, Hold, ShapeError, raw, splice};

/// An answer that was read, and perhaps changed since.
///
/// Numbers that no double holds exactly are tolerated outside of calls: no decision rests on them, and they are passed on as
/// they came. A call's arguments are the very text of its `input`.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Vec<u8>,
    /// Without the turn's content, which [`Answer::blocks`] has.
    body: Map<String, Value>,
    blocks: Vec<Block>,
    /// The calls among the blocks.
    calls: Vec<Call>,
    edits: Vec<splice::Edit>,
}

/// One block of the content, as JSON text.
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
const READ_MEMBERS: [&str; 3] = ["output", "stopReason", "usage"];
/// Members that can repeat the model's turn in its own words.
const REPEATS: [&str; 2] = ["additionalModelResponseFields", "trace"];

/// The reason for which a turn ends that ended in calls, and in none.
pub(super) const NAMES_CALLS: &str = "tool_use";
pub(super) const NO_CALLS: &str = "end_turn";

// === impl Answer ===

impl Answer {
    /// Reads an answer to a request that makes the provider run the tools `provided`.
    ///
    /// # Errors
    /// [`AnswerError`] if the body is not strict JSON, has no content, a member of a wrong type, a block of a kind that is not
    /// known or was not asked for, or a call outside of the content.
    pub fn read(provided: &[&str], text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(mut body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        exact_keys(&body, &READ_MEMBERS)?;
        block::no_call_but(&body, "output")?;
        crate::shape::text(&body, "stopReason")?;
        let content = content(&body)?;
        let texts = raw_content(text).map(raw::items).unwrap_or_default();
        let (mut blocks, mut calls) = (Vec::with_capacity(texts.len()), Vec::new());
        for (block, raw) in content.iter().zip(texts) {
            let Value::Object(members) = block else {
                return Err(ShapeError::Type { at: "content[]", expected: "an object" }.into());
            };
            let text = String::from_utf8_lossy(raw).into_owned();
            if block::is_call(members, provided)? {
                calls.push(read_call(members, raw)?);
                blocks.push(Block::Call(text));
            } else {
                blocks.push(Block::Said(text));
            }
        }
        if calls.len() > MAX_CALLS {
            return Err(ShapeError::TooMany.into());
        }
        body.shift_remove("output");
        Ok(Answer { text: text.to_vec(), body, blocks, calls, edits: Vec::new() })
    }

    /// The answer's members but `output`.
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
        let output = raw::member(&self.text, "output").unwrap_or_default();
        let message = raw::member(output, "message").unwrap_or_default();
        let message = with(message, "content", format!("[{}]", texts.join(",")));
        let text = Some(with(output, "message", message));
        self.edits.retain(|edit| edit.member != "output");
        self.edits.push(splice::Edit { member: "output", text });
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
        let before = self.calls.len();
        let mut settled = std::mem::take(&mut self.calls).into_iter().zip(fates);
        for old in &self.blocks {
            let Block::Call(text) = old else {
                blocks.push(old.clone());
                continue;
            };
            let Some((call, fate)) = settled.next() else { continue };
            let block = match fate {
                Fate::Keep(kept) => {
                    let block = Block::Call(rewritten(text, &call, &kept));
                    self.calls.push(kept);
                    block
                }
                Fate::Tell(notice) => Block::Said(events::text_block(&notice).to_string()),
            };
            match hold {
                Hold::Call => blocks.push(block),
                Hold::Turn => last.push(block),
            }
        }
        blocks.extend(last);
        self.set_blocks(blocks);
        if self.calls.len() < before {
            for member in REPEATS.into_iter().filter(|member| self.body.contains_key(*member)).collect::<Vec<_>>() {
                self.body.shift_remove(member);
                self.edit(member);
            }
        }
        if self.calls.is_empty() && self.body.get("stopReason").is_some_and(|reason| reason == NAMES_CALLS) {
            self.body.insert("stopReason".to_owned(), Value::from(NO_CALLS));
            self.edit("stopReason");
        }
    }

    fn said(&self, choice: usize) -> Vec<Value> {
        let said = self.blocks.iter().filter_map(|block| match block {
            Block::Said(text) if choice == 0 => Some(value(text)),
            Block::Said(_) | Block::Call(_) => None,
        });
        said.collect()
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

/// The blocks of `output.message.content`.
fn content(body: &Map<String, Value>) -> Result<&[Value], ShapeError> {
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
    raw::member(raw::member(raw::member(text, "output")?, "message")?, "content")
}

fn read_call(members: &Map<String, Value>, raw: &[u8]) -> Result<Call, ShapeError> {
    let Some(Value::Object(used)) = members.get("toolUse") else {
        return Err(ShapeError::Type { at: "content[].toolUse", expected: "an object" });
    };
    let used = block::read_use::<&str>(used, &[])?;
    let input = raw::member(raw, "toolUse").and_then(|used| raw::member(used, "input"));
    Ok(Call {
        id: used.id.to_owned(),
        name: used.name.to_owned(),
        arguments: input.map(|input| String::from_utf8_lossy(input).into_owned()).unwrap_or_default(),
        form: Form::Tool,
        extra: Map::new(),
    })
}

/// The block of a call, with other arguments where those say something else.
fn rewritten(text: &str, old: &Call, kept: &Call) -> String {
    if old.id != kept.id || old.name != kept.name {
        return events::call_block(kept);
    }
    if raw::says(&old.arguments, &kept.arguments) {
        return text.to_owned();
    }
    let used = raw::member(text.as_bytes(), "toolUse").unwrap_or_default();
    with(text.as_bytes(), "toolUse", with(used, "input", kept.arguments.clone()))
}

/// A JSON object with another text under a member.
pub(super) fn with(object: &[u8], member: &'static str, text: String) -> String {
    let edit = splice::Edit { member, text: Some(text) };
    String::from_utf8_lossy(&splice::write(object, &Map::new(), &[edit])).into_owned()
}

/// The value of a text that was read before.
fn value(text: &str) -> Value {
    callgate_json::read_nearest(text.as_bytes()).unwrap_or_default()
}
