//! A candidate contract in the configuration: it is checked at the start, counted, noted for access logs, and never enforced.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, Decisions, Event,
    ModelRequest, Outcome, UsageCharge, lend,
};
use callgate_host::metrics::{Counter, Histogram, Metrics};
use callgate_host::{Host, LiveExchange, OwnedReply, Sent, Step, config};
use serde_json::{Value, json};

/// A host that keeps the notes for access logs and the bytes of the response.
#[derive(Default)]
struct NotingHost {
    notes: RefCell<Vec<(String, String)>>,
    body: RefCell<Vec<u8>>,
}

impl Host for NotingHost {
    fn now(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn set_request_header(&self, _: &str, _: Option<&str>) {}

    fn set_response_header(&self, _: &str, _: Option<&str>) {}

    fn set_request_body(&self, _: usize, _: &[u8]) {}

    fn set_response_body(&self, _: usize, bytes: &[u8]) {
        self.body.borrow_mut().extend_from_slice(bytes);
    }

    fn note(&self, key: &str, value: &str) {
        self.notes.borrow_mut().push((key.to_owned(), value.to_owned()));
    }

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

fn contract(parameters: &Value, spec: &Value) -> Value {
    let mut contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"],
            "roles": { "clerk": { "tools": ["lookup"] } },
            "tools": [{ "name": "lookup", "effects": "read", "parameters": parameters, "run": { "client": {} } }],
        },
    });
    contract["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    contract
}

fn configuration(contract: &Value, candidate: Option<&Value>) -> String {
    let mut configuration = json!({
        "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } },
        "contract": contract,
    });
    if let Some(candidate) = candidate {
        configuration["candidate"] = candidate.clone();
    }
    configuration.to_string()
}

/// The notes for access logs.
type Notes = Vec<(String, String)>;
/// The counts by the counter's name.
type Counts = Vec<(String, u64)>;

/// Keeps counts, and not the verdict of each exchange.
#[derive(Default)]
struct Counted(RefCell<Counts>);

impl Metrics for Counted {
    fn add(&self, counter: Counter, by: u64) {
        if !matches!(counter, Counter::ExchangesEnded(..)) {
            self.0.borrow_mut().push((counter.name(), by));
        }
    }

    fn record(&self, _: Histogram, _: u64) {}
}

/// Plays one exchange with a call of `lookup`. Returns the notes, the counts, and the bytes for the client.
fn played(configuration: &str, arguments: &str) -> (Notes, Counts, Vec<u8>) {
    let host = NotingHost::default();
    let rules = config::read(configuration.as_bytes()).unwrap().rules;
    let live = LiveExchange::new(Rc::new(rules.gate()), "exchange-1".to_owned());
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    };
    let request = pairs(&[
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let body = br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    let head = Event::RequestHead { headers: &lend(&request), verified: None, end: false };
    assert!(matches!(live.on_request(&host, head, 0), Step::Hold));
    let data = Event::RequestData { chunk: body, end: true, now: host.now() };
    assert!(matches!(live.on_request(&host, data, body.len()), Step::Continue));
    let call = json!({ "id": "c", "type": "function", "function": { "name": "lookup", "arguments": arguments } });
    let answer = json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": null, "tool_calls": [call] } }],
    })
    .to_string();
    let response = pairs(&[(":status", "200"), ("content-type", "application/json")]);
    assert!(matches!(
        live.on_response_head(&host, Event::ResponseHead { headers: &lend(&response), end: false }),
        Step::Hold
    ));
    let data = Event::ResponseData { chunk: answer.as_bytes(), end: true, now: host.now() };
    assert!(matches!(live.on_response(&host, data, answer.len()), Step::Continue));
    let counts = Counted::default();
    live.on_end(&host, &counts);
    let mut notes = host.notes.into_inner();
    notes.retain(|(key, _)| key != "wasm.callgate.exchange");
    (notes, counts.0.into_inner(), host.body.into_inner())
}

#[test]
fn a_difference_is_counted_and_noted_and_the_answer_stays_the_same() {
    let active = contract(&json!({ "type": "object" }), &json!({}));
    let candidate = contract(&json!({ "type": "object", "required": ["key"] }), &json!({}));
    let (notes, counts, body) = played(&configuration(&active, Some(&candidate)), "{}");
    assert_eq!(
        notes,
        [
            ("wasm.callgate.verdict".to_owned(), "allow".to_owned()),
            ("wasm.callgate.candidate".to_owned(), "allow>arguments_invalid".to_owned()),
        ]
    );
    assert_eq!(
        counts,
        [
            ("callgate.calls.released".to_owned(), 1),
            ("callgate.candidate.calls".to_owned(), 1),
            ("callgate.candidate.refused.arguments_invalid".to_owned(), 1),
        ]
    );
    let (alone, counts, same) = played(&configuration(&active, None), "{}");
    assert_eq!((alone.len(), counts.len()), (1, 1));
    assert_eq!(body, same);

    let (notes, counts, _) = played(&configuration(&candidate, Some(&active)), "{}");
    assert!(notes.contains(&("wasm.callgate.candidate".to_owned(), "arguments_invalid>allow".to_owned())), "{notes:?}");
    assert!(counts.contains(&("callgate.candidate.allowed.arguments_invalid".to_owned(), 1)), "{counts:?}");
}

#[test]
fn an_invalid_candidate_is_an_error_at_the_start() {
    let active = contract(&json!({ "type": "object" }), &json!({}));
    let broken = contract(&json!({ "type": "object" }), &json!({ "rolls": {} }));
    let error = config::read(configuration(&active, Some(&broken)).as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("`candidate`: /spec/rolls: unknown field; did you mean `roles`?"), "{error}");
}

#[test]
fn shadow_mode_is_noted_and_counted() {
    let shadow = contract(&json!({ "type": "object", "required": ["key"] }), &json!({ "enforce": false }));
    let (notes, counts, _) = played(&configuration(&shadow, None), "{}");
    assert_eq!(notes, [("wasm.callgate.verdict".to_owned(), "shadow:arguments_invalid".to_owned())]);
    assert_eq!(
        counts,
        [("callgate.calls.released".to_owned(), 1), ("callgate.calls.shadowed.arguments_invalid".to_owned(), 1)]
    );
}
