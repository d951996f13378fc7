//! The kind of a server's result, and the requests inside of one that is not complete.
//!
//! Source: revision 2026-07-28, *Multi Round-Trip Requests*, and the extension `io.modelcontextprotocol/tasks`.

use std::borrow::Cow;

use callgate_json::splice::{self, Edit};
use callgate_json::{Map, Span, Value};
use serde_json::json;

use super::stated::{MOST_INPUTS, STATE_LENGTH};
use super::tasks::{names_tasks, only_tasks};
use super::{ClientInput, McpAnswer, VERSIONS};
use crate::ShapeError;
use crate::checks::{exact_keys, folds_to};

pub(super) const SERVER: &str = "io.modelcontextprotocol/serverInfo";
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The longest time, in milliseconds, that a client may keep a list. Decisions do not depend on it: a stale list shows old words.
pub(super) const LONGEST_TTL: u64 = 300_000;

/// The kind of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// The result of the request.
    Complete,
    /// The server wants inputs first; the client repeats the request with them.
    InputRequired,
    /// The handle of a task.
    Task,
    /// A kind that is not known.
    Other,
}

/// The parameters of a question, if it has any.
type InputParameters<'a> = Option<&'a Map<String, Value>>;

/// Decides a question, and returns its new parameters as JSON text, or `None` to keep them.
pub type InputRewrite<'r, E> = dyn FnMut(ClientInput, InputParameters<'_>) -> Result<Option<String>, E> + 'r;

// === impl McpAnswer ===

impl McpAnswer {
    /// Reads the kind of a result. An older server does not name it.
    ///
    /// # Errors
    /// [`ShapeError`] if some clients could take the result for another kind.
    pub fn kind(&self) -> Result<ResultKind, ShapeError> {
        let result = self.members();
        exact_keys(result, &["resultType", "inputRequests", "requestState", "taskId"])?;
        match result.get("resultType") {
            Some(Value::String(kind)) if kind == "input_required" => return Ok(ResultKind::InputRequired),
            Some(Value::String(kind)) if kind == "task" => return Ok(ResultKind::Task),
            None => {}
            Some(Value::String(kind)) if kind == "complete" => {}
            Some(Value::String(_)) => return Ok(ResultKind::Other),
            Some(_) => return Err(ShapeError::Type { at: "result.resultType", expected: "a string" }),
        }
        if ["inputRequests", "requestState", "taskId"].iter().any(|member| result.contains_key(*member)) {
            return Err(ShapeError::UnknownPart);
        }
        Ok(ResultKind::Complete)
    }

