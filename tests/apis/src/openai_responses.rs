//! The answers of a server of the Responses API, whole and streamed, and their result for a client.

use serde_json::{Value, json};

pub fn message(text: &str) -> Value {
    json!({
        "id": format!("msg_{}", text.len()), "type": "message", "status": "completed", "role": "assistant",
        "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": text }],
    })
}

pub fn reasoning(text: &str) -> Value {
    let summary = json!([{ "type": "summary_text", "text": text }]);
    json!({ "id": format!("rs_{}", text.len()), "type": "reasoning", "summary": summary, "encrypted_content": "c2ln" })
}

pub fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": format!("fc_{id}"), "type": "function_call", "status": "completed", "arguments": arguments, "call_id": id,
        "name": name,
    })
}

/// The response object. It repeats the declarations of the request, as the API does.
pub fn response(output: &[Value]) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1741476777, "status": "completed", "error": null,
        "incomplete_details": null, "instructions": "Be brief.", "model": "gpt-4o", "output": output,
        "parallel_tool_calls": true, "store": true, "temperature": 1.0, "tool_choice": "auto",
        "tools": [{ "type": "function", "name": "get_weather", "parameters": { "type": "object" }, "strict": false }],
        "usage": {
            "input_tokens": 5, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 12,
        },
    })
}

/// Events with their type in both places, numbered from 0.
pub fn numbered(events: Vec<Value>) -> String {
    let event = |(number, mut event): (usize, Value)| {
        event["sequence_number"] = json!(number);
        let name = event["type"].as_str().map(|kind| format!("event: {kind}\n")).unwrap_or_default();
        format!("{name}data: {event}\n\n")
    };
    events.into_iter().enumerate().map(event).collect()
}

/// The same turn streamed, texts and arguments in pieces of `cut` characters.
pub fn stream(output: &[Value], cut: usize) -> String {
    numbered(stream_events(output, cut))
}

pub fn stream_events(output: &[Value], cut: usize) -> Vec<Value> {
    let mut begun = response(&[]);
    begun["status"] = json!("in_progress");
    begun["usage"] = Value::Null;
    let mut events = vec![
        json!({ "type": "response.created", "response": begun }),
        json!({ "type": "response.in_progress", "response": begun }),
    ];
    for (index, item) in output.iter().enumerate() {
        item_events(&mut events, index, item, cut);
    }
    events.push(json!({ "type": "response.completed", "response": response(output) }));
    events
}

fn item_events(events: &mut Vec<Value>, index: usize, item: &Value, cut: usize) {
    let mut begun = item.clone();
    for key in ["content", "summary"] {
        if item[key].is_array() {
            begun[key] = json!([]);
        }
    }
    for (kind, text) in [("function_call", "arguments"), ("custom_tool_call", "input")] {
        if item["type"] == kind {
            begun[text] = json!("");
        }
    }
    if item["status"].is_string() {
        begun["status"] = json!("in_progress");
    }
    events.push(json!({ "type": "response.output_item.added", "output_index": index, "item": begun }));
    let mut inside = |kind: &str, says: Value| {
        let mut event = json!({ "type": kind, "output_index": index, "item_id": item["id"] });
        event.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
        events.push(event);
    };
    match item["type"].as_str().unwrap() {
        "function_call" => {
            for delta in pieces(&item["arguments"], cut) {
                let says = json!({ "delta": delta, "obfuscation": "pad" });
                inside("response.function_call_arguments.delta", says);
            }
            inside("response.function_call_arguments.done", json!({ "arguments": item["arguments"] }));
        }
        "custom_tool_call" => {
            for delta in pieces(&item["input"], cut) {
                inside("response.custom_tool_call_input.delta", json!({ "delta": delta, "obfuscation": "pad" }));
            }
            inside("response.custom_tool_call_input.done", json!({ "input": item["input"] }));
        }
        "message" => {
            for (at, part) in item["content"].as_array().unwrap().iter().enumerate() {
                let mut empty = part.clone();
                empty["text"] = json!("");
                inside("response.content_part.added", json!({ "content_index": at, "part": empty }));
                for delta in pieces(&part["text"], cut) {
                    let says = json!({ "content_index": at, "delta": delta, "logprobs": [], "obfuscation": "pad" });
                    inside("response.output_text.delta", says);
                }
                let done = json!({ "content_index": at, "text": part["text"], "logprobs": [] });
                inside("response.output_text.done", done);
                inside("response.content_part.done", json!({ "content_index": at, "part": part }));
            }
        }
        "reasoning" => {
            for (at, part) in item["summary"].as_array().unwrap().iter().enumerate() {
                let mut empty = part.clone();
                empty["text"] = json!("");
                inside("response.reasoning_summary_part.added", json!({ "summary_index": at, "part": empty }));
                for delta in pieces(&part["text"], cut) {
                    inside("response.reasoning_summary_text.delta", json!({ "summary_index": at, "delta": delta }));
                }
                let done = json!({ "summary_index": at, "text": part["text"] });
                inside("response.reasoning_summary_text.done", done);
                inside("response.reasoning_summary_part.done", json!({ "summary_index": at, "part": part }));
            }
        }
        _ => {}
    }
    events.push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
}

