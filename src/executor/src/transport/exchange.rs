//! Follows the requests of a connection through the service. Tells the service who sent each, notes activity, and
//! bounds the time of arrival and the bytes held.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request as HttpRequest, Response, StatusCode};
use axum::response::IntoResponse as _;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tower::ServiceExt as _;

use super::activity::{Activity, OpenRequest};
use super::connection::Peer;
use super::seats::Seats;

/// The maximum time for a request to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);

/// The incoming body of a request.
struct Arriving {
    inner: Incoming,
    request: Arc<OpenRequest>,
    seats: Seats,
    /// Set once the service waits for the body.
    limit: Option<Pin<Box<Sleep>>>,
}

/// The outgoing body of a response.
struct Leaving {
    inner: Body,
    _request: Arc<OpenRequest>,
}

/// Serves one request.
pub(super) async fn serve(
    router: Router,
    peer: Peer,
    seats: Seats,
    activity: Arc<Activity>,
    request: HttpRequest<Incoming>,
) -> Response<Body> {
    let following = activity.begin();
    let (mut parts, inner) = request.into_parts();
    // The gRPC service reads the first, the HTTP server the second.
    parts.extensions.insert(peer.clone());
    parts.extensions.insert(ConnectInfo(peer));
    if inner.is_end_stream() && !following.received() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let body = Body::new(Arriving { inner, request: Arc::clone(&following), seats, limit: None });
    let response = match router.oneshot(HttpRequest::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    following.answered();
    response.map(|inner| Body::new(Leaving { inner, _request: following }))
}

// === impl Arriving ===

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let limit = self.limit.get_or_insert_with(|| Box::pin(sleep(ARRIVAL)));
                ready!(limit.as_mut().poll(cx));
                let slow = format!("the request took longer than {ARRIVAL:?} to arrive (body); send it faster");
                // The gRPC service answers with this status; the HTTP server with one of its own.
                return Poll::Ready(Some(Err(Box::new(Status::deadline_exceeded(slow)))));
            }
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && !self.request.hold(data.len())
            && !self.seats.relieve(self.request.activity())
        {
            let full = "too many bytes of requests are held (body); retry later";
            return Poll::Ready(Some(Err(Box::new(Status::resource_exhausted(full)))));
        }
        if (frame.is_none() || self.inner.is_end_stream()) && !self.request.received() {
            let closing = "the connection is being closed (body); send the request again";
            return Poll::Ready(Some(Err(Box::new(Status::unavailable(closing)))));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

// === impl Leaving ===

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
