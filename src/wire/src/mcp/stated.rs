//! The statements of a request without a session: `_meta`, and the inputs of a retry.
//!
//! Source: revision 2026-07-28, `_meta` and *Multi Round-Trip Requests*. A server answers a request with `input_required`, and the
//! client repeats it with `inputResponses` and the server's `requestState`. Nothing ties the two together, so the inputs are checked
//! by themselves: by their kind, and a model's answer must not carry calls.

use callgate_json::splice::{self, Edit};
use callgate_json::{Map, Value, span};

use super::message::all_shown;
use super::tasks::{names_tasks, only_tasks};
use super::{ClientInput, Envelope, McpRequest};
use crate::checks::exact_members;
use crate::{RequestError, ShapeError};

/// The members of `_meta` that MCP defines for a request.
pub(super) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META: [&str; 6] = [
    VERSION,
    CAPABILITIES,
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "progressToken",
    "traceparent",
];

/// The maximum answers of a client in one retry, and the maximum requests of a server in one result.
pub(super) const MOST_INPUTS: usize = 16;
/// The maximum bytes of the state that a client carries for a server.
pub(super) const STATE_LENGTH: usize = 64 * 1024;
/// The maximum bytes of the same in a request, where a gate may have put it inside of its own.
const SEALED_LENGTH: usize = STATE_LENGTH + 256;

const STATE: &str = "a string of at most 65,792 bytes";

// === impl McpRequest ===

impl McpRequest {
    /// Returns the trace context of `_meta`, if it has one.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.meta()?.get("traceparent")?.as_str()
    }

    /// Returns true if the message is written for revisions without sessions.
    #[must_use]
    pub fn states_itself(&self) -> bool {
        let inputs = ["inputResponses", "requestState"];
        self.meta().is_some_and(|meta| meta.contains_key(VERSION) || meta.contains_key(CAPABILITIES))
            || self.members().is_some_and(|params| inputs.iter().any(|input| params.contains_key(*input)))
    }

    /// Reads the revision that a request without a session states.
    ///
    /// # Errors
    /// [`RequestError`] unless `_meta` has a revision and the client's capabilities, each in the exact spelling; also for a client's answer:
    /// there are no requests of servers to answer.
    pub fn stated(&self) -> Result<&str, RequestError> {
        if matches!(self.envelope(), Envelope::Result { .. } | Envelope::Error { .. }) {
            return Err(RequestError::Invalid {
                param: "message",
                expected: "a request; a server asks nothing by itself",
            });
        }
        if let Some(params) = self.members() {
            exact_members(params, "params", &["_meta", "name", "uri", "taskId", "inputResponses", "requestState"])?;
        }
        let meta = self.meta().ok_or(RequestError::Invalid { param: "params._meta", expected: "an object" })?;
        exact_members(meta, "params._meta", &META)?;
        if !meta.get(CAPABILITIES).is_some_and(Value::is_object) {
            return Err(RequestError::Invalid {
                param: "params._meta",
                expected: "an object with the client's `io.modelcontextprotocol/clientCapabilities`",
            });
        }
        meta.get(VERSION).and_then(Value::as_str).ok_or(RequestError::Invalid {
            param: "params._meta",
            expected: "an object with the text `io.modelcontextprotocol/protocolVersion`",
        })
    }

    /// Reads the kinds of the inputs of a retry. There are none in a first request.
    ///
    /// # Errors
    /// [`RequestError`] for an input of an unknown kind, a model's answer with calls, too many inputs, or a long state.
    pub fn inputs(&self) -> Result<Vec<ClientInput>, RequestError> {
        let Some(params) = self.members() else { return Ok(Vec::new()) };
        match params.get("requestState") {
            None | Some(Value::Null) => {}
            Some(Value::String(state)) if state.len() <= SEALED_LENGTH => {}
            Some(_) => return Err(RequestError::Invalid { param: "params.requestState", expected: STATE }),
        }
        let inputs = match params.get("inputResponses") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(inputs)) if inputs.len() <= MOST_INPUTS => inputs,
            Some(_) => {
                let expected = "an object of at most 16 answers";
                return Err(RequestError::Invalid { param: "params.inputResponses", expected });
            }
        };
        inputs.values().map(input).collect()
    }

    /// Returns true for a retry that a server asked for.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        let is_there =
            |member: &str| self.members().and_then(|params| params.get(member)).is_some_and(|it| !it.is_null());
        is_there("inputResponses") || is_there("requestState")
    }

    /// Removes from the stated capabilities those that a server must not use: these, every extension, and the server's tools in sampling.
    /// Tasks stay if `keeps_tasks`.
    pub fn withhold_stated(&mut self, withheld: &[ClientInput], keeps_tasks: bool) {
        let Some(meta) = self.meta() else { return };
        let Some(Value::Object(capabilities)) = meta.get(CAPABILITIES) else { return };
        let mut fewer = capabilities.clone();
        let has_fewer = withhold(&mut fewer, withheld);
        if keeps_tasks && names_tasks(capabilities) {
            fewer.insert("extensions".to_owned(), only_tasks());
        }
        if !has_fewer || fewer == *capabilities {
            return;
        }
        let edit = Edit { member: CAPABILITIES, text: Some(Value::Object(fewer).to_string()) };
        let meta = splice::write(span::member(&self.params_text(), "_meta").unwrap_or(b"{}"), &Map::new(), &[edit]);
        // The bytes were read as UTF-8.
        self.edit_params("_meta", String::from_utf8(meta).unwrap_or_default());
    }

    fn meta(&self) -> Option<&Map<String, Value>> {
        match self.members()?.get("_meta") {
            Some(Value::Object(meta)) => Some(meta),
            _ => None,
        }
    }
}

/// Removes capabilities of a client that a server must not use. Returns true if some were there.
pub(super) fn withhold(capabilities: &mut Map<String, Value>, withheld: &[ClientInput]) -> bool {
    let before = capabilities.len();
    capabilities.retain(|name, _| {
        let is = |known: &str| crate::checks::folds_to(name, known);
        !is("tasks") && !is("extensions") && !withheld.iter().any(|input| is(input.capability()))
    });
    let mut changed = capabilities.len() < before;
    if let Some(Value::Object(sampling)) = capabilities.get_mut("sampling") {
        let before = sampling.len();
        sampling.retain(|name, _| !crate::checks::folds_to(name, "tools"));
        changed |= sampling.len() < before;
    }
    changed
}

/// Reads a client's answer to one request of a server.
fn input(answer: &Value) -> Result<ClientInput, RequestError> {
    const AT: &str = "params.inputResponses";
    let Value::Object(members) = answer else {
        return Err(RequestError::Invalid { param: AT, expected: "made of objects" });
    };
    exact_members(members, AT, &["action", "role", "roots", "content", "model"])?;
    let mut kinds = ClientInput::ALL.into_iter().filter(|kind| members.contains_key(kind.mark()));
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return Err(RequestError::Invalid { param: AT, expected: "made of answers of one known kind each" });
    };
    if kind == ClientInput::Sampling {
        all_shown(members.get("content")).map_err(|error| match error {
            ShapeError::Type { expected, .. } => RequestError::Invalid { param: AT, expected },
            _ => RequestError::Invalid { param: AT, expected: "free of tool calls" },
        })?;
    }
    Ok(kind)
}
