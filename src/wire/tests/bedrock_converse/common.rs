//! The events of a stream, a client's view of them, and the helpers of the suite for this dialect.

use callgate_wire::framing::{Frame, Framing};
use callgate_wire::{Call, CallResult, Delta, Stream, StreamError};
use serde_json::{Value, json};

use crate::frames::{event, events};
use crate::suite;

pub(crate) fn result(call: Call, content: &str, failed: bool) -> CallResult {
    CallResult { call, content: content.to_owned(), failed }
}

pub(crate) fn start() -> Vec<u8> {
    event("messageStart", &json!({"p": "abc", "role": "assistant"}))
}

pub(crate) fn text(index: u32, text: &str) -> Vec<u8> {
    delta(index, &json!({"text": text}))
}

pub(crate) fn delta(index: u32, delta: &Value) -> Vec<u8> {
    event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta, "p": "abcdefgh"}))
}

pub(crate) fn stop(index: u32) -> Vec<u8> {
    event("contentBlockStop", &json!({"contentBlockIndex": index, "p": "ab"}))
}

pub(crate) fn call_start(index: u32, id: &str, name: &str) -> Vec<u8> {
    let used = json!({"toolUse": {"name": name, "toolUseId": id}});
    event("contentBlockStart", &json!({"contentBlockIndex": index, "p": "a", "start": used}))
}

pub(crate) fn input(index: u32, piece: &str) -> Vec<u8> {
    delta(index, &json!({"toolUse": {"input": piece}}))
}

pub(crate) fn end(reason: &str) -> Vec<u8> {
    event("messageStop", &json!({"p": "ab", "stopReason": reason}))
}

pub(crate) fn metadata() -> Vec<u8> {
    let usage = json!({"inputTokens": 10, "outputTokens": 5, "totalTokens": 15});
    event("metadata", &json!({"metrics": {"latencyMs": 1}, "p": "abc", "usage": usage}))
}

pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    suite::frames(Framing::EventStream, &[bytes])
}

/// The deltas of a part of a stream.
pub(crate) fn deltas(stream: &mut dyn Stream, bytes: &[u8]) -> Result<Vec<Delta>, StreamError> {
    suite::deltas(Framing::EventStream, stream, &[bytes])
}

/// The deltas of a whole stream.
pub(crate) fn ended(stream: &mut dyn Stream, bytes: &[u8]) -> Result<Vec<Delta>, StreamError> {
    suite::ended(Framing::EventStream, stream, &[bytes])
}

/// The result of a stream for a client like AWS' SDKs: its blocks, its reason, its usage.
pub(crate) fn accumulated(bytes: &[u8]) -> (Vec<Value>, String, Value) {
    let (mut blocks, mut reason, mut usage) = (Vec::<Value>::new(), String::new(), Value::Null);
    let add = |to: &mut Value, piece: &Value| {
        *to = json!(format!("{}{}", to.as_str().unwrap_or_default(), piece.as_str().unwrap()));
    };
    for (kind, value) in events(bytes) {
        let at = || usize::try_from(value["contentBlockIndex"].as_u64().unwrap()).unwrap();
        match kind.as_str() {
            "contentBlockStart" => {
                assert_eq!(at(), blocks.len(), "blocks are numbered without gaps");
                blocks.push(value["start"].clone());
            }
            "contentBlockDelta" => {
                assert!(at() <= blocks.len(), "blocks are numbered without gaps");
                if at() == blocks.len() {
                    blocks.push(json!({}));
                }
                let (block, delta) = (&mut blocks[at()], &value["delta"]);
                if delta["text"].is_string() {
                    add(&mut block["text"], &delta["text"]);
                } else if delta["toolUse"].is_object() {
                    add(&mut block["toolUse"]["input"], &delta["toolUse"]["input"]);
                } else if delta["reasoningContent"]["text"].is_string() {
                    add(&mut block["reasoningContent"]["reasoningText"]["text"], &delta["reasoningContent"]["text"]);
                } else {
                    let signature = &delta["reasoningContent"]["signature"];
                    add(&mut block["reasoningContent"]["reasoningText"]["signature"], signature);
                }
            }
            "contentBlockStop" => assert!(at() < blocks.len()),
            "messageStop" => reason = value["stopReason"].as_str().unwrap().to_owned(),
            "metadata" => usage = value["usage"].clone(),
            _ => {}
        }
    }
    for block in &mut blocks {
        if let Some(input) = block.get_mut("toolUse").and_then(|used| used.get_mut("input")) {
            *input = serde_json::from_str(input.as_str().unwrap()).unwrap_or(Value::Null);
        }
    }
    (blocks, reason, usage)
}
