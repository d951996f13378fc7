//! The recordings, as they are read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use callgate_wire::framing::Decoder;
use callgate_wire::{Row, Target};
use serde_json::Value;

/// One recorded exchange.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) id: String,
    dialect: String,
    pub(crate) request: Value,
    /// The request's bytes as they were sent.
    pub(crate) request_body: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) streamed: bool,
    /// The calls a reader must find, without those run by the provider.
    pub(crate) calls: Vec<Call>,
    /// Names of the declared functions.
    pub(crate) declared: Vec<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

pub(crate) fn recordings() -> Option<Vec<Recording>> {
    let folder = std::env::var_os("CALLGATE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = File::open(folder.join("recorded.jsonl.gz")) else {
        println!("SKIPPED: no recorded.jsonl.gz in {}", folder.display());
        return None;
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    Some(lines.map(|line| Recording::read(&serde_json::from_str(&line.unwrap()).unwrap())).collect())
}

// === impl Recording ===

impl Recording {
    fn read(line: &Value) -> Self {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| line[key].as_array().cloned().unwrap_or_default();
        let call = |call: &Value| {
            let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
            Call { id: text("id"), name: text("name"), arguments: text("arguments") }
        };
        let function = |call: &&Value| !call["kind"].as_str().unwrap_or_default().starts_with("hosted:");
        // If only the answer was recorded, the request is the smallest one it could answer.
        let (request, request_body) = match &line["request"] {
            Value::Null => {
                let least = least(&text("dialect"), line["streamed"] == true);
                (least.clone(), least.to_string().into_bytes())
            }
            request => (request.clone(), text("request_raw").into_bytes()),
        };
        Self {
            id: text("id"),
            dialect: text("dialect"),
            request,
            request_body,
            status: u16::try_from(line["status"].as_u64().unwrap()).unwrap(),
            body: text("response_body").into_bytes(),
            streamed: line["streamed"] == true,
            calls: list("tool_calls").iter().filter(function).map(call).collect(),
            declared: list("declared_tools").iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        }
    }

    /// Returns true for an exchange of that dialect.
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        let key = match self.dialect.as_str() {
            "openai-chat" => "chatCompletions",
            "openai-responses" => "responses",
            "anthropic-messages" => "messages",
            other => other,
        };
        key == row.key
    }

    /// The declared functions with their schemas, wherever the dialect puts them.
    pub(crate) fn functions(&self) -> Vec<(String, Value)> {
        let list = |key: &str| self.request[key].as_array().cloned().unwrap_or_default();
        let functions = list("tools").into_iter().map(|tool| tool.get("function").cloned().unwrap_or(tool));
        let schema = |function: &Value| {
            let found = ["parameters", "input_schema"].iter().find_map(|key| function.get(*key));
            // A function without a schema takes no arguments. A request refused by the API may have a schema no contract accepts;
            // it has no call to decide.
            found
                .filter(|schema| !schema.is_null() && self.status == 200)
                .cloned()
                .unwrap_or_else(|| serde_json::json!({ "type": "object" }))
        };
        functions
            .chain(list("functions"))
            .filter_map(|function| Some((function["name"].as_str()?.to_owned(), schema(&function))))
            .filter(|(name, _)| self.declared.contains(name))
            .collect()
    }

    /// The body up to the answer's own end, without the `[DONE]` that some gateways add after it.
    pub(crate) fn answer(&self) -> &[u8] {
        let position = |from: usize, wanted: &[u8]| {
            self.body[from..].windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
        };
        let last = position(0, b"event: message_stop").filter(|_| self.dialect == "anthropic-messages");
        let end = last.and_then(|last| position(last, b"\n\n")).map_or(self.body.len(), |end| end + 2);
        &self.body[..end]
    }

    /// The same turn as a stream, in the events with which the dialect sends a whole answer.
    pub(crate) fn streamed_again(&self, row: &Row) -> Recording {
        let mut request = self.request.clone();
        request["stream"] = Value::Bool(true);
        let request_body = request.to_string().into_bytes();
        let dialect = row.dialect().unwrap();
        let read = dialect.request(&Target::new(row.paths[0]), &request_body).unwrap();
        let mut stream = dialect.stream(&*read);
        // A turn without content. Its end is held back while the content of the answer is written.
        let (mut body, held) = self.empty_turn();
        let mut frames = Vec::new();
        Decoder::new(dialect.framing(), usize::MAX).push(&[body.as_slice(), &held].concat(), &mut frames).unwrap();
        for frame in frames {
            stream.read(frame).unwrap();
        }
        body.extend(stream.append(&self.body));
        Recording { request, request_body, body, streamed: true, ..self.clone() }
    }

    /// The first event of this answer's stream, if the dialect has one, and its last, if that repeats the first.
    fn empty_turn(&self) -> (Vec<u8>, Vec<u8>) {
        let answer: Value = serde_json::from_slice(&self.body).unwrap();
        let event = |kind: &str, number: u32, member: &str, value: Value| {
            let event = serde_json::json!({ "type": kind, "sequence_number": number, member: value });
            format!("event: {kind}\ndata: {event}\n\n").into_bytes()
        };
        match self.dialect.as_str() {
            "anthropic-messages" => {
                let message = serde_json::json!({
                    "id": answer["id"], "type": "message", "role": "assistant", "model": answer["model"], "content": [],
                    "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 },
                });
                (event("message_start", 0, "message", message), Vec::new())
            }
            "openai-responses" => {
                let response = |status: &str| serde_json::json!({ "id": answer["id"], "object": "response", "status": status, "output": [] });
                (
                    event("response.created", 0, "response", response("in_progress")),
                    event("response.completed", 1, "response", response("completed")),
                )
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// Returns true if the recording has the answer's own end.
    pub(crate) fn is_complete(&self) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        let ends =
            ["[DONE]", "\"message_stop\"", "\"response.completed\"", "\"response.incomplete\"", "\"response.failed\""];
        !self.streamed || ends.iter().any(|end| body.contains(end))
    }
}

/// A request without declared functions.
fn least(dialect: &str, stream: bool) -> Value {
    let mut request = serde_json::json!({ "model": "recorded", "stream": stream });
    match dialect {
        "openai-responses" => request["input"] = Value::from(""),
        "anthropic-messages" => {
            request["max_tokens"] = Value::from(1);
            // One of these answers searched.
            request["tools"] = serde_json::json!([{ "type": "web_search_20250305", "name": "web_search" }]);
            request["messages"] = Value::Array(Vec::new());
        }
        _ => {
            request["messages"] = Value::Array(Vec::new());
            // How many choices were asked for is not known of them; an answer may have fewer.
            request["n"] = Value::from(8);
        }
    }
    request
}
