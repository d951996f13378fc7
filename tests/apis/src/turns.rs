//! One turn without calls in every API, whole and streamed, with a usage of the test's own. APIs go by their names in configuration.

use serde_json::{Value, json};

use crate::event_stream::event;

/// Path and body of a request.
#[must_use]
pub fn request(api: &str, model: &str, streams: bool) -> (String, Value) {
    let (path, body) = match api {
        "chatCompletions" => (
            "/v1/chat/completions".to_owned(),
            json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }], "stream": streams }),
        ),
        "responses" => ("/v1/responses".to_owned(), json!({ "model": model, "input": "hi", "stream": streams })),
        "messages" => (
            "/v1/messages".to_owned(),
            json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 9, "stream": streams }),
        ),
        "gemini" => {
            let method = if streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
            (
                format!("/v1beta/models/{model}:{method}"),
                json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] }),
            )
        }
        "ollama" => (
            "/api/chat".to_owned(),
            json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }], "stream": streams }),
        ),
        "converse" => {
            let method = if streams { "converse-stream" } else { "converse" };
            (
                format!("/model/{model}/{method}"),
                json!({ "messages": [{ "role": "user", "content": [{ "text": "hi" }] }] }),
            )
        }
        other => panic!("{other}"),
    };
    (path, body)
}

/// The media type of a stream.
#[must_use]
pub fn media(api: &str) -> &'static str {
    match api {
        "ollama" => "application/x-ndjson",
        "converse" => "application/vnd.amazon.eventstream",
        _ => "text/event-stream",
    }
}

#[must_use]
pub fn data(events: &[Value]) -> Vec<u8> {
    events.iter().flat_map(|event| format!("data: {event}\n\n").into_bytes()).collect()
}

/// A whole answer that says `Rome.`, with this usage.
#[must_use]
pub fn answer(api: &str, usage: &Value) -> Vec<u8> {
    let body = match api {
        "chatCompletions" => {
            json!({ "id": "c", "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Rome." }, "finish_reason": "stop" }], "usage": usage })
        }
        "responses" => json!({ "id": "r", "status": "completed", "output": [message()], "usage": usage }),
        "messages" => {
            json!({ "id": "m", "type": "message", "role": "assistant", "content": [{ "type": "text", "text": "Rome." }], "stop_reason": "end_turn", "usage": usage })
        }
        "gemini" => {
            json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "Rome." }] }, "finishReason": "STOP", "index": 0 }], "usageMetadata": usage })
        }
        "ollama" => {
            let mut body = json!({ "model": "m", "message": { "role": "assistant", "content": "Rome." }, "done": true, "done_reason": "stop" });
            body.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
            body
        }
        "converse" => {
            json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "Rome." }] } }, "stopReason": "end_turn", "usage": usage })
        }
        other => panic!("{other}"),
    };
    body.to_string().into_bytes()
}

fn message() -> Value {
    json!({ "id": "i", "type": "message", "role": "assistant", "status": "completed", "content": [{ "type": "output_text", "text": "Rome.", "annotations": [] }] })
}

/// The same turn as a stream.
#[must_use]
pub fn stream(api: &str, usage: &Value) -> Vec<u8> {
    match api {
        "chatCompletions" => {
            let chunk = |delta: Value, finish: Value| json!({ "id": "c", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }], "usage": null });
            let mut bytes = data(&[
                chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
                chunk(json!({ "content": "Ro" }), Value::Null),
                chunk(json!({ "content": "me." }), Value::Null),
                chunk(json!({}), json!("stop")),
                json!({ "id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage }),
            ]);
            bytes.extend_from_slice(b"data: [DONE]\n\n");
            bytes
        }
        "responses" => data(&[
            json!({ "type": "response.created", "response": { "id": "r", "output": [], "usage": null } }),
            json!({ "type": "response.output_item.added", "output_index": 0, "item": { "id": "i", "type": "message", "role": "assistant", "content": [] } }),
            json!({ "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "Ro" }),
            json!({ "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "me." }),
            json!({ "type": "response.output_item.done", "output_index": 0, "item": message() }),
            json!({ "type": "response.completed", "response": { "id": "r", "status": "completed", "output": [message()], "usage": usage } }),
        ]),
        // The begin has the input, and the end the output.
        "messages" => data(&[
            json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant", "content": [], "usage": with(usage, "output_tokens", 1) } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Ro" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "me." } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": usage.get("output_tokens") } }),
            json!({ "type": "message_stop" }),
        ]),
        // Every event has counts, and the last one's are the turn's.
        "gemini" => {
            let event = |text: &str, usage: Value| json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0 }], "usageMetadata": usage });
            let early = |count: u64| with(&with(usage, "candidatesTokenCount", count), "totalTokenCount", count);
            let mut last = event("", usage.clone());
            last["candidates"][0]["finishReason"] = json!("STOP");
            data(&[event("R", early(1)), event("o", early(2)), event("me.", early(3)), last])
        }
        "ollama" => {
            let line = |text: &str| {
                format!(
                    "{}\n",
                    json!({ "model": "m", "message": { "role": "assistant", "content": text }, "done": false })
                )
            };
            let mut end = json!({ "model": "m", "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": "stop" });
            end.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
            format!("{}{}{end}\n", line("Ro"), line("me.")).into_bytes()
        }
        "converse" => [
            event("messageStart", &json!({ "role": "assistant" })),
            event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "Ro" } })),
            event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "me." } })),
            event("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
            event("messageStop", &json!({ "stopReason": "end_turn" })),
            event("metadata", &json!({ "metrics": { "latencyMs": 1 }, "usage": usage })),
        ]
        .concat(),
        other => panic!("{other}"),
    }
}

fn with(usage: &Value, member: &str, count: u64) -> Value {
    let mut usage = usage.clone();
    if let Some(old) = usage.get_mut(member) {
        *old = json!(count);
    }
    usage
}
