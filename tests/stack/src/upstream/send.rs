//! Puts a round on the wire, honestly or with one of a provider's faults.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRAILER};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::chat::Chat;
use super::dialect::{Dialect, StreamEvent, StreamStep};
use super::framing::{self, Framing};
use super::record::Exchange;
use super::script::{Round, Wire};

/// The body of an answer; an error breaks the connection.
pub(super) type Body = BoxBody<Bytes, io::Error>;

/// The longest hold of an answer, so a test without a release still ends.
const HELD_AT_MOST: Duration = Duration::from_secs(20);
const JSON: &str = "application/json";

/// Returns a complete body.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// Returns a JSON answer.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// Sends `round` and tells `exchange` once the client has taken the last byte. An error closes the connection.
pub(super) fn send(
    dialect: &'static dyn Dialect,
    chat: &Chat,
    round: &Round,
    exchange: Exchange,
    release: Arc<Semaphore>,
) -> io::Result<Response<Body>> {
    if round.wire == Wire::HangUp {
        return Err(io::Error::other("hung up by the script"));
    }
    let status = round.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let stream = (chat.stream != (round.wire == Wire::WrongForm)) && status.is_success();
    let text = |value: &Value| vec![Send::Bytes(framing::text(value).into())];
    let steps = match &round.body {
        Some(text) => vec![Send::Bytes(text.clone().into())],
        None if !status.is_success() => text(&dialect.error(status.as_u16(), "The scripted provider fails.")),
        None if stream => stream_steps(dialect, chat, round),
        None => text(&dialect.whole(chat, round)),
    };
    let pause = Duration::from_millis(round.pause);
    let wire = SendPlan { steps, wire: round.wire, pause, stream: stream.then(|| dialect.framing()) };
    let mut response = Response::new(wire.body(exchange, release));
    *response.status_mut() = status;
    headers(response.headers_mut(), round, if stream { dialect.framing().content_type() } else { JSON });
    own_headers(response.headers_mut(), dialect, status.as_u16());
    Ok(response)
}

/// Returns the headers of every answer of this API.
pub(super) fn own_headers(headers: &mut HeaderMap, dialect: &dyn Dialect, status: u16) {
    for (name, value) in dialect.headers(status) {
        headers.extend(HeaderValue::try_from(value).ok().map(|value| (HeaderName::from_static(name), value)));
    }
}

