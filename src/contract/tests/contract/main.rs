//! What a contract may say, what it is told when it is wrong, and what it decides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod decide;
mod digest;
mod explain;
mod files;
mod folder;
mod format;
mod lint;
mod model;
mod references;
mod runs;
mod schemas;
mod silence;
mod yaml;
