//! One connection, one request after the other.

use std::convert::Infallible;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{HeaderMap, Method, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;

use super::{Accumulated, Events};

/// The longest single wait of a client.
const PATIENCE: Duration = Duration::from_secs(25);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 by prior knowledge.
    Http2,
}

/// The error of an answer, or of the rest of it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection could not be made.
    #[error("connecting: {0}")]
    Connect(#[from] std::io::Error),
    /// The connection broke, or its bytes are not HTTP.
    #[error("{0}")]
    Hyper(#[from] hyper::Error),
    /// The request could not be built.
    #[error("building the request: {0}")]
    Build(#[from] hyper::http::Error),
    /// The server was silent for too long.
    #[error("nothing came for {} s", PATIENCE.as_secs())]
    Silence,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Header pairs, sent in order, values as bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
    /// Trailers after the body.
    pub trailers: Vec<(&'static str, &'static str)>,
    /// Time between the two halves of the body; at once by default.
    pub pause: Duration,
}

/// An answer whose body may still be arriving.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The trailers, once the body has ended with some.
    pub trailers: Option<HeaderMap>,
    body: Incoming,
}

/// A connection to one server.
#[derive(Debug)]
pub struct Connection {
    server: SocketAddr,
    protocol: Protocol,
    sender: Sender,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

// === impl Request ===

impl Request {
    /// A POST of JSON.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        Self {
            method: Method::POST,
            path: path.into(),
            headers,
            body: body.into(),
            trailers: Vec::new(),
            pause: Duration::ZERO,
        }
    }

    /// Replaces any header of this name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.more_header(name, value)
    }

    /// Adds a header of this name.
    #[must_use]
    pub fn more_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    fn build(self, server: SocketAddr, protocol: Protocol) -> Result<hyper::Request<Body>, HttpError> {
        let uri = match protocol {
            Protocol::Http1 => self.path,
            Protocol::Http2 => format!("http://{server}{}", self.path),
        };
        let mut builder = hyper::Request::builder().method(self.method).uri(uri);
        if protocol == Protocol::Http1 {
            builder = builder.header("host", server.to_string());
        }
        for (name, value) in &self.headers {
            builder = builder.header(name.as_str(), value.as_slice());
        }
        if !self.pause.is_zero() {
            return Ok(builder.body(slow(self.body, self.pause))?);
        }
        if self.trailers.is_empty() {
            return Ok(builder.body(Full::new(self.body).boxed_unsync())?);
        }
        let mut trailers = HeaderMap::new();
        for (name, value) in self.trailers {
            if protocol == Protocol::Http1 {
                builder = builder.header("trailer", name);
            }
            trailers.insert(name, hyper::header::HeaderValue::from_static(value));
        }
        let frames = [Ok(Frame::data(self.body)), Ok(Frame::trailers(trailers))];
        Ok(builder.body(StreamBody::new(tokio_stream::iter(frames)).boxed_unsync())?)
    }
}

/// Returns a body in two halves, with a pause between them.
fn slow(mut body: Bytes, pause: Duration) -> Body {
    let half = body.split_to(body.len() / 2);
    let halves = tokio_stream::iter([(half, Duration::ZERO), (body, pause)]).then(|(half, pause)| async move {
        tokio::time::sleep(pause).await;
        Ok(Frame::data(half))
    });
    StreamBody::new(halves).boxed_unsync()
}

// === impl Connection ===

impl Connection {
    /// Connects.
    pub async fn open(server: SocketAddr, protocol: Protocol) -> Result<Self, HttpError> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let (sender, task) = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                (Sender::Http1(sender), tokio::spawn(async move { drop(connection.await) }))
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                (Sender::Http2(sender), tokio::spawn(async move { drop(connection.await) }))
            }
        };
        Ok(Self { server, protocol, sender, task })
    }

    /// Returns the protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// True if the connection takes another request.
    pub async fn usable(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Sends a request; returns when the headers of the answer have arrived.
    pub async fn send(&mut self, request: Request) -> Result<Response, HttpError> {
        let request = request.build(self.server, self.protocol)?;
        let sent = async {
            match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        let response = tokio::time::timeout(PATIENCE, sent).await.map_err(|_| HttpError::Silence)??;
        let (head, body) = response.into_parts();
        Ok(Response { status: head.status.as_u16(), headers: head.headers, trailers: None, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Response ===

impl Response {
    /// Returns the next bytes of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.map_err(|_| HttpError::Silence)?;
            let Some(frame) = frame.transpose()? else { return Ok(None) };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
    }

    /// Returns the whole body as text.
    pub async fn text(&mut self) -> Result<String, HttpError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the whole body as JSON; a JSON string of it if it is not JSON.
    pub async fn json(&mut self) -> Result<Value, HttpError> {
        let text = self.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Returns the body as the events of a stream.
    pub fn events(self) -> Events {
        Events::new(self)
    }

    /// Returns all events of a stream, accumulated.
    pub async fn accumulate(self) -> Result<Accumulated, HttpError> {
        let mut events = self.events();
        let mut all = Accumulated::default();
        while let Some(event) = events.next().await? {
            all.add(&event);
        }
        Ok(all)
    }

    /// Returns the value of a header, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Protocol {
    /// The name in hyper.
    pub fn version(self) -> Version {
        match self {
            Self::Http1 => Version::HTTP_11,
            Self::Http2 => Version::HTTP_2,
        }
    }
}

impl Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// Returns the status and body of a GET.
pub async fn get(server: SocketAddr, path: &str) -> Result<(u16, String), HttpError> {
    let mut connection = Connection::open(server, Protocol::Http1).await?;
    let request = Request { method: Method::GET, headers: Vec::new(), ..Request::post(path, "") };
    let mut response = connection.send(request).await?;
    Ok((response.status, response.text().await?))
}
