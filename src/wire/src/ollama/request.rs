//! A request: the body of *generate a chat completion*.

use callgate_json::{Keep, Map, Value};
use serde_json::json;

use super::shape;
use crate::shape::{declared_once, exact_members};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Wants, splice};

/// Members that are decided on or rewritten.
const READ_MEMBERS: [&str; 5] = ["model", "messages", "stream", "tools", "options"];
const LIMIT: &str = "num_predict";

/// What is built of a request. The conversation and the schemas are the bulk of it, and nothing is decided on them: they are
/// checked and passed on as bytes, or replaced.
const BUILT: Keep = Keep::Members(&[
    ("messages", Keep::Items(&Keep::Shell)),
    ("format", Keep::Shell),
    (
        "tools",
        Keep::Items(&Keep::Members(&[(
            "function",
            Keep::Members(&[("description", Keep::Shell), ("parameters", Keep::Shell)]),
        )])),
    ),
]);

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub(super) struct Request {
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
    /// [`RequestError`] as [`crate::Dialect::request`] says.
    pub(super) fn read(text: &[u8]) -> Result<Request, RequestError> {
        let Value::Object(mut body) = callgate_json::read_only(text, &BUILT)? else {
            return Err(RequestError::NotAnObject);
        };
        for param in READ_MEMBERS {
            exact_members(&body, param, &[param])?;
        }
        check(&body)?;
        let declared = declared(&body)?;
        if provided(&body).next().is_some() {
            // What a provider runs goes on as it came, beside the declarations that are replaced.
            body.insert("tools".to_owned(), whole(text, "tools"));
        }
        Ok(Request { text: text.to_vec(), body, declared, edits: Vec::new() })
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        self.body.get("model").and_then(Value::as_str).into_iter().collect()
    }

    /// Streams unless told otherwise; without messages the server loads the model and says so in one object.
    fn wants(&self) -> Wants {
        let messages = self.body.get("messages").and_then(Value::as_array);
        let asks = messages.is_some_and(|messages| !messages.is_empty());
        if asks && self.body.get("stream") != Some(&Value::Bool(false)) { Wants::Stream } else { Wants::Whole }
    }

    /// Types of `tools` that are no functions. The server knows none today.
    fn provider_tools(&self) -> Vec<&str> {
        provided(&self.body).filter_map(|tool| tool.get("type").and_then(Value::as_str)).collect()
    }

    fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The API has no way to name the tool to call.
    fn chosen(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The API has one list of functions: [`Form::Tool`].
    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form != Form::Tool {
            return;
        }
        let entry = |tool: &&Declaration| format!(r#"{{"type":"function","function":{}}}"#, tool.object("parameters"));
        let mut list: Vec<String> = declarations.iter().map(entry).collect();
        list.extend(provided(&self.body).map(Value::to_string));
        self.declared = declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form }).collect();
        self.edits.retain(|edit| edit.member != "tools");
        if !list.is_empty() {
            self.edits.push(splice::Edit { member: "tools", text: Some(format!("[{}]", list.join(","))) });
        } else if self.body.shift_remove("tools").is_some() {
            self.edit("tools");
        }
    }

    /// The server takes 0 and less for no limit.
    fn clamp_output_tokens(&mut self, max: u64) {
        let options = self.body.get("options").and_then(Value::as_object);
        let limit = options.and_then(|options| options.get(LIMIT)).and_then(Value::as_u64);
        if limit.is_some_and(|limit| (1..=max).contains(&limit)) {
            return;
        }
        let mut options = options.cloned().unwrap_or_default();
        options.insert(LIMIT.to_owned(), Value::from(max));
        self.body.insert("options".to_owned(), Value::Object(options));
        self.edit("options");
    }

    fn answer_whole(&mut self) {
        if self.body.get("stream") != Some(&Value::Bool(false)) {
            self.body.insert("stream".to_owned(), Value::Bool(false));
            self.edit("stream");
        }
    }

    /// The API has no way to force a call.
    fn free_choice(&mut self) {}

    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        if !self.edits.iter().any(|edit| edit.member == "messages") {
            self.body.insert("messages".to_owned(), whole(&self.text, "messages"));
        }
        let Some(Value::Array(messages)) = self.body.get_mut("messages") else { return };
        let mut message = Map::new();
        message.insert("role".to_owned(), Value::from("assistant"));
        message.insert("content".to_owned(), Value::from(""));
        message.extend(
            said.iter().filter_map(Value::as_object).flatten().map(|(key, value)| (key.clone(), value.clone())),
        );
        let calls = results.iter().zip(0..).map(|(result, position)| shape::entry(&result.call, position));
        message.insert("tool_calls".to_owned(), calls.collect());
        messages.push(Value::Object(message));
        for CallResult { call, content, .. } in results {
            let mut message = json!({ "role": "tool", "tool_name": call.name, "content": content });
            if shape::has_id(call)
                && let Value::Object(members) = &mut message
            {
                members.insert("tool_call_id".to_owned(), Value::from(call.id.as_str()));
            }
            messages.push(message);
        }
        self.edit("messages");
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

/// A member of a text that was read before, whole.
fn whole(text: &[u8], name: &str) -> Value {
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
    require("model", "a string", Value::is_string, false)?;
    require("messages", "an array of objects", objects, true)?;
    require("stream", "true or false", Value::is_boolean, true)?;
    require("options", "an object", Value::is_object, true)?;
    if let Some(Value::Object(options)) = body.get("options") {
        exact_members(options, "options", &[LIMIT])?;
        if options.get(LIMIT).is_some_and(|limit| !limit.is_u64() && !limit.is_i64() && !limit.is_null()) {
            return Err(RequestError::Invalid { param: "options", expected: "an object with a whole `num_predict`" });
        }
    }
    Ok(())
}

fn declared(body: &Map<String, Value>) -> Result<Vec<Declared>, RequestError> {
    let invalid = |expected| RequestError::Invalid { param: "tools", expected };
    let tools = match body.get("tools") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(tools) => tools.as_array().ok_or(invalid("an array"))?,
    };
    let mut declared = Vec::new();
    for tool in tools {
        let members = tool.as_object().ok_or(invalid("an array of objects"))?;
        exact_members(members, "tools", &["type", "function"])?;
        if members.get("type").is_some_and(|kind| !kind.is_string() && !kind.is_null()) {
            return Err(invalid("an array of tools whose `type` is a string"));
        }
        if !is_function(tool) {
            continue;
        }
        let function = members.get("function").and_then(Value::as_object);
        let function = function.ok_or(invalid("an array of tools with a `function`"))?;
        exact_members(function, "tools", &["name"])?;
        match function.get("name") {
            Some(Value::String(name)) if !name.is_empty() => {
                declared.push(Declared { name: name.clone(), form: Form::Tool });
            }
            _ => return Err(invalid("an array of functions with a `name`")),
        }
    }
    declared_once(declared)
}

/// The server never looks at the type of a tool, and clients leave it out.
fn is_function(tool: &Value) -> bool {
    tool.get("type").is_none_or(|kind| kind.is_null() || kind == "" || kind == "function")
}

fn provided(body: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    tools.filter(|tool| !is_function(tool))
}
