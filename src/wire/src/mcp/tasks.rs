//! Tasks: a handle in place of the result of a call. The result comes by a later `tasks/get`.
//!
//! Source: SEP-2663, the extension `io.modelcontextprotocol/tasks` of revision 2026-07-28. The experimental tasks of 2025-11-25 are not
//! read.

use callgate_json::{Map, Span, Value, span};
use serde_json::json;

use super::required::SUBSCRIPTION;
use super::stated::CAPABILITIES;
use super::{InputRewrite, McpAnswer, McpRequest};
use crate::ShapeError;
use crate::checks::exact_keys;

/// The extension's name.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

/// The maximum bytes of a server's identifier of a task.
const ID_LENGTH: usize = 1024;
/// The maximum bytes of a server's words about a task. Longer ones are left out.
const WORDS_LENGTH: usize = 4096;
/// The maximum bytes of a time stamp.
const TIME_LENGTH: usize = 64;
const STATUSES: [(&str, TaskStatus); 5] = [
    ("working", TaskStatus::Working),
    ("input_required", TaskStatus::InputRequired),
    ("completed", TaskStatus::Completed),
    ("failed", TaskStatus::Failed),
    ("cancelled", TaskStatus::Cancelled),
];

/// The status of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// The tool runs.
    Working,
    /// The server waits for inputs of the client.
    InputRequired,
    /// The result is there.
    Completed,
    /// There is an error in place of a result.
    Failed,
    /// The tool was stopped.
    Cancelled,
}

/// A task in an answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// The server's identifier: 1 to 1,024 bytes.
    pub id: String,
    /// Its status.
    pub status: TaskStatus,
}

/// The member that belongs to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskPart {
    /// `result`, of a completed task.
    Result,
    /// `error`, of a failed one.
    Error,
    /// `inputRequests`, of one that waits for inputs.
    Inputs,
}

// === impl TaskPart ===

impl TaskPart {
    fn member(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Error => "error",
            Self::Inputs => "inputRequests",
        }
    }
}

// === impl McpRequest ===

impl McpRequest {
    /// Returns true if the client states that it reads tasks.
    #[must_use]
    pub fn states_tasks(&self) -> bool {
        let capabilities = self.object("_meta").and_then(|meta| meta.get(CAPABILITIES)?.as_object());
        capabilities.is_some_and(names_tasks)
    }

    /// Replaces the identifier of a task.
    pub fn set_task(&mut self, id: &str) {
        self.edit_params("taskId", Value::from(id).to_string());
    }

    /// Replaces the identifiers of the tasks of which a subscription tells.
    pub fn set_subscribed_tasks(&mut self, ids: &[&str]) {
        let Some(filter) = self.object("notifications") else { return };
        let mut filter = filter.clone();
        filter.insert("taskIds".to_owned(), json!(ids));
        self.edit_params("notifications", Value::Object(filter).to_string());
    }

    /// Replaces the state that a client carries for a server, or removes it.
    pub fn set_state(&mut self, state: Option<&str>) {
        match state {
            Some(state) => self.edit_params("requestState", Value::from(state).to_string()),
            None => self.remove_param("requestState"),
        }
    }
}

// === impl McpAnswer ===

impl McpAnswer {
    /// Reads the task in a result: in place of a call's, or of a `tasks/get`.
    ///
    /// # Errors
    /// [`ShapeError`] for a result without a task, or with one that some clients could read in another way.
    pub fn task(&self) -> Result<TaskState, ShapeError> {
        let result = self.members();
        exact_keys(result, &["resultType", "taskId", "status", "result", "error", "inputRequests"])?;
        let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("taskId");
        if id.is_empty() || id.len() > ID_LENGTH {
            return Err(ShapeError::Type { at: "result.taskId", expected: "a string of 1 to 1,024 bytes" });
        }
        let status = text("status");
        let status = STATUSES.iter().find(|(name, _)| *name == status).map(|(_, status)| *status);
        let status = status.ok_or(ShapeError::Type { at: "result.status", expected: "a status of a task" })?;
        Ok(TaskState { id: id.to_owned(), status })
    }

