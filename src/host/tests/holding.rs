//! A host is asked to write to a response only while it holds bytes of it, and only headers that differ.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, Decisions, Event,
    ModelRequest, Outcome, UsageCharge, lend,
};
use callgate_host::{Host, LiveExchange, OwnedReply, Sent, Step, config};

const CONFIG: &str = r#"{
    "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } },
    "contract": {
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"],
            "limits": { "turnTimeout": "30s" },
            "roles": { "clerk": { "tools": ["lookup"] } },
            "tools": [{ "name": "lookup", "effects": "read", "parameters": { "type": "object" }, "run": { "client": {} } }]
        }
    }
}"#;

/// A host with a clock of the test's own, which lists writes to the response.
#[derive(Default)]
struct FakeHost {
    now: Cell<Duration>,
    writes: RefCell<Vec<(usize, Vec<u8>)>>,
    headers: RefCell<Vec<(String, Option<String>)>>,
}

impl Host for FakeHost {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn set_request_header(&self, _: &str, _: Option<&str>) {}

    fn set_response_header(&self, name: &str, value: Option<&str>) {
        self.headers.borrow_mut().push((name.to_owned(), value.map(str::to_owned)));
    }

    fn set_request_body(&self, _: usize, _: &[u8]) {}

    fn set_response_body(&self, held: usize, bytes: &[u8]) {
        self.writes.borrow_mut().push((held, bytes.to_vec()));
    }

    fn note(&self, _: &str, _: &str) {}

    fn record(&self, _: Decisions<'_>) {}

    fn run(&self, _: CallBatch) -> Sent<Vec<Outcome>> {
        Sent::Ended(Err(CallFailed::Unreachable))
    }

    fn authorize(&self, _: AuthorizeBatch) -> Sent<Vec<Authorization>> {
        Sent::Ended(Err(CallFailed::Unreachable))
    }

    fn admit(&self, _: AdmissionRequest) -> Sent<AdmissionReply> {
        Sent::Ended(Err(CallFailed::Unreachable))
    }

    fn charge(&self, _: UsageCharge) {}

    fn ask(&self, _: ModelRequest) -> Sent<OwnedReply> {
        Sent::Ended(Err(CallFailed::Unreachable))
    }

    fn cancel(&self, _: u64) {}
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// Forwards a request with this body.
fn requested(host: &FakeHost, body: &[u8]) -> LiveExchange {
    let rules = config::read(CONFIG.as_bytes()).unwrap().rules;
    let live = LiveExchange::new(Rc::new(rules.gate()), "exchange-1".to_owned());
    let request = pairs(&[
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let head = Event::RequestHead { headers: &lend(&request), verified: None, end: false };
    assert_eq!(live.on_request(host, head, 0), Step::Hold);
    let data = Event::RequestData { chunk: body, end: true, now: host.now() };
    assert_eq!(live.on_request(host, data, body.len()), Step::Continue);
    live
}

#[test]
fn headers_of_the_response_are_written_only_if_they_differ() {
    let answer = br#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let length = answer.len().to_string();
    let set = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    for (types, lengths, written) in [
        (&["application/json"][..], &[length.as_str()][..], vec![]),
        (&["Application/JSON"], &[&length], vec![set("content-type", "application/json")]),
        (&["application/json; profile=x"], &[&length], vec![set("content-type", "application/json")]),
        (&["application/json"], &["1"], vec![set("content-length", &length)]),
        (&["application/json"], &[], vec![set("content-length", &length)]),
    ] {
        let host = FakeHost::default();
        let live = requested(&host, br#"{"model":"m","messages":[]}"#);
        let types = types.iter().map(|value| ("content-type", *value));
        let lengths = lengths.iter().map(|value| ("content-length", *value));
        let head: Vec<_> = std::iter::once((":status", "200")).chain(types).chain(lengths).collect();
        let begun = Event::ResponseHead { headers: &lend(&head), end: false };
        assert_eq!(live.on_response_head(&host, begun), Step::Hold);
        let data = Event::ResponseData { chunk: answer, end: true, now: host.now() };
        assert_eq!(live.on_response(&host, data, answer.len()), Step::Continue);
        assert_eq!(*host.headers.borrow(), written, "{head:?}");
    }
}

#[test]
fn a_tick_after_a_passed_chunk_writes_nothing() {
    let host = FakeHost::default();
    let now = host.now();
    let live = requested(&host, br#"{"model":"m","stream":true,"messages":[]}"#);
    let response = pairs(&[(":status", "200"), ("content-type", "text/event-stream")]);
    assert_eq!(
        live.on_response_head(&host, Event::ResponseHead { headers: &lend(&response), end: false }),
        Step::Continue
    );

    let text = br#"data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
    let respond = |chunk: &[u8]| live.on_response(&host, Event::ResponseData { chunk, end: false, now }, chunk.len());
    // Half an event is held, and the other half releases both.
    assert_eq!(respond(&text[..40]), Step::Hold);
    assert_eq!(respond(&[&text[40..], b"\n\n".as_slice()].concat()), Step::Continue);
    assert_eq!(host.writes.borrow().len(), 1);
    // The beginning of a call is held; text after it passes.
    let call = br#"data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"lookup","arguments":"{"}}]},"finish_reason":null}]}"#;
    assert_eq!(respond(&[call.as_slice(), b"\n\n".as_slice()].concat()), Step::Hold);
    let before = host.writes.borrow().len();
    assert_eq!(respond(&[text.as_slice(), b"\n\n".as_slice()].concat()), Step::Continue);
    assert_eq!(host.writes.borrow().len(), before, "the event passes as it is");

    host.now.set(Duration::from_secs(60));
    assert_eq!(live.on_tick(&host), Step::Reset, "nothing is held, so nothing can be written");
    assert_eq!(host.writes.borrow().len(), before);
}
