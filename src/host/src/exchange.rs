//! One exchange in a host: callbacks become events of the engine, effects become writes and the host's next step.
//!
//! The engine keeps the bytes. The host drops its own as soon as the engine has them, so only forwarded bytes meet the host's
//! limits. A body is written only if the host has a buffer for it: in a body callback, or later while the response is held
//! ([`Holding`]).
//!
//! A host may call back from inside a callout. So no exchange is borrowed while the host dispatches one, and every step that can
//! end a stream ([`Step::Reply`], [`Step::Reset`], [`Step::Resume`]) is returned for the host to take last.

use std::cell::RefCell;
use std::rc::Rc;

use callgate_engine::{
    CallBatch, CallFailed, Effect, Event, Exchange, Forward, Gate, Headers, ModelReply, ModelRequest, Outcome,
};
use callgate_engine::{Reply, Tally};

use crate::host::{Host, OwnedReply, Sent};

/// One exchange, shared by the stream's callbacks and by ticks.
#[derive(Debug)]
pub struct LiveExchange(RefCell<Live>);

/// The host's next step on the stream.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Forward the headers, the chunk or the trailers, as they are now.
    Continue,
    /// Forward nothing yet. Drop the chunk: the engine has it.
    Hold,
    /// Release the held response. Only outside a callback of the response.
    Resume,
    /// Answer here, in place of everything held.
    Reply(Reply),
    /// Reset the stream: its end would look like a complete answer, and nothing can be written any more.
    Reset,
}

/// One exchange, and the part of its response that the host holds.
#[derive(Debug)]
struct Live {
    exchange: Exchange,
    holding: Holding,
    /// The request has one `content-type`, spelt as the gate forwards it.
    json: bool,
    upstream: Upstream,
    /// The verdict left in filter state.
    noted: Option<String>,
    /// The callout under way.
    callout: Option<Callout>,
}

/// Headers of the upstream's response that a changed body makes wrong.
#[derive(Debug, Default)]
struct Upstream {
    /// `None` if the length is missing, repeated or unreadable.
    content_length: Option<usize>,
    /// There are such headers, readable or not.
    has_length: bool,
    has_encoding: bool,
}

/// The held part of the response, which can still be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// Nothing: headers have not come, or bytes are forwarded as they come.
    Nothing,
    /// Headers; no body came yet.
    Headers,
    /// Headers and the body so far.
    HeadersAndBody,
    /// The body since some point; headers have been forwarded.
    Body,
}

/// A call to another cluster, by the host's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callout {
    Executor(u64),
    Model(u64),
}

/// The place at which an effect is carried out.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A callback of the response, with so many bytes at hand.
    Response(usize),
    /// Outside a callback of the response, while the response is held.
    Held,
}

/// The outcome of one borrow: a step for the host, or a callout for it to send.
enum Turn {
    Step(Step),
    Run(CallBatch),
    Ask(ModelRequest),
}

// === impl LiveExchange ===

impl LiveExchange {
    /// Creates an exchange through a gate. See [`Exchange::new`] about the id.
    #[must_use]
    pub fn new(gate: Rc<Gate>, id: String) -> Self {
        Self(RefCell::new(Live {
            exchange: Exchange::new(gate, id),
            holding: Holding::Nothing,
            json: false,
            upstream: Upstream::default(),
            noted: None,
            callout: None,
        }))
    }

    /// Carries out an event of the request, of which the host has `held` bytes at hand.
    pub fn on_request(&self, host: &impl Host, event: Event<'_>, held: usize) -> Step {
        self.0.borrow_mut().on_request(host, event, held)
    }

    /// Carries out the response's headers.
    pub fn on_response_head(&self, host: &impl Host, event: Event<'_>) -> Step {
        self.0.borrow_mut().on_response_head(host, event)
    }

    /// Carries out bytes of the response, of which the host has `held` at hand.
    pub fn on_response(&self, host: &impl Host, event: Event<'_>, held: usize) -> Step {
        let effect = self.0.borrow_mut().tell(host, event);
        self.settle(host, Place::Response(held), effect)
    }

