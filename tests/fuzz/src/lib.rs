//! What the fuzz targets share: a desk with a contract, a host that insists on the engine's manners, a client that reads what
//! goes on, and a scripted model that speaks every dialect.
//!
//! A broken invariant is a panic: that is how libFuzzer learns of it.

pub mod client;
pub mod desk;
pub mod framing;
pub mod host;
pub mod memory;
pub mod model;
mod upstream;
