//! One exchange: its states, and the transition for each event.
//!
//! Model APIs and MCP servers share one machine. Their differences are three small enums: the reader of the request ([`RequestReader`]), the
//! forwarded request ([`Forwarded`]), and the stream of its answer ([`AnswerStream`]). Every handler returns the next state together
//! with the effect, so no handler can forget it.

mod admission;
mod authorizing;
mod body;
mod clock;
mod memory;
mod request;
mod response;
mod rounds;
mod state;
mod streaming;
mod timeouts;
mod usage;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::Caller;

use crate::agent::AgentIds;
use crate::budget::Claim;
use crate::effect::{Effect, UsageCharge};
use crate::error_format::ErrorFormat;
use crate::event::Event;
use crate::gate::Gate;
use crate::ledger::{CallNote, Correlation, Decisions, Ledger};
use crate::limits::{self, Charged};
use crate::refusal::{Code, Refusal};
use crate::tally::Tally;
use clock::Clock;
use state::ExchangeState;

/// The state machine of one exchange.
#[derive(Debug)]
pub struct Exchange {
    core: Core,
    state: ExchangeState,
}

/// Everything of an exchange but its state.
#[derive(Debug)]
struct Core {
    gate: Rc<Gate>,
    format: ErrorFormat,
    tally: Tally,
    ledger: Ledger,
    clock: Clock,
    content_type: Option<Cow<'static, str>>,
    /// The claim on the worker's budget, once the caller is known.
    claim: Option<Claim>,
    /// The caller's role, once the caller is known.
    role: Option<Arc<str>>,
    /// The caller whose limits on tokens and cost are charged when the exchange ends.
    charged: Option<Box<Caller>>,
    /// The charge for the executor, once the exchange has ended.
    charge: Option<UsageCharge>,
    /// The bytes of the request's headers, which are kept for further rounds.
    head_bytes: usize,
    /// The largest number of bytes held from one event to the next. It depends on the chunks of bodies, unlike the tally.
    most_held: usize,
}

/// The caller and the decisions of an exchange, for its access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessNotes<'a> {
    /// The caller's tenant, if the caller is known. Its length is not bounded.
    pub tenant: Option<&'a str>,
    /// The caller's role, if the contract has it.
    pub role: Option<&'a str>,
    /// The agent that says it sends the request.
    pub agent: Option<&'a AgentIds>,
    /// The decisions on the first calls, at most 16.
    pub calls: &'a [CallNote],
    /// The number of all decisions on calls.
    pub decided: u32,
}

/// The next state, and the effect for the host.
type Transition = (ExchangeState, Effect);

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
            ledger: Ledger::of(Correlation::of(id.into())),
            clock: Clock::default(),
            content_type: None,
            claim: None,
            role: None,
            charged: None,
            charge: None,
            head_bytes: 0,
            most_held: 0,
        };
        Self { core, state: ExchangeState::New }
    }

    /// Returns the decisions since the last call, if there are any.
    pub fn take_decisions(&mut self) -> Option<Decisions<'_>> {
        self.core.ledger.take(&self.core.gate)
    }

    /// Returns the charge for the executor, once, when the exchange has ended.
    pub fn take_charge(&mut self) -> Option<UsageCharge> {
        self.core.charge.take()
    }

    /// Returns the caller, and the decisions so far.
    #[must_use]
    pub fn notes(&self) -> AccessNotes<'_> {
        let (calls, decided) = self.core.ledger.notes();
        let tenant = self.core.claim.as_ref().map(Claim::tenant);
        let agent = self.core.ledger.correlation.agent.as_deref();
        AccessNotes { tenant, role: self.core.role.as_deref(), agent, calls, decided }
    }

    /// Returns the largest number of bytes that the exchange held from one event to the next.
    #[must_use]
    pub fn most_held(&self) -> usize {
        self.core.most_held
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

    /// Takes an event and returns its effect. An event that does not fit the state fails closed.
    pub fn on(&mut self, event: Event<'_>) -> Effect {
        self.core.clock.observe(&event);
        // Every step returns a state, so this placeholder is never seen.
        let state = std::mem::replace(&mut self.state, ExchangeState::Ended);
        let chunk = match &event {
            Event::ResponseData { chunk, .. } => *chunk,
            _ => b"",
        };
        let step = self.core.step(state, event);
        let (state, effect) = self.core.claim_memory(step, chunk);
        self.state = state;
        effect
    }
}

