//! The host's side of an exchange. It keeps the released bytes and checks the engine's obligations:
//!
//! - the request is resumed once, or answered;
//! - the response ends once, and nothing comes after its end;
//! - one callout at a time, none after the end, and none forgotten;
//! - no emission is empty, none comes before the stream began;
//! - memory is bounded by the contract's limits.

use std::rc::Rc;
use std::time::Duration;

use crate::{desk, memory};
use callgate_engine::{
    Authorization, AuthorizeBatch, CallBatch, CallFailed, CallRuling, Effect, Event, Exchange, Gate, ModelReply, Outcome, lend,
};

/// A host and its record.
pub struct Host {
    exchange: Exchange,
    /// The response's body as the client got it.
    pub out: Vec<u8>,
    /// The request's body as the upstream got it.
    pub forwarded: Option<Vec<u8>>,
    /// The body of an answer of the gate's own.
    pub replied: Option<Vec<u8>>,
    pub begun: bool,
    /// Everything passes unread.
    pub open: bool,
    pub outstanding: Option<Callout>,
    ended: bool,
    cancelled: bool,
    request_done: bool,
}

/// The answer the exchange waits for.
#[derive(Debug)]
pub enum Callout {
    Calls(CallBatch),
    Rulings(AuthorizeBatch),
    Model,
}

/// The event answered by an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
    Callout,
    End,
}

impl Host {
    pub fn new(gate: &Rc<Gate>) -> Host {
        Host {
            exchange: Exchange::new(Rc::clone(gate), "exchange-1"),
            out: Vec::new(),
            forwarded: None,
            replied: None,
            begun: false,
            open: false,
            outstanding: None,
            ended: false,
            cancelled: false,
            request_done: false,
        }
    }

    /// True if the request was forwarded.
    pub fn sent(&self) -> bool {
        self.forwarded.is_some() || self.open
    }

    pub fn ended(&self) -> bool {
        self.ended
    }

    pub fn tell(&mut self, event: Event<'_>) {
        let side = match &event {
            Event::RequestHead { .. } | Event::RequestData { .. } | Event::RequestTrailers { .. } => Side::Request,
            Event::ResponseHead { .. }
            | Event::ResponseData { .. }
            | Event::ResponseTrailers { .. }
            | Event::Tick { .. } => Side::Response,
            Event::CallsRun(_) | Event::Authorized(_) | Event::ModelAnswered(_) => Side::Callout,
            Event::Cancelled => Side::End,
        };
        let chunk = if let Event::ResponseData { chunk, .. } = &event { chunk.to_vec() } else { Vec::new() };
        match side {
            Side::Callout => self.outstanding = None,
            Side::End => {
                self.cancelled = true;
                self.outstanding = None;
            }
            Side::Request | Side::Response => {}
        }
        let effect = memory::within(desk::MOST_HELD, || self.exchange.on(event));
        self.take(side, effect, &chunk);
    }

    fn take(&mut self, side: Side, effect: Effect, chunk: &[u8]) {
        if self.cancelled {
            assert_eq!(effect, Effect::Hold, "nothing is done once everyone has gone");
            return;
        }
        match effect {
            Effect::Hold => {}
            Effect::Pass => match side {
                Side::Request => {
                    assert!(self.open, "only what is not read passes");
                }
                Side::Response if self.replied.is_some() && !self.begun => {}
                // A chunk of a stream that keeps its bytes.
                Side::Response if self.begun => {
                    assert!(!self.ended && self.outstanding.is_none(), "nothing goes on now");
                    self.out.extend_from_slice(chunk);
                }
                Side::Response => {
                    // Also answers that only count.
                    self.open = true;
                    self.out.extend_from_slice(chunk);
                }
                Side::Callout | Side::End => panic!("there is nothing to pass"),
            },
            Effect::PassWithout(_) => {
                self.resume(side);
                self.open = true;
            }
            Effect::Forward(forward) => {
                self.resume(side);
                self.forwarded = Some(forward.body);
            }
            Effect::Reply(reply) => {
                self.end(side);
                self.replied = Some(reply.body);
            }
            Effect::BeginStream => {
                assert!(side == Side::Response && !self.begun && !self.ended, "a stream begins once");
                self.begun = true;
            }
            Effect::Emit(bytes) => {
                // If the type of a stream is not declared, the stream begins with its first bytes.
                self.begun = true;
                assert!(!self.ended && !bytes.is_empty(), "an emission is a part of a stream");
                assert!(self.outstanding.is_none(), "nothing goes on during a callout");
                self.out.extend(bytes);
            }
            Effect::Run(batch) => {
                assert!(!batch.calls.is_empty());
                self.call_out(Callout::Calls(batch));
            }
            Effect::Authorize(batch) => {
                assert!(!batch.batch.calls.is_empty());
                self.call_out(Callout::Rulings(batch));
            }
            Effect::Ask(_) => self.call_out(Callout::Model),
            Effect::Reset => self.end(side),
            Effect::Finish(bytes) => {
                if self.ended {
                    assert!(bytes.is_empty(), "nothing comes after the end");
                    return;
                }
                self.end(side);
                self.out.extend(bytes);
            }
        }
    }

