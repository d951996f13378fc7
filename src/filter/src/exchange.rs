//! One stream of Envoy's: its callbacks as events, the engine's effects as calls of the host.
//!
//! The engine keeps the bytes. What it has taken is dropped from Envoy's buffer at once, so that Envoy's own buffer limit
//! is met only by what goes on. A body is written only where Envoy has a buffer for it: in a body callback, or later
//! while the body is held back (`Holding::Body`); a write elsewhere would panic in the SDK.

use std::rc::Rc;

use callgate_engine::{CallBatch, CallFailed, Effect, Event, Exchange, Forward, Gate, ModelReply, ModelRequest, Reply};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{lower, now, reply};
use crate::root::Shared;
use crate::{executor, host};

/// The context of one stream.
pub(crate) struct HttpExchange {
    exchange: Exchange,
    shared: Rc<Shared>,
    /// What of the response Envoy holds back for us.
    holding: Holding,
    /// The callout that is awaited.
    callout: Option<Callout>,
}

/// What of the response is held back, and so can still be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// Nothing: headers have not come, or bytes go on as they come.
    Nothing,
    /// Headers; no body came yet.
    Headers,
    /// Headers and the body so far.
    HeadersAndBody,
    /// The body since some point; headers have gone on.
    Body,
}

/// A call to another cluster that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callout {
    Executor(u32),
    Model(u32),
}

impl HttpExchange {
    pub(crate) fn new(gate: Rc<Gate>, id: String, shared: Rc<Shared>) -> Self {
        Self { exchange: Exchange::new(gate, id), shared, holding: Holding::Nothing, callout: None }
    }

    /// Tells the engine what happened; what it decided by that goes to the audit log.
    fn tell(&mut self, event: Event<'_>) -> Effect {
        let effect = self.exchange.on(event);
        if let (Some(recorder), Some(decisions)) = (&self.shared.recorder, self.exchange.take_decisions()) {
            recorder.put(decisions, now());
        }
        effect
    }

    /// Claims of the token that `jwt_authn` verified.
    fn claims(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let claims = self.shared.claims.as_ref()?;
        let read = |claim: &str| {
            let path = vec!["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", &claims.payload, claim];
            hostcalls::get_property(path).ok().flatten()
        };
        Some((read(&claims.tenant_claim)?, read(&claims.role_claim)?))
    }

    /// Refuses with what the engine made, or lets the request go on as it wants.
    fn on_request(&self, effect: Effect, held: usize) -> Action {
        match effect {
            Effect::Pass => Action::Continue,
            Effect::PassWithout(remove) => {
                self.remove(&remove);
                Action::Continue
            }
            Effect::Forward(Forward { body, remove, content_type }) => {
                self.remove(&remove);
                if let Some(content_type) = &content_type {
                    self.set_http_request_header("content-type", Some(content_type));
                }
                self.set_http_request_header("content-length", Some(&body.len().to_string()));
                self.set_http_request_body(0, held, &body);
                Action::Continue
            }
            Effect::Hold => {
                if held > 0 {
                    self.set_http_request_body(0, held, &[]);
                }
                Action::Pause
            }
            Effect::Reply(answer) => self.answer(&answer),
            // Effects of a response: a defect of the engine. Nothing goes on.
            Effect::BeginStream | Effect::Emit(_) | Effect::Run(_) | Effect::Ask(_) | Effect::Finish(_) => {
                self.defect()
            }
        }
    }

    fn remove(&self, request_headers: &[String]) {
        for name in request_headers {
            self.set_http_request_header(name, None);
        }
    }

    /// Carries out the effect of bytes of the response, `held` of which Envoy has.
    fn on_response(&mut self, effect: Effect, held: usize) -> Action {
        match self.settle(effect) {
            Effect::Hold | Effect::Run(_) | Effect::Ask(_) => {
                if held > 0 {
                    self.set_http_response_body(0, held, &[]);
                }
                self.holding = match self.holding {
                    Holding::Headers | Holding::HeadersAndBody => Holding::HeadersAndBody,
                    Holding::Nothing | Holding::Body => Holding::Body,
                };
                Action::Pause
            }
            Effect::Emit(bytes) => {
                self.set_http_response_body(0, held, &bytes);
                self.holding = Holding::Nothing;
                Action::Continue
            }
            Effect::Finish(bytes) => {
                self.finish(held, &bytes);
                Action::Continue
            }
            Effect::Pass => Action::Continue,
            Effect::Reply(answer) => self.answer(&answer),
            Effect::Forward(_) | Effect::PassWithout(_) | Effect::BeginStream => self.defect(),
        }
    }

    /// Carries out the effect of a callout's end: the response is held back.
    fn on_callout(&mut self, effect: Effect) {
        match self.settle(effect) {
            Effect::Hold | Effect::Run(_) | Effect::Ask(_) | Effect::Pass => {}
            Effect::Finish(bytes) | Effect::Emit(bytes) => {
                self.finish(0, &bytes);
                self.resume_http_response();
            }
            Effect::Reply(answer) => {
                self.answer(&answer);
            }
            Effect::Forward(_) | Effect::PassWithout(_) | Effect::BeginStream => {
                self.defect();
            }
        }
    }

