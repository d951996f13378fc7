//! One stream of Envoy's: its hooks as events, and the calls of Envoy that carry out effects.
//!
//! Envoy may run hooks from inside a call of ours: a callout may end before the function that starts it returns, and a stream may
//! end, and be destroyed, while it is answered, reset or resumed. So nothing of a stream is borrowed during such a call, `Rc` keeps the
//! stream until the outermost hook returns, and the pointer to Envoy's side is forgotten when Envoy destroys it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, Decisions, Event,
    ModelRequest, Outcome, Reply, UsageCharge,
};
use callgate_host::config::Upstream;
use callgate_host::executor::CallsRequest;
use callgate_host::identity::{self, VerifiedSource};
use callgate_host::metrics::{Counter, Histogram, Metrics};
use callgate_host::{DEFECT, Host, LiveExchange, OwnedReply, Sent, Step, claims, counts, executor};

use crate::abi::{BodyBuffer, FilterPtr, Header, HeaderMap};
use crate::callout::{Slot, Started};
use crate::clock;
use crate::grpc::{self, Answer};
use crate::plugin::{Plugin, Worker};
use crate::ticker::Ticks;

/// The filter state with the payload of a verified token as JSON. `envoy.filters.http.set_filter_state` writes it; no client can.
const CLAIMS: &str = "callgate.claims";

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Envoy's side; `None` once Envoy has destroyed it.
    filter: Cell<Option<FilterPtr>>,
    worker: Rc<Worker>,
    plugin_ticks: RefCell<Option<Ticks>>,
    live: LiveExchange,
    /// The body of the hook under way, if it is a body's.
    body: Cell<Option<BodyBuffer>>,
    /// The call of the executor under way; its end is the message.
    calls: Slot<Answer, Result<Vec<u8>, CallFailed>>,
    model: Slot<(), Result<OwnedReply, CallFailed>>,
    /// The request reached this filter. If a filter in front answers it, Envoy shows only that answer here, and it is not the model's.
    is_asked: Cell<bool>,
    /// A hook has panicked: nothing more is forwarded.
    broken: Cell<bool>,
    /// A body in Envoy's buffer is not the engine's: replaced bytes are still there, or new ones are missing.
    stale: Cell<bool>,
}

/// The next step in a hook, in Envoy's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Continue,
    Stop,
}

impl Stream {
    /// Creates the exchange of a stream. Returns `None`, so that Envoy closes the stream, if there are no random bytes for its id.
    pub(crate) fn new(plugin: &Plugin, filter: FilterPtr) -> Option<Rc<Self>> {
        let worker = plugin.worker();
        let Some(id) = worker.ids.next(clock::now()) else {
            log::error!("callgate: no random bytes for the exchange's id; the exchange is refused");
            return None;
        };
        let live = LiveExchange::new(Rc::clone(&worker.gate), id);
        Some(Rc::new(Self {
            filter: Cell::new(Some(filter)),
            worker,
            plugin_ticks: RefCell::default(),
            live,
            body: Cell::new(None),
            calls: Slot::default(),
            model: Slot::default(),
            is_asked: Cell::new(false),
            broken: Cell::new(false),
            stale: Cell::new(false),
        }))
    }

    pub(crate) fn on_request_headers(&self, end: bool) -> Status {
        let Some(filter) = self.filter.get() else { return Status::Stop };
        self.is_asked.set(true);
        self.live.begin(self);
        let ticks = filter.scheduler().map(|scheduler| self.worker.shared.ticker.add(scheduler));
        *self.plugin_ticks.borrow_mut() = ticks;
        let verified = self.worker.shared.config.verified.as_ref();
        let verified = verified.and_then(|source| match source {
            VerifiedSource::Claims(claims) => claims::from_json(&filter.filter_state(CLAIMS)?, claims),
            VerifiedSource::Certificate => VerifiedSource::certificate(filter.filter_state(identity::CERTIFICATE)?),
        });
        let step = filter.with_headers(HeaderMap::Request, |headers| {
            self.live.on_request(self, Event::RequestHead { headers, verified, end }, 0)
        });
        self.act(step)
    }

