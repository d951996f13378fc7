//! Exchanges with Anthropic Messages: requests, whole answers, streams.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

mod answers;
#[path = "../../../wire/tests/anthropic_messages/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod desk;
mod requests;
mod streams;
