//! The executor as its callers meet it: a real server on loopback, a real client, real guests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod clock;
mod desk;
mod guests;
mod pki;
mod program;
#[allow(dead_code, reason = "the tests of the audit log use the rest")]
mod services;

mod admission;
mod authorize;
mod backends;
mod bounds;
mod cache;
mod check;
mod claims;
mod component;
mod concurrency;
mod conditions;
mod contract_sets;
mod crash;
mod doors;
mod drain;
mod fairness;
mod fence;
mod files;
mod idempotency;
mod idempotency_shared;
mod kinds;
mod limits;
mod otlp;
mod outgoing;
mod policies;
mod pool;
mod quota;
mod reload;
mod reload_files;
mod results;
mod secrets;
mod service;
mod shared_counts;
mod sources;
mod state_dir;
mod stores;
mod surroundings;
mod telemetry;
mod tenants;
mod tools;
mod transport;
mod typed;
mod unread;
mod web;
