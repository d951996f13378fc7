//! A request: the body of *create a message* and of *count tokens in a message*.

mod tools;

use callgate_json::{Keep, Map, Value};
use serde_json::json;

use super::answer::new_block;
use crate::shape::{exact_members, folds_to};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, Wants, raw, splice};
use tools::Tools;

/// Members that are decided on or rewritten.
const READ_MEMBERS: [&str; 11] = [
    "model",
    "messages",
    "system",
    "max_tokens",
    "stream",
    "tools",
    "tool_choice",
    "mcp_servers",
    "container",
    "thread",
    "fallbacks",
];

/// What is built of a request. The conversation and the schemas are the bulk of it; of the conversation only the kinds of blocks
/// matter. What is not built is checked as strictly, and passed on as bytes.
const BUILT: Keep = Keep::Members(&[
    ("messages", Keep::Items(&Keep::Members(&[("content", Keep::Items(&BLOCK))]))),
    ("system", Keep::Items(&BLOCK)),
    ("tools", Keep::Items(&TOOL)),
    ("output_config", Keep::Shell),
]);
const BLOCK: Keep = Keep::Members(&[
    ("text", Keep::Shell),
    ("thinking", Keep::Shell),
    ("signature", Keep::Shell),
    ("data", Keep::Shell),
    ("source", Keep::Shell),
    ("input", Keep::Shell),
    ("content", Keep::Shell),
    ("encrypted_content", Keep::Shell),
]);
const TOOL: Keep =
    Keep::Members(&[("description", Keep::Shell), ("input_schema", Keep::Shell), ("input_examples", Keep::Shell)]);

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub struct Request {
    text: Vec<u8>,
    /// As [`BUILT`] says.
    body: Map<String, Value>,
    tools: Tools,
    wants: Wants,
    edits: Vec<splice::Edit>,
}

// === impl Request ===

impl Request {
    /// Reads a request that came to `target`.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a strict JSON object, lacks `model` or `messages`, has a member of a wrong type among
    /// those that are decided on, declares a tool twice, or defines one in the midst of the conversation.
    pub fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let Value::Object(body) = callgate_json::read_only(text, &BUILT)? else {
            return Err(RequestError::NotAnObject);
        };
        for param in READ_MEMBERS {
            if body.keys().any(|key| key != param && folds_to(key, param)) {
                return Err(RequestError::Ambiguous { param, like: param });
            }
        }
        check(&body)?;
        let wants = if target.path.ends_with("/count_tokens") {
            Wants::Count
        } else if body.get("stream") == Some(&Value::Bool(true)) {
            Wants::Stream
        } else {
            Wants::Whole
        };
        Ok(Request { text: text.to_vec(), tools: Tools::read(&body)?, body, wants, edits: Vec::new() })
    }

    fn set(&mut self, member: &'static str, value: Value) {
        if self.body.get(member) != Some(&value) {
            self.body.insert(member.to_owned(), value);
            splice::Edit::value(&mut self.edits, member);
        }
    }

    fn set_text(&mut self, member: &'static str, text: String) {
        self.edits.retain(|edit| edit.member != member);
        self.edits.push(splice::Edit { member, text: Some(text) });
    }
}

impl crate::Request for Request {
    /// The model, those to fall back to (`default` where the API chooses them), and those that tools of the API ask.
    fn models(&self) -> Vec<&str> {
        let model = self.body.get("model").and_then(Value::as_str);
        let fallbacks = match self.body.get("fallbacks") {
            Some(Value::Array(entries)) => entries.iter().filter_map(|entry| entry.get("model")?.as_str()).collect(),
            Some(Value::String(name)) => vec![name.as_str()],
            _ => Vec::new(),
        };
        model.into_iter().chain(fallbacks).chain(self.tools.models.iter().map(String::as_str)).collect()
    }

    fn wants(&self) -> Wants {
        self.wants
    }

