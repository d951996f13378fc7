//! The algorithms all dialects share. A dialect supplies its tables and its own readers and writers.
//!
//! - `format`: the table of a dialect, and the one [`Dialect`](crate::Dialect) made of it.
//! - `document`: requests.
//! - `list`: whole answers as lists of blocks, items or parts.
//! - `blocks`: streams of blocks.
//! - `outlined_body`: a whole answer without a tree.
//! - `fast_path`: text deltas, read by comparison.

pub(crate) mod blocks;
pub(crate) mod document;
pub(crate) mod fast_path;
pub(crate) mod format;
pub(crate) mod list;
pub(crate) mod outlined_body;
