//! The Bedrock Converse dialect: accepted and refused bodies, and written ones.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed helper is a failed test"
)]

#[path = "../suite/mod.rs"]
mod suite;

mod answers;
mod errors;
use callgate_test_apis::event_stream as frames;
mod orders;
mod properties;
mod requests;
mod streams;

use callgate_wire::{Call, CallResult};

fn call(id: &str, name: &str, arguments: &str) -> Call {
    Call { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned(), ..Call::default() }
}

fn result(call: Call, content: &str, failed: bool) -> CallResult {
    CallResult { call, content: content.to_owned(), failed }
}
