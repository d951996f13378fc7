//! One exchange: its states, and which event leads from which state to which.
//!
//! Model APIs and MCP servers share one machine. Their differences are three small enums: who reads the request ([`Reader`]), which
//! request was forwarded ([`Forwarded`]), and which stream answers it ([`Answering`]). Every handler returns the next state together
//! with the effect, so no handler can forget it.

mod afford;
mod answering;
mod body;
mod clock;
mod late;
mod request;
mod response;
mod rounds;
mod state;

use std::rc::Rc;

use crate::budget::Claim;
use crate::effect::Effect;
use crate::error_format::ErrorFormat;
use crate::event::Event;
use crate::gate::Gate;
use crate::ledger::{About, Decisions, Ledger};
use crate::refusal::{Code, Refusal};
use crate::tally::Tally;
use clock::Clock;
use state::State;

/// The state machine of one exchange.
#[derive(Debug)]
pub struct Exchange {
    core: Core,
    state: State,
}

/// Everything of an exchange that is not its state.
#[derive(Debug)]
struct Core {
    gate: Rc<Gate>,
    format: ErrorFormat,
    tally: Tally,
    ledger: Ledger,
    clock: Clock,
    content_type: Option<String>,
    /// The claim on the worker's budget, once the caller is known.
    claim: Option<Claim>,
    /// The bytes of the request's headers, which are kept for further rounds.
    head_bytes: usize,
}

/// The next state, and what the host must do now.
type Step = (State, Effect);

// === impl Exchange ===

impl Exchange {
    /// Creates an exchange through a gate. The executor never runs a call of an exchange twice, so `id` must be unique, and clients
    /// must not be able to choose it.
    #[must_use]
    pub fn new(gate: Rc<Gate>, id: impl Into<String>) -> Self {
        let core = Core {
            gate,
            format: ErrorFormat::of(None),
            tally: Tally::default(),
            ledger: Ledger::of(About::of(id.into())),
            clock: Clock::default(),
            content_type: None,
            claim: None,
            head_bytes: 0,
        };
        Self { core, state: State::New }
    }

    /// Returns the decisions since the last call, if there are any.
    pub fn take_decisions(&mut self) -> Option<Decisions<'_>> {
        self.core.ledger.take(&self.core.gate)
    }

    /// Returns the counts so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.core.tally
    }

    /// Returns the `content-type` to set when the response's headers are released; `None` keeps the upstream's.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.core.content_type.as_deref()
    }

    /// Takes an event and returns what the host must do. Total: an event that fits no state fails closed.
    pub fn on(&mut self, event: Event<'_>) -> Effect {
        self.core.clock.hear(&event);
        // Every step returns a state, so this placeholder is never seen.
        let state = std::mem::replace(&mut self.state, State::Ended);
        let step = self.core.step(state, event);
        let (state, effect) = self.core.afford(step);
        self.state = state;
        effect
    }
}

// === impl Core ===

