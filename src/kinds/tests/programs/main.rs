//! Commands: which lines a profile allows, and how each is understood.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it skips"
)]

#[path = "../rows/mod.rs"]
mod rows;

mod attacks;
mod data;
mod disguises;
mod evasions;
mod lines;
mod models;
mod page;
mod profiles;
mod trees;