    pub(crate) fn on_request_body(&self, end: bool) -> Status {
        let now = clock::now();
        self.in_body(BodyBuffer::ReceivedRequest, |chunk| {
            self.live.on_request(self, Event::RequestData { chunk, end, now }, chunk.len())
        })
    }

    pub(crate) fn on_request_trailers(&self) -> Status {
        self.act(self.live.on_request(self, Event::RequestTrailers { now: clock::now() }, 0))
    }

    pub(crate) fn on_response_headers(&self, end: bool) -> Status {
        let Some(filter) = self.filter.get() else { return Status::Stop };
        if !self.is_asked.get() {
            return Status::Continue;
        }
        self.live.begin(self);
        let step = filter.with_headers(HeaderMap::Response, |headers| {
            self.live.on_response_head(self, Event::ResponseHead { headers, end })
        });
        self.act(step)
    }

    pub(crate) fn on_response_body(&self, end: bool) -> Status {
        if !self.is_asked.get() {
            return Status::Continue;
        }
        let now = clock::now();
        self.in_body(BodyBuffer::ReceivedResponse, |chunk| {
            self.live.on_response(self, Event::ResponseData { chunk, end, now }, chunk.len())
        })
    }

    pub(crate) fn on_response_trailers(&self) -> Status {
        if !self.is_asked.get() {
            return Status::Continue;
        }
        self.act(self.live.on_response_trailers(self))
    }

    /// Passes a part of the executor's answer on.
    pub(crate) fn on_calls_part(&self, id: u64, take: impl FnOnce(&mut Answer)) {
        self.calls.part(id, take);
    }

    /// Ends the call of the executor: complete, or reset.
    pub(crate) fn on_calls_end(&self, id: u64, complete: bool) {
        let message = self.calls.end(id, |answer| {
            answer.end(complete).map_err(|status| {
                log::warn!("callgate: the executor answered with gRPC status {status}");
                executor::failed(status)
            })
        });
        let Some(message) = message else { return };
        self.live.begin(self);
        self.take(if self.live.awaits_rulings(id) {
            let rulings = message.and_then(|message| executor::decode_rulings(&message));
            self.live.on_authorized(self, id, rulings)
        } else if self.live.awaits_counts(id) {
            let reply = message.and_then(|message| counts::decode(&message));
            self.live.on_admitted(self, id, reply)
        } else {
            let outcomes = message.and_then(|message| executor::decode(&message));
            self.live.on_calls_run(self, id, outcomes)
        });
    }

    /// Ends the callout to the model.
    pub(crate) fn on_model_end(&self, id: u64, reply: Result<OwnedReply, CallFailed>) {
        if let Some(reply) = self.model.end(id, |()| reply) {
            self.take(self.live.on_model_answered(self, id, &reply));
        }
    }

    /// Passes the time to the exchange.
    pub(crate) fn on_tick(&self) {
        self.take(self.live.on_tick(self));
    }

    /// Ends the exchange. Access logs follow.
    pub(crate) fn on_complete(&self) {
        self.plugin_ticks.borrow_mut().take();
        if !self.is_asked.get() {
            return;
        }
        self.live.on_end(self, self);
    }

    /// Forgets Envoy's side.
    pub(crate) fn on_destroy(&self) {
        self.filter.set(None);
        self.plugin_ticks.borrow_mut().take();
        self.calls.clear();
        self.model.clear();
    }

    /// Returns true if a hook of the stream has panicked.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// Refuses the stream after a panic in one of its hooks.
    pub(crate) fn on_panic(&self) {
        if !self.broken.replace(true) {
            self.take(Step::Reply(Reply::new(500, DEFECT.to_vec())));
        }
    }

