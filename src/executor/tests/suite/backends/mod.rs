//! Tools at backends: honest ones, and each way in which one can misbehave.

mod grpc;
mod http;
mod kit;
mod mcp;
mod real;
mod turns;
