//! The Envoy dynamic-module adapter: Envoy's hooks become events of `callgate-engine`, and effects become calls of Envoy.
//!
//! The adapter decides nothing. `callgate-host` carries out effects, as for the proxy-wasm filter; this crate has the calls of
//! Envoy's C ABI, all of them in `abi`. The module shares Envoy's process, without a sandbox between them.

mod abi;
mod callout;
mod clock;
mod delivery;
mod grpc;
mod logger;
mod plugin;
mod slots;
mod stream;
mod ticker;
