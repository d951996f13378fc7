//! One exchange and its held response, for the time of one borrow.

use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionRequest, AuthorizeBatch, CallBatch, Effect, Event, Exchange, ExchangeVerdict, Forward, Gate, ModelRequest,
    Reply,
};

use super::access;
use super::meter::Meter;
use super::upstream::{JSON, Upstream, is_plain_json};
use crate::host::Host;
use crate::step::{Step, defect};

/// One exchange, and the part of its response that the host holds.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) exchange: Exchange,
    holding: Holding,
    /// The request has one `content-type`, spelt as the gate forwards it.
    json: bool,
    upstream: Upstream,
    /// The notes in filter state.
    noted: Option<Noted>,
    /// The callout under way.
    pub(super) callout: Option<Callout>,
    /// The request is held until the callout's answer.
    request_waits: bool,
    pub(super) meter: Meter,
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
pub(super) enum Callout {
    Executor(u64),
    Rulings(u64),
    Counts(u64),
    Model(u64),
}

/// The time at which an effect is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// A callback of the request, with so many bytes at hand.
    Request(usize),
    /// Outside a callback of the request, while the request is held.
    HeldRequest,
    /// A callback of the response, with so many bytes at hand.
    Response(usize),
    /// Outside a callback of the response, while the response is held.
    Held,
}

