//! Shared code of the end-to-end tests and the bench.
//!
//! - [`stack`], [`upstream`] and [`http`] come from `callgate-stack`, which the demo uses too.
//! - [`executor`] is a fake executor: a test chooses whether it answers late, wrongly or never.
//! - [`envoy`] reads a running Envoy's gauges and memory.
//! - [`cases`] runs a table of named cases against one stack.
//! - [`bench`] measures the gate against the same Envoy without it.

pub mod bench;
pub mod cases;
pub mod envoy;
pub mod executor;

pub use callgate_stack::{http, stack, upstream};
