//! A host holds a request or a response until the executor has ruled on its calls, or has run the call of a client of MCP.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, CallRuling, Decisions,
    Event, ModelRequest, Outcome, UsageCharge, lend,
};
use callgate_host::{Host, LiveExchange, OwnedReply, Sent, Step, config, executor};
use callgate_proto::executor::v1::{self as proto, AuthorizeRequest, AuthorizeResponse, call_ruling::Ruling};
use prost::Message;

const CONFIG: &str = r#"{
    "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } },
    "executor": { "cluster": "executor" },
    "upstream": { "cluster": "llm", "authority": "llm.example" },
    "paths": { "mcpMerged": ["/tools"] },
    "contract": {
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"],
            "limits": { "turnTimeout": "30s" },
            "roles": { "clerk": { "tools": ["*"] } },
            "tools": [{ "name": "look", "effects": "read", "parameters": { "type": "object" }, "run": { "mcp": { "cluster": "a", "tool": "look" } } },
                { "name": "pay", "effects": "write", "approval": "always", "parameters": { "type": "object" }, "run": { "client": {} } }]
        }
    }
}"#;
const MCP: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"a":1}}}"#;
const LOOK: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"a":1}}}"#;
const CHAT: &[u8] = br#"{"model":"m","stream":true,"messages":[]}"#;
const CALL: &str = r#"{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi","tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"pay","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;

/// A host that lists its steps, and whose executor answers later, or at once.
#[derive(Default)]
struct FakeHost {
    now: Cell<Duration>,
    done: RefCell<Vec<String>>,
    at_once: RefCell<Option<Result<Vec<Authorization>, CallFailed>>>,
    run_at_once: RefCell<Option<Result<Vec<Outcome>, CallFailed>>>,
}

impl FakeHost {
    fn note_step(&self, step: String) {
        self.done.borrow_mut().push(step);
    }

    fn steps(&self) -> Vec<String> {
        std::mem::take(&mut *self.done.borrow_mut())
    }
}

impl Host for FakeHost {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn set_request_header(&self, name: &str, value: Option<&str>) {
        self.note_step(format!("request {name}={}", value.unwrap_or("-")));
    }

    fn set_response_header(&self, name: &str, value: Option<&str>) {
        self.note_step(format!("response {name}={}", value.unwrap_or("-")));
    }

    fn set_request_body(&self, held: usize, bytes: &[u8]) {
        self.note_step(format!("request body {held} {}", String::from_utf8_lossy(bytes)));
    }

    fn set_response_body(&self, held: usize, bytes: &[u8]) {
        self.note_step(format!("response body {held} {}", String::from_utf8_lossy(bytes)));
    }

    fn note(&self, _: &str, value: &str) {
        self.note_step(format!("note {value}"));
    }

