//! The API's side of a stream and the client's. One side streams a message as the API does. The other puts it together as the
//! official Python SDK does (`lib/streaming/_messages.py`, `accumulate_event`). Unlike the SDK, this client checks the API's
//! promises: blocks are numbered without a gap and stand one after the other, and name and data of every event agree.

use serde_json::{Map, Value, json};

/// The state of a client at the end of a stream.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// The message, `null` before it began.
    pub message: Value,
    /// The `error` of an error event.
    pub error: Value,
    /// The stream came to its end.
    pub done: bool,
}

/// Puts a stream together.
pub fn accumulate(bytes: &[u8]) -> Seen {
    let text = std::str::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    let mut seen = Seen::default();
    let mut pieces: Option<String> = None;
    let mut inside = false;
    for event in text.split("\n\n") {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let (Some(name), Some(data)) = (line("event:"), line("data:")) else { continue };
        let data: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{data}: {error}"));
        assert_eq!(data["type"], name, "an event is what it is called");
        assert!(!seen.done, "nothing follows the end: {data}");
        match name {
            "ping" => {}
            "error" => seen.error = data["error"].clone(),
            "message_start" => {
                assert!(seen.message.is_null(), "one message");
                seen.message = data["message"].clone();
            }
            "message_delta" => {
                // A cut turn may leave its last block without an end.
                if std::mem::take(&mut inside)
                    && let Some(block) = seen.message["content"].as_array_mut().and_then(|content| content.last_mut())
                {
                    close(block, &mut pieces);
                }
                for (key, value) in data["delta"].as_object().unwrap() {
                    seen.message[key] = value.clone();
                }
                for (key, value) in data["usage"].as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
                    seen.message["usage"][key] = value.clone();
                }
            }
            "message_stop" => seen.done = true,
            _ => {
                let index = usize::try_from(data["index"].as_u64().unwrap()).unwrap();
                let content = seen.message["content"].as_array_mut().unwrap();
                match name {
                    "content_block_start" => {
                        assert!(!inside && index == content.len(), "blocks one by one, without a gap: {data}");
                        content.push(data["content_block"].clone());
                        inside = true;
                    }
                    "content_block_delta" => {
                        assert!(inside && index + 1 == content.len(), "a delta belongs to its block: {data}");
                        delta(&mut content[index], &data["delta"], &mut pieces);
                    }
                    "content_block_stop" => {
                        assert!(inside && index + 1 == content.len(), "a stop belongs to its block: {data}");
                        close(&mut content[index], &mut pieces);
                        inside = false;
                    }
                    other => panic!("an event that no client knows: {other}"),
                }
            }
        }
    }
    seen
}

/// The end of a block: its pieces are its input.
fn close(block: &mut Value, pieces: &mut Option<String>) {
    if let Some(pieces) = pieces.take().filter(|pieces| !pieces.is_empty()) {
        block["input"] = serde_json::from_str(&pieces).unwrap_or(Value::from(pieces));
    }
}

fn delta(block: &mut Value, delta: &Value, pieces: &mut Option<String>) {
    let add = |block: &mut Value, key: &str| {
        let whole = format!("{}{}", block[key].as_str().unwrap(), delta[key].as_str().unwrap());
        block[key] = Value::from(whole);
    };
    match delta["type"].as_str().unwrap() {
        "text_delta" => add(block, "text"),
        "thinking_delta" => add(block, "thinking"),
        "signature_delta" => block["signature"] = delta["signature"].clone(),
        "citations_delta" => match block.get_mut("citations") {
            Some(Value::Array(citations)) => citations.push(delta["citation"].clone()),
            _ => block["citations"] = json!([delta["citation"]]),
        },
        "input_json_delta" => pieces.get_or_insert_default().push_str(delta["partial_json"].as_str().unwrap()),
        "compaction_delta" => {
            for key in ["content", "encrypted_content"] {
                block[key] = delta[key].clone();
            }
        }
        other => panic!("a delta that no client knows: {other}"),
    }
}

/// Streams a message as the API does, texts in pieces of `cut` characters. `texts` are the arguments of its calls in order, if
/// they are not JSON or have a spelling of their own.
pub fn stream(message: &Value, texts: &[&str], cut: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut event = |data: Value| {
        let name = data["type"].as_str().unwrap().to_owned();
        bytes.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
    };
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    event(json!({ "type": "message_start", "message": start }));
    event(json!({ "type": "ping" }));
    let mut texts = texts.iter();
    for (index, block) in message["content"].as_array().unwrap().iter().enumerate() {
        let (start, deltas) = taken_apart(block, &mut texts, cut);
        event(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        for delta in deltas {
            event(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        event(json!({ "type": "content_block_stop", "index": index }));
    }
    let delta = json!({ "stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"] });
    let usage = json!({ "output_tokens": message["usage"]["output_tokens"] });
    event(json!({ "type": "message_delta", "delta": delta, "usage": usage }));
    event(json!({ "type": "message_stop" }));
    bytes
}

fn taken_apart<'t>(block: &Value, texts: &mut impl Iterator<Item = &'t &'t str>, cut: usize) -> (Value, Vec<Value>) {
    let mut start = block.clone();
    let mut deltas = Vec::new();
    let mut add = |kind: &str, key: &str, text: &str| {
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(cut.max(1)) {
            let mut delta = Map::new();
            delta.insert("type".to_owned(), Value::from(kind));
            delta.insert(key.to_owned(), Value::from(piece.iter().collect::<String>()));
            deltas.push(Value::Object(delta));
        }
    };
    match block["type"].as_str().unwrap() {
        "text" => {
            add("text_delta", "text", block["text"].as_str().unwrap());
            start["text"] = json!("");
        }
        "thinking" => {
            add("thinking_delta", "thinking", block["thinking"].as_str().unwrap());
            deltas.push(json!({ "type": "signature_delta", "signature": block["signature"] }));
            start["thinking"] = json!("");
            start["signature"] = json!("");
        }
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            let spelled = if block["type"] == "tool_use" { texts.next() } else { None };
            let whole = block["input"].to_string();
            add("input_json_delta", "partial_json", spelled.map_or(&whole, |text| *text));
            start["input"] = json!({});
        }
        _ => {}
    }
    (start, deltas)
}