    /// Runs a body's hook.
    fn in_body(&self, body: BodyBuffer, run: impl FnOnce(&[u8]) -> Step) -> Status {
        let Some(filter) = self.filter.get() else { return Status::Stop };
        self.body.set(Some(body));
        let step = filter.with_body(body, run);
        self.body.set(None);
        if step.is_none() {
            self.stale.set(true);
        }
        self.act(step.unwrap_or(Step::Hold))
    }

    /// Takes a step in a hook of the stream.
    fn act(&self, step: Step) -> Status {
        if step == Step::Continue && !self.stale.get() {
            return Status::Continue;
        }
        self.take(step);
        Status::Stop
    }

    /// Takes a step outside a hook of the stream. The stream may end before this returns.
    fn take(&self, step: Step) {
        let Some(filter) = self.filter.get() else { return };
        if self.stale.get() {
            // Undecided bytes, or a part of a body, would be forwarded.
            log::error!("callgate: Envoy does not give or take the bytes of a body; the stream is reset");
            return filter.reset_stream();
        }
        match step {
            Step::Continue | Step::Hold => {}
            Step::Resume => filter.continue_encoding(),
            Step::ResumeRequest => filter.continue_decoding(),
            Step::Reply(reply) => {
                let seconds = reply.retry_after.map(|after| after.as_secs().max(1).to_string());
                let mut headers = vec![Header::lend("content-type", b"application/json")];
                headers.extend(seconds.as_deref().map(|seconds| Header::lend("retry-after", seconds.as_bytes())));
                let challenge = reply.challenge.as_ref().map(|challenge| challenge.header().as_bytes());
                headers.extend(challenge.map(|challenge| Header::lend("www-authenticate", challenge)));
                filter.send_response(reply.status, &headers, &reply.body);
            }
            Step::Reset => filter.reset_stream(),
        }
    }

    /// Replaces the bytes at hand: those of the body hook under way, or else those that Envoy holds.
    fn write(&self, received: BodyBuffer, buffered: BodyBuffer, held: usize, bytes: &[u8]) {
        let Some(filter) = self.filter.get() else { return };
        let body = if self.body.get() == Some(received) { received } else { buffered };
        if held > 0 && !filter.drain_body(body, held) {
            self.stale.set(true);
        }
        if !bytes.is_empty() && !filter.append_body(body, bytes) {
            self.stale.set(true);
        }
    }

    fn set_header(&self, map: HeaderMap, name: &str, value: Option<&str>) {
        if let Some(filter) = self.filter.get() {
            filter.set_header(map, name, value);
        }
    }
}

impl Stream {
    /// Sends a request about calls or counts to the executor. It waits for the configured timeout, or for `most` if that is shorter.
    /// `decode` reads the answer if it comes at once.
    fn send<T>(
        &self,
        method: &str,
        request: &CallsRequest,
        most: Duration,
        decode: impl FnOnce(&[u8]) -> Result<T, CallFailed>,
    ) -> Sent<T> {
        let Some((filter, to)) = self.filter.get().zip(self.worker.shared.config.clusters.executor.as_ref()) else {
            return Sent::Ended(Err(CallFailed::Unreachable));
        };
        let timeout = most.min(to.timeout);
        let mut headers = grpc::headers(&to.cluster, method, timeout);
        headers.extend(request.metadata().map(|(name, value)| (name, value.to_owned())));
        let frame = grpc::frame(&request.message);
        let started = self.calls.start(|id| {
            filter.start_http_stream(id, &to.cluster, &grpc::lend(&headers), &frame, grpc::millis(timeout))
        });
        match sent(started, &to.cluster) {
            Sent::Waits(id) => Sent::Waits(id),
            Sent::Ended(message) => Sent::Ended(message.and_then(|message| decode(&message))),
        }
    }
}

impl Host for Stream {
    fn now(&self) -> Duration {
        clock::now()
    }