fn headers(headers: &mut HeaderMap, round: &Round, kind: &'static str) {
    // A body given unchanged has the type it looks like.
    let kind = match &round.body {
        Some(text) if text.starts_with("<!DOCTYPE html") => "text/html",
        Some(text) if text.starts_with(['{', '[']) && round.wire != Wire::WrongForm => JSON,
        _ => kind,
    };
    if round.wire != Wire::Untyped {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    match round.wire {
        Wire::Gzip => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Wire::Trailers => {
            headers.insert(TRAILER, HeaderValue::from_static("x-checksum"));
        }
        Wire::Empty => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        _ => {}
    }
}

enum Send {
    Bytes(Bytes),
    Hold,
}

struct SendPlan {
    steps: Vec<Send>,
    wire: Wire,
    pause: Duration,
    /// The framing of the events, if it is a stream.
    stream: Option<Framing>,
}

fn stream_steps(dialect: &dyn Dialect, chat: &Chat, round: &Round) -> Vec<Send> {
    let (framing, wire) = (dialect.framing(), round.wire);
    let mut said = dialect.stream(chat, round);
    if wire == Wire::FailsMidway {
        said.truncate(said.len() / 2);
        let sent = said.iter().filter(|step| **step != StreamStep::Hold).count();
        said.push(StreamStep::Event(dialect.failure(sent)));
    } else if wire == Wire::NoDone && dialect.done().is_none() {
        said.pop();
    }
    let event = |event: &StreamEvent| Send::Bytes(framing.event(event, wire));
    let steps = said.iter().map(|step| if let StreamStep::Event(said) = step { event(said) } else { Send::Hold });
    let mut steps: Vec<Send> = framing.before(wire).map(Send::Bytes).into_iter().chain(steps).collect();
    if wire == Wire::BadChecksum && framing == Framing::EventStream {
        corrupt(&mut steps);
    }
    if !matches!(wire, Wire::NoDone | Wire::FailsMidway) {
        steps.extend(dialect.done().map(|text| Send::Bytes(framing.done(text, wire))));
    }
    steps
}

/// Changes one byte of the last message.
fn corrupt(steps: &mut [Send]) {
    if let Some(Send::Bytes(bytes)) = steps.last_mut() {
        let mut changed = bytes.to_vec();
        let middle = changed.len() / 2;
        if let Some(byte) = changed.get_mut(middle) {
            *byte ^= 1;
        }
        *bytes = changed.into();
    }
}

// === impl SendPlan ===

impl SendPlan {
    fn body(self, exchange: Exchange, release: Arc<Semaphore>) -> Body {
        let (to, from) = mpsc::channel(1);
        tokio::spawn(async move {
            // Sending fails once the client is gone; dropping the exchange then records that.
            if self.run(&to, &release).await.is_ok() {
                // The client has taken the last frame when the channel has room for all frames again.
                let _room = to.reserve().await;
                exchange.sent();
            }
        });
        StreamBody::new(ReceiverStream::new(from)).boxed()
    }

    async fn run(self, to: &mpsc::Sender<io::Result<Frame<Bytes>>>, release: &Semaphore) -> Result<(), Gone> {
        let steps = self.faulty_steps();
        for step in steps {
            match step {
                Send::Hold => {
                    tokio::select! {
                        permit = tokio::time::timeout(HELD_AT_MOST, release.acquire()) => {
                            if let Ok(Ok(permit)) = permit { permit.forget(); }
                        }
                        () = to.closed() => return Err(Gone),
                    }
                }
                Send::Bytes(bytes) => to.send(Ok(Frame::data(bytes))).await.map_err(|_| Gone)?,
            }
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        match self.wire {
            Wire::Cut => to.send(Err(io::Error::other("cut by the script"))).await.map_err(|_| Gone),
            Wire::Trailers => {
                let trailers = HeaderMap::from_iter(
                    [("x-checksum".parse().ok(), HeaderValue::from_static("none"))]
                        .into_iter()
                        .filter_map(|(name, value)| Some((name?, value))),
                );
                to.send(Ok(Frame::trailers(trailers))).await.map_err(|_| Gone)
            }
            Wire::NeverEnding => {
                let spaces = || Bytes::from(vec![b' '; 4096]);
                let more = self.stream.map_or_else(spaces, Framing::filler);
                loop {
                    to.send(Ok(Frame::data(more.clone()))).await.map_err(|_| Gone)?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            _ => Ok(()),
        }
    }

    /// Returns the number of bytes of the events that fit into `most`.
    fn whole_events(&self, most: usize) -> usize {
        let sizes = self.steps.iter().map(|step| if let Send::Bytes(bytes) = step { bytes.len() } else { 0 });
        let ends = sizes.scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        ends.take_while(|end| *end <= most).last().unwrap_or(0)
    }

    /// Returns the steps in the order this provider sends them.
    fn faulty_steps(&self) -> Vec<Send> {
        let whole = || -> Vec<u8> {
            self.steps
                .iter()
                .filter_map(|step| if let Send::Bytes(bytes) = step { Some(bytes.to_vec()) } else { None })
                .flatten()
                .collect()
        };
        let pieces =
            |text: &[u8], size: usize| text.chunks(size).map(|piece| Send::Bytes(piece.to_vec().into())).collect();
        match self.wire {
            Wire::Gzip => vec![Send::Bytes(gzip(&whole()).into())],
            Wire::Empty => Vec::new(),
            Wire::Truncated | Wire::Cut | Wire::NeverEnding => {
                let mut text = whole();
                text.truncate(text.len() * 2 / 3);
                if self.stream.is_some() && self.wire == Wire::NeverEnding {
                    // The body can be read completely; only its end never arrives.
                    text.truncate(self.whole_events(text.len()));
                }
                pieces(&text, 64)
            }
            Wire::Bytes => pieces(&whole(), 1),
            Wire::OneChunk => vec![Send::Bytes(whole().into())],
            _ => self
                .steps
                .iter()
                .map(|step| match step {
                    Send::Bytes(bytes) => Send::Bytes(bytes.clone()),
                    Send::Hold => Send::Hold,
                })
                .collect(),
        }
    }
}

struct Gone;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory does not fail.
    let _written = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}
