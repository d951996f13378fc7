//! The calls of a turn: how many began and were released, and in which order their ends are given out.

use std::collections::VecDeque;

use super::call::{OpenCall, Start, call_id};
use crate::checks::MAX_CALLS;
use crate::{ChoiceIndex, Delta, ShapeError};

/// The calls of a streamed turn.
#[derive(Debug, Default)]
pub(super) struct TurnCalls {
    began: u32,
    released: u32,
    /// Calls whose end was not given out, in the order in which they began, and whether each has stopped.
    ends: VecDeque<(u32, bool)>,
}

// === impl TurnCalls ===

impl TurnCalls {
    /// Begins a call.
    pub(super) fn begin(&mut self, mut start: Start) -> Result<(OpenCall, Delta), ShapeError> {
        let slot = self.began;
        let position = usize::try_from(slot).unwrap_or(usize::MAX);
        if position >= MAX_CALLS {
            return Err(ShapeError::TooMany);
        }
        self.began = slot.saturating_add(1);
        self.ends.push_back((slot, false));
        start.id = call_id(&start.id, position);
        Ok(OpenCall::new(slot, start))
    }

    /// Stops a call.
    pub(super) fn stop(&mut self, call: OpenCall, deltas: &mut Vec<Delta>) {
        let slot = call.slot;
        deltas.extend(call.stop());
        if let Some((_, stopped)) = self.ends.iter_mut().find(|(open, _)| *open == slot) {
            *stopped = true;
        }
    }

    /// Gives out the ends of stopped calls. Each waits for those of the calls before it. They must be the last deltas of an
    /// event: a released call takes the next number.
    pub(super) fn ends(&mut self, deltas: &mut Vec<Delta>) {
        while let Some(&(slot, true)) = self.ends.front() {
            self.ends.pop_front();
            deltas.push(Delta::CallEnd { choice: ChoiceIndex::FIRST, slot });
        }
    }

    /// Notes a released call.
    pub(super) fn release(&mut self) {
        self.released = self.released.saturating_add(1);
    }

    /// Returns true if a call was not released.
    pub(super) fn some_left_out(&self) -> bool {
        self.released < self.began
    }

    /// Returns `true` if no call was released.
    pub(super) fn none_left(&self) -> bool {
        self.released == 0
    }
}