    /// Carries out the response's trailers.
    pub fn on_response_trailers(&self, host: &impl Host) -> Step {
        let (writable, effect) = {
            let mut live = self.0.borrow_mut();
            let writable = live.is_writable();
            (writable, live.tell(host, Event::ResponseTrailers { writable, now: host.now() }))
        };
        match effect {
            // Without a held body nothing can be written, and the engine has nothing to write.
            Effect::Finish(_) if !writable => {
                self.0.borrow_mut().note(host);
                Step::Continue
            }
            effect => self.settle(host, Place::Response(0), effect),
        }
    }

    /// Carries out the executor's answer. Returns [`Step::Hold`] if the exchange does not wait for this token.
    pub fn on_calls_run(&self, host: &impl Host, token: u64, outcomes: Result<Vec<Outcome>, CallFailed>) -> Step {
        self.on_answer(host, Callout::Executor(token), Event::CallsRun(outcomes))
    }

    /// Carries out the model's answer. Returns [`Step::Hold`] if the exchange does not wait for this token.
    pub fn on_model_answered(&self, host: &impl Host, token: u64, reply: Result<ModelReply<'_>, CallFailed>) -> Step {
        self.on_answer(host, Callout::Model(token), Event::ModelAnswered(reply))
    }

    /// Passes the time to the exchange.
    pub fn on_tick(&self, host: &impl Host) -> Step {
        let effect = {
            let mut live = self.0.borrow_mut();
            let writable = live.is_writable();
            live.tell(host, Event::Tick { writable, now: host.now() })
        };
        self.settle(host, Place::Held, effect)
    }

    /// Ends the exchange, and returns its counts. Access logs are written after this, so the verdict is noted here at the latest.
    pub fn on_end(&self, host: &impl Host) -> Tally {
        let cancelled = {
            let mut live = self.0.borrow_mut();
            live.tell(host, Event::Cancelled);
            live.note(host);
            live.callout.take()
        };
        cancel(host, cancelled);
        self.0.borrow().exchange.tally().clone()
    }

    /// Returns true if the exchange waits for the executor's answer with this token.
    pub fn awaits_executor(&self, token: u64) -> bool {
        self.0.borrow().callout == Some(Callout::Executor(token))
    }

    /// Returns true if the exchange waits for the model's answer with this token.
    pub fn awaits_model(&self, token: u64) -> bool {
        self.0.borrow().callout == Some(Callout::Model(token))
    }

    fn on_answer(&self, host: &impl Host, callout: Callout, event: Event<'_>) -> Step {
        let effect = {
            let mut live = self.0.borrow_mut();
            if live.callout != Some(callout) {
                return Step::Hold;
            }
            live.callout = None;
            live.tell(host, event)
        };
        self.settle(host, Place::Held, effect)
    }

    /// Carries out an effect. Sends callouts; if one ends at once, the engine learns of it, and the next effect is carried out.
    fn settle(&self, host: &impl Host, place: Place, mut effect: Effect) -> Step {
        loop {
            let turn = self.0.borrow_mut().turn(host, place, effect);
            effect = match turn {
                Turn::Step(step) => {
                    if matches!(step, Step::Resume | Step::Reply(_) | Step::Reset) {
                        let cancelled = self.0.borrow_mut().callout.take();
                        cancel(host, cancelled);
                    }
                    return step;
                }
                Turn::Run(batch) => match host.run(batch) {
                    Sent::Waits(token) => return self.0.borrow_mut().wait(Callout::Executor(token), place),
                    Sent::Ended(outcomes) => self.0.borrow_mut().tell(host, Event::CallsRun(outcomes)),
                },
                Turn::Ask(request) => match host.ask(request) {
                    Sent::Waits(token) => return self.0.borrow_mut().wait(Callout::Model(token), place),
                    Sent::Ended(reply) => {
                        let reply = reply.as_ref().map(OwnedReply::borrow).map_err(|failed| *failed);
                        self.0.borrow_mut().tell(host, Event::ModelAnswered(reply))
                    }
                },
            };
        }
    }
}

fn cancel(host: &impl Host, callout: Option<Callout>) {
    if let Some(Callout::Executor(token)) = callout {
        host.cancel(token);
    }
}

// === impl Live ===

impl Live {
    /// Passes an event to the engine. Its decisions go to the audit log.
    fn tell(&mut self, host: &impl Host, event: Event<'_>) -> Effect {
        let effect = self.exchange.on(event);
        if let Some(decisions) = self.exchange.take_decisions() {
            host.record(decisions);
        }
        effect
    }

