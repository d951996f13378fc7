//! A server's message: its answer to a request, a notification, or a request of its own.

use callgate_json::splice::{self, Edit};
use callgate_json::{Map, Value};
use serde_json::json;

use super::message::{self, Envelope, all_shown, harmless};
use crate::checks::exact_keys;
use crate::{AnswerError, Declaration, ShapeError};

/// The maximum of tools in one page of a list.
const MAX_TOOLS: usize = 4096;

/// A message that was read, and its changes since. Unchanged members keep their bytes.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Vec<u8>,
    body: Map<String, Value>,
    envelope: Envelope,
    /// The text of `result` if it was changed.
    result: Option<String>,
}

/// A tool in a server's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// It has a schema of its results, so clients insist on a structured one.
    pub structured: bool,
}

/// A tool in the list for a client.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// Name, description and schema of the arguments.
    pub declaration: &'a Declaration,
    /// Schema of the results, an object's.
    pub result: Option<&'a Value>,
    /// The tool's effects on its surroundings.
    pub hints: Hints,
}

/// The annotations by which clients decide whether to ask a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// The tool changes nothing.
    pub read_only: bool,
    /// The tool may destroy something.
    pub destructive: bool,
}

/// The result of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// The tool reports a failure.
    pub failed: bool,
    /// Its value: `structuredContent`, else the JSON in its single text.
    pub value: Option<Value>,
    /// The value is its `structuredContent`.
    pub structured: bool,
}

// === impl Answer ===

