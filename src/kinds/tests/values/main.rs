//! Kinds with a value of their own: paths, globs, URLs, e-mail addresses and blocks of addresses.

#[path = "../rows/mod.rs"]
mod rows;

mod bounds;
mod cidr;
mod email;
mod paths;
mod urls;
