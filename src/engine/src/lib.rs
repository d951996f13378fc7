//! The sans-IO state machine of one has these steps: one HTTP request to an LLM API or an MCP server, and its response.
//!
//! An adapter turns its host's callbacks into [`Event`]s and carries out the [`Effect`] of each. The engine
//! decides with `callgate-contract`, and reads and writes with `callgate-wire`. It has no I/O, no clock and no host. An exchange
//! has these steps:
//!
//! 1. [`head`]: path, method, caller.
//! 2. [`request`]: the request, checked and rewritten.
//! 3. [`settle`] decides every call of the model's turn; [`plan`] then plans the turn.
//! 4. [`unary`] and [`stream`] apply the plan to a JSON answer and to a stream of events.
//! 5. [`tool_results`] sends calls to the executor and results to the model.
//!
//! The [`ledger`] records every decision on a call. An [`Outbox`] buffers the decisions for the audit log.
//!
//! A request to an MCP server itself makes the call, so [`mcp`] has the same steps in another order. [`exchange`] is one machine for
//! both. A tick ends an exchange over its time limit.
//!
//! The engine fails closed. An event out of order, an unreadable answer or a failed callout ends the exchange in an error
//! with a [`Code`]. It releases no call.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod budget;
mod effect;
mod error_format;
mod event;
mod exchange;
mod gate;
mod head;
mod headers;
mod ledger;
mod mcp;
mod outbox;
mod path;
mod plan;
mod refusal;
mod request;
mod settle;
mod stream;
mod tally;
mod tool_results;
mod trace;
mod unary;
mod weight;

pub use budget::DEFAULT_HELD_BYTES;
pub use callgate_wire::{DIALECTS, OutputLimit};
pub use effect::{CallBatch, Effect, Forward, ModelRequest, Reply, RunCall};
pub use event::{CallFailed, Event, ModelReply, Outcome, ToolFailure};
pub use exchange::Exchange;
pub use gate::{Gate, GateError, IdentitySource, Offer, Paths, Reach};
pub use headers::Headers;
pub use ledger::{Correlation, Decision, Decisions, Ruling};
pub use outbox::{Outbox, Receipt};
pub use refusal::{Code, Refusal};
pub use tally::Tally;
pub use trace::Trace;
