//! Links to PostgreSQL: the same settings for every use.

#[cfg(feature = "postgres")]
mod connect;

use std::path::PathBuf;

#[cfg(feature = "postgres")]
pub use self::connect::{PostgresError, check, connect, reason};
use crate::SecretFile;

/// A link to a PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresLink {
    /// Holds the connection string, its password included.
    pub url: SecretFile,
    /// PEM file: the CA of the server's certificate. With it the connection is TLS.
    pub ca: Option<PathBuf>,
    /// True if the executor may speak to another machine without TLS.
    pub unencrypted: bool,
    /// The section of the configuration, for errors.
    pub field: &'static str,
}
