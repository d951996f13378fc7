//! One stream of Envoy's: its callbacks as events.
//!
//! The SDK owns a stream's context, and only Envoy's callbacks for that stream reach it. Ticks come to the root context, so the
//! exchange itself is shared with the registry of live exchanges.

use std::rc::Rc;

use callgate_engine::{CallFailed, Event, Gate, Verified, lend};
use callgate_host::identity::{self, VerifiedSource};
use callgate_host::{LiveExchange, OwnedReply, claims, counts, executor};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, Side, Stream, lower, now};
use crate::registry::Registry;
use crate::worker::Worker;

/// The context of one stream.
pub(crate) struct HttpExchange {
    context_id: u32,
    stream: Stream,
    registry: Rc<Registry>,
    live: Rc<LiveExchange>,
}

impl HttpExchange {
    pub(crate) fn new(gate: Rc<Gate>, id: String, context_id: u32, worker: Rc<Worker>, registry: Rc<Registry>) -> Self {
        let live = Rc::new(LiveExchange::new(gate, id));
        let stream = Stream { worker };
        registry.add(context_id, &live, &stream);
        Self { context_id, stream, registry, live }
    }

    /// Reads the identity that Envoy verified.
    fn verified(&self) -> Option<Verified> {
        match self.stream.worker.verified.as_ref()? {
            VerifiedSource::Claims(claims) => claims::from_metadata(&host::property(&["metadata"])?, claims),
            VerifiedSource::Certificate => {
                VerifiedSource::certificate(host::property(&["filter_state", identity::CERTIFICATE])?)
            }
        }
    }
}

impl Drop for HttpExchange {
    fn drop(&mut self) {
        self.registry.remove(self.context_id);
    }
}

impl Context for HttpExchange {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        let (waits_for_rulings, waits_for_counts) =
            (self.live.awaits_rulings(token.into()), self.live.awaits_counts(token.into()));
        if !waits_for_rulings && !waits_for_counts && !self.live.awaits_executor(token.into()) {
            return;
        }
        self.live.begin(&self.stream);
        let message = if status == 0 {
            Ok(self.get_grpc_call_response_body(0, size).unwrap_or_default())
        } else {
            log::warn!("callgate: the executor answered with gRPC status {status}");
            Err(executor::failed(status))
        };
        host::take(if waits_for_rulings {
            let rulings = message.and_then(|message| executor::decode_rulings(&message));
            self.live.on_authorized(&self.stream, token.into(), rulings)
        } else if waits_for_counts {
            let reply = message.and_then(|message| counts::decode(&message));
            self.live.on_admitted(&self.stream, token.into(), reply)
        } else {
            let outcomes = message.and_then(|message| executor::decode(&message));
            self.live.on_calls_run(&self.stream, token.into(), outcomes)
        });
    }

    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        if !self.live.awaits_model(token.into()) {
            return;
        }
        self.live.begin(&self.stream);
        // A failed call has no headers, and reading them would panic.
        if headers == 0 {
            host::take(self.live.on_model_answered(&self.stream, token.into(), &Err(CallFailed::Unreachable)));
            return;
        }
        let headers = lower(self.get_http_call_response_headers_bytes());
        let body = if body == 0 { None } else { self.get_http_call_response_body(0, body) }.unwrap_or_default();
        host::take(self.live.on_model_answered(&self.stream, token.into(), &Ok(OwnedReply { headers, body })));
    }
}

impl HttpContext for HttpExchange {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        self.live.begin(&self.stream);
        let headers = lower(self.get_http_request_headers_bytes());
        let verified = self.verified();
        let step =
            self.live.on_request(&self.stream, Event::RequestHead { headers: &lend(&headers), verified, end }, 0);
        host::act(step, Side::Request, 0)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        let now = now();
        let chunk = if size == 0 { None } else { self.get_http_request_body(0, size) }.unwrap_or_default();
        let event = Event::RequestData { chunk: &chunk, end, now };
        host::act(self.live.on_request(&self.stream, event, size), Side::Request, size)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        host::act(self.live.on_request(&self.stream, Event::RequestTrailers { now: now() }, 0), Side::Request, 0)
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        self.live.begin(&self.stream);
        let headers = lower(self.get_http_response_headers_bytes());
        let step = self.live.on_response_head(&self.stream, Event::ResponseHead { headers: &lend(&headers), end });
        host::act(step, Side::Response, 0)
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        let now = now();
        let chunk = if size == 0 { None } else { self.get_http_response_body(0, size) }.unwrap_or_default();
        let event = Event::ResponseData { chunk: &chunk, end, now };
        host::act(self.live.on_response(&self.stream, event, size), Side::Response, size)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        host::act(self.live.on_response_trailers(&self.stream), Side::Response, 0)
    }

    fn on_log(&mut self) {
        self.live.on_end(&self.stream, &self.stream.worker.metrics);
    }
}
