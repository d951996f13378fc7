//! Servers and clients of LLM APIs, scripted for the tests of `callgate-wire` and `callgate-engine`.

#![allow(missing_docs, reason = "helpers of tests")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "helpers of tests: a failed step is a failed test"
)]

pub mod anthropic_messages;
pub mod event_stream;
pub mod openai_responses;
pub mod turns;
