//! MCP: accepted, refused and written messages.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod answers;
mod errors;
mod requests;
mod stateless;
mod streams;
