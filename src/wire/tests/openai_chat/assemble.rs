//! Puts a stream together again, as a client does.

use std::collections::BTreeMap;

use callgate_json::Value;
use callgate_wire::framing::Frame;
use callgate_wire::framing::sse::Decoder;
use callgate_wire::openai_chat::{ChunkPart, StreamHead, StreamReader};
use callgate_wire::{Call, Form, StreamError};

/// What a stream came to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Turn {
    pub(crate) choices: BTreeMap<u32, Said>,
    pub(crate) usage: Option<Value>,
    /// The bytes of everything that is no part of a call.
    pub(crate) passed: Vec<u8>,
    pub(crate) done: bool,
    pub(crate) failed: bool,
}

/// What one choice came to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) calls: BTreeMap<u32, Call>,
    pub(crate) finish: String,
}

pub(crate) fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut decoder = Decoder::new(1 << 24);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish());
    frames
}

pub(crate) fn deltas<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ChunkPart>, StreamError> {
    let mut reader = StreamReader::new();
    let mut deltas = Vec::new();
    for frame in frames(chunks) {
        deltas.extend(reader.read(&frame)?);
    }
    Ok(deltas)
}

pub(crate) fn turn(deltas: &[ChunkPart]) -> Turn {
    let mut turn = Turn::default();
    for delta in deltas {
        match delta {
            ChunkPart::Forward { frame, text } => {
                turn.passed.extend(frame);
                for (choice, text) in text {
                    turn.choices.entry(*choice).or_default().text.push_str(text);
                }
            }
            ChunkPart::Fragment { choice, slot, id, name, arguments, form, .. } => {
                let calls = &mut turn.choices.entry(*choice).or_default().calls;
                let call = calls.entry(*slot).or_insert_with(|| Call { form: *form, ..Call::default() });
                assert_eq!(call.form, *form, "a slot holds one form");
                call.id.push_str(id);
                call.name.push_str(name);
                call.arguments.push_str(arguments);
            }
            ChunkPart::Finish { choice, reason, frame, usage } => {
                turn.passed.extend(frame);
                turn.choices.entry(*choice).or_default().finish.clone_from(reason);
                turn.usage = usage.clone().or(turn.usage);
            }
            ChunkPart::Usage { frame, usage } => {
                turn.passed.extend(frame);
                turn.usage = Some(usage.clone());
            }
            ChunkPart::Error { frame } => {
                turn.passed.extend(frame);
                turn.failed = true;
            }
            ChunkPart::Done { frame } => {
                turn.passed.extend(frame);
                turn.done = true;
            }
        }
    }
    turn
}

/// The calls of a turn, choice by choice.
pub(crate) fn calls(turn: &Turn) -> Vec<Call> {
    turn.choices.values().flat_map(|said| said.calls.values().cloned()).collect()
}

/// The head of a stream that begins with an ordinary chunk.
pub(crate) fn head() -> StreamHead {
    let first = br#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

"#;
    let mut reader = StreamReader::new();
    reader.read(&frames([&first[..]])[0]).unwrap();
    reader.head().unwrap().clone()
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
