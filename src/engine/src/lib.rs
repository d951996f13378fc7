//! The sans-IO state machine of one exchange: one HTTP request to an LLM API or an MCP server, and its response.
//!
//! An adapter turns what its host tells it into [`Event`]s and carries out the [`Effect`] that each returns. The engine
//! decides with `callgate-contract`, and reads and writes with `callgate-wire`. It has no I/O, no clock and no host. The steps of an
//! exchange:
//!
//! 1. [`head`]: path, method, caller.
//! 2. [`request`]: the request, checked and rewritten.
//! 3. [`settle`] decides every call of the model's turn, and [`plan`] what becomes of the turn.
//! 4. [`whole`] and [`stream`] apply that to a JSON answer and to a stream of events.
//! 5. [`rounds`] runs the loop: calls to the executor, results to the model.
//!
//! Every decision on a call is written into a [`ledger`], and waits in an [`Outbox`] for the audit log.
//!
//! An MCP server's request itself makes the call, so [`mcp`] has the same steps in another order. [`exchange`] is one machine for
//! both. It has a clock: a tick ends an exchange that exceeds a limit on time.
//!
//! It fails closed. An event that is out of order, an answer that cannot be read, a callout that fails: each ends in an error
//! with a [`Code`], and no call is released.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod budget;
mod effect;
mod error_format;
mod event;
mod exchange;
mod gate;
mod head;
mod ledger;
mod mcp;
mod outbox;
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
pub use event::{CallFailed, Event, Headers, ModelReply, Outcome, ToolFailure};
pub use exchange::Exchange;
pub use gate::{Gate, GateError, Identity, Offer, Paths, Reach};
pub use ledger::{About, Decision, Decisions, Ruling};
pub use outbox::{Outbox, Receipt};
pub use refusal::{Code, Refusal};
pub use tally::Tally;
pub use trace::Trace;