    fn resume(&mut self, side: Side) {
        assert!(side == Side::Request && !self.request_done, "a request is resumed once");
        self.request_done = true;
    }

    fn end(&mut self, side: Side) {
        assert!(!self.ended, "a response ends once");
        assert!(self.outstanding.is_none(), "no callout is forgotten");
        if side == Side::Request {
            self.request_done = true;
        }
        self.ended = true;
    }

    fn call_out(&mut self, callout: Callout) {
        assert!(!self.ended && self.outstanding.is_none(), "one callout at a time, none after the end");
        self.outstanding = Some(callout);
    }

    /// Ends the awaited calls: each succeeds, or ends with `how`.
    pub fn run(&mut self, how: u8) {
        let Some(Callout::Calls(batch)) = &self.outstanding else { return };
        let outcome = |call: &callgate_engine::RunCall| {
            let result = match how % 5 {
                0 => Err(callgate_engine::ToolFailure {
                    code: "timeout".into(),
                    message: "Too slow.".into(),
                    approval_id: None,
                }),
                1 => Ok("{\"found\":true,\"found\":1}".to_owned()),
                2 => Ok("[]".to_owned()),
                _ => Ok(r#"{ "found": true }"#.to_owned()),
            };
            Outcome { id: call.id.clone(), result }
        };
        let mut outcomes: Vec<Outcome> = batch.calls.iter().map(outcome).collect();
        match how {
            250.. => outcomes.clear(),
            240..250 => return self.tell(Event::CallsRun(Err(CallFailed::Unreachable))),
            _ => {}
        }
        self.tell(Event::CallsRun(Ok(outcomes)));
    }

    /// Rules on the awaited calls: each is released, or held in the way `how` says.
    pub fn rule(&mut self, how: u8) {
        let Some(Callout::Rulings(batch)) = &self.outstanding else { return };
        let ruling = match how % 4 {
            0 => CallRuling::Pending { approval_id: "a".into(), left: Duration::from_secs(60) },
            1 => CallRuling::Withheld,
            _ => CallRuling::Released,
        };
        let rulings = batch.batch.calls.iter();
        let mut rulings: Vec<Authorization> =
            rulings.map(|call| Authorization { id: call.id.clone(), ruling: ruling.clone() }).collect();
        match how {
            250.. => rulings.clear(),
            240..250 => return self.tell(Event::Authorized(Err(CallFailed::Unreachable))),
            _ => {}
        }
        self.tell(Event::Authorized(Ok(rulings)));
    }

    /// Gives the model's answer to a further round.
    pub fn answer(&mut self, body: &[u8]) {
        if matches!(self.outstanding, Some(Callout::Model)) {
            let headers = headers(&[(":status", "200"), ("content-type", "application/json")]);
            self.tell(Event::ModelAnswered(Ok(ModelReply { headers: &lend(&headers), body })));
        }
    }

    /// Ends everything still open, as a host finally does. After that the exchange must have ended.
    pub fn conclude(&mut self, now: Duration) {
        self.give_up();
        if !self.cancelled && !self.open && self.sent() {
            self.tell(Event::ResponseData { chunk: b"", end: true, now });
            self.give_up();
            assert!(self.ended, "what was begun ends");
        }
    }

    /// Answers callouts with failures until none is open.
    fn give_up(&mut self) {
        for _ in 0..8 {
            match self.outstanding {
                Some(Callout::Calls(_)) => self.tell(Event::CallsRun(Err(CallFailed::Unreachable))),
                Some(Callout::Rulings(_)) => self.tell(Event::Authorized(Err(CallFailed::Unreachable))),
                Some(Callout::Model) => self.tell(Event::ModelAnswered(Err(CallFailed::Unreachable))),
                None => return,
            }
        }
        panic!("rounds end");
    }
}

pub fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// The headers of a request.
pub fn request_headers(path: &str, role: &str) -> Vec<(String, Vec<u8>)> {
    headers(&[
        (":method", "POST"),
        (":path", path),
        (":authority", "api.example"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("x-request-id", "exchange-1"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ])
}
