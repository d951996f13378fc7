//! The engine's effects as calls of the host.
//!
//! The engine keeps the bytes. Envoy's buffer drops bytes as soon as the engine has them, so only forwarded bytes meet Envoy's own
//! limit. A body is written only if Envoy has a buffer for it: in a body callback, or later while the body is held back
//! ([`Holding`]); a write elsewhere would panic in the SDK.

use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{CallBatch, CallFailed, Effect, Event, Exchange, Forward, Gate, ModelRequest, Reply};
use proxy_wasm::types::Action;

use crate::executor;
use crate::host::{self, now, reply, set_request_header, set_response_header};
use crate::worker::Worker;

/// One exchange, and the part of its response that Envoy buffers.
#[derive(Debug)]
pub(crate) struct Live {
    exchange: Exchange,
    worker: Rc<Worker>,
    holding: Holding,
    /// The callout under way.
    callout: Option<Callout>,
}

/// The buffered part of the response, which can still be written.
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

/// A call to another cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callout {
    Executor(u32),
    Model(u32),
}

impl Live {
    pub(crate) fn new(gate: Rc<Gate>, id: String, worker: Rc<Worker>) -> Self {
        Self { exchange: Exchange::new(gate, id), worker, holding: Holding::Nothing, callout: None }
    }

    /// Returns true if the exchange waits for this callout, and ends the wait.
    pub(crate) fn awaited(&mut self, callout: Callout) -> bool {
        let awaited = self.callout == Some(callout);
        if awaited {
            self.callout = None;
        }
        awaited
    }

    /// Passes an event to the engine. Its decisions go to the audit log.
    fn tell(&mut self, event: Event<'_>) -> Effect {
        let effect = self.exchange.on(event);
        if let (Some(recorder), Some(decisions)) = (&self.worker.recorder, self.exchange.take_decisions()) {
            recorder.put(decisions, now());
        }
        effect
    }

    /// Carries out the effect of an event of the request, of which Envoy holds `held` bytes.
    pub(crate) fn on_request(&mut self, event: Event<'_>, held: usize) -> Action {
        match self.tell(event) {
            Effect::Pass => Action::Continue,
            Effect::PassWithout(remove) => {
                forward_without(&remove);
                Action::Continue
            }
            Effect::Forward(Forward { body, remove, content_type }) => {
                forward_without(&remove);
                if let Some(content_type) = &content_type {
                    set_request_header("content-type", Some(content_type));
                }
                set_request_header("content-length", Some(&body.len().to_string()));
                host::set_request_body(held, &body);
                Action::Continue
            }
            Effect::Hold => {
                if held > 0 {
                    host::set_request_body(held, &[]);
                }
                Action::Pause
            }
            Effect::Reply(answer) => self.answer(&answer),
            // Effects of a response: a defect of the engine. Nothing is forwarded.
            Effect::BeginStream
            | Effect::Emit(_)
            | Effect::Run(_)
            | Effect::Ask(_)
            | Effect::Finish(_)
            | Effect::Reset => defect(),
        }
    }

    /// Carries out the effect of the response's headers.
    pub(crate) fn on_response_head(&mut self, event: Event<'_>) -> Action {
        let effect = self.tell(event);
        if let Some(dropped) = self.dropped_members() {
            set_response_header("x-callgate-dropped-members", Some(&dropped));
        }
        match effect {
            Effect::Hold => {
                self.holding = Holding::Headers;
                Action::Pause
            }
            Effect::BeginStream => {
                self.release_headers(None);
                Action::Continue
            }
            Effect::Pass => Action::Continue,
            Effect::Reply(answer) => self.answer(&answer),
            Effect::PassWithout(_)
            | Effect::Forward(_)
            | Effect::Emit(_)
            | Effect::Run(_)
            | Effect::Ask(_)
            | Effect::Finish(_)
            | Effect::Reset => defect(),
        }
    }

    /// Carries out the effect of bytes of the response, of which Envoy holds `held`.
    pub(crate) fn on_response(&mut self, event: Event<'_>, held: usize) -> Action {
        let effect = self.tell(event);
        self.respond(effect, held)
    }

    fn respond(&mut self, effect: Effect, held: usize) -> Action {
        match self.settle(effect) {
            Effect::Hold | Effect::Run(_) | Effect::Ask(_) => {
                if held > 0 {
                    host::set_response_body(held, &[]);
                }
                self.holding = match self.holding {
                    Holding::Headers | Holding::HeadersAndBody => Holding::HeadersAndBody,
                    Holding::Nothing | Holding::Body => Holding::Body,
                };
                Action::Pause
            }
            Effect::Emit(bytes) => {
                self.write(held, &bytes, None);
                Action::Continue
            }
            Effect::Finish(bytes) => {
                self.finish(held, &bytes);
                Action::Continue
            }
            Effect::Pass => Action::Continue,
            Effect::Reply(answer) => self.answer(&answer),
            Effect::Reset => self.reset(),
            Effect::Forward(_) | Effect::PassWithout(_) | Effect::BeginStream => defect(),
        }
    }

    /// Carries out the effect of the response's trailers.
    pub(crate) fn on_response_trailers(&mut self) -> Action {
        let writable = self.is_writable();
        match self.tell(Event::ResponseTrailers { writable, now: now() }) {
            // Without a buffered body nothing can be written, and the engine has nothing to write.
            Effect::Finish(_) if !writable => {
                self.note();
                Action::Continue
            }
            effect => self.respond(effect, 0),
        }
    }