    fn on_request(&mut self, host: &impl Host, event: Event<'_>, held: usize) -> Step {
        if let Event::RequestHead { headers, .. } = &event {
            let mut types = headers.iter().filter(|(name, _)| name == "content-type");
            self.json = types.next().is_some_and(|(_, value)| value == JSON.as_bytes()) && types.next().is_none();
        }
        match self.tell(host, event) {
            Effect::Pass => Step::Continue,
            Effect::PassWithout(remove) => {
                forward_without(host, &remove);
                Step::Continue
            }
            Effect::Forward(Forward { body, remove, content_type }) => {
                forward_without(host, &remove);
                if let Some(content_type) = content_type.filter(|content_type| !self.json || content_type != JSON) {
                    host.set_request_header("content-type", Some(&content_type));
                }
                host.set_request_header("content-length", Some(&body.len().to_string()));
                host.set_request_body(held, &body);
                Step::Continue
            }
            Effect::Hold => Step::Hold,
            Effect::Reply(reply) => self.reply(host, reply),
            // Effects of a response: a defect of the engine. Nothing is forwarded.
            Effect::BeginStream
            | Effect::Emit(_)
            | Effect::Run(_)
            | Effect::Ask(_)
            | Effect::Finish(_)
            | Effect::Reset => defect(),
        }
    }

    fn on_response_head(&mut self, host: &impl Host, event: Event<'_>) -> Step {
        if let Event::ResponseHead { headers, .. } = &event {
            self.upstream = Upstream::read(headers);
        }
        let effect = self.tell(host, event);
        if let Some(dropped) = self.dropped_members() {
            host.set_response_header("x-callgate-dropped-members", Some(&dropped));
        }
        match effect {
            Effect::Hold => {
                self.holding = Holding::Headers;
                Step::Hold
            }
            Effect::BeginStream => {
                self.release_headers(host, None);
                Step::Continue
            }
            Effect::Pass => Step::Continue,
            Effect::Reply(reply) => self.reply(host, reply),
            Effect::PassWithout(_)
            | Effect::Forward(_)
            | Effect::Emit(_)
            | Effect::Run(_)
            | Effect::Ask(_)
            | Effect::Finish(_)
            | Effect::Reset => defect(),
        }
    }

    /// Carries out one effect as far as it needs no callout.
    fn turn(&mut self, host: &impl Host, place: Place, effect: Effect) -> Turn {
        let step = match effect {
            Effect::Run(batch) => return Turn::Run(batch),
            Effect::Ask(request) => return Turn::Ask(request),
            effect => match place {
                Place::Response(held) => self.respond(host, effect, held),
                Place::Held => self.respond_later(host, effect),
            },
        };
        Turn::Step(step)
    }

    /// Carries out an effect in a callback of the response.
    fn respond(&mut self, host: &impl Host, effect: Effect, held: usize) -> Step {
        match effect {
            Effect::Hold => self.hold(),
            Effect::Emit(bytes) => {
                self.write(host, held, &bytes, None);
                Step::Continue
            }
            Effect::Finish(bytes) => {
                self.finish(host, held, &bytes);
                Step::Continue
            }
            Effect::Pass => {
                // The host forwards this chunk, so it holds nothing that a later tick could write to.
                self.holding = Holding::Nothing;
                Step::Continue
            }
            Effect::Reply(reply) => self.reply(host, reply),
            Effect::Reset => self.reset(host),
            Effect::Run(_) | Effect::Ask(_) | Effect::Forward(_) | Effect::PassWithout(_) | Effect::BeginStream => {
                defect()
            }
        }
    }

    /// Carries out an effect while the response is held, or not there yet.
    fn respond_later(&mut self, host: &impl Host, effect: Effect) -> Step {
        match effect {
            Effect::Hold | Effect::Pass => Step::Hold,
            Effect::Finish(bytes) | Effect::Emit(bytes) => {
                self.finish(host, 0, &bytes);
                Step::Resume
            }
            Effect::Reply(reply) => self.reply(host, reply),
            Effect::Reset => self.reset(host),
            Effect::Run(_) | Effect::Ask(_) | Effect::Forward(_) | Effect::PassWithout(_) | Effect::BeginStream => {
                defect()
            }
        }
    }

