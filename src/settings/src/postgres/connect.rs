//! Connects to PostgreSQL: one rule for all connections.
//!
//! With a CA the connection is TLS, and the server's certificate must chain to the CA and bear the name in the
//! connection string. Without one the executor connects only to loopback and Unix sockets, unless the configuration
//! calls the network trusted. The connection string cannot change this: its TLS settings are ignored.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresLink;

const CONNECT: Duration = Duration::from_secs(10);

/// The reason a connection failed.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The file with the connection string cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// The file has no connection string. Its content may be secret.
    #[error("{file}: expected a connection string, such as postgres://user:password@host:5432/database")]
    NoAddress {
        /// The file.
        file: String,
    },
    /// The connection would be plaintext over a network.
    #[error(
        "{file}: the server is on another machine: set {field}.ca to the PEM file that its certificate chains to, or \
         {field}.unencrypted: true if the network is as trusted as this machine"
    )]
    Plaintext {
        /// The file.
        file: String,
        /// The section of the configuration.
        field: &'static str,
    },
    /// The CA cannot be used.
    #[error("{0}")]
    Ca(String),
    /// The server or the network failed.
    #[error("{0}")]
    Failed(String),
}

/// The settings of a connection.
struct Plan {
    config: Config,
    /// `None` for plaintext, if allowed.
    tls: Option<MakeRustlsConnect>,
}

/// Connects by the settings. Reads the secret each time: it may have changed.
///
/// # Errors
/// The connection failed. The error never repeats the connection string.
pub async fn connect(link: &PostgresLink) -> Result<Client, PostgresError> {
    let Plan { mut config, tls } = plan(link)?;
    config.application_name("callgate-executor").connect_timeout(CONNECT).tcp_user_timeout(CONNECT);
    match tls {
        Some(tls) => open(config.ssl_mode(SslMode::Require), tls).await,
        None => open(config.ssl_mode(SslMode::Disable), NoTls).await,
    }
}

/// Checks the settings of a connection without connecting.
///
/// # Errors
/// A connection would fail.
pub fn check(link: &PostgresLink) -> Result<(), PostgresError> {
    plan(link).map(drop)
}

fn plan(link: &PostgresLink) -> Result<Plan, PostgresError> {
    let file = link.url.path().display().to_string();
    let text = link.url.read().map_err(|reason| PostgresError::Unreadable { file: file.clone(), reason })?;
    // The parser's reason may repeat a part of the secret.
    let config: Config = text.parse().map_err(|_| PostgresError::NoAddress { file: file.clone() })?;
    match &link.ca {
        Some(ca) if !config.get_hosts().iter().all(is_socket) => {
            let tls = tls(ca).map_err(PostgresError::Ca)?;
            Ok(Plan { config, tls: Some(tls) })
        }
        Some(_) | None if link.unencrypted || is_local(&config) => Ok(Plan { config, tls: None }),
        Some(_) | None => Err(PostgresError::Plaintext { file, field: link.field }),
    }
}

/// Reads CAs from a PEM file.
fn tls(ca: &Path) -> Result<MakeRustlsConnect, String> {
    let fault = |reason: &dyn std::fmt::Display| format!("{}: {reason}", ca.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| fault(&error))? {
        let certificate = certificate.map_err(|error| fault(&error))?;
        roots.add(certificate).map_err(|error| fault(&error))?;
    }
    if roots.is_empty() {
        return Err(fault(&"expected certificates in PEM"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

async fn open<T>(config: &Config, tls: T) -> Result<Client, PostgresError>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await.map_err(|error| PostgresError::Failed(reason(&error)))?;
    // Ends with the client. The next query reports its error.
    tokio::spawn(connection);
    Ok(client)
}

/// Returns the reason without the server's details, which may repeat values.
pub fn reason(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;

    match (error.as_db_error(), error.source()) {
        (Some(error), _) => error.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn is_socket(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(_) => false,
    }
}

fn is_local(config: &Config) -> bool {
    let loopback = |address: &IpAddr| address.is_loopback();
    // The client looks up no names if there are addresses.
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().all(loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address| loopback(&address)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        let local = |text: &str| is_local(&text.parse().unwrap());
        for here in [
            "host=127.0.0.1",
            "host=::1",
            "host=localhost",
            "host=/run/postgresql",
            "postgres://u:p@localhost/x",
            "host=db.example hostaddr=127.0.0.1",
            "host=localhost,127.0.0.1",
        ] {
            assert!(local(here), "{here}");
        }
        for elsewhere in [
            "host=db.example",
            "host=10.0.0.7",
            "host=localhost,db.example",
            "host=localhost hostaddr=10.0.0.7",
            "postgres://u:p@localhost.example/x",
            "host=127.0.0.1.example",
        ] {
            assert!(!local(elsewhere), "{elsewhere}");
        }
    }
}
