//! Valid contracts, the errors of invalid ones, and decisions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

// Modules without `cfg` also run as WebAssembly; the others read files or generate their cases.
mod advice;
#[cfg(not(target_arch = "wasm32"))]
mod agents;
mod claims;
mod compare;
#[cfg(not(target_arch = "wasm32"))]
mod compared;
mod conditions;
mod decide;
mod digest;
#[cfg(not(target_arch = "wasm32"))]
mod documented;
mod explain;
mod files;
mod folder;
#[cfg(not(target_arch = "wasm32"))]
mod format;
mod globs;
mod grants;
mod kinds;
#[cfg(not(target_arch = "wasm32"))]
mod kinds_rows;
mod lint;
mod mcp_headers;
mod mcp_rules;
mod model;
mod prices;
mod rates;
mod readings;
mod references;
mod results;
mod runs;
mod schemas;
mod shadow;
mod shared;
#[cfg(not(target_arch = "wasm32"))]
mod silence;
mod sources;
mod told;
mod workspace;
#[cfg(not(target_arch = "wasm32"))]
mod yaml;
