//! Exchanges with an MCP server.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod answers;
mod asking;
mod calls;
mod desk;
mod merged;
mod offers;
mod requests;
mod routing;
mod stateless;
mod streams;
mod subscriptions;
mod tasks;
pub(crate) mod world;
