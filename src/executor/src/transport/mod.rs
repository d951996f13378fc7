//! Accepts callers over TCP or a Unix socket, in plaintext or TLS, for the gRPC port and the HTTP port alike.
//!
//! - TLS rejects an unknown caller at the handshake, before any request is read.
//! - Each connection has its own task, so a slow one delays nobody.
//! - An idle connection keeps nobody out: [`seats`] decides which one makes room, [`drive`] how long each may wait.
//! - Certificates are read again when their files change. Unusable new ones are logged, and the old ones stay.
//!
//! Not covered: revocation lists, and connections open while the list of clients changes; they stay until they are too
//! old. Nor a flood that costs processor time: handshakes, pings and refused requests, as fast as a network carries
//! them.

mod accept;
mod activity;
mod certificates;
mod clients;
mod connection;
mod drive;
mod error;
mod exchange;
mod open_files;
mod seats;
mod settings;
mod unix;
mod watch;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use tokio::net::{TcpListener, UnixListener};

pub use self::certificates::Certificates;
pub use self::connection::{Origin, Peer};
pub use self::error::{CertificateError, TransportError};
pub use self::open_files::raise_open_files;
pub use self::settings::{Address, Clients, Connections, Identity, Listen, Tls};
pub(crate) use self::settings::{ConnectionSection, Door, ListenSection, TlsSection};
use self::unix::SocketFile;
use crate::telemetry::Metrics;

/// One of the executor's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// `callgate.executor.v1`, health, reflection.
    Grpc,
    /// Approvals, audit, metrics, health.
    Http,
}

/// A listening port that accepts nobody yet.
#[derive(Debug)]
pub struct Listener {
    port: Port,
    socket: Socket,
    bound: Bound,
    /// The file of a Unix socket.
    file: Option<SocketFile>,
    certificates: Option<Certificates>,
    connections: Connections,
    metrics: Metrics,
}

/// A port's address; with port 0 configured, the actual port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// An IP address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

// === impl Listener ===

impl Listener {
    /// Reads the certificates and listens.
    ///
    /// # Errors
    /// The address is taken or not this machine's, or the certificates cannot be used.
    pub async fn bind(listen: &Listen, port: Port, metrics: &Metrics) -> Result<Self, TransportError> {
        let certificates = match &listen.tls {
            Some(tls) => Some(Certificates::read(tls, port, metrics)?),
            None => None,
        };
        let failed = |reason| TransportError::Listen { address: listen.address.clone(), reason };
        let (socket, bound, file) = match &listen.address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                (Socket::Tcp(listener), Bound::Tcp(bound), None)
            }
            Address::Unix { path, mode } => {
                let (listener, file) = unix::bind(path, *mode)?;
                (Socket::Unix(listener), Bound::Unix(path.clone()), Some(file))
            }
        };
        let connections = listen.connections;
        Ok(Self { port, socket, bound, file, certificates, connections, metrics: metrics.clone() })
    }

    /// Returns the address.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Returns the certificates, to reload them; `None` with plaintext.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// Serves `router` until `stop`, then accepts nobody and returns after the last open request.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        accept::serve(self, router, stop).await;
    }
}

/// Checks that the port could be opened if it were free: the address is this machine's, the certificates can be used.
///
/// # Errors
/// As [`Listener::bind`].
pub fn check(listen: &Listen, port: Port) -> Result<(), TransportError> {
    if let Some(tls) = &listen.tls {
        Certificates::read(tls, port, &Metrics::new())?;
    }
    match &listen.address {
        // Another port of the same address: a running executor may hold the configured one.
        Address::Tcp(address) => std::net::TcpListener::bind((address.ip(), 0))
            .map(drop)
            .map_err(|reason| TransportError::Listen { address: listen.address.clone(), reason }),
        Address::Unix { path, .. } => unix::check(path),
    }
}

// === impl Port ===

impl Port {
    /// Returns a short stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }

    /// Returns the protocols TLS offers, the preferred one first.
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Grpc => vec![b"h2".to_vec()],
            Self::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

// === impl Bound ===

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Returns the provider of cryptography for every TLS connection here.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
