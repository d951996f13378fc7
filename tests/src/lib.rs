//! What the end-to-end tests, the demo and the bench share: a scripted upstream, a stack of real processes, a small client.
//!
//! - [`upstream`] stands in for an LLM API: it speaks Chat Completions, says what a script tells it to, and records what it got.
//! - [`stack`] starts executor, Envoy with the filter, and upstream on free loopback ports, and ends them again.
//! - [`http`] is a client that sees what an SDK hides: frames, trailers, the order in which bytes arrive.
//! - [`executor`] is an executor that answers what a test wants: slowly, at once, or not at all.
//! - [`cases`] runs a table of named cases against one stack.
//! - [`bench`] measures the gate against the same Envoy without it.

pub mod bench;
pub mod cases;
pub mod executor;
pub mod http;
pub mod stack;
pub mod upstream;
