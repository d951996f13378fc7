//! The events of a stream, and the helpers of the suite for this dialect.

use callgate_wire::anthropic_messages::MessagesStream;
use callgate_wire::framing::{Frame, Framing};
use callgate_wire::{Call, Delta, Fate, ReleasePolicy, StreamError};
use serde_json::Value;

use crate::suite;

pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    suite::frames(Framing::Sse, &[bytes])
}

/// The deltas of a whole stream.
pub(crate) fn deltas(provided: &[&str], bytes: &[u8]) -> Result<Vec<Delta>, StreamError> {
    suite::ended(Framing::Sse, &mut MessagesStream::new(provided), &[bytes])
}

/// The output of a stream, and the stream itself, if each call has the fate `fate` gives it.
pub(crate) fn carried(
    provided: &[&str],
    bytes: &[u8],
    policy: ReleasePolicy,
    fate: impl Fn(Call) -> Fate,
) -> (Vec<u8>, MessagesStream) {
    let mut stream = MessagesStream::new(provided);
    let out = suite::carried(Framing::Sse, &mut stream, bytes, policy, &|_, call| fate(call));
    (out, stream)
}

pub(crate) fn event(data: &str) -> String {
    let kind = serde_json::from_str::<Value>(data).ok().and_then(|data| Some(data["type"].as_str()?.to_owned()));
    format!("event: {}\ndata: {data}\n\n", kind.unwrap_or_else(|| "x".to_owned()))
}

pub(crate) fn events(datas: &[&str]) -> String {
    datas.iter().map(|data| event(data)).collect()
}

pub(crate) const START: &str = r#"{"type":"message_start","message":{"id":"m","type":"message","content":[],"usage":{"input_tokens":3,"cache_read_input_tokens":1,"output_tokens":1}}}"#;
pub(crate) const TEXT: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
pub(crate) const CALL: &str =
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#;
pub(crate) const STOP: &str = r#"{"type":"content_block_stop","index":0}"#;
pub(crate) const END: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#;
pub(crate) const OVER: &str = r#"{"type":"message_stop"}"#;
