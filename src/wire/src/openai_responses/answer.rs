//! A whole answer: the *response object*.

use callgate_json::{Map, Value, splice};

use super::items;
use crate::checks::add;
use crate::{AnswerError, Call, Earlier, Fate, Hold, ShapeError};

/// An answer that was read, and perhaps changed since. It has one alternative.
///
/// Numbers that no double holds exactly are tolerated: no decision rests on them, and they are passed on as they came.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    text: Vec<u8>,
    body: Map<String, Value>,
    /// The tools that the provider may run.
    tools: Vec<String>,
    calls: Vec<Call>,
    edits: Vec<splice::Edit>,
}

/// What stands in the output.
enum Piece {
    Item(Value),
    /// Said instead of a call.
    Told(String),
}

// === impl Answer ===

impl Answer {
    /// Reads an answer to a request that has the provider run `tools`.
    ///
    /// # Errors
    /// [`AnswerError`] as [`crate::Dialect::answer`] says.
    pub(super) fn read(text: &[u8], tools: &[String]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "body", expected: "an object" }.into());
        };
        items::no_stray_call(&body)?;
        if !body.get("output").is_some_and(Value::is_array) {
            return Err(ShapeError::Type { at: "output", expected: "an array" }.into());
        }
        let calls = items::calls(items::output(&body)?, tools)?;
        let mut answer = Answer { text: text.to_vec(), body, tools: tools.to_vec(), calls, edits: Vec::new() };
        answer.amend();
        Ok(answer)
    }

    /// Drops items of unknown kinds, and gives each call without an id the id that it is known by here.
    fn amend(&mut self) {
        let has_id = |item: &Value| item.get("call_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
        let is_as_it_was = |item: &Value| {
            !items::is_unknown(item, &self.tools) && (!items::is_call(item, &self.tools) || has_id(item))
        };
        if self.items().iter().all(is_as_it_was) {
            return;
        }
        let mut calls = self.calls.iter();
        let mut output = Vec::new();
        for item in self.items().iter().filter(|item| !items::is_unknown(item, &self.tools)) {
            let mut item = item.clone();
            if items::is_call(&item, &self.tools)
                && let (Some(call), Value::Object(members)) = (calls.next(), &mut item)
            {
                members.insert("call_id".to_owned(), Value::from(call.id.as_str()));
            }
            output.push(item);
        }
        self.set_output(output);
    }

    /// The response object.
    pub(super) fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    fn items(&self) -> &[Value] {
        items::output(&self.body).unwrap_or_default()
    }

    fn set_output(&mut self, output: Vec<Value>) {
        for edited in items::set_output(&mut self.body, output) {
            splice::Edit::value(&mut self.edits, edited);
        }
    }
}

impl crate::Answer for Answer {
    fn calls(&self) -> Vec<&[Call]> {
        vec![&self.calls]
    }

    fn settle(&mut self, _choice: usize, fates: Vec<Fate>, hold: Hold) {
        let is_as_it_was = |(fate, call): (&Fate, &Call)| matches!(fate, Fate::Keep(kept) if kept == call);
        if fates.len() == self.calls.len() && fates.iter().zip(&self.calls).all(is_as_it_was) {
            return;
        }
        let mut kept = Vec::new();
        let (mut pieces, mut last) = (Vec::new(), Vec::new());
        let mut fates = fates.into_iter();
        for item in self.items() {
            if !items::is_call(item, &self.tools) {
                pieces.push(Piece::Item(item.clone()));
                continue;
            }
            let piece = match fates.next() {
                Some(Fate::Keep(call)) => {
                    let piece = Piece::Item(rewritten(item, &call));
                    kept.push(call);
                    piece
                }
                Some(Fate::Tell(text)) => Piece::Told(text),
                None => continue,
            };
            match hold {
                Hold::Call => pieces.push(piece),
                Hold::Turn => last.push(piece),
            }
        }
        pieces.append(&mut last);
        let response = self.body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let item = |(place, piece)| match piece {
            Piece::Item(item) => item,
            Piece::Told(text) => items::of_text(&text, &response, place),
        };
        let output = pieces.into_iter().enumerate().map(item).collect();
        self.calls = kept;
        self.set_output(output);
    }

    fn said(&self, _choice: usize) -> Vec<Value> {
        self.items().iter().filter(|item| !items::is_call(item, &self.tools)).cloned().collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        if earlier.iter().any(|turn| !turn.said.is_empty()) {
            let said = earlier.iter().flat_map(|turn| &turn.said);
            self.set_output(items::joined(said.chain(self.items())));
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()).filter(|usage| usage.is_object()) {
            add(self.body.entry("usage").or_insert(Value::Null), usage);
            splice::Edit::value(&mut self.edits, "usage");
        }
    }

    fn usage(&self) -> Option<&Value> {
        self.body.get("usage").filter(|usage| usage.is_object())
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

/// The item of a call with the arguments that go on.
fn rewritten(item: &Value, call: &Call) -> Value {
    let mut item = item.clone();
    if let Value::Object(members) = &mut item {
        members.insert("arguments".to_owned(), Value::from(call.arguments.as_str()));
    }
    item
}
