//! A server's message: a response, a notification, or a request of its own.

use std::borrow::Cow;

use callgate_json::splice::{self, Edit};
use callgate_json::{Map, Span, Value};
use serde_json::json;

use super::Era;
use super::message::{self, Envelope, all_shown, harmless};
use super::required::without_extensions;
use crate::checks::exact_keys;
use crate::{AnswerError, ShapeError};

/// A message that was read, and perhaps changed since. Unchanged members keep their bytes.
#[derive(Debug, Clone)]
pub struct McpAnswer {
    text: Vec<u8>,
    body: Map<String, Value>,
    envelope: Envelope,
    /// The text of `result`, if it was changed.
    result: Option<String>,
    /// The text of `params`, if it was changed.
    params: Option<String>,
}

/// The result of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// True if the tool reports a failure.
    pub failed: bool,
    /// Its value: `structuredContent`, else the JSON in its single text.
    pub value: Option<Value>,
    /// True if the value is its `structuredContent`.
    pub structured: bool,
}

// === impl McpAnswer ===

impl McpAnswer {
    /// Reads one message.
    ///
    /// # Errors
    /// [`AnswerError`] unless it is one JSON-RPC message in strict JSON (fractions may have more digits than a double).
    pub fn read(text: &[u8]) -> Result<McpAnswer, AnswerError> {
        let Value::Object(body) = callgate_json::read_nearest(text)? else {
            return Err(ShapeError::Type { at: "message", expected: "one JSON-RPC message" }.into());
        };
        let envelope = Envelope::read(&body)?;
        Ok(McpAnswer { text: text.to_vec(), body, envelope, result: None, params: None })
    }

    /// Returns the kind of the message.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Returns true if something was changed.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.result.is_some() || self.params.is_some()
    }

    /// Checks that a `sampling/createMessage` asks a model for text only, at once. With tools, the model's calls would run at the
    /// server undecided.
    ///
    /// # Errors
    /// [`ShapeError`] if it offers tools, speaks of calls, or wants to be answered later; also for other requests with such
    /// members.
    pub fn asks_for_text_only(&self) -> Result<(), ShapeError> {
        message::params(&self.body)?.map_or(Ok(()), text_only)
    }

    /// Reads the response to a `tools/call`. Some servers send `structuredContent` alone.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer, or has content that could be a call.
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

    /// Makes the response to a `tools/call` carry this value and nothing else.
    pub fn give(&mut self, value: &Value, structured: bool, era: Era) {
        let text = callgate_json::canonical(value);
        self.result = Some(returned_result(&text, &text, structured, era));
    }

    /// Checks that the messages in the answer to a `prompts/get` are only shown.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer, or has content of an unknown kind.
    pub fn prompts(&self) -> Result<(), ShapeError> {
        let result = self.members();
        exact_keys(result, &["messages"])?;
        let Some(Value::Array(messages)) = result.get("messages") else {
            return Err(ShapeError::Type { at: "result.messages", expected: "an array" });
        };
        messages.iter().try_for_each(message_shown)
    }

    /// Removes the server's words for models (`instructions`), its tasks and its extensions from the answer to an `initialize`.
    pub fn introduce(&mut self) {
        let mut result = self.members().clone();
        let before = result.len();
        result.retain(|key, _| !crate::checks::folds_to(key, "instructions"));
        if without_extensions(&mut result) || result.len() < before {
            self.result = Some(Value::Object(result).to_string());
        }
    }

    /// Returns the JSON text of the result.
    #[must_use]
    pub fn result_text(&self) -> Cow<'_, str> {
        match &self.result {
            Some(result) => Cow::Borrowed(result),
            None => Span::new(&self.text).get("result").map_or(Cow::Borrowed("{}"), Span::text),
        }
    }

    /// Returns the JSON text of the parameters of a notification or a request, if it has some.
    #[must_use]
    pub fn params_text(&self) -> Option<Cow<'_, str>> {
        if let Some(params) = &self.params {
            return Some(Cow::Borrowed(params));
        }
        Span::new(&self.text).get("params").filter(|params| params.is_object()).map(Span::text)
    }

    /// Replaces the parameters with others, the JSON text of an object.
    pub fn replace_params(&mut self, params: String) {
        self.params = Some(params);
    }

    /// Replaces the result with another, the JSON text of an object.
    pub fn replace(&mut self, result: String) {
        self.result = Some(result);
    }

    /// The message's bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let new = [("result", &self.result), ("params", &self.params)];
        let edit = |(member, text): (&'static str, &Option<String>)| Some(Edit { member, text: Some(text.clone()?) });
        let edits: Vec<Edit> = new.into_iter().filter_map(edit).collect();
        if edits.is_empty() { self.text.clone() } else { splice::write(&self.text, &self.body, &edits) }
    }

    /// Returns the parameters of a notification or a request.
    #[must_use]
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        message::params(&self.body).ok().flatten()
    }

    /// Returns the members of an error.
    pub(super) fn error_members(&self) -> Option<&Map<String, Value>> {
        self.body.get("error").and_then(Value::as_object)
    }

    pub(super) fn members(&self) -> &Map<String, Value> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match self.body.get("result") {
            Some(Value::Object(result)) => result,
            _ => &NOTHING,
        }
    }
}

/// Returns the result of a call with this text for a model, and this JSON text as its structure.
pub(super) fn returned_result(shown: &str, json: &str, structured: bool, era: Era) -> String {
    let content = json!([{ "type": "text", "text": shown }]);
    // The value's own text: clients get the checked bytes.
    let value = if structured { format!(r#","structuredContent":{json}"#) } else { String::new() };
    let kind = if era == Era::Stateless { r#","resultType":"complete""# } else { "" };
    format!(r#"{{"content":{content}{value},"isError":false{kind}}}"#)
}

/// Checks that parameters ask a model for text only. See [`McpAnswer::asks_for_text_only`].
///
/// # Errors
/// As [`McpAnswer::asks_for_text_only`].
pub fn text_only(params: &Map<String, Value>) -> Result<(), ShapeError> {
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

/// Checks one message of a prompt, or of a conversation to sample from.
fn message_shown(message: &Value) -> Result<(), ShapeError> {
    let Value::Object(message) = message else {
        return Err(ShapeError::Type { at: "messages", expected: "made of objects" });
    };
    exact_keys(message, &["content"])?;
    all_shown(message.get("content"))
}

/// The value in a content of one text.
fn single_json(content: &[Value]) -> Option<Value> {
    let [only] = content else { return None };
    let text = only.get("text").and_then(Value::as_str).filter(|_| only.get("type").is_some_and(|kind| kind == "text"));
    callgate_json::read(text?.as_bytes()).ok()
}
