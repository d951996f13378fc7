//! A request: the body of *create chat completion*.

mod declared;

use callgate_json::{Keep, Map, Value};
use serde_json::json;

use super::shape::folds_to;
use super::{calls, said};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Wants, splice};

/// Members that are decided on or rewritten.
const READ_MEMBERS: [&str; 12] = [
    "model",
    "models",
    "messages",
    "stream",
    "stream_options",
    "n",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "max_tokens",
    "max_completion_tokens",
];

const OUTPUT_LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// What is built of a request. The conversation and the schemas are the bulk of it, and nothing is decided on them: they are
/// checked and passed on as bytes, or replaced.
const BUILT: Keep = Keep::Members(&[
    ("messages", Keep::Items(&Keep::Shell)),
    ("tools", Keep::Items(&Keep::Members(&[("function", FUNCTION)]))),
    ("functions", Keep::Items(&FUNCTION)),
]);
const FUNCTION: Keep = Keep::Members(&[("description", Keep::Shell), ("parameters", Keep::Shell)]);

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub struct Request {
    text: Vec<u8>,
    /// As [`BUILT`] says; `messages` whole once they are edited.
    body: Map<String, Value>,
    declared: Vec<Declared>,
    edits: Vec<splice::Edit>,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a strict JSON object, lacks `model` or `messages`, has a member of a wrong type
    /// among those that are decided on, or declares a tool twice.
    pub fn read(text: &[u8]) -> Result<Request, RequestError> {
        let Value::Object(mut body) = callgate_json::read_only(text, &BUILT)? else {
            return Err(RequestError::NotAnObject);
        };
        let known = READ_MEMBERS.iter().chain(declared::PROVIDER_MEMBERS.iter().map(|(member, _)| member));
        for &param in known {
            if body.keys().any(|key| key != param && folds_to(key, param)) {
                return Err(RequestError::Ambiguous { param, like: param });
            }
        }
        check(&body)?;
        let declared = declared::read(&body)?;
        if declared::has_provided(&body) {
            // What a provider runs goes on as it came, beside the declarations that are replaced.
            body.insert("tools".to_owned(), member(text, "tools"));
        }
        Ok(Request { text: text.to_vec(), body, declared, edits: Vec::new() })
    }

    /// The model that is asked.
    #[must_use]
    pub fn model(&self) -> &str {
        self.body.get("model").and_then(Value::as_str).unwrap_or_default()
    }

    /// Every model that may come to answer: `model` and, for routers that know them, the alternatives in `models`.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        let others = self.body.get("models").and_then(Value::as_array).into_iter().flatten();
        std::iter::once(self.model()).chain(others.filter_map(Value::as_str))
    }

    /// Whether the answer is to be streamed.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.body.get("stream") == Some(&Value::Bool(true))
    }

    /// Whether the stream is to end with what was used.
    #[must_use]
    pub fn include_usage(&self) -> bool {
        self.body.get("stream_options").and_then(|options| options.get("include_usage")) == Some(&Value::Bool(true))
    }

    /// How many choices are asked for.
    #[must_use]
    pub fn choices(&self) -> u64 {
        self.body.get("n").and_then(Value::as_u64).unwrap_or(1)
    }

    /// Lowers the limits of output tokens to `max`; sets one where there is none.
    pub fn clamp_output_tokens(&mut self, max: u64) {
        let mut limited = false;
        for key in OUTPUT_LIMITS {
            if let Some(limit) = self.body.get(key).and_then(Value::as_u64) {
                limited = true;
                if limit > max {
                    self.set(key, Value::from(max));
                }
            }
        }
        if !limited {
            self.set("max_completion_tokens", Value::from(max));
        }
    }

    /// Asks for a whole answer instead of a stream.
    pub fn answer_whole(&mut self) {
        if self.stream() {
            self.set("stream", Value::Bool(false));
        }
        self.remove("stream_options");
    }

    /// Appends a turn of the model that ended in calls, and what those gave: an assistant message with the calls, then one
    /// message for each result. Legacy function calls get an assistant message each, since one holds only one. The first assistant
    /// message has what the turn [said](crate::Answer::said), reasoning included.
    pub fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        if !self.edits.iter().any(|edit| edit.member == "messages") {
            self.body.insert("messages".to_owned(), member(&self.text, "messages"));
        }
        let Some(Value::Array(messages)) = self.body.get_mut("messages") else { return };
        let text = said::text(said);
        let mut content = if text.is_empty() { Value::Null } else { Value::from(text) };
        let mut beside = said::members(said);
        let mut assistant = |member: &str, call: Value| {
            let mut message = Map::new();
            message.insert("role".to_owned(), Value::from("assistant"));
            message.insert("content".to_owned(), content.take());
            message.append(&mut beside);
            message.insert(member.to_owned(), call);
            Value::Object(message)
        };
        let (functions, tools): (Vec<_>, Vec<_>) =
            results.iter().partition(|result| result.call.form == Form::Function);
        if !tools.is_empty() {
            messages
                .push(assistant("tool_calls", tools.iter().map(|result| calls::entry(&result.call, None)).collect()));
        }
        for CallResult { call, content, .. } in tools {
            messages.push(json!({ "role": "tool", "tool_call_id": call.id, "content": content }));
        }
        for CallResult { call, content, .. } in functions {
            messages.push(assistant("function_call", json!({ "name": call.name, "arguments": call.arguments })));
            messages.push(json!({ "role": "function", "name": call.name, "content": content }));
        }
        self.edit("messages");
    }

    /// The request's bytes: those that were read where nothing was changed, else members that were not touched keep theirs.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }

    fn set(&mut self, member: &'static str, value: Value) {
        if self.body.get(member) != Some(&value) {
            self.body.insert(member.to_owned(), value);
            self.edit(member);
        }
    }

    fn remove(&mut self, member: &'static str) {
        if self.body.shift_remove(member).is_some() {
            self.edit(member);
        }
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        self.models().collect()
    }

    fn wants(&self) -> Wants {
        if self.stream() { Wants::Stream } else { Wants::Whole }
    }

    fn choices(&self) -> u64 {
        self.choices()
    }

    fn include_usage(&self) -> bool {
        self.include_usage()
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.provider_tools()
    }

    fn declared(&self) -> &[Declared] {
        self.declared()
    }

    fn chosen(&self) -> Vec<&str> {
        self.chosen()
    }

    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        self.declare(declarations, form);
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        self.clamp_output_tokens(max);
    }

    fn answer_whole(&mut self) {
        self.answer_whole();
    }

    fn free_choice(&mut self) {
        self.unforce();
    }

    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        self.append_turn(said, results);
    }

    fn write(&self) -> Vec<u8> {
        self.write()
    }
}

/// A member of a text that was read before, whole.
fn member(text: &[u8], name: &str) -> Value {
    let whole = callgate_json::read(text).unwrap_or_default();
    whole.get(name).cloned().unwrap_or_default()
}

/// The types of the members that are decided on; tools are read apart.
fn check(body: &Map<String, Value>) -> Result<(), RequestError> {
    let require = |param: &'static str, expected: &'static str, ok: fn(&Value) -> bool, optional: bool| {
        let good = match body.get(param) {
            None | Some(Value::Null) => optional,
            Some(value) => ok(value),
        };
        if good { Ok(()) } else { Err(RequestError::Invalid { param, expected }) }
    };
    let objects = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_object));
    let names = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    require("model", "a string", Value::is_string, false)?;
    require("models", "an array of strings", names, true)?;
    require("messages", "an array of objects", objects, false)?;
    require("stream", "true or false", Value::is_boolean, true)?;
    require("stream_options", "an object", Value::is_object, true)?;
    require("n", "a whole number above 0", |value| value.as_u64().is_some_and(|n| n > 0), true)?;
    for limit in OUTPUT_LIMITS {
        require(limit, "a whole number, 0 or more", Value::is_u64, true)?;
    }
    Ok(())
}
