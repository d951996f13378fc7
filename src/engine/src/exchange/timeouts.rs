//! The end of an exchange over its time limit: an error object while nothing has been sent, the stream's last event while
//! bytes can still be written, else a reset.

use std::time::Duration;

use super::clock::TimeLimit;
use super::state::ExchangeState;
use super::state::rounds::Waiting;
use super::{Core, Transition};
use crate::effect::Effect;
use crate::event::CallFailed;
use crate::limits::ADMISSION;
use crate::refusal::{Code, Refusal};

/// The overrun allowed to a host's callout before its request is refused.
const GRACE: Duration = Duration::from_secs(1);

impl Core {
    /// Takes a tick. `writable` is true if the host holds back bytes of the response, so it can still write.
    pub(super) fn tick(&mut self, state: ExchangeState, writable: bool) -> Transition {
        match state {
            // The host ends its callout earlier. Should it lose one, the request does not wait for good.
            ExchangeState::Admitting(held) if self.clock.is_silent(ADMISSION + GRACE) => {
                self.admitted(*held, Err(CallFailed::Unreachable))
            }
            ExchangeState::BetweenRounds(rounds)
                if matches!(rounds.waiting, Waiting::Count { .. }) && self.clock.is_silent(ADMISSION + GRACE) =>
            {
                self.round_admitted(*rounds, Err(CallFailed::Unreachable))
            }
            state => self.tick_of_turn(state, writable),
        }
    }

    fn tick_of_turn(&mut self, state: ExchangeState, writable: bool) -> Transition {
        match &state {
            ExchangeState::Cut => self.reset(Code::LimitExceeded),
            ExchangeState::Streaming(_) if !writable => match self.exceeded_limit(&state) {
                Some(TimeLimit::Idle) => self.time_out(state, false),
                // The next chunk can still carry an error event, so the stream gets a moment for it.
                Some(TimeLimit::Turn) if self.clock.is_long_over(self.gate.contract.limits().turn_timeout) => {
                    self.time_out(state, false)
                }
                Some(TimeLimit::Turn) | None => (state, Effect::Hold),
            },
            _ if self.exceeded_limit(&state).is_some() => self.time_out(state, writable),
            _ => (state, Effect::Hold),
        }
    }

    /// Returns true if the turn's time is over when bytes arrive. Bytes end a silence, however long it was.
    pub(super) fn is_over_time(&self, state: &ExchangeState) -> bool {
        !matches!(state, ExchangeState::Closed) && self.exceeded_limit(state) == Some(TimeLimit::Turn)
    }

    fn exceeded_limit(&self, state: &ExchangeState) -> Option<TimeLimit> {
        let (bounds, limits) = (state.bounds(), self.gate.contract.limits());
        if bounds.turn && self.clock.is_over(limits.turn_timeout) {
            return Some(TimeLimit::Turn);
        }
        let idle = limits.turn_idle_timeout.min(limits.turn_timeout);
        (bounds.idle && self.clock.is_silent(idle)).then_some(TimeLimit::Idle)
    }

    /// Ends an exchange over its time limit.
    pub(super) fn time_out(&mut self, state: ExchangeState, writable: bool) -> Transition {
        self.count_broken(&state);
        let refusal = self.timeout_refusal(&state);
        self.end_early(state, &refusal, writable)
    }

    /// Ends an exchange in an error, in the form the client can still read.
    pub(super) fn end_early(&mut self, state: ExchangeState, refusal: &Refusal, writable: bool) -> Transition {
        match state {
            // The host passes a reply before any response through the filters, so it must pass here too.
            ExchangeState::Refusing { .. }
            | ExchangeState::Gathering { .. }
            | ExchangeState::Admitting(_)
            | ExchangeState::AskingForRequest(_)
            | ExchangeState::RunningForRequest(_)
            | ExchangeState::Sent(_) => self.refuse(refusal),
            ExchangeState::Body { .. } => self.replace(refusal),
            ExchangeState::BetweenRounds(rounds) => self.fail(*rounds, refusal),
            ExchangeState::AskingForStream(held) => self.fail_held(*held, refusal),
            ExchangeState::Streaming(answer_stream) if writable => {
                self.tally.error = Some(refusal.code);
                let mut answer_stream = answer_stream;
                (ExchangeState::Cut, Effect::Emit(answer_stream.error(refusal)))
            }
            ExchangeState::Streaming(_) | ExchangeState::Closed => self.reset(refusal.code),
            state @ (ExchangeState::New
            | ExchangeState::Open
            | ExchangeState::Refused
            | ExchangeState::Cut
            | ExchangeState::Ended) => (state, Effect::Hold),
        }
    }

    /// Ends an exchange over its time limit after the upstream has ended too.
    pub(super) fn time_out_at_end(&mut self, state: ExchangeState, writable: bool) -> Transition {
        match self.time_out(state, writable) {
            (ExchangeState::Cut, Effect::Emit(bytes) | Effect::Finish(bytes)) => {
                (ExchangeState::Ended, Effect::Finish(bytes))
            }
            step => step,
        }
    }

    fn timeout_refusal(&self, state: &ExchangeState) -> Refusal {
        let peer = self.format.peer();
        match (state, self.exceeded_limit(state)) {
            (ExchangeState::Refusing { .. } | ExchangeState::Gathering { .. }, _) => {
                Refusal::new(Code::RequestTimeout, "The request's body made no progress; send it again.")
            }
            (ExchangeState::RunningForRequest(_), _) => Refusal::new(
                Code::LimitExceeded,
                "The executor took longer than the contract's `turnTimeout`; the call may have run.",
            ),
            (_, Some(TimeLimit::Idle)) => Refusal::new(
                Code::LimitExceeded,
                format!("The {peer} sent nothing for longer than the contract's `turnIdleTimeout`."),
            ),
            (_, Some(TimeLimit::Turn) | None) => Refusal::new(
                Code::LimitExceeded,
                format!("The {peer} took longer to answer than the contract's `turnTimeout`."),
            ),
        }
    }
}