fn pieces(text: &Value, cut: usize) -> Vec<String> {
    let letters: Vec<char> = text.as_str().unwrap().chars().collect();
    letters.chunks(cut.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// The result of a stream for a client.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// The response of its last event, or the items so far if it did not end.
    pub response: Value,
    pub ended: bool,
    /// The code of an error event.
    pub error: String,
}

/// The events of a stream, their names checked against their types.
pub fn events(bytes: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    let mut name = None;
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        if let Some(said) = line.strip_prefix("event: ") {
            name = Some(said.to_owned());
        }
        if let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") {
            let event: Value = serde_json::from_str(data).unwrap();
            assert!(name.take().is_none_or(|name| event["type"] == *name), "{line}");
            events.push(event);
        }
    }
    events
}

/// Puts a stream together as `openai` does (`lib/streaming/responses`), but trusts nothing. Events are numbered without a gap,
/// items stand at the next place, the pieces of a text are the text at its end, and the last event repeats everything.
pub fn accumulate(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut output: Vec<Value> = Vec::new();
    for (number, event) in events(bytes).into_iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        assert!(!seen.ended && seen.error.is_empty(), "after the end: {event}");
        let index = event["output_index"].as_u64().map_or(0, |index| usize::try_from(index).unwrap());
        let part = usize::try_from(event["content_index"].as_u64().or(event["summary_index"].as_u64()).unwrap_or(0));
        let part = part.unwrap();
        let kind = event["type"].as_str().unwrap();
        if event["item_id"].is_string() {
            assert_eq!(event["item_id"], output[index]["id"], "{event}");
        }
        match kind {
            "response.created" => seen.response = event["response"].clone(),
            "response.in_progress" => assert_eq!(event["response"]["id"], seen.response["id"]),
            "response.output_item.added" => {
                assert_eq!(index, output.len(), "a gap: {event}");
                let known = output.iter().any(|item| item["id"] == event["item"]["id"]);
                assert!(!known || event["item"]["call_id"].is_string(), "an id twice: {event}");
                output.push(event["item"].clone());
            }
            "response.content_part.added" => push(&mut output[index]["content"], part, &event["part"]),
            "response.reasoning_summary_part.added" => push(&mut output[index]["summary"], part, &event["part"]),
            "response.output_text.delta" => join(&mut output[index]["content"][part]["text"], &event["delta"]),
            "response.reasoning_summary_text.delta" => {
                join(&mut output[index]["summary"][part]["text"], &event["delta"]);
            }
            "response.function_call_arguments.delta" => join(&mut output[index]["arguments"], &event["delta"]),
            "response.function_call_arguments.done" => assert_eq!(event["arguments"], output[index]["arguments"]),
            "response.custom_tool_call_input.delta" => join(&mut output[index]["input"], &event["delta"]),
            "response.custom_tool_call_input.done" => assert_eq!(event["input"], output[index]["input"]),
            "response.output_text.done" => assert_eq!(event["text"], output[index]["content"][part]["text"]),
            "response.content_part.done" => assert_eq!(event["part"], output[index]["content"][part]),
            "response.reasoning_summary_text.done" => {
                assert_eq!(event["text"], output[index]["summary"][part]["text"]);
            }
            "response.reasoning_summary_part.done" => assert_eq!(event["part"], output[index]["summary"][part]),
            "response.output_item.done" => {
                let mut added = output[index].clone();
                if added["status"].is_string() {
                    added["status"] = event["item"]["status"].clone();
                }
                assert_eq!(event["item"], added, "an item is what its events said");
                output[index] = added;
            }
            "response.completed" | "response.incomplete" => {
                assert_eq!(event["response"]["id"], seen.response["id"], "clients hold a response to its id");
                assert_eq!(event["response"]["output"], json!(output), "the end repeats what was said");
                seen.response = event["response"].clone();
                seen.ended = true;
            }
            "response.failed" => {
                let response = &event["response"];
                assert!(response["id"] == seen.response["id"] || response["id"] == "", "{event}");
                assert_eq!((&response["status"], &response["output"]), (&json!("failed"), &json!(output)));
                let code = event["error"]["code"].as_str().unwrap();
                assert!(response["error"]["message"].as_str().unwrap().starts_with(&format!("{code}: ")));
                code.clone_into(&mut seen.error);
            }
            _ => {}
        }
    }
    if !seen.ended {
        seen.response["output"] = json!(output);
    }
    seen
}

fn push(parts: &mut Value, at: usize, part: &Value) {
    let parts = parts.as_array_mut().unwrap();
    assert_eq!(parts.len(), at);
    parts.push(part.clone());
}

fn join(text: &mut Value, piece: &Value) {
    *text = json!(text.as_str().unwrap().to_owned() + piece.as_str().unwrap());
}

impl Seen {
    /// All text of messages, and the calls: id, name, arguments.
    pub fn said(&self) -> (String, Vec<(String, String, String)>) {
        said(&self.response)
    }
}

/// All text of a response's messages, and its calls: id, name, arguments.
pub fn said(response: &Value) -> (String, Vec<(String, String, String)>) {
    let (mut text, mut calls) = (String::new(), Vec::new());
    for item in response["output"].as_array().into_iter().flatten() {
        let of = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        if item["type"] == "function_call" {
            calls.push((of("call_id"), of("name"), of("arguments")));
        }
        for part in item["content"].as_array().into_iter().flatten().filter(|_| item["type"] == "message") {
            text.push_str(part["text"].as_str().unwrap_or_default());
        }
    }
    (text, calls)
}
