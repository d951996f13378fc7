//! Each exchange is measured once, in times of the host's clock, and its caller and decisions are in one note.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, Decisions, Event,
    ModelRequest, Outcome, UsageCharge, lend,
};
use callgate_host::metrics::{Counter, Histogram, Metrics};
use callgate_host::{Host, LiveExchange, OwnedReply, Sent, Step, config, executor};
use callgate_proto::executor::v1::Decision;
use prost::Message;
use serde_json::{Value, json};

const CONFIG: &str = r#"{
    "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } },
    "executor": { "cluster": "executor" },
    "contract": {
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"],
            "roles": { "clerk": { "tools": ["lookup"] } },
            "tools": [{
                "name": "lookup", "effects": "read", "run": { "client": {} },
                "parameters": { "type": "object", "properties": { "key": { "type": "string" } } }
            }]
        }
    }
}"#;
const STEP: Duration = Duration::from_micros(10);

/// A host whose clock moves on by [`STEP`] at each reading, and which keeps notes.
#[derive(Default)]
struct TickingHost {
    now: Cell<Duration>,
    readings: Cell<u32>,
    notes: RefCell<Vec<(String, String)>>,
    /// The decisions for the audit log.
    recorded: RefCell<Vec<Decision>>,
}

impl TickingHost {
    /// The last note under a key.
    fn noted(&self, key: &str) -> Option<String> {
        self.notes.borrow().iter().rfind(|(known, _)| known == key).map(|(_, note)| note.clone())
    }

    fn wait(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }
}

impl Host for TickingHost {
    fn now(&self) -> Duration {
        self.readings.set(self.readings.get() + 1);
        self.wait(STEP);
        self.now.get()
    }

    fn set_request_header(&self, _: &str, _: Option<&str>) {}

    fn set_response_header(&self, _: &str, _: Option<&str>) {}

    fn set_request_body(&self, _: usize, _: &[u8]) {}

    fn set_response_body(&self, _: usize, _: &[u8]) {}

    fn note(&self, key: &str, value: &str) {
        self.notes.borrow_mut().push((key.to_owned(), value.to_owned()));
    }

    fn record(&self, decisions: Decisions<'_>) {
        let take = |record: Vec<u8>| self.recorded.borrow_mut().push(Decision::decode(&*record).unwrap());
        executor::decisions(decisions, self.now.get(), take);
    }

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

#[derive(Default)]
struct Measured {
    counts: RefCell<Vec<String>>,
    values: RefCell<Vec<(&'static str, u64)>>,
}

impl Measured {
    fn value(&self, histogram: Histogram) -> Option<u64> {
        self.values.borrow().iter().find(|(name, _)| *name == histogram.name()).map(|(_, value)| *value)
    }
}

impl Metrics for Measured {
    fn add(&self, counter: Counter, _: u64) {
        self.counts.borrow_mut().push(counter.name());
    }

