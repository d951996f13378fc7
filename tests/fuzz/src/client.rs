//! The client's view: the calls in the released bytes, read by the reader that released them.
//!
//! This reader can misread a dialect; tables and recordings test against that. It only checks the content of the written
//! bytes.

use std::collections::BTreeMap;

use callgate_wire::framing::Decoder;
use callgate_wire::{Call, ChoiceIndex, Delta, Dialect, Request};

/// The end of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub calls: Vec<Call>,
    /// It ended in an error.
    pub failed: bool,
    /// Nothing essential is missing.
    pub complete: bool,
}

/// Returns the calls of a whole answer; `None` for anything else.
pub fn whole(dialect: &dyn Dialect, request: &dyn Request, body: &[u8]) -> Option<Vec<Call>> {
    let answer = dialect.answer(request, body).ok()?;
    Some(answer.calls().into_iter().flatten().cloned().collect())
}

/// Returns the calls of a stream, which must be readable.
pub fn stream(dialect: &dyn Dialect, request: &dyn Request, bytes: &[u8]) -> Seen {
    let mut decoder = Decoder::new(dialect.framing(), usize::MAX / 2);
    let mut frames = Vec::new();
    let pushed = decoder.push(bytes, &mut frames);
    assert!(pushed.is_ok(), "what goes on is framed: {pushed:?}");
    let last = decoder.finish();
    assert!(last.is_ok(), "what goes on is framed to its end: {last:?}");
    frames.extend(last.ok().flatten());
    let mut reader = dialect.stream(request);
    let (mut calls, mut seen) = (BTreeMap::<(ChoiceIndex, u32), Call>::new(), Seen::default());
    for frame in frames {
        if seen.failed {
            break;
        }
        let shown = String::from_utf8_lossy(&frame.raw).into_owned();
        let deltas = reader.read(frame).unwrap_or_else(|error| panic!("what goes on is read again: {error}: {shown}"));
        for delta in deltas {
            match delta {
                Delta::Fragment { choice, slot, call: Call { id, name, arguments, form, extra } } => {
                    let call = calls.entry((choice, slot)).or_insert_with(|| Call { form, ..Call::default() });
                    if call.id != id {
                        call.id.push_str(&id);
                    }
                    call.name.push_str(&name);
                    call.arguments.push_str(&arguments);
                    call.extra.extend(extra);
                }
                Delta::Error { .. } => seen.failed = true,
                Delta::Done { .. } => seen.complete = true,
                _ => {}
            }
        }
    }
    seen.complete |= reader.is_complete();
    seen.calls = calls.into_values().collect();
    seen
}