    /// Returns a part of a task as a message of its own: the result or the error that the call would have had.
    ///
    /// # Errors
    /// [`ShapeError`] if it is missing or no such message.
    pub fn task_part(&self, part: TaskPart) -> Result<McpAnswer, ShapeError> {
        let text = self.result_text();
        let Some(part_text) = span::member(text.as_bytes(), part.member()) else {
            return Err(ShapeError::Type { at: "result", expected: "with the member of its status" });
        };
        let (member, part_text) = (part.member(), Span::new(part_text).text());
        let unread = ShapeError::Type { at: "result", expected: "with a result or an error of JSON-RPC" };
        McpAnswer::read(format!(r#"{{"jsonrpc":"2.0","id":0,"{member}":{part_text}}}"#).as_bytes()).map_err(|_| unread)
    }

    /// Decides the questions of a task that waits for inputs, and returns them as JSON text. See [`McpAnswer::require`].
    ///
    /// # Errors
    /// As [`McpAnswer::require`], and for a task without questions.
    pub fn task_inputs<E>(&self, rewrite: &mut InputRewrite<'_, E>) -> Result<Result<String, E>, ShapeError> {
        let (kinds, text) = match self.requests(rewrite)? {
            Ok(requests) => requests,
            Err(error) => return Ok(Err(error)),
        };
        if kinds.is_empty() {
            return Err(ShapeError::Type { at: "result.inputRequests", expected: "there" });
        }
        Ok(Ok(text))
    }

    /// Makes the result tell of a task and nothing else: its status, times and words. It has no part until
    /// [`McpAnswer::set_task_part`], and no name until [`McpAnswer::name_task`]. A notification has no type.
    pub fn tell_task(&mut self, result_type: Option<&str>) {
        let kind = result_type.map(|kind| format!(r#""resultType":"{kind}""#)).unwrap_or_default();
        let told = told(self.members());
        let told = if kind.is_empty() { told.trim_start_matches(',') } else { &told };
        self.replace(format!("{{{kind}{told}}}"));
    }

    /// Gives the task of a result this part, a JSON text.
    pub fn set_task_part(&mut self, part: TaskPart, text: &str) {
        self.set_result_member(part.member(), text.to_owned());
    }

    /// Gives the task of a result this name.
    pub fn name_task(&mut self, name: &str) {
        self.set_result_member("taskId", Value::from(name).to_string());
    }

    /// Returns the JSON text of an error.
    #[must_use]
    pub fn error_text(&self) -> String {
        self.error_members().map(|error| Value::Object(error.clone()).to_string()).unwrap_or_default()
    }

    /// Reads a notification of a task's state as the answer to a `tasks/get`.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another message.
    pub fn notified_task(&self) -> Result<McpAnswer, ShapeError> {
        let unread = ShapeError::Type { at: "params", expected: "the state of a task" };
        let params = self.params_text().ok_or(unread)?;
        McpAnswer::read(format!(r#"{{"jsonrpc":"2.0","id":0,"result":{params}}}"#).as_bytes()).map_err(|_| unread)
    }

    /// Replaces the parameters of a notification in the subscription of this id with the state of a task.
    pub fn notify_task(&mut self, id: &Value, mut task: McpAnswer) {
        task.set_result_member("_meta", json!({ SUBSCRIPTION: id }).to_string());
        self.replace_params(task.result_text().into_owned());
    }

    /// Makes the confirmation of the subscription of this id carry its filter alone, with other names for its tasks. A task without one is
    /// left out.
    pub fn confirm_tasks(&mut self, id: &Value, name: &dyn Fn(&str) -> Option<String>) {
        let filter = self.parameters().and_then(|params| params.get("notifications")?.as_object());
        let mut confirmed = Map::new();
        for (member, value) in filter.into_iter().flatten() {
            let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
            let value = match member.as_str() {
                "toolsListChanged" | "promptsListChanged" | "resourcesListChanged" if value.is_boolean() => {
                    value.clone()
                }
                "resourceSubscriptions" => texts().collect(),
                "taskIds" => texts().filter_map(name).collect(),
                _ => continue,
            };
            confirmed.insert(member.clone(), value);
        }
        self.replace_params(json!({ "_meta": { SUBSCRIPTION: id }, "notifications": confirmed }).to_string());
    }

    /// Makes the result say nothing but that it is complete.
    pub fn acknowledge(&mut self) {
        self.replace(r#"{"resultType":"complete"}"#.to_owned());
    }
}

/// Returns the members of a task that say how far it is, each with a comma before it.
fn told(result: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in result {
        let is_told = match (name.as_str(), value) {
            ("status", Value::String(_)) => true,
            ("statusMessage", Value::String(words)) => words.len() <= WORDS_LENGTH,
            ("createdAt" | "lastUpdatedAt", Value::String(time)) => time.len() <= TIME_LENGTH,
            ("ttlMs", Value::Null) => true,
            ("ttlMs" | "pollIntervalMs", Value::Number(number)) => number.is_u64(),
            _ => false,
        };
        if is_told {
            text.push_str(&format!(r#","{name}":{value}"#));
        }
    }
    text
}

/// Returns true if capabilities name the extension. It has no settings.
pub(super) fn names_tasks(capabilities: &Map<String, Value>) -> bool {
    capabilities.get("extensions").and_then(|extensions| extensions.get(TASKS)).is_some_and(Value::is_object)
}

/// Returns the extensions of a side that has tasks and no other.
pub(super) fn only_tasks() -> Value {
    let tasks = Map::from_iter([(TASKS.to_owned(), Value::Object(Map::new()))]);
    Value::Object(tasks)
}