    fn record(&self, histogram: Histogram, value: u64) {
        self.values.borrow_mut().push((histogram.name(), value));
    }
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// Forwards a request, with 40 ms between its headers and its body.
fn requested(host: &TickingHost, tenant: &str, body: &[u8]) -> LiveExchange {
    requested_by(host, tenant, &[], body)
}

/// The same with headers of the agent.
fn requested_by(host: &TickingHost, tenant: &str, agent: &[(&str, &str)], body: &[u8]) -> LiveExchange {
    let rules = config::read(CONFIG.as_bytes()).unwrap().rules;
    let live = LiveExchange::new(Rc::new(rules.gate()), "exchange-1".to_owned());
    let own = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
        ("x-tenant", tenant),
        ("x-role", "clerk"),
    ];
    let request = pairs(&[&own[..], agent].concat());
    live.begin(host);
    let head = Event::RequestHead { headers: &lend(&request), verified: None, end: false };
    assert_eq!(live.on_request(host, head, 0), Step::Hold);
    host.wait(Duration::from_millis(40));
    let data = Event::RequestData { chunk: body, end: true, now: host.now() };
    assert_eq!(live.on_request(host, data, body.len()), Step::Continue);
    live
}

fn headers_of_response(live: &LiveExchange, host: &TickingHost, media: &str) -> Step {
    let head = pairs(&[(":status", "200"), ("content-type", media)]);
    live.begin(host);
    live.on_response_head(host, Event::ResponseHead { headers: &lend(&head), end: false })
}

fn ended(live: &LiveExchange, host: &TickingHost) -> (Measured, Value) {
    let measured = Measured::default();
    live.on_end(host, &measured);
    let notes = host.notes.borrow();
    let note = notes.iter().rfind(|(key, _)| key == "wasm.callgate.exchange").map(|(_, note)| note.clone()).unwrap();
    (measured, serde_json::from_str(&note).unwrap())
}

#[test]
fn a_whole_answer_is_measured_and_noted() {
    let host = TickingHost::default();
    let tenant = "x".repeat(127) + "é";
    let live = requested(&host, &tenant, br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#);
    assert_eq!(headers_of_response(&live, &host, "application/json"), Step::Hold);
    host.wait(Duration::from_millis(70));
    let call = |name: &str, arguments: &str| json!({ "id": format!("{name}-{arguments}"), "type": "function", "function": { "name": name, "arguments": arguments } });
    let calls = [call("lookup", r#"{"key":"a"}"#), call("lookup", r#"{"key":1}"#), call("drop_all", r#"{"secret":1}"#)];
    let answer = json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": { "role": "assistant", "content": null, "tool_calls": calls } }],
        "usage": { "prompt_tokens": 70, "completion_tokens": 12, "total_tokens": 82 },
    })
    .to_string();
    let data = Event::ResponseData { chunk: answer.as_bytes(), end: true, now: host.now() };
    assert_eq!(live.on_response(&host, data, answer.len()), Step::Continue);
    let (measured, note) = ended(&live, &host);
    assert_eq!(
        note,
        json!({
            "verdict": "refuse", "code": "arguments_invalid", "dialect": "chat_completions", "tenant": "x".repeat(127), "role": "clerk",
            "rounds": 1, "input_tokens": 70, "output_tokens": 12, "decided": 3,
            "calls": [
                { "round": 1, "tool": "lookup", "verdict": "allow" },
                { "round": 1, "tool": "lookup", "verdict": "deny", "code": "arguments_invalid", "at": "/key" },
                { "round": 1, "tool": "", "verdict": "deny", "code": "tool_not_in_contract" },
            ],
        })
    );
    assert!(measured.counts.borrow().contains(&"callgate.exchanges.ended.chat_completions.refuse".to_owned()));
    assert_eq!(measured.value(Histogram::RequestHeld), Some(40));
    assert_eq!(measured.value(Histogram::ResponseHeld), Some(70));
    assert_eq!(measured.value(Histogram::Rounds), Some(1));
    // The answer came in one callback, so only the request was held from one to the next.
    assert!((50..1000).contains(&measured.value(Histogram::HeldBytes).unwrap()));
    // Five callbacks, each from one reading of the clock to the next; waiting for the body and the answer is not the gate's time.
    assert_eq!(measured.value(Histogram::FilterTime), Some(50));
}

#[test]
fn a_stream_of_text_is_not_held_and_reads_the_clock_for_few_of_its_chunks() {
    let host = TickingHost::default();
    let live = requested(&host, "acme", br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}"#);
    assert_eq!(headers_of_response(&live, &host, "text/event-stream"), Step::Continue);
    let chunk = br#"data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}

"#;
    let before = host.readings.get();
    for _ in 0..160 {
        let data = Event::ResponseData { chunk, end: false, now: host.now.get() };
        assert_eq!(live.on_response(&host, data, chunk.len()), Step::Continue);
        host.wait(Duration::from_millis(5));
    }
    let readings = host.readings.get() - before;
    // The first 16, and one of 16 of the others. The engine reads the very first one by another path, which is measured too.
    assert!((25..=27).contains(&readings), "{readings}");
    let (measured, note) = ended(&live, &host);
    assert_eq!(measured.value(Histogram::ResponseHeld), None);
    assert_eq!((&note["verdict"], &note["decided"], note.get("calls")), (&json!("cancelled"), &json!(0), None));
    let time = measured.value(Histogram::FilterTime).unwrap();
    assert!((1600..1700).contains(&time), "160 chunks of 10 microseconds each: {time}");
}

const VERDICT: &str = "wasm.callgate.verdict";
const EXCHANGE: &str = "wasm.callgate.exchange";

/// The events of a stream with calls of `lookup`.
fn events_of_calls(arguments: &[&str]) -> Vec<String> {
    let event = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        format!(
            "data: {}\n\n",
            json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] })
        )
    };
    let mut events = vec![event(json!({ "role": "assistant", "content": "Hi" }), Value::Null)];
    for (index, arguments) in arguments.iter().enumerate() {
        let call = json!({ "index": index, "id": format!("c{index}"), "type": "function", "function": { "name": "lookup", "arguments": arguments } });
        events.push(event(json!({ "tool_calls": [call] }), Value::Null));
    }
    events.push(event(json!({}), json!("tool_calls")));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

