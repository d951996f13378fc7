//! The executor as its callers meet it: a real server on loopback, a real client, real guests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod desk;
mod guests;
mod pki;

mod admission;
mod component;
mod concurrency;
mod drain;
mod files;
mod limits;
mod results;
mod service;
mod surroundings;
mod telemetry;
mod transport;
