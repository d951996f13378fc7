//! Takes connections in: the handshake of each beside the others', within a time, and never more of them than there may be.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info;
use axum::serve::IncomingStream;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;
use super::clients::{self, NotListed};
use super::connection::{Connection, Origin, Peer, Place, Raw, Stream};
use super::throttle::Throttle;
use super::unix::SocketFile;
use super::watch::watch;
use super::{Bound, Listener, Port, Socket};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Refusal;

/// Connections of a port that are open at once. Proxies hold a few each.
const CONNECTIONS: usize = 1024;
/// Handshakes at once: strangers never take the places of those who were let in.
const HANDSHAKES: usize = 256;
/// A handshake that takes longer is no longer one.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// When the system has no more descriptors, asking at once again helps nobody.
const PAUSE: Duration = Duration::from_millis(500);
/// Connections that were let in and that the server has not fetched yet.
const READY: usize = 16;

/// The connections that were let in, in the order in which their handshakes ended. The port is closed when it is dropped.
#[derive(Debug)]
pub struct Incoming {
    ready: mpsc::Receiver<Connection>,
    bound: Bound,
    /// Ends with this.
    _accepting: JoinSet<()>,
    _file: Option<SocketFile>,
}

/// What taking in needs.
struct Doorway {
    port: Port,
    certificates: Option<Certificates>,
    places: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    open: Gauge,
    metrics: Metrics,
    throttle: Throttle,
}

// === impl Incoming ===

impl Incoming {
    pub(super) fn start(listener: Listener) -> Self {
        let (ready, connections) = mpsc::channel(READY);
        let Listener { port, socket, bound, file, certificates, metrics } = listener;
        let mut accepting = JoinSet::new();
        if let Some(certificates) = &certificates {
            accepting.spawn(watch(certificates.clone()));
        }
        let doorway = Doorway {
            port,
            certificates,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            open: metrics.connections().open(port.as_str()),
            metrics,
            throttle: Throttle::new(),
        };
        accepting.spawn(accept(socket, Arc::new(doorway), ready));
        Self { ready: connections, bound, _accepting: accepting, _file: file }
    }
}

impl tokio_stream::Stream for Incoming {
    type Item = Result<Connection, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

impl axum::serve::Listener for Incoming {
    type Io = Connection;
    type Addr = Peer;

    async fn accept(&mut self) -> (Connection, Peer) {
        match self.ready.recv().await {
            Some(connection) => {
                let peer = connection.peer().clone();
                (connection, peer)
            }
            // Nobody takes in any more: the process ends.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        let origin = match &self.bound {
            Bound::Tcp(address) => Origin::Network(*address),
            Bound::Unix(_) => Origin::Local(None),
        };
        Ok(Peer { origin, identity: None })
    }
}

impl connect_info::Connected<IncomingStream<'_, Incoming>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        stream.remote_addr().clone()
    }
}

async fn accept(socket: Socket, doorway: Arc<Doorway>, ready: mpsc::Sender<Connection>) {
    // Those in a handshake end with this.
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((raw, origin)) => match doorway.place() {
                    Some(place) => doorway.take_in(raw, origin, place, &ready, &mut handshakes).await,
                    None => doorway.refuse(&origin, Refusal::Full, "as many connections are open as may be"),
                },
                Err(error) => {
                    tracing::warn!(port = doorway.port.as_str(), reason = %error, "a connection cannot be accepted");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = handshakes.join_next() => {}
            () = ready.closed() => return,
        }
    }
}

// === impl Doorway ===

impl Doorway {
    fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place::new(self.open.clone(), permit))
    }

    /// Hands on a plain connection, or begins a handshake.
    async fn take_in(
        self: &Arc<Self>,
        raw: Raw,
        origin: Origin,
        place: Place,
        ready: &mpsc::Sender<Connection>,
        handshakes: &mut JoinSet<()>,
    ) {
        let Some(certificates) = self.certificates.clone() else {
            let peer = Peer { origin, identity: None };
            // It fails only when the server has gone.
            let _ = ready.send(Connection::new(Stream::Plain(raw), peer, place)).await;
            return;
        };
        let Ok(permit) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            self.refuse(&origin, Refusal::Full, "as many handshakes are going on as may be");
            return;
        };
        let (doorway, ready) = (Arc::clone(self), ready.clone());
        handshakes.spawn(async move {
            let connection = doorway.handshake(raw, origin, place, &certificates).await;
            drop(permit);
            if let Some(connection) = connection {
                let _ = ready.send(connection).await;
            }
        });
    }

    async fn handshake(
        &self,
        raw: Raw,
        origin: Origin,
        place: Place,
        certificates: &Certificates,
    ) -> Option<Connection> {
        match timeout(HANDSHAKE, TlsAcceptor::from(certificates.current()).accept(raw)).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let identity = shown.and_then(|shown| clients::identity(shown, certificates.allowed()));
                let peer = Peer { origin, identity };
                Some(Connection::new(Stream::Tls(Box::new(stream)), peer, place))
            }
            Ok(Err(error)) => {
                self.refuse(&origin, Refusal::Handshake, &reason(&error));
                None
            }
            Err(_) => {
                self.refuse(&origin, Refusal::Slow, "the TLS handshake took too long");
                None
            }
        }
    }

    fn refuse(&self, origin: &Origin, why: Refusal, reason: &str) {
        let port = self.port.as_str();
        self.metrics.connections().refused(port, why);
        if let Some(held_back) = self.throttle.line() {
            tracing::warn!(port, peer = %origin, reason, held_back, "a connection is refused");
        }
    }
}

// === impl Socket ===

impl Socket {
    async fn accept(&self) -> io::Result<(Raw, Origin)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are small and each is waited for. Without it they are slower, not wrong.
                let _ = stream.set_nodelay(true);
                Ok((Raw::Tcp(stream), Origin::Network(address)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred().ok().map(|process| process.uid());
                Ok((Raw::Unix(stream), Origin::Local(user)))
            }
        }
    }
}

/// Why a handshake failed: our own words where the list of clients is the reason, and rustls's else.
fn reason(error: &io::Error) -> String {
    let listed =
        error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).and_then(|error| match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
                other.source().and_then(|inner| inner.downcast_ref::<NotListed>())
            }
            _ => None,
        });
    match listed {
        Some(not_listed) => not_listed.to_string(),
        None => error.to_string(),
    }
}
