//! How a PostgreSQL is reached: the same for all that is kept in one.

use std::path::PathBuf;

use super::AuditPostgres;
use super::secret::SecretFile;

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

// === impl AuditPostgres ===

impl AuditPostgres {
    /// The way to it.
    pub fn link(&self) -> PostgresLink {
        PostgresLink {
            url: self.url.clone(),
            ca: self.ca.clone(),
            unencrypted: self.unencrypted,
            field: "audit.postgres",
        }
    }
}
