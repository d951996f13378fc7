//! The algorithms that dialects share. A dialect supplies its tables and its own readers and writers.
//!
//! - [`format`] has the table of a dialect, and the one [`Dialect`](crate::Dialect) made of it.
//! - [`document`] has requests.
//! - [`list`] has whole answers that are lists of blocks, items or parts.
//! - [`blocks`] has streams of blocks.
//! - [`fast_path`] has text deltas that are read by comparison.

pub(crate) mod blocks;
pub(crate) mod document;
pub(crate) mod fast_path;
pub(crate) mod format;
pub(crate) mod list;
