//! Parts shared by the fuzz targets: a desk with a contract, a host that checks the engine's obligations, a client that
//! reads the released bytes, and a scripted model for every dialect.
//!
//! A broken invariant is a panic, because libFuzzer reports panics.

pub mod client;
pub mod desk;
pub mod framing;
pub mod host;
pub mod memory;
pub mod model;
pub mod shell;
pub mod texts;
mod upstream;