    /// A thread that goes on, or a container that an earlier exchange left behind.
    fn server_state(&self) -> bool {
        let thread = self.body.get("thread").filter(|thread| !thread.is_null());
        let container = match self.body.get("container") {
            None | Some(Value::Null) => false,
            Some(container) => container.is_string() || container.get("id").is_some_and(|id| !id.is_null()),
        };
        container || thread.is_some_and(|thread| thread.get("type").is_none_or(|kind| kind != "create"))
    }

    /// The types of tools that the API defines, whoever runs them, by their full names; `mcp` and `skills`; the kinds of code
    /// that may call functions.
    fn provider_tools(&self) -> Vec<&str> {
        self.tools.provided.iter().map(String::as_str).collect()
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen(&self.body)
    }

    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form != Form::Tool {
            return;
        }
        match self.tools.declare(declarations, &self.text) {
            Some(list) => self.set_text("tools", list),
            None => {
                self.edits.retain(|edit| edit.member != "tools");
                if self.body.shift_remove("tools").is_some() {
                    splice::Edit::value(&mut self.edits, "tools");
                }
            }
        }
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        if self.body.get("max_tokens").and_then(Value::as_u64).is_none_or(|limit| limit > max) {
            self.set("max_tokens", Value::from(max));
        }
        let above = |entry: &Value| entry.get("max_tokens").and_then(Value::as_u64).is_some_and(|limit| limit > max);
        if let Some(Value::Array(entries)) = self.body.get("fallbacks")
            && entries.iter().any(above)
        {
            let mut entries = entries.clone();
            for entry in entries.iter_mut().filter(|entry| above(entry)) {
                if let Some(limit) = entry.get_mut("max_tokens") {
                    *limit = Value::from(max);
                }
            }
            self.set("fallbacks", Value::Array(entries));
        }
    }

    fn answer_whole(&mut self) {
        if self.wants == Wants::Stream {
            self.wants = Wants::Whole;
            self.set("stream", Value::Bool(false));
        }
    }

    fn free_choice(&mut self) {
        let Some(Value::Object(choice)) = self.body.get("tool_choice") else { return };
        if choice.get("type").is_some_and(|kind| kind == "auto" || kind == "none") {
            return;
        }
        let mut choice = choice.clone();
        choice.shift_remove("name");
        choice.insert("type".to_owned(), Value::from("auto"));
        self.set("tool_choice", Value::Object(choice));
    }

    /// One message of the model, with all it said before the calls (thoughts keep their signatures), and one of the user with the
    /// results.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let edited = self.edits.iter().find(|edit| edit.member == "messages").and_then(|edit| edit.text.as_deref());
        let messages = match edited {
            Some(text) => text.to_owned(),
            None => String::from_utf8_lossy(raw::member(&self.text, "messages").unwrap_or_default()).into_owned(),
        };
        let said = said.iter().map(Value::to_string);
        let turn: Vec<String> = said.chain(results.iter().map(|result| new_block(&result.call))).collect();
        let results: Vec<Value> = results.iter().map(result).collect();
        let turn = format!(r#"{{"role":"assistant","content":[{}]}}"#, turn.join(","));
        let answer = json!({ "role": "user", "content": results });
        let before = messages.trim_end().strip_suffix(']').unwrap_or_default().trim_end();
        let between = if before.ends_with('[') { "" } else { "," };
        self.set_text("messages", format!("{before}{between}{turn},{answer}]"));
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &self.body, &self.edits)
    }
}

/// What a call gave, as a block.
fn result(CallResult { call, content, failed }: &CallResult) -> Value {
    if *failed {
        return json!({ "type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": true });
    }
    json!({ "type": "tool_result", "tool_use_id": call.id, "content": content })
}

fn invalid(param: &'static str, expected: &'static str) -> RequestError {
    RequestError::Invalid { param, expected }
}

