//! The Responses dialect: what is understood, what is refused, what is written.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed helper is a failed test"
)]

mod answers;
mod common;
mod errors;
mod imitators;
use callgate_test_apis::openai_responses as kit;
mod properties;
mod recorded;
mod requests;
mod streams;
