//! The algorithms that dialects share, each written once over the data of a dialect.

pub(crate) mod document;