    fn record(&self, _: Decisions<'_>) {}

    fn run(&self, batch: CallBatch) -> Sent<Vec<Outcome>> {
        self.note_step(format!("run {} {}", batch.calls[0].tool, batch.calls[0].arguments));
        self.run_at_once.take().map_or(Sent::Waits(9), Sent::Ended)
    }

    fn authorize(&self, batch: AuthorizeBatch) -> Sent<Vec<Authorization>> {
        let sent = AuthorizeRequest::decode(executor::encode_asked(batch).message.as_slice()).unwrap();
        assert!(sent.calls[0].needs_approval);
        self.note_step(format!("ask about {}", sent.calls[0].arguments));
        self.at_once.take().map_or(Sent::Waits(7), Sent::Ended)
    }

    fn admit(&self, _: AdmissionRequest) -> Sent<AdmissionReply> {
        Sent::Ended(Err(CallFailed::Unreachable))
    }

    fn charge(&self, _: UsageCharge) {}

    fn ask(&self, _: ModelRequest) -> Sent<OwnedReply> {
        Sent::Ended(Err(CallFailed::Unreachable))
    }

    fn cancel(&self, token: u64) {
        self.note_step(format!("cancel {token}"));
    }
}

/// Sends a whole request.
fn send(host: &FakeHost, path: &str, body: &[u8]) -> (LiveExchange, Step) {
    let rules = config::read(CONFIG.as_bytes()).unwrap().rules;
    let live = LiveExchange::new(Rc::new(rules.gate()), "exchange-1".to_owned());
    let pairs = [
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ];
    let headers: Vec<(String, Vec<u8>)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let head = Event::RequestHead { headers: &lend(&headers), verified: None, end: false };
    assert_eq!(live.on_request(host, head, 0), Step::Hold);
    let step = live.on_request(host, Event::RequestData { chunk: body, end: true, now: host.now() }, body.len());
    (live, step)
}

fn released(id: &str) -> Result<Vec<Authorization>, CallFailed> {
    Ok(vec![Authorization { id: id.to_owned(), ruling: CallRuling::Released }])
}

#[test]
fn a_held_request_is_written_and_resumed_after_the_ruling() {
    let host = FakeHost::default();
    let (live, step) = send(&host, "/mcp", MCP);
    assert_eq!((step, host.steps()), (Step::Hold, vec![r#"ask about {"a":1}"#.to_owned()]));
    assert!(live.awaits_rulings(7) && !live.awaits_executor(7));
    assert_eq!(live.on_authorized(&host, 8, released("1")), Step::Hold, "another token");
    assert_eq!(live.on_authorized(&host, 7, released("1")), Step::ResumeRequest);
    let steps = host.steps();
    let is_body = |step: &String| step.starts_with("request body 0 {") && step.contains(r#""arguments":{"a":1}"#);
    assert!(steps.iter().any(is_body) && steps.contains(&"request x-tenant=-".to_owned()), "{steps:?}");
}

#[test]
fn a_ruling_at_once_forwards_the_request_in_its_own_callback() {
    let host = FakeHost::default();
    *host.at_once.borrow_mut() = Some(released("1"));
    let (_, step) = send(&host, "/mcp", MCP);
    assert_eq!(step, Step::Continue);
    assert!(host.steps().iter().any(|step| step.starts_with(&format!("request body {} {{", MCP.len()))));
}

#[test]
fn a_held_request_that_waits_too_long_is_answered_and_its_question_cancelled() {
    let host = FakeHost::default();
    let (live, _) = send(&host, "/mcp", MCP);
    host.now.set(Duration::from_secs(31));
    let Step::Reply(reply) = live.on_tick(&host) else { panic!("it waits") };
    assert!(String::from_utf8_lossy(&reply.body).contains("limit_exceeded"));
    assert!(host.steps().contains(&"cancel 7".to_owned()));
    assert_eq!(live.on_authorized(&host, 7, released("1")), Step::Hold, "a late answer");
}

fn ran() -> Result<Vec<Outcome>, CallFailed> {
    Ok(vec![Outcome { id: "1".into(), result: Ok(r#""seen""#.into()) }])
}

#[test]
fn a_call_that_the_executor_runs_is_answered_without_a_server() {
    for path in ["/mcp", "/tools"] {
        let host = FakeHost::default();
        let (live, step) = send(&host, path, LOOK);
        assert_eq!(step, Step::Hold);
        assert!(host.steps().contains(&r#"run look {"a":1}"#.to_owned()));
        assert!(live.awaits_executor(9) && !live.awaits_rulings(9));
        assert_eq!(live.on_calls_run(&host, 8, ran()), Step::Hold, "another token");
        let Step::Reply(reply) = live.on_calls_run(&host, 9, ran()) else { panic!("{path} is not answered") };
        assert!(reply.status == 200 && String::from_utf8_lossy(&reply.body).contains("seen"));
        assert!(!host.steps().iter().any(|step| step.starts_with("request body")), "nothing is forwarded");

        *host.run_at_once.borrow_mut() = Some(Err(CallFailed::Overloaded));
        let (_, step) = send(&host, path, LOOK);
        let Step::Reply(reply) = step else { panic!("{path}: {step:?}") };
        assert!(String::from_utf8_lossy(&reply.body).contains("executor_overloaded") && reply.retry_after.is_some());
    }
}

#[test]
fn a_call_that_runs_too_long_is_answered_and_cancelled() {
    let host = FakeHost::default();
    let (live, _) = send(&host, "/tools", LOOK);
    host.now.set(Duration::from_secs(31));
    let Step::Reply(reply) = live.on_tick(&host) else { panic!("it waits") };
    assert!(String::from_utf8_lossy(&reply.body).contains("limit_exceeded"));
    assert!(host.steps().contains(&"cancel 9".to_owned()));
    assert_eq!(live.on_calls_run(&host, 9, ran()), Step::Hold, "a late answer");
}

#[test]
fn a_stream_is_held_until_the_ruling_and_continues_after_it() {
    let host = FakeHost::default();
    let (live, step) = send(&host, "/v1/chat/completions", CHAT);
    assert_eq!(step, Step::Continue);
    let head = [(":status", &b"200"[..]), ("content-type", b"text/event-stream")];
    assert_eq!(live.on_response_head(&host, Event::ResponseHead { headers: &head, end: false }), Step::Continue);
    host.steps();
    let respond = |bytes: &str, end| {
        let event = Event::ResponseData { chunk: bytes.as_bytes(), end, now: host.now() };
        live.on_response(&host, event, bytes.len())
    };
    let _ = respond(&format!("data: {CALL}\n\n"), false);
    assert_eq!(respond("data: [DONE]\n\n", false), Step::Hold);
    let steps = host.steps();
    assert!(steps.contains(&"ask about {}".to_owned()), "{steps:?}");
    assert!(!steps.iter().any(|step| step.contains("pay")), "{steps:?}");
    assert_eq!(respond("", true), Step::Hold, "the end of the upstream waits too");
    assert_eq!(live.on_authorized(&host, 7, released("c")), Step::Resume);
    let steps = host.steps();
    assert!(
        steps
            .iter()
            .any(|step| step.starts_with("response body 0 ") && step.contains("pay") && step.contains("[DONE]")),
        "{steps:?}"
    );
}

#[test]
fn an_unknown_code_or_an_absent_ruling_is_unreadable() {
    let decode = |ruling: Option<Ruling>| {
        let response = AuthorizeResponse { rulings: vec![proto::CallRuling { id: "c".into(), ruling }] };
        executor::decode_rulings(&response.encode_to_vec())
    };
    let denied =
        |code: &str| Some(Ruling::Denied(proto::Denied { violation_code: code.into(), ..proto::Denied::default() }));
    assert_eq!(decode(None), Err(CallFailed::Unreadable));
    assert_eq!(decode(denied("from_the_future")), Err(CallFailed::Unreadable));
    assert!(decode(denied("policy_denied")).is_ok() && decode(denied("approval_refused")).is_ok());
    assert_eq!(executor::decode_rulings(b"\xff"), Err(CallFailed::Unreadable));
}
