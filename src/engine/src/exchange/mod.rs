//! One exchange: the states it goes through, and which event leads from which to which.

mod gather;
mod looping;
mod mcp;
mod respond;

use std::rc::Rc;
use std::time::Duration;

use crate::effect::Effect;
use crate::event::Event;
use crate::gate::Gate;
use crate::head::ApiHead;
use crate::ledger::{About, Decisions, Ledger};
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::stream::StreamTurn;
use crate::tally::Tally;
use crate::voice::Voice;
use looping::Looping;

/// The state machine of one exchange.
#[derive(Debug)]
pub struct Exchange {
    gate: Rc<Gate>,
    /// What errors are written in.
    voice: Voice,
    state: State,
    tally: Tally,
    ledger: Ledger,
}

/// Where an exchange stands. Each state owns what it needs.
#[derive(Debug)]
enum State {
    /// Nothing was told yet.
    New,
    /// A path that is not read: everything passes.
    Open,
    /// The request was answered here before it went on. Nothing more of it goes on; the response is our own.
    Refused,
    /// The upstream's response was replaced by an answer of ours. Nothing more of it goes on.
    Replaced,
    /// The request is refused by its headers; its body, `size` bytes so far, is read to its end and dropped.
    Refusing { refusal: Refusal, size: usize },
    /// The request's body is being gathered.
    Gathering { head: Box<ApiHead>, body: Vec<u8> },
    /// The request went on; the model's answer is awaited.
    Sent { asked: Box<Asked>, deadline: Duration },
    /// A JSON answer is being gathered.
    Whole { asked: Box<Asked>, body: Vec<u8>, deadline: Duration },
    /// An error of the upstream is being gathered.
    Failing { status: u16, body: Vec<u8> },
    /// A streamed answer is under way.
    Streaming(Box<StreamTurn>),
    /// Messages to and from an MCP server.
    Mcp(Box<mcp::Phase>),
    /// The model's turn led to further rounds; the response is held back meanwhile.
    Looping(Box<Looping>),
    /// The stream to the client is complete, or broken off after an error: what the upstream still says is dropped.
    Closed,
}

impl Exchange {
    /// A new exchange through a gate. `id` names it and no other, for the executor never runs a call of an exchange twice; nobody
    /// who sends requests may be able to choose it.
    #[must_use]
    pub fn new(gate: Rc<Gate>, id: impl Into<String>) -> Self {
        let ledger = Ledger::of(About::of(id.into()));
        Self { gate, voice: Voice::of(None), state: State::New, tally: Tally::default(), ledger }
    }

    /// The decisions since this was last asked, if there are any.
    pub fn take_decisions(&mut self) -> Option<Decisions<'_>> {
        self.ledger.take(&self.gate)
    }

    /// What was decided so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes an event; says what must be done about it. Total: an event that fits no state fails closed.
    pub fn on(&mut self, event: Event<'_>) -> Effect {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match (state, event) {
            (_, Event::Cancelled) => Effect::Hold,
            (State::New, Event::RequestHead { headers, claims, end }) => self.request_head(headers, claims, end),
            (State::Refusing { refusal, size }, Event::RequestData { chunk, end, .. }) => {
                self.refused_data(refusal, size, chunk, end)
            }
            (State::Refusing { refusal, .. }, Event::RequestTrailers { .. }) => self.refuse(&refusal),
            (State::Gathering { head, body }, Event::RequestData { chunk, end, now }) => {
                self.request_data(head, body, chunk, end.then_some(now))
            }
            (State::Gathering { head, body }, Event::RequestTrailers { now }) => {
                self.request_data(head, body, &[], Some(now))
            }
            (State::Sent { asked, deadline }, Event::ResponseHead { headers, end }) => {
                self.response_head(Some((asked, deadline)), headers, end)
            }
            // An answer that comes before the request went on is the host's own, such as an error of another filter.
            (State::New | State::Refusing { .. } | State::Gathering { .. }, Event::ResponseHead { headers, end }) => {
                self.response_head(None, headers, end)
            }
            (State::Whole { asked, body, deadline }, Event::ResponseData { chunk, end, now }) => {
                self.whole_data(asked, body, deadline, chunk, end, now)
            }
            (State::Whole { asked, body, deadline }, Event::ResponseTrailers { now, .. }) => {
                self.whole_data(asked, body, deadline, &[], true, now)
            }
            (State::Failing { status, body }, Event::ResponseData { chunk, end, .. }) => {
                self.failing_data(status, body, chunk, end)
            }
            (State::Failing { status, body }, Event::ResponseTrailers { .. }) => {
                self.failing_data(status, body, &[], true)
            }
            (State::Streaming(turn), Event::ResponseData { chunk, end, now }) => {
                self.stream_data(turn, chunk, end, now)
            }
            (State::Streaming(turn), Event::ResponseTrailers { writable, now }) => {
                self.stream_trailers(turn, writable, now)
            }
            (State::Mcp(phase), event) => self.mcp(*phase, event),
            (State::Looping(looping), Event::CallsRun(outcomes)) => self.calls_run(*looping, outcomes),
            (State::Looping(looping), Event::ModelAnswered(reply)) => self.model_answered(*looping, reply),
            // What the upstream says after its turn is complete says nothing.
            (State::Looping(looping), Event::ResponseData { .. } | Event::ResponseTrailers { .. }) => {
                self.state = State::Looping(looping);
                Effect::Hold
            }
            (State::Open, _) => {
                self.state = State::Open;
                Effect::Pass
            }
            (
                State::Refused,
                Event::ResponseHead { .. } | Event::ResponseData { .. } | Event::ResponseTrailers { .. },
            ) => {
                self.state = State::Refused;
                Effect::Pass
            }
            (state @ (State::Refused | State::Replaced), _) => {
                self.state = state;
                Effect::Hold
            }
            (State::Closed, Event::ResponseData { end: false, .. }) => Effect::Hold,
            (State::Closed, Event::ResponseData { end: true, .. } | Event::ResponseTrailers { .. }) => {
                Effect::Finish(Vec::new())
            }
            // Callouts that were under way when the exchange ended.
            (State::Closed, Event::CallsRun(_) | Event::ModelAnswered(_)) => Effect::Hold,
            (state, _) => {
                let refusal = Refusal::new(Code::OutOfOrder, "The exchange is in a state in which this cannot happen.");
                match state {
                    State::New | State::Gathering { .. } | State::Refusing { .. } => self.refuse(&refusal),
                    _ => self.replace(&refusal),
                }
            }
        }
    }

    /// Answers the request in place of the upstream.
    fn refuse(&mut self, refusal: &Refusal) -> Effect {
        self.tally.error = Some(refusal.code);
        self.state = State::Refused;
        Effect::Reply(self.voice.reply(refusal))
    }

    /// Answers in place of a response that has begun to arrive.
    fn replace(&mut self, refusal: &Refusal) -> Effect {
        self.tally.error = Some(refusal.code);
        self.state = State::Replaced;
        Effect::Reply(self.voice.reply(refusal))
    }
}

fn exceeds(size: usize, most: u64) -> bool {
    u64::try_from(size).unwrap_or(u64::MAX) > most
}
