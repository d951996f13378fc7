//! Calls that the client runs and the executor must release.

pub(crate) mod desk;
mod dialects;
mod mcp;
mod rules;
pub(crate) mod samples;
