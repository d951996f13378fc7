//! Kinds with a value of their own: paths, globs, URLs, e-mail addresses and blocks of addresses.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed step is a failed test")]

#[path = "../rows/mod.rs"]
mod rows;

mod bounds;
mod cidr;
mod email;
mod paths;
mod resources;
mod urls;