#[test]
fn a_decision_is_noted_when_it_is_made_and_stays_if_the_client_hangs_up() {
    let body = br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}"#;
    for (arguments, verdict, word) in [
        (&[r#"{"key":"a"}"#][..], "allow", "allow"),
        (&[r#"{"key":"a"}"#, r#"{"key":7}"#], "refuse:arguments_invalid", "refuse"),
        (&[r#"{"key":7}"#], "refuse:arguments_invalid", "refuse"),
    ] {
        let events = events_of_calls(arguments);
        for sent in 0..=events.len() {
            let host = TickingHost::default();
            let live = requested(&host, "acme", body);
            assert_eq!(headers_of_response(&live, &host, "text/event-stream"), Step::Continue);
            let mut is_decided = false;
            for event in &events[..sent] {
                let data = Event::ResponseData { chunk: event.as_bytes(), end: false, now: host.now() };
                let _ = live.on_response(&host, data, event.len());
                // The finish is held until the event after it.
                is_decided |= event.contains("[DONE]");
                if is_decided {
                    assert_eq!(host.noted(VERDICT).as_deref(), Some(verdict), "{sent} {arguments:?}: before the end");
                    let note: Value = serde_json::from_str(&host.noted(EXCHANGE).unwrap()).unwrap();
                    assert_eq!((&note["verdict"], &note["decided"]), (&json!(word), &json!(arguments.len())));
                } else {
                    assert_eq!((host.noted(VERDICT), host.noted(EXCHANGE)), (None, None), "nothing is decided");
                }
            }
            assert_eq!(host.recorded.borrow().len(), if is_decided { arguments.len() } else { 0 });
            let (measured, note) = ended(&live, &host);
            let expected = if is_decided { verdict } else { "cancelled" };
            assert_eq!(host.noted(VERDICT).as_deref(), Some(expected), "{sent} {arguments:?}");
            let is_broken = !is_decided;
            assert_eq!(note.get("cancelled"), is_broken.then_some(&json!(true)), "{sent} {arguments:?}");
            let counts = measured.counts.borrow();
            let ended =
                format!("callgate.exchanges.ended.chat_completions.{}", if is_decided { word } else { "cancelled" });
            assert!(counts.contains(&ended), "{counts:?}");
            assert_eq!(counts.contains(&"callgate.exchanges.cancelled".to_owned()), is_broken);
            let notes = host.notes.borrow();
            assert!(notes.iter().filter(|(key, _)| key == VERDICT).count() <= 1, "written once if it does not change");
        }
    }
}

#[test]
fn the_agent_that_a_client_claims_to_be_is_in_the_note_and_in_the_audit_log() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    let long = "a".repeat(100_000);
    for (headers, noted, recorded) in [
        (
            &[
                ("x-claude-code-session-id", "s1"),
                ("x-claude-code-agent-id", "a1"),
                ("x-claude-code-parent-agent-id", "p1"),
            ][..],
            Some(json!({ "session": "s1", "id": "a1", "parent": "p1" })),
            ["s1", "a1", "p1"],
        ),
        (&[("session-id", "s2")], Some(json!({ "session": "s2" })), ["s2", "", ""]),
        (&[("session-id", "s3"), ("session-id", "s4"), ("thread-id", "t")], Some(json!({ "id": "t" })), ["", "t", ""]),
        (&[("session-id", &long), ("thread-id", "a\u{1b}[2J")], None, ["", "", ""]),
        (&[], None, ["", "", ""]),
    ] {
        let host = TickingHost::default();
        let live = requested_by(&host, "acme", headers, body);
        assert_eq!(headers_of_response(&live, &host, "application/json"), Step::Hold);
        let call = json!({ "id": "c", "type": "function", "function": { "name": "lookup", "arguments": "{}" } });
        let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
        let answer = json!({ "id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": message }] })
        .to_string();
        let data = Event::ResponseData { chunk: answer.as_bytes(), end: true, now: host.now() };
        assert_eq!(live.on_response(&host, data, answer.len()), Step::Continue);
        let (_, note) = ended(&live, &host);
        assert_eq!(note.get("agent"), noted.as_ref());
        let records = host.recorded.borrow();
        let agent = records.first().unwrap().agent.clone().unwrap_or_default();
        assert_eq!([agent.session, agent.id, agent.parent], recorded);
    }
}
