//! One turn in every dialect, whole and streamed: a text and two calls of `f`, with the arguments `FIRST` and `SECOND`.

use callgate_test_apis::{anthropic_messages, openai_responses};
use callgate_wire::DIALECTS;
use serde_json::{Value, json};

use crate::text_deltas::samples::framed;

pub(crate) const FIRST: &str = r#"{"a":"FIRST"}"#;
pub(crate) const SECOND: &str = r#"{"a":"SECOND"}"#;

/// A dialect's paths, and the turn in its words.
pub(crate) struct Sample {
    pub(crate) key: &'static str,
    pub(crate) paths: [&'static str; 2],
    pub(crate) request: Value,
    pub(crate) whole: Value,
    pub(crate) stream: Vec<u8>,
    pub(crate) media: &'static str,
}

pub(crate) fn samples() -> Vec<Sample> {
    vec![chat(), responses(), messages(), gemini(), ollama(), converse()]
}

pub(crate) fn sample(key: &str) -> Sample {
    samples().into_iter().find(|sample| sample.key == key).unwrap()
}

/// Builds a sample. `events` has one event a line.
fn of(key: &'static str, paths: [&'static str; 2], request: Value, whole: Value, events: &[String]) -> Sample {
    let row = DIALECTS.iter().find(|row| row.key == key).unwrap();
    let framing = row.dialect().unwrap().framing();
    let stream = events.iter().flat_map(|event| framed(framing, event)).collect();
    Sample { key, paths, request, whole, stream, media: framing.media_type() }
}

fn chat() -> Sample {
    let call =
        |id: &str, text: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": text } });
    let part = |index: u32, delta: Value| {
        let mut call = delta;
        call["index"] = json!(index);
        json!({ "tool_calls": [call] })
    };
    let event = |delta: Value, finish: Value| {
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
        .to_string()
    };
    let mut events = vec![event(json!({ "role": "assistant", "content": "Hi" }), Value::Null)];
    for (index, (id, text)) in [("c1", FIRST), ("c2", SECOND)].into_iter().enumerate() {
        let index = u32::try_from(index).unwrap();
        events.push(event(part(index, call(id, "")), Value::Null));
        events.push(event(part(index, json!({ "function": { "arguments": text } })), Value::Null));
    }
    events.push(event(json!({}), json!("tool_calls")));
    events.push(
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
            "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 } })
        .to_string(),
    );
    events.push("[DONE]".to_owned());
    let message =
        json!({ "role": "assistant", "content": "Hi", "tool_calls": [call("c1", FIRST), call("c2", SECOND)] });
    let whole = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }] });
    let request = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] });
    of("chatCompletions", ["/v1/chat/completions"; 2], request, whole, &events)
}

fn responses() -> Sample {
    use openai_responses::{call, message, response, stream};
    let turn = [message("Hi"), call("c1", "f", FIRST), call("c2", "f", SECOND)];
    let sample = of("responses", ["/v1/responses"; 2], json!({ "model": "m", "input": "a" }), response(&turn), &[]);
    Sample { stream: stream(&turn, 3).into_bytes(), ..sample }
}

fn messages() -> Sample {
    let used = |id: &str, text: &str| json!({ "type": "tool_use", "id": id, "name": "f", "input": serde_json::from_str::<Value>(text).unwrap() });
    let whole = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{ "type": "text", "text": "Hi" }, used("c1", FIRST), used("c2", SECOND)],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": { "input_tokens": 5, "output_tokens": 7 } });
    let request = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "a" }] });
    let sample = of("messages", ["/v1/messages"; 2], request, whole.clone(), &[]);
    Sample { stream: anthropic_messages::stream(&whole, &[], 4), ..sample }
}

fn gemini() -> Sample {
    let part =
        |text: &str| json!({ "functionCall": { "name": "f", "args": serde_json::from_str::<Value>(text).unwrap() } });
    let turn = |parts: &[Value], finish: Value| {
        json!({ "candidates": [{ "content": { "parts": parts, "role": "model" }, "finishReason": finish, "index": 0 }],
            "usageMetadata": { "promptTokenCount": 5, "totalTokenCount": 12 }, "modelVersion": "m", "responseId": "r1" })
    };
    let parts = [json!({ "text": "Hi" }), part(FIRST), part(SECOND)];
    let mut events: Vec<String> = Vec::new();
    for part in &parts {
        let mut event = turn(std::slice::from_ref(part), Value::Null);
        event["candidates"][0].as_object_mut().unwrap().remove("finishReason");
        events.push(event.to_string());
    }
    events.push(turn(&[], json!("STOP")).to_string());
    let paths = ["/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"];
    let request = json!({ "contents": [{ "role": "user", "parts": [{ "text": "a" }] }] });
    of("gemini", paths, request, turn(&parts, json!("STOP")), &events)
}

fn ollama() -> Sample {
    let call =
        |text: &str| json!({ "function": { "name": "f", "arguments": serde_json::from_str::<Value>(text).unwrap() } });
    let line = |message: Value, done: bool| {
        let mut line = json!({ "model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done });
        if done {
            line["done_reason"] = json!("stop");
        }
        line
    };
    let said = |content: &str, calls: &[Value]| {
        let mut message = json!({ "role": "assistant", "content": content });
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        message
    };
    let events = [
        line(said("Hi", &[]), false).to_string(),
        line(said("", &[call(FIRST)]), false).to_string(),
        line(said("", &[call(SECOND)]), false).to_string(),
        line(said("", &[]), true).to_string(),
    ];
    let request = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] });
    let whole = line(said("Hi", &[call(FIRST), call(SECOND)]), true);
    of("ollama", ["/api/chat"; 2], request, whole, &events)
}

fn converse() -> Sample {
    let used = |id: &str, text: &str| json!({ "toolUse": { "toolUseId": id, "name": "f", "input": serde_json::from_str::<Value>(text).unwrap() } });
    let mut events = vec![
        r#"messageStart{"p":"abcd","role":"assistant"}"#.to_owned(),
        r#"contentBlockDelta{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"ab"}"#.to_owned(),
        r#"contentBlockStop{"contentBlockIndex":0}"#.to_owned(),
    ];
    for (index, (id, text)) in [(1, ("c1", FIRST)), (2, ("c2", SECOND))] {
        let start = json!({ "contentBlockIndex": index, "start": { "toolUse": { "toolUseId": id, "name": "f" } } });
        let delta = json!({ "contentBlockIndex": index, "delta": { "toolUse": { "input": text } }, "p": "a" });
        events.push(format!("contentBlockStart{start}"));
        events.push(format!("contentBlockDelta{delta}"));
        events.push(format!("contentBlockStop{}", json!({ "contentBlockIndex": index })));
    }
    events.push(r#"messageStop{"p":"a","stopReason":"tool_use"}"#.to_owned());
    events.push(
        r#"metadata{"metrics":{"latencyMs":3},"usage":{"inputTokens":5,"outputTokens":7,"totalTokens":12}}"#.to_owned(),
    );
    let whole = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hi" }, used("c1", FIRST), used("c2", SECOND)] } },
        "stopReason": "tool_use", "usage": { "inputTokens": 5, "outputTokens": 7, "totalTokens": 12 }, "metrics": { "latencyMs": 3 } });
    let request = json!({ "messages": [{ "role": "user", "content": [{ "text": "a" }] }] });
    of("converse", ["/model/m/converse", "/model/m/converse-stream"], request, whole, &events)
}