// === impl Core ===

impl Core {
    fn step(&mut self, state: ExchangeState, event: Event<'_>) -> Transition {
        match (state, event) {
            (state, Event::Cancelled) => self.cancelled(&state),
            (state, Event::Tick { writable, .. }) => self.tick(state, writable),
            (state, Event::RequestData { .. } | Event::ResponseData { end: false, .. })
                if self.is_over_time(&state) =>
            {
                self.time_out(state, true)
            }
            (state, Event::ResponseData { end: true, .. }) if self.is_over_time(&state) => {
                self.time_out_at_end(state, true)
            }
            (state, Event::ResponseTrailers { writable, .. }) if self.is_over_time(&state) => {
                self.time_out_at_end(state, writable)
            }
            (ExchangeState::New, Event::RequestHead { headers, verified, end }) => {
                self.request_head(headers, verified, end)
            }
            (ExchangeState::Refusing { refusal, size }, Event::RequestData { chunk, end, .. }) => {
                self.refused_data(refusal, size, chunk, end)
            }
            (ExchangeState::Refusing { refusal, .. }, Event::RequestTrailers { .. }) => self.refuse(&refusal),
            (ExchangeState::Gathering { reader, body }, Event::RequestData { chunk, end, .. }) => {
                self.request_data(reader, body, chunk, end)
            }
            (ExchangeState::Gathering { reader, body }, Event::RequestTrailers { .. }) => {
                self.request_data(reader, body, &[], true)
            }
            (ExchangeState::Sent(forwarded), Event::ResponseHead { headers, end }) => {
                self.response_head(Some(forwarded), headers, end)
            }
            // An answer before the request is forwarded is the host's own, such as an error of another filter.
            (
                ExchangeState::New
                | ExchangeState::Refusing { .. }
                | ExchangeState::Gathering { .. }
                | ExchangeState::Admitting(_)
                | ExchangeState::AskingForRequest(_)
                | ExchangeState::RunningForRequest(_),
                Event::ResponseHead { headers, end },
            ) => self.response_head(None, headers, end),
            (ExchangeState::Body { awaited, body }, Event::ResponseData { chunk, end, .. }) => {
                self.body_data(awaited, body, chunk, end)
            }
            (ExchangeState::Body { awaited, body }, Event::ResponseTrailers { .. }) => {
                self.body_data(awaited, body, &[], true)
            }
            (ExchangeState::Streaming(answer_stream), Event::ResponseData { chunk, end, .. }) => {
                self.stream_data(answer_stream, chunk, end)
            }
            (ExchangeState::Streaming(answer_stream), Event::ResponseTrailers { writable, .. }) => {
                self.stream_trailers(answer_stream, writable)
            }
            (ExchangeState::Admitting(held), Event::Admitted(reply)) => self.admitted(*held, reply),
            (ExchangeState::BetweenRounds(rounds), Event::Admitted(reply)) => self.round_admitted(*rounds, reply),
            (ExchangeState::BetweenRounds(rounds), Event::CallsRun(outcomes)) => self.calls_run(*rounds, outcomes),
            (ExchangeState::BetweenRounds(rounds), Event::Authorized(rulings)) => self.answer_ruled(*rounds, rulings),
            (ExchangeState::AskingForStream(held), Event::Authorized(rulings)) => self.stream_ruled(*held, rulings),
            (ExchangeState::AskingForStream(held), Event::ResponseData { chunk, end, .. }) => {
                self.stream_held(held, chunk, end)
            }
            (ExchangeState::AskingForStream(held), Event::ResponseTrailers { .. }) => self.stream_held(held, &[], true),
            (ExchangeState::AskingForRequest(held), Event::Authorized(rulings)) => self.request_ruled(*held, rulings),
            (ExchangeState::RunningForRequest(held), Event::CallsRun(outcomes)) => self.request_ran(*held, outcomes),
            (ExchangeState::BetweenRounds(rounds), Event::ModelAnswered(reply)) => self.model_answered(*rounds, reply),
            // The turn is complete, so later bytes of the upstream are dropped.
            (ExchangeState::BetweenRounds(mut rounds), Event::ResponseData { end, .. }) => {
                rounds.ended |= end;
                (ExchangeState::BetweenRounds(rounds), Effect::Hold)
            }
            (ExchangeState::BetweenRounds(mut rounds), Event::ResponseTrailers { .. }) => {
                rounds.ended = true;
                (ExchangeState::BetweenRounds(rounds), Effect::Hold)
            }
            (ExchangeState::Open, _) => (ExchangeState::Open, Effect::Pass),
            (
                ExchangeState::Refused,
                Event::ResponseHead { .. } | Event::ResponseData { .. } | Event::ResponseTrailers { .. },
            ) => (ExchangeState::Refused, Effect::Pass),
            (state @ (ExchangeState::Refused | ExchangeState::Ended), _) => (state, Effect::Hold),
            (
                ExchangeState::Closed | ExchangeState::Cut,
                Event::ResponseData { end: true, .. } | Event::ResponseTrailers { .. },
            ) => (ExchangeState::Ended, Effect::Finish(Vec::new())),
            (ExchangeState::Cut, Event::ResponseData { .. }) => (ExchangeState::Ended, Effect::Reset),
            (ExchangeState::Closed, Event::ResponseData { .. }) => (ExchangeState::Closed, Effect::Hold),
            // Answers to callouts that were under way when the exchange ended.
            (
                state @ (ExchangeState::Closed | ExchangeState::Cut),
                Event::CallsRun(_) | Event::Authorized(_) | Event::Admitted(_) | Event::ModelAnswered(_),
            ) => (state, Effect::Hold),
            (state, _) => self.out_of_order(&state),
        }
    }

