//! The sans-IO state machine of one exchange: one HTTP request to an LLM API or an MCP server, and its response.
//!
//! An adapter turns its host's callbacks into [`Event`]s and carries out the [`Effect`] of each. The engine
//! decides with `callgate-contract`, and reads and writes with `callgate-wire`. It has no I/O, no clock and no host. An exchange
//! has these steps:
//!
//! 1. [`head`]: path, method, caller. [`select`] finds the caller's contract, if there are several.
//! 2. [`request`]: the request, checked and rewritten.
//! 3. [`settle`] decides every call of the model's turn; [`plan`] then plans the turn.
//! 4. [`unary`] and [`stream`] apply the plan to a JSON answer and to a stream of events.
//! 5. [`tool_results`] sends calls to the executor and results to the model. [`authorize`] asks the executor about calls that the
//!    client runs, if the contract says so.
//!
//! [`limits`] counts requests and calls, if the contract has rates or budgets. The [`ledger`] records every decision on a call. An [`Outbox`] buffers the decisions for the audit log.
//!
//! [`catalog`] cuts lists of models to the contract.
//!
//! A request to an MCP server itself makes the call, so [`mcp`] has the same steps in another order. [`exchange`] is one machine for
//! both. A tick ends an exchange over its time limit.
//!
//! The engine fails closed. An event out of order, an unreadable answer or a failed callout ends the exchange in an error
//! with a [`Code`]. It releases no call.
//!
//! # Example
//!
//! A request whose role may use no tool of that name is answered here, and never reaches the model.
//!
//! ```
//! use std::collections::{BTreeMap, HashMap};
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! use callgate_engine::{Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach};
//!
//! let contract = callgate_json::read(
//!     br#"{
//!         "apiVersion": "callgate.dev/v1",
//!         "kind": "Contract",
//!         "metadata": { "name": "weather", "version": "1.0.0" },
//!         "spec": {
//!             "models": ["*"],
//!             "roles": { "clerk": { "tools": ["get_weather"] } },
//!             "tools": [{
//!                 "name": "get_weather",
//!                 "effects": "read",
//!                 "parameters": { "type": "object" },
//!                 "run": { "client": {} }
//!             }]
//!         }
//!     }"#,
//! )?;
//! let contract = callgate_contract::from_value(&contract)?;
//! let identity = IdentitySource::Header {
//!     tenant: "x-tenant".to_owned(),
//!     role: "x-role".to_owned(),
//!     claims: BTreeMap::new(),
//! };
//! let paths = Paths::new(&HashMap::new(), Vec::new());
//! let reach = Reach { executor: false, upstream: false };
//! let gate = Rc::new(Gate::new(contract, identity, paths, Offer::Declared, reach)?);
//!
//! let headers = [
//!     (":method", &b"POST"[..]),
//!     (":path", b"/v1/chat/completions"),
//!     ("content-type", b"application/json"),
//!     ("x-tenant", b"acme"),
//!     ("x-role", b"clerk"),
//! ];
//! let body = br#"{
//!     "model": "gpt-4o",
//!     "messages": [{ "role": "user", "content": "Delete everything." }],
//!     "tools": [{ "type": "function", "function": { "name": "delete_all" } }]
//! }"#;
//! let mut exchange = Exchange::new(gate, "exchange-1");
//! let effect = exchange.on(Event::RequestHead { headers: &headers, verified: None, end: false });
//! assert_eq!(effect, Effect::Hold);
//! let effect = exchange.on(Event::RequestData { chunk: body, end: true, now: Duration::ZERO });
//! let Effect::Reply(reply) = effect else { panic!("the request must be refused") };
//! assert_eq!(reply.status, 400);
//! assert_eq!(exchange.tally().verdict(), "error:tool_not_in_contract");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod agent;
mod authorize;
mod backlog;
mod budget;
mod catalog;
mod conversation;
mod destination;
mod effect;
mod error_format;
mod event;
mod exchange;
mod facts;
mod gate;
mod head;
mod headers;
mod history;
mod identity;
mod ledger;
mod limits;
mod mcp;
mod model_header;
mod outbox;
mod path;
mod plan;
mod redaction;
mod refusal;
mod request;
mod rule_set;
mod scopes;
mod seal;
mod select;
mod settle;
mod stream;
mod tally;
mod tool_results;
mod trace;
mod unary;
mod usage;
mod weight;

pub use agent::AgentIds;
pub use budget::DEFAULT_HELD_BYTES;
pub use callgate_contract::{
    Code as CallCode, ContractMatch, ConversationFacts, Cost, CountCode, CountRefusal, Usage, Violation,
};
pub use callgate_limits::{CounterSlot, CounterTable, SEED_BYTES, Slots, Standing, StoreError, Versioned};
pub use callgate_redact::Kind as RedactedKind;
pub use callgate_wire::{DIALECTS, OutputLimit};
pub use effect::{
    AdmissionRequest, AuthorizeBatch, CallBatch, Effect, Forward, ModelRequest, ReleaseRule, Reply, RunCall,
    SourceRuling, UsageCharge,
};
pub use event::{
    AdmissionReply, Authorization, CallFailed, CallRuling, Event, ModelReply, Outcome, ToolFailure, Verified,
};
pub use exchange::{AccessNotes, Exchange};
pub use facts::conversation_facts;
pub use gate::{Gate, GateError, Offer, Paths, Reach, Rules, StreamUsage};
pub use headers::{Headers, lend};
pub use history::{content_of, history};
pub use identity::IdentitySource;
pub use ledger::{CallNote, Correlation, Decision, Decisions, Ruling};
pub use outbox::{Outbox, Receipt};
pub use refusal::{Code, Refusal};
pub use rule_set::RuleSet;
pub use scopes::{Challenge, ScopeRole, ScopeRoles};
pub use seal::{KeyError, SealingKeys};
pub use select::{MatchError, Selector};
pub use tally::{Difference, ExchangeVerdict, SeenConversation, Tally};
pub use trace::Trace;
pub use usage::UsageSource;
