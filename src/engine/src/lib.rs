//! The sans-io state machine of one exchange: one HTTP request to an LLM API and its response.
//!
//! An adapter turns what its host tells it into [`Event`]s and carries out the [`Effect`] that each returns. The engine
//! decides with `callgate-contract`, reads and writes with `callgate-wire`, and does nothing else: no I/O, no clock, no
//! host. The way of an exchange:
//!
//! 1. [`head`]: path, method, caller.
//! 2. [`request`]: what the caller asks for, checked and rewritten.
//! 3. [`settle`] decides every call of the model's turn, and [`plan`] says what becomes of the turn.
//! 4. [`whole`] and [`stream`] apply that to a JSON answer and to a stream of events.
//! 5. [`rounds`] runs the loop: calls to the executor, results to the model.
//!
//! What was decided on each call is written into a [`ledger`], and on its way to the audit log it waits in an [`Outbox`].
//!
//! At an MCP server, where the request itself makes the call, [`mcp`] has the same steps in another order.
//!
//! It fails closed: an event that is out of order, an answer that cannot be read, a callout that fails, each ends in an
//! error with a [`Code`], and no call goes on.

mod effect;
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
mod rounds;
mod settle;
mod stream;
mod tally;
mod trace;
mod voice;
mod whole;

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
