//! A request: the body of *create a model response*.

mod declared;

use callgate_json::{Keep, Map, Value};
use serde_json::json;

use super::items;
use crate::shape::exact_members;
use crate::{CallResult, Declaration, Declared, Form, RequestError, Wants, raw, splice};
use declared::Tools;

/// Members that are decided on or rewritten.
const READ_MEMBERS: [&str; 13] = [
    "model",
    "models",
    "input",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "background",
    "previous_response_id",
    "conversation",
    "prompt",
    "store",
];

/// What is built of a request. The conversation and the schemas are the bulk of it; of them only the kinds of items are decided
/// on. The rest is checked and passed on as bytes, or replaced.
const BUILT: Keep = Keep::Members(&[
    ("input", Keep::Items(&Keep::Members(ITEM))),
    ("instructions", Keep::Shell),
    ("text", Keep::Shell),
    ("tools", Keep::Items(&Keep::Members(&[("description", Keep::Shell), ("parameters", Keep::Shell)]))),
]);
/// The members of items that hold what is said.
const ITEM: &[(&str, Keep)] = &[
    ("content", Keep::Shell),
    ("summary", Keep::Shell),
    ("encrypted_content", Keep::Shell),
    ("arguments", Keep::Shell),
    ("output", Keep::Shell),
    ("input", Keep::Shell),
    ("result", Keep::Shell),
    ("results", Keep::Shell),
    ("tools", Keep::Shell),
];

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub(super) struct Request {
    text: Vec<u8>,
    /// As [`BUILT`] says; `input` whole once it is edited.
    body: Map<String, Value>,
    tools: Tools,
    edits: Vec<splice::Edit>,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says; also for one whose answer would not be in the response
    /// (`background`), and for items of input of an unknown kind, which could bring tools.
    pub(super) fn read(text: &[u8]) -> Result<Request, RequestError> {
        let Value::Object(body) = callgate_json::read_only(text, &BUILT)? else {
            return Err(RequestError::NotAnObject);
        };
        for known in READ_MEMBERS {
            exact_members(&body, known, &[known])?;
        }
        check(&body)?;
        let tools = Tools::read(&body, text)?;
        Ok(Request { text: text.to_vec(), body, tools, edits: Vec::new() })
    }

    fn has(&self, member: &str) -> bool {
        self.body.get(member).is_some_and(|value| !value.is_null())
    }

    /// Whether the provider keeps the answer, so that its items can be named later.
    fn is_stored(&self) -> bool {
        self.body.get("store") != Some(&Value::Bool(false))
    }

    fn input(&self) -> &[Value] {
        self.body.get("input").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, member: &'static str, value: Value) {
        if self.body.get(member) != Some(&value) {
            self.body.insert(member.to_owned(), value);
            self.edit(member);
        }
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }

    /// The input as items, whole; a text is a message of the user.
    fn whole_input(&self) -> Vec<Value> {
        let whole = if self.edits.iter().any(|edit| edit.member == "input") {
            self.body.get("input").cloned()
        } else {
            raw::member(&self.text, "input").and_then(|text| callgate_json::read(text).ok())
        };
        match whole {
            Some(Value::Array(items)) => items,
            Some(Value::String(text)) => vec![json!({ "type": "message", "role": "user", "content": text })],
            _ => Vec::new(),
        }
    }
}

impl crate::Request for Request {
    /// A request that leaves the model to a stored prompt names none that could be allowed by name.
    fn models(&self) -> Vec<&str> {
        let others = self.body.get("models").and_then(Value::as_array).into_iter().flatten();
        let model = self.body.get("model").and_then(Value::as_str).unwrap_or_default();
        std::iter::once(model).chain(others.filter_map(Value::as_str)).collect()
    }

    fn wants(&self) -> Wants {
        if self.body.get("stream") == Some(&Value::Bool(true)) { Wants::Stream } else { Wants::Whole }
    }

    /// By naming an earlier response, a conversation, a stored prompt (which may bring messages and tools) or a stored item, and
    /// by a compacted conversation, which only the provider can read.
    fn server_state(&self) -> bool {
        ["previous_response_id", "conversation", "prompt"].into_iter().any(|member| self.has(member))
            || self.input().iter().any(declared::is_state)
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.tools.provided.iter().map(String::as_str).collect()
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen.iter().map(String::as_str).collect()
    }

    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form != Form::Tool {
            return;
        }
        let list = self.tools.declare(declarations);
        self.edits.retain(|edit| edit.member != "tools");
        if list.is_empty() {
            if self.body.shift_remove("tools").is_some() {
                self.edit("tools");
            }
        } else {
            self.edits.push(splice::Edit { member: "tools", text: Some(format!("[{}]", list.join(","))) });
        }
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        let limit = self.body.get("max_output_tokens").and_then(Value::as_u64);
        if limit.is_none_or(|limit| limit > max) {
            self.set("max_output_tokens", Value::from(max));
        }
    }

    fn answer_whole(&mut self) {
        if self.wants() == Wants::Stream {
            self.set("stream", Value::Bool(false));
        }
        if self.body.shift_remove("stream_options").is_some() {
            self.edit("stream_options");
        }
    }

    /// A choice that allows only some tools still does.
    fn free_choice(&mut self) {
        let free = match self.body.get("tool_choice") {
            Some(Value::String(mode)) if !matches!(mode.as_str(), "auto" | "none") => Value::from("auto"),
            Some(Value::Object(choice)) if choice.get("type").is_some_and(|kind| kind == "allowed_tools") => {
                let mut choice = choice.clone();
                choice.insert("mode".to_owned(), Value::from("auto"));
                Value::Object(choice)
            }
            Some(Value::Object(_)) => Value::from("auto"),
            _ => return,
        };
        self.set("tool_choice", free);
    }

    /// A conversation that the provider keeps has the turn already, and the input that led to it: only the results are new.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let mut input = Vec::new();
        if !self.has("conversation") {
            let stored = self.is_stored();
            input = self.whole_input();
            input.extend(said.iter().filter_map(|item| items::as_input(item, stored)));
            input.extend(results.iter().map(|result| items::call_as_input(&result.call)));
        }
        input.extend(results.iter().map(|CallResult { call, content, .. }| {
            json!({ "type": "function_call_output", "call_id": call.id, "output": content })
        }));
        self.body.insert("input".to_owned(), Value::Array(input));
        self.edit("input");
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

/// The types of the members that are decided on; tools and items are read apart.
fn check(body: &Map<String, Value>) -> Result<(), RequestError> {
    let require = |param: &'static str, expected: &'static str, ok: fn(&Value) -> bool| match body.get(param) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if ok(value) => Ok(()),
        Some(_) => Err(RequestError::Invalid { param, expected }),
    };
    let objects = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_object));
    let names = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    let a_prompt = body.get("prompt").is_some_and(|prompt| !prompt.is_null());
    if !a_prompt && !body.get("model").is_some_and(Value::is_string) {
        return Err(RequestError::Invalid { param: "model", expected: "a string" });
    }
    require("model", "a string", Value::is_string)?;
    require("models", "an array of strings", names)?;
    require("input", "a string or an array of objects", if is_text(body) { Value::is_string } else { objects })?;
    require("stream", "true or false", Value::is_boolean)?;
    require("stream_options", "an object", Value::is_object)?;
    require("store", "true or false", Value::is_boolean)?;
    require("max_output_tokens", "a whole number, 0 or more", Value::is_u64)?;
    require("background", "false: the answer must come in the response", |value| value == &Value::Bool(false))
}

fn is_text(body: &Map<String, Value>) -> bool {
    body.get("input").is_some_and(Value::is_string)
}