    fn set_request_header(&self, name: &str, value: Option<&str>) {
        self.set_header(HeaderMap::Request, name, value);
    }

    fn set_response_header(&self, name: &str, value: Option<&str>) {
        self.set_header(HeaderMap::Response, name, value);
    }

    fn set_request_body(&self, held: usize, bytes: &[u8]) {
        self.write(BodyBuffer::ReceivedRequest, BodyBuffer::BufferedRequest, held, bytes);
    }

    fn set_response_body(&self, held: usize, bytes: &[u8]) {
        self.write(BodyBuffer::ReceivedResponse, BodyBuffer::BufferedResponse, held, bytes);
    }

    fn note(&self, key: &str, value: &str) {
        if let Some(filter) = self.filter.get() {
            filter.set_filter_state(key, value);
        }
    }

    fn record(&self, decisions: Decisions<'_>) {
        let index = self.filter.get().map_or(0, FilterPtr::worker_index);
        self.worker.shared.record(index, decisions);
    }

    fn charge(&self, charge: UsageCharge) {
        let index = self.filter.get().map_or(0, FilterPtr::worker_index);
        self.worker.shared.charge(index, charge);
    }

    fn run(&self, batch: CallBatch) -> Sent<Vec<Outcome>> {
        self.send(executor::EXECUTE, &executor::encode(batch), Duration::MAX, executor::decode)
    }

    fn authorize(&self, batch: AuthorizeBatch) -> Sent<Vec<Authorization>> {
        self.send(executor::AUTHORIZE, &executor::encode_asked(batch), Duration::MAX, executor::decode_rulings)
    }

    fn admit(&self, request: AdmissionRequest) -> Sent<AdmissionReply> {
        let timeout = request.timeout;
        self.send(counts::ADMIT, &counts::encode(request), timeout, counts::decode)
    }

    fn ask(&self, request: ModelRequest) -> Sent<OwnedReply> {
        let Some((filter, upstream)) = self.filter.get().zip(self.worker.shared.config.clusters.upstream.as_ref())
        else {
            return Sent::Ended(Err(CallFailed::Unreachable));
        };
        let Upstream { cluster, authority } = upstream;
        let length = request.body.len().to_string();
        let mut headers = vec![
            Header::lend(":method", b"POST"),
            Header::lend(":path", request.path.as_bytes()),
            Header::lend(":authority", authority.as_bytes()),
            Header::lend(":scheme", b"https"),
            Header::lend("content-length", length.as_bytes()),
        ];
        headers.extend(request.headers.iter().map(|(name, value)| Header::lend(name, value.as_bytes())));
        let started = self
            .model
            .start(|id| filter.http_callout(id, cluster, &headers, &request.body, grpc::millis(request.timeout)));
        sent(started, cluster)
    }

    fn cancel(&self, token: u64) {
        // Its reset hook runs inside the call, and must find nothing that waits.
        self.calls.clear();
        if let Some(filter) = self.filter.get() {
            filter.reset_http_stream(token);
        }
    }
}

impl Metrics for Stream {
    fn add(&self, counter: Counter, by: u64) {
        if let Some((filter, id)) = self.filter.get().zip(self.worker.shared.counter(counter)) {
            filter.count(id, by);
        }
    }

    fn record(&self, histogram: Histogram, value: u64) {
        if let Some((filter, id)) = self.filter.get().zip(self.worker.shared.histogram(histogram)) {
            filter.record(id, value);
        }
    }
}

fn sent<T>(started: Started<Result<T, CallFailed>>, cluster: &str) -> Sent<T> {
    match started {
        Started::Waits(id) => Sent::Waits(id),
        Started::Ended(end) => Sent::Ended(end),
        Started::Failed(error) => {
            log::error!("callgate: cluster `{cluster}` cannot be called: {error:?}");
            Sent::Ended(Err(CallFailed::Unreachable))
        }
    }
}
