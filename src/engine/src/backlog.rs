//! The part of a stream that waits for rulings of the executor on earlier calls.
//!
//! A stream counts its own output, so nothing behind a waiting call is read before the call is written.

use std::collections::VecDeque;

use callgate_wire::framing::Frame;
use callgate_wire::{ChoiceIndex, Delta, End};

use crate::authorize::Planned;
use crate::effect::{ReleaseRule, RunCall};
use crate::refusal::Refusal;

/// The waiting part.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// The rest of the last event that was read.
    pub(crate) deltas: VecDeque<Delta>,
    /// Events not read yet.
    pub(crate) frames: VecDeque<Frame>,
    /// The fault in the bytes behind those events.
    pub(crate) fault: Option<Refusal>,
    pub(crate) end: StreamEnd,
}

/// The progress of a stream's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// It has not ended.
    #[default]
    NotYet,
    /// It ended; an event without its end may be left.
    LastEvent,
    /// All its events are read; what the dialect held until the end may be left.
    HeldBack,
}

/// The calls of one choice that the executor must release.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) choice: ChoiceIndex,
    pub(crate) planned: Vec<Planned>,
    pub(crate) release: ReleaseRule,
    /// The end of the choice, if it is complete.
    pub(crate) end: Option<End>,
}

// === impl Backlog ===

impl Backlog {
    /// Returns the bytes held.
    pub(crate) fn held(&self) -> usize {
        self.frames.iter().map(|frame| frame.raw.len()).sum()
    }
}

// === impl Asking ===

impl Asking {
    /// Returns the calls to ask about, in order.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &RunCall> {
        self.planned.iter().filter_map(Planned::asked)
    }
}
