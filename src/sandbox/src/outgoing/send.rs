//! Sends an allowed request: resolve, judge, connect, exchange.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri, Version};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::Granted;
use super::address::Reach;
use super::carried::Nat64;
use super::destination::{Destination, Host};
use super::requests::{Journal, RequestRefusal};

/// The maximum bytes of a server's status line and header fields.
const HEAD_BYTES: usize = 64 << 10;

/// The timeout of each wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

/// The bytes of a connection.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

/// A response's body, each part within its timeout. Nothing is read ahead of the guest beyond hyper's buffer.
struct Paced {
    body: Incoming,
    between_bytes: Duration,
    /// Runs while the guest waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Sends `request`. Returns the response's head as soon as it arrives, and the task that drives the connection;
/// dropping the task ends it.
pub(super) async fn send(
    granted: &Granted,
    destination: &Destination,
    mut request: Request<WasiBody>,
    patience: Patience,
    permit: OwnedSemaphorePermit,
    journal: &Journal,
) -> Result<(Response<WasiBody>, AbortOnDropJoinHandle<()>), Error> {
    let secure = request.uri().scheme() != Some(&hyper::http::uri::Scheme::HTTP);
    // A server expects the path alone; `host` is set already.
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    *request.version_mut() = Version::HTTP_11;

    let open = async {
        let stream = connect(granted, destination, secure, journal).await?;
        http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await.map_err(|e| coded(&e))
    };
    let (mut sender, connection) = timeout(patience.connect, open).await.map_err(|_| Error::ConnectionTimeout)??;
    let driver = spawn(async move {
        let _permit = permit;
        // The reader of the response learns the end.
        let _ended = connection.await;
    });
    let response = timeout(patience.first_byte, sender.send_request(request))
        .await
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(|error| coded(&error))?;
    let paced = |body| Paced { body, between_bytes: patience.between_bytes, waiting: None }.boxed_unsync();
    Ok((response.map(paced), driver))
}

async fn connect(
    granted: &Granted,
    destination: &Destination,
    secure: bool,
    journal: &Journal,
) -> Result<Box<dyn Transport>, Error> {
    let addresses = addresses(granted, destination).await?;
    judge(destination, &addresses, granted.network.nat64()).map_err(|refusal| journal.refused(refusal))?;
    let stream = first(granted, &addresses, destination.to.port).await?;
    if !secure {
        return Ok(Box::new(stream));
    }
    let name = match &destination.to.host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?,
        Host::Address(address) => ServerName::from(*address),
    };
    let stream = TlsConnector::from(Arc::clone(&granted.tls)).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| untrusted(&error))?))
}

async fn addresses(granted: &Granted, destination: &Destination) -> Result<Vec<IpAddr>, Error> {
    match &destination.to.host {
        Host::Address(address) => Ok(vec![*address]),
        Host::Name(name) => match granted.network.internet().resolve(name).await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Ok(_) | Err(_) => Err(Error::DnsError { rcode: None, info_code: None }),
        },
    }
}

/// One bad address is enough: chance must not decide which one a connection reaches.
fn judge(destination: &Destination, addresses: &[IpAddr], nat64: &[Nat64]) -> Result<(), RequestRefusal> {
    let literal = matches!(destination.to.host, Host::Address(_));
    addresses.iter().try_for_each(|address| match Reach::of(*address, nat64) {
        Reach::Public => Ok(()),
        Reach::Private if destination.private => Ok(()),
        Reach::LinkLocal | Reach::Metadata if destination.private && literal => Ok(()),
        Reach::Private => Err(RequestRefusal::Private),
        Reach::LinkLocal => Err(RequestRefusal::LinkLocal),
        Reach::Metadata => Err(RequestRefusal::Metadata),
    })
}

/// Connects to the first address that answers.
async fn first(granted: &Granted, addresses: &[IpAddr], port: u16) -> Result<TcpStream, Error> {
    let mut failed = Error::DestinationUnavailable;
    for address in addresses {
        match granted.network.internet().connect(SocketAddr::new(*address, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => failed = Error::ConnectionRefused,
            Err(_) => failed = Error::DestinationUnavailable,
        }
    }
    Err(failed)
}

fn untrusted(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(_)) => Error::TlsAlertReceived { alert_id: None, alert_message: None },
        _ => Error::TlsProtocolError,
    }
}

fn coded(error: &hyper::Error) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() || error.is_user() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else {
        Error::ConnectionTerminated
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

// === impl Patience ===

impl Patience {
    /// Returns the guest's timeout, but never more than `limit`.
    pub(super) fn of(options: Option<RequestOptions>, limit: Duration) -> Self {
        let options = options.unwrap_or_default();
        let bounded = |wanted: Option<Duration>| wanted.map_or(limit, |wanted| wanted.min(limit));
        Self {
            connect: bounded(options.connect_timeout),
            first_byte: bounded(options.first_byte_timeout),
            between_bytes: bounded(options.between_bytes_timeout),
        }
    }
}

// === impl Paced ===

impl Body for Paced {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.waiting = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| coded(&error))))
            }
            Poll::Pending => {
                let between_bytes = self.between_bytes;
                let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(between_bytes)));
                ready!(waiting.as_mut().poll(cx));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
