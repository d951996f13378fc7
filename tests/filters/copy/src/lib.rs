//! A wasm filter for `make bench`. It holds headers and bodies both ways, copies each whole body and writes the copy back:
//! the least cost of a filter of this design.
//!
//! It needs `allow_on_headers_stop_iteration: true`, like Callgate. Trailers also end a body: the filter then releases the
//! held body unchanged.

#![allow(missing_docs, reason = "the entry point that `proxy_wasm::main!` writes has none")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, Bytes, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Exchange;

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _headers: usize, end_of_stream: bool) -> Action {
        hold_unless(end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            let body = self.get_http_request_body(0, size).map(copied);
            self.set_http_request_body(0, size, &body.unwrap_or_default());
        }
        hold_unless(end_of_stream)
    }

    fn on_http_response_headers(&mut self, _headers: usize, end_of_stream: bool) -> Action {
        hold_unless(end_of_stream)
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            let body = self.get_http_response_body(0, size).map(copied);
            self.set_http_response_body(0, size, &body.unwrap_or_default());
        }
        hold_unless(end_of_stream)
    }
}

/// While paused, Envoy gives each body callback the whole body so far, so the last one sees all of it.
fn hold_unless(end_of_stream: bool) -> Action {
    if end_of_stream { Action::Continue } else { Action::Pause }
}

/// A copy inside the module, as a filter makes when it reads the body into a structure and writes it again.
fn copied(body: Bytes) -> Vec<u8> {
    std::hint::black_box(body.as_slice()).to_vec()
}
