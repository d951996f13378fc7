//! The proxy-wasm adapter: Envoy's callbacks become events of `callgate-engine`, its effects become calls of the host.
//!
//! The adapter decides nothing. `callgate-host` carries out effects; this crate has the calls of the host.
//!
//! The SDK panics on any unexpected status, and a panic ends the worker's VM with every exchange in
//! it. So the adapter reads bytes, not strings, from every getter. It reads request headers only in their own callback. It
//! writes bodies only in body callbacks or while they are buffered. It names clusters in an encoded `GrpcService`.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]
// `proxy_wasm::main!` writes a public function without a word on it.
#![allow(missing_docs, reason = "the crate has no public API; its one public item is the macro's")]

mod counters;
mod exchange;
mod host;
mod registry;
mod root;
mod slots;
mod worker;

use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;

/// Much of an exchange's time is spent in small allocations, and WASI libc's allocator is slow at those.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> { Box::new(root::Root::new(context_id)) });
}}
