//! Tools at backends: honest ones, and every kind of misbehaviour.

mod grpc;
mod http;
pub(crate) mod kit;
mod mcp;
#[cfg(target_os = "linux")]
mod programs;
mod real;
mod turns;
