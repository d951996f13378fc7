//! A streamed answer: the *chat completion chunk object*, one event at a time.
//!
//! The reader tells calls apart from all else. What is no part of a call can go on at once ([`ChunkPart::Forward`]); fragments of
//! calls carry no bytes at all, so that nothing of them can slip through; the end of a choice comes last, so that whoever holds
//! calls back knows when they are complete.
//!
//! Not covered: log probabilities that a server sends in later events than the tokens they belong to.

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::slots::Slots;
use super::split::{self, Part};
use super::{StreamHead, error, head, shape};
use crate::framing::{Frame, sse};
use crate::{Form, ShapeError, StreamError};

/// What an event, or a part of one, says.
#[derive(Debug, Clone, PartialEq)]
pub enum ChunkPart {
    /// No part of a call.
    Forward {
        /// The event; its exact bytes where nothing had to be taken out.
        frame: Vec<u8>,
        /// The text of `content` in it, by choice.
        text: Vec<(u32, String)>,
    },
    /// A part of a call. `name` and `arguments` are to be joined to those before; `id` is given once.
    Fragment {
        /// The choice.
        choice: u32,
        /// The call within the choice; calls are told by it, and ordered by it.
        slot: u32,
        /// The call's identifier, in the fragment that first has it, else empty.
        id: String,
        /// A piece of the name.
        name: String,
        /// A piece of the arguments.
        arguments: String,
        /// How the call is made.
        form: Form,
        /// As [`Call::extra`](crate::Call::extra).
        extra: Map<String, Value>,
    },
    /// A choice is complete.
    Finish {
        /// The choice.
        choice: u32,
        /// Its `finish_reason`.
        reason: String,
        /// An event with the finish and no text or call. Empty where the choice has no calls and its finish went on inside the
        /// [`ChunkPart::Forward`] before, with the text it came with.
        frame: Vec<u8>,
        /// What the turn used, where that came in the same event.
        usage: Option<Value>,
    },
    /// What the turn used, in an event of its own.
    Usage {
        /// The event.
        frame: Vec<u8>,
        /// The numbers.
        usage: Value,
    },
    /// The server reports an error.
    Error {
        /// The event.
        frame: Vec<u8>,
    },
    /// The stream is at its end.
    Done {
        /// The event.
        frame: Vec<u8>,
    },
}

/// Reads the events of one stream, in order.
#[derive(Debug, Default)]
pub struct StreamReader {
    head: Option<StreamHead>,
    choices: BTreeMap<u32, ChoiceState>,
}

/// What must be known of a choice from its earlier events.
#[derive(Debug, Default)]
pub(super) struct ChoiceState {
    slots: Slots,
    /// A part of a call has been seen.
    pub(super) called: bool,
    /// Its role has gone on.
    pub(super) role_told: bool,
}

// === impl StreamReader ===

impl StreamReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new() -> StreamReader {
        StreamReader::default()
    }

    /// The stream's identity, once an event with a choice has been read.
    #[must_use]
    pub fn head(&self) -> Option<&StreamHead> {
        self.head.as_ref()
    }

    /// Reads one event: first the fragments of calls in it, then what else it says, then the choices that it ends.
    ///
    /// An event that has fragments is told choice by choice; of one with none, the bytes are kept.
    ///
    /// # Errors
    /// [`StreamError`] for data that is neither `[DONE]` nor strict JSON, members of a wrong type, calls that are no function
    /// calls or stand where none may. The stream cannot be trusted any further then.
    pub fn read(&mut self, frame: &Frame) -> Result<Vec<ChunkPart>, StreamError> {
        let raw = || frame.raw.clone();
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        if data.is_empty() {
            return Ok(vec![ChunkPart::Forward { frame: raw(), text: Vec::new() }]);
        }
        if data == b"[DONE]" {
            return Ok(vec![ChunkPart::Done { frame: raw() }]);
        }
        let value = callgate_json::read_nearest(data)?;
        let Value::Object(body) = &value else {
            return Err(ShapeError::Type { at: "data", expected: "an object" }.into());
        };
        if error::is_error(body) || frame.event.as_deref() == Some("error") {
            shape::no_call(&value)?;
            return Ok(vec![ChunkPart::Error { frame: raw() }]);
        }
        shape::no_call_but(body, &["choices"])?;
        let parts = split::parts(shape::choices(body)?.unwrap_or_default())?;
        let usage = body.get("usage").filter(|usage| usage.is_object());
        if parts.is_empty() {
            return Ok(vec![match usage {
                Some(usage) => ChunkPart::Usage { frame: raw(), usage: usage.clone() },
                None => ChunkPart::Forward { frame: raw(), text: Vec::new() },
            }]);
        }
        self.head.get_or_insert_with(|| StreamHead::of(body));
        let mut deltas = self.fragments(&parts)?;
        if deltas.is_empty() && self.keeps_bytes(&parts) {
            deltas = split::whole(frame, &parts, usage);
            for part in &parts {
                self.choices.entry(part.index).or_default().role_told |= part.has_role();
            }
        } else {
            let told = split::Event { name: frame.event.as_deref(), body, usage };
            told.tell(&parts, &mut self.choices, &mut deltas);
        }
        Ok(deltas)
    }

    /// The fragments in an event, each with the slot it belongs to.
    fn fragments(&mut self, parts: &[Part<'_>]) -> Result<Vec<ChunkPart>, ShapeError> {
        let mut deltas = Vec::new();
        for part in parts {
            for (form, fragment) in &part.fragments {
                let state = self.choices.entry(part.index).or_default();
                state.called = true;
                let (slot, first_id) = state.slots.place(*form, fragment).ok_or(ShapeError::TooMany)?;
                deltas.push(ChunkPart::Fragment {
                    choice: part.index,
                    slot,
                    id: if first_id { fragment.id.to_owned() } else { String::new() },
                    name: fragment.name.to_owned(),
                    arguments: fragment.arguments.to_owned(),
                    form: *form,
                    extra: fragment.extra(),
                });
            }
        }
        Ok(deltas)
    }

    /// Whether an event without fragments can go on as it is: not when it ends a choice with calls and says something besides,
    /// for then what it says goes on and the finish waits for the verdict.
    fn keeps_bytes(&self, parts: &[Part<'_>]) -> bool {
        let called = |part: &Part<'_>| self.choices.get(&part.index).is_some_and(|state| state.called);
        match parts {
            [part] => part.finish.is_empty() || !part.says_something() || !called(part),
            parts => !parts.iter().any(|part| !part.finish.is_empty() && called(part)),
        }
    }
}

/// A [`ChunkPart::Finish`] frame with another finish reason; other frames as they are.
#[must_use]
pub fn with_reason(frame: &[u8], reason: &str) -> Vec<u8> {
    let mut decoder = sse::Decoder::new(usize::MAX);
    let mut frames = Vec::new();
    let decoded = decoder.push(frame, &mut frames);
    frames.extend(decoder.finish());
    let (Ok(()), [only]) = (decoded, frames.as_slice()) else { return frame.to_vec() };
    let Some(Ok(mut body)) = only.data.as_deref().map(callgate_json::read_nearest) else { return frame.to_vec() };
    let mut changed = false;
    for choice in body.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
        for key in ["finish_reason", "native_finish_reason"] {
            if let Some(old) = choice.get_mut(key)
                && old.as_str().is_some_and(|old| old != reason)
            {
                *old = Value::from(reason);
                changed = true;
            }
        }
    }
    if changed { head::write(only.event.as_deref(), &body) } else { frame.to_vec() }
}
