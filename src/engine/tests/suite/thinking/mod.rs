//! Thoughts, signatures and caches survive the gate: what a later request must repeat still fits the provider's checks.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

mod caches;
mod preserved;
mod siblings;
mod signatures;
