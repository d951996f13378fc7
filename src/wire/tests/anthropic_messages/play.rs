//! Plays the engine's part: holds calls back, and releases or replaces them.

use std::collections::BTreeMap;

use callgate_wire::anthropic_messages::MessagesStream;
use callgate_wire::framing::{Frame, sse};
use callgate_wire::{Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream as _, StreamError};

pub(crate) fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut decoder = sse::SseDecoder::new(1 << 24);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    frames.extend(decoder.finish());
    frames
}

/// The deltas of a stream.
pub(crate) fn deltas<'a>(
    provided: &[&str],
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Delta>, StreamError> {
    let mut stream = MessagesStream::new(provided);
    let mut deltas = Vec::new();
    for frame in frames(chunks) {
        deltas.extend(stream.read(frame)?);
    }
    deltas.extend(stream.end()?);
    Ok(deltas)
}

/// The calls in the deltas, by slot.
pub(crate) fn calls(deltas: &[Delta]) -> Vec<Call> {
    let mut calls = BTreeMap::new();
    for delta in deltas {
        add(&mut calls, delta);
    }
    calls.into_values().collect()
}

fn add(calls: &mut BTreeMap<u32, Call>, delta: &Delta) {
    if let Delta::Fragment { slot, call: Call { id, name, arguments, form, extra }, .. } = delta {
        let call = calls.entry(*slot).or_insert_with(|| Call { form: *form, ..Call::default() });
        call.id.push_str(id);
        call.name.push_str(name);
        call.arguments.push_str(arguments);
        call.extra.extend(extra.clone());
    }
}

/// The output of a stream, and the stream itself, if each call has the fate `fate` gives it.
pub(crate) fn released<'a>(
    provided: &[&str],
    chunks: impl IntoIterator<Item = &'a [u8]>,
    hold: ReleasePolicy,
    fate: impl Fn(Call) -> Fate,
) -> Result<(Vec<u8>, MessagesStream), StreamError> {
    let mut stream = MessagesStream::new(provided);
    let mut out = Vec::new();
    let mut held = BTreeMap::new();
    let release = |stream: &mut MessagesStream, out: &mut Vec<u8>, call: Call| {
        out.extend(match fate(call) {
            Fate::Keep(call) => stream.call(ChoiceIndex::FIRST, &call),
            Fate::Replace(notice) => stream.text(ChoiceIndex::FIRST, &notice),
        });
    };
    let mut read: Vec<Option<Frame>> = frames(chunks).into_iter().map(Some).collect();
    read.push(None);
    for frame in read {
        let deltas = match frame {
            Some(frame) => stream.read(frame)?,
            None => stream.end()?,
        };
        for delta in deltas {
            add(&mut held, &delta);
            match delta {
                Delta::Fragment { .. } => {}
                Delta::CallEnd { slot, .. } if hold == ReleasePolicy::Call => {
                    let call = held.remove(&slot).unwrap();
                    release(&mut stream, &mut out, call);
                }
                Delta::CallEnd { .. } => {}
                Delta::Finish { choice, end } => {
                    for call in std::mem::take(&mut held).into_values() {
                        release(&mut stream, &mut out, call);
                    }
                    out.extend(stream.finish(choice, end));
                }
                Delta::Forward { frame } | Delta::Usage { frame } | Delta::Error { frame } | Delta::Done { frame } => {
                    out.extend(frame);
                }
            }
        }
    }
    Ok((out, stream))
}

/// A call.
pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Call {
    Call { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned(), ..Call::default() }
}
