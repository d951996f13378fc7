//! A client's message: a request, a notification, or its response to a server's request.

use std::borrow::Cow;

use callgate_json::splice::{self, Edit};
use callgate_json::{Map, Value, span};

use super::message::{self, Envelope, Id};
use super::stated::withhold;
use super::{CALL_TOOL, ClientInput, message::all_shown};
use crate::checks::{exact_members, folds_to};
use crate::skeleton::document::RequestScan;
use crate::{Call, RequestError, ShapeError};

/// A parsed message, possibly changed since. Unchanged parts keep their bytes.
#[derive(Debug, Clone)]
pub struct McpRequest {
    text: Vec<u8>,
    body: Map<String, Value>,
    envelope: Envelope,
    /// The text of `params`, if they were changed.
    params: Option<String>,
}

// === impl McpRequest ===

impl McpRequest {
    /// Begins the check of a message while it arrives.
    #[must_use]
    pub fn scan() -> RequestScan {
        RequestScan::of_tree()
    }

    /// Reads the body of a POST.
    ///
    /// # Errors
    /// [`RequestError`] if it is not one JSON-RPC message in strict JSON; a batch is several.
    pub fn read(text: &[u8]) -> Result<McpRequest, RequestError> {
        let body = match callgate_json::read(text)? {
            Value::Object(body) => body,
            Value::Array(_) => {
                return Err(RequestError::Invalid { param: "message", expected: "one message; batches are not taken" });
            }
            _ => return Err(RequestError::NotAnObject),
        };
        exact_members(&body, "message", &["jsonrpc", "id", "method", "params", "result", "error"])?;
        let envelope = Envelope::read(&body).map_err(invalid)?;
        let request = McpRequest { text: text.to_vec(), body, envelope, params: None };
        request.check()?;
        Ok(request)
    }

    /// Checks the types of the members a method's decision reads.
    fn check(&self) -> Result<(), RequestError> {
        match self.envelope.method() {
            Some(CALL_TOOL) => {
                let params = self.members();
                if let Some(params) = params {
                    exact_members(params, "params", &["name", "arguments", "task", "inputResponses", "requestState"])?;
                    if params.get("task").is_some_and(|task| !task.is_null()) {
                        return Err(RequestError::Invalid {
                            param: "params.task",
                            expected: "taken: the call's result would come by another request",
                        });
                    }
                }
                match params.and_then(|params| params.get("name")) {
                    None | Some(Value::Null | Value::String(_)) => Ok(()),
                    Some(_) => Err(RequestError::Invalid { param: "params.name", expected: "a string" }),
                }
            }
            Some("completion/complete") => {
                let Some(params) = self.members() else { return Ok(()) };
                exact_members(params, "params", &["ref", "argument"])?;
                for member in ["ref", "argument"] {
                    if let Some(Value::Object(inner)) = params.get(member) {
                        exact_members(inner, "params", &["type", "name", "uri", "value"])?;
                    }
                }
                Ok(())
            }
            Some(_) => {
                self.members().map_or(Ok(()), |params| exact_members(params, "params", &["uri", "name", "arguments"]))
            }
            None => self.check_sampled(),
        }
    }

    /// Checks that a client's sampling result has no calls in it: the server would run them undecided.
    fn check_sampled(&self) -> Result<(), RequestError> {
        let Some(Value::Object(result)) = self.body.get("result") else { return Ok(()) };
        let sampled = result.keys().any(|key| folds_to(key, "role") || folds_to(key, "model"));
        if !sampled {
            return Ok(());
        }
        exact_members(result, "result", &["role", "model", "content"])?;
        all_shown(result.get("content")).map_err(|error| match error {
            ShapeError::UnknownPart => {
                RequestError::Invalid { param: "result.content", expected: "free of tool calls" }
            }
            other => invalid(other),
        })
    }

    /// Returns the kind of the message.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The id of a request.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match &self.envelope {
            Envelope::Request { id, .. } => Some(id),
            Envelope::Notification { .. } | Envelope::Result { .. } | Envelope::Error { .. } => None,
        }
    }

    /// Returns the call of a `tools/call`; its id is the JSON text of the request's. Missing arguments are `{}`.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        let id = self.id().filter(|_| self.envelope.method() == Some(CALL_TOOL))?;
        let params = self.members();
        let name = params.and_then(|params| params.get("name")).and_then(Value::as_str).unwrap_or_default();
        let arguments = params.and_then(|params| params.get("arguments"));
        Some(Call {
            id: id.to_string(),
            name: name.to_owned(),
            arguments: arguments.map_or_else(|| "{}".to_owned(), callgate_json::canonical),
            ..Call::default()
        })
    }

    /// Returns a text of the parameters.
    #[must_use]
    pub fn parameter(&self, member: &str) -> Option<&str> {
        self.members()?.get(member)?.as_str()
    }

    /// Returns the arguments of a call; null if there are none.
    #[must_use]
    pub fn arguments(&self) -> &Value {
        self.members().and_then(|params| params.get("arguments")).unwrap_or(&Value::Null)
    }

    /// Returns an object of the parameters.
    #[must_use]
    pub fn object(&self, member: &str) -> Option<&Map<String, Value>> {
        match self.members()?.get(member)? {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Replaces a call's arguments with this JSON text.
    pub fn set_arguments(&mut self, arguments: String) {
        if span::member(&self.params_text(), "arguments") != Some(arguments.as_bytes()) {
            self.edit_params("arguments", arguments);
        }
    }

    /// Removes from an `initialize` the client's abilities that a server must not use: these, a later response (tasks), extensions, and
    /// the server's tools in sampling.
    pub fn withhold_capabilities(&mut self, withheld: &[ClientInput]) {
        let Some(mut params) = self.members().cloned() else { return };
        let Some(Value::Object(capabilities)) = params.get_mut("capabilities") else { return };
        if withhold(capabilities, withheld) {
            self.params = Some(Value::Object(params).to_string());
        }
    }

    /// Returns the text of `params` as it is now.
    pub(super) fn params_text(&self) -> Cow<'_, [u8]> {
        match &self.params {
            Some(params) => Cow::Borrowed(params.as_bytes()),
            None => Cow::Borrowed(span::member(&self.text, "params").unwrap_or(b"{}")),
        }
    }

    /// Replaces a member of `params` with a JSON text.
    pub(super) fn edit_params(&mut self, member: &'static str, text: String) {
        let edits = [Edit { member, text: Some(text) }];
        let params = splice::write(&self.params_text(), &Map::new(), &edits);
        // The bytes were read as UTF-8.
        self.params = String::from_utf8(params).ok();
    }

    /// Removes a member of `params`.
    pub(super) fn remove_param(&mut self, member: &'static str) {
        let params = splice::write(&self.params_text(), &Map::new(), &[Edit { member, text: None }]);
        self.params = String::from_utf8(params).ok();
    }

    /// The message's bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        match &self.params {
            None => self.text.clone(),
            Some(params) => {
                splice::write(&self.text, &self.body, &[Edit { member: "params", text: Some(params.clone()) }])
            }
        }
    }

    pub(super) fn members(&self) -> Option<&Map<String, Value>> {
        message::params(&self.body).ok().flatten()
    }
}

/// Returns a message's missing member as a fault of the request.
fn invalid(error: ShapeError) -> RequestError {
    match error {
        ShapeError::Type { at, expected } => RequestError::Invalid { param: at, expected },
        ShapeError::StrayCall | ShapeError::NotAFunction | ShapeError::UnknownPart | ShapeError::TooMany => {
            RequestError::Invalid { param: "message", expected: "one that can be decided on" }
        }
    }
}
