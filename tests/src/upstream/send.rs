//! Puts a round on the wire, honestly or with one of a provider's faults.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRAILER};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{self, Step};
use super::chat::Chat;
use super::record::Exchange;
use super::script::{Round, Wire};

/// The body of an answer; an error cuts the connection.
pub(super) type Body = BoxBody<Bytes, io::Error>;

/// An answer that is held is let go after this long, so that a test that forgot it ends.
const HELD_AT_MOST: Duration = Duration::from_secs(20);
const HUGE_LINE: usize = 10 * 1024 * 1024;
const JSON: &str = "application/json";
const SSE: &str = "text/event-stream; charset=utf-8";

/// A body that is there at once.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// Sends `round`; `exchange` is told when the last byte has been taken. An error closes the connection.
pub(super) fn send(
    chat: &Chat,
    round: &Round,
    exchange: Exchange,
    release: Arc<Semaphore>,
) -> io::Result<Response<Body>> {
    if round.wire == Wire::HangUp {
        return Err(io::Error::other("hung up by the script"));
    }
    let status = round.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let stream = (chat.stream() != (round.wire == Wire::WrongForm)) && status.is_success();
    let steps = match &round.body {
        Some(text) => vec![Send::Bytes(text.clone().into())],
        None if !status.is_success() => {
            vec![Send::Bytes(answer::error(status.as_u16(), "The scripted provider fails.").to_string().into())]
        }
        None if stream => stream_steps(chat, round),
        None => vec![Send::Bytes(answer::whole(chat, round).to_string().into())],
    };
    let wire = Plan { steps, wire: round.wire, pause: Duration::from_millis(round.pause), stream };
    let mut response = Response::new(wire.body(exchange, release));
    *response.status_mut() = status;
    headers(response.headers_mut(), round, stream);
    Ok(response)
}

fn headers(headers: &mut HeaderMap, round: &Round, stream: bool) {
    // A body that is given as it is has the type that it looks like.
    let kind = match &round.body {
        Some(text) if text.starts_with("<!DOCTYPE html") => "text/html",
        Some(text) if text.starts_with(['{', '[']) && round.wire != Wire::WrongForm => JSON,
        _ if stream => SSE,
        _ => JSON,
    };
    if round.wire != Wire::Untyped {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    headers.insert("x-request-id", HeaderValue::from_static("req_scripted"));
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

struct Plan {
    steps: Vec<Send>,
    wire: Wire,
    pause: Duration,
    stream: bool,
}

fn stream_steps(chat: &Chat, round: &Round) -> Vec<Send> {
    let crlf = round.wire == Wire::Crlf;
    let (end, mut steps) = match round.wire {
        Wire::Crlf => ("\r\n", vec![Send::Bytes(Bytes::from_static(b"\xef\xbb\xbf: hello\r\n\r\n"))]),
        Wire::HugeLine => ("\n", vec![Send::Bytes([b"data: ".as_slice(), &vec![b'x'; HUGE_LINE]].concat().into())]),
        _ => ("\n", Vec::new()),
    };
    for step in answer::stream(chat, round) {
        steps.push(match step {
            Step::Hold => Send::Hold,
            Step::Event(event) if crlf => Send::Bytes(format!(": ping{end}data: {event}{end}{end}").into()),
            Step::Event(event) => Send::Bytes(format!("data: {event}{end}{end}").into()),
        });
    }
    if round.wire != Wire::NoDone {
        steps.push(Send::Bytes(format!("data: [DONE]{end}{end}").into()));
    }
    steps
}

// === impl Plan ===

impl Plan {
    fn body(self, exchange: Exchange, release: Arc<Semaphore>) -> Body {
        let (to, from) = mpsc::channel(1);
        tokio::spawn(async move {
            // Sending fails once the other side is gone; the exchange is then dropped, which says so.
            if self.run(&to, &release).await.is_ok() {
                // The last frame is taken when the channel has room for all again.
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
                let more = if self.stream {
                    Bytes::from([b": still here ".as_slice(), &[b'.'; 4096], b"\n\n"].concat())
                } else {
                    Bytes::from(vec![b' '; 4096])
                };
                loop {
                    to.send(Ok(Frame::data(more.clone()))).await.map_err(|_| Gone)?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            _ => Ok(()),
        }
    }

    /// The steps as this provider sends them.
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
                if self.stream && self.wire == Wire::NeverEnding {
                    // All of it can be read; it only never comes to its end.
                    text.truncate(text.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2));
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
