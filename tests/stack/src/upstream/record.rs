//! Records the requests to the upstream, in order of arrival.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

/// The end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The upstream is still sending it.
    Open,
    /// The client took all of it.
    Sent,
    /// The client went away before the end.
    GivenUp,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body as text, with invalid UTF-8 replaced.
    pub body: String,
    /// Trailers of the request.
    pub trailers: Vec<(String, String)>,
    /// The end of the answer.
    pub ending: Ending,
}

impl Recorded {
    /// Returns the body as JSON, or `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The record of one upstream; clones share it.
#[derive(Debug, Clone)]
pub struct Recorder {
    list: Arc<Mutex<RequestLog>>,
    changed: Arc<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct RequestLog {
    /// The number of forgotten requests before the first of `requests`.
    forgotten: usize,
    requests: Vec<Recorded>,
}

/// A request whose answer is still being sent. Dropping it records that the client gave up.
#[derive(Debug)]
pub(super) struct Exchange {
    recorder: Recorder,
    number: usize,
}

// === impl Recorder ===

impl Default for Recorder {
    fn default() -> Self {
        Self { list: Arc::default(), changed: Arc::new(watch::Sender::new(())) }
    }
}

impl Recorder {
    /// Returns all requests since the last [`forget`](Self::forget).
    pub fn all(&self) -> Vec<Recorded> {
        self.lock().requests.clone()
    }

    /// Returns the bodies of all requests, as JSON.
    pub fn bodies(&self) -> Vec<Value> {
        self.lock().requests.iter().map(Recorded::json).collect()
    }

    /// Forgets all requests.
    pub fn forget(&self) {
        let mut list = self.lock();
        list.forgotten += list.requests.len();
        list.requests.clear();
    }

    /// Waits until the record satisfies a condition, at most for `limit`; returns false on a timeout.
    pub async fn wait(&self, limit: Duration, wanted: impl Fn(&[Recorded]) -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        let until = async {
            while !wanted(&self.lock().requests) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(limit, until).await.is_ok()
    }

    pub(super) fn begin(&self, request: Recorded) -> Exchange {
        let mut list = self.lock();
        list.requests.push(request);
        let number = list.forgotten + list.requests.len() - 1;
        drop(list);
        self.changed.send_replace(());
        Exchange { recorder: self.clone(), number }
    }

    fn end(&self, number: usize, ending: Ending) {
        let mut list = self.lock();
        let place = number.checked_sub(list.forgotten);
        let request = place.and_then(|place| list.requests.get_mut(place));
        if let Some(request) = request.filter(|request| request.ending == Ending::Open) {
            request.ending = ending;
        }
        drop(list);
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, RequestLog> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Exchange ===

impl Exchange {
    /// Records that the whole answer was sent.
    pub(super) fn sent(self) {
        self.recorder.end(self.number, Ending::Sent);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.recorder.end(self.number, Ending::GivenUp);
    }
}
