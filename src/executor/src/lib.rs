//! The sidecar that runs approved tool calls, each in its own sandbox.
//!
//! [`server`] accepts a call, the service decides it again with the contract [`admission`] loaded, and
//! [`callgate_sandbox`] runs the tool's code. The end becomes a typed outcome. Everything a call can touch is fixed
//! before the first one arrives; [`config`] lists it.
//!
//! ```
//! use std::path::Path;
//!
//! use callgate_executor::config::Config;
//!
//! let config = Config::parse("executor.yaml", "contracts: [desk.yaml]\nconcurrency: 4\n", Path::new("/etc/callgate"))?;
//! assert_eq!(config.contracts, [Path::new("/etc/callgate/desk.yaml")]);
//!
//! let error = Config::parse("executor.yaml", "contract: [desk.yaml]\n", Path::new("/etc/callgate")).unwrap_err();
//! assert!(error.to_string().starts_with("executor.yaml:1:1"));
//! # Ok::<(), callgate_executor::config::ConfigError>(())
//! ```

pub mod admission;
pub mod backends;
pub mod call;
pub mod check;
pub mod config;
pub mod idempotency;
pub mod queue;
pub mod server;
pub mod signals;
pub mod telemetry;
pub mod transport;
pub mod web;

mod drain;
mod footprint;
mod outcome;
mod reload;
mod service;
