//! Reads streams: their frames, their deltas, and the calls in these.

use std::collections::BTreeMap;

use callgate_wire::framing::{Decoder, Frame, Framing};
use callgate_wire::{Call, ChoiceIndex, Delta, Stream, StreamError};
use proptest::prelude::*;
use serde_json::json;

/// The chunks of some bytes, cut at these positions.
pub(crate) fn chunks<'b>(bytes: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
}

pub(crate) fn frames(framing: Framing, chunks: &[&[u8]]) -> Vec<Frame> {
    let mut decoder = Decoder::new(framing, 1 << 24);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish().unwrap());
    frames
}

pub(crate) fn deltas(framing: Framing, stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    let mut deltas = Vec::new();
    for frame in frames(framing, chunks) {
        deltas.extend(stream.read(frame)?);
    }
    Ok(deltas)
}

/// As [`deltas`], for a whole stream: with the deltas held until its end.
pub(crate) fn ended(framing: Framing, stream: &mut dyn Stream, chunks: &[&[u8]]) -> Result<Vec<Delta>, StreamError> {
    let mut all = deltas(framing, stream, chunks)?;
    all.extend(stream.end()?);
    Ok(all)
}

/// One line a delta; `text` shows the bytes of one.
pub(crate) fn shown(deltas: &[Delta], text: impl Fn(&str) -> String) -> String {
    shown_with(deltas, text, |Call { id, name, arguments, extra, .. }| {
        format!("id={id} name={name} arguments={arguments} extra={}", json!(extra))
    })
}

/// As [`shown`]; `fragment` shows a call's fragment.
pub(crate) fn shown_with(
    deltas: &[Delta],
    text: impl Fn(&str) -> String,
    fragment: impl Fn(&Call) -> String,
) -> String {
    let text = |frame: &[u8]| text(std::str::from_utf8(frame).unwrap().trim_end());
    let line = |delta: &Delta| match delta {
        Delta::Forward { frame } => format!("forward {}", text(frame)),
        Delta::Fragment { choice, slot, call } => format!("fragment {choice}/{slot} {}", fragment(call)),
        Delta::CallEnd { choice, slot } => format!("call end {choice}/{slot}"),
        Delta::Finish { choice, end } => format!("finish {choice} {}", text(end.frame())),
        Delta::Usage { frame } => format!("usage {}", text(frame)),
        Delta::Error { frame } => format!("error {}", text(frame)),
        Delta::Done { frame } => format!("done {}", text(frame)),
    };
    deltas.iter().map(|delta| line(delta).trim_end().to_owned() + "\n").collect()
}

/// The bytes of a delta.
fn frame(delta: &Delta) -> &[u8] {
    match delta {
        Delta::Forward { frame } | Delta::Usage { frame } | Delta::Error { frame } | Delta::Done { frame } => frame,
        Delta::Finish { end, .. } => end.frame(),
        Delta::Fragment { .. } | Delta::CallEnd { .. } => b"",
    }
}

/// All bytes in the deltas.
pub(crate) fn passed(deltas: &[Delta]) -> Vec<u8> {
    deltas.iter().flat_map(frame).copied().collect()
}

/// The calls, put together from their fragments, by choice and slot.
pub(crate) fn calls(deltas: &[Delta]) -> Vec<Call> {
    calls_of_choices(deltas).into_values().flatten().collect()
}

/// As [`calls`], for each choice.
pub(crate) fn calls_of_choices(deltas: &[Delta]) -> BTreeMap<u32, Vec<Call>> {
    let mut pending = Pending::default();
    deltas.iter().for_each(|delta| pending.add(delta));
    let mut calls: BTreeMap<u32, Vec<Call>> = BTreeMap::new();
    for ((choice, _), call) in pending.0 {
        calls.entry(choice.get()).or_default().push(call);
    }
    calls
}

/// Calls under way, with their choices and slots.
#[derive(Default)]
pub(super) struct Pending(BTreeMap<(ChoiceIndex, u32), Call>);

impl Pending {
    pub(super) fn add(&mut self, delta: &Delta) {
        let Delta::Fragment { choice, slot, call } = delta else { return };
        let Some(known) = self.0.get_mut(&(*choice, *slot)) else {
            self.0.insert((*choice, *slot), call.clone());
            return;
        };
        known.id.push_str(&call.id);
        known.name.push_str(&call.name);
        known.namespace.push_str(&call.namespace);
        known.arguments.push_str(&call.arguments);
        known.extra.extend(call.extra.clone());
        known.form = call.form;
    }

    /// Takes the calls of a choice, or one of them.
    pub(super) fn take(&mut self, choice: ChoiceIndex, slot: Option<u32>) -> Vec<Call> {
        let is_it = |key: &(ChoiceIndex, u32)| key.0 == choice && slot.is_none_or(|slot| slot == key.1);
        let (taken, rest): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.0).into_iter().partition(|(key, _)| is_it(key));
        self.0 = rest;
        taken.into_values().collect()
    }
}

/// A call with canonical arguments, if they are JSON.
pub(crate) fn canonical(call: Call) -> Call {
    match callgate_json::read(call.arguments.as_bytes()) {
        Ok(arguments) => Call { arguments: callgate_json::canonical(&arguments), ..call },
        Err(_) => call,
    }
}

/// A call of a tool.
pub(crate) fn tool_call(id: &str, name: &str, arguments: &str) -> Call {
    Call { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned(), ..Call::default() }
}