    /// Sends callouts. One that cannot even be sent is told to the engine at once; what that leads to is returned.
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
        let executor = self.shared.clusters.executor.as_ref()?;
        let trace = batch.trace.take();
        let mut metadata: Vec<(&str, &[u8])> = Vec::new();
        if let Some(trace) = &trace {
            metadata.push(("traceparent", trace.parent().as_bytes()));
            metadata.extend(trace.state().map(|state| ("tracestate", state.as_bytes())));
        }
        host::call_executor(executor, executor::EXECUTE, metadata, &executor::encode(batch)).ok()
    }

    fn ask(&self, request: &ModelRequest) -> Option<u32> {
        let upstream = self.shared.clusters.upstream.as_ref()?;
        let length = request.body.len().to_string();
        let mut headers = vec![
            (":method", "POST"),
            (":path", request.path.as_str()),
            (":authority", upstream.authority.as_str()),
            (":scheme", "https"),
            ("content-length", length.as_str()),
        ];
        headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let sent =
            hostcalls::dispatch_http_call(&upstream.cluster, headers, Some(&request.body), Vec::new(), request.timeout);
        sent.inspect_err(|status| log::error!("callgate: cluster `{}` cannot be called: {status:?}", upstream.cluster))
            .ok()
    }

    /// The response's last bytes.
    fn finish(&mut self, held: usize, bytes: &[u8]) {
        if matches!(self.holding, Holding::Headers | Holding::HeadersAndBody) {
            self.set_http_response_header("content-length", Some(&bytes.len().to_string()));
        }
        self.holding = Holding::Nothing;
        self.set_http_response_body(0, held, bytes);
        self.note();
    }

    fn answer(&self, answer: &Reply) -> Action {
        self.note();
        reply(self, answer.status, &answer.body, answer.retry_after);
        Action::Pause
    }

    /// Fails closed where the engine asked for what cannot be done at this point.
    fn defect(&self) -> Action {
        log::error!("callgate: an effect came that does not fit its event; the exchange is refused");
        reply(self, 500, host::DEFECT, None);
        Action::Pause
    }

    /// Leaves the verdict in filter state, for access logs: `%FILTER_STATE(wasm.callgate.verdict:PLAIN)%`.
    fn note(&self) {
        self.set_property(vec!["callgate.verdict"], Some(self.exchange.tally().verdict().as_bytes()));
    }
}

impl Context for HttpExchange {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        if self.callout != Some(Callout::Executor(token)) {
            return;
        }
        self.callout = None;
        let outcomes = if status == 0 {
            executor::decode(&self.get_grpc_call_response_body(0, size).unwrap_or_default())
        } else {
            log::warn!("callgate: the executor answered with gRPC status {status}");
            Err(executor::failed(status))
        };
        let effect = self.tell(Event::CallsRun(outcomes));
        self.on_callout(effect);
    }

    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        if self.callout != Some(Callout::Model(token)) {
            return;
        }
        self.callout = None;
        // A call that failed has no headers, and asking for them would panic.
        let effect = if headers == 0 {
            self.tell(Event::ModelAnswered(Err(CallFailed::Unreachable)))
        } else {
            let headers = lower(self.get_http_call_response_headers_bytes());
            let body = if body == 0 { None } else { self.get_http_call_response_body(0, body) }.unwrap_or_default();
            self.tell(Event::ModelAnswered(Ok(ModelReply { headers: &headers, body: &body })))
        };
        self.on_callout(effect);
    }
}

impl HttpContext for HttpExchange {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let headers = lower(self.get_http_request_headers_bytes());
        let claims = self.claims();
        let effect = self.tell(Event::RequestHead { headers: &headers, claims, end });
        self.on_request(effect, 0)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        let chunk = if size == 0 { None } else { self.get_http_request_body(0, size) }.unwrap_or_default();
        let effect = self.tell(Event::RequestData { chunk: &chunk, end, now: now() });
        self.on_request(effect, size)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let effect = self.tell(Event::RequestTrailers { now: now() });
        self.on_request(effect, 0)
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let headers = lower(self.get_http_response_headers_bytes());
        match self.tell(Event::ResponseHead { headers: &headers, end }) {
            Effect::Hold => {
                self.holding = Holding::Headers;
                Action::Pause
            }
            Effect::BeginStream => {
                self.set_http_response_header("content-length", None);
                Action::Continue
            }
            Effect::Pass => Action::Continue,
            Effect::Reply(answer) => self.answer(&answer),
            Effect::PassWithout(_)
            | Effect::Forward(_)
            | Effect::Emit(_)
            | Effect::Run(_)
            | Effect::Ask(_)
            | Effect::Finish(_) => self.defect(),
        }
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        let chunk = if size == 0 { None } else { self.get_http_response_body(0, size) }.unwrap_or_default();
        let effect = self.tell(Event::ResponseData { chunk: &chunk, end, now: now() });
        self.on_response(effect, size)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        let writable = matches!(self.holding, Holding::HeadersAndBody | Holding::Body);
        let effect = self.tell(Event::ResponseTrailers { writable, now: now() });
        match effect {
            // Without a body that is held back there is nothing to write to, and the engine has nothing to say.
            Effect::Finish(_) if !writable => {
                self.note();
                Action::Continue
            }
            effect => self.on_response(effect, 0),
        }
    }

    fn on_log(&mut self) {
        self.tell(Event::Cancelled);
        if let Some(Callout::Executor(token)) = self.callout.take() {
            // Already gone: as good as cancelled.
            let _ = hostcalls::cancel_grpc_call(token);
        }
        self.shared.metrics.count(self.exchange.tally());
    }
}
