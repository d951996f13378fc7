//! Writes the events of a stream as bytes, and JSON as text.
//!
//! Source: WHATWG HTML, "Server-sent events"; Ollama API, "Streaming"; AWS, "Event stream encoding"
//! (`application/vnd.amazon.eventstream`).

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::dialect::StreamEvent;
use super::script::Wire;

/// The size of an event that is too large.
const HUGE: usize = 10 * 1024 * 1024;
/// A string with this prefix (a private character) is the text of a JSON value.
const VERBATIM: char = '\u{e000}';

/// The framing of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events, with a name if the API has names.
    Sse,
    /// One line of JSON each.
    Lines,
    /// AWS event-stream messages.
    EventStream,
}

/// Writes arguments for an API that has them as a JSON value. The script's text is sent exactly as it is, so a repeated key or extra
/// spaces survive. An empty text becomes an empty object; a text that is not JSON becomes a string.
pub(super) fn arguments(text: &str) -> Value {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => json!(format!("{VERBATIM}{text}")),
        Err(_) if text.trim().is_empty() => json!({}),
        Err(_) => json!(text),
    }
}

/// Writes JSON as text, with [`arguments`] unchanged.
pub(super) fn text(value: &Value) -> String {
    let parts: Vec<String> = match value {
        Value::String(string) => return string.strip_prefix(VERBATIM).map_or_else(|| value.to_string(), str::to_owned),
        Value::Array(list) => list.iter().map(text).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{}:{}", json!(name), text(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => return value.to_string(),
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    format!("{open}{}{close}", parts.join(","))
}

// === impl Framing ===

impl Framing {
    /// Returns the `content-type` of a stream.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream; charset=utf-8",
            Self::Lines => "application/x-ndjson",
            Self::EventStream => "application/vnd.amazon.eventstream",
        }
    }

    /// Returns the bytes a faulty provider sends before the first event.
    pub(super) fn before(self, wire: Wire) -> Option<Bytes> {
        let filler = vec![b'x'; HUGE];
        match (wire, self) {
            (Wire::Crlf, Self::Sse) => Some(Bytes::from_static(b"\xef\xbb\xbf: hello\r\n\r\n")),
            (Wire::HugeLine, Self::Sse) => Some([b"data: ".as_slice(), &filler].concat().into()),
            (Wire::HugeLine, Self::Lines) => Some([b"\"".as_slice(), &filler].concat().into()),
            (Wire::HugeLine, Self::EventStream) => Some(frame(&[(":message-type", "event")], &filler)),
            _ => None,
        }
    }

    /// Writes one event.
    pub(super) fn event(self, event: &StreamEvent, wire: Wire) -> Bytes {
        let data = text(&event.data);
        let (ping, end) = if wire == Wire::Crlf { (": ping\r\n", "\r\n") } else { ("", "\n") };
        match self {
            Self::Sse if event.name.is_empty() => format!("{ping}data: {data}{end}{end}").into(),
            Self::Sse => format!("{ping}event: {}{end}data: {data}{end}{end}", event.name).into(),
            Self::Lines => format!("{data}{end}").into(),
            Self::EventStream => {
                // An exception is known by its name; in a stream the API has nothing else to mark it.
                let exception = event.name.ends_with("Exception");
                let (kind, named) = if exception { ("exception", ":exception-type") } else { ("event", ":event-type") };
                let headers = [(named, event.name), (":content-type", "application/json"), (":message-type", kind)];
                frame(&headers, data.as_bytes())
            }
        }
    }

    /// Returns the text that ends a stream (`[DONE]`).
    pub(super) fn done(self, text: &str, wire: Wire) -> Bytes {
        let end = if wire == Wire::Crlf { "\r\n" } else { "\n" };
        format!("data: {text}{end}{end}").into()
    }

    /// Returns meaningless bytes, for a stream that never ends.
    pub(super) fn filler(self) -> Bytes {
        match self {
            Self::Sse => [b": still here ".as_slice(), &[b'.'; 4096], b"\n\n"].concat().into(),
            Self::Lines => [[b' '; 4096].as_slice(), b"\n"].concat().into(),
            Self::EventStream => {
                let payload = json!({"contentBlockIndex": 0, "delta": {"text": ""}, "p": ".".repeat(4096)});
                let event = StreamEvent { name: "contentBlockDelta", data: payload };
                self.event(&event, Wire::Honest)
            }
        }
    }
}

/// Writes an event-stream message: lengths, their CRC32, headers (all of type 7, string), payload, CRC32 of everything before.
fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut head = Vec::new();
    for (name, value) in headers {
        // Our headers are all short.
        head.push(u8::try_from(name.len()).unwrap_or_default());
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut message = Vec::with_capacity(16 + head.len() + payload.len());
    message.extend_from_slice(&length(16 + head.len() + payload.len()));
    message.extend_from_slice(&length(head.len()));
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&head);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_sent_as_they_were_written() {
        let value = json!({"a": [arguments(r#"{ "x":1, "x":2.0 }"#), arguments(""), arguments("{"), "t\"", null, 1.5]});
        assert_eq!(text(&value), r#"{"a":[{ "x":1, "x":2.0 },{},"{","t\"",null,1.5]}"#);
    }

    /// The vectors of the AWS SDKs' own tests ("empty message", "payload no headers").
    #[test]
    fn frames_are_those_that_aws_writes() {
        let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 5, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(frame(&[], b"").as_ref(), empty);
        let payload = frame(&[], b"{'foo':'bar'}");
        assert_eq!(payload.get(..12).unwrap(), [0, 0, 0, 0x1d, 0, 0, 0, 0, 0xfd, 0x52, 0x8c, 0x5a]);
        assert_eq!(payload.get(25..).unwrap(), [0xc3, 0x65, 0x39, 0x36]);
    }

    #[test]
    fn an_exception_says_that_it_is_one() {
        let event = StreamEvent { name: "throttlingException", data: json!({}) };
        let bytes = Framing::EventStream.event(&event, Wire::Honest);
        assert!(String::from_utf8_lossy(&bytes).contains(":exception-type"));
    }
}
