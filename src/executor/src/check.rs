//! `--check`: all checks of a start, without writing a byte: no folder, no lock, no token, no compiled code.
//!
//! It may run beside an executor with the same configuration, so a port or state directory in use is not an error. Not
//! covered: the reachability of databases, collectors and backends.

use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::admission::{AdmissionError, Registry};
use crate::backends::{BackendError, Backends};
use crate::config::{Config, Http};
use crate::idempotency;
use crate::idempotency::IdempotencyStore;
use crate::telemetry::{Instruments, Metrics, TraceError};
use crate::transport::{self, Port, TransportError};
use crate::web::{self, TokenError};
use callgate_audit::AuditError;
use callgate_audit::{Archive, AuditSettings};
use callgate_counters::CountersSettings;
use callgate_sandbox::Network;
use callgate_settings::SecretFile;
use callgate_settings::postgres::{self, PostgresLink};
use callgate_state::{StateError, private};

/// The reason a start would fail.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The state directory or a file in it cannot be used.
    #[error("stateDir: {0}")]
    State(#[from] StateError),
    /// The audit log cannot be used.
    #[error("audit: {0}")]
    Audit(#[from] AuditError),
    /// A contract or a module cannot be used.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// A backend cannot be used.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The gRPC port cannot be opened.
    #[error(transparent)]
    Listen(TransportError),
    /// The HTTP port cannot be opened.
    #[error("http.{0}")]
    Http(TransportError),
    /// The tokens of the HTTP server cannot be used.
    #[error("http.tokens: {0}")]
    Tokens(#[from] TokenError),
    /// The collector cannot be used.
    #[error(transparent)]
    Traces(#[from] TraceError),
    /// A secret of the configuration cannot be read.
    #[error("{field}: {file}: cannot be read: {reason}; correct the file or its path")]
    Secret {
        /// The field of the configuration.
        field: &'static str,
        /// The file.
        file: String,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A PostgreSQL connection cannot be set up.
    #[error("{field}: {reason}")]
    Postgres {
        /// The section of the configuration.
        field: &'static str,
        /// The reason no connection could be opened.
        reason: String,
    },
}

/// Checks a configuration as far as possible without a start, and returns the number of contracts. Compiles modules
/// missing in the cache, so this blocks for as long as they take.
///
/// # Errors
/// The first fault.
pub async fn check(config: &Config) -> Result<usize, CheckError> {
    state(&config.state_dir)?;
    if config.once.store == IdempotencyStore::Local {
        idempotency::check(&config.state_dir)?;
    }
    if config.counters == CountersSettings::StateDir {
        callgate_counters::check(&config.state_dir)?;
    }
    callgate_approvals::check(&config.state_dir)?;
    callgate_audit::check(&config.state_dir)?;
    let metrics = Metrics::new();
    let registry = Registry::check(&config.admission(), Network::system(), metrics.modules())?;
    let backends = Backends::new(&config.backends, metrics.backends())?;
    for contract in registry.contracts() {
        backends.check(contract)?;
    }
    transport::check(&config.listen, Port::Grpc).map_err(CheckError::Listen)?;
    if let Http::On { listen, .. } = &config.http {
        transport::check(listen, Port::Http).map_err(CheckError::Http)?;
    }
    web::check_tokens(&config.http, &config.state_dir)?;
    secrets(config)?;
    // It sends nothing before the first span.
    Instruments::start(&config.telemetry, metrics)?.traces.shutdown().await;
    Ok(registry.digests().len())
}

/// Checks that a start could use or create the state directory.
fn state(folder: &Path) -> Result<(), StateError> {
    let refused = |reason| StateError::Refused { path: folder.to_owned(), reason };
    match folder.symlink_metadata() {
        Ok(_) => {
            private::check_folder(folder)?;
            access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| refused(error.into()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let above = folder.ancestors().skip(1).find(|above| above.as_os_str().is_empty() || above.exists());
            let above = above.filter(|above| !above.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            access(above, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| refused(error.into()))?;
            if above.is_dir() { Ok(()) } else { Err(refused(ErrorKind::NotADirectory.into())) }
        }
        Err(error) => Err(refused(error)),
    }
}

/// Checks the secrets that are read on use.
fn secrets(config: &Config) -> Result<(), CheckError> {
    let AuditSettings { postgres, redis, retention, .. } = &config.audit;
    if let IdempotencyStore::Postgres { link, .. } = &config.once.store {
        database(link)?;
    }
    if let CountersSettings::Postgres(link) = &config.counters {
        database(link)?;
    }
    if let Some(sink) = postgres {
        database(&sink.link())?;
    }
    if let Some(redis) = redis {
        secret("audit.redis.url", &redis.url)?;
    }
    if let Some(Archive::S3(s3)) = &retention.archive {
        secret("audit.archive.s3.accessKey", &s3.access_key)?;
        secret("audit.archive.s3.secretKey", &s3.secret_key)?;
    }
    Ok(())
}

fn database(link: &PostgresLink) -> Result<(), CheckError> {
    postgres::check(link).map_err(|error| CheckError::Postgres { field: link.field, reason: error.to_string() })
}

fn secret(field: &'static str, file: &SecretFile) -> Result<(), CheckError> {
    let unreadable = |reason| CheckError::Secret { field, file: file.path().display().to_string(), reason };
    file.read().map(drop).map_err(unreadable)
}