    /// Carries out the effect of an event that came while the response was buffered.
    pub(crate) fn on_held(&mut self, event: Event<'_>) {
        let effect = self.tell(event);
        let effect = self.settle(effect);
        self.on_tick(effect);
    }

    /// Passes the time to the engine. Returns an effect to carry out in the stream's own context, if any.
    pub(crate) fn tick(&mut self, now: Duration) -> Option<Effect> {
        let writable = self.is_writable();
        Some(self.tell(Event::Tick { writable, now })).filter(|effect| *effect != Effect::Hold)
    }

    /// Carries out an effect outside of a callback of the response.
    pub(crate) fn on_tick(&mut self, effect: Effect) {
        match effect {
            Effect::Hold | Effect::Run(_) | Effect::Ask(_) | Effect::Pass => {}
            Effect::Finish(bytes) | Effect::Emit(bytes) => {
                self.finish(0, &bytes);
                self.cancel();
                host::resume_response();
            }
            Effect::Reply(answer) => {
                self.cancel();
                self.answer(&answer);
            }
            Effect::Reset => {
                self.reset();
            }
            Effect::Forward(_) | Effect::PassWithout(_) | Effect::BeginStream => {
                defect();
            }
        }
    }

    /// Ends the exchange. Access logs are written after this, so the verdict is noted here at the latest.
    pub(crate) fn on_log(&mut self) {
        self.tell(Event::Cancelled);
        self.cancel();
        self.note();
        self.worker.metrics.count(self.exchange.tally());
    }

    fn is_writable(&self) -> bool {
        matches!(self.holding, Holding::HeadersAndBody | Holding::Body)
    }

    /// Sends callouts. If one cannot be sent, the engine learns of it at once; this returns the last effect.
    fn settle(&mut self, mut effect: Effect) -> Effect {
        loop {
            let event = match &effect {
                Effect::Run(batch) => match self.run(batch.clone()) {
                    Some(token) => {
                        self.callout = Some(Callout::Executor(token));
                        return effect;
                    }
                    None => Event::CallsRun(Err(CallFailed::Unreachable)),
                },
                Effect::Ask(request) => match self.ask(request) {
                    Some(token) => {
                        self.callout = Some(Callout::Model(token));
                        return effect;
                    }
                    None => Event::ModelAnswered(Err(CallFailed::Unreachable)),
                },
                _ => return effect,
            };
            effect = self.tell(event);
        }
    }

    fn run(&self, mut batch: CallBatch) -> Option<u32> {
        let executor = self.worker.clusters.executor.as_ref()?;
        let trace = batch.trace.take();
        let mut metadata: Vec<(&str, &[u8])> = Vec::new();
        if let Some(trace) = &trace {
            metadata.push(("traceparent", trace.parent().as_bytes()));
            metadata.extend(trace.state().map(|state| ("tracestate", state.as_bytes())));
        }
        host::call_executor(executor, executor::EXECUTE, metadata, &executor::encode(batch)).ok()
    }

    fn ask(&self, request: &ModelRequest) -> Option<u32> {
        host::call_model(self.worker.clusters.upstream.as_ref()?, request).ok()
    }

    /// Cancels a call of the executor whose outcome nobody awaits any more.
    fn cancel(&mut self) {
        if let Some(Callout::Executor(token)) = self.callout.take() {
            host::cancel_executor(token);
        }
    }

    /// Writes bytes of the response. If the headers are still held, they are released with this body; `length` is known if the body
    /// is whole.
    fn write(&mut self, held: usize, bytes: &[u8], length: Option<usize>) {
        if matches!(self.holding, Holding::Headers | Holding::HeadersAndBody) {
            self.release_headers(length);
        }
        self.holding = Holding::Nothing;
        host::set_response_body(held, bytes);
    }

    /// Makes the response's headers fit its body.
    fn release_headers(&self, length: Option<usize>) {
        set_response_header("content-length", length.map(|length| length.to_string()).as_deref());
        // The engine reads and writes no encoded bodies.
        set_response_header("content-encoding", None);
        if let Some(content_type) = self.exchange.content_type() {
            set_response_header("content-type", Some(content_type));
        }
    }

    /// Writes the response's last bytes.
    fn finish(&mut self, held: usize, bytes: &[u8]) {
        self.write(held, bytes, Some(bytes.len()));
        self.note();
    }

    fn answer(&self, answer: &Reply) -> Action {
        self.note();
        reply(answer.status, &answer.body, answer.retry_after);
        Action::Pause
    }

    /// Resets the response: nothing more can be said, and its end would look like a complete answer.
    fn reset(&mut self) -> Action {
        self.cancel();
        self.note();
        host::reset();
        Action::Pause
    }

    /// Leaves the verdict in filter state, for access logs: `%FILTER_STATE(wasm.callgate.verdict:PLAIN)%`. Members dropped
    /// from the request are there as `wasm.callgate.dropped_members`.
    fn note(&self) {
        host::note("callgate.verdict", &self.exchange.tally().verdict());
        if let Some(dropped) = self.dropped_members() {
            host::note("callgate.dropped_members", &dropped);
        }
    }

    fn dropped_members(&self) -> Option<String> {
        let dropped = &self.exchange.tally().dropped_members;
        (!dropped.is_empty()).then(|| dropped.join(", "))
    }
}

fn forward_without(request_headers: &[String]) {
    for name in request_headers {
        set_request_header(name, None);
    }
}

/// Fails closed if an effect does not fit its event.
fn defect() -> Action {
    log::error!("callgate: an effect came that does not fit its event; the exchange is refused");
    reply(500, host::DEFECT, None);
    Action::Pause
}
