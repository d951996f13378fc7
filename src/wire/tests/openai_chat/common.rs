//! A client's view of a stream, and the helpers of the suite for this dialect.

use std::collections::BTreeMap;

use callgate_json::Value;
use callgate_wire::framing::{Frame, Framing};
use callgate_wire::openai_chat::{ChatStream, StreamHead};
use callgate_wire::{Call, Delta, Form, Stream, StreamError};

use crate::suite;

/// The result of a stream.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Turn {
    pub(crate) choices: BTreeMap<u32, Said>,
    pub(crate) usage: Option<Value>,
    /// The bytes outside of calls.
    pub(crate) passed: Vec<u8>,
    pub(crate) done: bool,
    pub(crate) failed: bool,
}

/// The result of one choice.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: String,
}

pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    suite::frames(Framing::Sse, &[bytes])
}

/// The deltas of a whole stream in answer to a request for many choices.
pub(crate) fn deltas(bytes: &[u8]) -> Result<Vec<Delta>, StreamError> {
    ended(&mut ChatStream::new(true, 128), bytes)
}

/// The deltas of a whole stream.
pub(crate) fn ended(stream: &mut dyn Stream, bytes: &[u8]) -> Result<Vec<Delta>, StreamError> {
    suite::ended(Framing::Sse, stream, &[bytes])
}

pub(crate) fn turn(deltas: &[Delta]) -> Turn {
    let mut turn = Turn { passed: suite::passed(deltas), ..Turn::default() };
    let mut forms = BTreeMap::new();
    for delta in deltas {
        match delta {
            Delta::Forward { frame } | Delta::Usage { frame } => turn.hear(frame),
            Delta::Finish { end, .. } => turn.hear(end.frame()),
            Delta::Fragment { choice, slot, call } => {
                let known = forms.insert((*choice, *slot), call.form).unwrap_or(call.form);
                assert!(known == call.form || call.form == Form::Unclear, "a slot holds one form");
            }
            Delta::CallEnd { .. } => panic!("the API has no end of a call"),
            Delta::Error { .. } => turn.failed = true,
            Delta::Done { .. } => turn.done = true,
        }
    }
    for (choice, calls) in suite::calls_of_choices(deltas) {
        turn.choices.entry(choice).or_default().calls = calls;
    }
    turn
}

impl Turn {
    /// The calls, choice by choice.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.choices.values().flat_map(|said| said.calls.clone()).collect()
    }

    fn hear(&mut self, bytes: &[u8]) {
        for frame in frames(bytes) {
            let Some(Ok(chunk)) = frame.data.map(|data| serde_json::from_slice::<Value>(&data)) else { continue };
            if chunk["usage"].is_object() {
                self.usage = Some(chunk["usage"].clone());
            }
            for (position, choice) in chunk["choices"].as_array().into_iter().flatten().enumerate() {
                let index = choice["index"].as_u64().map_or(position, |index| usize::try_from(index).unwrap());
                let said = self.choices.entry(u32::try_from(index).unwrap()).or_default();
                said.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
                for part in choice["delta"]["content"].as_array().into_iter().flatten() {
                    said.text.push_str(part["text"].as_str().unwrap_or_default());
                }
                if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
                    reason.clone_into(&mut said.finish);
                }
            }
        }
    }
}

/// The head of a stream with an ordinary first chunk.
pub(crate) fn head() -> StreamHead {
    let first = br#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

"#;
    let mut stream = ChatStream::new(true, 1);
    stream.read(frames(first).remove(0)).unwrap();
    stream.head().unwrap().clone()
}