    /// Waits for a callout. The response is held meanwhile.
    fn wait(&mut self, callout: Callout, place: Place) -> Step {
        self.callout = Some(callout);
        match place {
            Place::Response(_) => self.hold(),
            Place::Held => Step::Hold,
        }
    }

    fn hold(&mut self) -> Step {
        self.holding = match self.holding {
            Holding::Headers | Holding::HeadersAndBody => Holding::HeadersAndBody,
            Holding::Nothing | Holding::Body => Holding::Body,
        };
        Step::Hold
    }

    fn is_writable(&self) -> bool {
        matches!(self.holding, Holding::HeadersAndBody | Holding::Body)
    }

    /// Writes bytes of the response. If the headers are still held, they are released with this body; `length` is known if the body
    /// is whole.
    fn write(&mut self, host: &impl Host, held: usize, bytes: &[u8], length: Option<usize>) {
        if matches!(self.holding, Holding::Headers | Holding::HeadersAndBody) {
            self.release_headers(host, length);
        }
        self.holding = Holding::Nothing;
        host.set_response_body(held, bytes);
    }

    /// Makes the response's headers fit its body. Writes only what differs: in a sandbox each write is a call of the host.
    fn release_headers(&self, host: &impl Host, length: Option<usize>) {
        if self.upstream.has_length && (length.is_none() || self.upstream.content_length != length)
            || !self.upstream.has_length && length.is_some()
        {
            host.set_response_header("content-length", length.map(|length| length.to_string()).as_deref());
        }
        // The engine reads and writes no encoded bodies.
        if self.upstream.has_encoding {
            host.set_response_header("content-encoding", None);
        }
        if let Some(content_type) = self.exchange.content_type() {
            host.set_response_header("content-type", Some(content_type));
        }
    }

    /// Writes the response's last bytes.
    fn finish(&mut self, host: &impl Host, held: usize, bytes: &[u8]) {
        self.write(host, held, bytes, Some(bytes.len()));
        self.note(host);
    }

    fn reply(&mut self, host: &impl Host, reply: Reply) -> Step {
        self.note(host);
        Step::Reply(reply)
    }

    fn reset(&mut self, host: &impl Host) -> Step {
        self.note(host);
        Step::Reset
    }

    /// Leaves the verdict in filter state, for access logs: `%FILTER_STATE(wasm.callgate.verdict:PLAIN)%`. Members dropped
    /// from the request are there as `wasm.callgate.dropped_members`.
    fn note(&mut self, host: &impl Host) {
        let verdict = self.exchange.tally().verdict();
        if self.noted.as_ref() == Some(&verdict) {
            return;
        }
        host.note("callgate.verdict", &verdict);
        if let Some(dropped) = self.dropped_members() {
            host.note("callgate.dropped_members", &dropped);
        }
        self.noted = Some(verdict);
    }

    fn dropped_members(&self) -> Option<String> {
        let dropped = &self.exchange.tally().dropped_members;
        (!dropped.is_empty()).then(|| dropped.join(", "))
    }
}

// === impl Upstream ===

impl Upstream {
    fn read(headers: &Headers) -> Self {
        let mut upstream = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "content-length" if !upstream.has_length => {
                    upstream.has_length = true;
                    upstream.content_length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                }
                // Two lengths: neither can be kept.
                "content-length" => upstream.content_length = None,
                "content-encoding" => upstream.has_encoding = true,
                _ => {}
            }
        }
        upstream
    }
}

fn forward_without(host: &impl Host, request_headers: &[String]) {
    for name in request_headers {
        host.set_request_header(name, None);
    }
}

/// Fails closed if an effect does not fit its event.
fn defect() -> Step {
    log::error!("callgate: an effect came that does not fit its event; the exchange is refused");
    Step::Reply(Reply { status: 500, body: DEFECT.to_vec(), retry_after: None })
}

const JSON: &str = "application/json";

/// The answer if the adapter itself is at fault.
pub const DEFECT: &[u8] =
    br#"{"error":{"message":"Callgate could not carry on with this exchange.","type":"server_error","param":null,"code":"out_of_order"}}"#;

/// The answer to a stream without a configuration.
pub const NOT_CONFIGURED: &[u8] =
    br#"{"error":{"message":"Callgate has no contract yet.","type":"server_error","param":null,"code":"not_configured"}}"#;
