//! The same conversations and calls in every API.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate};
use callgate_test_apis::event_stream::event;
use callgate_test_apis::{anthropic_messages, openai_responses};
use serde_json::{Value, json};

use crate::at_path;
use crate::common::{answered, begun, feed};

pub(crate) const MODEL: &str = "m-1";

/// A step of a conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    User,
    Says,
    /// A call of a tool, with an id.
    Calls(&'static str, &'static str),
    /// A result for the call with that id, of a tool.
    Results(&'static str, &'static str),
}

use Step::{Calls, Results, Says, User};

/// A call in an answer: id, tool, arguments.
pub(crate) type Call<'c> = (&'c str, &'c str, &'c Value);

/// One API.
pub(crate) struct Api {
    pub(crate) name: &'static str,
    /// The path of a request for a whole answer, or for a stream.
    pub(crate) path: fn(bool) -> String,
    pub(crate) media: &'static str,
    pub(crate) request: fn(&[Step], bool) -> Value,
    pub(crate) answer: fn(&[Call<'_>]) -> Value,
    pub(crate) stream: fn(&[Call<'_>]) -> Vec<u8>,
}

// === impl Api ===

impl Api {
    /// Sends a request with these steps, which is forwarded.
    pub(crate) fn sent(&self, gate: &Rc<Gate>, role: &str, steps: &[Step], stream: bool) -> Exchange {
        let path = (self.path)(stream);
        let (exchange, effect) = at_path::send(gate, role, &path, &(self.request)(steps, stream));
        assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", self.name);
        exchange
    }

    /// Gives the model's answer with these calls. Returns the last effect, with all that the client gets of a stream.
    pub(crate) fn answered(&self, exchange: &mut Exchange, calls: &[Call<'_>], stream: bool) -> Effect {
        if !stream {
            return answered(exchange, &(self.answer)(calls));
        }
        assert_eq!(begun(exchange, self.media), Effect::BeginStream);
        let (out, other) = feed(exchange, &(self.stream)(calls), &[usize::MAX]);
        other.unwrap_or(Effect::Finish(out))
    }
}

pub(crate) const APIS: [Api; 6] = [
    Api {
        name: "Chat Completions",
        path: |_| "/v1/chat/completions".to_owned(),
        media: "text/event-stream",
        request: |steps, stream| {
            let message = |step: &Step| match *step {
                User => json!({"role": "user", "content": "hello"}),
                Says => json!({"role": "assistant", "content": "well"}),
                Calls(id, name) => json!({"role": "assistant", "tool_calls": [crate::common::call(id, name, "{}")]}),
                Results(id, _) => json!({"role": "tool", "tool_call_id": id, "content": "text"}),
            };
            let messages: Vec<Value> = steps.iter().map(message).collect();
            json!({"model": MODEL, "stream": stream, "messages": messages})
        },
        answer: |calls| crate::common::answer(Value::Null, &chat_calls(calls)),
        stream: |calls| crate::common::stream(&[], &chat_calls(calls), 3),
    },
    Api {
        name: "Responses",
        path: |_| "/v1/responses".to_owned(),
        media: "text/event-stream",
        request: |steps, stream| {
            let item = |step: &Step| match *step {
                User => json!({"role": "user", "content": "hello"}),
                Says => json!({"role": "assistant", "content": "well"}),
                Calls(id, name) => json!({"type": "function_call", "call_id": id, "name": name, "arguments": "{}"}),
                Results(id, _) => json!({"type": "function_call_output", "call_id": id, "output": "text"}),
            };
            let input: Vec<Value> = steps.iter().map(item).collect();
            json!({"model": MODEL, "stream": stream, "input": input})
        },
        answer: |calls| openai_responses::response(&response_calls(calls)),
        stream: |calls| openai_responses::stream(&response_calls(calls), 3).into_bytes(),
    },
    Api {
        name: "Messages",
        path: |_| "/v1/messages".to_owned(),
        media: "text/event-stream",
        request: |steps, stream| {
            let message = |step: &Step| match *step {
                User => json!({"role": "user", "content": "hello"}),
                Says => json!({"role": "assistant", "content": [{"type": "text", "text": "well"}]}),
                Calls(id, name) => json!({"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "tool_use", "id": id, "name": name, "input": {}}]}),
                Results(id, _) => {
                    json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "text"}]})
                }
            };
            let messages: Vec<Value> = steps.iter().map(message).collect();
            json!({"model": MODEL, "max_tokens": 9, "stream": stream, "messages": messages})
        },
        answer: messages_answer,
        stream: |calls| anthropic_messages::stream(&messages_answer(calls), &[], 3),
    },
    Api {
        name: "Gemini",
        path: |stream| match stream {
            true => format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"),
            false => format!("/v1beta/models/{MODEL}:generateContent"),
        },
        media: "text/event-stream",
        request: |steps, _| {
            let content = |step: &Step| match *step {
                User => json!({"role": "user", "parts": [{"text": "hello"}]}),
                Says => json!({"role": "model", "parts": [{"text": "well"}]}),
                // Clients of this API send no ids.
                Calls(_, name) => {
                    json!({"role": "model", "parts": [{"functionCall": {"name": name, "args": {}}, "thoughtSignature": "s"}]})
                }
                Results(_, name) => {
                    json!({"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"a": 1}}}]})
                }
            };
            json!({"contents": steps.iter().map(content).collect::<Vec<Value>>()})
        },
        answer: gemini_answer,
        stream: |calls| format!("data: {}\r\n\r\n", gemini_answer(calls)).into_bytes(),
    },
    Api {
        name: "Ollama",
        path: |_| "/api/chat".to_owned(),
        media: "application/x-ndjson",
        request: |steps, stream| {
            let message = |step: &Step| match *step {
                User => json!({"role": "user", "content": "hello"}),
                Says => json!({"role": "assistant", "content": "well"}),
                Calls(_, name) => {
                    json!({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": name, "arguments": {}}}]})
                }
                Results(_, name) => json!({"role": "tool", "tool_name": name, "content": "text"}),
            };
            let messages: Vec<Value> = steps.iter().map(message).collect();
            json!({"model": MODEL, "stream": stream, "messages": messages})
        },
        answer: |calls| ollama_line(calls, true),
        stream: |calls| format!("{}\n{}\n", ollama_line(calls, false), ollama_line(&[], true)).into_bytes(),
    },
    Api {
        name: "Converse",
        path: |stream| format!("/model/{MODEL}/converse{}", if stream { "-stream" } else { "" }),
        media: "application/vnd.amazon.eventstream",
        request: |steps, _| {
            let message = |step: &Step| match *step {
                User => json!({"role": "user", "content": [{"text": "hello"}]}),
                Says => json!({"role": "assistant", "content": [{"text": "well"}]}),
                Calls(id, name) => json!({"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                    {"toolUse": {"toolUseId": id, "name": name, "input": {}}}]}),
                Results(id, _) => json!({"role": "user", "content": [
                    {"toolResult": {"toolUseId": id, "content": [{"text": "text"}]}}]}),
            };
            json!({"messages": steps.iter().map(message).collect::<Vec<Value>>()})
        },
        answer: |calls| {
            let used = |call: &Call<'_>| json!({"toolUse": {"toolUseId": call.0, "name": call.1, "input": call.2}});
            let content: Vec<Value> = calls.iter().map(used).collect();
            json!({
                "output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use",
                "usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}, "metrics": {"latencyMs": 3},
            })
        },
        stream: converse_stream,
    },
];

fn chat_calls(calls: &[Call<'_>]) -> Vec<Value> {
    calls.iter().map(|(id, name, arguments)| crate::common::call(id, name, &arguments.to_string())).collect()
}

fn response_calls(calls: &[Call<'_>]) -> Vec<Value> {
    calls.iter().map(|(id, name, arguments)| openai_responses::call(id, name, &arguments.to_string())).collect()
}

fn messages_answer(calls: &[Call<'_>]) -> Value {
    let used = |call: &Call<'_>| json!({"type": "tool_use", "id": call.0, "name": call.1, "input": call.2});
    let content: Vec<Value> = calls.iter().map(used).collect();
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 5, "output_tokens": 7},
    })
}

fn gemini_answer(calls: &[Call<'_>]) -> Value {
    let part = |call: &Call<'_>| json!({"functionCall": {"name": call.1, "args": call.2}});
    let parts: Vec<Value> = calls.iter().map(part).collect();
    json!({
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 12}, "modelVersion": MODEL, "responseId": "r1",
    })
}

fn ollama_line(calls: &[Call<'_>], done: bool) -> Value {
    let call = |call: &Call<'_>| json!({"function": {"name": call.1, "arguments": call.2}});
    let mut message = json!({"role": "assistant", "content": ""});
    if !calls.is_empty() {
        message["tool_calls"] = calls.iter().map(call).collect();
    }
    json!({"model": MODEL, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done, "done_reason": "stop"})
}

fn converse_stream(calls: &[Call<'_>]) -> Vec<u8> {
    let mut bytes = event("messageStart", &json!({"role": "assistant", "p": "abcd"}));
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        let start = json!({"toolUse": {"toolUseId": id, "name": name}});
        let delta = json!({"toolUse": {"input": arguments.to_string()}});
        bytes.extend(event("contentBlockStart", &json!({"contentBlockIndex": index, "start": start})));
        bytes.extend(event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta, "p": "abc"})));
        bytes.extend(event("contentBlockStop", &json!({"contentBlockIndex": index})));
    }
    bytes.extend(event("messageStop", &json!({"stopReason": "tool_use", "p": "a"})));
    let usage = json!({"inputTokens": 5, "outputTokens": 7, "totalTokens": 12});
    bytes.extend(event("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 3}})));
    bytes
}