impl Answer {
    /// Reads one message.
    ///
    /// # Errors
    /// [`AnswerError`] if it is not one JSON-RPC message in strict JSON (fractions may have more digits than a double).
    pub fn read(text: &[u8]) -> Result<Answer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "message", expected: "one JSON-RPC message" }.into());
        };
        let envelope = Envelope::read(&body)?;
        Ok(Answer { text: text.to_vec(), body, envelope, result: None })
    }

    /// Which kind of message it is.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether something was changed.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.result.is_some()
    }

    /// Of a `sampling/createMessage`: that it asks a model for text only, at once. With tools, what the model calls would run at
    /// the server undecided.
    ///
    /// # Errors
    /// [`ShapeError`] if it offers tools, speaks of calls, or wants to be answered later; also other requests that do.
    pub fn asks_for_text_only(&self) -> Result<(), ShapeError> {
        let Some(params) = message::params(&self.body)? else { return Ok(()) };
        exact_keys(params, &["messages", "tools", "toolChoice", "task"])?;
        if ["tools", "toolChoice", "task"].iter().any(|key| params.get(*key).is_some_and(|value| !value.is_null())) {
            return Err(ShapeError::StrayCall);
        }
        match params.get("messages") {
            None => Ok(()),
            Some(Value::Array(messages)) => messages.iter().try_for_each(message_shown),
            Some(_) => Err(ShapeError::Type { at: "params.messages", expected: "an array" }),
        }
    }

    /// The tools that the answer to a `tools/list` lists.
    ///
    /// # Errors
    /// [`ShapeError`] if it has not the shape of one.
    pub fn listed(&self) -> Result<Vec<Listed>, ShapeError> {
        let result = self.members();
        exact_keys(result, &["tools", "nextCursor"])?;
        if result.get("nextCursor").is_some_and(|cursor| !cursor.is_null() && !cursor.is_string()) {
            return Err(ShapeError::Type { at: "result.nextCursor", expected: "a string" });
        }
        let Some(Value::Array(tools)) = result.get("tools") else {
            return Err(ShapeError::Type { at: "result.tools", expected: "an array" });
        };
        if tools.len() > MAX_TOOLS {
            return Err(ShapeError::TooMany);
        }
        let listed = |tool: &Value| {
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            Listed { name, structured: tool.get("outputSchema").is_some_and(Value::is_object) }
        };
        Ok(tools.iter().map(listed).collect())
    }

    /// Makes the answer to a `tools/list` list only these tools, with the given words and the cursor of the next page.
    pub fn list(&mut self, tools: &[Listing<'_>]) {
        let tools: Vec<String> = tools.iter().map(listing).collect();
        let cursor = self.members().get("nextCursor").filter(|cursor| cursor.is_string());
        let next = cursor.map(|cursor| format!(r#","nextCursor":{cursor}"#)).unwrap_or_default();
        self.result = Some(format!(r#"{{"tools":[{}]{next}}}"#, tools.join(",")));
    }

    /// Reads the answer to a `tools/call`. Some servers give `structuredContent` alone.
    ///
    /// # Errors
    /// [`ShapeError`] if it has another shape, or content which could be a call.
    pub fn called(&self) -> Result<Called, ShapeError> {
        let result = self.members();
        exact_keys(result, &["content", "structuredContent", "isError"])?;
        let structured = result.get("structuredContent").filter(|value| !value.is_null());
        let content = match result.get("content") {
            Some(Value::Array(content)) => content.as_slice(),
            None | Some(Value::Null) if structured.is_some() => &[],
            _ => return Err(ShapeError::Type { at: "result.content", expected: "an array" }),
        };
        content.iter().try_for_each(harmless)?;
        let failed = match result.get("isError") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(failed)) => *failed,
            Some(_) => return Err(ShapeError::Type { at: "result.isError", expected: "a boolean" }),
        };
        let value = structured.cloned().or_else(|| single_json(content));
        Ok(Called { failed, structured: structured.is_some(), value })
    }

    /// Makes the answer to a `tools/call` hold only this value.
    pub fn give(&mut self, value: &Value, structured: bool) {
        let text = callgate_json::canonical(value);
        let content = json!([{ "type": "text", "text": text }]);
        // Clients get the text of the checked value.
        let value = if structured { format!(r#","structuredContent":{text}"#) } else { String::new() };
        self.result = Some(format!(r#"{{"content":{content}{value},"isError":false}}"#));
    }

    /// Checks the answer to a `prompts/get`: its messages may only be shown.
    ///
    /// # Errors
    /// [`ShapeError`] if it has another shape, or content of an unknown kind.
    pub fn prompts(&self) -> Result<(), ShapeError> {
        let result = self.members();
        exact_keys(result, &["messages"])?;
        let Some(Value::Array(messages)) = result.get("messages") else {
            return Err(ShapeError::Type { at: "result.messages", expected: "an array" });
        };
        messages.iter().try_for_each(message_shown)
    }

    /// Removes the server's `instructions` for models and its capability of tasks from the answer to an `initialize`.
    pub fn introduce(&mut self) {
        let mut result = self.members().clone();
        let before = result.len();
        result.retain(|key, _| !crate::checks::folds_to(key, "instructions"));
        let mut changed = result.len() < before;
        if let Some(Value::Object(capabilities)) = result.get_mut("capabilities") {
            changed |= capabilities.shift_remove("tasks").is_some();
        }
        if changed {
            self.result = Some(Value::Object(result).to_string());
        }
    }

    /// Replaces the result by the JSON text of another object.
    pub fn replace(&mut self, result: String) {
        self.result = Some(result);
    }

    /// Returns the message's bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        match &self.result {
            None => self.text.clone(),
            Some(result) => {
                splice::write(&self.text, &self.body, &[Edit { member: "result", text: Some(result.clone()) }])
            }
        }
    }

    fn members(&self) -> &Map<String, Value> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match self.body.get("result") {
            Some(Value::Object(result)) => result,
            _ => &NOTHING,
        }
    }
}

/// Checks one message of a prompt or of a conversation to sample from.
fn message_shown(message: &Value) -> Result<(), ShapeError> {
    let Value::Object(message) = message else {
        return Err(ShapeError::Type { at: "messages", expected: "made of objects" });
    };
    exact_keys(message, &["content"])?;
    all_shown(message.get("content"))
}

/// Reads the value in a content of one text.
fn single_json(content: &[Value]) -> Option<Value> {
    let [only] = content else { return None };
    let text = only.get("text").and_then(Value::as_str).filter(|_| only.get("type").is_some_and(|kind| kind == "text"));
    callgate_json::read(text?.as_bytes()).ok()
}

fn listing(listing: &Listing<'_>) -> String {
    let mut text = listing.declaration.object("inputSchema");
    text.pop();
    if let Some(result) = listing.result {
        text.push_str(&format!(r#","outputSchema":{result}"#));
    }
    let Hints { read_only, destructive } = listing.hints;
    text.push_str(&format!(r#","annotations":{{"readOnlyHint":{read_only},"destructiveHint":{destructive}}}}}"#));
    text
}
