//! Accepts connections and serves each in its own task, so slow ones never delay another.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::certificates::Certificates;
use super::connection::{Origin, Raw};
use super::drive::Driver;
use super::seats::Seats;
use super::settings::Connections;
use super::watch::watch;
use super::{Listener, Port, Socket};
use crate::telemetry::metrics::ConnectionRefusal;
use crate::telemetry::{Metrics, Throttle};

/// The pause after the system ran out of descriptors. An immediate retry would not help.
const PAUSE: Duration = Duration::from_millis(500);
/// The maximum connections asked to leave and still open. Beyond it, new ones wait in the system's queue.
const LEAVING: usize = 256;
/// The pause until leaving connections have left.
const BREATH: Duration = Duration::from_millis(5);

/// The state all connections of a port share.
pub(super) struct Doorway {
    pub(super) port: Port,
    pub(super) certificates: Option<Certificates>,
    pub(super) connections: Connections,
    pub(super) router: Router,
    pub(super) metrics: Metrics,
    throttle: Throttle,
}

/// Serves `router` on a port until `stop`, then finishes the open requests.
pub(super) async fn serve(listener: Listener, router: Router, stop: impl Future<Output = ()>) {
    let Listener { port, socket, file, certificates, connections, metrics, .. } = listener;
    let mut beside = JoinSet::new();
    if let Some(certificates) = &certificates {
        beside.spawn(watch(certificates.clone()));
    }
    let open = metrics.connections().open(port.as_str());
    let seats = Seats::new(connections.max, connections.per_address, connections.held_bytes, open);
    let doorway = Arc::new(Doorway { port, certificates, connections, router, metrics, throttle: Throttle::new() });
    let (stopping, stopped) = watch::channel(());
    // They end when this returns.
    let mut serving = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((raw, origin)) => doorway.take_in(raw, origin, &seats, &stopped, &mut serving).await,
                Err(error) => {
                    tracing::warn!(port = port.as_str(), reason = %error, "a connection cannot be accepted");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = serving.join_next() => {}
            () = &mut stop => break,
        }
    }
    drop((socket, file));
    drop(stopping);
    while serving.join_next().await.is_some() {}
}

// === impl Doorway ===

impl Doorway {
    async fn take_in(
        self: &Arc<Self>,
        raw: Raw,
        origin: Origin,
        seats: &Seats,
        stopped: &watch::Receiver<()>,
        open: &mut JoinSet<()>,
    ) {
        let (seat, made_room) = match seats.take(&origin) {
            Ok(taken) => taken,
            Err(full) => return self.refuse(&origin, ConnectionRefusal::Full, &full.to_string()),
        };
        open.spawn(Driver::new(Arc::clone(self), seat, origin, stopped.clone()).run(raw));
        if made_room {
            while seats.leaving() > LEAVING {
                sleep(BREATH).await;
            }
        }
    }

    /// Counts and logs a rejected connection.
    pub(super) fn refuse(&self, origin: &Origin, why: ConnectionRefusal, reason: &str) {
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
                // Responses are small, and each is waited for. Without this option they are slower, not wrong.
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
