//! How a PostgreSQL is reached: the same for all that is kept in one.

#[cfg(feature = "postgres")]
mod connect;

use std::path::PathBuf;

#[cfg(feature = "postgres")]
pub use self::connect::{PostgresError, check, connect, reason};
use crate::SecretFile;

/// The way to a PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresLink {
    /// Holds the connection string, its password included.
    pub url: SecretFile,
    /// PEM file: the CA that the server's certificate must chain to. With it the connection is TLS.
    pub ca: Option<PathBuf>,
    /// True if the executor may speak to another machine without TLS.
    pub unencrypted: bool,
    /// The section of the configuration, for errors.
    pub field: &'static str,
}
