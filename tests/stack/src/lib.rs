//! Starts a whole Callgate on this machine, for the demo, the end-to-end tests and the bench.
//!
//! - [`stack`] starts the executor, Envoy with the filter, and the upstream on free loopback ports, and ends them again.
//! - [`upstream`] stands in for an LLM API: it answers by a script and records each request.
//! - [`http`] is a client that shows frames, trailers and the order in which bytes arrive, which an SDK hides.

pub mod http;
pub mod stack;
pub mod upstream;
