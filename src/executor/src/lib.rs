//! The sidecar that runs approved tool calls, each in a sandbox of its own.
//!
//! The way of a call: [`server`] accepts it, the service decides it again with the contract that [`admission`] loaded,
//! [`callgate_sandbox`] runs the tool's code, and its end becomes a typed outcome. Everything that a call can touch is fixed before
//! the first one arrives; [`config`] says what is loaded.

pub mod admission;
pub mod backends;
pub mod call;
pub mod check;
pub mod config;
pub mod idempotency;
pub mod queue;
pub mod server;
pub mod signals;
pub mod telemetry;
pub mod transport;
pub mod web;

mod drain;
mod footprint;
mod outcome;
mod reload;
mod service;
