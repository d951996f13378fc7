//! How a PostgreSQL is reached: the same for all that is kept in one.

use std::path::PathBuf;

use super::AuditPostgres;
use super::secret::SecretFile;

/// How a PostgreSQL is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresLink {
    /// Holds the connection string, its password included.
    pub url: SecretFile,
    /// PEM file: the CA that the server's certificate must chain to. With it the connection is TLS.
    pub ca: Option<PathBuf>,
    /// Whether another machine may be spoken to without TLS.
    pub unencrypted: bool,
    /// The section of the configuration, for errors.
    pub field: &'static str,
}

// === impl AuditPostgres ===

impl AuditPostgres {
    /// How it is reached.
    pub fn link(&self) -> PostgresLink {
        PostgresLink {
            url: self.url.clone(),
            ca: self.ca.clone(),
            unencrypted: self.unencrypted,
            field: "audit.postgres",
        }
    }
}
