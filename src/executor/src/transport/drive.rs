//! Serves one connection from its first byte to its end.
//!
//! 1. With TLS, the handshake, within a time.
//! 2. Requests. Each is followed, so an idle connection is recognised.
//! 3. The end: the client leaves. Or the connection is quiet for too long, too old, or the executor drains: then it
//!    takes nothing new and ends with its last request. Or it must make room: then it ends at once.
//!
//! A request in the service is never cut off here.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::Port;
use super::accept::Doorway;
use super::activity::Quiet;
use super::clients::{self, NotListed};
use super::connection::{Connection, Origin, Peer, Raw, Socket};
use super::exchange;
use super::seats::Seat;
use crate::telemetry::metrics::{Closed, ConnectionRefusal};

/// The maximum time of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The maximum time until a connection's first byte.
const FIRST: Duration = Duration::from_secs(10);
/// The maximum time for the head of an HTTP/1 request, the first or a later one.
const HEAD: Duration = Duration::from_secs(15);
/// The time a connection has to close, beyond its requests in the service.
const FAREWELL: Duration = Duration::from_secs(10);
/// The interval of HTTP/2 pings, and the time to wait for the reply.
const PING: Duration = Duration::from_secs(20);
/// The maximum concurrent requests on one HTTP/2 connection. Envoy opens another connection for more.
const STREAMS: u32 = 256;
/// The bytes of requests a client may send on one HTTP/2 connection before they are read.
const WINDOW: u32 = 256 << 10;
/// The maximum bytes of a request's head, gRPC metadata included.
const HEAD_BYTES: usize = 16 << 10;
/// The maximum fields of a request's head.
const HEAD_FIELDS: usize = 64;

/// One connection and its parts.
pub(super) struct Driver {
    doorway: Arc<Doorway>,
    seat: Seat,
    origin: Origin,
    stopped: watch::Receiver<()>,
}

/// The stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It takes requests.
    Open,
    /// It takes no more requests and should end by then.
    Ending(Instant),
}

// === impl Driver ===

impl Driver {
    pub(super) fn new(doorway: Arc<Doorway>, seat: Seat, origin: Origin, stopped: watch::Receiver<()>) -> Self {
        Self { doorway, seat, origin, stopped }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(self, raw: Raw) {
        let Some(connection) = self.let_in(raw).await else { return };
        let (peer, router) = (connection.peer().clone(), self.doorway.router.clone());
        let (seats, activity) = (self.seat.seats().clone(), Arc::clone(self.seat.activity()));
        let service = service_fn(move |request| {
            let answering =
                exchange::serve(router.clone(), peer.clone(), seats.clone(), Arc::clone(&activity), request);
            async { Ok::<_, std::convert::Infallible>(answering.await) }
        });
        let builder = self.builder();
        let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(connection), service));
        let mut stopped = self.stopped.clone();
        let old = Instant::now() + self.age();
        let mut stage = Stage::Open;
        loop {
            let wake = match stage {
                Stage::Open => self.quiet_at().0.min(old),
                Stage::Ending(until) => until,
            };
            tokio::select! {
                // A client that breaks the protocol or goes away is not an error of the executor.
                _ = &mut serving => return,
                () = self.seat.activity().dismissed() => {
                    self.closed(Closed::MadeRoom);
                    if self.seat.activity().cut(Duration::ZERO) {
                        return;
                    }
                    // A complete request has arrived since: it is answered first.
                    serving.as_mut().graceful_shutdown();
                    stage = Stage::Ending(Instant::now() + FAREWELL);
                }
                // A closed channel means the executor is draining.
                _ = stopped.changed(), if stage == Stage::Open => {
                    serving.as_mut().graceful_shutdown();
                    // The drain has its own time limit.
                    stage = Stage::Ending(Instant::now() + self.doorway.connections.max_age);
                }
                () = sleep_until(wake) => match stage {
                    Stage::Open => {
                        if let Some(why) = self.over(old) {
                            self.closed(why);
                            serving.as_mut().graceful_shutdown();
                            stage = Stage::Ending(Instant::now() + FAREWELL);
                        }
                    }
                    Stage::Ending(_) if self.seat.activity().cut(FAREWELL) => return,
                    Stage::Ending(_) => stage = Stage::Ending(Instant::now() + FAREWELL),
                },
            }
        }
    }

    fn closed(&self, why: Closed) {
        self.doorway.metrics.connections().closed(self.doorway.port.as_str(), why);
    }

    fn quiet_at(&self) -> (Instant, Quiet) {
        self.seat.activity().quiet_at(FIRST, self.doorway.connections.idle)
    }

    /// Returns the reason to close the connection now, if one exists.
    fn over(&self, old: Instant) -> Option<Closed> {
        let now = Instant::now();
        let (at, why) = self.quiet_at();
        if at <= now {
            return Some(match why {
                Quiet::Silent => Closed::Silent,
                Quiet::Idle => Closed::Idle,
                Quiet::Stalled => Closed::Stalled,
            });
        }
        (old <= now).then_some(Closed::Old)
    }

    /// Returns how long this connection takes requests: up to a tenth less than configured, so simultaneous connections
    /// do not all leave at once.
    fn age(&self) -> Duration {
        let full = self.doorway.connections.max_age;
        let share = u32::try_from(self.seat.number().wrapping_mul(37) % 100).unwrap_or(0);
        full - full / 1000 * share
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        let head_bytes = u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD.min(self.doorway.connections.idle))
            .max_headers(HEAD_FIELDS)
            .max_buf_size(HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(head_bytes);
        match self.doorway.port {
            Port::Grpc => builder.http2_only(),
            Port::Http => builder,
        }
    }

    /// Performs the handshake, if the port has TLS.
    async fn let_in(&self, raw: Raw) -> Option<Connection> {
        let activity = Arc::clone(self.seat.activity());
        let origin = self.origin.clone();
        let Some(certificates) = &self.doorway.certificates else {
            return Some(Connection::new(Socket::Plain(raw), Peer { origin, identity: None }, activity));
        };
        let mut stopped = self.stopped.clone();
        let handshake = tokio::select! {
            handshake = timeout(HANDSHAKE, TlsAcceptor::from(certificates.current()).accept(raw)) => handshake,
            () = activity.dismissed() => {
                self.closed(Closed::MadeRoom);
                return None;
            }
            _ = stopped.changed() => return None,
        };
        match handshake {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let identity = shown.and_then(|shown| clients::identity(shown, certificates.allowed()));
                Some(Connection::new(Socket::Tls(Box::new(stream)), Peer { origin, identity }, activity))
            }
            Ok(Err(error)) => {
                self.doorway.refuse(&origin, ConnectionRefusal::Handshake, &reason(&error));
                None
            }
            Err(_) => {
                self.doorway.refuse(&origin, ConnectionRefusal::Slow, "the TLS handshake took too long");
                None
            }
        }
    }
}

/// Returns the reason for a failed handshake: our words if the list of clients is the reason, else rustls's.
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