    /// Reads the requests in a result that wants inputs, and makes the result carry them and the server's state alone. `rewrite` decides
    /// each, and returns its new parameters as JSON text, or `None` to keep them. The first error of `rewrite` is returned.
    ///
    /// # Errors
    /// [`ShapeError`] for a request of an unknown kind, too many requests, a long state, or neither requests nor a state.
    pub fn require<E>(&mut self, rewrite: &mut InputRewrite<'_, E>) -> Result<Result<Vec<ClientInput>, E>, ShapeError> {
        let (kinds, requests) = match self.requests(rewrite)? {
            Ok(requests) => requests,
            Err(error) => return Ok(Err(error)),
        };
        let state = match self.members().get("requestState") {
            None | Some(Value::Null) => None,
            Some(state) if state.as_str().is_some_and(|state| state.len() <= STATE_LENGTH) => Some(state.to_string()),
            Some(_) => {
                return Err(ShapeError::Type {
                    at: "result.requestState",
                    expected: "a string of at most 65,536 bytes",
                });
            }
        };
        if kinds.is_empty() && state.is_none() {
            return Err(ShapeError::Type { at: "result", expected: "with requests or a state" });
        }
        let mut text = r#"{"resultType":"input_required""#.to_owned();
        if !kinds.is_empty() {
            text.push_str(&format!(r#","inputRequests":{requests}"#));
        }
        text.extend(state.map(|state| format!(r#","requestState":{state}"#)));
        text.push('}');
        self.replace(text);
        Ok(Ok(kinds))
    }

    /// Returns the server's own state in a result that wants inputs.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.members().get("requestState")?.as_str()
    }

    /// Replaces the state in a result that wants inputs.
    pub fn carry(&mut self, state: &str) {
        self.set_result_member("requestState", Value::from(state).to_string());
    }

    /// Sets a member of the result to a JSON text. Other changes of the result stay.
    pub(super) fn set_result_member(&mut self, member: &'static str, text: String) {
        let edit = Edit { member, text: Some(text) };
        let result = splice::write(self.result_text().as_bytes(), &Map::new(), &[edit]);
        // The bytes were read as UTF-8.
        self.replace(String::from_utf8(result).unwrap_or_default());
    }

    /// Reads the requests in a result. Returns their kinds, and the JSON text of all with what `rewrite` made of each.
    pub(super) fn requests<E>(
        &self,
        rewrite: &mut InputRewrite<'_, E>,
    ) -> Result<Result<(Vec<ClientInput>, String), E>, ShapeError> {
        let mut kinds = Vec::new();
        let mut texts = Vec::new();
        match self.members().get("inputRequests") {
            None | Some(Value::Null) => {}
            Some(Value::Object(requests)) if requests.len() <= MOST_INPUTS => {
                let text = self.result_text();
                let spans = Span::whole(text.as_bytes()).get("inputRequests");
                for (name, request) in requests {
                    let (kind, params) = required(request)?;
                    kinds.push(kind);
                    let new = match rewrite(kind, params) {
                        Ok(new) => new,
                        Err(error) => return Ok(Err(error)),
                    };
                    let span = spans.and_then(|spans| spans.get(name));
                    let old = || span.and_then(|span| span.get("params")).map_or("{}".into(), Span::text);
                    let params = new.map_or_else(old, Cow::Owned);
                    let (name, method) = (Value::from(name.as_str()), kind.method());
                    texts.push(format!(r#"{name}:{{"method":"{method}","params":{params}}}"#));
                }
            }
            Some(Value::Object(_)) => return Err(ShapeError::TooMany),
            Some(_) => return Err(ShapeError::Type { at: "result.inputRequests", expected: "an object" }),
        }
        Ok(Ok((kinds, format!("{{{}}}", texts.join(",")))))
    }

    /// Changes the answer to a `server/discover`: of the server's words it leaves its name and version alone, and of the revisions those that
    /// are supported. It removes every extension; tasks stay if `keeps_tasks`.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer.
    pub fn discovered(&mut self, keeps_tasks: bool) -> Result<(), ShapeError> {
        let mut result = self.members().clone();
        exact_keys(&result, &["supportedVersions", "capabilities", "cacheScope", "ttlMs", "resultType", "_meta"])?;
        result.retain(|key, _| {
            matches!(key.as_str(), "supportedVersions" | "capabilities" | "ttlMs" | "resultType" | "_meta")
        });
        let Some(Value::Array(versions)) = result.get_mut("supportedVersions") else {
            return Err(ShapeError::Type { at: "result.supportedVersions", expected: "an array" });
        };
        versions.retain(|version| version.as_str().is_some_and(|version| VERSIONS.contains(&version)));
        let named = result.shift_remove("_meta");
        if let Some(Value::Object(mut server)) = named.as_ref().and_then(|meta| meta.get(SERVER)).cloned() {
            server.retain(|key, value| matches!(key.as_str(), "name" | "version") && value.is_string());
            result.insert("_meta".to_owned(), json!({ SERVER: server }));
        }
        let had_tasks = result.get("capabilities").and_then(Value::as_object).is_some_and(names_tasks);
        without_extensions(&mut result);
        if let (true, true, Some(Value::Object(capabilities))) =
            (keeps_tasks, had_tasks, result.get_mut("capabilities"))
        {
            capabilities.insert("extensions".to_owned(), only_tasks());
        }
        result.insert("cacheScope".to_owned(), json!("private"));
        self.replace(Value::Object(result).to_string());
        Ok(())
    }

    /// Lets no cache share a result: it depends on the caller. Other changes of the result stay.
    ///
    /// # Errors
    /// [`ShapeError`] if some clients could read another scope.
    pub fn make_private(&mut self) -> Result<(), ShapeError> {
        exact_keys(self.members(), &["cacheScope"])?;
        if self.members().get("cacheScope").is_none_or(|scope| scope != "private") {
            self.set_result_member("cacheScope", r#""private""#.to_owned());
        }
        Ok(())
    }

    /// Makes the end of a subscription carry nothing but its name.
    pub fn end_subscription(&mut self, id: &Value) {
        self.replace(json!({ "resultType": "complete", "_meta": { SUBSCRIPTION: id } }).to_string());
    }

    /// Returns the subscription of a notification: the id of the request that began it.
    #[must_use]
    pub fn subscription(&self) -> Option<&Value> {
        self.parameters()?.get("_meta")?.get(SUBSCRIPTION)
    }

    /// Returns the members of a complete result that say how it is kept.
    pub(super) fn kept(&self) -> String {
        let ttl = self.members().get("ttlMs").and_then(Value::as_u64).unwrap_or(0).min(LONGEST_TTL);
        format!(r#","resultType":"complete","ttlMs":{ttl},"cacheScope":"private""#)
    }
}

/// Removes the extensions of a server: each may change results or add methods.
pub(super) fn without_extensions(result: &mut Map<String, Value>) -> bool {
    let Some(Value::Object(capabilities)) = result.get_mut("capabilities") else { return false };
    let before = capabilities.len();
    capabilities.retain(|name, _| !folds_to(name, "tasks") && !folds_to(name, "extensions"));
    capabilities.len() < before
}

/// Reads one request of a server inside a result.
fn required(request: &Value) -> Result<(ClientInput, InputParameters<'_>), ShapeError> {
    let Value::Object(members) = request else {
        return Err(ShapeError::Type { at: "result.inputRequests", expected: "made of objects" });
    };
    exact_keys(members, &["method", "params"])?;
    let params = match members.get("params") {
        None => None,
        Some(Value::Object(params)) => Some(params),
        Some(_) => return Err(ShapeError::Type { at: "result.inputRequests.params", expected: "an object" }),
    };
    let method = members.get("method").and_then(Value::as_str).unwrap_or_default();
    let kind = ClientInput::of(method).ok_or(ShapeError::UnknownPart)?;
    Ok((kind, params))
}
