//! The end of an exchange that takes too long: as an error object while nothing has been sent, as the stream's last event while
//! bytes can still be written, else as a reset.

use super::clock::Late;
use super::state::State;
use super::{Core, Step};
use crate::effect::Effect;
use crate::refusal::{Code, Refusal};

impl Core {
    /// Time has passed. `writable` says that the host holds back bytes of the response, so that it can still write.
    pub(super) fn tick(&mut self, state: State, writable: bool) -> Step {
        match &state {
            State::Cut => self.reset(Code::LimitExceeded),
            State::Streaming(_) if !writable => match self.lateness(&state) {
                Some(Late::Idle) => self.late(state, false),
                // The next chunk can still carry an error event, so the stream gets a moment for it.
                Some(Late::Turn) if self.clock.is_long_over(self.gate.contract.limits().turn_timeout) => {
                    self.late(state, false)
                }
                Some(Late::Turn) | None => (state, Effect::Hold),
            },
            _ if self.lateness(&state).is_some() => self.late(state, writable),
            _ => (state, Effect::Hold),
        }
    }

    /// Returns whether a turn is over at an event that brings bytes. Bytes end a silence, however long it was.
    pub(super) fn is_late(&self, state: &State) -> bool {
        !matches!(state, State::Closed) && self.lateness(state) == Some(Late::Turn)
    }

    fn lateness(&self, state: &State) -> Option<Late> {
        let (bounds, limits) = (state.bounds(), self.gate.contract.limits());
        if bounds.turn && self.clock.is_over(limits.turn_timeout) {
            return Some(Late::Turn);
        }
        let idle = limits.turn_idle_timeout.min(limits.turn_timeout);
        (bounds.idle && self.clock.is_silent(idle)).then_some(Late::Idle)
    }

    /// Ends a late exchange.
    pub(super) fn late(&mut self, state: State, writable: bool) -> Step {
        let refusal = self.too_late(&state);
        self.end_early(state, &refusal, writable)
    }

    /// Ends an exchange in an error, in the form that its client can still be answered in.
    pub(super) fn end_early(&mut self, state: State, refusal: &Refusal, writable: bool) -> Step {
        match state {
            // The host passes a reply that comes before any response through the filters, so it must pass here too.
            State::Refusing { .. } | State::Gathering { .. } | State::Sent(_) => self.refuse(refusal),
            State::Body { .. } => self.replace(refusal),
            State::Looping(looping) => self.fail(*looping, refusal),
            State::Streaming(answering) if writable => {
                self.tally.error = Some(refusal.code);
                let mut answering = answering;
                (State::Cut, Effect::Emit(answering.error(refusal)))
            }
            State::Streaming(_) | State::Closed => self.reset(refusal.code),
            state @ (State::New | State::Open | State::Refused | State::Cut | State::Ended) => (state, Effect::Hold),
        }
    }

    /// Ends a late exchange whose upstream has ended too.
    pub(super) fn late_end(&mut self, state: State, writable: bool) -> Step {
        match self.late(state, writable) {
            (State::Cut, Effect::Emit(bytes) | Effect::Finish(bytes)) => (State::Ended, Effect::Finish(bytes)),
            step => step,
        }
    }

    fn too_late(&self, state: &State) -> Refusal {
        let peer = self.format.peer();
        match (state, self.lateness(state)) {
            (State::Refusing { .. } | State::Gathering { .. }, _) => {
                Refusal::new(Code::RequestTimeout, "The request's body made no progress; send it again.")
            }
            (_, Some(Late::Idle)) => Refusal::new(
                Code::LimitExceeded,
                format!("The {peer} sent nothing for longer than the contract's `turnIdleTimeout`."),
            ),
            (_, Some(Late::Turn) | None) => Refusal::new(
                Code::LimitExceeded,
                format!("The {peer} took longer to answer than the contract's `turnTimeout`."),
            ),
        }
    }
}