/// One direction of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// The notes in filter state, as far as they change: the verdict, its code, and whether a candidate contract decides otherwise.
type Noted = (ExchangeVerdict, Option<&'static str>, bool);

/// The outcome of one borrow: a step for the host, or a callout for it to send.
pub(super) enum Turn {
    Step(Step),
    Run(CallBatch),
    Authorize(AuthorizeBatch),
    Admit(AdmissionRequest),
    Ask(ModelRequest),
}

// === impl Live ===

impl Live {
    pub(super) fn new(gate: Rc<Gate>, id: String) -> Self {
        Self {
            exchange: Exchange::new(gate, id),
            holding: Holding::Nothing,
            json: false,
            upstream: Upstream::default(),
            noted: None,
            callout: None,
            request_waits: false,
            meter: Meter::default(),
        }
    }

    /// Measures a callback that began and ended then, with this step.
    pub(super) fn ended(&mut self, (begun, ended): (Duration, Duration), side: Side, step: &Step) {
        self.meter.lap(begun, ended);
        match side {
            Side::Request => self.meter.request.set(*step == Step::Hold, ended),
            Side::Response => {
                let held = *step == Step::Hold && self.holding != Holding::Nothing;
                self.meter.response.set(held, ended);
            }
        }
    }

    /// Measures the callback of a chunk of the response that passes unchanged.
    pub(super) fn passed(&mut self, host: &impl Host, begun: Duration) {
        self.meter.lap_of_passed(begun, || host.now());
        self.meter.response.set(false, begun);
    }

    /// Passes an event to the engine. A new decision is noted at once: access logs may be written before the end, and a client may
    /// hang up at any moment.
    pub(super) fn tell(&mut self, host: &impl Host, event: Event<'_>) -> Effect {
        let effect = self.hand(host, event);
        let is_new = self.noted.is_none_or(|noted| noted != self.to_note());
        if is_new && self.to_note().0.is_decided() {
            self.note(host);
            // After these the exchange ends, and its end is noted anyway.
            if !matches!(effect, Effect::Finish(_) | Effect::Reply(_) | Effect::Reset) {
                self.note_exchange(host);
            }
        }
        effect
    }

    /// Passes the end of the exchange to the engine.
    pub(super) fn end(&mut self, host: &impl Host) {
        self.hand(host, Event::Cancelled);
        self.note(host);
        self.note_exchange(host);
    }

    /// Passes an event to the engine. Its decisions go to the audit log, and its charge to the store of counts.
    fn hand(&mut self, host: &impl Host, event: Event<'_>) -> Effect {
        let effect = self.exchange.on(event);
        if let Some(decisions) = self.exchange.take_decisions() {
            host.record(decisions);
        }
        if let Some(charge) = self.exchange.take_charge() {
            host.charge(charge);
        }
        effect
    }

    /// Passes an event of the request to the engine.
    pub(super) fn tell_request(&mut self, host: &impl Host, event: Event<'_>) -> Effect {
        if let Event::RequestHead { headers, .. } = &event {
            self.json = is_plain_json(headers);
        }
        self.tell(host, event)
    }

    /// Carries out an effect on the request, of which the host has `held` bytes at hand. `forwarded` is the step that releases it.
    fn request(&mut self, host: &impl Host, effect: Effect, held: usize, forwarded: Step) -> Step {
        match effect {
            Effect::Pass => forwarded,
            Effect::PassWithout(remove) => {
                forward_without(host, &remove);
                forwarded
            }
            Effect::Forward(Forward { body, remove, set, content_type }) => {
                forward_without(host, &remove);
                for (name, value) in &set {
                    host.set_request_header(name, Some(value));
                }
                if let Some(content_type) = content_type.filter(|content_type| !self.json || content_type != JSON) {
                    host.set_request_header("content-type", Some(&content_type));
                }
                host.set_request_header("content-length", Some(&body.len().to_string()));
                host.set_request_body(held, &body);
                forwarded
            }
            Effect::Hold => Step::Hold,
            Effect::Reply(reply) => self.reply(host, reply),
            // Effects of a response: a defect of the engine. Nothing is forwarded.
            Effect::BeginStream
            | Effect::Emit(_)
            | Effect::Run(_)
            | Effect::Authorize(_)
            | Effect::Admit(_)
            | Effect::Ask(_)
            | Effect::Finish(_)
            | Effect::Reset => defect(),
        }
    }

    pub(super) fn on_response_head(&mut self, host: &impl Host, event: Event<'_>) -> Step {
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
            | Effect::Authorize(_)
            | Effect::Admit(_)
            | Effect::Ask(_)
            | Effect::Finish(_)
            | Effect::Reset => defect(),
        }
    }

    /// Carries out one effect as far as it needs no callout.
    pub(super) fn turn(&mut self, host: &impl Host, moment: Moment, effect: Effect) -> Turn {
        let step = match effect {
            // Only a response has rounds.
            Effect::Ask(_) if moment.is_of_request() => defect(),
            Effect::Run(batch) => return Turn::Run(batch),
            Effect::Authorize(batch) => return Turn::Authorize(batch),
            Effect::Admit(request) => return Turn::Admit(request),
            Effect::Ask(request) => return Turn::Ask(request),
            effect => match moment {
                Moment::Request(held) => self.request(host, effect, held, Step::Continue),
                Moment::HeldRequest => self.request(host, effect, 0, Step::ResumeRequest),
                Moment::Response(held) => self.respond(host, effect, held),
                Moment::Held => self.respond_later(host, effect),
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
            Effect::Run(_)
            | Effect::Authorize(_)
            | Effect::Admit(_)
            | Effect::Ask(_)
            | Effect::Forward(_)
            | Effect::PassWithout(_)
            | Effect::BeginStream => defect(),
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
            Effect::Run(_)
            | Effect::Authorize(_)
            | Effect::Admit(_)
            | Effect::Ask(_)
            | Effect::Forward(_)
            | Effect::PassWithout(_)
            | Effect::BeginStream => defect(),
        }
    }

    /// Waits for a callout. The request or the response is held meanwhile.
    pub(super) fn wait(&mut self, callout: Callout, moment: Moment) -> Step {
        self.callout = Some(callout);
        self.request_waits = moment.is_of_request();
        match moment {
            Moment::Response(_) => self.hold(),
            Moment::Request(_) | Moment::HeldRequest | Moment::Held => Step::Hold,
        }
    }

    /// Returns the moment of an event that comes outside a callback of the stream.
    pub(super) fn moment(&self) -> Moment {
        if self.request_waits { Moment::HeldRequest } else { Moment::Held }
    }

    /// Takes the callout of an answer, and returns the moment for its effect.
    pub(super) fn answered(&mut self, callout: Callout) -> Option<Moment> {
        self.callout.take_if(|waiting| *waiting == callout)?;
        let moment = self.moment();
        self.request_waits = false;
        Some(moment)
    }

    /// Forgets the callout, because the exchange continues without its answer, or ends.
    pub(super) fn give_up(&mut self) -> Option<Callout> {
        self.request_waits = false;
        self.callout.take()
    }

    fn hold(&mut self) -> Step {
        self.holding = match self.holding {
            Holding::Headers | Holding::HeadersAndBody => Holding::HeadersAndBody,
            Holding::Nothing | Holding::Body => Holding::Body,
        };
        Step::Hold
    }

    pub(super) fn is_writable(&self) -> bool {
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
        let fits = |content_type: &&str| self.upstream.is_json && *content_type == JSON;
        if let Some(content_type) = self.exchange.content_type().filter(|content_type| !fits(content_type)) {
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
    /// from the request are there as `wasm.callgate.dropped_members`, the first difference to a candidate contract as
    /// `wasm.callgate.candidate`, and the conversation with its state as `wasm.callgate.conversation`.
    pub(super) fn note(&mut self, host: &impl Host) {
        let to_note = self.to_note();
        if self.noted == Some(to_note) {
            return;
        }
        host.note("wasm.callgate.verdict", &self.exchange.tally().verdict());
        if let Some(difference) = self.exchange.tally().differences.first() {
            host.note("wasm.callgate.candidate", &difference.words());
        }
        if let Some(dropped) = self.dropped_members() {
            host.note("wasm.callgate.dropped_members", &dropped);
        }
        if let Some(conversation) = &self.exchange.tally().conversation {
            let words = format!("{} {}", conversation.label, conversation.standing.as_str());
            host.note("wasm.callgate.conversation", &words);
        }
        self.noted = Some(to_note);
    }

    fn to_note(&self) -> Noted {
        let tally = self.exchange.tally();
        let (verdict, code) = tally.ending();
        (verdict, code, !tally.differences.is_empty())
    }

    /// Leaves the caller and all decisions in filter state, for access logs, as one JSON object:
    /// `%FILTER_STATE(wasm.callgate.exchange:PLAIN)%`.
    fn note_exchange(&self, host: &impl Host) {
        host.note("wasm.callgate.exchange", &access::note(self.exchange.tally(), &self.exchange.notes()));
    }

    fn dropped_members(&self) -> Option<String> {
        let dropped = &self.exchange.tally().dropped_members;
        (!dropped.is_empty()).then(|| dropped.join(", "))
    }
}

// === impl Moment ===

impl Moment {
    pub(super) fn side(self) -> Side {
        if self.is_of_request() { Side::Request } else { Side::Response }
    }

    fn is_of_request(self) -> bool {
        matches!(self, Self::Request(_) | Self::HeldRequest)
    }
}

fn forward_without(host: &impl Host, request_headers: &[String]) {
    for name in request_headers {
        host.set_request_header(name, None);
    }
}
