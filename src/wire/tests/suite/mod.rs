//! The helpers and the properties of every dialect's tests: each test target takes them in as a module.
//!
//! The fourth property, *the fast path gives the same as parsing*, has a target of its own (`compared`), over all dialects.

#![allow(dead_code, reason = "each dialect uses its part")]

use callgate_wire::framing::{Decoder, Frame, Framing};
use callgate_wire::{Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream, StreamError};
use proptest::prelude::*;
use serde_json::json;

/// Positions to cut a stream at.
pub(crate) type Cuts = Vec<prop::sample::Index>;

pub(crate) fn cuts() -> impl Strategy<Value = Cuts> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

pub(crate) fn policies() -> impl Strategy<Value = ReleasePolicy> {
    prop_oneof![Just(ReleasePolicy::Call), Just(ReleasePolicy::Turn)]
}

/// The chunks of some bytes, cut at these positions.
pub(crate) fn chunks<'b>(bytes: &'b [u8], cuts: &Cuts) -> Vec<&'b [u8]> {
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

/// One line a delta; `text` shows the bytes of one.
pub(crate) fn shown(deltas: &[Delta], text: impl Fn(&str) -> String) -> String {
    let text = |frame: &[u8]| text(std::str::from_utf8(frame).unwrap().trim_end());
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

/// The calls, put together from their fragments, in the order of their starts.
pub(crate) fn calls(deltas: &[Delta]) -> Vec<Call> {
    let mut calls = Pending::default();
    deltas.iter().for_each(|delta| calls.add(delta));
    calls.0.into_iter().map(|(_, call)| call).collect()
}

/// Calls under way, with their choices and slots.
#[derive(Default)]
struct Pending(Vec<((ChoiceIndex, u32), Call)>);

impl Pending {
    fn add(&mut self, delta: &Delta) {
        let Delta::Fragment { choice, slot, call } = delta else { return };
        let Some((_, known)) = self.0.iter_mut().find(|(key, _)| *key == (*choice, *slot)) else {
            return self.0.push(((*choice, *slot), call.clone()));
        };
        known.id.push_str(&call.id);
        known.name.push_str(&call.name);
        known.arguments.push_str(&call.arguments);
        known.extra.extend(call.extra.clone());
        known.form = call.form;
    }

    /// Takes the calls of a choice, or one of them.
    fn take(&mut self, choice: ChoiceIndex, slot: Option<u32>) -> Vec<Call> {
        let is_it = |key: &(ChoiceIndex, u32)| key.0 == choice && slot.is_none_or(|slot| slot == key.1);
        let (mut taken, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(key, _)| is_it(key));
        self.0 = rest;
        taken.sort_by_key(|(key, _)| *key);
        taken.into_iter().map(|(_, call)| call).collect()
    }
}

/// A call with canonical arguments.
pub(crate) fn canonical(call: Call) -> Call {
    let arguments = callgate_json::canonical(&callgate_json::read(call.arguments.as_bytes()).unwrap());
    Call { arguments, ..call }
}

/// The fate of the call number `at`: released or replaced, by `keep` in turn.
pub(crate) fn fate(keep: &[bool], at: usize, call: Call) -> Fate {
    if keep[at % keep.len()] { Fate::Keep(canonical(call)) } else { Fate::Replace("not that one".to_owned()) }
}

/// Carries a stream out as the engine does: each call is released or replaced when it is complete, or all at the end.
pub(crate) fn carried(
    framing: Framing,
    stream: &mut dyn Stream,
    bytes: &[u8],
    policy: ReleasePolicy,
    fate: &dyn Fn(usize, Call) -> Fate,
) -> Vec<u8> {
    let (mut out, mut pending, mut number) = (Vec::new(), Pending::default(), 0);
    let mut carry = |stream: &mut dyn Stream, deltas: Vec<Delta>| {
        for delta in deltas {
            let (ready, finish) = match delta {
                Delta::Fragment { .. } => {
                    pending.add(&delta);
                    continue;
                }
                Delta::CallEnd { choice, slot } if policy == ReleasePolicy::Call => {
                    (pending.take(choice, Some(slot)).into_iter().map(|call| (choice, call)).collect(), None)
                }
                Delta::CallEnd { .. } => continue,
                Delta::Finish { choice, end } => {
                    let ready: Vec<_> = pending.take(choice, None).into_iter().map(|call| (choice, call)).collect();
                    (ready, Some((choice, end)))
                }
                other => {
                    out.extend(passed(&[other]));
                    continue;
                }
            };
            for (choice, call) in ready {
                out.extend(match fate(number, call) {
                    Fate::Keep(call) => stream.call(choice, &call),
                    Fate::Replace(text) => stream.text(choice, &text),
                });
                number += 1;
            }
            out.extend(finish.map(|(choice, end)| stream.finish(choice, end)).unwrap_or_default());
        }
    };
    for frame in frames(framing, &[bytes]) {
        let deltas = stream.read(frame).unwrap();
        carry(stream, deltas);
    }
    let last = stream.end().unwrap();
    carry(stream, last);
    out
}

/// Property: any chunking of a stream gives the same deltas.
pub(crate) fn any_chunking(
    framing: Framing,
    stream: impl Fn() -> Box<dyn Stream>,
    bytes: &[u8],
    cuts: &Cuts,
) -> Result<(), TestCaseError> {
    let whole = deltas(framing, &mut *stream(), &[bytes]).unwrap();
    prop_assert_eq!(&deltas(framing, &mut *stream(), &chunks(bytes, cuts)).unwrap(), &whole);
    prop_assert_eq!(&deltas(framing, &mut *stream(), &bytes.chunks(1).collect::<Vec<_>>()).unwrap(), &whole);
    Ok(())
}

/// Property: nothing of a call is in the output while it is held.
pub(crate) fn no_part_of_a_call(
    framing: Framing,
    mut stream: Box<dyn Stream>,
    bytes: &[u8],
    secret: &str,
) -> Result<(), TestCaseError> {
    let passed = passed(&deltas(framing, &mut *stream, &[bytes]).unwrap());
    prop_assert!(!String::from_utf8_lossy(&passed).contains(secret));
    Ok(())
}

/// Property: a stream has the calls of the whole answer.
pub(crate) fn calls_of_the_answer(
    framing: Framing,
    mut stream: Box<dyn Stream>,
    bytes: &[u8],
    expected: &[Call],
) -> Result<(), TestCaseError> {
    let streamed = calls(&deltas(framing, &mut *stream, &[bytes]).unwrap());
    let all = |calls: &[Call]| -> Vec<Call> { calls.iter().cloned().map(canonical).collect() };
    prop_assert_eq!(all(&streamed), all(expected));
    Ok(())
}