    fn out_of_order(&mut self, state: &ExchangeState) -> Transition {
        self.count_broken(state);
        let refusal = Refusal::new(Code::OutOfOrder, "The exchange is in a state in which this cannot happen.");
        match state {
            ExchangeState::New
            | ExchangeState::Gathering { .. }
            | ExchangeState::Refusing { .. }
            | ExchangeState::Admitting(_)
            | ExchangeState::AskingForRequest(_)
            | ExchangeState::RunningForRequest(_) => self.refuse(&refusal),
            _ => self.replace(&refusal),
        }
    }

    /// The client or the upstream has gone, or the exchange is over.
    fn cancelled(&mut self, state: &ExchangeState) -> Transition {
        self.count_broken(state);
        self.tally.cancelled |= state.is_unfinished();
        if let Some(caller) = self.charged.take() {
            let (used, now) = ((&self.tally.usage, self.tally.cost), self.clock.unix_millis());
            match limits::charge(&self.gate, &self.ledger.correlation, &caller, used, now) {
                Charged::Here => {}
                Charged::Lost => self.tally.charge_lost = true,
                Charged::Send(charge) => self.charge = Some(charge),
            }
        }
        (ExchangeState::Ended, Effect::Hold)
    }

    /// Answers the request in place of the upstream.
    fn refuse(&mut self, refusal: &Refusal) -> Transition {
        self.tally.error = Some(refusal.code);
        (ExchangeState::Refused, Effect::Reply(self.format.reply(refusal)))
    }

    /// Answers in place of a response, awaited or begun.
    fn replace(&mut self, refusal: &Refusal) -> Transition {
        self.tally.error = Some(refusal.code);
        (ExchangeState::Ended, Effect::Reply(self.format.reply(refusal)))
    }

    /// Resets a response to which nothing more can be written.
    fn reset(&mut self, code: Code) -> Transition {
        self.tally.error.get_or_insert(code);
        (ExchangeState::Ended, Effect::Reset)
    }
}

fn exceeds(size: usize, most: u64) -> bool {
    u64::try_from(size).unwrap_or(u64::MAX) > most
}