/// A list that may be missing.
fn list<'a>(members: &'a Map<String, Value>, param: &'static str) -> Result<&'a [Value], RequestError> {
    match members.get(param) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(invalid(param, "an array")),
    }
}

/// The types of the members that are decided on; tools are read apart.
fn check(body: &Map<String, Value>) -> Result<(), RequestError> {
    let require = |param: &'static str, expected: &'static str, ok: fn(&Value) -> bool, optional: bool| {
        let good = match body.get(param) {
            None | Some(Value::Null) => optional,
            Some(value) => ok(value),
        };
        if good { Ok(()) } else { Err(invalid(param, expected)) }
    };
    let named = |value: &Value| match value {
        Value::Array(items) => items.iter().all(|item| item.get("model").is_some_and(Value::is_string)),
        other => other.is_string(),
    };
    let limits = |value: &Value| {
        let limit = |item: &Value| item.get("max_tokens").is_none_or(|limit| limit.is_null() || limit.is_u64());
        value.as_array().is_none_or(|items| items.iter().all(limit))
    };
    require("model", "a string", Value::is_string, false)?;
    require("messages", "an array", Value::is_array, false)?;
    require("max_tokens", "a whole number, 0 or more", Value::is_u64, true)?;
    require("stream", "true or false", Value::is_boolean, true)?;
    require("tool_choice", "an object", Value::is_object, true)?;
    require("thread", "an object", Value::is_object, true)?;
    require("container", "a string or an object", |value| value.is_string() || value.is_object(), true)?;
    require("fallbacks", "a name or an array of objects with a `model`", named, true)?;
    require("fallbacks", "an array of objects whose `max_tokens` are whole numbers", limits, true)?;
    for (param, members) in [("tool_choice", &["type", "name"]), ("container", &["id", "skills"])] {
        if let Some(Value::Object(value)) = body.get(param) {
            exact_members(value, param, members)?;
        }
    }
    for entry in list(body, "fallbacks").unwrap_or_default() {
        exact_members(entry.as_object().unwrap_or(&Map::new()), "fallbacks", &["model", "max_tokens"])?;
    }
    blocks(body.get("system"), "system")?;
    for message in list(body, "messages")? {
        let message = message.as_object().ok_or(invalid("messages", "an array of objects"))?;
        exact_members(message, "messages", &["content"])?;
        blocks(message.get("content"), "messages")?;
    }
    Ok(())
}

/// Blocks of the conversation. They may not define tools: those would not be the contract's.
fn blocks(content: Option<&Value>, param: &'static str) -> Result<(), RequestError> {
    let Some(Value::Array(blocks)) = content else { return Ok(()) };
    blocks.iter().try_for_each(|block| {
        let block = block.as_object().ok_or(invalid(param, "made of blocks that are objects"))?;
        exact_members(block, param, &["type", "tool", "tool_changes"])?;
        // What a summary tells of tools that came and went.
        if let Some(Value::Array(changes)) = block.get("tool_changes") {
            for change in changes {
                tool_change(change.as_object().ok_or(invalid(param, "made of known blocks"))?, param)?;
            }
        }
        match block.get("type") {
            Some(Value::String(kind)) if kind == "tool_addition" => tool_change(block, param),
            _ => Ok(()),
        }
    })
}

/// `tool_addition` and `tool_removal` may name tools that are declared in `tools`.
fn tool_change(block: &Map<String, Value>, param: &'static str) -> Result<(), RequestError> {
    exact_members(block, param, &["type", "tool"])?;
    const REFERENCES: [&str; 3] = ["tool_reference", "mcp_tool_reference", "mcp_toolset_reference"];
    let kind = block.get("tool").and_then(|tool| tool.get("type")).and_then(Value::as_str);
    if kind.is_some_and(|kind| REFERENCES.contains(&kind)) {
        return Ok(());
    }
    Err(invalid(param, "free of tool definitions; declare every tool in `tools`"))
}
