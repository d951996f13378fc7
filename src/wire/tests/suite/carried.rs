//! Plays the engine's part: holds calls back, and releases or replaces them.

use callgate_wire::framing::Framing;
use callgate_wire::{Call, Delta, Fate, ReleasePolicy, Stream};

use super::deltas::{Pending, frames, passed};

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

/// The output of a stream whose calls are neither released nor replaced.
pub(crate) fn finished(stream: &mut dyn Stream, deltas: Vec<Delta>) -> Vec<u8> {
    let mut out = Vec::new();
    for delta in deltas {
        match delta {
            Delta::Finish { choice, end } => out.extend(stream.finish(choice, end)),
            other => out.extend(passed(&[other])),
        }
    }
    out
}
