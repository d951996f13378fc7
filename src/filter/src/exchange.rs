//! One stream of Envoy's: its callbacks as events.
//!
//! The SDK owns a stream's context, and only Envoy's callbacks for that stream reach it. Ticks come to the root context, so the
//! exchange itself is shared with the registry of live exchanges.

use std::cell::RefCell;
use std::rc::Rc;

use callgate_engine::{CallFailed, Event, Gate, ModelReply};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, lower, now};
use crate::live::{Callout, Live};
use crate::registry::Registry;
use crate::worker::Worker;
use crate::{claims, executor};

/// The context of one stream.
pub(crate) struct HttpExchange {
    context_id: u32,
    worker: Rc<Worker>,
    registry: Rc<Registry>,
    live: Rc<RefCell<Live>>,
}

impl HttpExchange {
    pub(crate) fn new(gate: Rc<Gate>, id: String, context_id: u32, worker: Rc<Worker>, registry: Rc<Registry>) -> Self {
        let live = Rc::new(RefCell::new(Live::new(gate, id, Rc::clone(&worker))));
        registry.add(context_id, &live);
        Self { context_id, worker, registry, live }
    }

    /// Reads the claims of the verified token.
    fn claims(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let names = self.worker.claims.as_ref()?;
        claims::read(&host::property("metadata")?, names)
    }
}

impl Drop for HttpExchange {
    fn drop(&mut self) {
        self.registry.remove(self.context_id);
    }
}

impl Context for HttpExchange {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        let mut live = self.live.borrow_mut();
        if !live.awaited(Callout::Executor(token)) {
            return;
        }
        let outcomes = if status == 0 {
            executor::decode(&self.get_grpc_call_response_body(0, size).unwrap_or_default())
        } else {
            log::warn!("callgate: the executor answered with gRPC status {status}");
            Err(executor::failed(status))
        };
        live.on_held(Event::CallsRun(outcomes));
    }

    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        let mut live = self.live.borrow_mut();
        if !live.awaited(Callout::Model(token)) {
            return;
        }
        // A failed call has no headers, and reading them would panic.
        if headers == 0 {
            live.on_held(Event::ModelAnswered(Err(CallFailed::Unreachable)));
            return;
        }
        let headers = lower(self.get_http_call_response_headers_bytes());
        let body = if body == 0 { None } else { self.get_http_call_response_body(0, body) }.unwrap_or_default();
        live.on_held(Event::ModelAnswered(Ok(ModelReply { headers: &headers, body: &body })));
    }
}

impl HttpContext for HttpExchange {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let headers = lower(self.get_http_request_headers_bytes());
        let claims = self.claims();
        self.live.borrow_mut().on_request(Event::RequestHead { headers: &headers, claims, end }, 0)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        let chunk = if size == 0 { None } else { self.get_http_request_body(0, size) }.unwrap_or_default();
        self.live.borrow_mut().on_request(Event::RequestData { chunk: &chunk, end, now: now() }, size)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.live.borrow_mut().on_request(Event::RequestTrailers { now: now() }, 0)
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let headers = lower(self.get_http_response_headers_bytes());
        self.live.borrow_mut().on_response_head(Event::ResponseHead { headers: &headers, end })
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        let chunk = if size == 0 { None } else { self.get_http_response_body(0, size) }.unwrap_or_default();
        self.live.borrow_mut().on_response(Event::ResponseData { chunk: &chunk, end, now: now() }, size)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.live.borrow_mut().on_response_trailers()
    }

    fn on_log(&mut self) {
        self.live.borrow_mut().on_log();
    }
}
