//! The Gemini dialect: accepted and refused bodies, and written ones.
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
mod common;
mod errors;
mod pieces;
mod properties;
mod requests;
mod sample;
mod streams;