impl Core {
    fn step(&mut self, state: State, event: Event<'_>) -> Step {
        match (state, event) {
            (state, Event::Cancelled) => self.cancelled(&state),
            (state, Event::Tick { writable, .. }) => self.tick(state, writable),
            (state, Event::RequestData { .. } | Event::ResponseData { end: false, .. }) if self.is_late(&state) => {
                self.late(state, true)
            }
            (state, Event::ResponseData { end: true, .. }) if self.is_late(&state) => self.late_end(state, true),
            (state, Event::ResponseTrailers { writable, .. }) if self.is_late(&state) => self.late_end(state, writable),
            (State::New, Event::RequestHead { headers, claims, end }) => self.request_head(headers, claims, end),
            (State::Refusing { refusal, size }, Event::RequestData { chunk, end, .. }) => {
                self.refused_data(refusal, size, chunk, end)
            }
            (State::Refusing { refusal, .. }, Event::RequestTrailers { .. }) => self.refuse(&refusal),
            (State::Gathering { reader, body }, Event::RequestData { chunk, end, .. }) => {
                self.request_data(reader, body, chunk, end)
            }
            (State::Gathering { reader, body }, Event::RequestTrailers { .. }) => {
                self.request_data(reader, body, &[], true)
            }
            (State::Sent(forwarded), Event::ResponseHead { headers, end }) => {
                self.response_head(Some(forwarded), headers, end)
            }
            // An answer that comes before the request was forwarded is the host's own, such as an error of another filter.
            (State::New | State::Refusing { .. } | State::Gathering { .. }, Event::ResponseHead { headers, end }) => {
                self.response_head(None, headers, end)
            }
            (State::Body { awaited, body }, Event::ResponseData { chunk, end, .. }) => {
                self.body_data(awaited, body, chunk, end)
            }
            (State::Body { awaited, body }, Event::ResponseTrailers { .. }) => self.body_data(awaited, body, &[], true),
            (State::Streaming(answering), Event::ResponseData { chunk, end, .. }) => {
                self.stream_data(answering, chunk, end)
            }
            (State::Streaming(answering), Event::ResponseTrailers { writable, .. }) => {
                self.stream_trailers(answering, writable)
            }
            (State::Looping(looping), Event::CallsRun(outcomes)) => self.calls_run(*looping, outcomes),
            (State::Looping(looping), Event::ModelAnswered(reply)) => self.model_answered(*looping, reply),
            // The turn is complete, so what the upstream still sends is dropped.
            (State::Looping(mut looping), Event::ResponseData { end, .. }) => {
                looping.ended |= end;
                (State::Looping(looping), Effect::Hold)
            }
            (State::Looping(mut looping), Event::ResponseTrailers { .. }) => {
                looping.ended = true;
                (State::Looping(looping), Effect::Hold)
            }
            (State::Open, _) => (State::Open, Effect::Pass),
            (
                State::Refused,
                Event::ResponseHead { .. } | Event::ResponseData { .. } | Event::ResponseTrailers { .. },
            ) => (State::Refused, Effect::Pass),
            (state @ (State::Refused | State::Ended), _) => (state, Effect::Hold),
            (State::Closed | State::Cut, Event::ResponseData { end: true, .. } | Event::ResponseTrailers { .. }) => {
                (State::Ended, Effect::Finish(Vec::new()))
            }
            (State::Cut, Event::ResponseData { .. }) => (State::Ended, Effect::Reset),
            (State::Closed, Event::ResponseData { .. }) => (State::Closed, Effect::Hold),
            // Callouts that were under way when the exchange ended.
            (state @ (State::Closed | State::Cut), Event::CallsRun(_) | Event::ModelAnswered(_)) => {
                (state, Effect::Hold)
            }
            (state, _) => self.out_of_order(&state),
        }
    }

    fn out_of_order(&mut self, state: &State) -> Step {
        let refusal = Refusal::new(Code::OutOfOrder, "The exchange is in a state in which this cannot happen.");
        match state {
            State::New | State::Gathering { .. } | State::Refusing { .. } => self.refuse(&refusal),
            _ => self.replace(&refusal),
        }
    }

    /// The client or the upstream has gone, or the exchange is over.
    fn cancelled(&mut self, state: &State) -> Step {
        self.tally.cancelled |= state.is_unfinished();
        (State::Ended, Effect::Hold)
    }

    /// Answers the request in place of the upstream.
    fn refuse(&mut self, refusal: &Refusal) -> Step {
        self.tally.error = Some(refusal.code);
        (State::Refused, Effect::Reply(self.format.reply(refusal)))
    }

    /// Answers in place of a response that has begun to arrive, or that is awaited.
    fn replace(&mut self, refusal: &Refusal) -> Step {
        self.tally.error = Some(refusal.code);
        (State::Ended, Effect::Reply(self.format.reply(refusal)))
    }

    /// Resets a response of which nothing more can be said.
    fn reset(&mut self, code: Code) -> Step {
        self.tally.error.get_or_insert(code);
        (State::Ended, Effect::Reset)
    }
}

fn exceeds(size: usize, most: u64) -> bool {
    u64::try_from(size).unwrap_or(u64::MAX) > most
}
