//! Reads what the dialect gives out.

use callgate_wire::framing::sse::Decoder;
use callgate_wire::openai_responses::OpenAiResponses;
use callgate_wire::{
    Answer, AnswerError, Call, ChoiceIndex, Delta, Dialect, Request, RequestError, Stream, StreamError, Target,
};
use serde_json::{Value, json};

pub(crate) fn request(body: &str) -> Result<Box<dyn Request>, RequestError> {
    OpenAiResponses.request(&Target::new("/v1/responses"), body.as_bytes())
}

/// A request that asks the provider to run these tools.
pub(crate) fn asking(tools: &[&str]) -> Box<dyn Request> {
    let tools: Vec<Value> = tools.iter().map(|tool| json!({ "type": tool })).collect();
    request(&json!({ "model": "m", "input": "a", "tools": tools }).to_string()).unwrap()
}

pub(crate) fn answer(body: &str, tools: &[&str]) -> Result<Box<dyn Answer>, AnswerError> {
    OpenAiResponses.answer(&*asking(tools), body.as_bytes())
}

pub(crate) fn stream_of(tools: &[&str]) -> Box<dyn Stream> {
    OpenAiResponses.stream(&*asking(tools))
}

pub(crate) fn deltas(stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    let mut decoder = Decoder::new(1 << 24);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish());
    let mut deltas = Vec::new();
    for frame in frames {
        deltas.extend(stream.read(frame)?);
    }
    Ok(deltas)
}

pub(crate) fn told(text: &str) -> Result<Vec<Delta>, StreamError> {
    deltas(&mut *stream_of(&[]), &[text.as_bytes()])
}

/// One line a delta.
pub(crate) fn shown(deltas: &[Delta]) -> String {
    let text = |frame: &[u8]| String::from_utf8(frame.to_vec()).unwrap().trim_end().replace('\n', " ");
    let line = |delta: &Delta| match delta {
        Delta::Forward { frame } => format!("forward {}", text(frame)),
        Delta::Fragment { choice, slot, call: Call { id, name, arguments, extra, .. } } => {
            format!("fragment {choice}/{slot} id={id} name={name} arguments={arguments} extra={}", json!(extra))
        }
        Delta::CallEnd { choice, slot } => format!("call end {choice}/{slot}"),
        Delta::Finish { choice, end } => format!("finish {choice} {}", text(end.frame())),
        Delta::Usage { frame } => format!("usage {}", text(frame)),
        Delta::Error { frame } => format!("error {}", text(frame)),
        Delta::Done { frame } => format!("done {}", text(frame)),
    };
    deltas.iter().map(|delta| line(delta).trim_end().to_owned() + "\n").collect()
}

/// Everything in the deltas that can go on while calls are held.
pub(crate) fn passed(deltas: &[Delta]) -> Vec<u8> {
    let frame = |delta: &Delta| match delta {
        Delta::Forward { frame } | Delta::Error { frame } | Delta::Done { frame } => frame.clone(),
        _ => Vec::new(),
    };
    deltas.iter().flat_map(frame).collect()
}

/// The calls, put together from their fragments.
pub(crate) fn calls(deltas: &[Delta]) -> Vec<Call> {
    let mut calls: std::collections::BTreeMap<u32, Call> = std::collections::BTreeMap::new();
    for delta in deltas {
        if let Delta::Fragment { slot, call: Call { id, name, arguments, extra, .. }, .. } = delta {
            let call = calls.entry(*slot).or_default();
            call.id.push_str(id);
            call.name.push_str(name);
            call.arguments.push_str(arguments);
            call.extra.extend(extra.clone());
        }
    }
    calls.into_values().collect()
}

/// What becomes of a call.
pub(crate) type Fate = dyn Fn(usize, Call) -> callgate_wire::Fate;

/// Carries a stream out as a gate does: calls are released as `fate` says, each when it is complete or all at the end.
pub(crate) fn carried(
    stream: &mut dyn Stream,
    bytes: &str,
    hold: callgate_wire::ReleasePolicy,
    fate: &Fate,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut pending: std::collections::BTreeMap<u32, Vec<Delta>> = std::collections::BTreeMap::new();
    let mut decoder = Decoder::new(1 << 24);
    let mut frames = Vec::new();
    decoder.push(bytes.as_bytes(), &mut frames).unwrap();
    let mut number = 0;
    for frame in frames {
        for delta in stream.read(frame).unwrap() {
            let mut ready = Vec::new();
            let mut finish = None;
            match delta {
                Delta::Fragment { slot, .. } => pending.entry(slot).or_default().push(delta),
                Delta::CallEnd { slot, .. } if hold == callgate_wire::ReleasePolicy::Call => {
                    ready.extend(pending.remove(&slot));
                }
                Delta::CallEnd { .. } => {}
                Delta::Finish { end, .. } => {
                    ready.extend(std::mem::take(&mut pending).into_values());
                    finish = Some(end);
                }
                other => out.extend(passed(&[other])),
            }
            for call in ready.iter().flat_map(|fragments| calls(fragments)) {
                out.extend(match fate(number, call) {
                    callgate_wire::Fate::Keep(call) => stream.call(ChoiceIndex::FIRST, &call),
                    callgate_wire::Fate::Replace(text) => stream.text(ChoiceIndex::FIRST, &text),
                });
                number += 1;
            }
            if let Some(frame) = finish {
                out.extend(stream.finish(ChoiceIndex::FIRST, frame));
            }
        }
    }
    out
}
