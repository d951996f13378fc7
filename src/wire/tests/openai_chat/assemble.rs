//! Puts a stream together again, as a client does.

use std::collections::BTreeMap;

use callgate_json::Value;
use callgate_wire::framing::Frame;
use callgate_wire::framing::sse::SseDecoder;
use callgate_wire::openai_chat::{ChatStream, StreamHead};
use callgate_wire::{Call, Delta, Form, Stream as _, StreamError};

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
    pub(crate) calls: BTreeMap<u32, Call>,
    pub(crate) finish: String,
}

pub(crate) fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut decoder = SseDecoder::new(1 << 24);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish());
    frames
}

/// Reads a stream in answer to a request for many choices.
pub(crate) fn deltas<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Delta>, StreamError> {
    read(&mut ChatStream::new(true, 128), chunks)
}

/// Reads a stream to its end.
pub(crate) fn read<'a>(
    stream: &mut ChatStream,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Delta>, StreamError> {
    let mut deltas = Vec::new();
    for frame in frames(chunks) {
        deltas.extend(stream.read(frame)?);
    }
    deltas.extend(stream.end()?);
    Ok(deltas)
}

pub(crate) fn turn(deltas: &[Delta]) -> Turn {
    let mut turn = Turn::default();
    for delta in deltas {
        match delta {
            Delta::Forward { frame } | Delta::Usage { frame } => turn.hear(frame),
            Delta::Finish { end, .. } => turn.hear(end.frame()),
            Delta::Fragment { choice, slot, call: Call { id, name, arguments, form, extra } } => {
                let calls = &mut turn.choices.entry(choice.get()).or_default().calls;
                let call = calls.entry(*slot).or_insert_with(|| Call { form: *form, ..Call::default() });
                assert!(call.form == *form || *form == Form::Unclear, "a slot holds one form");
                call.form = *form;
                call.id.push_str(id);
                call.name.push_str(name);
                call.arguments.push_str(arguments);
                call.extra.extend(extra.clone());
            }
            Delta::CallEnd { .. } => panic!("the API has no end of a call"),
            Delta::Error { frame } => {
                turn.passed.extend(frame);
                turn.failed = true;
            }
            Delta::Done { frame } => {
                turn.passed.extend(frame);
                turn.done = true;
            }
        }
    }
    turn
}

impl Turn {
    fn hear(&mut self, bytes: &[u8]) {
        self.passed.extend(bytes);
        for frame in frames([bytes]) {
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

/// The calls of a turn, choice by choice.
pub(crate) fn calls(turn: &Turn) -> Vec<Call> {
    turn.choices.values().flat_map(|said| said.calls.values().cloned()).collect()
}

/// The head of a stream with an ordinary first chunk.
pub(crate) fn head() -> StreamHead {
    let first = br#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

"#;
    let mut stream = ChatStream::new(true, 1);
    stream.read(frames([&first[..]]).remove(0)).unwrap();
    stream.head().unwrap().clone()
}

/// A call in the newer form.
pub(crate) fn tool(id: &str, name: &str, arguments: &str) -> Call {
    Call {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        form: Form::Tool,
        ..Call::default()
    }
}
