//! Everything hosts of the engine share. A host's adapter only translates: it reads callbacks, and writes for [`LiveExchange`].
//!
//! - [`config`] reads the filter's configuration.
//! - [`LiveExchange`] turns callbacks into events of the engine, and effects into writes and the host's next [`Step`].
//! - [`executor`] encodes and decodes the executor's messages; [`Recorder`] sends decisions to its audit log.
//! - [`identity`] and [`claims`] read the identity of the caller as the host verified it; [`ExchangeIds`] names exchanges; [`metrics`] names counters.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod candidate;
pub mod claims;
pub mod config;
mod contracts;
pub mod counts;
mod exchange;
pub mod executor;
mod histograms;
mod host;
pub mod identity;
mod ids;
pub mod metrics;
mod recorder;
mod scopes;
mod sealing;
mod step;

use std::time::Duration;

pub use exchange::LiveExchange;
pub use host::{Host, OwnedReply, Sent};
pub use ids::{ExchangeIds, random_seed};
pub use recorder::{Recorder, Records, Settled};
pub use step::{DEFECT, NOT_CONFIGURED, Step};

/// The interval of ticks for exchanges and for the outbox.
pub const TICK: Duration = Duration::from_millis(500);
