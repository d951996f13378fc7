//! Splits an event if calls in it have to wait: the news to forward at once, and the ends of candidates.

use callgate_json::{Map, Value, splice};
use serde_json::json;

use super::message::Candidate;
use crate::ChoiceIndex;
use crate::checks::is_short;
use crate::framing::sse;

/// Members of an event for each of its parts. `usageMetadata` is for the last part only; other members might repeat a call.
const COMMON: [&str; 5] = ["responseId", "modelVersion", "createTime", "modelStatus", "promptFeedback"];
/// Members that identify the stream, also for events of ours. They are short.
const HEAD: [&str; 3] = ["responseId", "modelVersion", "createTime"];
/// Members of a candidate with a reader of their own, or with a copy of the generated text.
const NOT_REST: [&str; 6] = ["content", "index", "finishReason", "logprobsResult", "avgLogprobs", "tokenCount"];

/// The members that all events of a stream share.
#[derive(Debug, Default)]
pub(super) struct Head {
    common: Map<String, Value>,
}

// === impl Head ===

impl Head {
    pub(super) fn of(body: &Map<String, Value>) -> Head {
        Head { common: head(body) }
    }

    /// An event with one part of a candidate.
    pub(super) fn part(&self, index: ChoiceIndex, part: Value) -> Vec<u8> {
        let mut candidate = Map::new();
        candidate.insert("content".to_owned(), json!({ "parts": [part], "role": "model" }));
        candidate.insert("index".to_owned(), Value::from(index.get()));
        write(self.common.clone(), candidate, None)
    }
}

/// The news of a candidate besides calls and its finish; `None` if there are none.
pub(super) fn said(
    body: &Map<String, Value>,
    candidate: &Candidate<'_>,
    usage: Option<&Value>,
    is_first: bool,
) -> Option<Vec<u8>> {
    let parts: Vec<Value> = candidate.said().cloned().collect();
    let plain = !candidate.has_calls() && candidate.finish.is_empty();
    let mut members = candidate.members.clone();
    if !plain {
        // The finish takes the rest along.
        let goes_with_finish = |key: &str| !candidate.finish.is_empty() || NOT_REST.contains(&key);
        members.retain(|key, _| !goes_with_finish(key));
        if parts.is_empty() && members.is_empty() {
            return None;
        }
    }
    members.insert("content".to_owned(), content(candidate, parts));
    members.insert("index".to_owned(), Value::from(candidate.index.get()));
    Some(write(beside(body, is_first), members, usage))
}

/// The end of a candidate: everything but its parts.
pub(super) fn finish(
    body: &Map<String, Value>,
    candidate: &Candidate<'_>,
    usage: Option<&Value>,
    is_first: bool,
) -> Vec<u8> {
    let mut members = candidate.members.clone();
    members.shift_remove("logprobsResult");
    members.insert("content".to_owned(), content(candidate, Vec::new()));
    members.insert("index".to_owned(), Value::from(candidate.index.get()));
    write(beside(body, is_first), members, usage)
}

/// Members of an event for one of its parts. Only the first part gets the long ones.
fn beside(body: &Map<String, Value>, is_first: bool) -> Map<String, Value> {
    if is_first { common(body, &COMMON) } else { head(body) }
}

fn head(body: &Map<String, Value>) -> Map<String, Value> {
    let mut head = common(body, &HEAD);
    head.retain(|_, value| is_short(value));
    head
}

/// A content of these parts. One without parts makes clients drop the turn from their history (`google-genai`, `chats.py`), so
/// it gets an empty text, as the API's own last events have.
fn content(candidate: &Candidate<'_>, mut parts: Vec<Value>) -> Value {
    if parts.is_empty() {
        parts.push(json!({ "text": "" }));
    }
    let role = if candidate.role.is_empty() { "model" } else { candidate.role };
    json!({ "parts": parts, "role": role })
}

fn common(body: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    body.iter()
        .filter(|(key, value)| keys.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn write(common: Map<String, Value>, candidate: Map<String, Value>, usage: Option<&Value>) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("candidates".to_owned(), Value::Array(vec![Value::Object(candidate)]));
    body.extend(usage.map(|usage| ("usageMetadata".to_owned(), usage.clone())));
    body.extend(common);
    let mut text = Vec::with_capacity(256);
    splice::append(&mut text, &Value::Object(body));
    sse::event(None, &text)
}
