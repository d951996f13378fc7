//! The proxy-wasm adapter: Envoy's callbacks become events of `callgate-engine`, its effects become calls of the host.
//!
//! Nothing is decided here. The adapter knows only when it can still write: see [`live`].
//!
//! The SDK panics on any status that it does not expect, and a panic takes the worker's VM and every exchange in it with
//! it. So: bytes forms of every getter; request headers are read in their own callback only; bodies are written only in
//! body callbacks or while they are held; clusters are named in an encoded `GrpcService`.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]
// `proxy_wasm::main!` writes a public function without a word on it.
#![allow(missing_docs, reason = "the crate has no public API; its one public item is the macro's")]

mod claims;
mod config;
mod exchange;
mod executor;
mod host;
mod live;
mod metrics;
mod recorder;
mod registry;
mod root;

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
